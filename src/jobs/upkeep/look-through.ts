import { hasColdStore } from '../../store/points/cold-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import { verifyVault } from '../../vault/verify.ts'
import type { VerifyResult } from '../../vault/verify.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { inCold, keepDamagedPacks } from './damage.ts'
import { missingPoints, withMissing } from './missing-points.ts'
import type { JobTools } from '../tools.ts'
import type { Tier } from '../vaults/vault-storages.ts'
import { checkWrappings, unlikeFirst, withWrappings } from './wrappings.ts'

type LookOptions = Parameters<typeof verifyVault>[1]

/**
 * Looks through all of a vault, its cold storage, too: packs found damaged are noted where they lie, and what is told of cold storage
 * says so. What a look leaves out counts as whole (damage.ts), so every look has both.
 */
export async function lookThrough(
  tools: JobTools,
  vault: VaultTable,
  options: LookOptions,
): Promise<VerifyResult> {
  const warm = await lookAt(tools, vault, 'warm', options)
  if (!hasColdStore(vault)) return warm
  return together(warm, await lookAt(tools, vault, 'cold', options))
}

async function lookAt(
  tools: JobTools,
  vault: VaultTable,
  tier: Tier,
  options: LookOptions,
): Promise<VerifyResult> {
  const warm = await tools.vaults.open(vault)
  const opened = tier === 'warm' ? warm : await tools.vaults.openCold(vault)
  const inStore = await verifyVault(opened, options)
  await keepDamagedPacks(tools, opened, inStore.damagedPacks)
  await opened.clearDamage(inStore.healedPacks)
  const { missing } = await missingPoints(tools.store.db, vault, opened, tier)
  const result = withMissing(inStore, missing)
  const owner = await tools.vaults.owner()
  if (tier === 'warm') return withWrappings(result, await checkWrappings(warm, owner))
  const unlike = (await unlikeFirst(warm, opened, owner)).map((blob) => ({
    blob,
    reason: new VaultDamageError(blob, 'its bytes are not those of the vault’s first store').message,
  }))
  const all = withWrappings(
    result,
    unlike.filter(({ blob }) => result.problems.every((one) => one.blob !== blob)),
  )
  return { ...all, problems: all.problems.map((one) => ({ ...one, blob: inCold(one.blob) })) }
}

function together(one: VerifyResult, other: VerifyResult): VerifyResult {
  return {
    points: one.points + other.points,
    items: one.items + other.items,
    blobs: one.blobs + other.blobs,
    bytes: one.bytes + other.bytes,
    problems: [...one.problems, ...other.problems],
    problemCount: one.problemCount + other.problemCount,
    damagedPacks: [...one.damagedPacks, ...other.damagedPacks],
    unneededPacks: [...one.unneededPacks, ...other.unneededPacks],
    healedPacks: [...one.healedPacks, ...other.healedPacks],
    hurt: [...one.hurt, ...other.hurt],
  }
}
