import { createHash } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { BlobReader, BlobStore } from '../../blobs/blob-store.ts'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { ChunkIndex } from '../chunks/chunk-index.ts'
import { VaultDamageError } from '../errors.ts'
import { ID_BYTES, SEED_BYTES } from '../keys.ts'
import type { ChunkType, VaultKeys } from '../keys.ts'
import { packKey, packName, parseDirectory, parsePackName, readDirectory } from '../format/pack.ts'
import type { SegmentEntry } from '../format/pack.ts'
import { openSegment } from '../format/segment.ts'

const READ_BYTES = 1024 * 1024

/** What became of one pack. */
export interface PackReport {
  readonly name: string
  /** Bytes of it that were read. */
  readonly bytes: number
  /** Undefined where it is whole, or was deleted under the reader's eyes. */
  readonly problem: string | undefined
  readonly isGone: boolean
}

/** Reads packs from end to end, and holds all of them against their seals, their own directories and the index. */
export class PackChecker {
  readonly #store: BlobStore
  readonly #keys: VaultKeys
  readonly #index: ChunkIndex
  /** Numbers of the index's packs, by blob name. */
  readonly #numbers = new Map<string, number>()
  #sealed = Buffer.allocUnsafeSlow(READ_BYTES)
  #raw = Buffer.allocUnsafeSlow(READ_BYTES)

  constructor(vault: { readonly store: BlobStore; readonly keys: VaultKeys; readonly index: ChunkIndex }) {
    this.#store = vault.store
    this.#keys = vault.keys
    this.#index = vault.index
    for (let number = 0; number < vault.index.size.packs; number++) {
      const { type, id } = vault.index.pack(number)
      this.#numbers.set(packName(type, id), number)
    }
  }

  /**
   * Checks one pack, yielding after each stretch so that others have their turn.
   * @param onBytes Told of bytes as they are read.
   */
  *check(name: string, onBytes: (bytes: number) => void = () => undefined): Generator<void, PackReport> {
    let bytes = 0
    const count = (more: number): void => {
      bytes += more
      onBytes(more)
    }
    try {
      yield* this.#read(name, count)
      return { name, bytes, problem: undefined, isGone: false }
    } catch (error) {
      if (error instanceof BlobNotFoundError) return { name, bytes, problem: undefined, isGone: true }
      if (!(error instanceof VaultDamageError)) throw error
      const problem =
        error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message
      return { name, bytes, problem, isGone: false }
    }
  }

  *#read(name: string, count: (bytes: number) => void): Generator<void> {
    const parsed = parsePackName(name)
    if (parsed === undefined) return
    const blob = this.#store.open(name, { isAfresh: true })
    try {
      yield* this.#readOpened(name, parsed, blob, count)
    } catch (error) {
      // What rotted anywhere shows in the hash, which says more plainly what is wrong than the seal that does not open.
      yield* checkHash(name, parsed.id, blob)
      throw error
    } finally {
      blob.close()
    }
  }

  *#readOpened(
    name: string,
    { type, id }: { readonly type: ChunkType; readonly id: Buffer },
    blob: BlobReader,
    count: (bytes: number) => void,
  ): Generator<void> {
    const segments = segmentsOf(this.#keys, name, type, blob)
    const number = this.#numbers.get(name)
    // Its seals cover every byte of a pack, and the index says that this name is that of the pack with this directory.
    if (number === undefined) yield* checkHash(name, id, blob)
    else if (!this.#index.describes(number, segments))
      throw new VaultDamageError(name, 'its directory and that of an index delta differ')
    const seed = Buffer.alloc(SEED_BYTES)
    blob.readInto(seed, 0, SEED_BYTES, 0)
    const opened = { seed, key: packKey(this.#keys, type, blob, seed) }
    count(blob.sizeBytes - segments.reduce((sum, { sealedLength }) => sum + sealedLength, 0))
    for (const [n, segment] of segments.entries()) {
      this.#checkSegment(name, type, { ...opened, number: n }, segment, blob)
      count(segment.sealedLength)
      yield
    }
  }

  #checkSegment(
    name: string,
    type: ChunkType,
    { seed, key, number }: { readonly seed: Buffer; readonly key: KeyObject; readonly number: number },
    { offset, sealedLength, rawLength, flags, ids, lengths }: SegmentEntry,
    blob: BlobReader,
  ): void {
    if (sealedLength > this.#sealed.length) this.#sealed = Buffer.allocUnsafeSlow(sealedLength)
    if (rawLength > this.#raw.length) this.#raw = Buffer.allocUnsafeSlow(rawLength)
    const raw = this.#raw.subarray(0, rawLength)
    const sealed = this.#sealed.subarray(0, sealedLength)
    try {
      blob.readInto(sealed, 0, sealedLength, offset)
      openSegment(key, { place: this.#keys.place(type), seed, number, offset }, sealed, flags, raw)
    } catch (cause) {
      throw new VaultDamageError(name, `segment ${number} at byte ${offset} does not open`, { cause })
    }
    let from = 0
    for (const [i, length] of lengths.entries()) {
      const id = this.#keys.chunkId(type, raw.subarray(from, from + length))
      if (ids.compare(id, 0, ID_BYTES, i * ID_BYTES, (i + 1) * ID_BYTES) !== 0) {
        const hex = ids.toString('hex', i * ID_BYTES, (i + 1) * ID_BYTES)
        throw new VaultDamageError(name, `chunk ${hex} differs`)
      }
      from += length
    }
  }
}

const WRONG_HASH = 'its bytes do not have the SHA-256 of its name'

/**
 * Reads a pack from end to end, without keys: it must have the SHA-256 it is named by.
 * @throws {VaultDamageError}
 */
export function* checkHash(
  name: string,
  id: Buffer,
  blob: BlobReader,
  count: (bytes: number) => void = () => undefined,
): Generator<void> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, blob.sizeBytes))
  for (let at = 0; at < blob.sizeBytes; at += READ_BYTES) {
    const length = Math.min(READ_BYTES, blob.sizeBytes - at)
    blob.readInto(buffer, 0, length, at)
    hash.update(buffer.subarray(0, length))
    count(length)
    yield
  }
  if (!hash.digest().equals(id)) throw new VaultDamageError(name, WRONG_HASH)
}

function segmentsOf(
  keys: VaultKeys,
  name: string,
  type: ChunkType,
  blob: BlobReader,
): readonly SegmentEntry[] {
  const directory = readDirectory(keys, name, type, blob)
  try {
    return parseDirectory(directory, blob.sizeBytes)
  } catch (cause) {
    throw new VaultDamageError(name, 'what it says of itself is impossible', { cause })
  }
}

/** Checks one pack here, with turns for others between its stretches. */
export async function checkPack(
  checker: PackChecker,
  name: string,
  onBytes?: (bytes: number) => void,
  signal?: AbortSignal,
): Promise<PackReport> {
  const check = checker.check(name, onBytes)
  for (;;) {
    const { done, value } = check.next()
    if (done === true) return value
    await new Promise((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
  }
}
