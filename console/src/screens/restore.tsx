import {
  DescribeRecoveryPointCommand,
  GetRecoveryPointRestoreMetadataCommand,
  ListRecoveryPointsByResourceCommand,
  StartRestoreJobCommand,
} from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Form from '@cloudscape-design/components/form'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams, useSearchParams } from 'react-router'
import { ItemChoice } from './item-choice.tsx'
import { backup } from '../api/backup.ts'
import { AwsCommand, awsCommand } from '../parts/aws-command.tsx'
import { Escalation } from './restore-escalation.tsx'
import { TargetForm, canRestore, isWhere } from './restore-target.tsx'
import { healthWord, isWholePoint } from '../parts/damage.ts'
import { DryRun } from '../parts/dry-run.tsx'
import { Facts } from '../parts/facts.tsx'
import { bytes, typeName, when } from '../parts/format.ts'
import { useLeave } from '../parts/leave.ts'
import { jobPath, restorePath, vaultPath } from '../parts/link.tsx'
import { notify } from '../parts/notices.tsx'
import { useRole } from '../parts/passable-roles.ts'
import { Preflight } from '../parts/preflight.tsx'
import { Message, Problem } from '../parts/problem.tsx'
import { metadataOf, suggestedName } from '../parts/restore-metadata.ts'
import type { RestoreTarget } from '../parts/restore-metadata.ts'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import { ResourceLink, useResourceName } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'
import { useSubmit } from '../parts/submit.ts'
import { State } from '../parts/state.tsx'
import { Timeline } from '../parts/timeline.tsx'
import { useSession } from '../session/session.ts'

/** Recovery points of the same resource that are offered beside this one. */
const MAX_BESIDE = 100

/** Another point starts anew: what was chosen of this one need not be in it. */
export function Restore(): ReactNode {
  const { vault = '', arn = '' } = useParams()
  return <RestoreOf key={`${vault} ${arn}`} vault={vault} arn={arn} />
}

function RestoreOf({ vault, arn }: { readonly vault: string; readonly arn: string }): ReactNode {
  const navigate = useNavigate()
  const leave = useLeave(vaultPath(vault))
  const session = useSession()
  const point = useQuery({
    queryKey: ['point', vault, arn],
    queryFn: async () =>
      await backup.send(new DescribeRecoveryPointCommand({ BackupVaultName: vault, RecoveryPointArn: arn })),
  })
  const given = useQuery({
    queryKey: ['restore metadata', vault, arn],
    queryFn: async () =>
      (
        await backup.send(
          new GetRecoveryPointRestoreMetadataCommand({
            BackupVaultName: vault,
            RecoveryPointArn: arn,
          }),
        )
      ).RestoreMetadata ?? {},
  })
  const others = useQuery({
    queryKey: ['points beside', point.data?.ResourceArn],
    queryFn: async () =>
      (
        await backup.send(
          new ListRecoveryPointsByResourceCommand({
            ResourceArn: point.data?.ResourceArn,
            MaxResults: MAX_BESIDE,
          }),
        )
      ).RecoveryPoints ?? [],
    enabled: point.data?.ResourceArn !== undefined,
  })
  const [query] = useSearchParams()
  const type = point.data?.ResourceType ?? ''
  const [openedAt] = useState(() => new Date())
  const source = useResourceName(point.data?.ResourceArn, point.data?.ResourceName)
  const [chosen, setTarget] = useState<Omit<RestoreTarget, 'name'> & { readonly name: string | undefined }>({
    to: 'new',
    directory: undefined,
    name: query.get('name') ?? undefined,
    items: query.getAll('items').join('\n'),
  })
  const target: RestoreTarget = { ...chosen, name: chosen.name ?? suggestedName(type, source, openedAt) }
  const [role, setRole] = useRole(arn)
  const metadata = given.data === undefined ? undefined : metadataOf(type, given.data, target)
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role
  const isReady = metadata !== undefined && roleArn !== undefined && isWhere(type, target)

  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const IamRoleArn = await ensureRole(role, session.accountId)
    const { RestoreJobId: id = '' } = await backup.send(
      new StartRestoreJobCommand({
        RecoveryPointArn: arn,
        Metadata: metadata,
        IamRoleArn,
        ResourceType: type,
      }),
    )
    notify('The restore was started.')
    await navigate(jobPath('restore', id))
  })
  return (
    <Screen
      title="Restore"
      description="Nothing of the source is overwritten: a restore makes something new, or goes into a folder of its own."
      above={[
        ['Backup vaults', '/vaults'],
        [vault, vaultPath(vault)],
      ]}
      isLoading={point.isPending}
    >
      {point.error !== null && <Problem error={point.error} what="look at this recovery point" />}
      {given.error !== null && <Problem error={given.error} what="read what it was made of" />}
      {point.data !== undefined && (
        <Container header={<Header variant="h2">Recovery point</Header>}>
          <Facts
            of={[
              ['Created', when(point.data.CreationDate)],
              ['State', <State key="state" state={point.data.Status} warning={point.data.StatusMessage} />],
              [
                'Resource',
                <ResourceLink key="resource" arn={point.data.ResourceArn} called={point.data.ResourceName} />,
              ],
              ['Type', typeName(type)],
              ['Size', bytes(point.data.BackupSizeInBytes)],
              ['Kept until', when(point.data.CalculatedLifecycle?.DeleteAt)],
              ['ARN', arn],
            ]}
          />
        </Container>
      )}
      {point.data?.StatusMessage !== undefined && point.data.StatusMessage !== '' && (
        <Alert type="warning">
          <Message text={point.data.StatusMessage} />
        </Alert>
      )}
      {others.data !== undefined && others.data.length > 1 && (
        <Container header={<Header variant="h2">Timeline</Header>}>
          <Timeline
            points={others.data.map((one) => ({
              at: one.CreationDate ?? new Date(0),
              label: `${when(one.CreationDate)}, ${bytes(one.BackupSizeBytes)}${healthWord(one)}`,
              isWhole: isWholePoint(one),
              isChosen: one.RecoveryPointArn === arn,
              path: restorePath(one.BackupVaultName ?? '', one.RecoveryPointArn ?? ''),
            }))}
          />
        </Container>
      )}
      {metadata !== undefined && (
        <form onSubmit={onSubmit}>
          <Form
            actions={
              <SpaceBetween direction="horizontal" size="xs">
                <Button variant="link" formAction="none" onClick={leave}>
                  Cancel
                </Button>
                <Button variant="primary" loading={isBusy} disabled={!isReady}>
                  Restore
                </Button>
              </SpaceBetween>
            }
          >
            <SpaceBetween size="l">
              {error !== undefined && <Problem error={error} what="restore this" />}
              <Container header={<Header variant="h2">Where to</Header>}>
                <SpaceBetween size="m">
                  <TargetForm
                    type={type}
                    source={point.data?.ResourceArn}
                    target={target}
                    onChange={setTarget}
                  />
                  {canRestore(type) && (
                    <ItemChoice
                      {...{ vault, arn, type }}
                      chosen={target.items.split('\n')}
                      onChoose={(name) =>
                        setTarget((before) => ({
                          ...before,
                          items: before.items.trim() === '' ? name : `${before.items.trimEnd()}\n${name}`,
                        }))
                      }
                    />
                  )}
                </SpaceBetween>
              </Container>
              <Container header={<Header variant="h2">Restore role</Header>}>
                <SpaceBetween size="m">
                  <RoleField passedFor={arn} label="Restore role" value={role} onChange={setRole} />
                  {isReady && (
                    <Rights role={roleArn} isDefaultRole={role === 'default'} {...{ arn, metadata }} />
                  )}
                </SpaceBetween>
              </Container>
              <AwsCommand
                command={awsCommand('backup', 'start-restore-job', {
                  RecoveryPointArn: arn,
                  Metadata: metadata,
                  IamRoleArn: roleArn,
                  ResourceType: type,
                })}
              />
            </SpaceBetween>
          </Form>
        </form>
      )}
    </Screen>
  )
}

/** Whether it would go, and what it would give its caller. */
function Rights({
  role,
  isDefaultRole,
  arn,
  metadata,
}: {
  readonly role: string
  readonly isDefaultRole: boolean
  readonly arn: string
  readonly metadata: Readonly<Record<string, string>>
}): ReactNode {
  const asked = {
    input: {
      Operation: 'StartRestoreJob',
      IamRoleArn: role,
      RecoveryPointArns: [arn],
      Metadata: metadata,
    },
    isDefaultRole,
  } as const
  return (
    <SpaceBetween size="m">
      <Escalation {...asked} />
      <Preflight {...asked} />
      <DryRun key={JSON.stringify(asked.input)} input={asked.input} />
    </SpaceBetween>
  )
}
