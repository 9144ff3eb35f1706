/**
 * Where a vault's bytes lie: named blobs that are written once, whole, and never changed.
 *
 * Names are relative paths with `/`, made of `A-Za-z0-9._-`; no part is `.` or `..`. What a call reports as written is durable:
 * it survives a crash of the machine right after.
 */
export interface BlobStore {
  /** How another thread opens the same store (open.ts); undefined where only this one can reach it. */
  readonly location: BlobLocation | undefined
  /** Pages of the blobs whose names begin with `prefix` (folders: it ends in `/`, or is empty), in no particular order. */
  list(prefix: string): AsyncIterable<readonly BlobInfo[]>
  /** Undefined where there is no such blob. */
  stat(name: string): Promise<BlobInfo | undefined>
  /** @throws {BlobNotFoundError} @throws {BlobTooLargeError} When it has more than `maxBytes` (default GET_BYTES). */
  get(name: string, maxBytes?: number): Promise<Buffer>
  /** Writes a blob that does not exist yet. @throws {BlobExistsError} Then nothing was changed. */
  put(name: string, bytes: Uint8Array): Promise<void>
  /** Opens a blob to read parts of it, synchronously. @throws {BlobNotFoundError} */
  open(name: string): BlobReader
  /** Begins a blob whose name is known once its bytes are. `tag` (of `A-Za-z0-9-`) says whose it is until then. */
  append(tag: string): BlobAppender
  /** True where there was one. Durable like a write. */
  delete(name: string): Promise<boolean>
  /**
   * Removes unfinished blobs that nobody is writing any more, as `isStale` says of their tags and of when they last grew (ms
   * since 1970); returns how many. What `put` left has the tag `put`.
   */
  removeUnfinished(isStale: (tag: string, changedAt: number) => boolean): Promise<number>
  close(): void
}

export interface BlobInfo {
  readonly name: string
  readonly sizeBytes: number
}

/** What `get` takes at most unless told otherwise: more than any document of a vault has. */
export const GET_BYTES: number = 72 * 1024 * 1024

export interface BlobReader {
  readonly sizeBytes: number
  /** Fills `buffer[offset, offset + length)` from byte `position`. @throws {BlobTooShortError} When the blob ends before. */
  readInto(buffer: Uint8Array, offset: number, length: number, position: number): void
  close(): void
}

export interface BlobAppender {
  /** Takes the bytes over before it returns. */
  append(bytes: Uint8Array): void
  /** Makes it a blob, durably. One of the same name is replaced: such names say what is in the blob. */
  finish(name: string): Promise<void>
  /** Gives it up; nothing is left of it. */
  abort(): void
}

/** Plain data that crosses to threads. */
export interface BlobLocation {
  readonly kind: 'directory'
  readonly path: string
}

export class BlobNotFoundError extends Error {
  override name = 'BlobNotFoundError'
  readonly blob: string

  constructor(blob: string, options?: ErrorOptions) {
    super(`Cannot read blob "${blob}": there is none`, options)
    this.blob = blob
  }
}

export class BlobExistsError extends Error {
  override name = 'BlobExistsError'
  readonly blob: string

  constructor(blob: string, options?: ErrorOptions) {
    super(`Cannot create blob "${blob}": there is one already`, options)
    this.blob = blob
  }
}

export class BlobTooShortError extends Error {
  override name = 'BlobTooShortError'
}

export class BlobTooLargeError extends Error {
  override name = 'BlobTooLargeError'
}

const NAME = /^[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*$/

/** @throws {Error} When `name` is none that a store takes. */
export function checkBlobName(name: string): void {
  if (!NAME.test(name) || name.split('/').some((part) => part === '.' || part === '..')) {
    throw new Error(`Cannot use "${name}" as the name of a blob`)
  }
}
