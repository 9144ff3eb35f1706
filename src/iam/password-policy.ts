import { passwordPolicyOf } from '../access/password-policy.ts'
import type { PasswordPolicy } from '../access/password-policy.ts'
import { NoSuchEntityException } from '../aws/generated/iam.ts'
import type {
  GetAccountPasswordPolicyResponse,
  IamApi,
  UpdateAccountPasswordPolicyRequest,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { findAccount, updateAccount } from '../store/identity/accounts.ts'
import { anyResource } from './entities.ts'

type Operations = 'GetAccountPasswordPolicy' | 'UpdateAccountPasswordPolicy' | 'DeleteAccountPasswordPolicy'

export const passwordPolicy: Pick<Service<IamApi, Context>, Operations> = {
  GetAccountPasswordPolicy: { resource: anyResource, handler: getPolicy },
  UpdateAccountPasswordPolicy: { resource: anyResource, handler: setPolicy },
  DeleteAccountPasswordPolicy: {
    resource: anyResource,
    handler: async (ctx) =>
      await ctx.store.transaction(async (tx) => {
        if (passwordPolicyOf(await findAccount(tx, ctx.accountId)) === undefined) {
          throw new NoSuchEntityException('The account policy with name PasswordPolicy cannot be found.')
        }
        await updateAccount(tx, ctx.accountId, { password_policy: null })
        return {}
      }),
  },
}

async function getPolicy(ctx: Context): Promise<GetAccountPasswordPolicyResponse> {
  const policy = passwordPolicyOf(await findAccount(ctx.store.db, ctx.accountId))
  if (policy === undefined) {
    throw new NoSuchEntityException(`The Password Policy with domain name ${ctx.accountId} cannot be found.`)
  }
  return { PasswordPolicy: { ...policy, ExpirePasswords: policy.MaxPasswordAge !== undefined } }
}

/** What a request leaves out gets AWS's default, not its value of before (IAM API Reference, UpdateAccountPasswordPolicy). */
async function setPolicy(
  ctx: Context,
  input: UpdateAccountPasswordPolicyRequest,
): Promise<Record<never, never>> {
  const policy: PasswordPolicy = {
    MinimumPasswordLength: input.MinimumPasswordLength ?? 6,
    RequireSymbols: input.RequireSymbols ?? false,
    RequireNumbers: input.RequireNumbers ?? false,
    RequireUppercaseCharacters: input.RequireUppercaseCharacters ?? false,
    RequireLowercaseCharacters: input.RequireLowercaseCharacters ?? false,
    AllowUsersToChangePassword: input.AllowUsersToChangePassword ?? false,
    MaxPasswordAge: input.MaxPasswordAge,
    PasswordReusePrevention: input.PasswordReusePrevention,
    HardExpiry: input.HardExpiry ?? false,
  }
  await updateAccount(ctx.store.db, ctx.accountId, { password_policy: JSON.stringify(policy) })
  return {}
}
