import { hasColdStore } from '../../store/cold-points.ts'
import { findScrub } from '../../store/vault-scrubs.ts'
import { listRelatedPoints, findPointById } from '../../store/related-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import { findVault } from '../../store/vaults.ts'
import { mendDocuments } from '../../vault/mend.ts'
import { repairVault } from '../../vault/repair.ts'
import type { Lease } from '../../vault/lease.ts'
import type { RepairResult } from '../../vault/repair.ts'
import type { VerifyResult } from '../../vault/verify.ts'
import { announceFound, inCold } from './damage.ts'
import { firstOf, pointSentence } from './damage-words.ts'
import type { VaultDamage } from './damage-words.ts'
import { JobFailedError } from '../errors.ts'
import { lookThrough } from './look-through.ts'
import { isSameBackup, RepairSources } from './repair-sources.ts'
import { retainVault } from './retain.ts'
import { queueSweep } from './sweep-queue.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'
import { repairWrappings } from './wrappings.ts'

/**
 * Makes a damaged vault whole as far as that can be done: from what still opens of it, and from recovery points in other vaults of the
 * account that the job's role, or where it has none the service, may copy out of (docs/adr/0024). Then it looks through the
 * vault again: only what that look does not find any more is told as repaired. Of cold storage only what has a twin is repaired.
 */
export async function runRepair(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row, progress, signal } = job
  const { db } = tools.store
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) throw new JobFailedError(`Repair failed: backup vault ${row.vault_name} is gone`)
  const before = await findScrub(db, vault)
  const opened = await tools.vaults.open(vault)
  const owner = await tools.vaults.owner()
  const lease = tools.vaults.lease(job, opened)
  await lease.check()
  // First: what is stored next is worth nothing without them once the server is lost.
  const replacedKeys = await repairWrappings(opened, owner)
  const sources = new RepairSources(tools, job, vault)
  const repaired = await repairVault(opened, {
    lease,
    now: tools.clock.now(),
    sourcesOf: (pointId) => sources.of(pointId),
    onBytes: (bytes) => {
      progress.bytesDone += bytes
    },
    signal,
  })
  const inColdStore = await mendCold(tools, vault, lease)
  const result = { ...repaired, replacedBlobs: [...replacedKeys, ...repaired.replacedBlobs, ...inColdStore] }
  progress.itemsDone = result.salvagedChunks + result.fetchedChunks
  // What is new must be kept by the storage as long as what it stands for.
  await retainVault(tools, vault, signal)
  const known = await findScrub(db, vault)
  const look = await lookThrough(tools, vault, { signal })
  const left = await announceFound(tools, vault, look, `repair ${row.job_id}`, known)
  if (look.unneededPacks.length > 0)
    await queueSweep(db, vault, { callerArn: row.caller_arn, now: tools.clock.now() })
  const record = { ...result, damage: left.points, readRecoveryPoints: sources.readCount }
  const did = doneSentence(result, sources.readCount)
  if (left.blobCount + left.pointCount > 0) {
    const copies = await copiesOf(tools, vault, look)
    throw new JobFailedError(leftSentence(vault.name, did, left, sources.refusals, copies), 'DAMAGE', {
      result: record,
    })
  }
  const wasHurt = before.damaged_blobs + before.damaged_points > 0
  return {
    state: 'COMPLETED',
    message: `${did}. ${wasHurt ? `All ${look.points} recovery points of backup vault ${vault.name} have all they need` : 'No damage is known'}`,
    result: record,
  }
}

async function mendCold(tools: JobTools, vault: VaultTable, lease: Lease): Promise<readonly string[]> {
  if (!hasColdStore(vault)) return []
  return (await mendDocuments(await tools.vaults.openCold(vault), lease)).map(inCold)
}

function doneSentence(
  { salvagedChunks, fetchedChunks, rebuiltLists, replacedBlobs }: RepairResult,
  read: number,
): string {
  const wrapped = replacedBlobs.filter((name) => name.startsWith('keys/')).length
  const documents = replacedBlobs.filter((name) =>
    /^(cold storage: )?(points|records|twins)\//.test(name),
  ).length
  const indexParts = replacedBlobs.length - wrapped - documents
  const did = [
    salvagedChunks > 0 && `${salvagedChunks} chunks were saved out of damaged packs`,
    fetchedChunks > 0 && `${fetchedChunks} chunks were fetched from ${read} recovery points in other vaults`,
    rebuiltLists > 0 && `${rebuiltLists} lists of items were written again`,
    documents > 0 &&
      `${documents} heads, amendments, tombstones or records of the vault were put back from their twins`,
    indexParts > 0 && `${indexParts} parts of the index were replaced`,
    wrapped > 0 && `${wrapped} wrappings of the vault’s keys were made again`,
  ].filter((part) => part !== false)
  return did.length === 0 ? 'There was nothing to store again' : `Stored again: ${did.join(', ')}`
}

/** What is left, why, and what can be done about it. */
function leftSentence(
  vaultName: string,
  did: string,
  { blobs, points, pointCount }: VaultDamage,
  refusals: readonly string[],
  copies: readonly string[],
): string {
  const hit = firstOf(points.map(pointSentence), '; ')
  const what =
    pointCount === 0
      ? `damaged, though no recovery point is hit: ${firstOf(
          blobs.map(({ blob, reason }) => `${blob}: ${reason}`),
          '; ',
        )}`
      : `damaged recovery points: ${hit}${pointCount > points.length ? ` (${pointCount} in all)` : ''}`
  const refused =
    refusals.length === 0
      ? ''
      : `. Recovery points that may have it were not read: ${firstOf(refusals, '; ')}`
  const next =
    copies.length === 0
      ? 'Start new backups of what is hit: what its source still has heals older recovery points, too. What no source has any more is lost'
      : `Whole lists of items are in these copies, which can be restored or copied back: ${firstOf(copies, ', ')}`
  const cold = blobs.some(({ blob }) => blob.startsWith(inCold('')))
    ? '. Of cold storage no pack is stored again: put its files back from a copy of it, or restore now what still opens of these'
    : ''
  return `Repair could not make all of backup vault ${vaultName} whole. ${did}. Left are ${what}${refused}. ${next}${cold}`
}

/** Copies elsewhere of recovery points whose own list of items could not be brought back. */
async function copiesOf(
  tools: JobTools,
  vault: VaultTable,
  { hurt }: Pick<VerifyResult, 'hurt'>,
): Promise<readonly string[]> {
  const arns: string[] = []
  for (const { pointId, isUnlisted } of hurt.slice(0, MAX_ASKED)) {
    const point = isUnlisted ? await findPointById(tools.store.db, vault, pointId) : undefined
    if (point === undefined) continue
    const related = await listRelatedPoints(tools.store.db, point)
    arns.push(...related.filter((one) => isSameBackup(point, one)).map(({ arn }) => arn))
  }
  return arns
}

/** Hurt recovery points whose copies are looked up. */
const MAX_ASKED = 20
