import { StoreFullError } from '../../blobs/blob-store.ts'
import { parseArn } from '../../lib/arn.ts'
import { uuid } from '../../lib/ids.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import type { Queryable } from '../../store/store.ts'
import type { JobTable, VaultTable } from '../../store/schema.ts'
import { DeadListError } from '../../vault/errors.ts'
import { RetryLaterError } from '../errors.ts'
import type { JobTools } from '../tools.ts'

/**
 * What expired waits so long for what else expires, in milliseconds: a sweep reads every head and manifest of its vault, and the points
 * of an hourly plan end each hour. A deletion that somebody asked for does not wait, nor does anything where the storage is full.
 */
export const SWEEP_OF_EXPIRED_MS: number = 6 * 3_600_000

/** Puts a sweep of the vault into the queue; one that has not begun yet will see what this one would, and begins no later than it. */
export async function queueSweep(
  db: Queryable,
  vault: Pick<VaultTable, 'account_id' | 'region' | 'name' | 'vault_id'>,
  by: { readonly callerArn: string; readonly now: number; readonly runAt?: number },
): Promise<void> {
  const runAt = by.runAt ?? by.now
  const waiting = await db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('kind', '=', 'sweep')
    .where('state', '=', 'CREATED')
    .limit(1)
    .executeTakeFirst()
  if (waiting !== undefined) {
    await bringForward(db, vault, runAt)
    return
  }
  await insertJob(db, {
    account_id: vault.account_id,
    region: vault.region,
    job_id: uuid(),
    kind: 'sweep',
    created_at: by.now,
    run_at: runAt,
    caller_arn: by.callerArn,
    vault_name: vault.name,
    lock_key: `sweep ${vault.vault_id}`,
  })
}

/** A sweep of the vault that waits for a later time begins at `runAt`. @returns True where there is one. */
async function bringForward(
  db: Queryable,
  vault: Pick<VaultTable, 'account_id' | 'region' | 'name'>,
  runAt: number,
): Promise<boolean> {
  const result = await db
    .updateTable('job')
    .set({ run_at: runAt })
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where('kind', '=', 'sweep')
    .where('state', '=', 'CREATED')
    .where('run_at', '>', runAt)
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

/** A job that waits for room waits so long, in milliseconds. */
const FOR_ROOM_MS = 60_000

/**
 * What ends a job that `error` ended: where its vault has no room left and a sweep of what expired there waits, that begins now, and
 * the job behind it.
 */
export async function behindRoom(
  { store, clock }: Pick<JobTools, 'store' | 'clock'>,
  row: JobTable,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof StoreFullError)) return error
  const into = parseArn(row.destination_vault_arn ?? '')
  const vault =
    into === undefined
      ? { account_id: row.account_id, region: row.region, name: row.vault_name ?? '' }
      : { account_id: into.accountId, region: into.region, name: into.resource.replace('backup-vault:', '') }
  if (!(await bringForward(store.db, vault, clock.now()))) return error
  return new RetryLaterError(
    `${error.message}. What expired there is freed now, and the job begins again`,
    FOR_ROOM_MS,
  )
}

/** A job that must wait for a sweep goes behind it, in milliseconds. */
const BEHIND_SWEEP_MS = 5_000

/** What ends a job that `error` ended: where only a sweep of the vault is missing, that is queued, and the job begins again behind it. */
export async function behindSweep(
  { store, clock }: Pick<JobTools, 'store' | 'clock'>,
  vault: VaultTable,
  row: JobTable,
  error: unknown,
): Promise<unknown> {
  if (!(error instanceof DeadListError)) return error
  await queueSweep(store.db, vault, { callerArn: row.caller_arn, now: clock.now() })
  return new RetryLaterError(
    `${error.message}. The sweep is queued, and the job begins again`,
    BEHIND_SWEEP_MS,
  )
}
