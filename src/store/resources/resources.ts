import { sql } from 'kysely'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import type { ResourceTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Where a resource lies follows from its settings. */
export type NewResource = Omit<ResourceTable, 'host'>

/** The machine that a connection's settings lead to; null where they name none. */
function hostOf(settings: string): string | null {
  const { host, endpoint } = JSON.parse(settings) as { readonly host?: unknown; readonly endpoint?: unknown }
  if (typeof host === 'string') return host.toLowerCase()
  return typeof endpoint === 'string' && URL.canParse(endpoint) ? new URL(endpoint).hostname : null
}

/** Registers a resource. False where its ARN is registered already. */
export async function insertResource(db: Queryable, row: NewResource): Promise<boolean> {
  const result = await db
    .insertInto('resource')
    .values({ ...row, host: hostOf(row.settings) })
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'arn']).where('removed_at', 'is', null).doNothing(),
    )
    .executeTakeFirst()
  return result.numInsertedOrUpdatedRows === 1n
}

/** The resource now registered under `arn`. */
export async function findResource(
  db: Queryable,
  accountId: string,
  arn: string,
): Promise<ResourceTable | undefined> {
  return await db
    .selectFrom('resource')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .where('removed_at', 'is', null)
    .executeTakeFirst()
}

/** Also one that was removed: see `removed_at`. */
export async function findResourceById(
  db: Queryable,
  accountId: string,
  uniqueId: string,
): Promise<ResourceTable | undefined> {
  return await db
    .selectFrom('resource')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('unique_id', '=', uniqueId)
    .executeTakeFirst()
}

/** The server's answer to "where do resources lie": those of all accounts, for checks of overlap. */
export async function allResourcesOfType(db: Queryable, type: string): Promise<ResourceTable[]> {
  return await db
    .selectFrom('resource')
    .selectAll()
    .where('type', '=', type)
    .where('removed_at', 'is', null)
    .orderBy('unique_id')
    .execute()
}

export interface ResourceFilter {
  readonly accountId: string
  readonly region?: string | undefined
  readonly type?: string | undefined
}

/** Registered resources by ARN. */
export async function listResources(
  db: Queryable,
  filter: ResourceFilter,
  page: PageRequest,
): Promise<Page<ResourceTable>> {
  const rows = await behind(db, filter, page)
    .selectAll()
    .orderBy('arn')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.arn])
}

const behind = (db: Queryable, filter: ResourceFilter, { after }: PageRequest) => {
  let query = db
    .selectFrom('resource')
    .where('account_id', '=', filter.accountId)
    .where('removed_at', 'is', null)
  if (filter.region !== undefined) query = query.where('region', '=', filter.region)
  if (filter.type !== undefined) query = query.where('type', '=', filter.type)
  return after === undefined ? query : query.where('arn', '>', textCursor(after))
}

/**
 * Those of {@link listResources} whose name or tag `Name` has `part` in it, whatever the case of its letters (in SQLite of those of ASCII),
 * and the one whose ARN it is.
 * A page may be short, or empty, and others follow: `atOnce` resources are looked through for it at most.
 */
export async function findResourcesByName(
  db: Queryable,
  filter: ResourceFilter & { readonly part: string; readonly atOnce: number },
  page: PageRequest,
): Promise<Page<ResourceTable>> {
  const pattern = `%${filter.part.replaceAll(/[\\%_]/g, '\\$&')}%`
  const has = (column: string) => sql<boolean>`lower(${sql.ref(column)}) like lower(${pattern}) escape '\\'`
  const rows = await db
    .selectFrom(behind(db, filter, page).selectAll().orderBy('arn').limit(filter.atOnce).as('looked'))
    .selectAll()
    .where((eb) =>
      eb.or([
        has('looked.name'),
        eb('looked.arn', '=', filter.part),
        eb.exists(
          eb
            .selectFrom('tag')
            .select('tag.key')
            .whereRef('tag.account_id', '=', 'looked.account_id')
            .whereRef('tag.arn', '=', 'looked.arn')
            .where('tag.key', '=', 'Name')
            .where(has('tag.value')),
        ),
      ]),
    )
    .orderBy('arn')
    .limit(page.limit + 1)
    .execute()
  if (rows.length > page.limit) return pageOf(rows, page.limit, (row) => [row.arn])
  const last = await behind(db, filter, page)
    .select('arn')
    .orderBy('arn')
    .offset(filter.atOnce - 1)
    .limit(1)
    .executeTakeFirst()
  return last === undefined ? { rows } : { rows, next: [last.arn] }
}

/**
 * Changes settings and secret together and counts up the version. False where the resource is gone or no longer at `version`:
 * the secret is sealed to the new one, so nobody may have been between.
 */
export async function updateResource(
  db: Queryable,
  resource: Pick<ResourceTable, 'unique_id' | 'version'>,
  change: Pick<ResourceTable, 'settings' | 'secret'>,
): Promise<boolean> {
  const result = await db
    .updateTable('resource')
    .set({ ...change, host: hostOf(change.settings), version: sql`version + 1` })
    .where('unique_id', '=', resource.unique_id)
    .where('version', '=', resource.version)
    .where('removed_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Deregisters: the row stays, since recovery points refer to it, but its secret goes. False where it is gone already. */
export async function removeResource(
  db: Queryable,
  accountId: string,
  uniqueId: string,
  now: number,
): Promise<boolean> {
  const result = await db
    .updateTable('resource')
    .set({ removed_at: now, secret: null })
    .where('account_id', '=', accountId)
    .where('unique_id', '=', uniqueId)
    .where('removed_at', 'is', null)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** The resources now registered under these ARNs; those that are not registered are missing. */
export async function findResources(
  db: Queryable,
  accountId: string,
  arns: readonly string[],
): Promise<ReadonlyMap<string, ResourceTable>> {
  const found = new Map<string, ResourceTable>()
  for (let at = 0; at < arns.length; at += MAX_ARNS) {
    const rows = await db
      .selectFrom('resource')
      .selectAll()
      .where('account_id', '=', accountId)
      .where('arn', 'in', arns.slice(at, at + MAX_ARNS))
      .where('removed_at', 'is', null)
      .execute()
    for (const row of rows) found.set(row.arn, row)
  }
  return found
}

/** ARNs of one statement: below what the engines bind. */
const MAX_ARNS = 1_000
