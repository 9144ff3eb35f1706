import { ListRecoveryPointsByResourceCommand } from '@aws-sdk/client-backup'
import type { RecoveryPointByResource } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Tabs from '@cloudscape-design/components/tabs'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { ResourcePlans } from './resource-plans.tsx'
import { ResourceRoles } from './resource-roles.tsx'
import { backup } from '../api/backup.ts'
import type { Connection } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { isWholePoint } from '../parts/damage.ts'
import { Facts } from '../parts/facts.tsx'
import { useFilters } from '../parts/filters.ts'
import { bytes, fromSeconds, labelOf, nameOf, typeName, when } from '../parts/format.ts'
import { Link, restorePath, vaultPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import type { Pages } from '../parts/pages.ts'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'
import { Timeline } from '../parts/timeline.tsx'
import { TAB_WORDS } from '../parts/tab-words.ts'

export function Resource(): ReactNode {
  const arn = useParams()['arn'] ?? ''
  const navigate = useNavigate()
  const { get, set } = useFilters()
  const { data, error, isPending } = useQuery({
    queryKey: ['resource', arn],
    queryFn: async () => (await roleback('DescribeResource', { ResourceArn: arn })).Resource,
  })
  const pages = usePages(['points of', arn], async (NextToken) => {
    const answer = await backup.send(
      new ListRecoveryPointsByResourceCommand({ ResourceArn: arn, MaxResults: 50, NextToken }),
    )
    return { rows: answer.RecoveryPoints ?? [], next: answer.NextToken }
  })
  return (
    <Screen
      title={data === undefined ? nameOf(arn) : labelOf(data)}
      above={[['Resources', '/resources']]}
      isLoading={isPending}
      actions={
        <Button
          variant="primary"
          onClick={() => void navigate(`/back-up?resource=${encodeURIComponent(arn)}`)}
        >
          Back up now
        </Button>
      }
    >
      {error !== null && <Problem error={error} what="look at this resource" />}
      {data !== undefined && (
        <Container header={<Header variant="h2">Connection</Header>}>
          <Facts
            of={[
              ['Type', typeName(data.ResourceType)],
              ['ARN', data.ResourceArn],
              ['Added', when(fromSeconds(data.CreationDate))],
              ['Added by', nameOf(data.CreatedBy)],
              ...connectionFacts(data.Connection ?? {}),
            ]}
          />
        </Container>
      )}
      {pages.rows.length > 0 && (
        <Container header={<Header variant="h2">Timeline</Header>}>
          <Timeline
            points={pages.rows.map((point) => ({
              at: point.CreationDate ?? new Date(0),
              label: `${when(point.CreationDate)}, ${bytes(point.BackupSizeBytes)}`,
              isWhole: isWholePoint(point),
              path: restorePath(point.BackupVaultName ?? '', point.RecoveryPointArn ?? ''),
            }))}
          />
        </Container>
      )}
      <Tabs
        i18nStrings={TAB_WORDS}
        ariaLabel="About this resource"
        activeTabId={get('tab') ?? 'points'}
        onChange={({ detail }) =>
          set('tab', detail.activeTabId === 'points' ? undefined : detail.activeTabId)
        }
        tabs={[
          { id: 'points', label: 'Recovery points', content: <Points pages={pages} /> },
          { id: 'plans', label: 'Backup plans', content: <ResourcePlans arn={arn} /> },
          {
            id: 'roles',
            label: 'Roles',
            content: !pages.isLoading && <ResourceRoles arn={arn} newest={pages.rows[0]} />,
          },
        ]}
      />
    </Screen>
  )
}

function Points({ pages }: { readonly pages: Pages<RecoveryPointByResource> }): ReactNode {
  return (
    <List<RecoveryPointByResource>
      variant="container"
      title="Recovery points"
      what="list its recovery points"
      pages={pages}
      idOf={(point) => point.RecoveryPointArn ?? ''}
      empty={
        <StatusIndicator type="warning">Unprotected: there is no recovery point of it yet</StatusIndicator>
      }
      columns={[
        {
          id: 'created',
          header: 'Created',
          isRowHeader: true,
          cell: (point) => (
            <Link to={restorePath(point.BackupVaultName ?? '', point.RecoveryPointArn ?? '')}>
              {when(point.CreationDate)}
            </Link>
          ),
        },
        {
          id: 'state',
          header: 'State',
          cell: (point) => <State state={point.Status} warning={point.StatusMessage} />,
        },
        { id: 'size', header: 'Size', cell: (point) => bytes(point.BackupSizeBytes) },
        {
          id: 'vault',
          header: 'Vault',
          cell: ({ BackupVaultName: name = '' }) => <Link to={vaultPath(name)}>{name}</Link>,
        },
        { id: 'id', header: 'ID', cell: (point) => nameOf(point.RecoveryPointArn) },
      ]}
    />
  )
}

function connectionFacts(connection: Connection): (readonly [string, ReactNode])[] {
  const labels: readonly (readonly [keyof Connection, string])[] = [
    ['Path', 'Directory'],
    ['RestoreRoot', 'Restores go below'],
    ['Host', 'Host'],
    ['Port', 'Port'],
    ['Database', 'Database'],
    ['User', 'User'],
    ['TlsMode', 'Connection security'],
    ['Endpoint', 'Endpoint'],
    ['Bucket', 'Bucket'],
    ['Region', 'Region'],
  ]
  return labels.flatMap(([key, label]) => {
    const value = connection[key]
    return value === undefined ? [] : [[label, String(value)] as const]
  })
}
