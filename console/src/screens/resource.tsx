import { ListRecoveryPointsByResourceCommand } from '@aws-sdk/client-backup'
import type { RecoveryPointByResource } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Tabs from '@cloudscape-design/components/tabs'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { ResourceConnection } from './resource-connection.tsx'
import { ResourcePlans } from './resource-plans.tsx'
import { ResourceRoles } from './resource-roles.tsx'
import { ResourceTags } from './resource-tags.tsx'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { healthWord, isWholePoint } from '../parts/damage.ts'
import { useFilters } from '../parts/filters.ts'
import { bytes, nameOf, when } from '../parts/format.ts'
import { Link, restorePath, vaultPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { useLinkedPages } from '../parts/pages.ts'
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
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['resource', arn],
    queryFn: async () => (await roleback('DescribeResource', { ResourceArn: arn })).Resource,
  })
  const isGone = error?.name === 'ResourceNotFoundException'
  const pages = useLinkedPages(['points of', arn], async (NextToken) => {
    const answer = await backup.send(
      new ListRecoveryPointsByResourceCommand({ ResourceArn: arn, MaxResults: 50, NextToken }),
    )
    return { rows: answer.RecoveryPoints ?? [], next: answer.NextToken }
  })
  return (
    <Screen
      title={data === undefined ? nameOf(arn) : data.DisplayName}
      above={[['Resources', '/resources']]}
      isLoading={isPending}
      actions={
        <Button
          variant="primary"
          disabled={isGone}
          onClick={() => void navigate(`/back-up?resource=${encodeURIComponent(arn)}`)}
        >
          Back up now
        </Button>
      }
    >
      {isGone && (
        <Alert type="info" header="Registered no more">
          Nothing backs it up. What was backed up of it stays until it expires, and can be restored.
        </Alert>
      )}
      {error !== null && !isGone && <Problem error={error} what="look at this resource" />}
      {data !== undefined && !isGone && (
        <>
          <ResourceConnection resource={data} onChange={() => void refetch()} />
          <ResourceTags resource={data} onChange={() => void refetch()} />
        </>
      )}
      {pages.rows.length > 0 && (
        <Container header={<Header variant="h2">Timeline</Header>}>
          <Timeline
            points={pages.rows.map((point) => ({
              at: point.CreationDate ?? new Date(0),
              label: `${when(point.CreationDate)}, ${bytes(point.BackupSizeBytes)}${healthWord(point)}`,
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
          {
            id: 'points',
            label: 'Recovery points',
            content: <Points pages={pages} isSeen={data !== undefined} />,
          },
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

function Points({
  pages,
  isSeen,
}: {
  readonly pages: Pages<RecoveryPointByResource>
  /** Of another account's, or one that never was, nobody here knows how it stands. */
  readonly isSeen: boolean
}): ReactNode {
  return (
    <List<RecoveryPointByResource>
      variant="container"
      title="Recovery points"
      what="list its recovery points"
      pages={pages}
      idOf={(point) => point.RecoveryPointArn ?? ''}
      empty={
        isSeen ? (
          <StatusIndicator type="warning">Unprotected: there is no recovery point of it yet</StatusIndicator>
        ) : (
          'No recovery point of it in this account.'
        )
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
