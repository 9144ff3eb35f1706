import { InvalidParameterValueException, InvalidRequestException } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { EncryptionKeyError } from '../keyring/encryption-keys.ts'
import { parseArn } from '../lib/arn.ts'
import type { Queryable } from '../store/store.ts'
import { encryptionKeyIdOf, findEncryptionKeyById } from '../store/vaults/encryption-keys.ts'
import { vaultsOfArns } from '../store/vaults/vaults.ts'
import { defaultKeyArn } from './arns.ts'
import { toLockMembers } from './vault-protection.ts'

/** Which key a vault is made under (docs/adr/0036), and how what lies in vaults shows it. */

/**
 * What AWS's AWSBackupFullAccess grants to whoever makes vaults under a key. The grant is what the vault's jobs go by later
 * (access/key-grants.ts).
 */
const ASKED = ['kms:DescribeKey', 'kms:GenerateDataKey', 'kms:CreateGrant'] as const

/**
 * ARN of the key of a new vault. Until there is a row of the vault the key may be forgotten: ask `checkKeyIsKnown` with that.
 *
 * @param chosen What the request names; the server's own key where absent.
 * @throws {InvalidParameterValueException} Where there is no such key. @throws {InvalidRequestException} Where it cannot be had now.
 */
export async function keyOfNewVault(ctx: Context, chosen: string | undefined): Promise<string> {
  const own = defaultKeyArn(ctx)
  if (chosen === undefined || chosen === own) return own
  for (const action of ASKED) await ctx.authorize(action, chosen, grantContext(ctx, action))
  const row = await findEncryptionKeyById(ctx.store.db, encryptionKeyIdOf(chosen) ?? '')
  if (
    row === undefined ||
    row.arn !== chosen ||
    row.account_id !== ctx.accountId ||
    row.region !== ctx.region
  )
    throw noSuchKey(ctx, chosen)
  try {
    await ctx.server.encryptionKeys.loadKey(row.name, row.key_id)
  } catch (error) {
    if (!(error instanceof EncryptionKeyError)) throw error
    ctx.log.error('a vault could not be made under its key', { key: row.arn, reason: error.reason })
    throw new InvalidRequestException(
      `Cannot create the backup vault: encryption key ${row.name} (${row.arn}) is not available on the server now. Try again once those who run the server have brought it back`,
      { Context: 'EncryptionKeyArn' },
    )
  }
  return row.arn
}

/**
 * In the transaction that makes the vault's row: either it or that of `DeleteEncryptionKey`, which looks for vaults, comes first.
 * @throws {InvalidParameterValueException} Where the key has been forgotten since it was looked at.
 */
export async function checkKeyIsKnown(ctx: Context, tx: Queryable, keyArn: string): Promise<void> {
  const keyId = encryptionKeyIdOf(keyArn)
  if (keyId !== undefined && (await findEncryptionKeyById(tx, keyId)) === undefined)
    throw noSuchKey(ctx, keyArn)
}

function noSuchKey(ctx: Context, keyArn: string): InvalidParameterValueException {
  return new InvalidParameterValueException(
    `Cannot encrypt with "${keyArn}": account ${ctx.accountId} has no such key in ${ctx.region}. Those who run the server make one known with ` +
      `roleback:CreateEncryptionKey; roleback:ListEncryptionKeys shows which there are. Without EncryptionKeyArn the vault is under ${defaultKeyArn(ctx)}`,
    { Context: 'EncryptionKeyArn' },
  )
}

function grantContext(
  ctx: Context,
  action: (typeof ASKED)[number],
): Record<string, string | readonly string[]> {
  const via = {
    'kms:ViaService': `backup.${ctx.region}.amazonaws.com`,
    'kms:CallerAccount': ctx.accountId,
    'kms:EncryptionContextKeys': ['aws:backup:backup-vault'],
  }
  return action === 'kms:CreateGrant' ? { ...via, 'kms:GrantIsForAWSResource': 'true' } : via
}

/** As AWS tells keys apart: those that an account chose, and the service's own. */
export function keyTypeOf(keyArn: string): 'CUSTOMER_MANAGED_KMS_KEY' | 'AWS_OWNED_KMS_KEY' {
  return encryptionKeyIdOf(keyArn) === undefined ? 'AWS_OWNED_KMS_KEY' : 'CUSTOMER_MANAGED_KMS_KEY'
}

/** What a job or recovery point tells of a vault beside its name. */
export interface VaultShown {
  readonly keyArn?: string
  readonly type?: 'BACKUP_VAULT' | 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT'
  readonly lockState?: 'LOCKED' | 'UNLOCKED'
}

/** Of vaults by their ARNs: of another account's nothing, of one that is gone the server's own key alone. */
export async function vaultsShown(
  ctx: Context,
  vaultArns: readonly string[],
): Promise<(vaultArn: string) => VaultShown> {
  const vaults = await vaultsOfArns(ctx.store.db, ctx.accountId, vaultArns)
  return (arn) => {
    const vault = vaults.get(arn)
    const { region = '', accountId = '' } = parseArn(arn) ?? {}
    if (vault === undefined)
      return accountId === ctx.accountId ? { keyArn: defaultKeyArn({ region, accountId }) } : {}
    return {
      keyArn: vault.encryption_key_arn,
      type: vault.vault_type,
      lockState: toLockMembers(vault).Locked ? 'LOCKED' : 'UNLOCKED',
    }
  }
}
