import type { SelectQueryBuilder } from 'kysely'
import type { Database } from '../database.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import { prepared } from '../prepared.ts'
import type { AttachmentTable, GroupTable, InlinePolicyTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Which policies an identity (user, group or role, by unique id) has. */

/** What the ARN of every built-in policy starts with. */
const BUILT_IN = 'arn:aws:iam::aws:policy/'

/** A policy that is attached already stays as it is. */
export async function attachPolicy(db: Queryable, row: AttachmentTable): Promise<void> {
  await db
    .insertInto('iam_attachment')
    .values(row)
    .onConflict((conflict) => conflict.columns(['identity_id', 'policy_arn']).doNothing())
    .execute()
}

/** False where it was not attached. */
export async function detachPolicy(db: Queryable, identityId: string, policyArn: string): Promise<boolean> {
  const result = await db
    .deleteFrom('iam_attachment')
    .where('identity_id', '=', identityId)
    .where('policy_arn', '=', policyArn)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** All attachments of an identity by ARN; operations keep them at ten or fewer. */
export async function attachmentsOf(db: Queryable, identityId: string): Promise<AttachmentTable[]> {
  return await db
    .selectFrom('iam_attachment')
    .selectAll()
    .where('identity_id', '=', identityId)
    .orderBy('policy_arn')
    .execute()
}

/** The identities of this account that a policy is attached to, by id. */
export async function attachedTo(db: Queryable, accountId: string, policyArn: string): Promise<string[]> {
  const rows = await db
    .selectFrom('iam_attachment')
    .select('identity_id')
    .where('account_id', '=', accountId)
    .where('policy_arn', '=', policyArn)
    .orderBy('identity_id')
    .execute()
  return rows.map((row) => row.identity_id)
}

/** An identity that a policy is attached to or the boundary of. */
export interface PolicyUser {
  readonly kind: 'user' | 'group' | 'role'
  readonly id: string
  readonly name: string
  readonly path: string
}

/** Users, groups and roles that have the policy attached or (no groups) as their boundary, by id. */
export async function entitiesOfPolicy(
  db: Queryable,
  accountId: string,
  policyArn: string,
  usage: 'attached' | 'boundary',
): Promise<PolicyUser[]> {
  const ids = (kind: 'user' | 'role'): ReturnType<typeof boundIds> => boundIds(db, accountId, policyArn, kind)
  const identityIds =
    usage === 'attached'
      ? await attachedTo(db, accountId, policyArn)
      : [...(await ids('user')), ...(await ids('role'))]
  if (identityIds.length === 0) return []
  const users = await db
    .selectFrom('iam_user')
    .select(['user_id as id', 'name', 'path'])
    .where('user_id', 'in', identityIds)
    .execute()
  const groups = await db
    .selectFrom('iam_group')
    .select(['group_id as id', 'name', 'path'])
    .where('group_id', 'in', identityIds)
    .execute()
  const roles = await db
    .selectFrom('iam_role')
    .select(['role_id as id', 'name', 'path'])
    .where('role_id', 'in', identityIds)
    .execute()
  return [
    ...users.map((row) => ({ kind: 'user' as const, ...row })),
    ...groups.map((row) => ({ kind: 'group' as const, ...row })),
    ...roles.map((row) => ({ kind: 'role' as const, ...row })),
  ].toSorted((a, b) => (a.id < b.id ? -1 : 1))
}

async function boundIds(
  db: Queryable,
  accountId: string,
  policyArn: string,
  kind: 'user' | 'role',
): Promise<string[]> {
  if (kind === 'user') {
    const rows = await db
      .selectFrom('iam_user')
      .select('user_id')
      .where('account_id', '=', accountId)
      .where('boundary_arn', '=', policyArn)
      .execute()
    return rows.map((row) => row.user_id)
  }
  const rows = await db
    .selectFrom('iam_role')
    .select('role_id')
    .where('account_id', '=', accountId)
    .where('boundary_arn', '=', policyArn)
    .execute()
  return rows.map((row) => row.role_id)
}

/** How often each policy of the account is attached, and how often it is a boundary; policies nobody has are missing. */
export async function policyUsage(
  db: Queryable,
  accountId: string,
): Promise<{ attached: ReadonlyMap<string, number>; boundary: ReadonlyMap<string, number> }> {
  const attachments = await db
    .selectFrom('iam_attachment')
    .select((eb) => ['policy_arn as arn', eb.fn.countAll<number>().as('times')])
    .where('account_id', '=', accountId)
    .groupBy('policy_arn')
    .execute()
  const boundary = new Map<string, number>()
  for (const table of ['iam_user', 'iam_role'] as const) {
    const rows = await db
      .selectFrom(table)
      .select((eb) => ['boundary_arn as arn', eb.fn.countAll<number>().as('times')])
      .where('account_id', '=', accountId)
      .where('boundary_arn', 'is not', null)
      .groupBy('boundary_arn')
      .execute()
    for (const row of rows) {
      const arn = row.arn as string
      boundary.set(arn, (boundary.get(arn) ?? 0) + Number(row.times))
    }
  }
  return { attached: new Map(attachments.map((row) => [row.arn, Number(row.times)])), boundary }
}

/** Makes or replaces the inline policy of this name. */
export async function putInlinePolicy(db: Queryable, row: InlinePolicyTable): Promise<void> {
  await db
    .insertInto('iam_inline_policy')
    .values(row)
    .onConflict((conflict) =>
      conflict.columns(['identity_id', 'name']).doUpdateSet({ document: row.document }),
    )
    .execute()
}

export async function findInlinePolicy(
  db: Queryable,
  identityId: string,
  name: string,
): Promise<InlinePolicyTable | undefined> {
  return await db
    .selectFrom('iam_inline_policy')
    .selectAll()
    .where('identity_id', '=', identityId)
    .where('name', '=', name)
    .executeTakeFirst()
}

export async function listInlinePolicies(
  db: Queryable,
  identityId: string,
  page: PageRequest,
): Promise<Page<InlinePolicyTable>> {
  let query = db.selectFrom('iam_inline_policy').selectAll().where('identity_id', '=', identityId)
  if (page.after !== undefined) query = query.where('name', '>', textCursor(page.after))
  const rows = await query
    .orderBy('name')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.name])
}

/** False where there is none of this name. */
export async function deleteInlinePolicy(db: Queryable, identityId: string, name: string): Promise<boolean> {
  const result = await db
    .deleteFrom('iam_inline_policy')
    .where('identity_id', '=', identityId)
    .where('name', '=', name)
    .executeTakeFirst()
  return result.numDeletedRows === 1n
}

/** Everything that grants or denies an identity something, its boundary aside. `attachedTo` is an identity's unique id. */
export interface IdentityPolicies {
  readonly managed: readonly {
    readonly arn: string
    readonly name: string
    readonly document: string
    readonly versionId: string
    readonly attachedTo: string
  }[]
  /** Built-in policies have no rows: who asks looks their documents up. */
  readonly builtIn: readonly { readonly arn: string; readonly attachedTo: string }[]
  readonly inline: readonly {
    readonly name: string
    readonly document: string
    readonly attachedTo: string
  }[]
  /** The user's groups, for the ARNs behind `attachedTo`. */
  readonly groups: readonly GroupTable[]
}

/**
 * Policies of a user (with those of his groups) or of a role.
 * @throws Where an attached policy has no row: leaving it out could leave out a Deny.
 */
export async function policiesOfIdentity(
  db: Queryable,
  accountId: string,
  identityId: string,
): Promise<IdentityPolicies> {
  const groups = await groupsOf(db, identityId)
  const attached = await attachedDocuments(db, accountId, identityId)
  const inline = await inlineDocuments(db, accountId, identityId)
  return { ...attached, inline, groups }
}

/** The groups of a user; a role is in none. */
function groupIdsOf(
  db: Queryable,
  identityId: string,
): SelectQueryBuilder<Database, 'iam_group_member', { group_id: string }> {
  return db.selectFrom('iam_group_member').select('group_id').where('user_id', '=', identityId)
}

const inlineDocuments = prepared((db, accountId: string, identityId: string) =>
  db
    .selectFrom('iam_inline_policy')
    .select(['name', 'document', 'identity_id as attachedTo'])
    .where('account_id', '=', accountId)
    .where((eb) =>
      eb.or([eb('identity_id', '=', identityId), eb('identity_id', 'in', groupIdsOf(db, identityId))]),
    )
    .orderBy('identity_id')
    .orderBy('name'),
)

const groupsOf = prepared((db, userId: string) =>
  db
    .selectFrom('iam_group_member')
    .innerJoin('iam_group', 'iam_group.group_id', 'iam_group_member.group_id')
    .selectAll('iam_group')
    .where('iam_group_member.user_id', '=', userId)
    .orderBy('iam_group.group_id'),
)

const attachedRows = prepared((db, accountId: string, identityId: string) =>
  db
    .selectFrom('iam_attachment')
    .leftJoin('iam_policy', (join) =>
      join
        .onRef('iam_policy.arn', '=', 'iam_attachment.policy_arn')
        .onRef('iam_policy.account_id', '=', 'iam_attachment.account_id'),
    )
    .leftJoin('iam_policy_version', (join) =>
      join
        .onRef('iam_policy_version.policy_id', '=', 'iam_policy.policy_id')
        .onRef('iam_policy_version.version', '=', 'iam_policy.default_version'),
    )
    .select([
      'iam_attachment.policy_arn',
      'iam_attachment.identity_id',
      'iam_policy.name',
      'iam_policy_version.version',
      'iam_policy_version.document',
    ])
    .where('iam_attachment.account_id', '=', accountId)
    .where((eb) =>
      eb.or([
        eb('iam_attachment.identity_id', '=', identityId),
        eb('iam_attachment.identity_id', 'in', groupIdsOf(db, identityId)),
      ]),
    )
    .orderBy('iam_attachment.identity_id')
    .orderBy('iam_attachment.policy_arn'),
)

async function attachedDocuments(
  db: Queryable,
  accountId: string,
  identityId: string,
): Promise<Pick<IdentityPolicies, 'managed' | 'builtIn'>> {
  const rows = await attachedRows(db, accountId, identityId)
  const managed: IdentityPolicies['managed'][number][] = []
  const builtIn: IdentityPolicies['builtIn'][number][] = []
  for (const row of rows) {
    if (row.policy_arn.startsWith(BUILT_IN)) {
      builtIn.push({ arn: row.policy_arn, attachedTo: row.identity_id })
      continue
    }
    if (row.document === null || row.name === null) {
      throw new Error(
        `Cannot read the policy "${row.policy_arn}" attached to ${row.identity_id}: it has no row`,
      )
    }
    managed.push({
      arn: row.policy_arn,
      name: row.name,
      document: row.document,
      versionId: `v${row.version}`,
      attachedTo: row.identity_id,
    })
  }
  return { managed, builtIn }
}
