import { arnOf } from '../lib/arn.ts'
import { isFinished } from '../store/jobs/job-states.ts'
import type { JobKind, JobState, JobTable } from '../store/schema.ts'
import type { Facts } from './details.ts'

/** The columns of a job that its event has. */
export type JobBody = Pick<
  JobTable,
  | 'job_id'
  | 'kind'
  | 'state'
  | 'status_message'
  | 'created_at'
  | 'start_by'
  | 'complete_by'
  | 'completed_at'
  | 'started_at'
  | 'vault_name'
  | 'resource_arn'
  | 'resource_type'
  | 'recovery_point_arn'
  | 'role_arn'
  | 'caller_arn'
  | 'result'
  | 'bytes_total'
  | 'bytes_done'
  | 'items_failed'
  | 'destination_vault_arn'
  | 'attempts'
  | 'created_by'
  | 'plan_id'
> & { readonly before: JobState | null }

interface Place {
  readonly account_id: string
  readonly region: string
}

type Detail = Readonly<Record<string, unknown>>

/** `create-vault` as Create Vault. */
const titleOf = (kind: JobKind): string =>
  kind
    .split('-')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join(' ')

export function jobFacts(place: Place, job: JobBody): Facts {
  const isAws = job.kind === 'backup' || job.kind === 'copy' || job.kind === 'restore'
  const resources = [job.recovery_point_arn ?? vaultArn(place, job.vault_name) ?? job.resource_arn].filter(
    (arn) => typeof arn === 'string',
  )
  return {
    source: isAws ? 'aws.backup' : 'roleback',
    detailType: `${titleOf(job.kind)} Job State Change`,
    resources,
    detail: detailOf(place, job),
    eventName: eventNameOf(job),
  }
}

/** CloudTrail's names of service events; what it has none for is a StateChanged. */
function eventNameOf(job: JobBody): string {
  const isAws = job.kind === 'backup' || job.kind === 'copy' || job.kind === 'restore'
  const step = isFinished(job.state) ? 'Completed' : job.state === 'RUNNING' ? 'Started' : 'StateChanged'
  const what = job.kind === 'restore' ? 'Restore' : `${titleOf(job.kind).replaceAll(' ', '')}Job`
  return `${isAws ? 'backup' : 'roleback'}:${what}${step}`
}

function detailOf(place: Place, job: JobBody): Detail {
  const common: Detail = {
    resourceArn: job.resource_arn ?? undefined,
    resourceType: job.resource_type ?? undefined,
    iamRoleArn: job.role_arn ?? undefined,
    creationDate: iso(job.created_at),
    completionDate: iso(job.completed_at),
    statusMessage: job.status_message ?? undefined,
    // Of tries after the first.
    retryCount: Math.max(0, job.attempts - 1),
    createdBy: creatorOf(job.created_by),
    previousState: job.before ?? undefined,
    itemsFailed: job.items_failed === 0 ? undefined : job.items_failed,
  }
  if (job.kind === 'backup') {
    return {
      backupJobId: job.job_id,
      ...vaultOf(place, job),
      ...common,
      recoveryPointArn: job.recovery_point_arn ?? undefined,
      backupSizeInBytes: String(job.bytes_total ?? job.bytes_done),
      bytesTransferred: String(job.bytes_done),
      percentDone: percentOf(job),
      startBy: iso(job.start_by),
      expectedCompletionDate: iso(job.complete_by),
      state: job.state,
    }
  }
  if (job.kind === 'copy') {
    return {
      copyJobId: job.job_id,
      ...common,
      backupSizeInBytes: job.bytes_total ?? job.bytes_done,
      sourceBackupVaultArn: vaultArn(place, job.vault_name),
      sourceRecoveryPointArn: job.recovery_point_arn ?? undefined,
      destinationBackupVaultArn: job.destination_vault_arn ?? undefined,
      destinationRecoveryPointArn: parsed(job.result)?.['recoveryPointArn'],
      state: job.state,
    }
  }
  if (job.kind === 'restore') {
    return {
      restoreJobId: job.job_id,
      ...common,
      backupVaultArn: vaultArn(place, job.vault_name),
      sourceResourceArn: job.resource_arn ?? undefined,
      recoveryPointArn: job.recovery_point_arn ?? undefined,
      backupSizeInBytes: String(job.bytes_total ?? job.bytes_done),
      percentDone: percentOf(job),
      createdResourceArn: parsed(job.result)?.['createdResourceArn'],
      // AWS's first event of a restore has `state`, the others `status`.
      ...(job.before === null ? { state: job.state } : { status: job.state }),
    }
  }
  return { jobId: job.job_id, jobKind: job.kind, ...vaultOf(place, job), ...common, state: job.state }
}

function vaultOf(place: Place, job: JobBody): Detail {
  return {
    backupVaultName: job.vault_name ?? undefined,
    backupVaultArn: vaultArn(place, job.vault_name),
  }
}

function vaultArn(place: Place, name: string | null): string | undefined {
  return name === null ? undefined : arnOf('backup', place.region, place.account_id, `backup-vault:${name}`)
}

function percentOf(job: JobBody): number {
  if (job.state === 'COMPLETED' || job.state === 'PARTIAL') return 100
  const total = job.bytes_total ?? 0
  return total === 0 ? 0 : Math.min(99, Math.floor((job.bytes_done / total) * 100))
}

/** AWS's createdBy has CreatedBy's members, each with a small first letter, but for the rule's id. */
export function creatorOf(text: string | null): Detail | undefined {
  const creator = parsed(text)
  if (creator === undefined) return undefined
  return Object.fromEntries(
    Object.entries(creator).map(([key, value]) => [
      key === 'BackupRuleId' ? 'backupPlanRuleId' : key.charAt(0).toLowerCase() + key.slice(1),
      value,
    ]),
  )
}

export function parsed(text: string | null): Detail | undefined {
  return text === null ? undefined : (JSON.parse(text) as Detail)
}

export function iso(at: number | null): string | undefined {
  return at === null ? undefined : new Date(at).toISOString()
}
