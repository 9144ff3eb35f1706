import { InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { MAX_LOCK_DAYS, MIN_GRACE_DAYS } from '../plans/vault-lock.ts'
import { jobBasics } from '../store/jobs/jobs.ts'
import type { NewJob } from '../store/jobs/jobs.ts'
import type { VaultTable } from '../store/schema.ts'
import { sealingKey } from '../store/vaults/vaults.ts'

/** The job that brings a vault's lock from its row into the vault. */
export function sealingJob(
  ctx: Context,
  vault: Pick<VaultTable, 'vault_id' | 'name'>,
  more: { readonly removesLock?: true } = {},
): NewJob {
  return {
    ...jobBasics(ctx, 'seal-vault'),
    // Not by the column for vaults: a vault may be deleted while its lock is being sealed.
    input: JSON.stringify({ vaultName: vault.name, ...more }),
    lock_key: sealingKey(vault),
  }
}

interface LockInput {
  readonly MinRetentionDays?: number | undefined
  readonly MaxRetentionDays?: number | undefined
  readonly ChangeableForDays?: number | undefined
}

/** @throws {InvalidParameterValueException} */
export function checkRange(input: LockInput, leastDays: number = 1): void {
  const { MinRetentionDays: min, MaxRetentionDays: max, ChangeableForDays: grace } = input
  const check = (member: string, days: number | undefined, least: number): void => {
    if (days === undefined || (days >= least && days <= MAX_LOCK_DAYS)) return
    throw new InvalidParameterValueException(
      `${member} must be ${least} to ${MAX_LOCK_DAYS}; it is ${days}`,
      { Context: member },
    )
  }
  check('MinRetentionDays', min, leastDays)
  check('MaxRetentionDays', max, leastDays)
  check('ChangeableForDays', grace, MIN_GRACE_DAYS)
  if (min !== undefined && max !== undefined && min > max) {
    throw new InvalidParameterValueException(
      `MinRetentionDays (${min}) is greater than MaxRetentionDays (${max})`,
      { Context: 'MinRetentionDays' },
    )
  }
}
