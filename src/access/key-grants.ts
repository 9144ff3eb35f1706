import type { KeyUse } from '../kinds/job-calls.ts'
import { parseArn } from '../lib/arn.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { VaultTable } from '../store/schema.ts'
import { encryptionKeyIdOf } from '../store/vaults/encryption-keys.ts'
import { compiledPolicy } from './compiled.ts'

/**
 * The grants on encryption keys: whoever makes a vault under one needs kms:CreateGrant, and what jobs do in that vault goes by the grant
 * (docs/adr/0037). So roles need no statement on keys, and one that denies them is heeded.
 */

/** What of a vault's row says which key it is under. */
export type KeyedVault = Pick<VaultTable, 'arn' | 'name' | 'encryption_key_arn'>

/**
 * Uses of the keys of these vaults that a role of the account is asked for: none where a vault is under the server's own key, or under one of
 * another account, whose own grant lets copies in.
 */
export function keyUsesOf(
  accountId: string,
  vaults: readonly { readonly vault: KeyedVault | undefined; readonly use: KeyUse['use'] }[],
): readonly KeyUse[] {
  return vaults.flatMap(({ vault, use }) => {
    if (vault === undefined || encryptionKeyIdOf(vault.encryption_key_arn) === undefined) return []
    if (parseArn(vault.encryption_key_arn)?.accountId !== accountId) return []
    return [{ encryptionKeyArn: vault.encryption_key_arn, backupVaultArn: vault.arn, use }]
  })
}

/** By the ARN of each key that one of the vaults is under: the grants on it that were made with them, as the key's own policy. */
export function keyGrants(vaults: readonly (KeyedVault | undefined)[]): ReadonlyMap<string, CompiledPolicy> {
  const byKey = new Map<string, Map<string, KeyedVault>>()
  for (const vault of vaults) {
    if (vault === undefined || encryptionKeyIdOf(vault.encryption_key_arn) === undefined) continue
    const under = byKey.get(vault.encryption_key_arn) ?? new Map<string, KeyedVault>()
    byKey.set(vault.encryption_key_arn, under.set(vault.arn, vault))
  }
  return new Map(
    [...byKey].map(([keyArn, under]) => {
      const document = { Version: '2012-10-17', Statement: [...under.values()].map(grantOf) }
      const source = { type: 'resource', arn: keyArn, name: 'grants to AWS Backup' } as const
      return [keyArn, compiledPolicy(JSON.stringify(document), 'resource', source)]
    }),
  )
}

function grantOf({ arn, name, encryption_key_arn: keyArn }: KeyedVault): object {
  return {
    Sid: `GrantOf${name.replaceAll(/[^A-Za-z0-9]/g, '')}`,
    Effect: 'Allow',
    // Not the roles by name, so that a permissions boundary needs no statement on keys either.
    Principal: '*',
    Action: ['kms:GenerateDataKey', 'kms:Decrypt'],
    Resource: keyArn,
    Condition: {
      StringEquals: {
        'kms:ViaService': `backup.${parseArn(keyArn)?.region}.amazonaws.com`,
        'kms:EncryptionContext:aws:backup:backup-vault': arn,
      },
    },
  }
}
