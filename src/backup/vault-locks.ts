import { InvalidRequestException } from '../aws/generated/backup.ts'
import type {
  DeleteBackupVaultLockConfigurationInput,
  PutBackupVaultLockConfigurationInput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { isImmutable, lockOf } from '../plans/vault-lock.ts'
import type { VaultLock } from '../plans/vault-lock.ts'
import { insertJob } from '../store/jobs/jobs.ts'
import type { VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { findVault, setVaultLock } from '../store/vaults/vaults.ts'
import { checkRange, sealingJob } from './vault-limits.ts'
import { noSuchVault } from './vaults.ts'

const DAY_MS = 86_400_000

/**
 * Locks a vault: at once, and with ChangeableForDays for good from then on. The row says it first, and a job seals it in the vault
 * itself, where no row changes it.
 */
export async function putBackupVaultLockConfiguration(
  ctx: Context,
  input: PutBackupVaultLockConfigurationInput,
): Promise<Record<string, never>> {
  checkRange(input)
  await ctx.store.transaction(async (tx) => {
    const vault = await changeableVault(ctx, tx, input.BackupVaultName, 'change')
    const { ChangeableForDays: days } = input
    const lock: VaultLock = {
      mode: days === undefined ? 'governance' : 'compliance',
      minRetentionDays: input.MinRetentionDays,
      maxRetentionDays: input.MaxRetentionDays,
      setAt: ctx.now,
      lockDate: days === undefined ? undefined : ctx.now + days * DAY_MS,
      encryptionKeyArn: vault.encryption_key_arn,
    }
    await setVaultLock(tx, vault, { lock_configuration: JSON.stringify(lock) })
    await insertJob(tx, sealingJob(ctx, vault))
  })
  ctx.store.wake()
  return {}
}

/** Condition keys of a call that sets a lock. */
export function lockKeys(input: {
  readonly MinRetentionDays?: number | undefined
  readonly MaxRetentionDays?: number | undefined
  readonly ChangeableForDays?: number | undefined
}): Record<string, string> {
  const { MinRetentionDays, MaxRetentionDays, ChangeableForDays } = input
  const keys = { MinRetentionDays, MaxRetentionDays, ChangeableForDays }
  return Object.fromEntries(
    Object.entries(keys).flatMap(([name, days]) =>
      days === undefined ? [] : [[`backup:${name}`, `${days}`]],
    ),
  )
}

export async function deleteBackupVaultLockConfiguration(
  ctx: Context,
  input: DeleteBackupVaultLockConfigurationInput,
): Promise<Record<string, never>> {
  await ctx.store.transaction(async (tx) => {
    const vault = await changeableVault(ctx, tx, input.BackupVaultName, 'remove')
    if (lockOf(vault) === undefined) return
    await setVaultLock(tx, vault, { lock_configuration: null })
    await insertJob(tx, sealingJob(ctx, vault, { removesLock: true }))
  })
  ctx.store.wake()
  return {}
}

/** @throws {InvalidRequestException} Where the vault's lock is for good, for whoever asks. */
async function changeableVault(
  ctx: Context,
  tx: Queryable,
  name: string,
  verb: 'change' | 'remove',
): Promise<VaultTable> {
  const vault = await findVault(tx, ctx.accountId, ctx.region, name)
  if (vault === undefined) throw noSuchVault(name)
  const lock = lockOf(vault)
  if (lock !== undefined && isImmutable(lock, ctx.now)) {
    throw new InvalidRequestException(
      `Cannot ${verb} the lock of backup vault ${name}: it is locked in compliance mode, and its grace time ended at ${dateText(lock.lockDate)}. Nobody can change or remove it`,
      { Context: name },
    )
  }
  return vault
}

const dateText = (at: number | undefined): string => new Date(at ?? 0).toISOString()
