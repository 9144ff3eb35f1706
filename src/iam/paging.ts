import { openPage, sealPage } from '../access/page-token.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import type { PageRequest } from '../store/page.ts'

/** AWS's page size where MaxItems is absent. */
const DEFAULT_LIMIT = 100

export interface PageInput {
  readonly MaxItems?: number | undefined
  readonly Marker?: string | undefined
}

/** Reads MaxItems and Marker. `list` names the list and whose it is, so that a marker fits no other. */
export function pageRequest(ctx: Context, list: string, input: PageInput): PageRequest {
  const limit = input.MaxItems ?? DEFAULT_LIMIT
  if (input.Marker === undefined) return { limit }
  const after = openPage(ctx.serverKey, { accountId: ctx.accountId, list }, input.Marker)
  if (after === undefined) {
    throw new AwsError('ValidationError', 400, 'Invalid Marker: it is not one that this list gave')
  }
  return { limit, after }
}

export interface PageMembers {
  readonly IsTruncated: boolean
  readonly Marker?: string | undefined
}

/** The members that every list answers beside its rows. */
export function pageMembers(ctx: Context, list: string, next: readonly string[] | undefined): PageMembers {
  if (next === undefined) return { IsTruncated: false }
  return { IsTruncated: true, Marker: sealPage(ctx.serverKey, { accountId: ctx.accountId, list }, next) }
}

/** A page of a short list that is whole in memory, ordered by `key`, which is unique in it. */
export function pageOfItems<Item>(
  ctx: Context,
  list: string,
  input: PageInput,
  items: readonly Item[],
  key: (item: Item) => string,
): { readonly items: readonly Item[]; readonly page: PageMembers } {
  const { limit, after } = pageRequest(ctx, list, input)
  const from = after?.[0]
  const rest = items
    .filter((item) => from === undefined || key(item) > from)
    .toSorted((a, b) => (key(a) < key(b) ? -1 : 1))
  const kept = rest.slice(0, limit)
  const last = kept.at(-1)
  const next = rest.length > limit && last !== undefined ? [key(last)] : undefined
  return { items: kept, page: pageMembers(ctx, list, next) }
}
