import {
  DeleteBackupVaultAccessPolicyCommand,
  DeleteBackupVaultCommand,
  DeleteRecoveryPointCommand,
  DescribeBackupVaultCommand,
  GetBackupVaultAccessPolicyCommand,
  ListRecoveryPointsByBackupVaultCommand,
  PutBackupVaultAccessPolicyCommand,
} from '@aws-sdk/client-backup'
import type { DescribeBackupVaultOutput, RecoveryPointByBackupVault } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import Tabs from '@cloudscape-design/components/tabs'
import { useQuery } from '@tanstack/react-query'
import { Suspense, lazy, useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams, useSearchParams } from 'react-router'
import { CopyPoint } from './copy-point.tsx'
import { VaultDeleters } from './vault-deleters.tsx'
import { LockState, vaultType } from './vaults.tsx'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { EncryptionKeyName } from '../parts/encryption-keys.tsx'
import { Facts } from '../parts/facts.tsx'
import { Growth } from '../parts/growth.tsx'
import { ChoiceFilter, SinceFilter, TYPES, sinceOf } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import { bytes, nameOf, when } from '../parts/format.ts'
import { Actions } from '../parts/layout.tsx'
import { Link, restorePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { notify } from '../parts/notices.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import { PolicyEditor } from '../parts/policy-editor.tsx'
import { Problem } from '../parts/problem.tsx'
import { ResourceFilter } from '../parts/resource-filter.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'
import { HealthOfVault } from '../parts/vault-health.tsx'
import { VaultLock } from '../parts/vault-lock.tsx'
import { TAB_WORDS } from '../parts/tab-words.ts'

const VaultNotifications = lazy(async () => ({
  default: (await import('./vault-notifications.tsx')).VaultNotifications,
}))

const VaultCold = lazy(async () => ({ default: (await import('./vault-cold.tsx')).VaultCold }))

export function Vault(): ReactNode {
  const name = useParams()['name'] ?? ''
  const navigate = useNavigate()
  const [query, setQuery] = useSearchParams()
  const [isDeleting, setDeleting] = useState(false)
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['vault', name],
    queryFn: async () => await backup.send(new DescribeBackupVaultCommand({ BackupVaultName: name })),
  })
  return (
    <Screen
      title={name}
      above={[['Backup vaults', '/vaults']]}
      isLoading={isPending}
      actions={
        data !== undefined && (
          <>
            <Button onClick={() => void navigate(`/search?vault=${encodeURIComponent(name)}`)}>Search</Button>
            <Button onClick={() => setDeleting(true)}>Delete</Button>
          </>
        )
      }
    >
      {error !== null && <Problem error={error} what="look at this backup vault" />}
      {data !== undefined && (
        <>
          <Summary vault={data} />
          <Tabs
            i18nStrings={TAB_WORDS}
            ariaLabel="About this vault"
            activeTabId={query.get('tab') ?? 'points'}
            onChange={({ detail }) => setQuery({ tab: detail.activeTabId }, { replace: true })}
            tabs={[
              { id: 'points', label: 'Recovery points', content: <Points vault={name} /> },
              { id: 'health', label: 'Health', content: <HealthOfVault name={name} /> },
              { id: 'policy', label: 'Access policy', content: <AccessPolicy vault={data} /> },
              {
                id: 'lock',
                label: 'Lock',
                content: <VaultLock vault={data} onChange={() => void refetch()} />,
              },
              {
                id: 'who-can',
                label: 'Who can delete this',
                content: <VaultDeleters name={name} arn={data.BackupVaultArn ?? ''} />,
              },
              {
                id: 'cold',
                label: 'Cold storage',
                content: (
                  <Suspense fallback={<Spinner />}>
                    <VaultCold vault={name} arn={data.BackupVaultArn ?? ''} />
                  </Suspense>
                ),
              },
              {
                id: 'notifications',
                label: 'Notifications',
                content: (
                  <Suspense fallback={<Spinner />}>
                    <VaultNotifications vault={name} arn={data.BackupVaultArn ?? ''} />
                  </Suspense>
                ),
              },
              {
                id: 'usage',
                label: 'Usage',
                content: (
                  <Container header={<Header variant="h2">Usage</Header>}>
                    <Growth vault={name} />
                  </Container>
                ),
              },
            ]}
          />
        </>
      )}
      {isDeleting && (
        <Confirm
          title={`Delete backup vault ${name}`}
          what="delete this backup vault"
          word="delete"
          action="Delete backup vault"
          command={['delete-backup-vault', { BackupVaultName: name }]}
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await backup.send(new DeleteBackupVaultCommand({ BackupVaultName: name }))
            notify(`Backup vault ${name} was deleted.`)
            await navigate('/vaults')
          }}
        >
          Only an empty vault can be deleted.
        </Confirm>
      )}
    </Screen>
  )
}

function Summary({ vault }: { readonly vault: DescribeBackupVaultOutput }): ReactNode {
  return (
    <Container header={<Header variant="h2">Vault</Header>}>
      <Facts
        of={[
          ['Recovery points', vault.NumberOfRecoveryPoints?.toLocaleString()],
          ['Type', vaultType(vault.VaultType)],
          ['Lock', <LockState key="lock" vault={vault} />],
          ['Retention', retention(vault)],
          ['Encryption key', <EncryptionKeyName key="key" arn={vault.EncryptionKeyArn} />],
          ['Created', when(vault.CreationDate)],
          ['ARN', vault.BackupVaultArn],
        ]}
      />
    </Container>
  )
}

function retention({ MinRetentionDays: min, MaxRetentionDays: max }: DescribeBackupVaultOutput): string {
  if (min === undefined && max === undefined) return 'Any'
  return `${min ?? 1} to ${max ?? 'any number of'} days`
}

function Points({ vault }: { readonly vault: string }): ReactNode {
  const [doomed, setDoomed] = useState<RecoveryPointByBackupVault>()
  const [copied, setCopied] = useState<string>()
  const navigate = useNavigate()
  const filters = useFilters()
  const narrowed = ['resource', 'type', 'since'].map((name) => filters.get(name))
  const pages = useLinkedPages(['points in', vault, ...narrowed], async (NextToken) => {
    const answer = await backup.send(
      new ListRecoveryPointsByBackupVaultCommand({
        BackupVaultName: vault,
        MaxResults: 50,
        NextToken,
        ByResourceArn: filters.get('resource'),
        ByResourceType: filters.get('type'),
        ByCreatedAfter: sinceOf(filters),
      }),
    )
    return { rows: answer.RecoveryPoints ?? [], next: answer.NextToken }
  })
  return (
    <>
      <List<RecoveryPointByBackupVault>
        variant="container"
        title="Recovery points"
        what="list its recovery points"
        pages={pages}
        idOf={(point) => point.RecoveryPointArn ?? ''}
        filter={
          <SpaceBetween direction="horizontal" size="s">
            <SinceFilter filters={filters} />
            <ChoiceFilter filters={filters} name="type" label="Type" options={TYPES} />
            <ResourceFilter filters={filters} />
          </SpaceBetween>
        }
        empty={
          narrowed.every((value) => value === undefined)
            ? 'No recovery points yet. Back something up into this vault.'
            : 'No recovery point that matches.'
        }
        columns={[
          {
            id: 'created',
            header: 'Created',
            isRowHeader: true,
            cell: (point) => (
              <Link to={restorePath(vault, point.RecoveryPointArn ?? '')}>{when(point.CreationDate)}</Link>
            ),
          },
          {
            id: 'state',
            header: 'State',
            cell: (point) => <State state={point.Status} warning={point.StatusMessage} />,
          },
          {
            id: 'resource',
            header: 'Resource',
            cell: (point) => <ResourceLink arn={point.ResourceArn} called={point.ResourceName} />,
          },
          { id: 'size', header: 'Size', cell: (point) => bytes(point.BackupSizeInBytes) },
          ...(pages.rows.some((point) => coldFrom(point) !== undefined)
            ? [
                {
                  id: 'cold',
                  header: 'Cold from',
                  cell: (point: RecoveryPointByBackupVault) => when(coldFrom(point)),
                },
              ]
            : []),
          { id: 'until', header: 'Kept until', cell: (point) => keptUntil(point) },
          {
            id: 'do',
            header: 'Actions',
            cell: (point) => (
              <Actions>
                <Button
                  variant="inline-link"
                  ariaLabel={`Restore ${nameOf(point.RecoveryPointArn)}`}
                  onClick={() => void navigate(restorePath(vault, point.RecoveryPointArn ?? ''))}
                >
                  Restore
                </Button>
                <Button
                  variant="inline-link"
                  ariaLabel={`Copy ${nameOf(point.RecoveryPointArn)}`}
                  onClick={() => setCopied(point.RecoveryPointArn)}
                >
                  Copy
                </Button>
                <Button
                  variant="inline-link"
                  ariaLabel={`Delete ${nameOf(point.RecoveryPointArn)}`}
                  onClick={() => setDoomed(point)}
                >
                  Delete
                </Button>
              </Actions>
            ),
          },
        ]}
      />
      {copied !== undefined && <CopyPoint vault={vault} arn={copied} onClose={() => setCopied(undefined)} />}
      {doomed !== undefined && (
        <Confirm
          title="Delete recovery point"
          what="delete this recovery point"
          word="delete"
          action="Delete"
          command={[
            'delete-recovery-point',
            { BackupVaultName: vault, RecoveryPointArn: doomed.RecoveryPointArn },
          ]}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            const { RecoveryPointArn } = doomed
            await backup.send(new DeleteRecoveryPointCommand({ BackupVaultName: vault, RecoveryPointArn }))
            notify('The recovery point was deleted.')
            pages.refresh()
          }}
        >
          The recovery point of {nameOf(doomed.ResourceArn)} of {when(doomed.CreationDate)} cannot be brought
          back.
        </Confirm>
      )}
    </>
  )
}

function coldFrom({ CalculatedLifecycle }: RecoveryPointByBackupVault): Date | undefined {
  return CalculatedLifecycle?.MoveToColdStorageAt
}

function keptUntil({ CalculatedLifecycle }: RecoveryPointByBackupVault): string {
  return CalculatedLifecycle?.DeleteAt === undefined ? 'for good' : when(CalculatedLifecycle.DeleteAt)
}

/** What people most often want of one: that only the root user deletes. */
const template = (accountId: string): string =>
  JSON.stringify(
    {
      Version: '2012-10-17',
      Statement: [
        {
          Sid: 'NobodyDeletes',
          Effect: 'Deny',
          Principal: '*',
          Action: ['backup:DeleteRecoveryPoint', 'backup:UpdateRecoveryPointLifecycle'],
          Resource: '*',
          Condition: { StringNotEquals: { 'aws:PrincipalArn': `arn:aws:iam::${accountId}:root` } },
        },
      ],
    },
    undefined,
    2,
  )

function AccessPolicy({ vault }: { readonly vault: DescribeBackupVaultOutput }): ReactNode {
  const { BackupVaultName: name = '', BackupVaultArn: arn = '' } = vault
  const { data, error, refetch } = useQuery({
    queryKey: ['vault policy', name],
    queryFn: async () => {
      try {
        const answer = await backup.send(new GetBackupVaultAccessPolicyCommand({ BackupVaultName: name }))
        return answer.Policy ?? ''
      } catch (failure) {
        if ((failure as Error).name === 'ResourceNotFoundException') return ''
        throw failure
      }
    },
  })
  if (error !== null) return <Problem error={error} what="read its access policy" />
  if (data === undefined) return null
  return (
    <PolicyEditor
      key={data}
      title="Access policy"
      description="Who may do what with this vault, beside what their own policies say. An explicit Deny here holds for everybody."
      text={data}
      template={template(arn.split(':')[4] ?? '')}
      type="BACKUP_VAULT"
      resourceArn={arn}
      command={(Policy) =>
        awsCommand('backup', 'put-backup-vault-access-policy', { BackupVaultName: name, Policy })
      }
      save={async (Policy) => {
        await backup.send(new PutBackupVaultAccessPolicyCommand({ BackupVaultName: name, Policy }))
        await refetch()
      }}
      remove={async () => {
        await backup.send(new DeleteBackupVaultAccessPolicyCommand({ BackupVaultName: name }))
        await refetch()
      }}
    />
  )
}
