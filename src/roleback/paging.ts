import { openPage, sealPage } from '../access/page-token.ts'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { PageRequest } from '../store/page.ts'

const DEFAULT_LIMIT = 100

/** Reads MaxResults and NextToken of a list call. */
export function pageOf(
  ctx: Context,
  list: string,
  input: { readonly MaxResults?: number | undefined; readonly NextToken?: string | undefined },
): PageRequest {
  const limit = input.MaxResults ?? DEFAULT_LIMIT
  if (input.NextToken === undefined) return { limit }
  const after = openPage(ctx.serverKey, { accountId: ctx.accountId, list }, input.NextToken)
  if (after === undefined)
    throw new InvalidParameterValueException(`NextToken is not one that ${list} gave to this account`)
  return { limit, after }
}

export function nextToken(
  ctx: Context,
  list: string,
  next: readonly string[] | undefined,
): string | undefined {
  return next === undefined ? undefined : sealPage(ctx.serverKey, { accountId: ctx.accountId, list }, next)
}
