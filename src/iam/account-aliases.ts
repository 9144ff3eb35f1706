import { AwsError } from '../aws/error.ts'
import { EntityAlreadyExistsException, NoSuchEntityException } from '../aws/generated/iam.ts'
import type { IamApi } from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { findAccount, findAccountByAlias, updateAccount } from '../store/identity/accounts.ts'
import { anyResource } from './entities.ts'
import { pageOfItems } from './paging.ts'

type Operations = 'CreateAccountAlias' | 'DeleteAccountAlias' | 'ListAccountAliases'

/** A name that people sign in with instead of the account id: unique on the server, one for each account. */
export const accountAliases: Pick<Service<IamApi, Context>, Operations> = {
  CreateAccountAlias: {
    resource: anyResource,
    handler: async (ctx, { AccountAlias }) => {
      if (/^\d{12}$/.test(AccountAlias)) {
        throw new AwsError(
          'ValidationError',
          400,
          'An account alias cannot be twelve digits: it would look like an account id',
        )
      }
      return await ctx.store.transaction(async (tx) => {
        if ((await findAccountByAlias(tx, AccountAlias)) !== undefined) {
          throw new EntityAlreadyExistsException(`The account alias ${AccountAlias} already exists.`)
        }
        // Over the one before, as AWS does: an account has one alias at most.
        await updateAccount(tx, ctx.accountId, { alias: AccountAlias })
        return {}
      })
    },
  },
  DeleteAccountAlias: {
    resource: anyResource,
    handler: async (ctx, { AccountAlias }) =>
      await ctx.store.transaction(async (tx) => {
        if ((await findAccount(tx, ctx.accountId))?.alias !== AccountAlias) {
          throw new NoSuchEntityException(`The account alias ${AccountAlias} cannot be found.`)
        }
        await updateAccount(tx, ctx.accountId, { alias: null })
        return {}
      }),
  },
  ListAccountAliases: {
    resource: anyResource,
    handler: async (ctx, input) => {
      const alias = (await findAccount(ctx.store.db, ctx.accountId))?.alias
      const aliases = alias == null ? [] : [alias]
      const { items, page } = pageOfItems(ctx, 'ListAccountAliases', input, aliases, (item) => item)
      return { AccountAliases: items, ...page }
    },
  },
}
