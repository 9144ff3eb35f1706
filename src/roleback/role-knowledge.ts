import { passRoleContext } from '../access/passed-role.ts'
import type { Context } from '../context.ts'
import { evaluate } from '../policy/evaluate.ts'
import { tagsOf } from '../store/identity/tags.ts'

/**
 * Whether the caller may be told what a role can do: he may pass it, or simulate it. A refusal is not recorded as a denial, since
 * nothing is refused; the right that opens the role to him is recorded, like any that has an effect.
 */
export async function mayKnowRole(ctx: Context, roleArn: string, sourceArn?: string): Promise<boolean> {
  const tags: Record<string, string> = {}
  for (const [key, value] of Object.entries(await tagsOf(ctx.store.db, ctx.accountId, roleArn))) {
    tags[`aws:ResourceTag/${key}`] = value
    tags[`iam:ResourceTag/${key}`] = value
  }
  const rights = [
    ['iam:PassRole', passRoleContext(sourceArn ?? '')],
    ['iam:SimulatePrincipalPolicy', tags],
  ] as const
  for (const [action, context] of rights) {
    const asked = { action, resource: roleArn, context }
    const { request, layers } = await ctx.preview.right(asked)
    if (evaluate(request, layers).allowed && (await ctx.ask(asked)).allowed) return true
  }
  return false
}
