import type { Context } from '../context.ts'
import { resourceLabels } from '../store/resources/resource-label.ts'

/**
 * AWS's `ResourceName` of what rows belong to, as people call it: a file system's ARN has only its id. Where nobody here knows more, the name
 * that the ARN ends in.
 */
export async function resourceNames(
  ctx: Context,
  rows: readonly { readonly resource_arn: string | null }[],
): Promise<(row: { readonly resource_arn: string | null }) => string | undefined> {
  const arns = rows.flatMap(({ resource_arn: arn }) => arn ?? [])
  const labels = await resourceLabels(ctx.store.db, ctx.accountId, arns)
  return ({ resource_arn: arn }) => (arn === null ? undefined : (labels.get(arn) ?? arn.split(/[:/]/).at(-1)))
}
