import { InvalidRequestException } from '../aws/generated/backup.ts'
import type {
  DeleteBackupVaultLockConfigurationInput,
  PutBackupVaultLockConfigurationInput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { lockWarnings } from '../plans/plan-locks.ts'
import { evaluate } from '../policy/evaluate.ts'
import { isImmutable, lockOf } from '../plans/vault-lock.ts'
import type { VaultLock } from '../plans/vault-lock.ts'
import { insertJob } from '../store/jobs/jobs.ts'
import { plansOfAccount } from '../store/plans/plans.ts'
import type { VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { findVault, setVaultLock } from '../store/vaults/vaults.ts'
import { planArn, vaultArn } from './arns.ts'
import { documentOf } from './plans.ts'
import { checkRange, sealingJob } from './vault-limits.ts'
import { noSuchVault } from './vaults.ts'

const DAY_MS = 86_400_000
/** More of them fit no header; who reads so many looks at all his plans. */
const MAX_WARNINGS = 8

/**
 * Locks a vault: at once, and with ChangeableForDays for good from then on. The row says it first, and a job seals it in the vault
 * itself, where no row changes it. Who sets it is told which plans it would keep from backing up: there is time to mend one or the other.
 */
export async function putBackupVaultLockConfiguration(
  ctx: Context,
  input: PutBackupVaultLockConfigurationInput,
): Promise<Record<string, never>> {
  checkRange(input)
  const locked = await ctx.store.transaction(async (tx) => {
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
    const lock_configuration = JSON.stringify(lock)
    await setVaultLock(tx, vault, { lock_configuration })
    await insertJob(tx, sealingJob(ctx, vault))
    return { arn: vault.arn, lock_configuration }
  })
  ctx.store.wake()
  await warnOfPlans(ctx, locked)
  return {}
}

/**
 * Warns of the account's plans whose backups or copies would fail in the vault as it is locked now. A plan that the caller may not read
 * is left out: what it says is not his to learn from a lock.
 */
async function warnOfPlans(
  ctx: Context,
  locked: { readonly arn: string; readonly lock_configuration: string },
): Promise<void> {
  // By what was asked for alone: what is sealed in the vault is older.
  const vaults = new Map([[locked.arn, { ...locked, sealed_records: null }]])
  const warnings: string[] = []
  for (const plan of await plansOfAccount(ctx.store.db, ctx.accountId)) {
    const place = { region: plan.region, accountId: plan.account_id }
    const found = lockWarnings(documentOf(plan).Rules, vaults, (name) => vaultArn(place, name))
    if (found.length === 0) continue
    const asked = { action: 'backup:GetBackupPlan', resource: planArn(place, plan.plan_id) }
    const { request, layers } = await ctx.preview.right(asked)
    // A refusal of what nobody asked for is not recorded.
    if (!evaluate(request, layers).allowed || !(await ctx.ask(asked)).allowed) continue
    warnings.push(...found.map((warning) => `Backup plan ${plan.name}: ${warning}`))
  }
  for (const warning of warnings.slice(0, MAX_WARNINGS)) ctx.warn(warning)
  if (warnings.length > MAX_WARNINGS) ctx.warn(`and ${warnings.length - MAX_WARNINGS} more`)
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
