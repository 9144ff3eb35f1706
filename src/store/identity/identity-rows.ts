import { sql } from 'kysely'
import type { RawBuilder, SqlBool } from 'kysely'
import type { Database } from '../database.ts'
import type { Queryable } from '../store.ts'

/** A row as it lies in a table. */
export type IdentityRow = Readonly<Record<string, string | number | null>>

/** A table of the identity export. */
export interface IdentityTable {
  readonly name: keyof Database
  readonly key: readonly string[]
  /** Whose its rows are: the server's, an account's by their own column, or an account's by another table's row. */
  readonly of: 'server' | 'account' | { readonly table: keyof Database; readonly column: string }
}

const account = (name: IdentityTable['name'], ...key: readonly string[]): IdentityTable => ({
  name,
  key,
  of: 'account',
})

const part = (
  name: IdentityTable['name'],
  table: keyof Database,
  column: string,
  ...rest: readonly string[]
): IdentityTable => ({ name, key: [column, ...rest], of: { table, column } })

/**
 * Every table of the export, in an order in which rows can be put back. Their triggers are in migration 19 and later ones; a test holds both to all
 * tables there are.
 */
export const IDENTITY_TABLES: readonly IdentityTable[] = [
  { name: 'server', key: ['id'], of: 'server' },
  { name: 'storage', key: ['name'], of: 'server' },
  { name: 'job_limits', key: ['id'], of: 'server' },
  account('account', 'account_id'),
  account('region_settings', 'account_id', 'region'),
  account('global_settings', 'account_id'),
  account('quota', 'resource'),
  account('iam_user', 'user_id'),
  account('iam_group', 'group_id'),
  account('iam_group_member', 'group_id', 'user_id'),
  account('iam_role', 'role_id'),
  account('iam_policy', 'policy_id'),
  part('iam_policy_version', 'iam_policy', 'policy_id', 'version'),
  account('iam_attachment', 'identity_id', 'policy_arn'),
  account('iam_inline_policy', 'identity_id', 'name'),
  account('iam_instance_profile', 'profile_id'),
  account('iam_oidc_provider', 'account_id', 'url'),
  account('sign_in_provider', 'account_id', 'url'),
  account('iam_access_key', 'access_key_id'),
  account('iam_login_profile', 'user_id'),
  part('iam_password_history', 'iam_login_profile', 'user_id', 'number'),
  account('iam_mfa_device', 'serial_number'),
  account('tag', 'arn', 'key'),
  account('resource', 'unique_id'),
  account('vault', 'vault_id'),
  account('backup_plan', 'plan_id'),
  part('backup_plan_version', 'backup_plan', 'plan_id', 'version_id'),
  account('backup_selection', 'selection_id'),
  account('backup_rule', 'plan_id', 'rule_id'),
  account('retention_counts', 'plan_id', 'rule_name'),
  account('restore_testing_plan', 'region', 'name'),
  account('restore_testing_selection', 'region', 'plan_name', 'name'),
  account('tiering_configuration', 'region', 'name'),
  account('backup_pause', 'region', 'target_arn'),
  account('framework', 'framework_id'),
  account('discovery_rule', 'rule_id'),
  account('event_target', 'target_id'),
  account('report_plan', 'report_plan_id'),
  account('legal_hold', 'hold_id'),
  part('legal_hold_target', 'legal_hold', 'hold_id', 'kind', 'value'),
]

/** Rows read in one statement. */
const PAGE = 500

/** The rows of an account (null: the server's own), in pages by key; each page is as the table is when it is read. */
export async function* identityRows(
  db: Queryable,
  table: IdentityTable,
  accountId: string | null,
): AsyncGenerator<readonly IdentityRow[]> {
  let after: IdentityRow | undefined
  do {
    const page: readonly IdentityRow[] = await readPage(db, table, accountId, after)
    if (page.length > 0) yield page
    after = page.length === PAGE ? page.at(-1) : undefined
  } while (after !== undefined)
}

async function readPage(
  db: Queryable,
  table: IdentityTable,
  accountId: string | null,
  after: IdentityRow | undefined,
): Promise<readonly IdentityRow[]> {
  const { name, key, of } = table
  const columns = sql.join(key.map((column) => sql.ref(column)))
  const conditions: RawBuilder<SqlBool>[] = []
  if (of === 'account') conditions.push(sql`account_id = ${accountId}`)
  else if (of !== 'server')
    conditions.push(
      sql`${sql.ref(of.column)} in (select ${sql.ref(of.column)} from ${sql.table(of.table)} where account_id = ${accountId})`,
    )
  // Those of recovery points are in the vaults.
  if (name === 'tag') conditions.push(sql`arn not like '%:recovery-point:%'`)
  if (after !== undefined)
    conditions.push(sql`(${columns}) > (${sql.join(key.map((column) => after[column]))})`)
  const where = conditions.length === 0 ? sql`` : sql`where ${sql.join(conditions, sql` and `)}`
  const query = sql<IdentityRow>`select * from ${sql.table(name)} ${where} order by ${columns} limit ${PAGE}`
  return (await query.execute(db)).rows
}

/** Puts a row back. False where one of its key is there. */
export async function insertIdentityRow(
  db: Queryable,
  table: IdentityTable,
  row: IdentityRow,
): Promise<boolean> {
  const names = Object.keys(row)
  const columns = sql.join(names.map((column) => sql.ref(column)))
  const values = sql.join(names.map((column) => row[column]))
  const query = sql`insert into ${sql.table(table.name)} (${columns}) values (${values}) on conflict do nothing`
  return (await query.execute(db)).numAffectedRows === 1n
}

/** The columns that a table has here. */
export async function identityColumns(db: Queryable, table: IdentityTable): Promise<ReadonlySet<string>> {
  const all = await db.introspection.getTables()
  const found = all.find(({ name }) => name === table.name)
  return new Set(found?.columns.map(({ name }) => name))
}

/** Writes a row over the one of its key. */
export async function updateIdentityRow(
  db: Queryable,
  table: IdentityTable,
  row: IdentityRow,
): Promise<void> {
  const set = sql.join(Object.keys(row).map((column) => sql`${sql.ref(column)} = ${row[column]}`))
  const where = sql.join(
    table.key.map((column) => sql`${sql.ref(column)} = ${row[column]}`),
    sql` and `,
  )
  await sql`update ${sql.table(table.name)} set ${set} where ${where}`.execute(db)
}
