import { isFinished } from '../store/jobs/job-states.ts'
import type { VaultTable } from '../store/schema.ts'
import { INDEX_DETAIL_TYPE } from './details.ts'
import { stateOf, textIn } from './event.ts'
import type { Event } from './event.ts'

/** What SNS would send to a topic's subscribers. */
export interface Notification {
  readonly topicArn: string
  readonly subject: string
  readonly text: string
  readonly attributes: Readonly<Record<string, string>>
}

/** As the vault's row keeps it. */
interface Kept {
  readonly topic: string
  readonly events: readonly string[]
}

/** What a topic hears of a vault's event; undefined where it asked for none of its names. */
export function notificationOf(
  vault: Pick<VaultTable, 'notifications'>,
  event: Event,
): Notification | undefined {
  if (vault.notifications === null) return undefined
  const kept = JSON.parse(vault.notifications) as Kept
  const asked = namesOf(event).filter((name) => kept.events.includes(name))
  if (asked.length === 0) return undefined
  if (event['detail-type'] === INDEX_DETAIL_TYPE) return ofIndex(kept.topic, event)
  const { eventType, id, state, text } = wordsOf(event)
  return {
    topicArn: kept.topic,
    subject: SUBJECT,
    text,
    attributes: {
      // Whoever asked for objects only filters by that name.
      EventType: asked.every((name) => OBJECTS_FAILED.includes(name)) ? (asked[0] ?? eventType) : eventType,
      State: state,
      AccountId: event.account,
      Id: id,
      StartTime: textIn(event, 'creationDate') ?? event.time,
    },
  }
}

const SUBJECT = 'Notification from AWS Backup'

/** AWS's message of an index has attributes of its own. */
function ofIndex(topicArn: string, event: Event): Notification {
  const arn = textIn(event, 'recoveryPointArn') ?? ''
  const isGone = stateOf(event) === 'DELETED'
  return {
    topicArn,
    subject: SUBJECT,
    text: `An AWS Backup backup index ${isGone ? 'was deleted' : 'job was completed'}. Indexed recovery point arn: ${arn}`,
    attributes: {
      EventType: isGone ? 'RECOVERY_POINT_INDEX_DELETED' : 'RECOVERY_POINT_INDEXING_COMPLETED',
      AccountId: event.account,
      IndexStatus: stateOf(event) ?? '',
      IsIndexingContinuous: 'false',
      RecoveryPointArn: arn,
    },
  }
}

/** AWS tells of each object; here the job's one message tells how many there were. */
const OBJECTS_FAILED: readonly string[] = ['S3_BACKUP_OBJECT_FAILED', 'S3_RESTORE_OBJECT_FAILED']

const JOBS: Readonly<Record<string, readonly [type: string, id: string]>> = {
  'Backup Job State Change': ['BACKUP_JOB', 'backupJobId'],
  'Copy Job State Change': ['COPY_JOB', 'copyJobId'],
  'Restore Job State Change': ['RESTORE_JOB', 'restoreJobId'],
}

const ENDS: Readonly<Record<string, string>> = {
  COMPLETED: 'SUCCESSFUL',
  PARTIAL: 'SUCCESSFUL',
  FAILED: 'FAILED',
  EXPIRED: 'EXPIRED',
  ABORTED: 'FAILED',
}

/** AWS's BackupVaultEvents that an event is. */
function namesOf(event: Event): readonly string[] {
  const [type] = JOBS[event['detail-type']] ?? []
  if (type !== undefined) {
    const state = stateOf(event) ?? ''
    if (state === 'RUNNING') return [`${type}_STARTED`]
    if (!isFinished(state as 'COMPLETED') || ENDS[state] === undefined) return []
    const ends = [`${type}_COMPLETED`, `${type}_${ENDS[state]}`]
    return objectsFailed(event) === 0 || type === 'COPY_JOB'
      ? ends
      : [...ends, `S3_${type.replace('_JOB', '')}_OBJECT_FAILED`]
  }
  if (event['detail-type'] === 'Recovery Point State Change' && event.detail['status'] === 'MODIFIED')
    return ['RECOVERY_POINT_MODIFIED']
  if (event['detail-type'] === INDEX_DETAIL_TYPE)
    return [stateOf(event) === 'DELETED' ? 'RECOVERY_POINT_INDEX_DELETED' : 'RECOVERY_POINT_INDEX_COMPLETED']
  if (event['detail-type'] === 'Backup Plan State Change') return [`BACKUP_PLAN_${stateOf(event)}`]
  return []
}

/** Objects of a bucket that a job left out. */
function objectsFailed({ detail }: Event): number {
  return detail['resourceType'] === 'S3' && typeof detail['itemsFailed'] === 'number'
    ? detail['itemsFailed']
    : 0
}

const SENTENCES: Readonly<Record<string, string>> = {
  RUNNING: 'was started',
  COMPLETED: 'was completed successfully',
  PARTIAL: 'was completed with some items left out',
  FAILED: 'failed',
  EXPIRED: 'failed to complete in time',
  ABORTED: 'was stopped',
}

/** AWS's sentences (docs.aws.amazon.com/aws-backup/latest/devguide/backup-notifications.html), its spaces before colons included. */
function wordsOf(event: Event): { eventType: string; id: string; state: string; text: string } {
  const [type, idMember] = JOBS[event['detail-type']] ?? []
  const { detail } = event
  if (type === undefined || idMember === undefined) {
    const isPoint = event['detail-type'] === 'Recovery Point State Change'
    const state = stateOf(event) ?? ''
    const arn = event.resources[0] ?? ''
    return {
      eventType: isPoint ? 'RECOVERY_POINT' : 'BACKUP_PLAN',
      id: arn,
      state,
      text: `An AWS Backup ${isPoint ? 'recovery point' : 'plan'} was ${state.toLowerCase()}. ${isPoint ? 'Recovery point' : 'Backup plan'} ARN : ${arn}`,
    }
  }
  const id = textIn(event, idMember) ?? ''
  const state = stateOf(event) ?? ''
  const kind = type === 'BACKUP_JOB' ? 'job' : type === 'COPY_JOB' ? 'copy job' : 'restore job'
  const label = type === 'BACKUP_JOB' ? 'BackupJob' : type === 'COPY_JOB' ? 'CopyJob' : 'RestoreJob'
  const failed = isFinished(state as 'COMPLETED') ? objectsFailed(event) : 0
  const parts = [
    `An AWS Backup ${kind} ${SENTENCES[state] ?? state}.`,
    failed === 0
      ? undefined
      : `${failed} ${failed === 1 ? 'object' : 'objects'} could not be ${type === 'RESTORE_JOB' ? 'restored' : 'backed up'}.`,
    state === 'COMPLETED' || state === 'PARTIAL' || type === 'RESTORE_JOB'
      ? part('Recovery point ARN', detail['recoveryPointArn'] ?? detail['destinationRecoveryPointArn'])
      : undefined,
    part('Resource ARN ', detail['createdResourceArn'] ?? detail['resourceArn']),
    part(`${label} ID `, id),
  ]
  return { eventType: type, id, state, text: parts.filter((one) => one !== undefined).join(' ') }
}

function part(label: string, value: unknown): string | undefined {
  return typeof value === 'string' ? `${label}: ${value}${label.includes(' ID') ? '' : '.'}` : undefined
}
