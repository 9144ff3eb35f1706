import { LeaseLostError } from '../../store/jobs/claims.ts'
import { countColdPoints, hasColdStore } from '../../store/points/cold-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import { verifyVault } from '../../vault/verify/verify.ts'
import type { VerifyResult } from '../../vault/verify/verify.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import { inCold, keepDamagedPacks } from './damage.ts'
import { missingPoints, withMissing } from './missing-points.ts'
import { placeText } from '../points/cold-place.ts'
import type { JobTools } from '../tools.ts'
import { VaultTakenOverError } from '../vaults/vault-owner.ts'
import type { Tier } from '../vaults/vault-storages.ts'
import { checkWrappings, unlikeFirst, withWrappings } from './wrappings.ts'

type LookOptions = Parameters<typeof verifyVault>[1]

/** With what could not be looked at. */
export interface LookResult extends VerifyResult {
  /** Why the cold storage could not be read, where that is so: nothing is known of what lies there. */
  readonly unreachable?: string
}

/**
 * Looks through all of a vault, its cold storage, too: packs found damaged are noted where they lie, and what is told of cold storage
 * says so. What a look leaves out counts as whole (damage.ts), so every look has both, and one that cannot reach the cold storage says so.
 */
export async function lookThrough(
  tools: JobTools,
  vault: VaultTable,
  options: LookOptions,
): Promise<LookResult> {
  const warm = await lookAt(tools, vault, 'warm', options)
  if (!hasColdStore(vault)) return warm
  try {
    return together(warm, await lookAtCold(tools, vault, options))
  } catch (error) {
    const mustEnd =
      options?.signal?.aborted === true ||
      error instanceof LeaseLostError ||
      error instanceof VaultTakenOverError
    if (mustEnd) throw error
    return { ...warm, unreachable: await whyUnreachable(tools, vault, error) }
  }
}

async function lookAtCold(tools: JobTools, vault: VaultTable, options: LookOptions): Promise<VerifyResult> {
  try {
    const result = await lookAt(tools, vault, 'cold', options)
    // What was taken away while it was read would pass for lost.
    if (result.problemCount > 0) await tools.vaults.openCold(vault)
    return result
  } catch (error) {
    // Its header: nothing behind it is read until a repair has brought that back.
    if (!(error instanceof VaultDamageError)) throw error
    return { ...NOTHING, problems: [{ blob: inCold(error.blob), reason: error.message }], problemCount: 1 }
  }
}

async function whyUnreachable(tools: JobTools, vault: VaultTable, error: unknown): Promise<string> {
  const place = await tools.vaults.coldPlace(vault).then(placeText, () => 'its place')
  const reason = error instanceof Error ? error.message : String(error)
  const count = await countColdPoints(tools.store.db, vault)
  return (
    `its cold storage${reason.includes(place) ? '' : ` in ${place}`} could not be read: ${reason.replace(/[. ]+$/, '')}. ` +
    `Nothing is known of the ${count} recovery ${count === 1 ? 'point' : 'points'} there, and nothing of ${count === 1 ? 'it' : 'them'} counts as damaged by that. ` +
    'Bring it back, and verify the vault again'
  )
}

const NOTHING: VerifyResult = {
  points: 0,
  items: 0,
  blobs: 0,
  bytes: 0,
  problems: [],
  problemCount: 0,
  damagedPacks: [],
  unneededPacks: [],
  healedPacks: [],
  hurt: [],
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
  const owner = await tools.vaults.owner(warm)
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
