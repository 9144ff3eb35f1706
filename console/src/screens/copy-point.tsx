import { StartCopyJobCommand } from '@aws-sdk/client-backup'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { nameOf } from '../parts/format.ts'
import { jobPath } from '../parts/link.tsx'
import { notify } from '../parts/notices.tsx'
import { useRole } from '../parts/passable-roles.ts'
import { Preflight } from '../parts/preflight.tsx'
import { Problem } from '../parts/problem.tsx'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import { useVaults } from '../parts/vault-choice.ts'
import { useSession } from '../session/session.ts'

/** A recovery point copied into another vault, of this account or of one whose vault takes it. */
export function CopyPoint({
  vault,
  arn,
  onClose,
}: {
  readonly vault: string
  readonly arn: string
  readonly onClose: () => void
}): ReactNode {
  const session = useSession()
  const navigate = useNavigate()
  const [to, setTo] = useState('')
  const [days, setDays] = useState('')
  const [role, setRole] = useRole(arn)
  const vaults = useVaults()
  const others = (vaults.data ?? []).filter(({ BackupVaultName }) => BackupVaultName !== vault)
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role
  const input = {
    RecoveryPointArn: arn,
    SourceBackupVaultName: vault,
    DestinationBackupVaultArn: to,
    IamRoleArn: roleArn,
    ...(days !== '' && { Lifecycle: { DeleteAfterDays: Number(days) } }),
  }
  return (
    <FormDialog
      title="Copy recovery point"
      what="copy this recovery point"
      action="Copy"
      isReady={to !== '' && roleArn !== undefined && /^\d*$/.test(days)}
      command={awsCommand('backup', 'start-copy-job', input)}
      onClose={onClose}
      onSubmit={async () => {
        const IamRoleArn = await ensureRole(role, session.accountId)
        const { CopyJobId: id = '' } = await backup.send(new StartCopyJobCommand({ ...input, IamRoleArn }))
        notify('The copy was started.')
        await navigate(jobPath('copy', id))
      }}
    >
      {vaults.error !== null && <Problem error={vaults.error} what="list backup vaults" />}
      <FormField label="Into the vault">
        <Select
          selectedOption={to === '' ? null : { value: to, label: nameOf(to) }}
          options={others.map(({ BackupVaultArn: value = '', BackupVaultName: label = '' }) => ({
            value,
            label,
          }))}
          placeholder="Choose a vault"
          empty="There is no other vault"
          onChange={({ detail }) => setTo(detail.selectedOption.value ?? '')}
        />
      </FormField>
      <FormField label="Keep it for days (optional)" description="Empty: as long as the original.">
        <Input value={days} inputMode="numeric" onChange={({ detail }) => setDays(detail.value)} />
      </FormField>
      <RoleField passedFor={arn} value={role} onChange={setRole} />
      {to !== '' && roleArn !== undefined && (
        <Preflight
          input={{
            Operation: 'StartCopyJob',
            IamRoleArn: roleArn,
            BackupVaultName: vault,
            RecoveryPointArns: [arn],
            DestinationBackupVaultArn: to,
          }}
          isDefaultRole={role === 'default'}
        />
      )}
    </FormDialog>
  )
}
