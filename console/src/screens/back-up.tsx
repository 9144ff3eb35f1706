import { StartBackupJobCommand } from '@aws-sdk/client-backup'
import type { Lifecycle as LifecycleToKeep } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { lifecycleSlip } from './plan-builder/draft.ts'
import { LifecycleFields, NumberField } from './plan-builder/lifecycle-fields.tsx'
import { backup } from '../api/backup.ts'
import { AwsCommand, awsCommand } from '../parts/aws-command.tsx'
import { useLeave } from '../parts/leave.ts'
import { jobPath } from '../parts/link.tsx'
import { notify } from '../parts/notices.tsx'
import { useRole } from '../parts/passable-roles.ts'
import { Preflight } from '../parts/preflight.tsx'
import { Problem } from '../parts/problem.tsx'
import { useResourceName } from '../parts/resource-link.tsx'
import { useResourceOptions } from '../parts/resource-options.ts'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import { Screen } from '../parts/screen.tsx'
import { useSubmit } from '../parts/submit.ts'
import { TagFields } from '../parts/tag-fields.tsx'
import type { Tags } from '../parts/tag-fields.tsx'
import { lookForVaults, useVaults } from '../parts/vault-choice.ts'
import { useSession } from '../session/session.ts'

export function BackUp(): ReactNode {
  const navigate = useNavigate()
  const leave = useLeave('/resources')
  const session = useSession()
  const [query, setQuery] = useSearchParams()
  const resource = query.get('resource') ?? undefined
  const options = useResourceOptions(undefined)
  const name = useResourceName(resource)
  const known = useVaults()
  const vaults = (known.data ?? [])
    .filter(({ VaultType }) => VaultType !== 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT')
    .map(({ BackupVaultName: name = '' }) => ({ value: name, label: name }))
  const [chosenVault, setVault] = useState<string>()
  const [Lifecycle, setLifecycle] = useState<LifecycleToKeep | undefined>({ DeleteAfterDays: 35 })
  const [tags, setTags] = useState<Tags>({})
  const [startHours, setStartHours] = useState<number>()
  const [completeDays, setCompleteDays] = useState<number>()
  const vault = chosenVault ?? vaults[0]?.value
  const vaultArn = known.data?.find(({ BackupVaultName }) => BackupVaultName === vault)?.BackupVaultArn
  const [role, setRole] = useRole(vaultArn)
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role

  const job = {
    BackupVaultName: vault,
    ResourceArn: resource,
    Lifecycle,
    ...(Object.keys(tags).length > 0 && { RecoveryPointTags: { ...tags } }),
    ...(startHours !== undefined && { StartWindowMinutes: startHours * 60 }),
    ...(completeDays !== undefined && { CompleteWindowMinutes: completeDays * 1440 }),
  }
  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const IamRoleArn = await ensureRole(role, session.accountId)
    const { BackupJobId: id = '' } = await backup.send(new StartBackupJobCommand({ ...job, IamRoleArn }))
    notify(`The backup of ${name} was started.`)
    await navigate(jobPath('backup', id))
  })
  return (
    <Screen
      title="Back up now"
      description="One backup of one resource, at once, under a role."
      above={[['Resources', '/resources']]}
    >
      <form onSubmit={onSubmit}>
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={leave}>
                Cancel
              </Button>
              <Button
                variant="primary"
                loading={isBusy}
                disabled={
                  resource === undefined ||
                  vault === undefined ||
                  roleArn === undefined ||
                  lifecycleSlip(Lifecycle) !== undefined
                }
              >
                Start backup
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            {error !== undefined && <Problem error={error} what="start this backup" />}
            <Container header={<Header variant="h2">What and where to</Header>}>
              <SpaceBetween size="m">
                <FormField label="Resource" stretch>
                  <Select
                    {...options}
                    selectedOption={resource === undefined ? null : { value: resource, label: name }}
                    placeholder="Choose a resource"
                    onChange={({ detail }) => setQuery({ resource: detail.selectedOption.value ?? '' })}
                  />
                </FormField>
                {known.error !== null && <Problem error={known.error} what="list backup vaults" />}
                <FormField label="Backup vault" stretch>
                  <Select
                    selectedOption={vault === undefined ? null : { value: vault, label: vault }}
                    options={vaults}
                    placeholder="Choose a backup vault"
                    statusType={known.data === undefined ? 'loading' : 'finished'}
                    empty="No backup vaults. Create one first"
                    onFocus={() => void lookForVaults()}
                    onChange={({ detail }) => setVault(detail.selectedOption.value)}
                  />
                </FormField>
                {known.data !== undefined && vaults.length === 0 && (
                  <Alert
                    type="info"
                    action={
                      <Button formAction="none" onClick={() => void navigate('/vaults')}>
                        Backup vaults
                      </Button>
                    }
                  >
                    There is no backup vault yet.
                  </Alert>
                )}
                <LifecycleFields
                  lifecycle={Lifecycle}
                  vault={vault}
                  kept="Then it expires and is deleted, under the same role. Empty: kept for good."
                  onChange={setLifecycle}
                />
                <ExpandableSection headerText="Tags of the recovery point">
                  <TagFields tags={tags} onChange={setTags} />
                </ExpandableSection>
                <ExpandableSection headerText="Backup window">
                  <ColumnLayout columns={2}>
                    <NumberField
                      label="Start within (hours)"
                      description="If it did not start by then, it expires. Empty: 8."
                      value={startHours}
                      onChange={setStartHours}
                    />
                    <NumberField
                      label="Complete within (days)"
                      description="If it takes longer, it is stopped. Empty: 7."
                      value={completeDays}
                      onChange={setCompleteDays}
                    />
                  </ColumnLayout>
                </ExpandableSection>
              </SpaceBetween>
            </Container>
            <Container header={<Header variant="h2">Role</Header>}>
              <SpaceBetween size="m">
                <RoleField passedFor={vaultArn} value={role} onChange={setRole} />
                {resource !== undefined && vault !== undefined && roleArn !== undefined && (
                  <Preflight
                    input={{
                      Operation: 'StartBackupJob',
                      IamRoleArn: roleArn,
                      BackupVaultName: vault,
                      ResourceArns: [resource],
                      ...(job.RecoveryPointTags !== undefined && {
                        RecoveryPointTags: job.RecoveryPointTags,
                      }),
                    }}
                    isDefaultRole={role === 'default'}
                  />
                )}
              </SpaceBetween>
            </Container>
            <AwsCommand command={awsCommand('backup', 'start-backup-job', { ...job, IamRoleArn: roleArn })} />
          </SpaceBetween>
        </Form>
      </form>
    </Screen>
  )
}
