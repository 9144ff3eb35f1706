import { sql } from 'kysely'
import type { IdentityExportTable } from './schema-identity.ts'
import type { Queryable } from '../store.ts'
import type { BlobDamage } from '../vaults/vault-scrubs.ts'

/** Changes taken away in one statement. */
const BATCH = 500

/** The state of the export; undefined before the first one. */
export async function findIdentityExport(db: Queryable): Promise<IdentityExportTable | undefined> {
  return await db.selectFrom('identity_export').selectAll().where('id', '=', 1).executeTakeFirst()
}

/** What a look through all of the system vault found, and its repair left. */
export interface SystemScrub {
  /** Milliseconds since 1970. */
  readonly endedAt: number
  readonly bytes: number
  readonly damage: readonly BlobDamage[]
}

/** Makes the row where there is none. */
export async function insertIdentityExport(
  db: Queryable,
  row: Omit<IdentityExportTable, 'id' | 'last_scrub'>,
): Promise<void> {
  await db
    .insertInto('identity_export')
    .values({ ...row, id: 1, last_scrub: null })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}

/** Takes the right to write until then. False where somebody else has it. */
export async function claimIdentityExport(
  db: Queryable,
  owner: string,
  { now, until }: { readonly now: number; readonly until: number },
): Promise<boolean> {
  const result = await db
    .updateTable('identity_export')
    .set({ lease_owner: owner, lease_until: until })
    .where((eb) => eb.or([eb('lease_owner', '=', owner), eb('lease_until', '<=', now)]))
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Changes the row for who has the right to write. False where that was lost meanwhile. */
export async function updateIdentityExport(
  db: Queryable,
  owner: string,
  change: Partial<Omit<IdentityExportTable, 'id'>>,
): Promise<boolean> {
  const result = await db
    .updateTable('identity_export')
    .set(change)
    .where('lease_owner', '=', owner)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export async function hasIdentityChanges(db: Queryable): Promise<boolean> {
  return (await db.selectFrom('identity_change').select('seq').limit(1).executeTakeFirst()) !== undefined
}

/**
 * The changes that are committed. Whatever is read afterwards has them; one that commits later leaves a row of its own, though its number
 * may be lower.
 */
export async function identityChanges(db: Queryable): Promise<readonly number[]> {
  const rows = await db.selectFrom('identity_change').select('seq').orderBy('seq').execute()
  return rows.map(({ seq }) => seq)
}

export async function dropIdentityChanges(db: Queryable, changes: readonly number[]): Promise<void> {
  for (let from = 0; from < changes.length; from += BATCH)
    await db
      .deleteFrom('identity_change')
      .where('seq', 'in', changes.slice(from, from + BATCH))
      .execute()
}

/** Number of the last durable export; 0 before the first. */
export async function lastIdentityExport(db: Queryable): Promise<number> {
  const row = await db
    .selectFrom('identity_export')
    .select(sql<number>`coalesce(exported_number, 0)`.as('number'))
    .executeTakeFirst()
  return Number(row?.number ?? 0)
}

/** Whose identity exports count beside this server's own: those of servers that it took the place of. Base64. */
export async function earlierSigners(db: Queryable): Promise<readonly string[]> {
  const row = await findIdentityExport(db)
  return row === undefined ? [] : (JSON.parse(row.earlier_signers) as string[])
}
