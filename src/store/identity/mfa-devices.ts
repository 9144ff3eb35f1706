import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { MfaDeviceTable } from './schema-credentials.ts'
import type { Queryable } from '../store.ts'

/** False where a device with this serial number exists. */
export async function insertMfaDevice(db: Queryable, row: MfaDeviceTable): Promise<boolean> {
  const result = await db
    .insertInto('iam_mfa_device')
    .values(row)
    .onConflict((conflict) => conflict.column('serial_number').doNothing())
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

export async function findMfaDevice(
  db: Queryable,
  accountId: string,
  serialNumber: string,
): Promise<MfaDeviceTable | undefined> {
  return await db
    .selectFrom('iam_mfa_device')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('serial_number', '=', serialNumber)
    .executeTakeFirst()
}

export interface MfaDeviceFilter {
  readonly accountId: string
  readonly userId?: string | undefined
  /** Whether it is somebody's; both where undefined. */
  readonly isAssigned?: boolean | undefined
}

/** By serial number. */
export async function listMfaDevices(
  db: Queryable,
  filter: MfaDeviceFilter,
  page: PageRequest,
): Promise<Page<MfaDeviceTable>> {
  let query = db.selectFrom('iam_mfa_device').selectAll().where('account_id', '=', filter.accountId)
  if (filter.userId !== undefined) query = query.where('user_id', '=', filter.userId)
  if (filter.isAssigned !== undefined)
    query = query.where('user_id', filter.isAssigned ? 'is not' : 'is', null)
  if (page.after !== undefined) query = query.where('serial_number', '>', textCursor(page.after))
  const rows = await query
    .orderBy('serial_number')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.serial_number])
}

export async function countMfaDevices(
  db: Queryable,
  accountId: string,
): Promise<{ readonly all: number; readonly assigned: number }> {
  const row = await db
    .selectFrom('iam_mfa_device')
    .select((eb) => [eb.fn.countAll<number>().as('every'), eb.fn.count<number>('user_id').as('assigned')])
    .where('account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  return { all: Number(row.every), assigned: Number(row.assigned) }
}

/** Users of an account who have a device. */
export async function usersWithMfaDevice(db: Queryable, accountId: string): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('iam_mfa_device')
    .select('user_id')
    .distinct()
    .where('account_id', '=', accountId)
    .where('user_id', 'is not', null)
    .execute()
  return new Set(rows.map((row) => row.user_id as string))
}

/** Gives a device that is nobody's to a user; `step` is that of the codes which proved it. False where it is somebody's. */
export async function assignMfaDevice(
  db: Queryable,
  serialNumber: string,
  assignment: {
    readonly userId: string
    readonly at: number
    readonly drift: number
    readonly step: number
  },
): Promise<boolean> {
  const result = await db
    .updateTable('iam_mfa_device')
    .set({
      user_id: assignment.userId,
      enabled_at: assignment.at,
      drift: assignment.drift,
      last_step: assignment.step,
    })
    .where('serial_number', '=', serialNumber)
    .where('user_id', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function unassignMfaDevice(db: Queryable, serialNumber: string): Promise<void> {
  await db
    .updateTable('iam_mfa_device')
    .set({ user_id: null, enabled_at: null })
    .where('serial_number', '=', serialNumber)
    .execute()
}

/**
 * Uses up the code of a time step, and with it all codes before. One statement, so that of two requests with one code one loses.
 * False where this step or a later one was used before, or the device is no longer the user's.
 */
export async function useMfaStep(
  db: Queryable,
  use: {
    readonly serialNumber: string
    readonly userId: string
    readonly step: number
    /** Set anew by a resynchronisation. */
    readonly drift?: number
  },
): Promise<boolean> {
  const result = await db
    .updateTable('iam_mfa_device')
    .set({ last_step: use.step, ...(use.drift !== undefined && { drift: use.drift }) })
    .where('serial_number', '=', use.serialNumber)
    .where('user_id', '=', use.userId)
    .where('last_step', '<', use.step)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function deleteMfaDevice(db: Queryable, serialNumber: string): Promise<void> {
  await db.deleteFrom('iam_mfa_device').where('serial_number', '=', serialNumber).execute()
}
