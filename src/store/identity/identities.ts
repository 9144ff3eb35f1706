import { findByNameIn, insertInto, listOf } from './identities-named.ts'
import type { FindByName, Insert, List } from './identities-named.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import { prepared } from '../prepared.ts'
import type { AccessKeyTable, RoleTable, UserTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/**
 * Users, roles and long-term access keys. What hangs on an identity (policies, keys, memberships, tags) is for the operations to remove before it:
 * the other identities-*.ts.
 */

export const insertUser: Insert<'iam_user'> = insertInto('iam_user')

export const findUserByName: FindByName<'iam_user'> = findByNameIn('iam_user')

const userById = prepared((db, userId: string) =>
  db.selectFrom('iam_user').selectAll().where('user_id', '=', userId),
)

export async function findUserById(db: Queryable, userId: string): Promise<UserTable | undefined> {
  return (await userById(db, userId))[0]
}

export const listUsers: List<'iam_user'> = listOf('iam_user')

export type UserChange = Partial<
  Pick<
    UserTable,
    'name' | 'name_lower' | 'path' | 'boundary_arn' | 'password_last_used_at' | 'revoked_before'
  >
>

/** False where there is no such user. Throws the engine's error for a name that is taken: ask findUserByName first. */
export async function updateUser(db: Queryable, userId: string, change: UserChange): Promise<boolean> {
  const result = await db.updateTable('iam_user').set(change).where('user_id', '=', userId).executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** False where there is no such user. Keys and memberships must be gone. */
export async function deleteUser(db: Queryable, userId: string): Promise<boolean> {
  const result = await db.deleteFrom('iam_user').where('user_id', '=', userId).executeTakeFirst()
  return result.numDeletedRows === 1n
}

export const insertRole: Insert<'iam_role'> = insertInto('iam_role')

export const findRoleByName: FindByName<'iam_role'> = findByNameIn('iam_role')

const roleById = prepared((db, roleId: string) =>
  db.selectFrom('iam_role').selectAll().where('role_id', '=', roleId),
)

export async function findRoleById(db: Queryable, roleId: string): Promise<RoleTable | undefined> {
  return (await roleById(db, roleId))[0]
}

export const listRoles: List<'iam_role'> = listOf('iam_role')

export type RoleChange = Partial<
  Pick<
    RoleTable,
    | 'description'
    | 'trust_policy'
    | 'max_session_seconds'
    | 'boundary_arn'
    | 'last_used_at'
    | 'last_used_region'
    | 'revoked_before'
  >
>

/** False where there is no such role. */
export async function updateRole(db: Queryable, roleId: string, change: RoleChange): Promise<boolean> {
  const result = await db.updateTable('iam_role').set(change).where('role_id', '=', roleId).executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** False where there is no such role. */
export async function deleteRole(db: Queryable, roleId: string): Promise<boolean> {
  const result = await db.deleteFrom('iam_role').where('role_id', '=', roleId).executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** A key that was never used; one without limits leaves them away. */
export type NewAccessKey = Pick<
  AccessKeyTable,
  'access_key_id' | 'account_id' | 'user_id' | 'secret' | 'status' | 'created_at'
> &
  Partial<AccessKeyTable>

export async function insertAccessKey(db: Queryable, row: NewAccessKey): Promise<void> {
  await db.insertInto('iam_access_key').values(row).execute()
}

const accessKeyById = prepared((db, accessKeyId: string) =>
  db.selectFrom('iam_access_key').selectAll().where('access_key_id', '=', accessKeyId),
)

export async function findAccessKey(db: Queryable, accessKeyId: string): Promise<AccessKeyTable | undefined> {
  return (await accessKeyById(db, accessKeyId))[0]
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

/** Keys with an end or a policy of their own, of all users of the account or of one; by id. */
export async function listLimitedKeys(
  db: Queryable,
  filter: { readonly accountId: string; readonly userId?: string | undefined },
  page: PageRequest,
): Promise<Page<AccessKeyTable & { user_name: string }>> {
  let query = db
    .selectFrom('iam_access_key')
    .innerJoin('iam_user', 'iam_user.user_id', 'iam_access_key.user_id')
    .selectAll('iam_access_key')
    .select('iam_user.name as user_name')
    .where('iam_access_key.account_id', '=', filter.accountId)
    .where((eb) => eb.or([eb('expires_at', 'is not', null), eb('policy', 'is not', null)]))
  if (filter.userId !== undefined) query = query.where('iam_access_key.user_id', '=', filter.userId)
  if (page.after !== undefined) query = query.where('access_key_id', '>', textCursor(page.after))
  const rows = await query
    .orderBy('access_key_id')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.access_key_id])
}

/** Keys of all users of an account and of its root user, oldest first. */
export async function accessKeysOfAccount(db: Queryable, accountId: string): Promise<AccessKeyTable[]> {
  return await db
    .selectFrom('iam_access_key')
    .selectAll()
    .where('account_id', '=', accountId)
    .orderBy('created_at')
    .orderBy('access_key_id')
    .execute()
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

/** How many users, groups, roles, customer managed policies, versions of them, and instance profiles the account has. */
export async function countIdentities(
  db: Queryable,
  accountId: string,
): Promise<{
  users: number
  groups: number
  roles: number
  policies: number
  policyVersions: number
  profiles: number
}> {
  const count = async (
    table: 'iam_user' | 'iam_group' | 'iam_role' | 'iam_policy' | 'iam_instance_profile',
  ): Promise<number> => {
    const row = await db
      .selectFrom(table)
      .select((eb) => eb.fn.countAll<number>().as('rows'))
      .where('account_id', '=', accountId)
      .executeTakeFirstOrThrow()
    return Number(row.rows)
  }
  const versions = await db
    .selectFrom('iam_policy_version')
    .innerJoin('iam_policy', 'iam_policy.policy_id', 'iam_policy_version.policy_id')
    .select((eb) => eb.fn.countAll<number>().as('rows'))
    .where('iam_policy.account_id', '=', accountId)
    .executeTakeFirstOrThrow()
  return {
    users: await count('iam_user'),
    groups: await count('iam_group'),
    roles: await count('iam_role'),
    policies: await count('iam_policy'),
    policyVersions: Number(versions.rows),
    profiles: await count('iam_instance_profile'),
  }
}
