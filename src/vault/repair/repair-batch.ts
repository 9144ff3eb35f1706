import { crashpoint } from '../../lib/crashpoint.ts'
import { checkPack, PackChecker } from '../verify/check-pack.ts'
import type { ChunkIndex } from '../chunks/chunk-index.ts'
import { VaultDamageError } from '../errors.ts'
import { sealIndex } from '../chunks/index-delta.ts'
import { ID_BYTES } from '../keys.ts'
import type { ChunkType } from '../keys.ts'
import type { Lease } from '../lease.ts'
import { packName } from '../format/pack.ts'
import type { FinishedPack } from '../format/pack.ts'
import { PackWriter } from '../write/pack-writer.ts'
import { SegmentBuffer } from '../write/segment-buffer.ts'
import type { Vault } from '../vault.ts'
import { leaseTag } from '../write/writer.ts'

const SEGMENT_BYTES = 1024 * 1024
/** A repair that is interrupted keeps all but so much of what it found, in bytes. */
const COMMIT_BYTES: number = 1024 * 1024 * 1024

/**
 * Chunks that are stored again. They count once `commit` has resolved: by then each pack was read back from the storage and an index
 * delta names it. A chunk's id is computed from its bytes, so whatever comes in here, no wrong byte can be read under a lost id.
 */
export class RepairBatch {
  readonly #vault: Vault
  readonly #index: ChunkIndex
  readonly #lease: Lease
  readonly #tag: string
  readonly #writers: Readonly<
    Record<ChunkType, { readonly packs: PackWriter; readonly segments: SegmentBuffer }>
  >
  /** Ids of what was put in, as hex. */
  readonly #stored = new Set<string>()
  #pendingBytes = 0
  #storedBytes = 0

  /** @param index What it lacks or may not be relied on is stored, all else is there. */
  constructor(vault: Vault, index: ChunkIndex, lease: Lease) {
    this.#vault = vault
    this.#index = index
    this.#lease = lease
    this.#tag = leaseTag(lease.generation)
    const writer = (type: ChunkType): { packs: PackWriter; segments: SegmentBuffer } => {
      const packs = new PackWriter({ store: vault.store, keys: vault.keys, type, tag: this.#tag })
      return {
        packs,
        segments: new SegmentBuffer(Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2), SEGMENT_BYTES, packs),
      }
    }
    this.#writers = { data: writer('data'), meta: writer('meta') }
  }

  /** Chunks put in so far. */
  get chunks(): number {
    return this.#stored.size
  }

  /** Bytes of packs and index deltas that were committed. */
  get storedBytes(): number {
    return this.#storedBytes
  }

  /** Where nodes of a manifest go. */
  get nodes(): SegmentBuffer {
    return this.#writers.meta.segments
  }

  has(ids: Buffer, at: number): boolean {
    return this.#stored.has(ids.toString('hex', at, at + ID_BYTES))
  }

  /** Whether the chunk must be put in; true once. */
  isNew(ids: Buffer, at: number): boolean {
    if (this.#index.isLive(ids, at) || this.has(ids, at)) return false
    this.#stored.add(ids.toString('hex', at, at + ID_BYTES))
    return true
  }

  /** @param bytes Must be those that the id at `ids[at]` was computed from. */
  put(type: ChunkType, ids: Buffer, at: number, bytes: Buffer): void {
    if (!this.isNew(ids, at)) return
    this.#writers[type].segments.add(ids, at, bytes)
    this.#pendingBytes += bytes.length
  }

  async commitWhereMuch(): Promise<void> {
    if (this.#pendingBytes >= COMMIT_BYTES) await this.commit()
  }

  /** @throws {VaultDamageError} Where what was written does not read back: nothing names it then. @throws {LeaseLostError} */
  async commit(): Promise<void> {
    this.#pendingBytes = 0
    const packs: FinishedPack[] = []
    for (const writer of Object.values(this.#writers)) {
      writer.segments.flush()
      packs.push(...(await writer.packs.end()))
    }
    if (packs.length === 0) return
    crashpoint('repair.packs-stored')
    await this.#readBack(packs)
    await this.#lease.check()
    for (const { name, bytes } of sealIndex(this.#vault.keys, packs)) {
      await this.#vault.store.put(name, bytes)
      this.#storedBytes += bytes.length
      crashpoint('repair.index-stored')
    }
    for (const { sizeBytes } of packs) this.#storedBytes += sizeBytes
  }

  /** Gives up what was not committed. Whatever packs there are a sweep finds. */
  async abort(): Promise<void> {
    for (const { packs } of Object.values(this.#writers)) packs.abort()
    await this.#vault.store.removeUnfinished((tag) => tag === this.#tag)
  }

  async #readBack(packs: readonly FinishedPack[]): Promise<void> {
    const { store, keys } = this.#vault
    const checker = new PackChecker({ store, keys, index: this.#index })
    for (const { type, id } of packs) {
      const name = packName(type, id)
      const { isGone, problem } = await checkPack(checker, name)
      if (isGone) throw new VaultDamageError(name, 'it is gone as soon as it was written')
      if (problem !== undefined)
        throw new VaultDamageError(name, `it was just written, and reads back as something else (${problem})`)
    }
  }
}
