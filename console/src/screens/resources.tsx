import { ListProtectedResourcesCommand } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import type { ResourceProtection } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { ChoiceFilter, TYPES } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import { ago, fromSeconds, nameOf, typeName, when } from '../parts/format.ts'
import { Link, resourcePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import { useTitle } from '../parts/screen.tsx'

/** Kept: whatever has recovery points, also what is registered no more. */
type Which = 'all' | 'kept' | 'overdue' | 'protected' | 'unprotected'

interface Row {
  readonly arn: string
  readonly name: string
  readonly type: string
  /** When it was last backed up; undefined: never. */
  readonly last: Date | undefined
  readonly isOverdue: boolean
}

export function Resources(): ReactNode {
  useTitle('Resources')
  const navigate = useNavigate()
  const filters = useFilters()
  const which = (filters.get('show') ?? 'all') as Which
  const type = filters.get('type')
  const pages = usePages(['resources', which, type], async (token) =>
    which === 'kept' ? await protectedPage(token) : await registeredPage(token, which, type),
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
              { id: 'kept', text: 'With recovery points' },
            ]}
          />
          {which !== 'kept' && <ChoiceFilter filters={filters} name="type" label="Type" options={TYPES} />}
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
    kept: 'There is no recovery point yet.',
    protected: 'Nothing was backed up yet.',
    unprotected: 'Every resource here has a recovery point.',
    overdue: 'Nothing is overdue: each newest recovery point is as new as its plan asks.',
  }[which]
  return hasNext ? 'None was found so far; the next page looks on.' : none
}

interface ResourcePage {
  readonly rows: readonly Row[]
  readonly next: string | undefined
}

async function protectedPage(token: string | undefined): Promise<ResourcePage> {
  const answer = await backup.send(new ListProtectedResourcesCommand({ MaxResults: 50, NextToken: token }))
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
  protected: 'PROTECTED',
  unprotected: 'UNPROTECTED',
}

async function registeredPage(
  token: string | undefined,
  which: Which,
  type: string | undefined,
): Promise<ResourcePage> {
  const asked = ASKED[which]
  const answer = await roleback('ListResourceProtection', {
    MaxResults: 50,
    ...(asked !== undefined && { Protection: asked }),
    ...(token !== undefined && { NextToken: token }),
    ...(type !== undefined && { ResourceType: type as ResourceProtection['ResourceType'] }),
  })
  const rows = answer.Resources.map((one) => ({
    arn: one.ResourceArn,
    name: one.Name,
    type: one.ResourceType,
    last: fromSeconds(one.LastBackupTime),
    isOverdue: one.Protection === 'OVERDUE',
  }))
  return { rows, next: answer.NextToken }
}
