import { guardHandOuts } from '../access/restore-guard.ts'
import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  CopyJob,
  DescribeCopyJobInput,
  DescribeCopyJobOutput,
  ListCopyJobsInput,
  ListCopyJobsOutput,
  RecoveryPointCreator,
  StartCopyJobInput,
  StartCopyJobOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { kindOf } from './kind-of.ts'
import { coldCopyProblem, storedLifecycle } from '../plans/lifecycle.ts'
import type { StoredLifecycle } from '../plans/lifecycle.ts'
import { whyWaiting } from '../store/jobs/job-limits.ts'
import type { NewJob } from '../store/jobs/jobs.ts'
import { findJob, insertJob, jobBasics, listJobs } from '../store/jobs/jobs.ts'
import { COPYABLE, isCold } from '../store/points/recovery-points.ts'
import type { JobState, JobTable, RecoveryPointTable } from '../store/schema.ts'
import { vaultArn } from './arns.ts'
import { copyDestination } from './copy-destination.ts'
import { checkLifecycle, lifecycleShown } from './lifecycle.ts'
import { jobFilterOf } from './job-filter.ts'
import { nextToken, pageOf } from './paging.ts'
import { passRole } from './pass-role.ts'
import { pointIn } from './recovery-points.ts'
import { resourceNames } from './resource-names.ts'
import { statusMessage } from './restore-jobs.ts'
import { vaultsShown } from './vault-keys.ts'
import type { VaultShown } from './vault-keys.ts'
import { refuseRetention } from './vault-protection.ts'

/** As `jobs/copy.ts` reads it. */
interface CopyInput extends StoredLifecycle {
  readonly pointArn: string
  readonly backupJobId?: string | undefined
}

/**
 * What the role may do is asked when the job runs: `backup:CopyFromBackupVault` on the recovery point and
 * `backup:CopyIntoBackupVault` on the destination, each with the access policy of its vault.
 */
export async function startCopyJob(ctx: Context, input: StartCopyJobInput): Promise<StartCopyJobOutput> {
  const role = await passRole(ctx, input.IamRoleArn, input.RecoveryPointArn)
  const point = await pointIn(ctx, input.SourceBackupVaultName, input.RecoveryPointArn)
  if (!COPYABLE.includes(point.status))
    throw new InvalidRequestException(`Cannot copy ${point.arn}: it is ${point.status}`)
  if (isCold(point)) throw new InvalidRequestException(`Cannot copy: ${coldCopyProblem(point.arn)}`)
  const sourceArn = vaultArn(ctx, point.vault_name)
  const destination = await copyDestination(ctx, input.DestinationBackupVaultArn, sourceArn)
  const DeleteAfterDays = input.Lifecycle?.DeleteAfterDays ?? point.delete_after_days ?? undefined
  checkLifecycle({ ...input.Lifecycle, DeleteAfterDays }, destination.noCold)
  // What it inherits from its source the job holds against the lock.
  if (destination.vault !== undefined && (input.Lifecycle?.DeleteAfterDays ?? -1) !== -1)
    refuseRetention(destination.vault, input.Lifecycle)
  const warnings = destination.accountId === ctx.accountId ? [] : await guardHandOuts(ctx, [{ point }])
  for (const warning of warnings) ctx.warn(warning)
  const basics = jobBasics(ctx, 'copy')
  const job = {
    ...basics,
    vault_name: point.vault_name,
    destination_vault_arn: destination.arn,
    resource_arn: point.resource_arn,
    resource_unique_id: point.resource_unique_id,
    resource_type: point.resource_type,
    recovery_point_arn: point.arn,
    role_arn: input.IamRoleArn,
    role_id: role.role_id,
    bytes_total: point.size_bytes,
    lock_key: `copy ${point.resource_unique_id} ${destination.arn}`,
    idempotency_token: input.IdempotencyToken ?? null,
    guard_warning: warnings[0] ?? null,
    input: JSON.stringify({
      pointArn: copyArn(ctx, destination, point, basics.job_id),
      ...storedLifecycle(input.Lifecycle),
    } satisfies CopyInput),
  } satisfies NewJob
  const { row, isNew } = await insertJob(ctx.store.db, job)
  if (!isNew) checkSameRequest(row, job)
  ctx.store.wake()
  return { CopyJobId: row.job_id, CreationDate: new Date(row.created_at), IsParent: false }
}

function copyArn(
  ctx: Context,
  { region, accountId }: { readonly region: string; readonly accountId: string },
  point: RecoveryPointTable,
  jobId: string,
): string {
  return kindOf(point.resource_type).recoveryPointArn({
    region,
    accountId,
    jobId,
    name: point.resource_name,
    createdAt: new Date(ctx.now),
  })
}

/** A repeated token is the same request; with other parameters it is a mistake that must not pass for success. */
function checkSameRequest(earlier: JobTable, job: NewJob): void {
  const words = {
    recovery_point_arn: 'recovery point arn',
    destination_vault_arn: 'destination vault arn',
    role_arn: 'role arn',
  } as const
  const lifecycleOfRow = ({ input }: { readonly input?: string | undefined }): string => {
    const { deleteAfterDays, coldAfterDays } = JSON.parse(input ?? '{}') as CopyInput
    return JSON.stringify([deleteAfterDays, coldAfterDays])
  }
  const other =
    (Object.keys(words) as (keyof typeof words)[]).find((column) => earlier[column] !== job[column]) ??
    (lifecycleOfRow(earlier) === lifecycleOfRow(job) ? undefined : 'lifecycle')
  if (other === undefined) return
  throw new InvalidParameterValueException(
    `IdempotencyToken "${job.idempotency_token}" was used already for copy job ${earlier.job_id} with another ` +
      (other === 'lifecycle' ? other : words[other]),
    { Context: 'IdempotencyToken' },
  )
}

export async function describeCopyJob(
  ctx: Context,
  input: DescribeCopyJobInput,
): Promise<DescribeCopyJobOutput> {
  const job = await findJob(ctx.store.db, ctx.accountId, input.CopyJobId, ['copy'])
  if (job === undefined || job.region !== ctx.region)
    throw new ResourceNotFoundException(`Cannot find copy job ${input.CopyJobId}`, {
      Context: input.CopyJobId,
    })
  const waits = await whyWaiting(ctx.store.db, job, ctx.now)
  const [shown] = await toCopyJobs(ctx, [job])
  return { CopyJob: { ...shown, ...(waits !== undefined && { StatusMessage: waits }) } }
}

export async function listCopyJobs(ctx: Context, input: ListCopyJobsInput): Promise<ListCopyJobsOutput> {
  const page = pageOf(ctx, 'ListCopyJobs', input)
  const filter = jobFilterOf(ctx, input)
  if (filter === undefined) return { CopyJobs: [] }
  if (input.ByParentJobId !== undefined) return { CopyJobs: [] }
  const { rows, next } = await listJobs(
    ctx.store.db,
    {
      ...filter,
      kinds: ['copy'],
      states: input.ByState === undefined ? undefined : statesOf(input.ByState),
      recoveryPointArn: input.BySourceRecoveryPointArn,
      destinationVaultArn: input.ByDestinationVaultArn,
    },
    page,
  )
  return {
    CopyJobs: await toCopyJobs(ctx, rows),
    NextToken: nextToken(ctx, 'ListCopyJobs', next),
  }
}

type CopyJobState = NonNullable<CopyJob['State']>

/** A copy has no states but these on the wire: one that was stopped has failed. */
function statesOf(state: CopyJobState): readonly JobState[] {
  return state === 'FAILED' ? ['FAILED', 'ABORTED', 'EXPIRED'] : [state]
}

function stateOf(state: JobState): CopyJobState {
  switch (state) {
    case 'CREATED':
    case 'PENDING':
      return 'CREATED'
    case 'RUNNING':
    case 'ABORTING':
      return 'RUNNING'
    case 'COMPLETED':
      return 'COMPLETED'
    case 'PARTIAL':
      return 'PARTIAL'
    case 'FAILED':
    case 'ABORTED':
    case 'EXPIRED':
      return 'FAILED'
  }
}

async function toCopyJobs(ctx: Context, rows: readonly JobTable[]): Promise<CopyJob[]> {
  const destinationOf = await vaultsShown(
    ctx,
    rows.map((row) => row.destination_vault_arn as string),
  )
  const nameOf = await resourceNames(ctx, rows)
  return rows.map((row) => ({
    ...toCopyJob(ctx, row, destinationOf(row.destination_vault_arn as string)),
    ResourceName: nameOf(row),
  }))
}

function toCopyJob(ctx: Context, row: JobTable, { keyArn, type, lockState }: VaultShown): CopyJob {
  const input = JSON.parse(row.input) as CopyInput
  const destination = row.destination_vault_arn as string
  return {
    AccountId: row.account_id,
    CopyJobId: row.job_id,
    SourceBackupVaultArn: vaultArn(ctx, row.vault_name as string),
    SourceRecoveryPointArn: row.recovery_point_arn ?? undefined,
    DestinationBackupVaultArn: destination,
    DestinationVaultType: type,
    DestinationVaultLockState: lockState,
    DestinationRecoveryPointArn: row.state === 'COMPLETED' ? input.pointArn : undefined,
    DestinationEncryptionKeyArn: keyArn,
    DestinationRecoveryPointLifecycle: lifecycleShown(input),
    ResourceArn: row.resource_arn ?? undefined,
    ResourceType: row.resource_type ?? undefined,
    CreationDate: new Date(row.created_at),
    CompletionDate: row.completed_at === null ? undefined : new Date(row.completed_at),
    State: stateOf(row.state),
    StatusMessage: statusMessage(row),
    MessageCategory: row.message_category ?? undefined,
    BackupSizeInBytes: row.bytes_total ?? row.bytes_done,
    IamRoleArn: row.role_arn ?? undefined,
    CreatedByBackupJobId: input.backupJobId,
    IsParent: false,
    ...(row.created_by !== null && { CreatedBy: JSON.parse(row.created_by) as RecoveryPointCreator }),
  }
}
