import { ID_BYTES } from '../../vault/keys.ts'
import type { Lease } from '../../vault/lease.ts'
import type { Point, PointItem } from '../../vault/read/point.ts'
import type { Vault } from '../../vault/vault.ts'
import type { PointWriter } from '../../vault/write/writer.ts'
import type { ResourceType } from '../../kinds/kind.ts'
import { printable } from '../../lib/log.ts'
import { CopiedBefore } from '../copied-before.ts'
import { THREAD_HALVES } from './pour-halves.ts'
import { PourPool, defaultThreads, inlineWorker, threadWorker } from './pour-pool.ts'
import { copySteps } from './pour-steps.ts'
import type { ItemResult } from './pour-wire.ts'

export interface CopyPointOptions {
  /** Its lease must be held, too: nobody may free what is being read. */
  readonly source: Vault
  readonly sourcePointId: string
  readonly target: Vault
  readonly pointId: string
  /** An earlier copy in the target out of the same vault, of the same resource best. */
  readonly parentPointId?: string | undefined
  readonly jobId: string
  readonly fence: number
  /** On the target; held already. */
  readonly lease: Lease
  readonly resourceType: ResourceType
  readonly signal: AbortSignal
  /** Content bytes and items done since the last call. */
  readonly onProgress: (bytes: number, items: number) => void
  /** 0 does all in this thread. */
  readonly threads?: number
}

export interface CopyResult {
  readonly itemCount: number
  readonly contentBytes: number
  /** What the target grew by. */
  readonly storedBytes: number
  /** Content read from the source; the rest was known to be in the target. */
  readonly readBytes: number
}

/** The source has not all of the recovery point any more, or not as it was written. */
export class SourceDamageError extends Error {
  override name = 'SourceDamageError'
}

/** Content looked at before it is read in the order in which it lies; and items that may wait behind it. */
const WINDOW_CHUNKS = 16_384
const WINDOW_ITEMS = 16_384
/** Content that a thread gets at a time. */
const TASK_BYTES = 8 * 1024 * 1024
/** Room in the table of chunks for the manifest's own nodes. */
const MANIFEST_CHUNKS = 4096

/**
 * Copies a recovery point into another vault, chunk by chunk: what the target has is not stored again, what an earlier copy shares
 * with it is not even read. Packs, index, head, in this order: until the head is there, the target has no such point.
 *
 * @param record What the copy's head keeps; where it was copied from is added.
 * @throws {SourceDamageError} Naming blob and item. @throws {PointNotFoundError} {VaultDamageError} {LeaseLostError}
 */
export async function copyPoint(
  options: CopyPointOptions,
  record: Readonly<Record<string, unknown>>,
  retainUntil?: number,
): Promise<CopyResult> {
  const { source, sourcePointId, target, signal } = options
  signal.throwIfAborted()
  using point = await source.openPoint(sourcePointId)
  const writer = await target.beginPoint(options)
  const before = await CopiedBefore.open(source, writer)
  const copy = new Copy(options, point, writer, before)
  try {
    await copy.run()
    const copiedFrom = { vaultId: source.id, pointId: sourcePointId }
    const committed = await writer.commit({ ...record, copiedFrom }, retainUntil)
    return { ...committed, readBytes: copy.readBytes }
  } catch (error) {
    await copy.stop()
    await writer.abort()
    throw signal.aborted ? signal.reason : error
  } finally {
    before?.close()
  }
}

/** An item whose chunks are not all known yet. */
interface OpenItem {
  readonly item: PointItem
  depth: number
  /** In the target. */
  ids: Buffer
  left: number
}

/** A chunk to be read, for one place in one item. */
interface Wanted {
  /** Its number in the source's index: chunks are numbered as they lie. */
  readonly chunk: number
  readonly open: OpenItem
  readonly ids: Buffer
  readonly at: number
}

class Copy {
  readBytes = 0
  readonly #options: CopyPointOptions
  readonly #point: Point
  readonly #writer: PointWriter
  readonly #before: CopiedBefore | undefined
  /** In key order. */
  #items: OpenItem[] = []
  #wanted: Wanted[] = []
  #pool: PourPool | undefined
  /** Sent and not answered. */
  #tasks = 0
  /** Chunks that threads may yet claim. */
  #unclaimed = 0
  #failure: Error | undefined

  constructor(
    options: CopyPointOptions,
    point: Point,
    writer: PointWriter,
    before: CopiedBefore | undefined,
  ) {
    this.#options = options
    this.#point = point
    this.#writer = writer
    this.#before = before
  }

  /** Copies all content and adds all items. */
  async run(): Promise<void> {
    const { signal } = this.#options
    const onAbort = (): void => this.#fail(signal.reason as Error)
    signal.addEventListener('abort', onAbort)
    try {
      for await (const page of this.#point.items()) {
        signal.throwIfAborted()
        for (const item of page) {
          this.#open(item)
          if (this.#wanted.length >= WINDOW_CHUNKS || this.#items.length >= WINDOW_ITEMS)
            await this.#flush(false)
        }
      }
      await this.#flush(this.#pool === undefined)
      this.#writer.addPacks((await this.#pool?.end()) ?? [])
      signal.throwIfAborted()
    } finally {
      signal.removeEventListener('abort', onAbort)
    }
  }

  async stop(): Promise<void> {
    await this.#pool?.stop()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    // Its end is awaited by stop(), which every failure leads to.
    void this.#pool?.stop()
  }

  #open(item: PointItem): void {
    const open: OpenItem = { item, depth: 0, ids: NO_IDS, left: 0 }
    const known = this.#before?.find(item)
    if (known?.kind === 'same') {
      open.depth = known.item.handle.depth
      open.ids = known.item.handle.ids
      this.#options.onProgress(item.size, 0)
    } else this.#want(open, known?.chunks)
    this.#items.push(open)
    if (this.#wanted.length === 0) this.#add()
  }

  #want(
    open: OpenItem,
    known: { translate(ids: Buffer, at: number, into: Buffer): boolean } | undefined,
  ): void {
    const { index } = this.#point
    const ids = this.#point.chunkIds(open.item)
    open.ids = Buffer.allocUnsafe(ids.length)
    for (let at = 0; at < ids.length; at += ID_BYTES) {
      if (known?.translate(ids, at, open.ids) === true) {
        this.#options.onProgress(index.lengthOf(ids, at) ?? 0, 0)
        continue
      }
      this.#wanted.push({ chunk: index.chunkOf(ids, at), open, ids, at })
      open.left++
    }
  }

  /** Adds the items in front that are complete. */
  #add(): void {
    let done = 0
    for (const { item, depth, ids, left } of this.#items) {
      if (left > 0) break
      const { key, kind, meta, size } = item
      this.#writer.add({ key, kind, meta, size, depth, ids })
      done++
    }
    this.#items = this.#items.slice(done)
    this.#options.onProgress(0, done)
  }

  /** Copies what is wanted, in the order in which the source has it: a chunk that is wanted often is read once. */
  async #flush(isOnly: boolean): Promise<void> {
    const wanted = this.#wanted.toSorted((a, b) => a.chunk - b.chunk)
    this.#wanted = []
    const isSmall = isOnly && wanted.length * this.#options.source.chunkSizes.average < TASK_BYTES
    let batch: Wanted[] = []
    let bytes = 0
    for (const [i, one] of wanted.entries()) {
      const isNew = one.chunk !== wanted[i - 1]?.chunk
      const length = isNew ? this.#lengthOf(one) : 0
      if (bytes + length > TASK_BYTES && isNew && batch.length > 0) {
        this.#send(batch, isSmall)
        batch = []
        bytes = 0
      }
      batch.push(one)
      bytes += length
    }
    if (batch.length > 0) this.#send(batch, isSmall)
    try {
      await this.#pool?.until(() => this.#tasks === 0)
    } catch (error) {
      throw this.#failure ?? error
    }
    this.#add()
  }

  #send(batch: readonly Wanted[], isSmall: boolean): void {
    const once = batch.filter(({ chunk }, i) => chunk !== batch[i - 1]?.chunk)
    const ids = Buffer.allocUnsafeSlow(once.length * ID_BYTES)
    for (const [i, one] of once.entries()) one.ids.copy(ids, i * ID_BYTES, one.at, one.at + ID_BYTES)
    this.#tasks++
    this.#unclaimed += once.length
    const pool = this.#openPool(isSmall)
    void pool.submit({ kind: 'copy', ids }, [ids]).then(([result]) => {
      this.#tasks--
      this.#unclaimed -= once.length
      this.#copied(batch, result as ItemResult)
    })
  }

  #copied(batch: readonly Wanted[], result: ItemResult): void {
    let from = -ID_BYTES
    for (const [i, one] of batch.entries()) {
      const { open, at, chunk } = one
      const isNew = chunk !== batch[i - 1]?.chunk
      if (isNew) from += ID_BYTES
      if (from >= result.ids.length) return this.#fail(damageOf(open.item, result))
      result.ids.copy(open.ids, at, from, from + ID_BYTES)
      open.left--
      const length = this.#lengthOf(one)
      if (isNew) this.readBytes += length
      this.#options.onProgress(length, 0)
    }
  }

  #lengthOf({ ids, at }: Wanted): number {
    return this.#point.index.lengthOf(ids, at) ?? 0
  }

  /** @param isSmall All that there is to do is not worth starting threads for. */
  #openPool(isSmall: boolean): PourPool {
    const { claims, index, tag } = this.#writer
    const level = claims.growFor(this.#unclaimed + MANIFEST_CHUNKS)
    if (this.#pool !== undefined) {
      if (level !== undefined) this.#pool.broadcast({ kind: 'level', level })
      return this.#pool
    }
    const { source, target, resourceType, threads = isSmall ? 0 : defaultThreads() } = this.#options
    const half = THREAD_HALVES[resourceType]
    const common = { resourceType, settings: {}, chunkSizes: target.chunkSizes, claims: claims.levels, tag }
    const from = { store: source.store, keys: source.keys, index: this.#point.index }
    const locateSource = source.store.locate
    const { locate } = target.store
    const start =
      threads === 0 || locate === undefined || locateSource === undefined
        ? [
            inlineWorker(() =>
              copySteps({ ...common, store: target.store, keys: target.keys, index, half }, from),
            ),
          ]
        : Array.from({ length: threads }, () =>
            threadWorker(() => ({
              ...common,
              mode: 'copy',
              location: locate(),
              vaultId: target.id,
              vaultKey: target.keys.export(),
              index: index.memory,
              source: {
                location: locateSource(),
                vaultId: source.id,
                vaultKey: source.keys.export(),
                index: from.index.memory,
              },
            })),
          )
    this.#pool = new PourPool(start, { slab: () => undefined, failure: (error) => this.#fail(error) })
    return this.#pool
  }
}

function damageOf({ key }: PointItem, { problem }: ItemResult): SourceDamageError {
  return new SourceDamageError(`"${printable(Buffer.from(key).toString())}" is damaged: ${problem}`)
}

const NO_IDS = Buffer.alloc(0)
