import { ListObjectsV2Command } from '@aws-sdk/client-s3'
import type { S3Client } from '@aws-sdk/client-s3'
import { request } from './s3-bucket-client.ts'

/** One object as a listing shows it. */
export interface ListedObject {
  /** The key's bytes: what recovery points sort by. */
  readonly keyBytes: Uint8Array
  /** Undefined where the bytes are not UTF-8: such an object cannot be asked for. */
  readonly key: string | undefined
  readonly size: number
  /** With its quotes. */
  readonly etag: string | undefined
  /** Milliseconds since 1970. */
  readonly modifiedAt: number
  readonly storageClass: string | undefined
}

/** The server's listing contradicts itself: going on would leave objects out without anybody noticing. */
export class ListingError extends Error {
  override name = 'ListingError'
}

export interface ListedPage {
  readonly objects: readonly ListedObject[]
  /** Undefined on the last page. */
  readonly next: string | undefined
}

/**
 * Reads one page of a bucket. `after` is the last key of the page before: the page must go on strictly behind it, by bytes.
 * @throws {ListingError} For pages out of order, blank tokens, and pages that claim to be cut without saying how to go on.
 */
export async function listPage(
  client: S3Client,
  bucket: string,
  position: { readonly token: string | undefined; readonly after: Uint8Array | undefined },
  signal: AbortSignal,
): Promise<ListedPage> {
  const what = `Listing bucket "${bucket}"`
  const page = await request(what, signal, () =>
    client.send(
      new ListObjectsV2Command({
        Bucket: bucket,
        // As many as S3 gives unasked; Ceph keeps to the bound that its operator set only where it is asked.
        MaxKeys: 1000,
        ContinuationToken: position.token,
        // Keys may hold what XML cannot.
        EncodingType: 'url',
      }),
      { abortSignal: signal },
    ),
  )
  // Every server says this; an empty or foreign body says nothing and would pass for an empty bucket.
  if (page.IsTruncated === undefined) throw new ListingError(`${what} gave an answer that is no listing`)
  const isEncoded = page.EncodingType === 'url'
  const objects: ListedObject[] = []
  let last = position.after
  for (const { Key, Size, ETag, LastModified, StorageClass } of page.Contents ?? []) {
    if (Key === undefined || Size === undefined || LastModified === undefined) {
      throw new ListingError(`${what} gave an object without key, size or time`)
    }
    const keyBytes = isEncoded ? decodeKey(Key) : Buffer.from(Key)
    if (keyBytes.length === 0) throw new ListingError(`${what} gave an empty key`)
    if (last !== undefined && Buffer.compare(last, keyBytes) >= 0) {
      throw new ListingError(`${what} is not in order: ${printable(keyBytes)} came after ${printable(last)}`)
    }
    last = keyBytes
    objects.push({
      keyBytes,
      key: keyText(keyBytes),
      size: Size,
      etag: ETag,
      modifiedAt: LastModified.getTime(),
      storageClass: StorageClass,
    })
  }
  const next = page.NextContinuationToken
  if (!page.IsTruncated) return { objects, next: undefined }
  if (next === undefined || next === '') {
    throw new ListingError(`${what} was cut off without a continuation token after ${objects.length} objects`)
  }
  if (next === position.token || objects.length === 0) {
    throw new ListingError(`${what} does not go on: the same continuation token or an empty page came back`)
  }
  return { objects, next }
}

/** Percent encoding as S3 writes it, where a plus sign is a space. */
export function decodeKey(encoded: string): Uint8Array {
  const spaced = encoded.replaceAll('+', ' ')
  if (!spaced.includes('%')) return Buffer.from(spaced)
  const parts = spaced.split(/((?:%[0-9A-Fa-f]{2})+)/)
  return Buffer.concat(
    parts.map((part, index) =>
      index % 2 === 1 ? Buffer.from(part.replaceAll('%', ''), 'hex') : Buffer.from(part),
    ),
  )
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** The key as text; undefined where the bytes are not UTF-8. */
export function keyText(key: Uint8Array): string | undefined {
  try {
    return strictUtf8.decode(key)
  } catch {
    return undefined
  }
}

/** For lists of problems, which quote what they name. */
export function shownKey(key: Uint8Array): string {
  return Buffer.from(key).toString('utf8')
}

/** For messages: one line, whatever the key holds. */
export function printable(key: Uint8Array): string {
  return JSON.stringify(Buffer.from(key).toString('utf8'))
}

/** What a recovery point keeps of an object beside its bytes. Members that the object has not are absent. */
export interface ObjectMeta {
  readonly contentType?: string
  readonly contentEncoding?: string
  readonly contentDisposition?: string
  readonly contentLanguage?: string
  readonly cacheControl?: string
  /** As the header had it. */
  readonly expires?: string
  readonly redirect?: string
  readonly user?: Readonly<Record<string, string>>
  readonly tags?: Readonly<Record<string, string>>
  readonly etag?: string
  /** Milliseconds since 1970, from the listing. */
  readonly modifiedAt: number
  readonly versionId?: string
  readonly storageClass?: string
}

const META_VERSION = 1

/** One byte of version, then JSON. */
export function encodeMeta(meta: ObjectMeta): Uint8Array {
  return Buffer.concat([Uint8Array.of(META_VERSION), Buffer.from(JSON.stringify(meta))])
}

/** @throws {Error} For metadata of a later version. */
export function decodeMeta(bytes: Uint8Array): ObjectMeta {
  if (bytes[0] !== META_VERSION) {
    throw new Error(`Metadata of version ${bytes[0]} was written by a newer version of this program`)
  }
  return JSON.parse(Buffer.from(bytes.subarray(1)).toString('utf8')) as ObjectMeta
}

/** Maps with up to `limit` calls under way; results come in the source's order. */
export async function* mapInOrder<T, R>(
  source: AsyncIterable<T>,
  limit: number,
  map: (value: T) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const waiting: Promise<R>[] = []
  try {
    for await (const value of source) {
      const result = map(value)
      // Reported when its turn comes; until then it is nobody's unhandled rejection.
      result.catch(() => undefined)
      waiting.push(result)
      if (waiting.length >= limit) yield await (waiting.shift() as Promise<R>)
    }
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) yield await next
  } finally {
    await Promise.allSettled(waiting)
  }
}
