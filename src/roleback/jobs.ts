import { resourceTagKeys } from '../access/request-context.ts'
import { findPassedRole, passRoleContext } from '../access/passed-role.ts'
import { guardHandOuts } from '../access/restore-guard.ts'
import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  DescribeJobInput,
  DescribeJobOutput,
  Job,
  JobDecision,
  ListJobDecisionsInput,
  ListJobDecisionsOutput,
  StartExportJobInput,
  StartExportJobOutput,
  StartRepairJobInput,
  StartRepairJobOutput,
  StartSweepJobInput,
  StartSweepJobOutput,
  StartVerifyJobInput,
  StartVerifyJobOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { kindOfType } from '../kinds/kinds.ts'
import { listDecisions } from '../store/audit/decisions.ts'
import type { JobDecisionTable } from '../store/audit/schema-decisions.ts'
import { whyWaiting } from '../store/jobs/job-limits.ts'
import { findJob, insertJob, jobBasics } from '../store/jobs/jobs.ts'
import { findRecoveryPoint, listRecoveryPoints, RESTORABLE } from '../store/points/recovery-points.ts'
import type { JobTable, RecoveryPointTable, RoleTable, VaultTable } from '../store/schema.ts'
import { tagsOf } from '../store/identity/tags.ts'
import type { PointDamage } from '../store/vaults/vault-scrubs.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { damageToShow } from './damaged-items.ts'
import { nextToken, pageOf } from './paging.ts'

/** One export takes so many recovery points at most. */
const MAX_EXPORTED = 1000

export async function describeJob(ctx: Context, input: DescribeJobInput): Promise<DescribeJobOutput> {
  const job = await jobNamed(ctx, input.JobId)
  const waits = await whyWaiting(ctx.store.db, job, ctx.now)
  const result = JSON.parse(job.result) as Record<string, unknown>
  if (Array.isArray(result['damage']))
    result['damage'] = await damageToShow(ctx, result['damage'] as PointDamage[])
  return { Job: { ...toJob(job, result), ...(waits !== undefined && { StatusMessage: waits }) } }
}

async function jobNamed(ctx: Context, jobId: string): Promise<JobTable> {
  const job = await findJob(ctx.store.db, ctx.accountId, jobId)
  if (job === undefined) throw new ResourceNotFoundException(`Cannot find job ${jobId}`, { Context: jobId })
  return job
}

export async function listJobDecisions(
  ctx: Context,
  input: ListJobDecisionsInput,
): Promise<ListJobDecisionsOutput> {
  const job = await jobNamed(ctx, input.JobId)
  const list = `ListJobDecisions ${job.job_id}`
  const { rows, next } = await listDecisions(
    ctx.store.db,
    { accountId: ctx.accountId, jobId: job.job_id },
    pageOf(ctx, list, input),
  )
  return { Decisions: rows.map((row) => toDecision(job, row)), NextToken: nextToken(ctx, list, next) }
}

export async function startVerifyJob(
  ctx: Context,
  input: StartVerifyJobInput,
): Promise<StartVerifyJobOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const { row } = await insertJob(ctx.store.db, {
    ...jobBasics(ctx, 'verify'),
    vault_name: vault.name,
    input: JSON.stringify({ readData: input.ReadData !== false }),
  })
  ctx.store.wake()
  return { JobId: row.job_id }
}

/**
 * A repair reads recovery points of other vaults into this one, so a role is passed, and asked as a copy's is when the job runs:
 * `backup:CopyFromBackupVault` on each, `backup:CopyIntoBackupVault` on this vault.
 */
export async function startRepairJob(
  ctx: Context,
  input: StartRepairJobInput,
): Promise<StartRepairJobOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const role = await passedRole(ctx, input.IamRoleArn, vault.arn)
  const { row } = await insertJob(ctx.store.db, {
    ...jobBasics(ctx, 'repair'),
    vault_name: vault.name,
    role_arn: input.IamRoleArn,
    role_id: role.role_id,
    // A sweep that ran meanwhile would free packs that the repair is about to look into.
    lock_key: `sweep ${vault.vault_id}`,
  })
  ctx.store.wake()
  return { JobId: row.job_id }
}

export async function startSweepJob(ctx: Context, input: StartSweepJobInput): Promise<StartSweepJobOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const { row } = await insertJob(ctx.store.db, {
    ...jobBasics(ctx, 'sweep'),
    vault_name: vault.name,
    lock_key: `sweep ${vault.vault_id}`,
  })
  ctx.store.wake()
  return { JobId: row.job_id }
}

/**
 * Export hands out data in plain reach, so it is a job like a restore: the caller needs `backup:StartRestoreJob` on each point
 * and must pass a role, under which the points are read.
 */
export async function startExportJob(
  ctx: Context,
  input: StartExportJobInput,
): Promise<StartExportJobOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const role = await passedRole(ctx, input.IamRoleArn, vault.arn)
  const points = await pointsToExport(ctx, vault, input.RecoveryPointArns)
  for (const point of points) {
    const tags = await tagsOf(ctx.store.db, ctx.accountId, point.arn)
    await ctx.authorize('backup:StartRestoreJob', point.arn, resourceTagKeys(tags))
  }
  checkPlace(ctx, 'TargetPath', input.TargetPath)
  const warnings = await guardHandOuts(
    ctx,
    points.map((point) => ({ point })),
  )
  for (const warning of warnings) ctx.warn(warning)
  const basics = jobBasics(ctx, 'export')
  await insertJob(ctx.store.db, {
    ...basics,
    vault_name: vault.name,
    role_arn: input.IamRoleArn,
    role_id: role.role_id,
    guard_warning: warnings.length === 0 ? null : warnings.join('\n'),
    input: JSON.stringify({
      format: input.Format,
      targetPath: input.TargetPath,
      password: ctx.serverKey.seal('job-secret', basics.job_id, Buffer.from(input.Password)),
      recoveryPointArns: points.map((point) => point.arn),
    }),
  })
  ctx.store.wake()
  return { JobId: basics.job_id, Warnings: warnings }
}

/** The role of a job that reads or fills a vault. @throws Where the caller may not pass it, or AWS Backup not assume it. */
export async function passedRole(ctx: Context, arn: string, sourceArn: string): Promise<RoleTable> {
  await ctx.authorize('iam:PassRole', arn, passRoleContext(sourceArn))
  const passed = await findPassedRole(ctx.store.db, ctx.accountId, arn, { sourceArn, now: ctx.now })
  if (!passed.ok) throw new InvalidParameterValueException(passed.message, { Context: arn })
  return passed.role
}

async function pointsToExport(
  ctx: Context,
  vault: VaultTable,
  arns: readonly string[] | undefined,
): Promise<readonly RecoveryPointTable[]> {
  if (arns === undefined) {
    const filter = {
      accountId: ctx.accountId,
      region: ctx.region,
      vaultName: vault.name,
      statuses: RESTORABLE,
    }
    const { rows, next } = await listRecoveryPoints(ctx.store.db, filter, { limit: MAX_EXPORTED })
    if (next !== undefined)
      throw new InvalidRequestException(
        `${vault.name} holds more than ${MAX_EXPORTED} recovery points: name those to export`,
      )
    if (rows.length === 0)
      throw new InvalidRequestException(`${vault.name} holds no recovery point that could be exported`)
    return rows
  }
  const points: RecoveryPointTable[] = []
  for (const arn of arns) {
    const point = await findRecoveryPoint(ctx.store.db, ctx.accountId, arn)
    if (point === undefined || point.region !== vault.region || point.vault_name !== vault.name) {
      throw new ResourceNotFoundException(
        `Cannot find recovery point ${arn} in backup vault "${vault.name}"`,
        { Context: arn },
      )
    }
    points.push(point)
  }
  return points
}

/** @throws {InvalidParameterValueException} For a place on the server's host that `member` of this account must not name. */
export function checkPlace(ctx: Context, member: string, path: string): void {
  if (!path.startsWith('/') || path.includes('\0') || path.split('/').includes('..')) {
    throw new InvalidParameterValueException(
      `${member} must be an absolute path without "..", not "${path}"`,
      { Context: member },
    )
  }
  const { dataDir, vaultRoots, allowedRoots, managementAccountId } = ctx.server
  const isBelow = (root: string): boolean => path === root || path.startsWith(`${root}/`)
  if ([dataDir, ...vaultRoots].some(isBelow)) {
    throw new InvalidParameterValueException(`${member} "${path}" lies in the server's own data directory`, {
      Context: member,
    })
  }
  if (ctx.accountId !== managementAccountId && !allowedRoots.some(isBelow)) {
    throw new InvalidParameterValueException(
      `${member} "${path}" lies under none of the server's allowed roots (serve --allow-root)`,
      { Context: member },
    )
  }
}

export async function vaultNamed(ctx: Context, name: string): Promise<VaultTable> {
  const vault = await findVault(ctx.store.db, ctx.accountId, ctx.region, name)
  if (vault === undefined)
    throw new ResourceNotFoundException(`Backup vault "${name}" does not exist in this account and region`, {
      Context: name,
    })
  return vault
}

export function toJob(row: JobTable, result: Readonly<Record<string, unknown>>): Job {
  return {
    JobId: row.job_id,
    JobType: row.kind,
    State: row.state,
    StatusMessage: row.status_message ?? undefined,
    // What was there already was not moved: a job that ended well is done nevertheless.
    PercentDone: row.state === 'COMPLETED' || row.state === 'PARTIAL' ? 100 : percentOf(row),
    BytesDone: row.bytes_done,
    BytesTotal: row.bytes_total ?? undefined,
    ItemsDone: row.items_done,
    ItemsFailed: row.items_failed,
    CreationDate: new Date(row.created_at),
    CompletionDate: row.completed_at === null ? undefined : new Date(row.completed_at),
    IamRoleArn: row.role_arn ?? undefined,
    CallerArn: row.caller_arn,
    StopRequestedBy: row.stop_asked_by ?? undefined,
    StopRequestedAt: row.stop_asked_at === null ? undefined : new Date(row.stop_asked_at),
    ResourceArn: row.resource_arn ?? undefined,
    RecoveryPointArn: row.recovery_point_arn ?? undefined,
    BackupVaultName: row.vault_name ?? undefined,
    Warnings: row.guard_warning?.split('\n'),
    Result: Object.fromEntries(
      Object.entries(result)
        .filter(([key]) => !(DEDUPLICATED.has(row.kind) && key === 'storedBytes'))
        // What a restore that is cut off is known again by is its next run's.
        .filter(([key]) => !(row.kind === 'restore' && key === 'placed'))
        // Names of things are told to those whom the restore guard lets know them: ListItemSearchResults.
        .filter(([key]) => !(row.kind === 'search' && key === 'found'))
        .map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
    ),
  }
}

/** What these stored tells whether the vault had their bytes before, and so confirms what somebody guesses is in it. */
const DEDUPLICATED: ReadonlySet<JobTable['kind']> = new Set(['backup', 'copy'])

function percentOf(row: JobTable): number | undefined {
  if (row.bytes_total === null || row.bytes_total === 0) return undefined
  return Math.min(100, (100 * row.bytes_done) / row.bytes_total)
}

function toDecision(job: JobTable, row: JobDecisionTable): JobDecision {
  return {
    Step: row.step,
    IsOptional: kindOfType(job.resource_type ?? '')?.restore[row.step]?.optional === true,
    Action: row.action,
    Effect: row.effect,
    ResourceArn: row.first_arn,
    LastResourceArn: row.last_arn,
    Count: row.count,
    Reason: row.reason,
    PolicyArn: row.policy ?? undefined,
    StatementId: row.statement ?? undefined,
    FirstAt: new Date(row.first_at),
    LastAt: new Date(row.last_at),
  }
}
