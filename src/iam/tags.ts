import { InvalidInputException, LimitExceededException } from '../aws/generated/iam.ts'
import type { Tag } from '../aws/generated/iam.ts'
import type { Context } from '../context.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, deleteTags, putTags, tagsOf } from '../store/identity/tags.ts'
import type { Tags } from '../store/identity/tags.ts'
import { pageOfItems } from './paging.ts'
import type { PageInput, PageMembers } from './paging.ts'

const MAX_TAGS = 50

/** Checks the tags of a request. IAM compares keys without regard to case. */
export function checkedTags(tags: readonly Tag[] | undefined): Tags {
  const seen = new Set<string>()
  for (const { Key } of tags ?? []) {
    refuseReserved(Key)
    if (seen.has(Key.toLowerCase())) {
      throw new InvalidInputException(
        'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
      )
    }
    seen.add(Key.toLowerCase())
  }
  return Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key, Value]))
}

/** Keys that start with `aws:` are the services' own. */
function refuseReserved(key: string): void {
  if (/^aws:/i.test(key)) {
    throw new InvalidInputException(
      `Tag keys that start with "aws:" are reserved and can be neither set nor removed: "${key}"`,
    )
  }
}

/** Adds to the tags of `arn`; a key that is there in another case is replaced. Give it a transaction. */
export async function addTags(
  tx: Queryable,
  accountId: string,
  arn: string,
  tags: readonly Tag[],
): Promise<void> {
  const added = checkedTags(tags)
  const present = Object.keys(await tagsOf(tx, accountId, arn))
  const addedKeys = new Set(Object.keys(added).map((key) => key.toLowerCase()))
  const replaced = present.filter((key) => addedKeys.has(key.toLowerCase()))
  if (present.length - replaced.length + addedKeys.size > MAX_TAGS) {
    throw new LimitExceededException(`The number of tags has reached the maximum limit of ${MAX_TAGS}.`)
  }
  await deleteTags(tx, accountId, arn, replaced)
  await putTags(tx, accountId, arn, added)
}

/** Removes tags, whatever the case of their keys. Give it a transaction. */
export async function removeTags(
  tx: Queryable,
  accountId: string,
  arn: string,
  keys: readonly string[],
): Promise<void> {
  for (const key of keys) refuseReserved(key)
  const wanted = new Set(keys.map((key) => key.toLowerCase()))
  const present = Object.keys(await tagsOf(tx, accountId, arn))
  await deleteTags(
    tx,
    accountId,
    arn,
    present.filter((key) => wanted.has(key.toLowerCase())),
  )
}

/** Tags stay with an identity whose ARN changes. Give it a transaction. */
export async function moveTags(tx: Queryable, accountId: string, from: string, to: string): Promise<void> {
  if (from === to) return
  const tags = await tagsOf(tx, accountId, from)
  await deleteAllTags(tx, accountId, from)
  await putTags(tx, accountId, to, tags)
}

/** As answers have them; undefined where there are none, as AWS leaves them out then. */
export async function tagMembers(db: Queryable, accountId: string, arn: string): Promise<Tag[] | undefined> {
  const tags = Object.entries(await tagsOf(db, accountId, arn)).map(([Key, Value]) => ({ Key, Value }))
  return tags.length === 0 ? undefined : tags
}

/** A page of ListUserTags and its like. */
export async function tagPage(
  ctx: Context,
  arn: string,
  input: PageInput,
): Promise<PageMembers & { readonly Tags: readonly Tag[] }> {
  const tags = Object.entries(await tagsOf(ctx.store.db, ctx.accountId, arn))
  const { items, page } = pageOfItems(ctx, `Tags ${arn}`, input, tags, ([key]) => key)
  return { Tags: items.map(([Key, Value]) => ({ Key, Value })), ...page }
}
