import { CreateBackupSelectionCommand, GetBackupPlanCommand } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Form from '@cloudscape-design/components/form'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { EMPTY, selectionOf } from './draft.ts'
import { LeastPrivilege } from './least-privilege.tsx'
import { Matches } from './matches.tsx'
import { Which } from './which.tsx'
import { backup } from '../../api/backup.ts'
import type { SelectionToPreview } from '../../api/generated.ts'
import { AwsCommand, awsCommand } from '../../parts/aws-command.tsx'
import { useLeave } from '../../parts/leave.ts'
import { NameField, isName } from '../../parts/name-field.tsx'
import { notify } from '../../parts/notices.tsx'
import { useRole } from '../../parts/passable-roles.ts'
import { Preflight } from '../../parts/preflight.tsx'
import { Problem } from '../../parts/problem.tsx'
import { RoleField, defaultRoleArn, ensureRole } from '../../parts/role-field.tsx'
import { Screen } from '../../parts/screen.tsx'
import { useSubmit } from '../../parts/submit.ts'
import { useSession } from '../../session/session.ts'

/** While somebody writes, nothing is asked. */
const SETTLED_MS = 300

export function Assign(): ReactNode {
  const id = useParams()['id'] ?? ''
  const leave = useLeave(`/plans/${encodeURIComponent(id)}`)
  const navigate = useNavigate()
  const session = useSession()
  const [name, setName] = useState('')
  const [draft, setDraft] = useState(EMPTY)
  const plan = useQuery({
    queryKey: ['assigned plan', id],
    queryFn: async () => await backup.send(new GetBackupPlanCommand({ BackupPlanId: id })),
  })
  const [role, setRole] = useRole(plan.data?.BackupPlanArn)
  const selection = selectionOf(draft)
  const asked = JSON.parse(useSettled(JSON.stringify(selection ?? null))) as SelectionToPreview | null
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role

  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const IamRoleArn = await ensureRole(role, session.accountId)
    await backup.send(
      new CreateBackupSelectionCommand({
        BackupPlanId: id,
        BackupSelection: { SelectionName: name, IamRoleArn, ...(selection as object) },
      }),
    )
    notify(`Resources were assigned to ${plan.data?.BackupPlan?.BackupPlanName ?? 'the plan'}.`)
    await navigate(`/plans/${encodeURIComponent(id)}`)
  })
  return (
    <Screen
      title="Assign resources"
      above={[
        ['Backup plans', '/plans'],
        [plan.data?.BackupPlan?.BackupPlanName ?? id, `/plans/${encodeURIComponent(id)}`],
      ]}
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
                disabled={!isName('plan', name) || roleArn === undefined || selection === undefined}
              >
                Assign resources
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            {error !== undefined && <Problem error={error} what="assign these resources" />}
            <Container header={<Header variant="h2">General</Header>}>
              <SpaceBetween size="m">
                <NameField
                  label="Resource assignment name"
                  kind="plan"
                  value={name}
                  stretch
                  onChange={setName}
                />
                <RoleField passedFor={plan.data?.BackupPlanArn} value={role} onChange={setRole} />
                <Alert type="info">
                  If the role lacks a right that a resource needs, that resource’s backup fails. Below you see
                  beforehand whether it does.
                </Alert>
              </SpaceBetween>
            </Container>
            <Which draft={draft} onChange={setDraft} />
            {asked !== null && <Matches selection={asked} />}
            {roleArn !== undefined && asked !== null && (
              <Container header={<Header variant="h2">Whether the role can do it</Header>}>
                <SpaceBetween size="m">
                  <Preflight
                    input={{
                      Operation: 'CreateBackupSelection',
                      IamRoleArn: roleArn,
                      BackupPlanId: id,
                      BackupSelection: asked,
                    }}
                    isDefaultRole={role === 'default'}
                  />
                  <LeastPrivilege
                    selection={asked}
                    onCreated={setRole}
                    vaults={(plan.data?.BackupPlan?.Rules ?? []).map(
                      (rule) => rule.TargetBackupVaultName ?? '',
                    )}
                  />
                </SpaceBetween>
              </Container>
            )}
            <AwsCommand
              command={awsCommand('backup', 'create-backup-selection', {
                BackupPlanId: id,
                BackupSelection: { SelectionName: name, IamRoleArn: roleArn, ...selection },
              })}
            />
          </SpaceBetween>
        </Form>
      </form>
    </Screen>
  )
}

/** The last text that stayed for a moment. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), SETTLED_MS)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}
