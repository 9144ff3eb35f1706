import {
  InvalidParameterValueException,
  InvalidRequestException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  BackupJob,
  DescribeBackupJobInput,
  DescribeBackupJobOutput,
  ListBackupJobsInput,
  ListBackupJobsOutput,
  RecoveryPointCreator,
  StartBackupJobInput,
  StartBackupJobOutput,
  StopBackupJobInput,
} from '../aws/generated/backup.ts'
import { rootArn } from '../access/identity-arns.ts'
import type { Context } from '../context.ts'
import { kindOf } from './kind-of.ts'
import { whyWaiting } from '../store/jobs/job-limits.ts'
import type { NewJob } from '../store/jobs/jobs.ts'
import { noColdStorage, storedLifecycle } from '../plans/lifecycle.ts'
import type { StoredLifecycle } from '../plans/lifecycle.ts'
import {
  DEFAULT_COMPLETION_WINDOW_MIN,
  DEFAULT_START_WINDOW_MIN,
  MIN_START_WINDOW_MIN,
  windowProblem,
} from '../plans/plan.ts'
import { findJob, insertJob, jobBasics, listJobs, requestCancel } from '../store/jobs/jobs.ts'
import { regionSettings } from '../store/region-settings.ts'
import { findResource } from '../store/resources/resources.ts'
import { quotaState } from '../store/vaults/quotas.ts'
import type { JobTable, ResourceTable, VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import type { Tags } from '../store/identity/tags.ts'
import { vaultArn } from './arns.ts'
import { checkLifecycle, lifecycleShown } from './lifecycle.ts'
import { jobFilterOf } from './job-filter.ts'
import { nextToken, pageOf } from './paging.ts'
import { passRole } from './pass-role.ts'
import { resourceNames } from './resource-names.ts'
import { checkTags } from './tags.ts'
import { vaultsShown } from './vault-keys.ts'
import type { VaultShown } from './vault-keys.ts'
import { refuseRetention } from './vault-protection.ts'
import { vaultNamed } from './vaults.ts'

const MINUTE = 60_000

export async function startBackupJob(
  ctx: Context,
  input: StartBackupJobInput,
): Promise<StartBackupJobOutput> {
  const arn = vaultArn(ctx, input.BackupVaultName)
  const role = await passRole(ctx, input.IamRoleArn, arn)
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  if (vault.vault_type !== 'BACKUP_VAULT') {
    throw new InvalidRequestException(
      `Cannot back up into ${vault.arn}: it is a logically air-gapped vault. Back up into another vault and copy the recovery point into it`,
    )
  }
  const resource = await resourceOf(ctx, input.ResourceArn)
  checkOptions(input)
  checkLifecycle(input.Lifecycle, noColdStorage(vault))
  if (input.Lifecycle !== undefined) refuseRetention(vault, input.Lifecycle)
  const tags = checkTags(input.RecoveryPointTags ?? {})
  const basics = jobBasics(ctx, 'backup')
  const job = {
    ...basics,
    vault_name: input.BackupVaultName,
    resource_arn: resource.arn,
    resource_unique_id: resource.unique_id,
    resource_type: resource.type,
    recovery_point_arn: recoveryPointArn(ctx, resource, basics.job_id),
    role_arn: input.IamRoleArn,
    role_id: role.role_id,
    start_by: ctx.now + (input.StartWindowMinutes ?? DEFAULT_START_WINDOW_MIN) * MINUTE,
    complete_by: ctx.now + (input.CompleteWindowMinutes ?? DEFAULT_COMPLETION_WINDOW_MIN) * MINUTE,
    lock_key: `resource ${resource.unique_id}`,
    idempotency_token: input.IdempotencyToken ?? null,
    input: JSON.stringify({ lifecycle: storedLifecycle(input.Lifecycle), tags: inOrder(tags) }),
  } satisfies NewJob
  const { row, isNew } = await ctx.store.transaction(async (tx) => {
    const inserted = await insertJob(tx, job)
    if (inserted.isNew) await refuseOverQuota(tx, inserted.row, vault)
    return inserted
  })
  if (!isNew) checkSameRequest(row, job)
  ctx.store.wake()
  return {
    BackupJobId: row.job_id,
    RecoveryPointArn: row.recovery_point_arn ?? undefined,
    CreationDate: new Date(row.created_at),
    IsParent: false,
  }
}

/** @throws {LimitExceededException} Where a quota of account, vault or role is used up. */
async function refuseOverQuota(tx: Queryable, job: JobTable, vault: VaultTable): Promise<void> {
  const { problem } = await quotaState(tx, {
    accountId: job.account_id,
    accountArn: rootArn(job.account_id),
    vault,
    roleArn: job.role_arn as string,
    jobId: job.job_id,
    at: job.created_at,
  })
  if (problem === undefined) return
  throw new LimitExceededException(
    `Cannot back up ${job.resource_arn}: ${problem}. Those who run the server set it with roleback:PutQuota`,
    { Context: vault.name },
  )
}

function recoveryPointArn(ctx: Context, resource: ResourceTable, jobId: string): string {
  return kindOf(resource.type).recoveryPointArn({
    region: ctx.region,
    accountId: ctx.accountId,
    jobId,
    name: resource.name,
    createdAt: new Date(ctx.now),
  })
}

/** A repeated token is the same request; with other parameters it is a mistake that must not pass for success. */
function checkSameRequest(earlier: JobTable, job: NewJob): void {
  const words = {
    resource_arn: 'resource arn',
    vault_name: 'vault name',
    role_arn: 'role arn',
    input: 'lifecycle or tags',
  } as const
  for (const column of ['resource_arn', 'vault_name', 'role_arn', 'input'] as const) {
    if (earlier[column] !== job[column]) {
      throw new InvalidParameterValueException(
        `IdempotencyToken "${job.idempotency_token}" was used already for job ${earlier.job_id} with another ${words[column]}`,
        { Context: 'IdempotencyToken' },
      )
    }
  }
}

/** Tags in the order of their keys: the same request may write them in another. */
function inOrder(tags: Tags): Tags {
  return Object.fromEntries(Object.entries(tags).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}

function checkOptions(input: StartBackupJobInput): void {
  for (const [member, least] of [
    ['StartWindowMinutes', MIN_START_WINDOW_MIN],
    ['CompleteWindowMinutes', 1],
  ] as const) {
    const problem = windowProblem(member, input[member], least)
    if (problem !== undefined) throw new InvalidParameterValueException(problem, { Context: member })
  }
  if (input.LogicallyAirGappedBackupVaultArn !== undefined) {
    throw new InvalidRequestException(
      'Backups into a logically air-gapped vault are not available on this server: leave LogicallyAirGappedBackupVaultArn out and copy the recovery point into it',
    )
  }
  for (const option of Object.keys(input.BackupOptions ?? {})) {
    throw new InvalidParameterValueException(
      `Backup option "${option}" is not known for this resource type`,
      { Context: 'BackupOptions' },
    )
  }
}

async function resourceOf(ctx: Context, arn: string): Promise<ResourceTable> {
  const resource = await findResource(ctx.store.db, ctx.accountId, arn)
  if (resource === undefined || resource.region !== ctx.region) {
    throw new ResourceNotFoundException(
      `Cannot back up ${arn}: no such resource is registered in this account and region. Register it with "roleback resource add"`,
      { Context: arn },
    )
  }
  const { optIn } = await regionSettings(ctx.store.db, ctx.accountId, ctx.region)
  if (optIn[resource.type] === false) {
    throw new InvalidRequestException(
      `Resource type ${resource.type} is not opted in for AWS Backup in ${ctx.region}. Opt in with UpdateRegionSettings`,
    )
  }
  return resource
}

export async function describeBackupJob(
  ctx: Context,
  input: DescribeBackupJobInput,
): Promise<DescribeBackupJobOutput> {
  const job = await backupJob(ctx, input.BackupJobId)
  const waits = await whyWaiting(ctx.store.db, job, ctx.now)
  const [shown] = await toBackupJobs(ctx, [job])
  return { ...shown, ...(waits !== undefined && { StatusMessage: waits }) }
}

export async function listBackupJobs(
  ctx: Context,
  input: ListBackupJobsInput,
): Promise<ListBackupJobsOutput> {
  const page = pageOf(ctx, 'ListBackupJobs', input)
  const filter = jobFilterOf(ctx, input)
  if (filter === undefined) return { BackupJobs: [] }
  if (input.ByParentJobId !== undefined) return { BackupJobs: [] }
  const { rows, next } = await listJobs(
    ctx.store.db,
    {
      ...filter,
      kinds: ['backup'],
      states: input.ByState === undefined ? undefined : [input.ByState],
      vaultName: input.ByBackupVaultName,
    },
    page,
  )
  return {
    BackupJobs: await toBackupJobs(ctx, rows),
    NextToken: nextToken(ctx, 'ListBackupJobs', next),
  }
}

export async function stopBackupJob(ctx: Context, input: StopBackupJobInput): Promise<Record<string, never>> {
  const job = await backupJob(ctx, input.BackupJobId)
  const message = 'Backup job was stopped by user.'
  const stop = { now: ctx.now, message, callerArn: ctx.principal.arn }
  const state = await requestCancel(ctx.store.db, job, stop)
  if (state === undefined) {
    throw new InvalidRequestException(`Cannot stop backup job ${job.job_id}: it is ${job.state} already`)
  }
  ctx.store.wake()
  return {}
}

async function backupJob(ctx: Context, jobId: string): Promise<JobTable> {
  const job = await findJob(ctx.store.db, ctx.accountId, jobId, ['backup'])
  if (job === undefined || job.region !== ctx.region) {
    throw new ResourceNotFoundException(`Cannot find backup job ${jobId}`, { Context: jobId })
  }
  return job
}

async function toBackupJobs(ctx: Context, rows: readonly JobTable[]): Promise<BackupJob[]> {
  const vaults = rows.flatMap(({ vault_name: name }) => (name === null ? [] : vaultArn(ctx, name)))
  const vaultOf = await vaultsShown(ctx, vaults)
  const nameOf = await resourceNames(ctx, rows)
  return rows.map((row) => ({
    ...toBackupJob(ctx, row, row.vault_name === null ? {} : vaultOf(vaultArn(ctx, row.vault_name))),
    ResourceName: nameOf(row),
  }))
}

function toBackupJob(ctx: Context, row: JobTable, { keyArn, lockState }: VaultShown): BackupJob {
  const arn = row.vault_name === null ? undefined : vaultArn(ctx, row.vault_name)
  const { lifecycle } = JSON.parse(row.input) as { readonly lifecycle?: StoredLifecycle }
  return {
    AccountId: row.account_id,
    BackupJobId: row.job_id,
    BackupVaultName: row.vault_name ?? undefined,
    BackupVaultArn: arn,
    RecoveryPointArn:
      row.state === 'COMPLETED' || row.state === 'PARTIAL' || row.state === 'RUNNING'
        ? (row.recovery_point_arn ?? undefined)
        : undefined,
    ResourceArn: row.resource_arn ?? undefined,
    ResourceType: row.resource_type ?? undefined,
    CreationDate: new Date(row.created_at),
    CompletionDate: row.completed_at === null ? undefined : new Date(row.completed_at),
    State: row.state,
    StatusMessage: row.status_message ?? undefined,
    MessageCategory: row.message_category ?? undefined,
    PercentDone: percentDone(row),
    BackupSizeInBytes: row.bytes_done,
    BytesTransferred: row.bytes_done,
    IamRoleArn: row.role_arn ?? undefined,
    StartBy: row.start_by === null ? undefined : new Date(row.start_by),
    ExpectedCompletionDate: row.complete_by === null ? undefined : new Date(row.complete_by),
    InitiationDate: new Date(row.created_at),
    IsParent: false,
    IsEncrypted: true,
    EncryptionKeyArn: keyArn,
    VaultType: 'BACKUP_VAULT',
    VaultLockState: lockState,
    RecoveryPointLifecycle: lifecycle && lifecycleShown(lifecycle),
    ...(row.created_by !== null && { CreatedBy: JSON.parse(row.created_by) as RecoveryPointCreator }),
  }
}

/** AWS writes percentages as text, `0.00%`-style without the sign in this field. */
export function percentDone(row: Pick<JobTable, 'state' | 'bytes_done' | 'bytes_total'>): string {
  if (row.state === 'COMPLETED' || row.state === 'PARTIAL') return '100.0'
  if (row.bytes_total === null || row.bytes_total === 0) return '0.0'
  return Math.min(99.9, (100 * row.bytes_done) / row.bytes_total).toFixed(1)
}
