import type {
  GetRestoreGuardOutput,
  PutRestoreGuardInput,
  PutRestoreGuardOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { restoreGuardOf, updateAccount } from '../store/identity/accounts.ts'
import { mayChangeRules, mayReadRules } from './server-rules.ts'

/**
 * The guard is a rule over the account's security, as its password policy is: IAM's rights on that are needed, too, so that nobody
 * opens it who is no administrator of identities.
 */

export async function getRestoreGuard(ctx: Context): Promise<GetRestoreGuardOutput> {
  await mayReadRules(ctx, 'the restore guard')
  return { RestoreGuard: await restoreGuardOf(ctx.store.db, ctx.accountId) }
}

/** Holds from the next call on; jobs that were let through go on. */
export async function putRestoreGuard(
  ctx: Context,
  { RestoreGuard }: PutRestoreGuardInput,
): Promise<PutRestoreGuardOutput> {
  await mayChangeRules(ctx, 'the restore guard')
  return await ctx.store.transaction(async (tx) => {
    const Before = await restoreGuardOf(tx, ctx.accountId)
    await updateAccount(tx, ctx.accountId, { restore_guard: RestoreGuard })
    return { RestoreGuard, Before }
  })
}
