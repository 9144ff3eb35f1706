import type { SnsSignerTable } from './schema-events.ts'
import type { Queryable } from '../store.ts'

export type SnsSignerRow = Omit<SnsSignerTable, 'id'>

export async function findSnsSigner(db: Queryable): Promise<SnsSignerRow | undefined> {
  return await db
    .selectFrom('sns_signer')
    .select(['certificate', 'sealed_key'])
    .where('id', '=', 1)
    .executeTakeFirst()
}

/** Keeps it where there is none yet: of several servers that make one at the same time, all go on with the first. */
export async function insertSnsSigner(db: Queryable, row: SnsSignerRow): Promise<void> {
  await db
    .insertInto('sns_signer')
    .values({ id: 1, ...row })
    .onConflict((conflict) => conflict.column('id').doNothing())
    .execute()
}
