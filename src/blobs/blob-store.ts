import type { MessagePort } from 'node:worker_threads'

/**
 * Where a vault's bytes lie: named blobs that are written once, whole, and never changed.
 *
 * Names are relative paths with `/`, made of `A-Za-z0-9._-`; no part is `.` or `..`. What a call reports as written is durable:
 * it survives a crash of the machine right after.
 */
export interface BlobStore {
  /** How one other thread opens the same store (open.ts); undefined where only this one can reach it. Each thread needs its own. */
  readonly locate: (() => BlobLocation) | undefined
  /** Reading waits for no network, so that a little may be read without a thread of its own. */
  readonly isLocal: boolean
  /** Pages of the blobs whose names begin with `prefix` (folders: it ends in `/`, or is empty), in no particular order. */
  list(prefix: string): AsyncIterable<readonly BlobInfo[]>
  /**
   * Their names alone: a directory looks at each file for its size.
   * @param without Names of folders right below `prefix` whose blobs need not be given: a directory spares the look into each of them.
   */
  names(prefix: string, without?: ReadonlySet<string>): AsyncIterable<readonly string[]>
  /** Undefined where there is no such blob. */
  stat(name: string): Promise<BlobInfo | undefined>
  /** @throws {BlobNotFoundError} @throws {BlobTooLargeError} When it has more than `maxBytes` (default GET_BYTES). */
  get(name: string, maxBytes?: number): Promise<Buffer>
  /** Writes a blob that does not exist yet. @throws {BlobExistsError} Then nothing was changed. */
  put(name: string, bytes: Uint8Array, retention?: Retention): Promise<void>
  /** Opens a blob to read parts of it, synchronously. @throws {BlobNotFoundError} */
  open(name: string, options?: OpenOptions): BlobReader
  /** Begins a blob whose name is known once its bytes are. `tag` (of `A-Za-z0-9-`) says whose it is until then. */
  append(tag: string): BlobAppender
  /** True where there was one. Durable like a write. */
  delete(name: string): Promise<boolean>
  /**
   * Removes unfinished blobs that nobody is writing any more, as `isStale` says of their tags and of when they last grew (ms
   * since 1970); returns how many. What `put` left has the tag `put`.
   */
  removeUnfinished(isStale: (tag: string, changedAt: number) => boolean): Promise<number>
  /** Keeps some room back on a disk, which can be full, for `releaseReserve`: 16 MiB, or less where little is free. */
  keepReserve(): Promise<void>
  /** Frees what was kept back, so that what makes room can begin. */
  releaseReserve(): Promise<void>
  /** Deletes every blob, and what is unfinished. Nothing may be using the store. */
  removeAll(): Promise<void>
  features(): Promise<BlobFeatures>
  /** Keeps a blob from being deleted until then, or longer where it is kept longer already. @throws {RetentionError} Where the store cannot. */
  extendRetention(name: string, retainUntil: number): Promise<void>
  /** Until when a blob is kept from deletion, milliseconds since 1970; undefined where it is not. */
  retainedUntil(name: string): Promise<number | undefined>
  close(): void
}

/** What a store can do beyond what every store must. */
export interface BlobFeatures {
  /** Blobs can be kept from deletion until a time, whoever asks (S3 Object Lock, compliance mode). */
  readonly objectLock: boolean
  /** Deleted blobs stay in the store as old versions until its own rules remove them. */
  readonly versioning: boolean
}

export interface OpenOptions {
  /** Reads nothing that came a moment ago for somebody else: who looks for damage must not be told what passed on the line then. */
  readonly isAfresh?: boolean
}

/** Until when nobody can delete a blob, milliseconds since 1970. Only where `features` says so. */
export interface Retention {
  readonly retainUntil: number
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
  /** Resolves once `readInto` of these bytes need not wait for a network. They are at hand until others are asked for. */
  ready(position: number, length: number): Promise<void>
  close(): void
}

export interface BlobAppender {
  /** Takes the bytes over before it returns. */
  append(bytes: Uint8Array): void
  /** Makes it a blob, durably. One of the same name is replaced: such names say what is in the blob. */
  finish(name: string, retention?: Retention): Promise<void>
  /** Gives it up; nothing is left of it. */
  abort(): void
}

/** What crosses to a thread. `portsIn` (open.ts) names what must be transferred with it. */
export type BlobLocation = DirectoryLocation | ThreadLocation

export interface DirectoryLocation {
  readonly kind: 'directory'
  readonly path: string
}

/** A store whose requests another thread of this process sends: it has the connections and the secrets. */
export interface ThreadLocation {
  readonly kind: 'thread'
  readonly port: MessagePort
  /** Counts the answers sent to `port`, for who waits for one without an event loop. */
  readonly answers: SharedArrayBuffer
  /** KiB that all threads together have under way to the store. */
  readonly load: SharedArrayBuffer
}

/** There is no blob of this name, or it went meanwhile. */
export class BlobNotFoundError extends Error {
  override name = 'BlobNotFoundError'
  readonly blob: string

  constructor(blob: string, options?: ErrorOptions) {
    super(`Cannot read blob "${blob}": there is none`, options)
    this.blob = blob
  }
}

/** A blob is made once: there is one of this name, and it stays as it is. */
export class BlobExistsError extends Error {
  override name = 'BlobExistsError'
  readonly blob: string

  constructor(blob: string, options?: ErrorOptions) {
    super(`Cannot create blob "${blob}": there is one already`, options)
    this.blob = blob
  }
}

/** The store keeps no blob from deletion: it, or its bucket, has no Object Lock. */
export class RetentionError extends Error {
  override name = 'RetentionError'
  readonly blob: string

  constructor(blob: string, options?: ErrorOptions) {
    super(`Cannot keep blob "${blob}" from being deleted: its store has no Object Lock`, options)
    this.blob = blob
  }
}

/** No room is left for what was to be written; nothing of it is there. */
export class StoreFullError extends Error {
  override name = 'StoreFullError'

  constructor(path: string, options: ErrorOptions) {
    const { code = 'ENOSPC' } = options.cause as NodeJS.ErrnoException
    super(
      `Cannot write to the vault in "${path}": no room is left there (${code}). Make room, or delete recovery points, whose bytes a sweep frees`,
      options,
    )
  }
}

/** A blob ends before the bytes that were asked for of it. */
export class BlobTooShortError extends Error {
  override name = 'BlobTooShortError'
}

/** A blob is larger than who reads it whole bears; nothing of it was read. */
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
