import { createHash, randomBytes } from 'node:crypto'
import type { Hash, KeyObject } from 'node:crypto'
import type { BlobAppender, BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { ID_BYTES, SEED_BYTES } from '../keys.ts'
import type { ChunkType, VaultKeys } from '../keys.ts'
import { DirectoryWriter, footerOf, packName } from '../format/pack.ts'
import type { FinishedPack, SegmentEntry } from '../format/pack.ts'
import { resealSegment, sealDirectory, sealSegment } from '../format/segment.ts'
import type { SealedSegment, SegmentPlace } from '../format/segment.ts'

/** A pack ends once it has this many bytes. */
export const PACK_BYTES: number = 32 * 1024 * 1024

interface OpenPack {
  readonly seed: Buffer
  readonly key: KeyObject
  readonly appender: BlobAppender
  readonly hash: Hash
  readonly directory: DirectoryWriter
  segments: number
  offset: number
}

export interface PackWriterOptions {
  readonly store: BlobStore
  readonly keys: VaultKeys
  readonly type: ChunkType
  /** Marks unfinished files as this job's. */
  readonly tag: string
  /** Told of the bytes that each segment took in passing. */
  readonly onSegment?: ((usedBytes: number) => void) | undefined
}

/**
 * Writes segments into packs, one pack at a time. One thread has one of its own; nothing in it is shared.
 * Packs count only when `end` has resolved.
 */
export class PackWriter {
  readonly #options: PackWriterOptions
  readonly #place: Buffer
  readonly #finished: FinishedPack[] = []
  readonly #finishing: Promise<void>[] = []
  #failure: { readonly cause: unknown } | undefined
  #pack: OpenPack | undefined

  constructor(options: PackWriterOptions) {
    this.#options = options
    this.#place = options.keys.place(options.type)
  }

  /**
   * Compresses, seals, reads back and appends one segment, synchronously.
   * @param raw The chunks back to back. @param ids 32 bytes for each. @param lengths One for each.
   */
  put(raw: Uint8Array, ids: Uint8Array, lengths: ArrayLike<number>): void {
    const pack = this.#open()
    this.#append(pack, sealSegment(pack.key, this.#at(pack), raw), raw.length, ids, lengths)
  }

  /**
   * Appends a segment of another pack as it was compressed there, sealed anew and read back.
   * @param packed What its seal held.
   */
  putPacked(packed: Buffer, { rawLength, flags, ids, lengths }: SegmentEntry): void {
    const pack = this.#open()
    const sealed = resealSegment(pack.key, this.#at(pack), packed, { rawLength, flags })
    this.#append(pack, sealed, rawLength, ids, lengths)
  }

  #open(): OpenPack {
    if (this.#failure !== undefined) throw this.#failure.cause
    return (this.#pack ??= this.#begin())
  }

  #at({ seed, segments, offset }: OpenPack): SegmentPlace {
    return { place: this.#place, seed, number: segments, offset }
  }

  #append(
    pack: OpenPack,
    { bytes, flags }: SealedSegment,
    rawLength: number,
    ids: Uint8Array,
    lengths: ArrayLike<number>,
  ): void {
    append(pack, bytes)
    const sealedLength = bytes.length
    pack.directory.add(sealedLength, rawLength, flags, ids.subarray(0, lengths.length * ID_BYTES), lengths)
    pack.segments++
    crashpoint('pack.segment-appended')
    this.#options.onSegment?.(2 * sealedLength)
    if (pack.offset >= PACK_BYTES) this.#close()
  }

  /** Finishes the open pack and waits until all are durable. @returns All packs since the last call. */
  async end(): Promise<FinishedPack[]> {
    this.#close()
    await Promise.all(this.#finishing.splice(0))
    if (this.#failure !== undefined) throw this.#failure.cause
    return this.#finished.splice(0)
  }

  /** Gives up the open pack. */
  abort(): void {
    this.#pack?.appender.abort()
    this.#pack = undefined
  }

  #begin(): OpenPack {
    const { store, keys, type, tag } = this.#options
    const seed = randomBytes(SEED_BYTES)
    const pack: OpenPack = {
      seed,
      key: keys.sealKey(type, seed, 'pack'),
      appender: store.append(tag),
      hash: createHash('sha256'),
      directory: new DirectoryWriter(),
      segments: 0,
      offset: 0,
    }
    // From here on `abort` knows of it: what is not given up keeps its file open, and its room taken.
    this.#pack = pack
    append(pack, seed)
    crashpoint('pack.begun')
    return pack
  }

  #close(): void {
    const pack = this.#pack
    if (pack === undefined) return
    const { keys, type } = this.#options
    const directory = pack.directory.take()
    const sealed = sealDirectory(
      pack.key,
      { place: this.#place, seed: pack.seed, offset: pack.offset },
      directory,
    )
    const length = Buffer.alloc(4)
    length.writeUInt32LE(sealed.length)
    append(pack, Buffer.concat([sealed, length, footerOf(keys.newest)]))
    crashpoint('pack.sealed')
    this.#pack = undefined
    const id = pack.hash.digest()
    const finishing = pack.appender.finish(packName(type, id)).then(
      () => {
        crashpoint('pack.finished')
        this.#finished.push({ type, id, sizeBytes: pack.offset, directory })
      },
      (cause: unknown) => void (this.#failure ??= { cause }),
    )
    this.#finishing.push(finishing)
  }
}

function append(pack: OpenPack, bytes: Buffer): void {
  pack.appender.append(bytes)
  pack.hash.update(bytes)
  pack.offset += bytes.length
}
