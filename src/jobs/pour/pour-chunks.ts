import type { BlobStore } from '../../blobs/blob-store.ts'
import { ByteWriter } from '../../vault/format/binary.ts'
import { ChunkReader } from '../../vault/read/chunk-reader.ts'
import type { ChunkIndex } from '../../vault/chunks/chunk-index.ts'
import type { Claims } from '../../vault/write/claims.ts'
import { ChunkMissingError, VaultDamageError } from '../../vault/errors.ts'
import { ID_BYTES } from '../../vault/keys.ts'
import type { VaultKeys } from '../../vault/keys.ts'
import { PackWriter } from '../../vault/write/pack-writer.ts'
import type { FinishedPack } from '../../vault/format/pack.ts'
import { SegmentBuffer } from '../../vault/write/segment-buffer.ts'
import { encodeResult } from './pour-wire.ts'

/** A vault that chunks are read from, as a pour thread has it. */
export interface SourceVault {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly index: ChunkIndex
}

export interface ChunkPourOptions {
  readonly source: SourceVault
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly claims: Claims
  readonly tag: string
  /** Told of the bytes that pass. */
  readonly onBytes?: ((bytes: number) => void) | undefined
}

const SEGMENT_BYTES = 1024 * 1024

/**
 * The work of one thread on a copy: opens chunks of the source vault, checks them, and seals those that the target lacks under its
 * key. A chunk stays as it was cut, so its place in an item says what has become of it.
 */
export class ChunkPour {
  readonly #chunks: ChunkReader
  readonly #keys: VaultKeys
  readonly #claims: Claims
  readonly #packs: PackWriter
  readonly #segments: SegmentBuffer

  constructor({ source, store, keys, claims, tag, onBytes }: ChunkPourOptions) {
    this.#chunks = new ChunkReader({ ...source, onSegment: onBytes })
    this.#keys = keys
    this.#claims = claims
    this.#packs = new PackWriter({ store, keys, type: 'data', tag, onSegment: onBytes })
    this.#segments = new SegmentBuffer(Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2), SEGMENT_BYTES, this.#packs)
  }

  /**
   * One encoded result: the ids in the target of the chunks at `ids`, in order. Where one is damaged the result ends before it and
   * says what is wrong.
   */
  copy(ids: Buffer): Buffer {
    const copied = Buffer.allocUnsafe(ids.length)
    let problem: string | undefined
    let at = 0
    for (; at < ids.length; at += ID_BYTES) {
      let chunk: Buffer
      try {
        chunk = this.#chunks.read('data', ids, at)
      } catch (error) {
        if (!(error instanceof VaultDamageError) && !(error instanceof ChunkMissingError)) throw error
        problem = error.message
        break
      }
      const id = this.#keys.chunkId('data', chunk)
      if (this.#claims.isNew(id, 0)) this.#segments.add(id, 0, chunk)
      id.copy(copied, at)
    }
    const out = new ByteWriter(at + 64)
    encodeResult(out, {
      isKept: problem === undefined,
      problem,
      size: 0,
      ids: copied.subarray(0, at),
      meta: undefined,
    })
    return out.take()
  }

  async end(): Promise<FinishedPack[]> {
    this.#chunks.close()
    this.#segments.flush()
    return await this.#packs.end()
  }

  abort(): void {
    this.#chunks.close()
    this.#packs.abort()
  }
}
