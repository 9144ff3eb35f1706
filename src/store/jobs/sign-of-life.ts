import type { Store } from '../store.ts'

/** Says that a server runs now. @returns When one last said so; undefined where none ever did. */
export async function giveSignOfLife(store: Store, now: number): Promise<number | undefined> {
  return await store.transaction(async (tx) => {
    const row = await tx.selectFrom('sign_of_life').select('at').where('id', '=', 1).executeTakeFirst()
    await tx
      .insertInto('sign_of_life')
      .values({ id: 1, at: now })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ at: now }))
      .execute()
    return row === undefined ? undefined : Number(row.at)
  })
}
