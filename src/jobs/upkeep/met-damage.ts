import { hasColdStore } from '../../store/points/cold-points.ts'
import { findRecoveryPoint, isInColdStore } from '../../store/points/recovery-points.ts'
import type { JobTable, VaultTable } from '../../store/schema.ts'
import type { BlobDamage } from '../../store/vaults/vault-scrubs.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { checkPack, PackChecker } from '../../vault/verify/check-pack.ts'
import { damagedBlobs, saysDamage } from '../../vault/errors.ts'
import { parsePackName } from '../../vault/format/pack.ts'
import type { Vault } from '../../vault/vault.ts'
import { queueCheck } from './check-queue.ts'
import { announceBlobs } from './damage.ts'
import type { JobTools, RunningJob } from '../tools.ts'
import type { Tier } from '../vaults/vault-storages.ts'

/** Packs that one job has looked at again. */
const MAX_PACKS = 50

/**
 * For a job that met damage while it read its vault: it is told as what a scrub or a verify finds. Packs are read again beforehand, since one
 * bad moment of a disk is no rot; what else there is the check finds that is put into the queue. The job's own end is told whatever
 * becomes of this.
 *
 * @param met Messages of what could not be read; those that do not speak of damage do not count.
 */
export async function tellMetDamage(
  tools: JobTools,
  { row }: RunningJob,
  vaultName: string,
  met: readonly string[],
): Promise<void> {
  const reasons = met.filter(saysDamage)
  if (reasons.length === 0) return
  try {
    const vault = await findVault(tools.store.db, row.account_id, row.region, vaultName)
    if (vault === undefined) return
    const packs = reasons.flatMap(damagedBlobs).filter((blob) => parsePackName(blob) !== undefined)
    const tier = await tierOf(tools, row, vault)
    // Jobs of several points may have met it in either store: the check finds it.
    if (tier === undefined) return await queueCheck(tools, vault, { readData: false })
    const opened = tier === 'warm' ? await tools.vaults.open(vault) : await tools.vaults.openCold(vault)
    const problems = await stillDamaged(opened, [...new Set(packs)].slice(0, MAX_PACKS))
    await tell(tools, vault, { opened, tier }, problems, `${row.kind} ${row.job_id}`)
  } catch (error) {
    tools.log.warn('damage that a job met could not be looked at', {
      job: row.job_id,
      error: String(error),
    })
  }
}

/** Which store of the vault the job read; undefined where it may have been both. */
async function tierOf(tools: JobTools, row: JobTable, vault: VaultTable): Promise<Tier | undefined> {
  const { db } = tools.store
  if (!hasColdStore(vault)) return 'warm'
  if (row.recovery_point_arn === null || row.kind === 'backup') return undefined
  const point = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn)
  if (point === undefined) return undefined
  return isInColdStore(point) ? 'cold' : 'warm'
}

async function tell(
  tools: JobTools,
  vault: VaultTable,
  store: { readonly opened: Vault; readonly tier: Tier },
  problems: readonly BlobDamage[],
  by: string,
): Promise<void> {
  if (problems.length > 0) return await announceBlobs(tools, vault, store, problems, by)
  await queueCheck(tools, vault, { readData: false })
}

async function stillDamaged(opened: Vault, packs: readonly string[]): Promise<readonly BlobDamage[]> {
  const { store, keys } = opened
  const { index } = await opened.refresh()
  const checker = new PackChecker({ store, keys, index })
  const problems: BlobDamage[] = []
  for (const pack of packs) {
    const { problem } = await checkPack(checker, pack)
    if (problem !== undefined) problems.push({ blob: pack, reason: problem })
  }
  return problems
}
