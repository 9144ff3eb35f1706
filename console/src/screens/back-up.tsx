import { StartBackupJobCommand } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useSearchParams } from 'react-router'
import { backup } from '../api/backup.ts'
import { allPages, roleback } from '../api/roleback.ts'
import { AwsCommand, awsCommand } from '../parts/aws-command.tsx'
import { nameOf, typeName } from '../parts/format.ts'
import { useLeave } from '../parts/leave.ts'
import { jobPath } from '../parts/link.tsx'
import { notify } from '../parts/notices.tsx'
import { Preflight } from '../parts/preflight.tsx'
import { Problem } from '../parts/problem.tsx'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import type { ChosenRole } from '../parts/role-field.tsx'
import { Screen } from '../parts/screen.tsx'
import { useSubmit } from '../parts/submit.ts'
import { lookForVaults, useVaults } from '../parts/vault-choice.ts'
import { useSession } from '../session/session.ts'

/** So many are offered; whoever has more comes from the resource's own screen. */
const MAX_OFFERED = 2_000

export function BackUp(): ReactNode {
  const navigate = useNavigate()
  const leave = useLeave('/resources')
  const session = useSession()
  const [query, setQuery] = useSearchParams()
  const resource = query.get('resource') ?? undefined
  const resources = useQuery({ queryKey: ['resources to choose'], queryFn: listResources })
  const known = useVaults()
  const vaults = (known.data ?? [])
    .filter(({ VaultType }) => VaultType !== 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT')
    .map(({ BackupVaultName: name = '' }) => ({ value: name, label: name }))
  const [chosenVault, setVault] = useState<string>()
  const [days, setDays] = useState('35')
  const [role, setRole] = useState<ChosenRole>('default')
  const vault = chosenVault ?? vaults[0]?.value
  const deleteAfter = days.trim() === '' ? undefined : Number(days)
  const Lifecycle = deleteAfter === undefined ? undefined : { DeleteAfterDays: deleteAfter }
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role

  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const IamRoleArn = await ensureRole(role, session.accountId)
    const { BackupJobId: id = '' } = await backup.send(
      new StartBackupJobCommand({ BackupVaultName: vault, ResourceArn: resource, IamRoleArn, Lifecycle }),
    )
    const label = resources.data?.find(({ value }) => value === resource)?.label ?? nameOf(resource)
    notify(`The backup of ${label} was started.`)
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
                disabled={resource === undefined || vault === undefined || roleArn === undefined}
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
                {resources.error !== null && <Problem error={resources.error} what="list resources" />}
                <FormField label="Resource" stretch>
                  <Select
                    selectedOption={
                      resource === undefined
                        ? null
                        : (resources.data?.find(({ value }) => value === resource) ?? { value: resource })
                    }
                    options={resources.data ?? []}
                    filteringType="auto"
                    placeholder="Choose a resource"
                    statusType={resources.isPending ? 'loading' : 'finished'}
                    empty="No resources. Add one first"
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
                <FormField
                  label="Keep it for days"
                  description="Then it expires and is deleted, under the same role. Empty: for good."
                  errorText={
                    deleteAfter !== undefined && !(deleteAfter >= 1)
                      ? 'A whole number of days, 1 or more'
                      : ''
                  }
                >
                  <Input value={days} inputMode="numeric" onChange={({ detail }) => setDays(detail.value)} />
                </FormField>
              </SpaceBetween>
            </Container>
            <Container header={<Header variant="h2">Role</Header>}>
              <SpaceBetween size="m">
                <RoleField value={role} onChange={setRole} />
                {resource !== undefined && vault !== undefined && roleArn !== undefined && (
                  <Preflight
                    input={{
                      Operation: 'StartBackupJob',
                      IamRoleArn: roleArn,
                      BackupVaultName: vault,
                      ResourceArns: [resource],
                    }}
                    isDefaultRole={role === 'default'}
                  />
                )}
              </SpaceBetween>
            </Container>
            <AwsCommand
              command={awsCommand('backup', 'start-backup-job', {
                BackupVaultName: vault,
                ResourceArn: resource,
                IamRoleArn: roleArn,
                Lifecycle,
              })}
            />
          </SpaceBetween>
        </Form>
      </form>
    </Screen>
  )
}

async function listResources(): Promise<{ value: string; label: string; description: string }[]> {
  const { rows } = await allPages(
    async (NextToken) =>
      await roleback('ListResources', { MaxResults: 500, ...(NextToken !== undefined && { NextToken }) }),
    (page) => page.Resources,
    MAX_OFFERED,
  )
  return rows.map((resource) => ({
    value: resource.ResourceArn,
    label: resource.DisplayName,
    description: `${typeName(resource.ResourceType)} ${resource.Name}`,
  }))
}
