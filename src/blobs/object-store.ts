import type { BlobInfo, Retention } from './blob-store.ts'

/** How the service keeps an object. */
export interface ObjectRetention extends Retention {
  /** False in governance mode, which the bucket's default may be: whoever may bypass it can end it. */
  readonly isCompliance: boolean
}

/**
 * What an S3-compatible service is asked for, one request a call. Keys are whole keys of the bucket. Calls may be repeated: each
 * one's effect is the same the second time, but for `beginUpload`, which leaves an upload that nobody goes on with.
 *
 * All throw {StorageError}.
 */
export interface ObjectStore {
  /** One page; `next` asks for the one behind it. Sizes are bytes. */
  list(prefix: string, next: string | undefined): Promise<ObjectPage>
  head(key: string): Promise<ObjectHead | undefined>
  /** The object, or the part of it. Undefined where there is none. @throws {BlobTooLargeError} When there are more than `maxBytes`. */
  get(key: string, what: ObjectRange | { readonly maxBytes: number }): Promise<ObjectBytes | undefined>
  /** Whole or not at all, its checksum checked by the service. */
  put(key: string, bytes: Uint8Array, retention?: Retention): Promise<void>
  delete(keys: readonly string[]): Promise<void>
  beginUpload(key: string, retention?: Retention): Promise<string>
  uploadPart(upload: Upload, number: number, bytes: Uint8Array): Promise<StoredPart>
  completeUpload(upload: Upload, parts: readonly StoredPart[]): Promise<void>
  abortUpload(upload: Upload): Promise<void>
  /** Uploads begun and not ended, all pages. */
  listUploads(prefix: string): Promise<readonly UnfinishedUpload[]>
  features(): Promise<{ readonly objectLock: boolean; readonly versioning: boolean }>
  retention(key: string): Promise<ObjectRetention | undefined>
  /** In compliance mode. @param isGoverned It is kept in governance mode now, which takes the right to bypass that. */
  retain(key: string, retention: Retention, isGoverned: boolean): Promise<void>
  close(): void
}

export interface ListedObject extends BlobInfo {
  /** Milliseconds since 1970, by the service's clock. */
  readonly changedAt: number
}

export interface ObjectPage {
  readonly objects: readonly ListedObject[]
  readonly next: string | undefined
}

export interface ObjectHead {
  readonly sizeBytes: number
  /** Without quotes; says the content's MD5 only where nothing else is said. */
  readonly etag: string | undefined
}

export interface ObjectRange {
  readonly from: number
  readonly length: number
}

export interface ObjectBytes {
  /** Memory of its own, so that it can be transferred. */
  readonly bytes: Uint8Array
  /** Of the whole object. */
  readonly sizeBytes: number
}

export interface Upload {
  readonly key: string
  readonly uploadId: string
}

export interface StoredPart {
  /** What `completeUpload` names it by. */
  readonly etag: string
  /** Hex; undefined where the service did not confirm it. */
  readonly md5: string | undefined
}

export interface UnfinishedUpload extends Upload {
  /** Milliseconds since 1970, by the service's clock. */
  readonly begunAt: number
}
