import { UNFINISHED_STATES } from '../jobs/job-states.ts'
import type { RecoveryPointStatus, RecoveryPointTable, VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'
import type { TieringConfigurationTable } from './schema-tiering.ts'
import type { VaultName } from '../vaults/vaults.ts'

/** Recovery points on their way to cold storage, and there. */

const DAY_MS = 86_400_000
/** A point of these can be moved: one past its retention is on its way out. */
export const MOVABLE: readonly RecoveryPointStatus[] = ['AVAILABLE', 'COMPLETED', 'PARTIAL', 'STOPPED']
/** A move that failed is tried again after so long, in milliseconds. */
const AGAIN_MS = 3_600_000

/** Where a page of due points ended. */
export type MoveCursor = Pick<RecoveryPointTable, 'created_at' | 'arn'>

interface Batch {
  readonly limit: number
  readonly after?: MoveCursor | undefined
}

/** Points that may be moved, oldest first, but those that are being moved, or were tried to be within the last hour. */
function movable(db: Queryable, now: number, { limit, after }: Batch) {
  let query = db
    .selectFrom('recovery_point as point')
    .selectAll('point')
    .where('point.moved_to_cold_at', 'is', null)
    .where('point.status', 'in', MOVABLE)
    .where((outer) =>
      outer.not(
        outer.exists(
          outer
            .selectFrom('job')
            .select('job.job_id')
            .whereRef('job.account_id', '=', 'point.account_id')
            .whereRef('job.resource_arn', '=', 'point.resource_arn')
            .whereRef('job.recovery_point_arn', '=', 'point.arn')
            .where('job.kind', '=', 'move-point')
            .where((eb) =>
              eb.or([eb('job.state', 'in', UNFINISHED_STATES), eb('job.created_at', '>', now - AGAIN_MS)]),
            ),
        ),
      ),
    )
  if (after !== undefined) {
    const { created_at, arn } = after
    query = query.where((eb) =>
      eb(eb.refTuple('point.created_at', 'point.arn'), '>', eb.tuple(created_at, arn)),
    )
  }
  return query.orderBy('point.created_at').orderBy('point.arn').limit(limit)
}

/** Points whose lifecycle says that they are cold by now, wherever they lie. */
export async function dueForCold(db: Queryable, now: number, batch: Batch): Promise<RecoveryPointTable[]> {
  return await movable(db, now, batch)
    .where('point.cold_after_days', 'is not', null)
    .where((eb) =>
      eb(
        eb(
          eb.fn.coalesce('point.copied_at', 'point.created_at'),
          '+',
          eb(eb.ref('point.cold_after_days'), '*', DAY_MS),
        ),
        '<=',
        now,
      ),
    )
    .execute()
}

/** What of a tiering configuration says which points are due: plans/tiering.ts has all of it. */
interface TieringAge {
  readonly Resources: readonly string[]
  readonly ResourceType: string
  readonly TieringDownSettingsInDays: number
}

/** Points in the first stores of their vaults that a tiering configuration says are to lie in the second by now. */
export async function dueForTiering(
  db: Queryable,
  { account_id, region, vault_name, selections: text }: TieringConfigurationTable,
  now: number,
  batch: Batch,
): Promise<RecoveryPointTable[]> {
  const selections = JSON.parse(text) as readonly TieringAge[]
  const named = selections.flatMap(({ Resources }) => Resources).filter((one) => one !== '*')
  return await movable(db, now, batch)
    .where('point.account_id', '=', account_id)
    .where('point.region', '=', region)
    .where('point.tiered_at', 'is', null)
    .where((eb) =>
      eb.or(
        selections.map(({ Resources, ResourceType: type, TieringDownSettingsInDays: days }) =>
          eb.and([
            eb('point.resource_type', '=', type),
            eb(eb.fn.coalesce('point.copied_at', 'point.created_at'), '<=', now - days * DAY_MS),
            ...(Resources.includes('*')
              ? named.map((one) => eb('point.resource_arn', '<>', one))
              : [eb('point.resource_arn', 'in', Resources)]),
          ]),
        ),
      ),
    )
    .where((eb) =>
      vault_name === '*'
        ? eb.and([
            eb(
              'point.vault_name',
              'not in',
              eb
                .selectFrom('tiering_configuration')
                .select('vault_name')
                .where('account_id', '=', account_id)
                .where('region', '=', region),
            ),
            eb(
              'point.vault_name',
              'in',
              eb
                .selectFrom('vault')
                .select('name')
                .where('account_id', '=', account_id)
                .where('region', '=', region)
                .where('cold_storage', 'is not', null),
            ),
          ])
        : eb('point.vault_name', '=', vault_name),
    )
    .execute()
}

/** What is cold already, or on its way out, moves no more. */
function movedTo(
  db: Queryable,
  { account_id, arn }: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
  change: Partial<Pick<RecoveryPointTable, 'moved_to_cold_at' | 'tiered_at' | 'status_message'>>,
) {
  return db
    .updateTable('recovery_point')
    .set(change)
    .where('account_id', '=', account_id)
    .where('arn', '=', arn)
    .where('status', 'in', MOVABLE)
    .where('moved_to_cold_at', 'is', null)
}

/** The point lies in cold storage from now on. False where it is gone or on its way out, or its lifecycle no longer says so. */
export async function setMovedToCold(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
  { movedAt, message }: { readonly movedAt: number; readonly message: string | null },
): Promise<boolean> {
  const result = await movedTo(db, point, { moved_to_cold_at: movedAt, status_message: message })
    .where('cold_after_days', 'is not', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** The point lies in its vault's second store from now on, warm as it is. False where it is gone, on its way out, or lies there already. */
export async function setTiered(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
  { movedAt, message }: { readonly movedAt: number; readonly message: string | null },
): Promise<boolean> {
  const result = await movedTo(db, point, { tiered_at: movedAt, status_message: message })
    .where('tiered_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Points of a vault that lie in its cold storage: what is cold, and what was tiered. */
export async function coldPointsIn(
  db: Queryable,
  { account_id, region, name }: VaultName,
): Promise<readonly Pick<RecoveryPointTable, 'account_id' | 'point_id' | 'resource_arn' | 'arn'>[]> {
  return await db
    .selectFrom('recovery_point')
    .select(['account_id', 'point_id', 'resource_arn', 'arn'])
    .where('account_id', '=', account_id)
    .where('region', '=', region)
    .where('vault_name', '=', name)
    .where((eb) => eb.fn.coalesce('moved_to_cold_at', 'tiered_at'), 'is not', null)
    .execute()
}

export async function countColdPoints(
  db: Queryable,
  { account_id, region, name }: VaultName,
): Promise<number> {
  const { points } = await db
    .selectFrom('recovery_point')
    .select((eb) => eb.fn.countAll<number>().as('points'))
    .where('account_id', '=', account_id)
    .where('region', '=', region)
    .where('vault_name', '=', name)
    .where((eb) => eb.fn.coalesce('moved_to_cold_at', 'tiered_at'), 'is not', null)
    .executeTakeFirstOrThrow()
  return Number(points)
}

/** Whether something lies in the vault's cold storage, or may: points were moved there, or begun to be. */
export const hasColdStore = ({ cold_begun_at: at }: Pick<VaultTable, 'cold_begun_at'>): boolean =>
  typeof at === 'number'

/** From now on something may lie there. False where the vault is gone, or its cold storage is another by now. */
export async function beginColdStore(
  db: Queryable,
  vault: Pick<VaultTable, 'vault_id' | 'cold_storage' | 'cold_begun_at'>,
  now: number,
): Promise<boolean> {
  if (hasColdStore(vault)) return true
  const result = await db
    .updateTable('vault')
    .set((eb) => ({ cold_begun_at: eb.fn.coalesce('cold_begun_at', eb.val(now)) }))
    .where('vault_id', '=', vault.vault_id)
    .where('cold_storage', '=', vault.cold_storage ?? null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Whether a move of the point has begun and not ended. */
export async function isMoving(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'resource_arn' | 'arn'>,
): Promise<boolean> {
  const job = await db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', point.account_id)
    .where('resource_arn', '=', point.resource_arn)
    .where('recovery_point_arn', '=', point.arn)
    .where('kind', '=', 'move-point')
    .where('state', 'in', UNFINISHED_STATES)
    .where('fence', '>', 0)
    .limit(1)
    .executeTakeFirst()
  return job !== undefined
}

/** Vaults that have cold storage, of all accounts. */
export async function vaultsWithColdStorage(db: Queryable): Promise<readonly VaultTable[]> {
  return await db
    .selectFrom('vault')
    .selectAll()
    .where('cold_storage', 'is not', null)
    .orderBy('arn')
    .execute()
}
