import { ListProtectedResourcesCommand } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { readPartial } from './overview-state.ts'
import { backup } from '../api/backup.ts'
import type { ResourceProtection } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { ChoiceFilter, NameFilter, TYPES } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import { ago, fromSeconds, nameOf, typeName, when } from '../parts/format.ts'
import { Link, resourcePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { namedPage } from '../parts/named-page.ts'
import { NoneYet } from '../parts/none-yet.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import type { Page } from '../parts/pages.ts'
import { RestoredFrom } from '../parts/resource-link.tsx'
import { useTitle } from '../parts/screen.tsx'

/** Kept: whatever has recovery points, also what is registered no more. */
type Which = 'all' | 'kept' | 'overdue' | 'protected' | 'restored' | 'unprotected'

interface Row {
  readonly arn: string
  readonly name: string
  readonly type: string
  /** When it was last backed up; undefined: never. */
  readonly last: Date | undefined
  readonly isOverdue: boolean
  /** What a restore made. */
  readonly restored?: Restored | undefined
}

interface Restored {
  readonly at: Date | undefined
  /** ARN of what it was a backup of; undefined where the recovery point is gone. */
  readonly of: string | undefined
}

export function Resources(): ReactNode {
  useTitle('Resources')
  const navigate = useNavigate()
  const filters = useFilters()
  const which = (filters.get('show') ?? 'all') as Which
  const type = filters.get('type')
  const name = filters.get('name')
  const pages = useLinkedPages(['resources', which, type, name], async (token) =>
    which === 'kept'
      ? await namedPage(name, token, protectedPage, (row) => row.name)
      : await registeredPage(token, { which, type, name }),
  )
  const { data: partial = [] } = useQuery({ queryKey: ['overview', 'partial'], queryFn: readPartial })
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
              { id: 'restored', text: 'Restored copies' },
              { id: 'kept', text: 'With recovery points' },
            ]}
          />
          <NameFilter filters={filters} />
          {which !== 'kept' && <ChoiceFilter filters={filters} name="type" label="Type" options={TYPES} />}
        </SpaceBetween>
      }
      empty={
        which === 'all' && type === undefined && name === undefined ? (
          <NoneYet title="No resources" action={add}>
            Register a directory, a PostgreSQL database or an S3 bucket, and it can be backed up.
          </NoneYet>
        ) : (
          <span>{emptyText(which, { isNamed: name !== undefined, hasNext: pages.hasNext })}</span>
        )
      }
      columns={[
        {
          id: 'name',
          header: 'Name',
          isRowHeader: true,
          cell: ({ name, arn, restored }) => (
            <>
              <Link to={resourcePath(arn)}>{name}</Link>
              {restored !== undefined && <RestoredFrom of={restored.of} at={restored.at} />}
            </>
          ),
        },
        { id: 'type', header: 'Type', cell: ({ type }) => typeName(type) },
        {
          id: 'last',
          header: 'Last backup',
          minWidth: 160,
          cell: ({ arn, last, isOverdue, restored }) => {
            if (last === undefined && restored !== undefined)
              return (
                <StatusIndicator type="info" wrapText={false}>
                  Restored copy
                </StatusIndicator>
              )
            if (last === undefined)
              return (
                <StatusIndicator type="warning" wrapText={false}>
                  Unprotected
                </StatusIndicator>
              )
            const text = <span title={when(last)}>{ago(last)}</span>
            if (isOverdue) return <StatusIndicator type="warning">Overdue, {text}</StatusIndicator>
            return partial.includes(arn) ? (
              <StatusIndicator type="warning">Partial, {text}</StatusIndicator>
            ) : (
              text
            )
          },
        },
        { id: 'arn', header: 'ARN', cell: ({ arn }) => <Arn of={arn} /> },
      ]}
    />
  )
}

function emptyText(
  which: Which,
  { isNamed, hasNext }: { readonly isNamed: boolean; readonly hasNext: boolean },
): string {
  if (hasNext) return 'None was found so far; the next page looks on.'
  if (isNamed) return 'No resource is called so.'
  if (which === 'all') return 'Nothing of this type is registered.'
  return {
    kept: 'There is no recovery point yet.',
    protected: 'Nothing was backed up yet.',
    unprotected: 'Every resource here has a recovery point.',
    restored: 'There is no copy that a restore made and nothing backed up.',
    overdue: 'Nothing is overdue: each newest recovery point is as new as its plan asks.',
  }[which]
}

async function protectedPage(NextToken: string | undefined, MaxResults: number): Promise<Page<Row>> {
  const answer = await backup.send(new ListProtectedResourcesCommand({ MaxResults, NextToken }))
  const rows = (answer.Results ?? []).map(({ ResourceArn: arn = '', LastBackupTime: last, ...row }) => ({
    arn,
    name: row.ResourceName ?? nameOf(arn),
    type: row.ResourceType ?? '',
    last,
    isOverdue: false,
  }))
  return { rows, next: answer.NextToken }
}

const ASKED: Readonly<Partial<Record<Which, ResourceProtection['Protection']>>> = {
  overdue: 'OVERDUE',
  restored: 'RESTORED',
  protected: 'PROTECTED',
  unprotected: 'UNPROTECTED',
}

/** Calls that one page may take: the server looks through as many resources for a name as it can at a time. */
const MAX_CALLS = 10

async function registeredPage(
  token: string | undefined,
  {
    which,
    type,
    name,
  }: { readonly which: Which; readonly type: string | undefined; readonly name: string | undefined },
): Promise<Page<Row>> {
  const asked = ASKED[which]
  let next = token
  for (let calls = 1; ; calls++) {
    const answer = await roleback('ListResourceProtection', {
      MaxResults: 50,
      ...(asked !== undefined && { Protection: asked }),
      ...(next !== undefined && { NextToken: next }),
      ...(type !== undefined && { ResourceType: type as ResourceProtection['ResourceType'] }),
      ...(name !== undefined && { NameContains: name }),
    })
    next = answer.NextToken
    if (answer.Resources.length > 0 || next === undefined || calls === MAX_CALLS)
      return { rows: answer.Resources.map(toRow), next }
  }
}

function toRow(one: ResourceProtection): Row {
  return {
    arn: one.ResourceArn,
    name: one.Name,
    type: one.ResourceType,
    last: fromSeconds(one.LastBackupTime),
    isOverdue: one.Protection === 'OVERDUE',
    ...(one.RestoredFrom !== undefined && {
      restored: { at: fromSeconds(one.CreationDate), of: one.RestoredFromResource },
    }),
  }
}
