import { hasColdStore } from '../../store/points/cold-points.ts'
import { findScrub } from '../../store/vaults/vault-scrubs.ts'
import { listRelatedPoints, findPointById } from '../../store/points/related-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { mirrorAgain } from '../../vault/sweep/cold.ts'
import { repairVault } from '../../vault/repair/repair.ts'
import type { RepairResult } from '../../vault/repair/repair.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import type { Vault } from '../../vault/vault.ts'
import type { VerifyResult } from '../../vault/verify/verify.ts'
import { announceFound, inCold } from './damage.ts'
import { firstOf, pointSentence } from './damage-words.ts'
import type { VaultDamage } from './damage-words.ts'
import { JobFailedError } from '../errors.ts'
import { lookThrough } from './look-through.ts'
import { isSameBackup, RepairSources } from './repair-sources.ts'
import { retainVault } from './retain.ts'
import { queueSweep } from './sweep-queue.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'
import { repairWrappings, unlikeFirst } from './wrappings.ts'
import type { WrappingOwner } from './wrappings.ts'

/**
 * Makes a damaged vault whole as far as that can be done: from what still opens of it, and from recovery points in other vaults of the
 * account that the job's role, or where it has none the service, may copy out of (docs/adr/0024). Then it looks through the
 * vault again: only what that look does not find any more is told as repaired. Its cold storage is repaired likewise, and each of
 * the two from the other.
 */
export async function runRepair(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row, progress, signal } = job
  const { db } = tools.store
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) throw new JobFailedError(`Repair failed: backup vault ${row.vault_name} is gone`)
  const before = await findScrub(db, vault)
  const stores = await openStores(tools, vault)
  const sources = new RepairSources(tools, job, vault)
  let result = NOTHING
  for (const store of stores) result = sumOf(result, await repairStore(tools, job, store, sources))
  progress.itemsDone = result.salvagedChunks + result.besideChunks + result.fetchedChunks
  // What is new must be kept by the storage as long as what it stands for.
  await retainVault(tools, vault, signal, stores.length > 1)
  const known = await findScrub(db, vault)
  const look = await lookThrough(tools, vault, { signal })
  const left = await announceFound(tools, vault, look, `repair ${row.job_id}`, known)
  if (look.unneededPacks.length > 0)
    await queueSweep(db, vault, { callerArn: row.caller_arn, now: tools.clock.now() })
  const record = { ...result, damage: left.points, readRecoveryPoints: sources.readCount }
  const did = doneSentence(result, sources.readCount)
  if (left.blobCount + left.pointCount > 0) {
    const copies = await copiesOf(tools, vault, look)
    const beside = look.unreachable === undefined ? '' : `. Beside that ${look.unreachable}`
    const told = leftSentence(vault.name, did, left, sources.refusals, copies)
    throw new JobFailedError(`${told}${beside}`, 'DAMAGE', { result: record })
  }
  if (look.unreachable !== undefined)
    throw new JobFailedError(
      `Repair could not look through all of backup vault ${vault.name}: ${did}. But ${look.unreachable}`,
      'FAILURE',
      { result: record },
    )
  const wasHurt = before.damaged_blobs + before.damaged_points > 0
  return {
    state: 'COMPLETED',
    message: `${did}. ${wasHurt ? `All ${look.points} recovery points of backup vault ${vault.name} have all they need` : 'No damage is known'}`,
    result: record,
  }
}

/** One of a vault's stores, and the other where it has both. */
interface RepairedStore {
  readonly warm: Vault
  readonly opened: Vault
  readonly beside: Vault | undefined
}

/** The first one, which says whose the vault is, before the cold one. */
async function openStores(
  tools: JobTools,
  vault: VaultTable,
  isMended: boolean = false,
): Promise<readonly RepairedStore[]> {
  const warm = await tools.vaults.open(vault)
  const first = { warm, opened: warm, beside: undefined }
  if (!hasColdStore(vault)) return [first]
  try {
    const cold = await tools.vaults.openCold(vault)
    return [
      { ...first, beside: cold },
      { warm, opened: cold, beside: warm },
    ]
  } catch (error) {
    // The first one is repaired all the same; the look behind it ends with what is wrong with the other.
    if (error instanceof VaultDamageError && !isMended) {
      await tools.vaults.mendColdHeader(vault)
      return await openStores(tools, vault, true)
    }
    tools.log.warn('the cold storage of a vault could not be opened to be repaired', {
      vault: vault.arn,
      error: String(error),
    })
    return [first]
  }
}

async function repairStore(
  tools: JobTools,
  job: RunningJob,
  { warm, opened, beside }: RepairedStore,
  sources: RepairSources,
): Promise<RepairResult> {
  const owner = await tools.vaults.owner(warm)
  const lease = tools.vaults.lease(job, warm)
  await lease.check()
  // First: what is stored next is worth nothing without them once the server is lost.
  const replacedKeys =
    opened === warm ? await repairWrappings(warm, owner, beside) : await mirrorWrappings(warm, opened, owner)
  const repaired = await repairVault(opened, {
    lease,
    now: tools.clock.now(),
    sourcesOf: (pointId) => sources.of(pointId),
    beside,
    onBytes: (bytes) => {
      job.progress.bytesDone += bytes
    },
    signal: job.signal,
  })
  const replaced = [...replacedKeys, ...repaired.replacedBlobs]
  return { ...repaired, replacedBlobs: opened === warm ? replaced : replaced.map(inCold) }
}

async function mirrorWrappings(warm: Vault, cold: Vault, owner: WrappingOwner): Promise<readonly string[]> {
  const unlike = await unlikeFirst(warm, cold, owner)
  await mirrorAgain(warm.store, cold.store, unlike)
  return unlike
}

const NOTHING: RepairResult = {
  salvagedChunks: 0,
  besideChunks: 0,
  fetchedChunks: 0,
  rebuiltLists: 0,
  replacedBlobs: [],
  storedBytes: 0,
}

function sumOf(one: RepairResult, other: RepairResult): RepairResult {
  return {
    salvagedChunks: one.salvagedChunks + other.salvagedChunks,
    besideChunks: one.besideChunks + other.besideChunks,
    fetchedChunks: one.fetchedChunks + other.fetchedChunks,
    rebuiltLists: one.rebuiltLists + other.rebuiltLists,
    replacedBlobs: [...one.replacedBlobs, ...other.replacedBlobs],
    storedBytes: one.storedBytes + other.storedBytes,
  }
}

function doneSentence(
  { salvagedChunks, besideChunks, fetchedChunks, rebuiltLists, replacedBlobs }: RepairResult,
  read: number,
): string {
  const of = (pattern: RegExp): number => replacedBlobs.filter((name) => pattern.test(name)).length
  const wrapped = of(/^(?:cold storage: )?keys\//)
  const documents = of(/^(?:cold storage: )?(?:points|records|twins)\//)
  const indexParts = replacedBlobs.length - wrapped - documents
  const did = [
    salvagedChunks > 0 && `${salvagedChunks} chunks were saved out of damaged packs`,
    besideChunks > 0 && `${besideChunks} chunks came from the vault’s other store`,
    fetchedChunks > 0 && `${fetchedChunks} chunks were fetched from ${read} recovery points in other vaults`,
    rebuiltLists > 0 && `${rebuiltLists} lists of items were written again`,
    documents > 0 && `${documents} heads, amendments, tombstones or records of the vault were put back`,
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
  return `Repair could not make all of backup vault ${vaultName} whole. ${did}. Left are ${what}${refused}. ${next}`
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
