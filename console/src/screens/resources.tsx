import { ListProtectedResourcesCommand } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { backup } from '../api/backup.ts'
import type { Resource } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { ago, labelOf, nameOf, typeName } from '../parts/format.ts'
import { lastBackups } from '../parts/last-backups.ts'
import { Link, resourcePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import { useTitle } from '../parts/screen.tsx'

type Which = 'all' | 'protected' | 'unprotected'

interface Row {
  readonly arn: string
  readonly name: string
  readonly type: string
  /** When it was last backed up; undefined: never. */
  readonly last: Date | undefined
}

/** Pages that are looked through for unprotected resources before the next is asked for by hand. */
const MAX_PAGES = 20

export function Resources(): ReactNode {
  useTitle('Resources')
  const navigate = useNavigate()
  const [query, setQuery] = useSearchParams()
  const which = (query.get('show') ?? 'all') as Which
  const pages = usePages(['resources', which], async (token) => {
    if (which === 'protected') return await protectedPage(token)
    return await registeredPage(token, which)
  })
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
        <SegmentedControl
          label="Show"
          selectedId={which}
          onChange={({ detail }) => setQuery(detail.selectedId === 'all' ? {} : { show: detail.selectedId })}
          options={[
            { id: 'all', text: 'All' },
            { id: 'protected', text: 'Protected' },
            { id: 'unprotected', text: 'Unprotected' },
          ]}
        />
      }
      empty={
        which === 'all' ? (
          <SpaceBetween size="s">
            <b>No resources</b>
            <span>Register a directory, a PostgreSQL database or an S3 bucket, and it can be backed up.</span>
            {add}
          </SpaceBetween>
        ) : (
          <span>
            {which === 'protected'
              ? 'Nothing was backed up yet.'
              : pages.hasNext
                ? 'Every resource so far has a recovery point. There are more on the next page.'
                : 'Every resource here has a recovery point.'}
          </span>
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
          cell: ({ last }) =>
            last === undefined ? <StatusIndicator type="warning">Unprotected</StatusIndicator> : ago(last),
        },
        { id: 'arn', header: 'ARN', minWidth: 160, cell: ({ arn }) => <Arn of={arn} /> },
      ]}
    />
  )
}

async function protectedPage(token: string | undefined): Promise<{ rows: Row[]; next: string | undefined }> {
  const answer = await backup.send(new ListProtectedResourcesCommand({ MaxResults: 50, NextToken: token }))
  const rows = (answer.Results ?? []).map((row) => ({
    arn: row.ResourceArn ?? '',
    name: row.ResourceName ?? nameOf(row.ResourceArn),
    type: row.ResourceType ?? '',
    last: row.LastBackupTime,
  }))
  return { rows, next: answer.NextToken }
}

async function registeredPage(
  token: string | undefined,
  which: Which,
): Promise<{ rows: Row[]; next: string | undefined }> {
  let next = token
  let rows: Row[] = []
  let pages = 0
  // Of a page that has only protected ones nothing would be shown: go on to the next.
  do {
    const answer = await roleback('ListResources', {
      MaxResults: 50,
      ...(next !== undefined && { NextToken: next }),
    })
    const last = await lastBackups(answer.Resources.map(({ ResourceArn }) => ResourceArn))
    rows = answer.Resources.map((one) => rowOf(one, last.get(one.ResourceArn))).filter(
      (row) => which === 'all' || row.last === undefined,
    )
    next = answer.NextToken
    pages++
  } while (rows.length === 0 && next !== undefined && pages < MAX_PAGES)
  return { rows, next }
}

function rowOf(resource: Resource, last: Date | undefined): Row {
  return { arn: resource.ResourceArn, name: labelOf(resource), type: resource.ResourceType, last }
}
