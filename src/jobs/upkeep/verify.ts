import { findScrub } from '../../store/vaults/vault-scrubs.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import type { VerifyResult } from '../../vault/verify/verify.ts'
import { checkPacksInThreads } from './check-packs.ts'
import { queueRepair } from './check-queue.ts'
import { announceFound, MAX_NAMED } from './damage.ts'
import { firstOf, pointSentence } from './damage-words.ts'
import type { VaultDamage } from './damage-words.ts'
import { JobFailedError } from '../errors.ts'
import { lookThrough } from './look-through.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'

/** Reads a vault and checks that every recovery point can be restored; with `readData` every byte of every pack. */
export async function runVerify(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const vault = await findVault(tools.store.db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) throw new JobFailedError(`Verify failed: backup vault ${row.vault_name} is gone`)
  const { readData } = JSON.parse(row.input) as { readData: boolean }
  const known = await findScrub(tools.store.db, vault)
  const result = await lookThrough(tools, vault, {
    readData,
    checkPacks: checkPacksInThreads,
    signal: job.signal,
    progress: (bytes) => {
      job.progress.bytesDone += bytes
    },
  })
  job.progress.itemsDone = result.items
  const found = await announceFound(tools, vault, result, `verify ${row.job_id}`, known)
  const record = {
    points: result.points,
    items: result.items,
    blobs: result.blobs,
    bytes: result.bytes,
    problems: result.problems.slice(0, MAX_NAMED),
    damage: found.points,
  }
  const unreachable = result.unreachable === undefined ? '' : `. Beside that ${result.unreachable}`
  if (result.problemCount > 0) {
    const repairId = await queueRepair(tools, vault)
    throw new JobFailedError(
      `${damageSentence(vault.name, found, { readData, isAll: unreachable === '' }, repairId)}${unreachable}`,
      'DAMAGE',
      { result: { ...record, repairJobId: repairId } },
    )
  }
  if (result.unreachable !== undefined)
    throw new JobFailedError(
      `Verify could not look through all of backup vault ${vault.name}: ${result.unreachable}. In its first store ${wholeSentence(result, readData)}`,
      'FAILURE',
      { result: record },
    )
  return {
    state: 'COMPLETED',
    message: wholeSentence(result, readData),
    result: record,
  }
}

function wholeSentence(result: VerifyResult, readData: boolean): string {
  const { points, items, blobs } = result
  const read = readData ? `${blobs} blobs read` : 'all blobs there, their data not read'
  return `${points} recovery points with ${items} items, ${read}: no damage found${unneeded(result)}`
}

function unneeded({ unneededPacks: { length } }: VerifyResult): string {
  if (length === 0) return ''
  return `, but ${length === 1 ? 'one pack' : `${length} packs`} that no recovery point needs any more: the next sweep removes ${length === 1 ? 'it' : 'them'}`
}

/** What is damaged, each once, and which recovery points it hits; never more comfort than was found out. */
function damageSentence(
  vaultName: string,
  { blobs, points, pointCount }: VaultDamage,
  { readData, isAll }: { readonly readData: boolean; readonly isAll: boolean },
  repairId: string,
): string {
  const reasons = blobs.map(({ blob, reason }) => `${blob}: ${reason}`)
  const whole = readData ? 'are whole' : 'have all their blobs'
  const others = `${isAll ? 'All others' : 'All others of its first store'} ${whole}`
  const hit = firstOf(points.map(pointSentence), '; ')
  return (
    `Verify found damage in backup vault ${vaultName}: ${firstOf(reasons, '; ')}. ` +
    (pointCount === 0
      ? `No recovery point is hit. `
      : `Recovery points hit: ${hit}${pointCount > points.length ? ` (${pointCount} in all)` : ''}. ${others}. `) +
    `Job ${repairId} repairs what it can from other vaults of the account. Start new backups of what is hit, and look after the storage`
  )
}
