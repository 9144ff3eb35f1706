import type { Page, PageRequest } from './page.ts'
import { pageOf, textCursor } from './page.ts'
import type { AccessKeyTable } from './schema.ts'
import type { Queryable } from './store.ts'

/** Long-term access keys, of users and (user_id null) of the root user. */

export async function insertAccessKey(db: Queryable, row: AccessKeyTable): Promise<void> {
  await db.insertInto('iam_access_key').values(row).execute()
}

export async function findAccessKey(db: Queryable, accessKeyId: string): Promise<AccessKeyTable | undefined> {
  return await db
    .selectFrom('iam_access_key')
    .selectAll()
    .where('access_key_id', '=', accessKeyId)
    .executeTakeFirst()
}

/** Keys of a user, or with null of the account's root user; by id. */
export async function listAccessKeys(
  db: Queryable,
  owner: { readonly accountId: string; readonly userId: string | null },
  page: PageRequest,
): Promise<Page<AccessKeyTable>> {
  let query = db
    .selectFrom('iam_access_key')
    .selectAll()
    .where('account_id', '=', owner.accountId)
    .where('user_id', owner.userId === null ? 'is' : '=', owner.userId)
  if (page.after !== undefined) query = query.where('access_key_id', '>', textCursor(page.after))
  const rows = await query
    .orderBy('access_key_id')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.access_key_id])
}

/** False where there is no such key. */
export async function setAccessKeyStatus(
  db: Queryable,
  accessKeyId: string,
  status: AccessKeyTable['status'],
): Promise<boolean> {
  const result = await db
    .updateTable('iam_access_key')
    .set({ status })
    .where('access_key_id', '=', accessKeyId)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Notes the last use; a key that is gone meanwhile is no error. */
export async function touchAccessKey(
  db: Queryable,
  accessKeyId: string,
  use: { readonly at: number; readonly service: string; readonly region: string },
): Promise<void> {
  await db
    .updateTable('iam_access_key')
    .set({ last_used_at: use.at, last_used_service: use.service, last_used_region: use.region })
    .where('access_key_id', '=', accessKeyId)
    .execute()
}

/** False where there is no such key. */
export async function deleteAccessKey(db: Queryable, accessKeyId: string): Promise<boolean> {
  const result = await db
    .deleteFrom('iam_access_key')
    .where('access_key_id', '=', accessKeyId)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}
