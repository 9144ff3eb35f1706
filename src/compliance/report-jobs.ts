import { arnOf } from '../lib/arn.ts'
import type { PlanDocument } from '../plans/plan.ts'
import { lockOf } from '../plans/vault-lock.ts'
import { UNFINISHED_STATES } from '../store/jobs/job-states.ts'
import { listJobs } from '../store/jobs/jobs.ts'
import { findPlan } from '../store/plans/plans.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import type { JobTable, RecoveryPointTable, VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { findVault, findVaultByArn } from '../store/vaults/vaults.ts'
import { allRows } from './all-rows.ts'
import type { ReportItem, ReportScope } from './report.ts'

/** A job with what its item tells beside it. */
interface Reported {
  readonly scope: ReportScope
  readonly job: JobTable
  /** The vault that it reads or fills; of copies the one that they go to. */
  readonly vault?: VaultTable | undefined
  readonly point?: RecoveryPointTable | undefined
  readonly creator?: Creator | undefined
}

/** AWS's CreatedBy, with what the rule says as it was then or is now. */
interface Creator {
  readonly BackupPlanArn?: string
  readonly BackupPlanName?: string
  readonly BackupRuleId?: string
  readonly BackupRuleName?: string
  readonly BackupRuleCron?: string
  readonly BackupRuleTimezone?: string
}

/** Those that ended inside the report's time, and those that have not ended. */
export async function* reportedJobs(
  db: Queryable,
  kind: 'backup' | 'copy' | 'restore',
  scope: ReportScope,
  item: (reported: Reported) => ReportItem,
): AsyncGenerator<ReportItem, void, void> {
  const of = { accountId: scope.accountId, kinds: [kind], createdBefore: scope.to + 1 } as const
  const creators = new Map<string, Creator | undefined>()
  for (const region of scope.regions) {
    for (const which of [{ states: UNFINISHED_STATES }, { completedAfter: scope.from - 1 }]) {
      for await (const job of allRows((page) => listJobs(db, { ...of, region, ...which }, page)))
        yield item(await withContext(db, scope, job, creators))
    }
  }
}

async function withContext(
  db: Queryable,
  scope: ReportScope,
  job: JobTable,
  creators: Map<string, Creator | undefined>,
): Promise<Reported> {
  const vault = await vaultOf(db, job)
  const arn = pointOf(job)
  const point = arn === null ? undefined : await findRecoveryPoint(db, job.account_id, arn)
  const key = job.created_by ?? ''
  if (!creators.has(key)) creators.set(key, await creatorOf(db, job))
  return { scope, job, vault, point, creator: creators.get(key) }
}

/** Of another account's vault a report tells what the job's row does, and no more. */
async function vaultOf(db: Queryable, job: JobTable): Promise<VaultTable | undefined> {
  if (job.destination_vault_arn !== null) {
    const vault = await findVaultByArn(db, job.destination_vault_arn)
    return vault?.account_id === job.account_id ? vault : undefined
  }
  if (job.vault_name === null) return undefined
  return await findVault(db, job.account_id, job.region, job.vault_name)
}

/** Of copies: the one that they make. */
function pointOf(job: JobTable): string | null {
  if (job.kind !== 'copy') return job.recovery_point_arn
  return (JSON.parse(job.input) as { readonly pointArn?: string }).pointArn ?? null
}

async function creatorOf(db: Queryable, job: JobTable): Promise<Creator | undefined> {
  if (job.created_by === null) return undefined
  const creator = JSON.parse(job.created_by) as Creator
  if (job.plan_id === null) return creator
  const plan = await findPlan(db, { accountId: job.account_id, region: job.region }, job.plan_id)
  const document = plan === undefined ? undefined : (JSON.parse(plan.document) as PlanDocument)
  const rule = document?.Rules.find(({ RuleId }) => RuleId === creator.BackupRuleId)
  return {
    ...(document !== undefined && { BackupPlanName: document.BackupPlanName }),
    ...(rule !== undefined && {
      BackupRuleName: rule.RuleName,
      ...(rule.ScheduleExpression !== undefined && { BackupRuleCron: rule.ScheduleExpression }),
      ...(rule.ScheduleExpressionTimezone !== undefined && {
        BackupRuleTimezone: rule.ScheduleExpressionTimezone,
      }),
    }),
    ...creator,
  }
}

const iso = (at: number | null | undefined): string | null =>
  at === null || at === undefined ? null : new Date(at).toISOString()

/** Without a job all members are there and null: their names are a report's header. */
export function backupItem(reported?: Reported): ReportItem {
  const { job, vault, creator, point } = reported ?? {}
  return {
    ...period(reported),
    backupJobId: job?.job_id ?? null,
    jobStatus: job?.state ?? null,
    resourceType: job?.resource_type ?? null,
    resourceArn: job?.resource_arn ?? null,
    resourceName: nameOf(job?.resource_arn),
    backupPlanArn: creator?.BackupPlanArn ?? null,
    backupRuleId: creator?.BackupRuleId ?? null,
    ...schedule(reported),
    creationDate: iso(job?.created_at),
    completionDate: iso(job?.completed_at),
    recoveryPointArn: point?.arn ?? null,
    jobRunTime: runTime(job),
    backupSizeInBytes: job?.bytes_done ?? null,
    backupVaultName: job?.vault_name ?? null,
    backupVaultArn: vault?.arn ?? null,
    ...protection(reported),
    iamRoleArn: job?.role_arn ?? null,
  }
}

export function copyItem(reported?: Reported): ReportItem {
  const { job } = reported ?? {}
  const source =
    job === undefined || job.vault_name === null
      ? null
      : arnOf('backup', job.region, job.account_id, `backup-vault:${job.vault_name}`)
  return {
    ...period(reported),
    copyJobId: job?.job_id ?? null,
    jobStatus: job === undefined ? null : job.state === 'ABORTED' ? 'FAILED' : job.state,
    jobRunTime: runTime(job),
    resourceType: job?.resource_type ?? null,
    resourceArn: job?.resource_arn ?? null,
    resourceName: nameOf(job?.resource_arn),
    ...schedule(reported),
    creationDate: iso(job?.created_at),
    completionDate: iso(job?.completed_at),
    backupSizeInBytes: job?.bytes_total ?? job?.bytes_done ?? null,
    sourceRecoveryPointArn: job?.recovery_point_arn ?? null,
    sourceBackupVaultArn: source,
    destinationRecoveryPointArn: reported?.point?.arn ?? null,
    destinationBackupVaultArn: job?.destination_vault_arn ?? null,
    ...protection(reported),
    iamRoleArn: job?.role_arn ?? null,
  }
}

export function restoreItem(reported?: Reported): ReportItem {
  const { job, vault } = reported ?? {}
  const result = job === undefined ? {} : (JSON.parse(job.result) as { readonly createdResourceArn?: string })
  return {
    ...period(reported),
    restoreJobId: job?.job_id ?? null,
    jobStatus: job?.state ?? null,
    recoveryPointArn: job?.recovery_point_arn ?? null,
    resourceName: nameOf(job?.resource_arn),
    ...schedule(reported),
    ...protection(reported),
    sourceResourceArn: job?.resource_arn ?? null,
    createdResourceArn: result.createdResourceArn ?? null,
    backupVaultArn: vault?.arn ?? null,
    creationDate: iso(job?.created_at),
    completionDate: iso(job?.completed_at),
    backupSizeInBytes: job?.bytes_total ?? job?.bytes_done ?? null,
    percentDone: percentDone(job),
    iamRoleArn: job?.role_arn ?? null,
  }
}

function period(reported: Reported | undefined): ReportItem {
  return {
    reportTimePeriodStart: iso(reported?.scope.from),
    reportTimePeriodEnd: iso(reported?.scope.to),
    accountId: reported?.job.account_id ?? null,
    region: reported?.job.region ?? null,
  }
}

function schedule({ job, creator }: Partial<Reported> = {}): ReportItem {
  return {
    initiationDate: iso(job?.created_at),
    backupPlanName: creator?.BackupPlanName ?? null,
    backupRuleName: creator?.BackupRuleName ?? null,
    backupRuleSchedule: creator?.BackupRuleCron ?? null,
    backupRuleTimezone: creator?.BackupRuleTimezone ?? null,
    startWindowEnd: iso(job?.start_by),
    isParentJob: job === undefined ? null : false,
    parentJobId: null,
  }
}

function protection({ vault, point }: Partial<Reported> = {}): ReportItem {
  return {
    vaultType: vault?.vault_type ?? null,
    vaultLockStatus: vault === undefined ? null : lockOf(vault) === undefined ? 'UNLOCKED' : 'LOCKED',
    isEncrypted: vault === undefined ? null : vault.wrapped_key !== null,
    encryptionKeyArn: vault?.encryption_key_arn ?? null,
    deleteAfterDays: point?.delete_after_days ?? null,
    moveToColdAfterDays: point?.cold_after_days ?? null,
    enableArchive: vault === undefined ? null : false,
  }
}

const nameOf = (arn: string | null | undefined): string | null => arn?.split(/[:/]/).at(-1) ?? null

/** `HH:MM:SS`, with as many hours as it takes. */
function runTime(job: JobTable | undefined): string | null {
  if (job === undefined || job.started_at === null || job.completed_at === null) return null
  const seconds = Math.max(0, Math.round((job.completed_at - job.started_at) / 1000))
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}

function percentDone(job: JobTable | undefined): string | null {
  if (job === undefined) return null
  if (job.state === 'COMPLETED') return '100.00%'
  const { bytes_done: done, bytes_total: total } = job
  return total === null || total === 0 ? '0.00%' : `${Math.min(99.99, (100 * done) / total).toFixed(2)}%`
}
