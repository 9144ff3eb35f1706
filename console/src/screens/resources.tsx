import { ListProtectedResourcesCommand } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import type { Resource } from '../api/generated.ts'
import { queries } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { ChoiceFilter, TYPES } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import { ago, labelOf, nameOf, typeName, when } from '../parts/format.ts'
import { lastBackups } from '../parts/last-backups.ts'
import { Link, resourcePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { DEFAULT_OBJECTIVE_MS, objectives } from '../parts/objectives.ts'
import { usePages } from '../parts/pages.ts'
import { useTitle } from '../parts/screen.tsx'

type Which = 'all' | 'overdue' | 'protected' | 'unprotected'

interface Row {
  readonly arn: string
  readonly name: string
  readonly type: string
  /** When it was last backed up; undefined: never. */
  readonly last: Date | undefined
  readonly isOverdue: boolean
}

/** Pages that are looked through for resources in such a state before the next is asked for by hand. */
const MAX_PAGES = 20

export function Resources(): ReactNode {
  useTitle('Resources')
  const navigate = useNavigate()
  const filters = useFilters()
  const which = (filters.get('show') ?? 'all') as Which
  const type = filters.get('type')
  const pages = usePages(['resources', which, type], async (token) =>
    which === 'protected' && type === undefined
      ? await protectedPage(token)
      : await registeredPage(token, which, type),
  )
  const add = <Button onClick={() => void navigate('/resources/add')}>Add resource</Button>
  return (
    <List<Row>
      title="Resources"
      description="What this server can back up: directories, databases and buckets that were registered here."
      what="list resources"
      pages={pages}
      idOf={({ arn }) => arn}
      actions={
        <>
          <Button onClick={() => void navigate('/resources/discovery')}>Discovery</Button>
          {add}
          <Button variant="primary" onClick={() => void navigate('/back-up')}>
            Back up now
          </Button>
        </>
      }
      filter={
        <SpaceBetween direction="horizontal" size="s" alignItems="end">
          <SegmentedControl
            label="Show"
            selectedId={which}
            onChange={({ detail }) =>
              filters.set('show', detail.selectedId === 'all' ? undefined : detail.selectedId)
            }
            options={[
              { id: 'all', text: 'All' },
              { id: 'protected', text: 'Protected' },
              { id: 'unprotected', text: 'Unprotected' },
              { id: 'overdue', text: 'Overdue' },
            ]}
          />
          <ChoiceFilter filters={filters} name="type" label="Type" options={TYPES} />
        </SpaceBetween>
      }
      empty={
        which === 'all' && type === undefined ? (
          <SpaceBetween size="s">
            <b>No resources</b>
            <span>Register a directory, a PostgreSQL database or an S3 bucket, and it can be backed up.</span>
            {add}
          </SpaceBetween>
        ) : (
          <span>{emptyText(which, pages.hasNext)}</span>
        )
      }
      columns={[
        {
          id: 'name',
          header: 'Name',
          isRowHeader: true,
          cell: ({ name, arn }) => <Link to={resourcePath(arn)}>{name}</Link>,
        },
        { id: 'type', header: 'Type', cell: ({ type }) => typeName(type) },
        {
          id: 'last',
          header: 'Last backup',
          cell: ({ last, isOverdue }) => {
            if (last === undefined)
              return (
                <StatusIndicator type="warning" wrapText={false}>
                  Unprotected
                </StatusIndicator>
              )
            const text = <span title={when(last)}>{ago(last)}</span>
            return isOverdue ? <StatusIndicator type="warning">Overdue, {text}</StatusIndicator> : text
          },
        },
        { id: 'arn', header: 'ARN', minWidth: 160, cell: ({ arn }) => <Arn of={arn} /> },
      ]}
    />
  )
}

function emptyText(which: Which, hasNext: boolean): string {
  if (which === 'all') return 'Nothing of this type is registered.'
  const none = {
    protected: 'Nothing was backed up yet.',
    unprotected: 'Every resource here has a recovery point.',
    overdue: 'Nothing is overdue: each newest recovery point is as new as its plan asks.',
  }[which]
  return hasNext ? `${none} There are more on the next page.` : none
}

interface ResourcePage {
  readonly rows: readonly Row[]
  readonly next: string | undefined
}

/** By its plans; by the general rule where there is none, or where one may not see them. Of what was not looked at nothing is claimed. */
async function isOverdue(): Promise<(arn: string, last: Date | undefined) => boolean> {
  const promised = await queries.fetchQuery({
    queryKey: ['objectives'],
    queryFn: async () => await objectives().catch((): ReadonlyMap<string, number> => new Map()),
    staleTime: 60_000,
  })
  return (arn, last) => {
    const objective = promised.size === 0 ? DEFAULT_OBJECTIVE_MS : promised.get(arn)
    return last !== undefined && objective !== undefined && Date.now() - last.getTime() > objective
  }
}

async function protectedPage(token: string | undefined): Promise<ResourcePage> {
  const [answer, overdue] = await Promise.all([
    backup.send(new ListProtectedResourcesCommand({ MaxResults: 50, NextToken: token })),
    isOverdue(),
  ])
  const rows = (answer.Results ?? []).map(({ ResourceArn: arn = '', LastBackupTime: last, ...row }) => ({
    arn,
    name: row.ResourceName ?? nameOf(arn),
    type: row.ResourceType ?? '',
    last,
    isOverdue: overdue(arn, last),
  }))
  return { rows, next: answer.NextToken }
}

async function registeredPage(
  token: string | undefined,
  which: Which,
  type: string | undefined,
): Promise<ResourcePage> {
  const overdue = await isOverdue()
  let next = token
  let rows: Row[] = []
  let pages = 0
  // Of a page that has only others nothing would be shown: go on to the next.
  do {
    const answer = await roleback('ListResources', {
      MaxResults: 50,
      ...(next !== undefined && { NextToken: next }),
      ...(type !== undefined && { ResourceType: type as Resource['ResourceType'] }),
    })
    const last = await lastBackups(answer.Resources.map(({ ResourceArn }) => ResourceArn))
    rows = answer.Resources.map((one) => rowOf(one, last.get(one.ResourceArn), overdue)).filter((row) =>
      isMeant(row, which),
    )
    next = answer.NextToken
    pages++
  } while (rows.length === 0 && next !== undefined && pages < MAX_PAGES)
  return { rows, next }
}

function isMeant({ last, isOverdue: isLate }: Row, which: Which): boolean {
  if (which === 'all') return true
  return which === 'overdue' ? isLate : (last === undefined) === (which === 'unprotected')
}

function rowOf(
  resource: Resource,
  last: Date | undefined,
  overdue: (arn: string, last: Date | undefined) => boolean,
): Row {
  const arn = resource.ResourceArn
  return { arn, name: labelOf(resource), type: resource.ResourceType, last, isOverdue: overdue(arn, last) }
}
