import { backupServiceRoleArn, SERVICE_LINKED_ROLE_ID } from '../access/passed-role.ts'
import { copyCalls } from '../kinds/job-calls.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { parseArn } from '../lib/arn.ts'
import type { Arn } from '../lib/arn.ts'
import { uuid } from '../lib/ids.ts'
import { coldCopyProblem, noColdStorage } from '../plans/lifecycle.ts'
import type { StoredLifecycle } from '../plans/lifecycle.ts'
import { lockOf } from '../plans/vault-lock.ts'
import { assertClaim, finishJob } from '../store/jobs/claims.ts'
import { globalSettings } from '../store/global-settings.ts'
import {
  completeRecoveryPoint,
  COPYABLE,
  findRecoveryPoint,
  isCold,
  latestCopyOfResource,
} from '../store/points/recovery-points.ts'
import type { JobTable, RecoveryPointTable, VaultTable } from '../store/schema.ts'
import { putTags, tagsOf, tagsOfAll } from '../store/identity/tags.ts'
import { findVault, findVaultByArn } from '../store/vaults/vaults.ts'
import { ChunkMissingError, PointNotFoundError, VaultDamageError } from '../vault/errors.ts'
import { JobFailedError, RetryLaterError } from './errors.ts'
import { openJobRole } from './job-role.ts'
import type { OpenJobRole } from './job-role.ts'
import { tellMetDamage } from './upkeep/met-damage.ts'
import { pointRecord } from './points/point-record.ts'
import { finishedState } from './points/point-state.ts'
import type { PointEnd } from './points/point-state.ts'
import { copyPoint, SourceDamageError } from './pour/pour-copy.ts'
import type { CopyResult } from './pour/pour-copy.ts'
import { checkQuotas, overQuota } from './quotas.ts'
import { checkRetention } from './plans/protection.ts'
import { retainUntil } from './upkeep/retain.ts'
import { behindSweep } from './upkeep/sweep-queue.ts'
import type { JobOutcome, JobRunner, JobTools, RunningJob } from './tools.ts'
import { dropUnfinishedPoint, putUnfinishedPoint } from './points/unfinished-point.ts'

const DAY_MS = 86_400_000

/** What a copy job is told beside what its row has columns for: days from the copy's making; without an end, as long as its source. */
export interface CopyInput extends StoredLifecycle {
  /** ARN that the copy gets. */
  readonly pointArn: string
  /** The backup job whose plan asked for the copy. */
  readonly backupJobId?: string | undefined
}

/** Both ends of a copy, looked up before anything is decided. */
interface Plan {
  readonly input: CopyInput
  readonly source: RecoveryPointTable
  readonly from: VaultTable
  /** As far as its ARN tells. */
  readonly to: Destination
}

interface Destination {
  readonly arn: string
  readonly region: string
  readonly accountId: string
}

/** With the vault that it goes to. */
interface OpenPlan extends Plan {
  readonly into: VaultTable
}

/**
 * A copy job: the role's session is let out of the one vault and into the other, then chunks, index and head in the destination, and
 * in one transaction recovery point and job.
 */
export const runCopy: JobRunner = async (tools, job) => {
  try {
    return await copy(tools, job)
  } catch (error) {
    const from = job.row.vault_name
    if (!job.signal.aborted && from !== null)
      await tellMetDamage(tools, job, from, [(error as Error).message])
    throw job.signal.aborted ? error : told(error)
  }
}

async function copy(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const plan = await planOf(tools, job.row)
  const role = await openRole(tools, job, plan)
  try {
    const facts = {
      resourceArn: plan.source.resource_arn,
      recoveryPointArn: plan.source.arn,
      destinationVaultArn: plan.to.arn,
    }
    for (const { step, target } of copyCalls(facts)) await role.session.call(step, target, () => undefined)
    // Only now: whether the destination is there, and what it asks of copies, is told to those who may copy into it.
    const open = { ...plan, into: await destinationOf(tools, plan) }
    const bytesLeft = await checkQuotas(tools, job.row, open.into, 'Copy job')
    if (plan.source.size_bytes > bytesLeft) throw overQuota('Copy job', bytesLeft)
    const point = newPoint(tools, job.row, open)
    await putUnfinishedPoint(tools, job.row, point)
    try {
      const end = await endOf(tools, job.row, plan)
      const result = await pour(tools, job, open, point, end)
      await role.close()
      return await commit(tools, job, open, point, { result, end })
    } catch (error) {
      await dropUnfinishedPoint(tools, job.row, point)
      throw await behindSweep(tools, open.into, job.row, error)
    }
  } finally {
    await role.close()
  }
}

async function planOf(tools: JobTools, row: JobTable): Promise<Plan> {
  const { db } = tools.store
  const input = JSON.parse(row.input) as CopyInput
  const source = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  if (source === undefined || !COPYABLE.includes(source.status)) {
    throw new JobFailedError(
      `Copy job failed: recovery point ${row.recovery_point_arn} is ${source?.status ?? 'gone'}`,
    )
  }
  if (isCold(source)) throw new JobFailedError(`Copy job failed: ${coldCopyProblem(source.arn)}`)
  const from = await findVault(db, row.account_id, row.region, source.vault_name)
  if (from === undefined)
    throw new JobFailedError(`Copy job failed: backup vault ${source.vault_name} is gone`)
  const arn = row.destination_vault_arn as string
  const { region, accountId } = parseArn(arn) as Arn
  if (accountId !== row.account_id) await checkCrossAccount(tools, row, arn)
  return { input, source, from, to: { arn, region, accountId } }
}

/** Asked again at each run: it may have been turned off since. */
async function checkCrossAccount(tools: JobTools, row: JobTable, arn: string): Promise<void> {
  const { settings } = await globalSettings(tools.store.db, row.account_id)
  if (settings['isCrossAccountBackupEnabled'] === 'true') return
  throw new JobFailedError(
    `Copy job failed: ${arn} is another account's vault, and cross-account backup is off in this one. ` +
      'Turn it on with UpdateGlobalSettings (isCrossAccountBackupEnabled)',
    'AccessDenied',
  )
}

async function destinationOf(tools: JobTools, { input, source, to }: Plan): Promise<VaultTable> {
  const vault = await findVaultByArn(tools.store.db, to.arn)
  if (vault === undefined || vault.state === 'FAILED') {
    const why = vault === undefined ? 'does not exist' : 'could not be created'
    throw new JobFailedError(
      `Copy job failed because backup vault ${to.arn} ${why}. Create it and start the copy again`,
    )
  }
  // Of another account's vault only the job tells this.
  const noCold = to.accountId === source.account_id ? undefined : noColdStorage(vault)
  if (input.coldAfterDays !== undefined && noCold !== undefined)
    throw new JobFailedError(`Copy job failed: MoveToColdStorageAfterDays is unavailable: ${noCold}`)
  if (vault.state === 'CREATING') throw new RetryLaterError(`Backup vault ${to.arn} is being created`, 200)
  await checkRetention(
    tools,
    { vault, opened: await tools.vaults.open(vault), jobNoun: 'Copy job' },
    input.deleteAfterDays ?? source.delete_after_days,
  )
  return vault
}

/** The session is let out of the one vault by that one's policy, and into the other by the other's. */
async function openRole(tools: JobTools, job: RunningJob, { source, from, to }: Plan): Promise<OpenJobRole> {
  const { db } = tools.store
  return await openJobRole(tools, job, {
    resource: {
      arn: source.resource_arn,
      uniqueId: source.resource_unique_id,
      name: source.resource_name,
      tags: {},
    },
    scope: {
      resourceArn: source.resource_arn,
      recoveryPointArn: source.arn,
      backupVaultArn: from.arn,
      destinationVaultArn: to.arn,
    },
    vaultUse: 'read',
    // Another account's vault shows no tags: what is asked is kept with a refusal, for this account to read.
    tags: await tagsOfAll(db, job.row.account_id, [source.arn, to.arn]),
    // The bytes come from the vault: the source is not asked, and may be gone.
    connect: () => ({ settings: {}, secret: undefined }),
  })
}

function newPoint(
  tools: JobTools,
  row: JobTable,
  { input, source, from, into }: OpenPlan,
): RecoveryPointTable {
  const isOwn = into.account_id === row.account_id
  const copiedAt = row.started_at ?? tools.clock.now()
  // A locked vault keeps what comes into it for its least time, whatever is over of the source's.
  const isLeastKept = lockOf(into)?.minRetentionDays !== undefined
  const days = input.deleteAfterDays ?? (isLeastKept ? source.delete_after_days : null)
  return {
    ...source,
    account_id: into.account_id,
    region: into.region,
    arn: input.pointArn,
    vault_name: into.name,
    point_id: uuid(),
    job_id: row.job_id,
    // A role of one account has no say in another: there the service acts by itself, as AWS's does.
    role_arn: isOwn ? (row.role_arn as string) : backupServiceRoleArn(into.account_id),
    role_id: isOwn ? (row.role_id as string) : SERVICE_LINKED_ROLE_ID,
    status: 'CREATING',
    status_message: null,
    completed_at: null,
    size_bytes: 0,
    item_count: 0,
    delete_after_days: days ?? source.delete_after_days,
    cold_after_days: input.coldAfterDays ?? null,
    moved_to_cold_at: null,
    tiered_at: null,
    delete_at: days === null ? source.delete_at : copiedAt + days * DAY_MS,
    created_by: isOwn ? row.created_by : null,
    // Counts are of what a rule made, not of copies of it.
    plan_id: null,
    last_restore_at: null,
    copied_at: copiedAt,
    source_vault_arn: from.arn,
    source_point_arn: source.arn,
  }
}

async function pour(
  tools: JobTools,
  job: RunningJob,
  { source, from, into }: OpenPlan,
  point: RecoveryPointTable,
  end: PointEnd,
): Promise<CopyResult> {
  const { row, progress } = job
  progress.bytesTotal = source.size_bytes
  progress.bytesDone = 0
  progress.itemsDone = 0
  const resourceUniqueId = source.resource_unique_id
  const parent = await latestCopyOfResource(tools.store.db, { resourceUniqueId, from, into })
  const target = await tools.vaults.open(into)
  return await copyPoint(
    {
      source: await tools.vaults.holding(from, source),
      sourcePointId: source.point_id,
      target,
      pointId: point.point_id,
      parentPointId: parent?.point_id,
      jobId: row.job_id,
      fence: row.fence,
      lease: tools.vaults.lease(job, target, row.destination_generation),
      resourceType: source.resource_type as ResourceType,
      signal: job.signal,
      onProgress: (bytes, items) => {
        progress.bytesDone += bytes
        progress.itemsDone += items
      },
    },
    {
      ...(await pointRecord(tools, point, JSON.parse(source.restore_metadata) as Record<string, string>)),
      ...(await finishedState(tools.store.db, point, end)),
    },
    await retainUntil(tools, target, point),
  )
}

async function endOf(tools: JobTools, row: JobTable, { source }: Plan): Promise<PointEnd> {
  return {
    state: source.status === 'PARTIAL' ? 'PARTIAL' : 'COMPLETED',
    message: source.status_message ?? '',
    completedAt: tools.clock.now(),
    tags: await tagsOf(tools.store.db, row.account_id, source.arn),
  }
}

/** Recovery point, its tags and the job's end become true together. */
async function commit(
  tools: JobTools,
  job: RunningJob,
  { source, into }: OpenPlan,
  point: RecoveryPointTable,
  { result, end }: { readonly result: CopyResult; readonly end: PointEnd },
): Promise<JobOutcome> {
  const { row } = job
  const now = tools.clock.now()
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    await completeRecoveryPoint(
      tx,
      point,
      end.state,
      {
        completed_at: now,
        size_bytes: result.contentBytes,
        item_count: result.itemCount,
        restore_metadata: source.restore_metadata,
        delete_at: point.delete_at,
        status_message: source.status_message,
      },
      result.storedBytes,
    )
    await putTags(tx, into.account_id, point.arn, end.tags)
    await finishJob(tx, row, {
      state: 'COMPLETED',
      now,
      status_message: null,
      message_category: 'SUCCESS',
      progress: job.progress,
      result: JSON.stringify({
        recoveryPointArn: point.arn,
        storedBytes: result.storedBytes,
        readBytes: result.readBytes,
      }),
    })
  })
  return { state: 'COMPLETED', isFinished: true }
}

const DAMAGE = [SourceDamageError, VaultDamageError, ChunkMissingError, PointNotFoundError]

/** Damage in the user's words; the rest is left as it is. */
function told(error: unknown): unknown {
  if (!(error instanceof Error) || !DAMAGE.some((type) => error instanceof type)) return error
  return new JobFailedError(`Copy job failed: ${error.message}`, 'DAMAGE', { cause: error })
}
