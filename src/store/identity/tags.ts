import { prepared } from '../prepared.ts'
import type { Queryable } from '../store.ts'

/** Tags of anything, by ARN. Who may have which, and how many, is for the operations to say. */

export type Tags = Readonly<Record<string, string>>

const tagRows = prepared((db, accountId: string, arn: string) =>
  db
    .selectFrom('tag')
    .select(['key', 'value'])
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .orderBy('key'),
)

/** All tags of `arn`, in the order of their keys' bytes; empty where it has none. */
export async function tagsOf(db: Queryable, accountId: string, arn: string): Promise<Tags> {
  const rows = await tagRows(db, accountId, arn)
  return Object.fromEntries(rows.map((row) => [row.key, row.value]))
}

/** Tags of many ARNs at once; an ARN without tags is missing in the map. */
export async function tagsOfAll(
  db: Queryable,
  accountId: string,
  arns: readonly string[],
): Promise<ReadonlyMap<string, Tags>> {
  const found = new Map<string, Record<string, string>>()
  for (let at = 0; at < arns.length; at += MAX_PARAMETERS) {
    const rows = await db
      .selectFrom('tag')
      .select(['arn', 'key', 'value'])
      .where('account_id', '=', accountId)
      .where('arn', 'in', arns.slice(at, at + MAX_PARAMETERS))
      .orderBy('arn')
      .orderBy('key')
      .execute()
    for (const row of rows) {
      const tags = found.get(row.arn) ?? {}
      tags[row.key] = row.value
      found.set(row.arn, tags)
    }
  }
  return found
}

/** What many ARNs have under one key; an ARN without it is missing in the map. */
export async function valuesOfTag(
  db: Queryable,
  accountId: string,
  key: string,
  arns: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>()
  for (let at = 0; at < arns.length; at += MAX_PARAMETERS) {
    const rows = await db
      .selectFrom('tag')
      .select(['arn', 'value'])
      .where('account_id', '=', accountId)
      .where('arn', 'in', arns.slice(at, at + MAX_PARAMETERS))
      .where('key', '=', key)
      .execute()
    for (const row of rows) found.set(row.arn, row.value)
  }
  return found
}

/** Bound values in one statement: below the limits of both engines. */
const MAX_PARAMETERS = 1_000

/** Sets the given tags and leaves the others. */
export async function putTags(db: Queryable, accountId: string, arn: string, tags: Tags): Promise<void> {
  const values = Object.entries(tags).map(([key, value]) => ({ account_id: accountId, arn, key, value }))
  if (values.length === 0) return
  await db
    .insertInto('tag')
    .values(values)
    .onConflict((conflict) =>
      conflict
        .columns(['account_id', 'arn', 'key'])
        .doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })),
    )
    .execute()
}

/** Adds the tags of many new ARNs at once. */
export async function putTagsOfAll(
  db: Queryable,
  accountId: string,
  all: readonly { readonly arn: string; readonly tags: Tags }[],
): Promise<void> {
  const values = all.flatMap(({ arn, tags }) =>
    Object.entries(tags).map(([key, value]) => ({ account_id: accountId, arn, key, value })),
  )
  for (let at = 0; at < values.length; at += MAX_PARAMETERS) {
    await db
      .insertInto('tag')
      .values(values.slice(at, at + MAX_PARAMETERS))
      .onConflict((conflict) => conflict.doNothing())
      .execute()
  }
}

/** Removes the tags of these keys; keys that are not there are no error. */
export async function deleteTags(
  db: Queryable,
  accountId: string,
  arn: string,
  keys: readonly string[],
): Promise<void> {
  if (keys.length === 0) return
  await db
    .deleteFrom('tag')
    .where('account_id', '=', accountId)
    .where('arn', '=', arn)
    .where('key', 'in', keys)
    .execute()
}

/** Removes all tags of `arn`: part of deleting what it names. */
export async function deleteAllTags(db: Queryable, accountId: string, arn: string): Promise<void> {
  await db.deleteFrom('tag').where('account_id', '=', accountId).where('arn', '=', arn).execute()
}

/** Makes `tags` the tags of `arn`. Give it a transaction. */
export async function replaceTags(db: Queryable, accountId: string, arn: string, tags: Tags): Promise<void> {
  await deleteAllTags(db, accountId, arn)
  await putTags(db, accountId, arn, tags)
}

export interface TagFilter {
  readonly key: string
  /** Any of these; any value at all where undefined. */
  readonly values?: readonly string[] | undefined
}

/** ARNs that have the tag, in byte order, a page of `limit` behind `after`. */
export async function findByTag(
  db: Queryable,
  accountId: string,
  filter: TagFilter,
  page: { readonly limit: number; readonly after?: string | undefined },
): Promise<string[]> {
  let query = db
    .selectFrom('tag')
    .select('arn')
    .where('account_id', '=', accountId)
    .where('key', '=', filter.key)
  if (filter.values !== undefined) {
    if (filter.values.length === 0) return []
    query = query.where('value', 'in', filter.values)
  }
  if (page.after !== undefined) query = query.where('arn', '>', page.after)
  const rows = await query.orderBy('arn').limit(page.limit).execute()
  return rows.map((row) => row.arn)
}
