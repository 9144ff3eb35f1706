import type { Log } from '../../lib/log.ts'
import type { SystemScrub } from '../../store/identity/identity-export.ts'
import type { BlobDamage } from '../../store/vaults/vault-scrubs.ts'
import { pruneIdentityExports } from '../../vault/points/identity-exports.ts'
import type { Lease } from '../../vault/lease.ts'
import { mendDocuments } from '../../vault/repair/mend.ts'
import { SCRUB_START, scrubSlice } from '../../vault/verify/scrub.ts'
import type { Vault } from '../../vault/vault.ts'
import { checkWrappings, repairWrappings } from './wrappings.ts'
import type { WrappingOwner } from './wrappings.ts'

/** Read between two renewals of the lease. */
const SLICE_BYTES: number = 16 * 1024 * 1024
const EXPORT = /^(identity\/[^/]+)\//

/** Looks through the system vault, which holds no recovery points and so has no scrub or verify of its own. @returns What is damaged, and how many bytes were read. */
export async function scrubSystemVault(
  vault: Vault,
  owner: WrappingOwner,
  { renew, signal }: { readonly renew: () => Promise<void>; readonly signal: AbortSignal },
): Promise<Omit<SystemScrub, 'endedAt'>> {
  const problems: BlobDamage[] = []
  let bytes = 0
  for (let cursor: string | undefined = SCRUB_START; cursor !== undefined;) {
    const slice = await scrubSlice(vault.store, cursor, { maxBytes: SLICE_BYTES, signal })
    problems.push(...slice.problems)
    bytes += slice.bytes
    cursor = slice.cursor
    await renew()
  }
  return { bytes, damage: [...problems, ...(await checkWrappings(vault, owner))] }
}

/**
 * Takes damaged exports away, which a whole one behind them stands for, makes damaged wrappings again, and puts vault records back from
 * their twins.
 *
 * @param number Of the newest export, written since the damage was found.
 * @returns What is left: of it there is one only.
 */
export async function mendSystemVault(
  vault: Vault,
  owner: WrappingOwner,
  {
    problems,
    number,
    lease,
    log,
  }: {
    readonly problems: readonly BlobDamage[]
    readonly number: number
    readonly lease: Lease
    readonly log: Log
  },
): Promise<readonly BlobDamage[]> {
  const exports = new Set(problems.flatMap(({ blob }) => EXPORT.exec(blob)?.[1] ?? []))
  await pruneIdentityExports(vault.store, number, (folder) => !exports.has(folder))
  const mended = new Set([...(await repairWrappings(vault, owner)), ...(await mendDocuments(vault, lease))])
  const left = problems.filter(({ blob }) => !EXPORT.test(blob) && !mended.has(blob))
  for (const { blob } of problems)
    if (!left.some((one) => one.blob === blob))
      log.info('damage in the system vault is gone', { vaultId: vault.id, blob, export: number })
  return left
}
