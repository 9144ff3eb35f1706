import type { Queryable } from '../store.ts'

/** The server's running time as it was kept last: sealed text. */
export async function findRunningTime(db: Queryable): Promise<string | undefined> {
  const row = await db.selectFrom('running_time').select('sealed').where('id', '=', 1).executeTakeFirst()
  return row?.sealed
}

export async function putRunningTime(db: Queryable, sealed: string): Promise<void> {
  await db
    .insertInto('running_time')
    .values({ id: 1, sealed })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ sealed }))
    .execute()
}
