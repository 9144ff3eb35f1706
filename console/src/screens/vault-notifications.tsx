import {
  DeleteBackupVaultNotificationsCommand,
  GetBackupVaultNotificationsCommand,
  PutBackupVaultNotificationsCommand,
} from '@aws-sdk/client-backup'
import type { BackupVaultEvent, GetBackupVaultNotificationsOutput } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Checkbox from '@cloudscape-design/components/checkbox'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { AwsCommand, awsCommand } from '../parts/aws-command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { Link } from '../parts/link.tsx'
import { notify } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'

/** What vaults tell of here, of AWS's events of a vault. */
const EVENTS: readonly (readonly [event: BackupVaultEvent, label: string])[] = [
  ['BACKUP_JOB_STARTED', 'Backup job started'],
  ['BACKUP_JOB_COMPLETED', 'Backup job ended'],
  ['BACKUP_JOB_FAILED', 'Backup job failed'],
  ['COPY_JOB_STARTED', 'Copy job started'],
  ['COPY_JOB_SUCCESSFUL', 'Copy job went well'],
  ['COPY_JOB_FAILED', 'Copy job failed'],
  ['RESTORE_JOB_STARTED', 'Restore job started'],
  ['RESTORE_JOB_COMPLETED', 'Restore job ended'],
  ['RESTORE_JOB_FAILED', 'Restore job failed'],
  ['RECOVERY_POINT_MODIFIED', 'Recovery point changed'],
  ['BACKUP_PLAN_CREATED', 'Backup plan made'],
  ['BACKUP_PLAN_MODIFIED', 'Backup plan changed'],
]

/** What a vault tells which topic, and who hears it. */
export function VaultNotifications({
  vault,
  arn,
}: {
  readonly vault: string
  readonly arn: string
}): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ['vault notifications', vault],
    queryFn: async (): Promise<Kept> => {
      try {
        return await backup.send(new GetBackupVaultNotificationsCommand({ BackupVaultName: vault }))
      } catch (failure) {
        if ((failure as Error).name === 'ResourceNotFoundException') return {}
        throw failure
      }
    },
  })
  if (error !== null) return <Problem error={error} what="see what this vault tells" />
  if (data === undefined) return <Spinner />
  const [, , , region = '', account = ''] = arn.split(':')
  return (
    <SpaceBetween size="l">
      <Told
        key={JSON.stringify([data.SNSTopicArn, data.BackupVaultEvents])}
        vault={vault}
        kept={data}
        anyTopic={`arn:aws:sns:${region}:${account}:backups`}
        onChange={() => void refetch()}
      />
      {data.SNSTopicArn !== undefined && <Listeners topic={data.SNSTopicArn} />}
    </SpaceBetween>
  )
}

type Kept = Partial<Pick<GetBackupVaultNotificationsOutput, 'SNSTopicArn' | 'BackupVaultEvents'>>

function Told({
  vault,
  kept,
  anyTopic,
  onChange,
}: {
  readonly vault: string
  readonly kept: Kept
  readonly anyTopic: string
  readonly onChange: () => void
}): ReactNode {
  const [topic, setTopic] = useState(kept.SNSTopicArn ?? '')
  const [events, setEvents] = useState<readonly BackupVaultEvent[]>(kept.BackupVaultEvents ?? [])
  const [error, setError] = useState<unknown>()
  const [isEnding, setEnding] = useState(false)
  const input = { BackupVaultName: vault, SNSTopicArn: topic, BackupVaultEvents: [...events] }
  // Others that an aws command asked for stay.
  const others = events.filter((event) => !EVENTS.some(([known]) => known === event))
  const save = async (): Promise<void> => {
    setError(undefined)
    try {
      await backup.send(new PutBackupVaultNotificationsCommand(input))
      notify(`${vault} tells its topic from now on.`)
      onChange()
    } catch (failure) {
      setError(failure)
    }
  }
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="What happens to this vault is told to a topic, in AWS's words. Targets listen to the topic; there need be no such topic at AWS."
          actions={
            kept.SNSTopicArn !== undefined && <Button onClick={() => setEnding(true)}>Tell nothing</Button>
          }
        >
          Notifications
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Problem error={error} what="change what this vault tells" />}
        <FormField label="Topic (ARN)" stretch>
          <Input value={topic} placeholder={anyTopic} onChange={({ detail }) => setTopic(detail.value)} />
        </FormField>
        <FormField
          label="Events"
          stretch
          constraintText={others.length === 0 ? undefined : `And ${others.join(', ')}.`}
        >
          <ColumnLayout columns={3}>
            {EVENTS.map(([event, label]) => (
              <Checkbox
                key={event}
                checked={events.includes(event)}
                onChange={({ detail }) =>
                  setEvents(detail.checked ? [...events, event] : events.filter((one) => one !== event))
                }
              >
                {label}
              </Checkbox>
            ))}
          </ColumnLayout>
        </FormField>
        <Button variant="primary" disabled={topic === '' || events.length === 0} onClick={() => void save()}>
          Save
        </Button>
        <AwsCommand
          command={awsCommand('backup', 'put-backup-vault-notifications', {
            BackupVaultName: vault,
            SnsTopicArn: topic === '' ? anyTopic : topic,
            BackupVaultEvents: [...events],
          })}
        />
      </SpaceBetween>
      {isEnding && (
        <Confirm
          title={`Tell nothing of ${vault}`}
          what="end these notifications"
          word="confirm"
          action="Tell nothing"
          command={['delete-backup-vault-notifications', { BackupVaultName: vault }]}
          onClose={() => setEnding(false)}
          onConfirm={async () => {
            await backup.send(new DeleteBackupVaultNotificationsCommand({ BackupVaultName: vault }))
            notify(`${vault} tells its topic nothing any more.`)
            onChange()
          }}
        >
          Whoever listens to the topic hears nothing of this vault any more, failed backups included.
        </Confirm>
      )}
    </Container>
  )
}

/** Targets of the topic; one that has not confirmed hears nothing. */
function Listeners({ topic }: { readonly topic: string }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['event targets', 'of topic', topic],
    queryFn: async () => (await roleback('ListEventTargets', {})).EventTargets,
  })
  if (error !== null) return <Problem error={error} what="see who listens" />
  if (data === undefined) return <Spinner />
  const theirs = data.filter(({ TopicArn }) => TopicArn === topic)
  const settings = <Link to="/settings?tab=notifications">Notifications in the settings</Link>
  if (!theirs.some(({ IsConfirmed }) => IsConfirmed !== false))
    return (
      <Alert type="warning" header="Nobody listens to this topic">
        {theirs.length === 0
          ? 'What this vault tells reaches nobody. '
          : `${theirs.map(({ Name }) => Name).join(', ')} was asked and has not confirmed yet. `}
        Add a target of this topic under {settings}.
      </Alert>
    )
  return (
    <Container header={<Header variant="h2">Who listens</Header>}>
      <SpaceBetween size="xs">
        {theirs.map(({ Name, Type, Host = '', IsConfirmed }) => (
          <div key={Name}>
            {Name} ({Type} at {Host}){IsConfirmed === false && ': not confirmed, it hears nothing'}
          </div>
        ))}
        <div>Change it under {settings}.</div>
      </SpaceBetween>
    </Container>
  )
}
