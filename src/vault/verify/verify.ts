import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { checkPack, PackChecker } from './check-pack.ts'
import type { PackReport } from './check-pack.ts'
import type { ChunkIndex } from '../chunks/chunk-index.ts'
import { readDamage } from './damage-records.ts'
import { ChunkMissingError, PointNotFoundError, VaultDamageError } from '../errors.ts'
import { findPoints, livePointIds } from '../points/found-points.ts'
import { checkTombstone, deletedName, headName, readHead } from '../points/heads.ts'
import type { PointHead } from '../points/heads.ts'
import { hurtSegments, MAX_KEYS, missingPacks, neededPacks } from './hurt.ts'
import type { HurtPoint, HurtSegments } from './hurt.ts'
import { openIndex } from '../chunks/index-delta.ts'
import { ID_BYTES } from '../keys.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import { twinProblems } from '../repair/mend.ts'
import { packName } from '../format/pack.ts'
import { Point } from '../read/point.ts'
import { headProblem } from '../points/records.ts'
import type { Vault } from '../vault.ts'

/** What was looked at and what was found. */
export interface VerifyResult {
  readonly points: number
  readonly items: number
  readonly blobs: number
  /** Bytes of blobs read. */
  readonly bytes: number
  /** At most MAX_PROBLEMS; `problemCount` has them all. */
  readonly problems: readonly VerifyProblem[]
  readonly problemCount: number
  /** Packs whose bytes are not those they were written with. */
  readonly damagedPacks: readonly VerifyProblem[]
  /** Packs known to be damaged that no recovery point needs any more, as all that was used of them lies elsewhere: no problems. */
  readonly unneededPacks: readonly string[]
  /** Packs that a damage record names and that were read whole now. */
  readonly healedPacks: readonly string[]
  /** Recovery points that cannot be restored whole; all others can, as far as was looked. */
  readonly hurt: readonly HurtPoint[]
}

export interface VerifyProblem {
  readonly blob: string
  readonly reason: string
  /** Recovery points known to be hit. */
  readonly pointId?: string
}

export interface VerifyOptions {
  readonly signal?: AbortSignal
  /** Bytes read since the last call. */
  readonly progress?: (bytes: number) => void
}

export const MAX_PROBLEMS = 1000

/**
 * Reads packs from end to end and tells of each; `onBytes` is told of bytes as they are read.
 * `checkPacksHere` does it in this thread.
 */
export type CheckPacks = (
  vault: Vault,
  index: ChunkIndex,
  names: readonly string[],
  on: { readonly bytes: (bytes: number) => void; readonly report: (report: PackReport) => void },
  signal: AbortSignal | undefined,
) => Promise<void>

class Findings {
  readonly problems: VerifyProblem[] = []
  count = 0
  points = 0
  items = 0
  blobs = 0
  bytes = 0
  readonly hurt: HurtPoint[] = []
  readonly damagedPacks: VerifyProblem[] = []
  readonly unneededPacks: string[] = []
  readonly healedPacks: string[] = []
  readonly #options: VerifyOptions
  readonly #known = new Set<string>()

  constructor(options: VerifyOptions) {
    this.#options = options
  }

  /** Each once: thousands of files can miss the same pack. */
  add(problem: VerifyProblem): void {
    const key = JSON.stringify(problem)
    if (this.#known.has(key)) return
    this.count++
    if (this.problems.length >= MAX_PROBLEMS) return
    this.#known.add(key)
    this.problems.push(problem)
  }

  /** Keeps what shows damage; throws everything else on. */
  note(blob: string, error: unknown, pointId?: string): void {
    const isDamage =
      error instanceof VaultDamageError ||
      error instanceof ChunkMissingError ||
      error instanceof BlobNotFoundError
    if (!isDamage) throw error
    const reason = error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
    this.add({
      blob: error instanceof VaultDamageError ? error.blob : blob,
      reason,
      ...(pointId !== undefined && { pointId }),
    })
  }

  read(bytes: number): void {
    this.bytes += bytes
    this.#options.progress?.(bytes)
  }

  async pause(): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve))
    this.#options.signal?.throwIfAborted()
  }

  result(): VerifyResult {
    const { points, items, blobs, bytes, problems, hurt, damagedPacks, unneededPacks, healedPacks } = this
    return {
      points,
      items,
      blobs,
      bytes,
      problems,
      problemCount: this.count,
      hurt,
      damagedPacks,
      unneededPacks,
      healedPacks,
    }
  }
}

/**
 * Opens everything that a restore would: heads, manifests, and that every chunk of every item is in a pack that is there and has
 * its size. With `readData` also each byte of each pack, whether anything uses it or not.
 */
export async function verifyVault(
  vault: Vault,
  options: VerifyOptions & { readonly readData?: boolean; readonly checkPacks?: CheckPacks } = {},
): Promise<VerifyResult> {
  const findings = new Findings(options)
  const heads = await openHeads(vault, findings)
  await checkRecords(vault, heads, findings)
  const loaded = await vault.refresh()
  for (const damage of [...loaded.damage, ...loaded.listDamage]) findings.note(damage.blob, damage)
  await checkDeltas(vault, loaded, findings)
  const isKnownWhole = findings.hurt.length === 0
  const damaged = new Map<string, string>()
  if (options.readData === true) {
    const on = {
      bytes: (bytes: number) => findings.read(bytes),
      report: ({ name, problem, isGone }: PackReport) => {
        if (problem !== undefined) {
          damaged.set(name, problem)
          findings.damagedPacks.push({ blob: name, reason: problem })
        } else if (!isGone) {
          findings.blobs++
          if (loaded.damaged.has(name)) findings.healedPacks.push(name)
        }
      },
    }
    const { checkPacks = checkPacksHere, signal } = options
    await checkPacks(vault, loaded.index, [...loaded.stored.keys()], on, signal)
  } else await noteKnownDamage(vault, loaded, damaged, findings)
  const names = new Set(damaged.keys())
  const needed = isKnownWhole
    ? await neededPacks(vault, loaded, heads, { damaged: names, signal: options.signal })
    : names
  for (const [blob, reason] of damaged) {
    // What was not known before is told even so: there may be more where it rots.
    if (needed.has(blob) || !loaded.damaged.has(blob)) findings.add({ blob, reason })
    else findings.unneededPacks.push(blob)
  }
  const lost = hurtSegments(vault, loaded, missingPacks(loaded), names)
  for (const head of heads) await verifyPoint(vault, loaded, lost, head, findings)
  return findings.result()
}

async function openHeads(vault: Vault, findings: Findings): Promise<PointHead[]> {
  const heads: PointHead[] = []
  for (const [pointId, { isDeleted }] of await findPoints(vault.store)) {
    if (!isDeleted) continue
    await checkTombstone(vault.store, vault.keys, pointId).catch((error: unknown) =>
      findings.note(deletedName(pointId), error),
    )
  }
  for await (const problem of twinProblems(vault)) {
    if (problem !== undefined) findings.note(problem.blob, problem)
    await findings.pause()
  }
  for (const pointId of await livePointIds(vault.store)) {
    await findings.pause()
    try {
      heads.push(await readHead(vault.store, vault.keys, pointId))
    } catch (error) {
      // Deleted meanwhile.
      if (error instanceof PointNotFoundError) continue
      findings.note(headName(pointId), error, pointId)
      findings.hurt.push({ pointId, itemCount: 0, keys: [], isUnlisted: true })
    }
  }
  return heads
}

/** The index may have been read long ago, or come from a cache: each of its deltas must open now. */
async function checkDeltas(vault: Vault, { deltas }: LoadedIndex, findings: Findings): Promise<void> {
  for (const name of deltas) {
    await findings.pause()
    try {
      openIndex(vault.keys, name, await vault.store.get(name))
    } catch (error) {
      // A sweep replaced it meanwhile.
      if (!(error instanceof BlobNotFoundError)) findings.note(name, error)
    }
  }
}

/** The vault's own records, and that each one that a head tells of is there. */
async function checkRecords(vault: Vault, heads: readonly PointHead[], findings: Findings): Promise<void> {
  const records = await vault.records()
  if (records.damage !== undefined) findings.note(records.damage.blob, records.damage)
  for (const head of heads) {
    const problem = headProblem(head, records)
    if (problem !== undefined) findings.note(problem.blob, problem, head.pointId)
  }
}

/** What was found before is not read again, but for what of it still opens. */
async function noteKnownDamage(
  vault: Vault,
  { damaged: known, stored }: LoadedIndex,
  damaged: Map<string, string>,
  findings: Findings,
): Promise<void> {
  for (const name of known) {
    if (!stored.has(name)) continue
    damaged.set(name, 'it was found damaged')
    try {
      const record = await readDamage(vault.store, vault.keys, name)
      if (record !== undefined) damaged.set(name, record.reason)
    } catch (error) {
      findings.note(name, error)
    }
  }
}

async function verifyPoint(
  vault: Vault,
  { index }: LoadedIndex,
  lost: HurtSegments,
  head: PointHead,
  findings: Findings,
): Promise<void> {
  using point = new Point(vault, index, head)
  const blob = headName(head.pointId)
  findings.points++
  const keys: Uint8Array[] = []
  let [itemCount, isUnlisted] = [0, false]
  try {
    for (const page of point.pages()) {
      await findings.pause()
      for (const item of page) {
        findings.items++
        try {
          checkPlaces(index, lost, point.chunkIds(item))
        } catch (error) {
          findings.note(blob, error, head.pointId)
          itemCount++
          if (keys.length < MAX_KEYS) keys.push(Uint8Array.from(item.key))
        }
      }
    }
  } catch (error) {
    findings.note(blob, error, head.pointId)
    isUnlisted = true
  }
  if (itemCount > 0 || isUnlisted) findings.hurt.push({ pointId: head.pointId, itemCount, keys, isUnlisted })
}

function checkPlaces(index: LoadedIndex['index'], lost: HurtSegments, ids: Buffer): void {
  for (let at = 0; at < ids.length; at += ID_BYTES) {
    const place = index.find(ids, at)
    if (place === undefined) {
      throw new ChunkMissingError(
        `Cannot find chunk ${ids.toString('hex', at, at + ID_BYTES)}: no pack has it`,
      )
    }
    const { pack, number } = index.segment(place.segment)
    const isGone = lost.packs.has(pack)
    if (!isGone && !lost.segments.has(place.segment)) continue
    const { type, id } = index.pack(pack)
    const what = isGone ? 'it is gone or has lost bytes' : `segment ${number} does not open`
    throw new VaultDamageError(packName(type, id), what)
  }
}

export const checkPacksHere: CheckPacks = async ({ store, keys }, index, names, on, signal) => {
  const checker = new PackChecker({ store, keys, index })
  for (const name of names) on.report(await checkPack(checker, name, on.bytes, signal))
}
