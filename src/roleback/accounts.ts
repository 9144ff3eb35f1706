import { rootArn } from '../access/identity-arns.ts'
import { recordDecision, recordRuling } from '../access/own-decisions.ts'
import { AwsError } from '../aws/error.ts'
import { AlreadyExistsException, InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type {
  Account,
  CreateAccountInput,
  CreateAccountOutput,
  ListAccountsInput,
  ListAccountsOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { iamId, randomAccountId, secretAccessKey } from '../lib/ids.ts'
import {
  findAccount,
  findAccountByAlias,
  insertAccount,
  listAccounts as listRows,
} from '../store/identity/accounts.ts'
import { insertAccessKey } from '../store/identity/identities.ts'
import type { AccountTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { nextToken, pageOf } from './paging.ts'

/**
 * Accounts of one server: each with its own root user, identities and vaults. Making and listing them is for the management account
 * alone (R11, R26), and takes a right of IAM, too.
 */

/**
 * Makes an account and the key of its root user, whose secret this answer alone has.
 *
 * @throws {AlreadyExistsException} 400, for an id or an alias that another account has.
 */
export async function createAccount(ctx: Context, input: CreateAccountInput): Promise<CreateAccountOutput> {
  await refuseTenants(ctx, 'roleback:CreateAccount')
  await ctx.authorize('iam:CreateAccessKey', '*')
  const { Name, Alias, AccountId = randomAccountId() } = input
  if (Alias !== undefined && /^\d{12}$/.test(Alias)) {
    throw new InvalidParameterValueException(
      'An account alias cannot be twelve digits: it would look like an account id',
      { Context: 'Alias' },
    )
  }
  const row: NewAccount = {
    account_id: AccountId,
    name: Name,
    created_at: ctx.now,
    root_last_used_at: null,
    alias: Alias ?? null,
    password_policy: null,
  }
  const key = { accessKeyId: iamId('AKIA'), secret: secretAccessKey() }
  // Before the record, too: it is written before its effect, and would tell of a key that nobody got.
  await refuseTaken(ctx.store.db, row)
  await recordDecision(ctx, {
    action: 'iam:CreateAccessKey',
    resource: rootArn(AccountId),
    effect: 'Allow',
    layer: 'account',
    reason: `key ${key.accessKeyId} of the root user of the new account "${Name}"`,
  })
  await ctx.store.transaction(async (tx) => {
    await insertNew(tx, row)
    await insertAccessKey(tx, {
      access_key_id: key.accessKeyId,
      account_id: AccountId,
      user_id: null,
      secret: ctx.serverKey.seal('access-key', key.accessKeyId, Buffer.from(key.secret)),
      status: 'Active',
      created_at: ctx.now,
    })
  })
  return { Account: toAccount(ctx, row), AccessKeyId: key.accessKeyId, SecretAccessKey: key.secret }
}

type NewAccount = Omit<AccountTable, 'restore_guard' | 'first_steps_dismissed_at'>

async function insertNew(tx: Queryable, row: NewAccount): Promise<void> {
  await refuseTaken(tx, row)
  if (!(await insertAccount(tx, row))) throw accountExists(row)
}

async function refuseTaken(db: Queryable, row: NewAccount): Promise<void> {
  if (row.alias !== null && (await findAccountByAlias(db, row.alias)) !== undefined) {
    throw new AlreadyExistsException(`The account alias ${row.alias} already exists`, { Context: 'Alias' })
  }
  if ((await findAccount(db, row.account_id)) !== undefined) throw accountExists(row)
}

function accountExists({ account_id: id }: NewAccount): AlreadyExistsException {
  return new AlreadyExistsException(`There is an account ${id} on this server already`, {
    Context: 'AccountId',
  })
}

export async function listAccounts(ctx: Context, input: ListAccountsInput): Promise<ListAccountsOutput> {
  await refuseTenants(ctx, 'roleback:ListAccounts')
  await ctx.authorize('iam:ListAccountAliases', '*')
  const { rows, next } = await listRows(ctx.store.db, pageOf(ctx, 'ListAccounts', input))
  return {
    Accounts: rows.map((row) => toAccount(ctx, row)),
    NextToken: nextToken(ctx, 'ListAccounts', next),
  }
}

/** Whatever their own policies allow: what is the whole server's is no tenant's. */
export async function refuseTenants(ctx: Context, action: string): Promise<void> {
  if (ctx.accountId === ctx.server.managementAccountId) return
  const ruling = {
    layer: 'resource',
    reason: 'because it is for the management account of the server alone',
    remedy: 'ask those who run the server: no policy of this account can allow it',
  } as const
  const message = await recordRuling(ctx, { action, resource: '*' }, ruling)
  throw new AwsError('AccessDeniedException', 403, message)
}

function toAccount({ server }: Context, row: NewAccount): Account {
  return {
    AccountId: row.account_id,
    Name: row.name,
    Alias: row.alias ?? undefined,
    Management: row.account_id === server.managementAccountId,
    CreateDate: new Date(row.created_at),
  }
}
