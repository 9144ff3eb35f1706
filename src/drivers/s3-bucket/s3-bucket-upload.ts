import { createHash } from 'node:crypto'
import { AbortMultipartUploadCommand, CompleteMultipartUploadCommand } from '@aws-sdk/client-s3'
import { CreateMultipartUploadCommand, PutObjectCommand, UploadPartCommand } from '@aws-sdk/client-s3'
import type { CompletedPart, PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3'
import { ItemError } from '../driver.ts'
import type { PointReader, StoredItem } from '../driver.ts'
import { S3RequestError, request } from './s3-bucket-client.ts'
import { printable } from './s3-bucket-objects.ts'
import type { ObjectMeta } from './s3-bucket-objects.ts'

/** Bigger objects go up in parts of this size, or of more where 10,000 of them are not enough. */
export const PART_BYTES: number = 8 * 1024 * 1024
const MAX_PARTS = 10_000
const MEBIBYTE = 1024 * 1024

/** One object on its way from a recovery point into a bucket. */
export interface Upload {
  readonly client: S3Client
  readonly input: { readonly Bucket: string; readonly Key: string } & ObjectHeaders & ObjectEncryption
  readonly item: StoredItem
  readonly point: PointReader
  readonly signal: AbortSignal
}

export type ObjectEncryption = Pick<PutObjectCommandInput, 'ServerSideEncryption' | 'SSEKMSKeyId'>

export type ObjectHeaders = Pick<
  PutObjectCommandInput,
  | 'CacheControl'
  | 'ContentDisposition'
  | 'ContentEncoding'
  | 'ContentLanguage'
  | 'ContentType'
  | 'Expires'
  | 'Metadata'
  | 'Tagging'
  | 'WebsiteRedirectLocation'
>

/** What was kept of the object's headers and tags, in PutObject's words. */
export function headersOf(meta: ObjectMeta): ObjectHeaders {
  const expires = meta.expires === undefined ? undefined : new Date(meta.expires)
  const headers = {
    CacheControl: meta.cacheControl,
    ContentDisposition: meta.contentDisposition,
    ContentEncoding: meta.contentEncoding,
    ContentLanguage: meta.contentLanguage,
    ContentType: meta.contentType,
    Expires: expires === undefined || Number.isNaN(expires.getTime()) ? undefined : expires,
    Metadata: meta.user,
    Tagging:
      meta.tags === undefined ? undefined : new URLSearchParams(meta.tags).toString().replaceAll('+', '%20'),
    WebsiteRedirectLocation: meta.redirect,
  }
  return Object.fromEntries(
    Object.entries(headers).filter(([, value]) => value !== undefined),
  ) as ObjectHeaders
}

/**
 * Writes the object, whole or not at all.
 * @throws {ItemError} Where the recovery point cannot give its bytes; S3RequestError where the server does not take them.
 */
export async function putObject(upload: Upload): Promise<void> {
  await (upload.item.size > PART_BYTES ? putParts(upload) : putWhole(upload))
}

/** One request for the whole object, with its MD5: the server keeps it whole or not at all. */
async function putWhole(upload: Upload): Promise<void> {
  const { client, input, item, signal } = upload
  const parts: Uint8Array[] = []
  for await (const part of partsOf(upload, PART_BYTES)) parts.push(part)
  const Body = parts[0] ?? new Uint8Array()
  const command = new PutObjectCommand({ ...input, Body, ContentLength: Body.length, ContentMD5: md5(Body) })
  await request(`Writing ${printable(item.key)}`, signal, () => client.send(command, { abortSignal: signal }))
}

/** In parts; the object appears only when all of them are there. A failure takes the parts away again. */
async function putParts(upload: Upload): Promise<void> {
  const { client, input, item, signal } = upload
  const what = `Writing ${printable(item.key)}`
  const options = { abortSignal: signal }
  const { Bucket, Key } = input
  const { UploadId } = await request(what, signal, () =>
    client.send(new CreateMultipartUploadCommand(input), options),
  )
  try {
    const done: CompletedPart[] = []
    for await (const Body of partsOf(upload, partSize(item.size))) {
      const PartNumber = done.length + 1
      const part = {
        Bucket,
        Key,
        UploadId,
        PartNumber,
        Body,
        ContentLength: Body.length,
        ContentMD5: md5(Body),
      }
      const { ETag } = await request(what, signal, () => client.send(new UploadPartCommand(part), options))
      done.push({ PartNumber, ETag })
    }
    const complete = new CompleteMultipartUploadCommand({
      Bucket,
      Key,
      UploadId,
      MultipartUpload: { Parts: done },
    })
    await request(what, signal, () => client.send(complete, options))
  } catch (error) {
    // Also for a job that was stopped. When this fails too, the first error is the one that matters.
    await client
      .send(new AbortMultipartUploadCommand({ Bucket, Key, UploadId }), {
        abortSignal: AbortSignal.timeout(30_000),
      })
      .catch(() => undefined)
    throw error
  }
}

/** Bytes of each part of an object of `size` bytes: 8 MiB, or as many more as 10,000 parts ask for. */
export function partSize(size: number): number {
  return Math.max(PART_BYTES, Math.ceil(size / MAX_PARTS / MEBIBYTE) * MEBIBYTE)
}

/**
 * The object's bytes in pieces of `limit`; the last is shorter.
 * @throws {ItemError} When the recovery point cannot give them all.
 */
async function* partsOf({ point, item, signal }: Upload, limit: number): AsyncGenerator<Buffer, void, void> {
  let buffer = Buffer.allocUnsafe(Math.min(limit, item.size))
  let filled = 0
  let total = 0
  try {
    for await (const chunk of point.read(item, { signal })) {
      total += chunk.length
      if (total > item.size) break
      for (let at = 0; at < chunk.length;) {
        const taken = Math.min(chunk.length - at, buffer.length - filled)
        buffer.set(chunk.subarray(at, at + taken), filled)
        filled += taken
        at += taken
        if (filled < buffer.length) continue
        yield buffer
        // A new one: the request before may still hold the last.
        buffer = Buffer.allocUnsafe(Math.min(limit, item.size - total + chunk.length - at))
        filled = 0
      }
    }
  } catch (error) {
    signal.throwIfAborted()
    throw error instanceof S3RequestError ? error : new ItemError((error as Error).message, { cause: error })
  }
  if (total !== item.size || filled > 0) {
    throw new ItemError(`the recovery point gave ${total} of its ${item.size} bytes`)
  }
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('base64')
}
