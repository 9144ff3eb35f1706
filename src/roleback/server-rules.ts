import type { Context } from '../context.ts'

/**
 * Settings of the server and rules over an account have no action in IAM; R11 wants one beside our own, so that a policy with `roleback:*`
 * does not bring them. It is the right over the account's other security rule, its password policy (docs/adr/0038).
 */
const READ = 'iam:GetAccountPasswordPolicy'
const CHANGE = 'iam:UpdateAccountPasswordPolicy'

/**
 * @param what What is seen, such as "storages": a refusal says why it is about passwords.
 * @throws {AwsError} 403 where the caller may not see security rules.
 */
export async function mayReadRules(ctx: Context, what: string): Promise<void> {
  await authorizeRule(ctx, READ, `Reading ${what} takes the right to read the account's security rules, too`)
}

/** As `mayReadRules`. */
export async function mayChangeRules(ctx: Context, what: string): Promise<void> {
  await authorizeRule(
    ctx,
    CHANGE,
    `Changing ${what} takes the right to change the account's security rules, too`,
  )
}

async function authorizeRule(ctx: Context, action: string, because: string): Promise<void> {
  const access = await ctx.ask({
    action,
    resource: '*',
    remark: `${because}, and IAM's action for these is named after the password policy`,
  })
  if (!access.allowed) throw access.refusal
}
