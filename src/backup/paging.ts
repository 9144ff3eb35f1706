import { openPage, sealPage } from '../access/page-token.ts'
import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'

/** AWS's page size where MaxResults is absent. */
const DEFAULT_LIMIT = 1000

export interface PageRequest {
  readonly limit: number
  readonly after?: readonly string[]
}

/** Reads MaxResults and NextToken of a list call. An empty token is none: loops that go on while there is one begin so. */
export function pageOf(
  ctx: Context,
  list: string,
  input: { readonly MaxResults?: number | undefined; readonly NextToken?: string | undefined },
): PageRequest {
  const limit = input.MaxResults ?? DEFAULT_LIMIT
  if (input.NextToken === undefined || input.NextToken === '') return { limit }
  const after = openPage(ctx.serverKey, { accountId: ctx.accountId, list }, input.NextToken)
  if (after === undefined) {
    throw new InvalidParameterValueException(
      'Invalid NextToken: it is not one that this list gave to this account. Leave it out to begin anew',
    )
  }
  return { limit, after }
}

/** The NextToken to answer with; absent behind the last page. */
export function nextToken(
  ctx: Context,
  list: string,
  next: readonly string[] | undefined,
): string | undefined {
  return next === undefined ? undefined : sealPage(ctx.serverKey, { accountId: ctx.accountId, list }, next)
}
