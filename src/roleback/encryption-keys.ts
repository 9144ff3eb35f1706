import {
  AlreadyExistsException,
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  CreateEncryptionKeyInput,
  CreateEncryptionKeyOutput,
  DeleteEncryptionKeyInput,
  EncryptionKey,
  ListEncryptionKeysOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { EncryptionKeyError } from '../keyring/encryption-keys.ts'
import { findAccount } from '../store/identity/accounts.ts'
import {
  deleteEncryptionKey as deleteRow,
  encryptionKeyArn,
  findEncryptionKey,
  findEncryptionKeyById,
  insertEncryptionKey,
  listEncryptionKeys as listRows,
  vaultsUnder,
} from '../store/vaults/encryption-keys.ts'
import type { EncryptionKeyTable } from '../store/vaults/schema-encryption-keys.ts'
import { refuseTenants } from './accounts.ts'
import { mayChangeRules } from './server-rules.ts'

/**
 * Keys that vaults can be made under (docs/adr/0036). Where a key comes from says who starts the server; whose it is says the management
 * account (R26), which takes the right over an account's security rules beside the own one (R11).
 */

/** @throws {InvalidRequestException} Where the server does not have the key now. */
export async function createEncryptionKey(
  ctx: Context,
  input: CreateEncryptionKeyInput,
): Promise<CreateEncryptionKeyOutput> {
  await refuseTenants(ctx, 'roleback:CreateEncryptionKey')
  await mayChangeRules(ctx, 'encryption keys')
  const { Name, AccountId = ctx.accountId, Region = ctx.region } = input
  if ((await findAccount(ctx.store.db, AccountId)) === undefined)
    throw new InvalidParameterValueException(
      `Cannot create encryption key ${Name}: this server has no account ${AccountId}`,
      { Context: 'AccountId' },
    )
  if (!ctx.server.regions.includes(Region))
    throw new InvalidParameterValueException(
      `Cannot create encryption key ${Name}: this server does not serve region ${Region}. It serves ${ctx.server.regions.join(', ')}`,
      { Context: 'Region' },
    )
  const keyId = await idOf(ctx, Name)
  const row: EncryptionKeyTable = {
    key_id: keyId,
    name: Name,
    arn: encryptionKeyArn(AccountId, Region, keyId),
    account_id: AccountId,
    region: Region,
    created_at: ctx.now,
    created_by: ctx.principal.arn,
  }
  if (!(await insertEncryptionKey(ctx.store.db, row))) throw await taken(ctx, row)
  return { EncryptionKey: await toEncryptionKey(ctx, row, true) }
}

async function idOf(ctx: Context, name: string): Promise<string> {
  try {
    return (await ctx.server.encryptionKeys.load(name)).keyId
  } catch (cause) {
    if (cause instanceof EncryptionKeyError)
      throw new InvalidRequestException(`Cannot create encryption key ${name}. ${cause.reason}`)
    throw cause
  }
}

async function taken(ctx: Context, { name, key_id }: EncryptionKeyTable): Promise<AlreadyExistsException> {
  const named = await findEncryptionKey(ctx.store.db, name)
  if (named !== undefined)
    return new AlreadyExistsException(
      `Encryption key ${name} is there already: ${named.arn}. A name stands for one key as long as it is known; take another name for another key`,
      { Context: named.arn },
    )
  const same = await findEncryptionKeyById(ctx.store.db, key_id)
  return new AlreadyExistsException(
    `Cannot create encryption key ${name}: it is the same key as ${same?.name ?? key_id}. Each needs one of its own: openssl rand -base64 32`,
    { Context: same?.arn },
  )
}

/** The account's own; to the management account also those of others. */
export async function listEncryptionKeys(ctx: Context): Promise<ListEncryptionKeysOutput> {
  await ctx.authorize('kms:ListKeys', '*')
  const isManagement = ctx.accountId === ctx.server.managementAccountId
  const rows = await listRows(ctx.store.db, isManagement ? undefined : ctx.accountId)
  return { EncryptionKeys: await Promise.all(rows.map((row) => toEncryptionKey(ctx, row, isManagement))) }
}

/** Forgets a key. What it is, and where it comes from, stays as it is. */
export async function deleteEncryptionKey(
  ctx: Context,
  { Name }: DeleteEncryptionKeyInput,
): Promise<Record<string, never>> {
  await refuseTenants(ctx, 'roleback:DeleteEncryptionKey')
  await mayChangeRules(ctx, 'encryption keys')
  await ctx.store.transaction(async (tx) => {
    const row = await findEncryptionKey(tx, Name)
    if (row === undefined)
      throw new ResourceNotFoundException(`There is no encryption key ${Name}`, { Context: Name })
    const vaults = await vaultsUnder(tx, row.arn)
    if (vaults.length > 0)
      throw new InvalidRequestException(
        `Encryption key ${Name} cannot be deleted: these vaults are under it, and would not open without it: ${vaults.join(', ')}. Delete them first`,
      )
    await deleteRow(tx, row.key_id)
  })
  return {}
}

/** @param isTold Why the key cannot be had: of places and programs of the server, which are not for others. */
async function toEncryptionKey(
  ctx: Context,
  row: EncryptionKeyTable,
  isTold: boolean,
): Promise<EncryptionKey> {
  const problem = await problemOf(ctx, row)
  return {
    Name: row.name,
    KeyArn: row.arn,
    AccountId: row.account_id,
    Region: row.region,
    IsAvailable: problem === undefined,
    Problem: isTold ? problem : undefined,
    BackupVaultArns: [...(await vaultsUnder(ctx.store.db, row.arn))],
    CreationDate: new Date(row.created_at),
    CreatedBy: isTold ? row.created_by : undefined,
  }
}

async function problemOf(ctx: Context, { name, key_id }: EncryptionKeyTable): Promise<string | undefined> {
  try {
    await ctx.server.encryptionKeys.loadKey(name, key_id)
    return undefined
  } catch (error) {
    if (error instanceof EncryptionKeyError) return error.reason
    throw error
  }
}
