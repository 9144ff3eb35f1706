import { createHash } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import * as S3 from '@aws-sdk/client-s3'
import { BEFORE_ANSWERS, limitAnswers } from '../lib/answer-limit.ts'
import { BlobTooLargeError } from './blob-store.ts'
import type { Retention } from './blob-store.ts'
import type {
  ObjectBytes,
  ObjectHead,
  ObjectPage,
  ObjectRange,
  ObjectRetention,
  ObjectStore,
  StoredPart,
  UnfinishedUpload,
  Upload,
} from './object-store.ts'
import { StorageError } from './storage-error.ts'

/** Where a bucket is and who asks. */
export interface S3Settings {
  /** `http(s)://HOST[:PORT]` */
  readonly endpoint: string
  readonly region: string
  readonly bucket: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  /** `http://HOST/BUCKET/KEY` instead of `http://BUCKET.HOST/KEY`; what most servers but AWS's need. */
  readonly forcePathStyle: boolean
  /** A request without a byte either way for so long is given up, in milliseconds. Default 30 s. */
  readonly silenceMs?: number
}

const CONNECT_TIMEOUT_MS = 10_000
const SILENCE_MS = 30_000
const MAX_SOCKETS = 32
/** Keys of one DeleteObjects. */
const MAX_DELETES = 1000

const EMPTY = 'empty' as const

type Head = { readonly ETag?: string | undefined; readonly ServerSideEncryption?: string | undefined }

/** An S3-compatible bucket through AWS's SDK, with every answer checked that says something was done. Tries nothing twice. */
export class S3Objects implements ObjectStore {
  readonly #client: S3.S3Client
  readonly #bucket: string

  constructor(settings: S3Settings) {
    const sockets = { keepAlive: true, maxSockets: MAX_SOCKETS }
    this.#bucket = settings.bucket
    this.#client = new S3.S3Client({
      endpoint: settings.endpoint,
      region: settings.region,
      forcePathStyle: settings.forcePathStyle,
      credentials: { accessKeyId: settings.accessKeyId, secretAccessKey: settings.secretAccessKey },
      // Checksums that the SDK adds by itself make puts fail on Ceph. Ours are MD5, and the SHA-256 that is signed.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      followRegionRedirects: false,
      maxAttempts: 1,
      requestHandler: {
        connectionTimeout: CONNECT_TIMEOUT_MS,
        socketTimeout: settings.silenceMs ?? SILENCE_MS,
        httpAgent: sockets,
        httpsAgent: sockets,
      },
    })
    this.#client.middlewareStack.add(limitAnswers, BEFORE_ANSWERS)
  }

  async list(prefix: string, next: string | undefined): Promise<ObjectPage> {
    const what = `List "${prefix}" in bucket ${this.#bucket}`
    const command = new S3.ListObjectsV2Command({
      Bucket: this.#bucket,
      Prefix: prefix,
      ContinuationToken: next,
    })
    const page = await this.#ask(what, () => this.#client.send(command))
    // Proxies answer 200 with a page of their own; a listing says of itself whether it goes on.
    if (page.IsTruncated === undefined) throw badAnswer(what, 'the answer is no listing')
    const token = page.NextContinuationToken
    if (page.IsTruncated && (token === undefined || token === '' || token === next))
      throw badAnswer(what, 'the listing goes on without a new continuation token')
    const objects = (page.Contents ?? []).map(({ Key, Size, LastModified }) => {
      if (Key === undefined || Size === undefined || !Key.startsWith(prefix))
        throw badAnswer(what, 'an entry of the listing has no key, no size or another prefix')
      return { name: Key, sizeBytes: Size, changedAt: LastModified?.getTime() ?? 0 }
    })
    return { objects, next: page.IsTruncated ? token : undefined }
  }

  async head(key: string): Promise<ObjectHead | undefined> {
    const what = `Look at "${key}" in bucket ${this.#bucket}`
    const command = new S3.HeadObjectCommand({ Bucket: this.#bucket, Key: key })
    const head = await this.#unlessGone(what, () => this.#client.send(command))
    if (head === undefined) return undefined
    if (head.ContentLength === undefined) throw badAnswer(what, 'the answer has no length')
    return { sizeBytes: head.ContentLength, etag: head.ETag?.replaceAll('"', '') }
  }

  async get(
    key: string,
    what: ObjectRange | { readonly maxBytes: number },
  ): Promise<ObjectBytes | undefined> {
    const says = `Read "${key}" in bucket ${this.#bucket}`
    const range = 'from' in what ? `bytes=${what.from}-${what.from + what.length - 1}` : undefined
    const command = new S3.GetObjectCommand({ Bucket: this.#bucket, Key: key, Range: range })
    const got = await this.#unlessGone(says, () => this.#client.send(command)).catch((error: unknown) => {
      // An empty object has no part at all.
      if (error instanceof StorageError && error.status === 416) return EMPTY
      throw error
    })
    if (got === undefined) return undefined
    if (got === EMPTY) return { bytes: new Uint8Array(), sizeBytes: 0 }
    const body = got.Body as IncomingMessage | undefined
    const length = got.ContentLength
    if (body === undefined || length === undefined) {
      body?.destroy()
      throw badAnswer(says, 'the answer has no length')
    }
    if ('from' in what) {
      const whole = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(got.ContentRange ?? '')
      const [from, to, sizeBytes] = (whole ?? []).slice(1).map(Number)
      const isAsked = from === what.from && to === Math.min(from + what.length, sizeBytes ?? 0) - 1
      if (sizeBytes === undefined || !isAsked || length !== (to ?? 0) - from + 1) {
        body.destroy()
        throw badAnswer(says, `bytes ${got.ContentRange ?? 'of no range'} came for ${range}`)
      }
      return { bytes: await this.#ask(says, () => readBody(body, length)), sizeBytes }
    }
    if (length > what.maxBytes) {
      body.destroy()
      throw new BlobTooLargeError(`Cannot read blob "${key}": it has ${length} bytes, over ${what.maxBytes}`)
    }
    const bytes = await this.#ask(says, () => readBody(body, length))
    checkEtag(says, got, md5(bytes))
    return { bytes, sizeBytes: length }
  }

  async put(key: string, bytes: Uint8Array, retention?: Retention): Promise<void> {
    const what = `Write "${key}" to bucket ${this.#bucket}`
    const digest = md5(bytes)
    const command = new S3.PutObjectCommand({
      Bucket: this.#bucket,
      Key: key,
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: digest.toString('base64'),
      ...lockOf(retention),
    })
    const put = await this.#ask(what, () => this.#client.send(command))
    if (put.ETag === undefined) throw badAnswer(what, 'the answer has no ETag')
    checkEtag(what, put, digest)
  }

  async delete(keys: readonly string[]): Promise<void> {
    const [first] = keys
    if (first === undefined) return
    const what = `Delete ${keys.length === 1 ? `"${first}"` : `${keys.length} objects`} in bucket ${this.#bucket}`
    if (keys.length === 1) {
      const command = new S3.DeleteObjectCommand({ Bucket: this.#bucket, Key: first })
      await this.#unlessGone(what, () => this.#client.send(command))
      return
    }
    for (let at = 0; at < keys.length; at += MAX_DELETES) {
      const Objects = keys.slice(at, at + MAX_DELETES).map((Key) => ({ Key }))
      const command = new S3.DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } })
      const { Errors = [] } = await this.#ask(what, () => this.#client.send(command))
      const bad = Errors.find(({ Code }) => Code !== 'NoSuchKey')
      if (bad === undefined) continue
      const code = bad.Code ?? 'UnknownError'
      throw new StorageError(`${what} failed with ${code} for "${bad.Key}"`, { code, status: 400 })
    }
  }

  async beginUpload(key: string, retention?: Retention): Promise<string> {
    const what = `Begin to write "${key}" to bucket ${this.#bucket}`
    const command = new S3.CreateMultipartUploadCommand({
      Bucket: this.#bucket,
      Key: key,
      ...lockOf(retention),
    })
    const { UploadId } = await this.#ask(what, () => this.#client.send(command))
    if (UploadId === undefined || UploadId === '') throw badAnswer(what, 'the answer has no upload id')
    return UploadId
  }

  async uploadPart({ key, uploadId }: Upload, number: number, bytes: Uint8Array): Promise<StoredPart> {
    const what = `Write part ${number} of "${key}" to bucket ${this.#bucket}`
    const digest = md5(bytes)
    const command = new S3.UploadPartCommand({
      Bucket: this.#bucket,
      Key: key,
      UploadId: uploadId,
      PartNumber: number,
      Body: bytes,
      ContentLength: bytes.length,
      ContentMD5: digest.toString('base64'),
    })
    const part = await this.#ask(what, () => this.#client.send(command))
    if (part.ETag === undefined) throw badAnswer(what, 'the answer has no ETag')
    const isMd5 = checkEtag(what, part, digest)
    return { etag: part.ETag, md5: isMd5 ? digest.toString('hex') : undefined }
  }

  async completeUpload({ key, uploadId }: Upload, parts: readonly StoredPart[]): Promise<void> {
    const what = `Complete "${key}" in bucket ${this.#bucket}`
    const command = new S3.CompleteMultipartUploadCommand({
      Bucket: this.#bucket,
      Key: key,
      UploadId: uploadId,
      MultipartUpload: { Parts: parts.map(({ etag }, i) => ({ PartNumber: i + 1, ETag: etag })) },
    })
    const { ETag } = await this.#ask(what, () => this.#client.send(command))
    if (ETag === undefined) throw badAnswer(what, 'the answer has no ETag')
  }

  async abortUpload({ key, uploadId }: Upload): Promise<void> {
    const what = `Give up "${key}" in bucket ${this.#bucket}`
    const command = new S3.AbortMultipartUploadCommand({
      Bucket: this.#bucket,
      Key: key,
      UploadId: uploadId,
    })
    await this.#unlessGone(what, () => this.#client.send(command))
  }

  async listUploads(prefix: string): Promise<readonly UnfinishedUpload[]> {
    const what = `List what is being written below "${prefix}" in bucket ${this.#bucket}`
    const uploads: UnfinishedUpload[] = []
    let after: { KeyMarker?: string | undefined; UploadIdMarker?: string | undefined } = {}
    for (;;) {
      const command = new S3.ListMultipartUploadsCommand({ Bucket: this.#bucket, Prefix: prefix, ...after })
      const page = await this.#ask(what, () => this.#client.send(command))
      for (const { Key, UploadId, Initiated } of page.Uploads ?? []) {
        if (Key?.startsWith(prefix) === true && UploadId !== undefined)
          uploads.push({ key: Key, uploadId: UploadId, begunAt: Initiated?.getTime() ?? Date.now() })
      }
      const { NextKeyMarker: KeyMarker, NextUploadIdMarker: UploadIdMarker } = page
      const isStuck = KeyMarker === after.KeyMarker && UploadIdMarker === after.UploadIdMarker
      if (page.IsTruncated !== true || isStuck) return uploads
      after = { KeyMarker, UploadIdMarker }
    }
  }

  async features(): Promise<{ objectLock: boolean; versioning: boolean }> {
    const Bucket = this.#bucket
    const what = `Ask what bucket ${Bucket} can do`
    const lock = await this.#ask(what, () =>
      this.#client.send(new S3.GetObjectLockConfigurationCommand({ Bucket })),
    ).catch(unlessUnsupported)
    const versions = await this.#ask(what, () =>
      this.#client.send(new S3.GetBucketVersioningCommand({ Bucket })),
    ).catch(unlessUnsupported)
    return {
      objectLock: lock?.ObjectLockConfiguration?.ObjectLockEnabled === 'Enabled',
      versioning: versions?.Status === 'Enabled',
    }
  }

  async retention(key: string): Promise<ObjectRetention | undefined> {
    const what = `Ask how long "${key}" in bucket ${this.#bucket} is kept`
    const command = new S3.GetObjectRetentionCommand({ Bucket: this.#bucket, Key: key })
    const found = await this.#ask(what, () => this.#client.send(command)).catch(unlessUnsupported)
    const { Mode, RetainUntilDate } = found?.Retention ?? {}
    if (RetainUntilDate === undefined) return undefined
    return { retainUntil: RetainUntilDate.getTime(), isCompliance: Mode === 'COMPLIANCE' }
  }

  async retain(key: string, { retainUntil }: Retention, isGoverned: boolean): Promise<void> {
    const what = `Keep "${key}" in bucket ${this.#bucket} for longer`
    const command = new S3.PutObjectRetentionCommand({
      Bucket: this.#bucket,
      Key: key,
      Retention: { Mode: 'COMPLIANCE', RetainUntilDate: new Date(retainUntil) },
      ...(isGoverned && { BypassGovernanceRetention: true }),
    })
    await this.#ask(what, () => this.#client.send(command))
  }

  close(): void {
    this.#client.destroy()
  }

  async #ask<T>(what: string, send: () => Promise<T>): Promise<T> {
    try {
      return await send()
    } catch (error) {
      throw storageError(what, error)
    }
  }

  async #unlessGone<T>(what: string, send: () => Promise<T>): Promise<T | undefined> {
    try {
      return await this.#ask(what, send)
    } catch (error) {
      const isBucket = error instanceof StorageError && error.code === 'NoSuchBucket'
      if (error instanceof StorageError && error.status === 404 && !isBucket) return undefined
      throw error
    }
  }
}

async function readBody(body: IncomingMessage, length: number): Promise<Uint8Array> {
  const bytes = Buffer.allocUnsafeSlow(length)
  let filled = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    filled += chunk.length
    if (filled > length) break
    chunk.copy(bytes, filled - chunk.length)
  }
  if (filled === length) return bytes
  throw new StorageError(`${filled} of ${length} bytes came`, { code: 'IncompleteBody', status: undefined })
}

/**
 * Where the ETag says the MD5 of the bytes (it is none under KMS, and of parts one of MD5s), it must be theirs.
 * @returns Whether it does.
 */
function checkEtag(what: string, { ETag, ServerSideEncryption }: Head, digest: Buffer): boolean {
  const etag = ETag?.replaceAll('"', '') ?? ''
  if (!/^[0-9a-f]{32}$/.test(etag) || ServerSideEncryption?.startsWith('aws:') === true) return false
  const found = digest.toString('hex')
  if (etag === found) return true
  throw new StorageError(`${what} failed: its ETag says other bytes (${etag}, not ${found})`, {
    code: 'BadDigest',
    status: undefined,
  })
}

const md5 = (bytes: Uint8Array): Buffer => createHash('md5').update(bytes).digest()

const lockOf = (retention: Retention | undefined) =>
  retention && {
    ObjectLockMode: 'COMPLIANCE' as const,
    ObjectLockRetainUntilDate: new Date(retention.retainUntil),
  }

/** 200 for what cannot be: some device on the way answered, and what the service did is not known. */
function badAnswer(what: string, found: string): StorageError {
  return new StorageError(`${what} failed: ${found}`, { code: 'BadAnswer', status: undefined })
}

/** Services without a feature say so in many ways; only a refusal of the credentials is none of them. */
function unlessUnsupported(error: unknown): undefined {
  const isRefusal = error instanceof StorageError && !error.isTransient && error.status !== 403
  if (isRefusal && error.code !== 'NoSuchBucket') return undefined
  if (error instanceof StorageError && error.status === 501) return undefined
  throw error
}

function storageError(what: string, error: unknown): Error {
  if (error instanceof StorageError || error instanceof BlobTooLargeError) return error
  const { name, code, message, $metadata } = error as {
    name: string
    code?: string
    message: string
    $metadata?: { httpStatusCode?: number }
  }
  const reason = code ?? name
  const status = $metadata?.httpStatusCode
  const detail = message === '' || message === 'UnknownError' || message === reason ? '' : `: ${message}`
  return new StorageError(
    `${what} failed with ${reason}${status === undefined ? '' : ` (${status})`}${detail}`,
    { code: reason, status },
    { cause: error },
  )
}
