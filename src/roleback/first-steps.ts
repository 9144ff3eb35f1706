import type { DescribeOverviewOutput, DismissFirstStepsOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { findAccount, updateAccount } from '../store/identity/accounts.ts'
import { hasRestored } from '../store/points/overview.ts'

/**
 * The way to a first backup and back is shown to an account until one was restored, or somebody said that it is not wanted. That is kept
 * here and not with whoever looks: they are steps of the account, and everybody who signs in to it sees the same.
 */
export async function firstStepsOf({
  store: { db },
  accountId,
}: Context): Promise<DescribeOverviewOutput['FirstSteps']> {
  const account = await findAccount(db, accountId)
  const isDismissed = account !== undefined && account.first_steps_dismissed_at !== null
  return isDismissed || (await hasRestored(db, accountId)) ? 'ENDED' : 'OPEN'
}

export async function dismissFirstSteps(ctx: Context): Promise<DismissFirstStepsOutput> {
  await updateAccount(ctx.store.db, ctx.accountId, { first_steps_dismissed_at: ctx.now })
  return {}
}
