import { PointNotFoundError } from '../errors.ts'
import type { PointHead } from '../points/heads.ts'
import { ID_BYTES } from '../keys.ts'
import type { Lease } from '../lease.ts'
import type { LoadedIndex } from '../chunks/load-index.ts'
import { mendDocuments } from './mend.ts'
import { parsePackName } from '../format/pack.ts'
import { Point } from '../read/point.ts'
import { RepairBatch } from './repair-batch.ts'
import { fetchBeside } from './repair-beside.ts'
import { ContentSource, fetchContent, isDamage, pause } from './repair-content.ts'
import type { FetchOptions } from './repair-content.ts'
import { repairIndex } from './repair-index.ts'
import { rebuildManifest } from './repair-manifest.ts'
import { badPacks, lossOf, salvage } from './salvage.ts'
import type { Vault } from '../vault.ts'

/**
 * Stores again what a vault has lost: docs/adr/0024. First what still opens of its damaged packs, then, recovery point by recovery point,
 * what the vault's other store has, where it has one, and what another recovery point has of the same content. Nothing is overwritten and no pack is deleted: a chunk that is stored again is found in
 * its new pack, and the old one is the next sweep's, once nothing needs it.
 *
 * | step | a crash behind it leaves |
 * |---|---|
 * | heads, amendments, tombstones, vault records and their twins are put back from one another | the rest of the damage |
 * | index deltas and dead lists that cannot be read are replaced | the rest of the damage |
 * | what opens of damaged packs is stored again | fewer lost chunks |
 * | what the other store has is stored again | fewer lost chunks |
 * | lists of items are written again, content is fetched | fewer lost chunks |
 */
export interface RepairOptions {
  /** Held already; no sweep of the vault may run. */
  readonly lease: Lease
  /** Milliseconds since 1970: of the records of damage that is met on the way. */
  readonly now: number
  /** Where a recovery point's content may be looked for, best first. What it gives is believed in nothing. */
  sourcesOf(pointId: string): AsyncIterable<RepairSource>
  /** The other store of the same vault, warm or cold (docs/adr/0027). */
  readonly beside?: Vault | undefined
  /** Bytes read from sources since the last call. */
  readonly onBytes?: (bytes: number) => void
  readonly signal?: AbortSignal
}

export interface RepairSource {
  readonly vault: Vault
  readonly pointId: string
  /** Is a copy of the point, or what it was copied from: its items have the same chunks one by one. */
  readonly isCopy: boolean
}

export interface RepairResult {
  /** Chunks and nodes out of damaged packs. */
  readonly salvagedChunks: number
  /** Chunks and nodes that the other store of the vault had. */
  readonly besideChunks: number
  /** Chunks and nodes that other recovery points had. */
  readonly fetchedChunks: number
  /** Lists of items that were written again. */
  readonly rebuiltLists: number
  /** Heads, amendments, tombstones, vault records, their twins, index deltas and dead lists that were put back or replaced. */
  readonly replacedBlobs: readonly string[]
  readonly storedBytes: number
}

/** @throws {LeaseLostError} {VaultDamageError} Where what is written does not read back. */
export async function repairVault(vault: Vault, options: RepairOptions): Promise<RepairResult> {
  await options.lease.check()
  const mended = await mendDocuments(vault, options.lease)
  const replacedBlobs = [...mended, ...(await repairIndex(vault, options.lease))]
  const repair = new Repair(vault, options, await vault.refresh())
  await repair.salvage()
  for (const head of (await vault.listPoints()).points) await repair.point(head)
  return { ...(await repair.end()), replacedBlobs }
}

/** What one recovery point lacks. */
interface Loss {
  readonly chunks: number
  readonly isListHurt: boolean
}

class Repair {
  readonly #vault: Vault
  readonly #options: RepairOptions
  #loaded: LoadedIndex
  #fetch: FetchOptions
  #content: RepairBatch
  #sums = { salvagedChunks: 0, besideChunks: 0, fetchedChunks: 0, rebuiltLists: 0, storedBytes: 0 }

  constructor(vault: Vault, options: RepairOptions, loaded: LoadedIndex) {
    this.#vault = vault
    this.#options = options
    this.#loaded = loaded
    this.#fetch = this.#fetchOptions()
    this.#content = new RepairBatch(vault, loaded.index, options.lease)
  }

  async salvage(): Promise<void> {
    const { lease, signal } = this.#options
    const batch = new RepairBatch(this.#vault, this.#loaded.index, lease)
    await kept(batch, async () => await salvage(this.#vault, this.#loaded, batch, signal))
    this.#sums.salvagedChunks += batch.chunks
    await this.#committed(batch)
  }

  async point(head: PointHead): Promise<void> {
    let loss = await this.#lossOf(head)
    if (loss.chunks === 0 && !loss.isListHurt) return
    loss = await this.#fetchBeside(head, loss)
    if (loss.chunks === 0 && !loss.isListHurt) return
    for await (const source of this.#options.sourcesOf(head.pointId)) {
      try {
        await this.#fetchFrom(source, head, loss)
      } catch (error) {
        // It is hurt itself, or was deleted or moved by a sweep meanwhile: there may be others.
        if (!isDamage(error) && !(error instanceof PointNotFoundError)) throw error
      }
      loss = await this.#lossOf(head)
      if (loss.chunks === 0 && !loss.isListHurt) return
    }
  }

  async end(): Promise<Omit<RepairResult, 'replacedBlobs'>> {
    await kept(this.#content, async () => await this.#content.commit())
    this.#sums.fetchedChunks += this.#content.chunks
    this.#sums.storedBytes += this.#content.storedBytes
    await this.#vault.refresh()
    return this.#sums
  }

  /** Looks through a point's list. Packs that do not open and were not known to be damaged are noted, and salvaged at once. */
  async #lossOf(head: PointHead): Promise<Loss> {
    for (;;) {
      let [chunks, isListHurt] = [0, false]
      const found = new Map<string, string>()
      const note = (error: Error & { readonly blob?: string }): void => {
        isListHurt = true
        const { blob } = error
        if (blob === undefined || parsePackName(blob) === undefined) return
        if (this.#loaded.stored.has(blob) && !this.#loaded.damaged.has(blob)) found.set(blob, error.message)
      }
      using point = this.#open(head)
      for (const page of point.pages(undefined, note)) {
        for (const item of page) {
          try {
            chunks += this.#lostOf(point.namedChunks(item))
          } catch (error) {
            if (!isDamage(error)) throw error
            note(error)
          }
        }
        await pause(this.#options.signal)
      }
      if (found.size === 0) return { chunks, isListHurt }
      const foundAt = this.#options.now
      await this.#vault.recordDamage([...found].map(([pack, reason]) => ({ pack, reason, foundAt })))
      await this.#reload()
      await this.salvage()
    }
  }

  #lostOf(ids: Buffer): number {
    let count = 0
    for (let at = 0; at < ids.length; at += ID_BYTES)
      if (this.#fetch.isLost(ids, at) && !this.#content.has(ids, at)) count++
    return count
  }

  async #fetchBeside(head: PointHead, loss: Loss): Promise<Loss> {
    const { beside, lease } = this.#options
    if (beside === undefined) return loss
    const batch = new RepairBatch(this.#vault, this.#loaded.index, lease)
    const stores = { vault: this.#vault, loaded: this.#loaded, beside }
    await kept(batch, async () => await fetchBeside(stores, head, batch, this.#fetch))
    this.#sums.besideChunks += batch.chunks
    await this.#committed(batch)
    return await this.#lossOf(head)
  }

  async #fetchFrom(source: RepairSource, head: PointHead, loss: Loss): Promise<void> {
    using theirs = await source.vault.openPoint(source.pointId)
    const content = new ContentSource(theirs)
    try {
      if (loss.isListHurt && source.isCopy) await this.#rebuildList(head, content)
      using point = this.#open(head)
      await fetchContent(point, content, this.#content, this.#fetch)
    } finally {
      content.close()
    }
  }

  async #rebuildList(head: PointHead, content: ContentSource): Promise<void> {
    const batch = new RepairBatch(this.#vault, this.#loaded.index, this.#options.lease)
    using point = this.#open(head)
    const isTheSame = await kept(batch, async () => await rebuildManifest(point, content, batch, this.#fetch))
    if (!isTheSame) return await batch.abort()
    this.#sums.fetchedChunks += batch.chunks
    this.#sums.rebuiltLists++
    await this.#committed(batch)
  }

  async #committed(batch: RepairBatch): Promise<void> {
    await kept(batch, async () => await batch.commit())
    this.#sums.storedBytes += batch.storedBytes
    if (batch.chunks > 0) await this.#reload()
  }

  /** Content that waits to be stored is told by the index of before. */
  async #reload(): Promise<void> {
    const before = this.#content
    await kept(before, async () => await before.commit())
    this.#sums.fetchedChunks += before.chunks
    this.#sums.storedBytes += before.storedBytes
    this.#loaded = await this.#vault.refresh()
    this.#content = new RepairBatch(this.#vault, this.#loaded.index, this.#options.lease)
    this.#fetch = this.#fetchOptions()
  }

  #fetchOptions(): FetchOptions {
    const { onBytes = () => undefined, signal } = this.#options
    return { isLost: lossOf(this.#loaded, badPacks(this.#loaded)), onBytes, signal }
  }

  #open(head: PointHead): Point {
    return new Point(this.#vault, this.#loaded.index, head)
  }
}

/** Gives the batch up where the work on it fails. */
async function kept<T>(batch: RepairBatch, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    await batch.abort()
    throw error
  }
}
