import { hash } from 'node:crypto'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { zstdDecompressSync } from 'node:zlib'
import { BlobIndex, ResticDamageError } from './blob-index.ts'
import type { BlobPlace } from './blob-index.ts'
import type { BlobType } from './packs.ts'
import { NotRegularError, openRegular } from './regular-file.ts'
import type { Repository } from './repository.ts'
import { SealBrokenError, unseal } from './sealing.ts'

/** Packs that stay open: those of the files and of the trees that a walk is at. */
const OPEN_PACKS = 8

/** Reads blobs, each held against its seal and its SHA-256 before a byte of it is given out. */
export class BlobReader implements AsyncDisposable {
  readonly #repository: Repository
  readonly #index: BlobIndex
  /** By pack, the one used last at the end. */
  readonly #open = new Map<string, Promise<FileHandle>>()

  private constructor(repository: Repository, index: BlobIndex) {
    this.#repository = repository
    this.#index = index
  }

  static async open(repository: Repository, signal: AbortSignal): Promise<BlobReader> {
    return new BlobReader(repository, await BlobIndex.load(repository, signal))
  }

  /** Bytes of a blob, as the index tells them. @throws {ResticDamageError} When it has no such blob. */
  sizeOf(type: BlobType, id: string): number {
    return this.#index.find(type, id).plainLength
  }

  /** @throws {ResticDamageError} Naming the blob and its pack, for whatever is not as it was written. */
  async read(type: BlobType, id: string): Promise<Buffer> {
    const place = this.#index.find(type, id)
    const sealed = await this.#sealed(place, `${type} blob ${id}`)
    const plain = this.#plain(sealed, place, `${type} blob ${id}`)
    if (hash('sha256', plain, 'hex') !== id)
      throw damaged(`${type} blob ${id}`, place, 'its SHA-256 is another')
    return plain
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const handle of this.#open.values()) await (await handle.catch(() => undefined))?.close()
    this.#open.clear()
  }

  async #sealed(place: BlobPlace, what: string): Promise<Buffer> {
    const sealed = Buffer.allocUnsafe(place.length)
    const handle = await this.#handle(place, what)
    for (let filled = 0; filled < sealed.length;) {
      const { bytesRead } = await handle.read(sealed, filled, sealed.length - filled, place.offset + filled)
      if (bytesRead === 0) throw damaged(what, place, 'the pack ends before it')
      filled += bytesRead
    }
    return sealed
  }

  #plain(sealed: Buffer, place: BlobPlace, what: string): Buffer {
    try {
      const opened = unseal(this.#repository.keys, sealed)
      if (!place.isCompressed) return opened
      const plain = zstdDecompressSync(opened, { maxOutputLength: place.plainLength })
      if (plain.length !== place.plainLength) throw new RangeError('it is shorter than the index says')
      return plain
    } catch (cause) {
      const reason = cause instanceof SealBrokenError ? cause.message : 'it cannot be unpacked'
      throw damaged(what, place, reason, cause)
    }
  }

  async #handle(place: BlobPlace, what: string): Promise<FileHandle> {
    const known = this.#open.get(place.pack)
    const opening = known ?? this.#openPack(place, what)
    this.#open.delete(place.pack)
    this.#open.set(place.pack, opening)
    if (known === undefined) {
      opening.catch(() => this.#open.delete(place.pack))
      const [oldest] = this.#open
      if (this.#open.size > OPEN_PACKS && oldest !== undefined) {
        this.#open.delete(oldest[0])
        await (await oldest[1].catch(() => undefined))?.close()
      }
    }
    return await opening
  }

  async #openPack(place: BlobPlace, what: string): Promise<FileHandle> {
    const { pack } = place
    try {
      return (await openRegular(join(this.#repository.directory, 'data', pack.slice(0, 2), pack))).handle
    } catch (cause) {
      const { code } = cause as NodeJS.ErrnoException
      const isPlain = code === 'ENOENT' || code === 'ELOOP' || cause instanceof NotRegularError
      throw isPlain ? damaged(what, place, 'the pack is missing', cause) : cause
    }
  }
}

function damaged(what: string, place: BlobPlace, reason: string, cause?: unknown): ResticDamageError {
  return new ResticDamageError(
    `the ${what} in pack ${place.pack}, at ${place.offset}, cannot be used: ${reason}; ` +
      '`restic check --read-data` and `restic repair` tell more',
    { cause },
  )
}
