import { insertInto, listOf } from './identities-named.ts'
import type { List } from './identities-named.ts'
import type { Page, PageRequest } from '../page.ts'
import { numberCursor, pageOf } from '../page.ts'
import { prepared } from '../prepared.ts'
import type { PolicyTable, PolicyVersionTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Customer managed policies and their versions. The built-in ones have no rows. */

const insertRow = insertInto('iam_policy')

/** False where the account has a policy of this name, in whatever case. Its first version goes in with it: give a transaction. */
export async function insertPolicy(
  db: Queryable,
  row: PolicyTable,
  version: PolicyVersionTable,
): Promise<boolean> {
  if (!(await insertRow(db, row))) return false
  await insertPolicyVersion(db, version)
  return true
}

export async function findPolicyByArn(
  db: Queryable,
  accountId: string,
  arn: string,
): Promise<PolicyTable | undefined> {
  return await db
    .selectFrom('iam_policy')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .executeTakeFirst()
}

export const listPolicies: List<'iam_policy'> = listOf('iam_policy')

export async function updatePolicy(
  db: Queryable,
  policyId: string,
  change: Partial<Pick<PolicyTable, 'default_version' | 'last_version' | 'updated_at'>>,
): Promise<void> {
  await db.updateTable('iam_policy').set(change).where('policy_id', '=', policyId).execute()
}

/** Deletes the policy with its versions. Give it a transaction. */
export async function deletePolicy(db: Queryable, policyId: string): Promise<void> {
  await db.deleteFrom('iam_policy_version').where('policy_id', '=', policyId).execute()
  await db.deleteFrom('iam_policy').where('policy_id', '=', policyId).execute()
}

export async function insertPolicyVersion(db: Queryable, row: PolicyVersionTable): Promise<void> {
  await db.insertInto('iam_policy_version').values(row).execute()
}

export async function findPolicyVersion(
  db: Queryable,
  policyId: string,
  version: number,
): Promise<PolicyVersionTable | undefined> {
  return await db
    .selectFrom('iam_policy_version')
    .selectAll()
    .where('policy_id', '=', policyId)
    .where('version', '=', version)
    .executeTakeFirst()
}

/** Newest first. */
export async function listPolicyVersions(
  db: Queryable,
  policyId: string,
  page: PageRequest,
): Promise<Page<PolicyVersionTable>> {
  let query = db.selectFrom('iam_policy_version').selectAll().where('policy_id', '=', policyId)
  if (page.after !== undefined) query = query.where('version', '<', numberCursor(page.after))
  const rows = await query
    .orderBy('version', 'desc')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.version])
}

/** False where there is no such version. */
export async function deletePolicyVersion(
  db: Queryable,
  policyId: string,
  version: number,
): Promise<boolean> {
  const result = await db
    .deleteFrom('iam_policy_version')
    .where('policy_id', '=', policyId)
    .where('version', '=', version)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

export interface PolicyDocument {
  readonly arn: string
  readonly name: string
  readonly versionId: string
  readonly document: string
}

const documentByArn = prepared((db, arn: string) =>
  db
    .selectFrom('iam_policy')
    .innerJoin('iam_policy_version', (join) =>
      join
        .onRef('iam_policy_version.policy_id', '=', 'iam_policy.policy_id')
        .onRef('iam_policy_version.version', '=', 'iam_policy.default_version'),
    )
    .select(['iam_policy.arn', 'iam_policy.name', 'iam_policy_version.version', 'document'])
    .where('iam_policy.arn', '=', arn),
)

/** The default version of a customer managed policy; undefined where it has no row. */
export async function policyDocument(db: Queryable, arn: string): Promise<PolicyDocument | undefined> {
  const [row] = await documentByArn(db, arn)
  if (row === undefined) return undefined
  return { arn: row.arn, name: row.name, versionId: `v${row.version}`, document: row.document }
}
