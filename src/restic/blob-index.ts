import { idsIn, loadSealed, RepositoryError } from './repository.ts'
import type { Repository } from './repository.ts'
import type { BlobType } from './packs.ts'
import { SEAL_BYTES } from './sealing.ts'

/** A file or blob that is missing, changed, or not what its repository says of it. */
export class ResticDamageError extends Error {
  override name = 'ResticDamageError'
}

/** Where one blob lies. */
export interface BlobPlace {
  /** ID of the pack. */
  readonly pack: string
  readonly offset: number
  /** Sealed. */
  readonly length: number
  /** Of the blob itself, unpacked. */
  readonly plainLength: number
  readonly isCompressed: boolean
}

/** A blob that is bigger is refused: restic's chunks have 8 MiB at most, its trees what a directory needs. */
export const MAX_BLOB_BYTES: Readonly<Record<BlobType, number>> = {
  data: 64 * 1024 * 1024,
  tree: 512 * 1024 * 1024,
}

const ID_BYTES = 32
/** id, then u32: number of the pack plus 1, offset, length, plain length (0: not compressed). */
const SLOT_BYTES = ID_BYTES + 16
const MAX_LOAD = 0.6
const HEX_ID = /^[0-9a-f]{64}$/

/** Blobs of one type by id, in one buffer: 80 to 160 bytes each. The first place of a blob counts. */
class BlobTable {
  #slots: Buffer = Buffer.alloc(1024 * SLOT_BYTES)
  #size = 0

  set(id: Buffer, values: readonly number[]): void {
    const at = this.#find(id)
    if (this.#isTaken(at)) return
    this.#slots.set(id, at)
    for (const [i, value] of values.entries()) this.#slots.writeUInt32LE(value, at + ID_BYTES + i * 4)
    if (++this.#size * SLOT_BYTES > this.#slots.length * MAX_LOAD) this.#grow()
  }

  get(id: Buffer): readonly [number, number, number, number] | undefined {
    const at = this.#find(id)
    if (!this.#isTaken(at)) return undefined
    const value = (i: number): number => this.#slots.readUInt32LE(at + ID_BYTES + i * 4)
    return [value(0), value(1), value(2), value(3)]
  }

  #isTaken(at: number): boolean {
    return this.#slots.readUInt32LE(at + ID_BYTES) !== 0
  }

  #find(id: Buffer): number {
    const slots = this.#slots
    const count = slots.length / SLOT_BYTES
    for (let at = (id.readUInt32LE() % count) * SLOT_BYTES; ; at = (at + SLOT_BYTES) % slots.length) {
      if (!this.#isTaken(at) || slots.compare(id, 0, ID_BYTES, at, at + ID_BYTES) === 0) return at
    }
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = Buffer.alloc(old.length * 2)
    for (let at = 0; at < old.length; at += SLOT_BYTES) {
      if (old.readUInt32LE(at + ID_BYTES) === 0) continue
      const slot = old.subarray(at, at + SLOT_BYTES)
      this.#slots.set(slot, this.#find(slot.subarray(0, ID_BYTES)))
    }
  }
}

/** What a repository's index files say, whole in memory. */
export class BlobIndex {
  readonly #packs: string[] = []
  readonly #tables: Readonly<Record<BlobType, BlobTable>> = { data: new BlobTable(), tree: new BlobTable() }

  /** @throws {RepositoryError} For an index that says what cannot be. */
  static async load(repository: Repository, signal: AbortSignal): Promise<BlobIndex> {
    const index = new BlobIndex()
    for (const id of await idsIn(repository.directory, 'index')) {
      signal.throwIfAborted()
      const { packs } = membersOf(await loadSealed(repository, 'index', id))
      if (packs !== undefined && packs !== null && !Array.isArray(packs)) throw badIndex(id)
      for (const pack of (packs ?? []) as unknown[]) index.#addPack(id, pack)
    }
    return index
  }

  /** @param id Hexadecimal. @throws {ResticDamageError} When the index has no such blob. */
  find(type: BlobType, id: string): BlobPlace {
    const found = HEX_ID.test(id) ? this.#tables[type].get(Buffer.from(id, 'hex')) : undefined
    if (found === undefined) {
      throw new ResticDamageError(
        `the ${type} blob ${id.slice(0, 64)} is in no index of the repository; \`restic repair index\` may find it again`,
      )
    }
    const [pack, offset, length, plain] = found
    return {
      pack: this.#packs[pack - 1] as string,
      offset,
      length,
      plainLength: plain === 0 ? length - SEAL_BYTES : plain,
      isCompressed: plain !== 0,
    }
  }

  #addPack(indexId: string, pack: unknown): void {
    const { id, blobs } = membersOf(pack)
    if (typeof id !== 'string' || !HEX_ID.test(id) || !Array.isArray(blobs)) throw badIndex(indexId)
    this.#packs.push(id)
    for (const blob of blobs as unknown[]) this.#addBlob(indexId, blob)
  }

  #addBlob(indexId: string, blob: unknown): void {
    const { id, type, offset, length, uncompressed_length: plain = 0 } = membersOf(blob)
    if (typeof id !== 'string' || !HEX_ID.test(id) || (type !== 'data' && type !== 'tree'))
      throw badIndex(indexId)
    const numbers = [offset, length, plain]
    const isGood = numbers.every(
      (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 32,
    )
    const most = MAX_BLOB_BYTES[type]
    if (
      !isGood ||
      Number(length) < SEAL_BYTES ||
      Number(length) > most + 1024 * 1024 ||
      Number(plain) > most
    ) {
      throw badIndex(indexId)
    }
    this.#tables[type].set(Buffer.from(id, 'hex'), [this.#packs.length, ...(numbers as number[])])
  }
}

function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

const badIndex = (id: string): RepositoryError =>
  new RepositoryError(
    `the index ${id} of the restic repository says what cannot be; \`restic repair index\` makes it anew`,
  )
