import { CreateBackupVaultCommand, ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import type { BackupVaultListMember } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { useDamage } from '../parts/damage.ts'
import { EncryptionKeyField } from '../parts/encryption-keys.tsx'
import { NameFilter } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { when } from '../parts/format.ts'
import { Link, vaultPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { NoneYet } from '../parts/none-yet.tsx'
import { notify } from '../parts/notices.tsx'
import { namedPage } from '../parts/named-page.ts'
import { useLinkedPages } from '../parts/pages.ts'
import type { Page } from '../parts/pages.ts'
import { useTitle } from '../parts/screen.tsx'
import { lookForVaults } from '../parts/vault-choice.ts'

export function Vaults(): ReactNode {
  useTitle('Backup vaults')
  const [isCreating, setCreating] = useState(false)
  const filters = useFilters()
  const name = filters.get('name')
  const pages = useLinkedPages(
    ['vaults', name],
    async (token) => await namedPage(name, token, vaultsPage, ({ BackupVaultName }) => BackupVaultName),
  )
  const damaged = new Set(useDamage().map(({ BackupVaultName }) => BackupVaultName))
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      Create backup vault
    </Button>
  )
  return (
    <>
      <List<BackupVaultListMember>
        title="Backup vaults"
        description="Where recovery points lie, sealed under a key of the vault's own."
        what="list backup vaults"
        pages={pages}
        idOf={(vault) => vault.BackupVaultArn ?? ''}
        actions={create}
        filter={<NameFilter filters={filters} />}
        empty={
          name === undefined ? (
            <NoneYet title="No backup vaults" action={create}>
              A vault keeps recovery points. Create one, then back something up into it.
            </NoneYet>
          ) : (
            'No backup vault is called so.'
          )
        }
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ BackupVaultName: name = '' }) => (
              <>
                <Link to={vaultPath(name)}>{name}</Link>
                {damaged.has(name) && (
                  <div>
                    <Link to={`${vaultPath(name)}?tab=health`}>
                      <StatusIndicator type="error">Damaged</StatusIndicator>
                    </Link>
                  </div>
                )}
              </>
            ),
          },
          {
            id: 'points',
            header: 'Recovery points',
            cell: (vault) => vault.NumberOfRecoveryPoints?.toLocaleString(),
          },
          { id: 'type', header: 'Type', cell: (vault) => vaultType(vault.VaultType) },
          { id: 'lock', header: 'Lock', cell: (vault) => <LockState vault={vault} /> },
          { id: 'created', header: 'Created', cell: (vault) => when(vault.CreationDate) },
        ]}
      />
      {isCreating && (
        <CreateVault
          onClose={() => {
            setCreating(false)
            pages.refresh()
          }}
        />
      )}
    </>
  )
}

async function vaultsPage(
  NextToken: string | undefined,
  MaxResults: number,
): Promise<Page<BackupVaultListMember>> {
  const answer = await backup.send(new ListBackupVaultsCommand({ MaxResults, NextToken }))
  return { rows: answer.BackupVaultList ?? [], next: answer.NextToken }
}

export function vaultType(type: string | undefined): string {
  return type === 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT' ? 'Logically air-gapped' : 'Backup vault'
}

/** A compliance lock can be removed until its date only; a governance lock has none. */
export function LockState({
  vault,
}: {
  readonly vault: { readonly Locked?: boolean | undefined; readonly LockDate?: Date | undefined }
}): ReactNode {
  if (vault.Locked !== true) return <StatusIndicator type="stopped">Not locked</StatusIndicator>
  if (vault.LockDate === undefined) return <StatusIndicator type="success">Governance</StatusIndicator>
  return vault.LockDate.getTime() > Date.now() ? (
    <StatusIndicator type="in-progress">Compliance from {when(vault.LockDate)}</StatusIndicator>
  ) : (
    <StatusIndicator type="success">Compliance, for good</StatusIndicator>
  )
}

function CreateVault({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState('')
  const [EncryptionKeyArn, setKey] = useState<string>()
  const input = { BackupVaultName: name, ...(EncryptionKeyArn !== undefined && { EncryptionKeyArn }) }
  return (
    <FormDialog
      title="Create backup vault"
      what="create this backup vault"
      action="Create backup vault"
      isReady={isName('vault', name)}
      command={awsCommand('backup', 'create-backup-vault', input)}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new CreateBackupVaultCommand(input))
        await lookForVaults()
        notify(`Backup vault ${name} was created.`)
      }}
    >
      <NameField kind="vault" hint="It cannot be changed." value={name} onChange={setName} />
      <EncryptionKeyField value={EncryptionKeyArn} onChange={setKey} />
    </FormDialog>
  )
}
