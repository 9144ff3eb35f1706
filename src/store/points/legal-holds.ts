import { sql } from 'kysely'
import type { RawBuilder, SqlBool } from 'kysely'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor, timeCursor } from '../page.ts'
import type { LegalHoldTable, LegalHoldTargetTable } from './schema-holds.ts'
import type { RecoveryPointTable } from '../schema.ts'
import type { Place } from '../regional.ts'
import type { Queryable } from '../store.ts'

export interface HoldTargets {
  readonly vaultNames: readonly string[]
  readonly resourceArns: readonly string[]
}

/** Of more the values are too many for one statement: a request may name tens of thousands. */
const TARGETS_A_STATEMENT = 1_000

/** Adds a hold. False where the account has one of this idempotency token already. Give it a transaction. */
export async function insertLegalHold(
  db: Queryable,
  row: LegalHoldTable,
  targets: HoldTargets,
): Promise<boolean> {
  const result = await db
    .insertInto('legal_hold')
    .values(row)
    .onConflict((conflict) => conflict.columns(['account_id', 'region', 'idempotency_token']).doNothing())
    .executeTakeFirst()
  if (result.numInsertedOrUpdatedRows !== 1n) return false
  const values: LegalHoldTargetTable[] = [
    ...[...new Set(targets.vaultNames)].map((value) => ({
      hold_id: row.hold_id,
      kind: 'vault' as const,
      value,
    })),
    ...[...new Set(targets.resourceArns)].map((value) => ({
      hold_id: row.hold_id,
      kind: 'resource' as const,
      value,
    })),
  ]
  for (let at = 0; at < values.length; at += TARGETS_A_STATEMENT) {
    const some = values.slice(at, at + TARGETS_A_STATEMENT)
    await db.insertInto('legal_hold_target').values(some).execute()
  }
  return true
}

export async function findLegalHold(
  db: Queryable,
  place: Place,
  by: { readonly holdId: string } | { readonly idempotencyToken: string },
): Promise<LegalHoldTable | undefined> {
  const query = db
    .selectFrom('legal_hold')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
  return await (
    'holdId' in by
      ? query.where('hold_id', '=', by.holdId)
      : query.where('idempotency_token', '=', by.idempotencyToken)
  ).executeTakeFirst()
}

export async function targetsOfHold(db: Queryable, holdId: string): Promise<HoldTargets> {
  const rows = await db
    .selectFrom('legal_hold_target')
    .selectAll()
    .where('hold_id', '=', holdId)
    .orderBy('value')
    .execute()
  const valuesOf = (kind: LegalHoldTargetTable['kind']): string[] =>
    rows.filter((row) => row.kind === kind).map((row) => row.value)
  return { vaultNames: valuesOf('vault'), resourceArns: valuesOf('resource') }
}

export async function countLegalHolds(db: Queryable, place: Place): Promise<number> {
  const row = await db
    .selectFrom('legal_hold')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .where('status', '=', 'ACTIVE')
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** In the order of their making. */
export async function listLegalHolds(
  db: Queryable,
  place: Place,
  page: PageRequest,
): Promise<Page<LegalHoldTable>> {
  let query = db
    .selectFrom('legal_hold')
    .selectAll()
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'hold_id'), '>', eb.tuple(at, id)))
  }
  const rows = await query
    .orderBy('created_at')
    .orderBy('hold_id')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.created_at, row.hold_id])
}

/** False where it is not ACTIVE. */
export async function cancelLegalHold(
  db: Queryable,
  holdId: string,
  end: Pick<LegalHoldTable, 'cancelled_at' | 'cancel_description' | 'retain_until'>,
): Promise<boolean> {
  const result = await db
    .updateTable('legal_hold')
    .set({ ...end, status: 'CANCELED' })
    .where('hold_id', '=', holdId)
    .where('status', '=', 'ACTIVE')
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Removes the records of cancelled holds whose time is over. */
export async function pruneLegalHolds(db: Queryable, now: number): Promise<void> {
  const gone = db.selectFrom('legal_hold').select('hold_id').where('retain_until', '<=', now)
  await db.deleteFrom('legal_hold_target').where('hold_id', 'in', gone).execute()
  await db.deleteFrom('legal_hold').where('retain_until', '<=', now).execute()
}

/** True for a row `hold` beside a row `point` that it keeps while it is active. */
const NAMES = sql<SqlBool>`
  hold.account_id = point.account_id and hold.region = point.region
  and (hold.from_at is null or hold.from_at <= point.created_at)
  and (hold.to_at is null or hold.to_at >= point.created_at)
  and (hold.names_vaults = 0 or exists (select 1 from legal_hold_target target
    where target.hold_id = hold.hold_id and target.kind = 'vault' and target.value = point.vault_name))
  and (hold.names_resources = 0 or exists (select 1 from legal_hold_target target
    where target.hold_id = hold.hold_id and target.kind = 'resource' and target.value = point.resource_arn))`

const HOLDS = sql<SqlBool>`(hold.status = 'ACTIVE' and ${NAMES})`

/** True where no hold keeps the row: for queries on `recovery_point as point`. */
export const IS_FREE: RawBuilder<SqlBool> = sql<SqlBool>`not exists (select 1 from legal_hold hold where ${HOLDS})`

/** The holds that keep a point, oldest first. */
export async function holdsOnPoint(
  db: Queryable,
  point: Pick<RecoveryPointTable, 'account_id' | 'arn'>,
): Promise<readonly LegalHoldTable[]> {
  return await db
    .selectFrom('recovery_point as point')
    .innerJoin('legal_hold as hold', (join) => join.onTrue())
    .selectAll('hold')
    .where('point.account_id', '=', point.account_id)
    .where('point.arn', '=', point.arn)
    .where(HOLDS)
    .orderBy('hold.created_at')
    .orderBy('hold.hold_id')
    .execute()
}

/** Points that a hold keeps, by ARN. */
export async function listHeldPoints(
  db: Queryable,
  hold: LegalHoldTable,
  page: PageRequest,
): Promise<Page<RecoveryPointTable>> {
  return await pointsOf(db, hold.hold_id, HOLDS, page)
}

/** Points that a hold keeps, or kept until it was cancelled, by ARN. */
export async function listPointsOfHold(
  db: Queryable,
  holdId: string,
  page: PageRequest,
): Promise<Page<RecoveryPointTable>> {
  return await pointsOf(db, holdId, NAMES, page)
}

async function pointsOf(
  db: Queryable,
  holdId: string,
  isMeant: RawBuilder<SqlBool>,
  page: PageRequest,
): Promise<Page<RecoveryPointTable>> {
  let query = db
    .selectFrom('recovery_point as point')
    .innerJoin('legal_hold as hold', (join) => join.onTrue())
    .selectAll('point')
    .where('hold.hold_id', '=', holdId)
    .where(isMeant)
  if (page.after !== undefined) query = query.where('point.arn', '>', textCursor(page.after))
  const rows = await query
    .orderBy('point.arn')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.arn])
}
