import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { BlobExistsError, BlobNotFoundError, RetentionError, checkBlobName } from './blob-store.ts'
import type { BlobFeatures, BlobInfo, Retention } from './blob-store.ts'
import type {
  ListedObject,
  ObjectBytes,
  ObjectHead,
  ObjectStore,
  StoredPart,
  UnfinishedUpload,
} from './object-store.ts'
import { StorageError } from './storage-error.ts'

/**
 * Blobs as objects below one prefix of a bucket (docs/adr/0013-vaults-in-buckets.md).
 *
 * S3 has no rename and not everywhere a conditional put. Names that say what is in a blob are simply written. Where a name must not be
 * written twice (`put`), who writes first leaves a claim beside it, and looks who else has:
 *
 * | step | |
 * |---|---|
 * | 1 | put `tmp/claims/HASH-OF-NAME/RANDOM` |
 * | 2 | list the claims, look at the name |
 * | 3 | name there: it exists. Only my claim: put the name. Others' claims: neither writes |
 * | 4 | delete my claim; who wrote nothing begins again after a random while |
 *
 * Of two writers at least one sees the other, since both put before they list. A claim whose writer died is disregarded once it is
 * CLAIM_MS older than mine, both by the service's clock; a writer that took longer than half of that to come to step 3 begins again.
 */
export class ObjectBlobs {
  readonly #objects: ObjectStore
  readonly #prefix: string
  /** Ends of the puts of one name under way in this process. */
  readonly #putting = new Map<string, Promise<unknown>>()
  #features: Promise<BlobFeatures> | undefined

  /** @param prefix Empty, or ends in `/`. */
  constructor(objects: ObjectStore, prefix: string) {
    this.#objects = objects
    this.#prefix = prefix
  }

  async list(prefix: string, next: string | undefined): Promise<BlobPage> {
    const page = await this.#objects.list(this.#prefix + prefix, next)
    const blobs = page.objects.map(({ name, sizeBytes }) => ({
      name: name.slice(this.#prefix.length),
      sizeBytes,
    }))
    return { blobs: blobs.filter(({ name }) => !name.startsWith('tmp/')), next: page.next }
  }

  async stat(name: string): Promise<BlobInfo | undefined> {
    const head = await this.#objects.head(this.#key(name))
    return head && { name, sizeBytes: head.sizeBytes }
  }

  async get(name: string, maxBytes: number): Promise<Uint8Array> {
    const got = await this.#objects.get(this.#key(name), { maxBytes })
    if (got === undefined) throw new BlobNotFoundError(name)
    return got.bytes
  }

  async read(name: string, from: number, length: number): Promise<ObjectBytes> {
    const got = await this.#objects.get(this.#key(name), { from, length })
    if (got === undefined) throw new BlobNotFoundError(name)
    return got
  }

  async put(name: string, bytes: Uint8Array, retention: Retention | undefined): Promise<void> {
    const key = this.#key(name)
    await this.#checkRetention(name, retention)
    const before = this.#putting.get(name)
    const put = (before ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => this.#putOnce(name, key, bytes, retention))
    this.#putting.set(name, put)
    try {
      await put
    } finally {
      if (this.#putting.get(name) === put) this.#putting.delete(name)
    }
  }

  async #putOnce(name: string, key: string, bytes: Uint8Array, retention?: Retention): Promise<void> {
    if ((await this.#objects.head(key)) !== undefined) throw new BlobExistsError(name)
    const claims = `${this.#prefix}tmp/claims/${createHash('sha256').update(name).digest('hex')}/`
    for (let attempt = 1; attempt <= CLAIM_ATTEMPTS; attempt++) {
      const claim = claims + randomBytes(16).toString('hex')
      const begunAt = performance.now()
      try {
        await this.#objects.put(claim, new Uint8Array())
        const isMine = await this.#isAlone(claims, claim)
        if ((await this.#objects.head(key)) !== undefined) throw new BlobExistsError(name)
        if (isMine && performance.now() - begunAt < CLAIM_MS / 2) {
          await this.#objects.put(key, bytes, retention)
          return
        }
      } finally {
        // One that stays is disregarded later, and removed with what is unfinished.
        await this.#objects.delete([claim]).catch(() => undefined)
      }
      await sleep(Math.random() * CLAIM_WAIT_MS * attempt)
    }
    throw new StorageError(
      `Cannot create blob "${name}": others claim its name, or the service does not list what was just written`,
      { code: 'OperationAborted', status: undefined, isTransient: true },
    )
  }

  async #isAlone(claims: string, mine: string): Promise<boolean> {
    const listed: ListedObject[] = []
    for await (const page of this.#pages(claims)) listed.push(...page)
    const own = listed.find(({ name }) => name === mine)
    if (own === undefined) return false
    return listed.every(({ name, changedAt }) => name === mine || changedAt < own.changedAt - CLAIM_MS)
  }

  /** Writes a blob of these parts, over one of the same name. */
  async putParts(
    name: string,
    parts: readonly Uint8Array[],
    retention: Retention | undefined,
  ): Promise<void> {
    const key = this.#key(name)
    await this.#checkRetention(name, retention)
    const sizeBytes = parts.reduce((sum, part) => sum + part.length, 0)
    if (sizeBytes <= SINGLE_PUT_BYTES) {
      const whole = parts.length === 1 ? (parts[0] as Uint8Array) : Buffer.concat(parts)
      return await this.#objects.put(key, whole, retention)
    }
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#upload(key, parts, sizeBytes, retention)
      } catch (error) {
        // Others give up uploads that seem dead to them, and an answer may have said what was not so.
        const isWorthIt =
          error instanceof StorageError && (error.code === NO_UPLOAD || error.code === NOT_WHOLE)
        if (!isWorthIt || attempt === UPLOAD_ATTEMPTS) throw error
      }
    }
  }

  async #upload(
    key: string,
    parts: readonly Uint8Array[],
    sizeBytes: number,
    retention?: Retention,
  ): Promise<void> {
    const upload = { key, uploadId: await this.#objects.beginUpload(key, retention) }
    try {
      const stored = await inTurns(parts, PARALLEL_PARTS, (part, i) =>
        this.#objects.uploadPart(upload, i + 1, part),
      )
      const completed = await this.#objects.completeUpload(upload, stored).then(
        () => true,
        (error: unknown) => {
          // The answer to an earlier try was lost: the object says whether it had its effect.
          if (error instanceof StorageError && error.code === NO_UPLOAD) return false
          throw error
        },
      )
      const found = await this.#objects.head(key)
      if (!isWhole(found, sizeBytes, stored)) {
        const code = completed ? NOT_WHOLE : NO_UPLOAD
        throw new StorageError(
          `Cannot write "${key}": after the upload it has ${found?.sizeBytes ?? 'no'} bytes`,
          { code, status: undefined, isTransient: true },
        )
      }
    } catch (error) {
      await this.#objects.abortUpload(upload).catch(() => undefined)
      throw error
    }
  }

  async delete(name: string): Promise<boolean> {
    const key = this.#key(name)
    if ((await this.#objects.head(key)) === undefined) return false
    await this.#objects.delete([key])
    return true
  }

  /** Uploads and claims that were not ended, and claims. */
  async listUnfinished(): Promise<readonly Unfinished[]> {
    const uploads = await this.#objects.listUploads(this.#prefix)
    const found: Unfinished[] = [...uploads]
    for await (const page of this.#pages(`${this.#prefix}tmp/`))
      found.push(...page.map(({ name, changedAt }) => ({ key: name, begunAt: changedAt })))
    return found
  }

  async giveUp(unfinished: readonly Unfinished[]): Promise<void> {
    const objects: string[] = []
    for (const one of unfinished) {
      if ('uploadId' in one) await this.#objects.abortUpload(one)
      else objects.push(one.key)
    }
    await this.#objects.delete(objects)
  }

  async removeAll(): Promise<void> {
    await this.giveUp(await this.#objects.listUploads(this.#prefix))
    // From the start each time: pages are not promised to stand still while their objects go.
    for (let stuck = 0, last = ''; stuck < REMOVE_ATTEMPTS;) {
      const { objects } = await this.#objects.list(this.#prefix, undefined)
      const [first] = objects
      if (first === undefined) return
      await this.#objects.delete(objects.map(({ name }) => name))
      stuck = first.name === last ? stuck + 1 : 0
      last = first.name
    }
    throw new StorageError(`Cannot remove what lies below "${this.#prefix}": the service still lists it`, {
      code: 'OperationAborted',
      status: undefined,
    })
  }

  async features(): Promise<BlobFeatures> {
    this.#features ??= this.#objects.features()
    try {
      return await this.#features
    } catch (error) {
      this.#features = undefined
      throw error
    }
  }

  async extendRetention(name: string, retainUntil: number): Promise<void> {
    const key = this.#key(name)
    await this.#checkRetention(name, { retainUntil })
    const kept = await this.#objects.retention(key)
    // The service keeps whole seconds or milliseconds, as it likes.
    if (kept?.isCompliance === true && kept.retainUntil + 1000 > retainUntil) return
    // Governance gives way to compliance, and is never made shorter for it.
    const until = Math.max(retainUntil, kept?.retainUntil ?? 0)
    await this.#objects.retain(key, { retainUntil: until }, kept?.isCompliance === false)
  }

  async retainedUntil(name: string): Promise<number | undefined> {
    return (await this.#objects.retention(this.#key(name)))?.retainUntil
  }

  async #checkRetention(name: string, retention: Retention | undefined): Promise<void> {
    if (retention !== undefined && !(await this.features()).objectLock) throw new RetentionError(name)
  }

  async *#pages(prefix: string): AsyncIterable<readonly ListedObject[]> {
    let next: string | undefined
    do {
      const page = await this.#objects.list(prefix, next)
      yield page.objects
      next = page.next
    } while (next !== undefined)
  }

  #key(name: string): string {
    checkBlobName(name)
    return this.#prefix + name
  }
}

export interface BlobPage {
  readonly blobs: readonly BlobInfo[]
  readonly next: string | undefined
}

export type Unfinished = UnfinishedUpload | { readonly key: string; readonly begunAt: number }

/** An appender gathers parts of this size; S3 takes none below 5 MiB but the last. */
export const PART_BYTES: number = 8 * 1024 * 1024
/** Up to this a blob goes in one request: what is tried again after a fault is a part at most. `bench -- vault-s3`. */
const SINGLE_PUT_BYTES = 16 * 1024 * 1024
const PARALLEL_PARTS = 4
const UPLOAD_ATTEMPTS = 3
const REMOVE_ATTEMPTS = 5
const NO_UPLOAD = 'NoSuchUpload'
const NOT_WHOLE = 'IncompleteUpload'
const CLAIM_MS = 300_000
const CLAIM_ATTEMPTS = 6
const CLAIM_WAIT_MS = 100

/** By size, and, where ETags are made of MD5s as usual, by that of the whole, which is one of the parts' ones. */
function isWhole(found: ObjectHead | undefined, sizeBytes: number, parts: readonly StoredPart[]): boolean {
  if (found?.sizeBytes !== sizeBytes) return false
  if (parts.some(({ md5 }) => md5 === undefined) || !/^[0-9a-f]{32}-\d+$/.test(found.etag ?? '')) return true
  const md5s = Buffer.from(parts.map(({ md5 }) => md5).join(''), 'hex')
  return found.etag === `${createHash('md5').update(md5s).digest('hex')}-${parts.length}`
}

/** Results in order, with `width` at a time; after a failure nothing more begins, and what has begun is waited for. */
async function inTurns<T, R>(
  items: readonly T[],
  width: number,
  work: (item: T, i: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = []
  let next = 0
  let failure: { readonly cause: unknown } | undefined
  const lane = async (): Promise<void> => {
    while (next < items.length) {
      const i = next++
      try {
        results[i] = await work(items[i] as T, i)
      } catch (cause) {
        next = items.length
        failure ??= { cause }
      }
    }
  }
  await Promise.all(Array.from({ length: width }, lane))
  if (failure !== undefined) throw failure.cause
  return results
}
