import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Icon from '@cloudscape-design/components/icon'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import TreeView from '@cloudscape-design/components/tree-view'
import type { TreeViewProps } from '@cloudscape-design/components/tree-view'
import { useQueries } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { FoundItem } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { bytes, count } from '../parts/format.ts'
import { Problem } from '../parts/problem.tsx'

/** How many entries of a folder are drawn at a time. */
const STEP = 100
/** How many one look into a folder tells: the server's most of a search. */
const BATCH = 1_000
const FOLLOW_MS = 300
const RUNNING = ['CREATED', 'PENDING', 'RUNNING']

interface TreeProps {
  readonly vault: string
  readonly arn: string
  readonly type: string
  readonly chosen: readonly string[]
  readonly onChoose: (name: string) => void
}

/** A line of the tree: an entry, or that more is there, or that it is being read. */
type Row =
  | { readonly kind: 'entry'; readonly id: string; readonly item: FoundItem }
  | { readonly kind: 'more'; readonly id: string; readonly prefix: string; readonly left: string }
  | { readonly kind: 'wait'; readonly id: string }

/** What is in a recovery point, folder by folder; each is read when it is opened, and never more of it than is looked at. */
export function ItemTree({ vault, arn, type, chosen, onChoose }: TreeProps): ReactNode {
  const root = type === 'EFS' ? '/' : ''
  const delimiter = type === 'RDS' ? '.' : '/'
  const [open, setOpen] = useState<readonly string[]>([])
  /** By folder how many entries are drawn. */
  const [drawn, setDrawn] = useState<ReadonlyMap<string, number>>(new Map())
  const wanted = [root, ...open].flatMap((prefix) =>
    Array.from({ length: Math.ceil((drawn.get(prefix) ?? STEP) / BATCH) }, (_, batch) => ({ prefix, batch })),
  )
  const answers = useQueries({
    queries: wanted.map(({ prefix, batch }) => ({
      queryKey: ['items below', arn, prefix, batch],
      queryFn: async ({ signal }: { readonly signal: AbortSignal }) =>
        await readLevel({ vault, arn, prefix, delimiter, skip: batch * BATCH }, signal),
      // A recovery point does not change.
      staleTime: Infinity,
      refetchOnWindowFocus: false,
    })),
  })
  const below = (prefix: string): readonly Row[] => {
    const own = wanted.flatMap((one, at) => (one.prefix === prefix ? [answers[at]] : []))
    const read = own.map((answer) => answer?.data)
    const isReading = own.some((answer) => answer?.isPending === true)
    const items = read.flatMap((level) => level?.items ?? [])
    const shown = items.slice(0, drawn.get(prefix) ?? STEP)
    const hasMore = items.length > shown.length || read.at(-1)?.isTruncated === true
    return [
      ...shown.map((item): Row => ({ kind: 'entry', id: item.Name, item })),
      ...(isReading ? [{ kind: 'wait', id: `${prefix}\nwait` } as const] : []),
      ...(hasMore && !isReading
        ? [
            {
              kind: 'more',
              id: `${prefix}\nmore`,
              prefix,
              left: `Show more of ${prefix === '' ? 'it' : prefix}${read.at(-1)?.isTruncated === true ? '' : ` (${count(items.length - shown.length, 'other', 'others')})`}`,
            } as const,
          ]
        : []),
    ]
  }
  const error = answers.find((answer) => answer.error !== null)?.error
  const rows = below(root)
  const render = (row: Row): TreeViewProps.TreeItem => {
    if (row.kind === 'wait') return { content: <StatusIndicator type="loading">Reading</StatusIndicator> }
    if (row.kind === 'more')
      return {
        content: (
          <Button
            variant="inline-link"
            formAction="none"
            onClick={() =>
              setDrawn((before) => new Map(before).set(row.prefix, (before.get(row.prefix) ?? STEP) + STEP))
            }
          >
            {row.left}
          </Button>
        ),
      }
    return entryOf(row.item, { isChosen: chosen.includes(row.item.Name), type, delimiter, onChoose })
  }
  return (
    <SpaceBetween size="s">
      {error !== null && error !== undefined && (
        <Problem error={error} what="look into this recovery point" />
      )}
      {rows.length === 0 && answers[0]?.isSuccess === true && <Box>There is nothing in it.</Box>}
      <TreeView<Row>
        ariaLabel="What is in this recovery point"
        items={rows}
        // Ids of the page are ours: an object may be named as one of them.
        getItemId={({ id }) => `in:${id}`}
        renderItem={render}
        getItemChildren={(row) => {
          if (row.kind !== 'entry' || row.item.ItemType !== 'folder') return undefined
          return open.includes(row.id) ? below(row.id) : [{ kind: 'wait', id: `${row.id}\nwait` }]
        }}
        expandedItems={open.map((id) => `in:${id}`)}
        onItemToggle={({ detail }) =>
          setOpen((before) =>
            detail.expanded ? [...before, detail.item.id] : before.filter((id) => id !== detail.item.id),
          )
        }
        i18nStrings={{
          expandButtonLabel: () => 'Open',
          collapseButtonLabel: () => 'Close',
        }}
      />
    </SpaceBetween>
  )
}

function entryOf(
  { Name, ItemType, Size }: FoundItem,
  {
    isChosen,
    type,
    delimiter,
    onChoose,
  }: Pick<TreeProps, 'onChoose' | 'type'> & { readonly isChosen: boolean; readonly delimiter: string },
): TreeViewProps.TreeItem {
  const isFolder = ItemType === 'folder'
  const own = (isFolder ? Name.slice(0, -delimiter.length) : Name).split(delimiter).at(-1) ?? Name
  return {
    icon: <Icon name={isFolder ? 'folder' : 'file'} />,
    content: <span className="arn">{own}</span>,
    announcementLabel: Name,
    ...(Size !== undefined && { secondaryContent: <Box variant="small">{bytes(Size)}</Box> }),
    // Of a database tables are restored, not schemas.
    ...((type !== 'RDS' || !isFolder) && {
      actions: isChosen ? (
        <StatusIndicator type="success">Chosen</StatusIndicator>
      ) : (
        <Button
          variant="inline-link"
          formAction="none"
          ariaLabel={`Choose ${Name}`}
          onClick={() => onChoose(Name)}
        >
          Choose
        </Button>
      ),
    }),
  }
}

interface Level {
  readonly items: readonly FoundItem[]
  readonly isTruncated: boolean
}

/** One folder's own entries, from a search that tells one level. */
async function readLevel(
  {
    vault,
    arn,
    prefix,
    delimiter,
    skip,
  }: Record<'arn' | 'delimiter' | 'prefix' | 'vault', string> & {
    readonly skip: number
  },
  signal: AbortSignal,
): Promise<Level> {
  const { JobId } = await roleback('StartItemSearchJob', {
    BackupVaultName: vault,
    RecoveryPointArns: [arn],
    Prefix: prefix,
    Delimiter: delimiter,
    Skip: skip,
  })
  for (;;) {
    signal.throwIfAborted()
    const answer = await roleback('ListItemSearchResults', { JobId, MaxResults: BATCH }, signal)
    if (answer.State === 'COMPLETED') return { items: answer.Items, isTruncated: answer.IsTruncated === true }
    if (!RUNNING.includes(answer.State))
      throw new Error(answer.StatusMessage ?? `The look into it ended ${answer.State}`)
    await new Promise((resolve) => setTimeout(resolve, FOLLOW_MS))
  }
}
