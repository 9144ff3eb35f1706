import {
  BlobExistsError,
  BlobNotFoundError,
  BlobTooLargeError,
  BlobTooShortError,
  GET_BYTES,
  RetentionError,
  checkBlobName,
} from './blob-store.ts'
import type { BlobAppender, BlobFeatures, BlobInfo, BlobReader, BlobStore, Retention } from './blob-store.ts'

/** What a fault-injecting test is told before each operation that changes the store; it throws to make it fail. */
export type BeforeChange = (operation: 'put' | 'append' | 'finish' | 'delete', name: string) => void

/** Small, so that tests meet more than one. */
const PAGE_BLOBS = 3

/** Blobs in this thread's memory, for tests and for looking at what a change would do. */
export class MemoryBlobStore implements BlobStore {
  readonly locate = undefined
  readonly isLocal = true
  readonly blobs: Map<string, Buffer> = new Map()
  readonly #beforeChange: BeforeChange

  constructor(beforeChange: BeforeChange = () => undefined) {
    this.#beforeChange = beforeChange
  }

  async *list(prefix: string): AsyncIterable<readonly BlobInfo[]> {
    const found = this.blobs.entries().filter(([name]) => name.startsWith(prefix))
    const infos = found.map(([name, bytes]) => ({ name, sizeBytes: bytes.length })).toArray()
    for (let at = 0; at < infos.length; at += PAGE_BLOBS) {
      await Promise.resolve()
      yield infos.slice(at, at + PAGE_BLOBS)
    }
  }

  async *names(prefix: string): AsyncIterable<readonly string[]> {
    for await (const page of this.list(prefix)) yield page.map(({ name }) => name)
  }

  async stat(name: string): Promise<BlobInfo | undefined> {
    const bytes = this.blobs.get(name)
    return await Promise.resolve(bytes && { name, sizeBytes: bytes.length })
  }

  async get(name: string, maxBytes: number = GET_BYTES): Promise<Buffer> {
    const bytes = this.#get(name)
    if (bytes.length > maxBytes) {
      throw new BlobTooLargeError(
        `Cannot read blob "${name}": it has ${bytes.length} bytes, over ${maxBytes}`,
      )
    }
    return await Promise.resolve(Buffer.from(bytes))
  }

  async put(name: string, bytes: Uint8Array, retention?: Retention): Promise<void> {
    checkBlobName(name)
    if (retention !== undefined) throw new RetentionError(name)
    await Promise.resolve()
    if (this.blobs.has(name)) throw new BlobExistsError(name)
    this.#beforeChange('put', name)
    this.blobs.set(name, Buffer.from(bytes))
  }

  open(name: string): BlobReader {
    const bytes = this.#get(name)
    return {
      sizeBytes: bytes.length,
      readInto: (buffer, offset, length, position) => {
        if (position + length > bytes.length) {
          throw new BlobTooShortError(
            `Cannot read ${length} bytes at ${position} of blob "${name}": it has ${bytes.length}`,
          )
        }
        buffer.set(bytes.subarray(position, position + length), offset)
      },
      ready: () => Promise.resolve(),
      close: () => undefined,
    }
  }

  append(tag: string): BlobAppender {
    const parts: Buffer[] = []
    return {
      append: (bytes) => {
        this.#beforeChange('append', tag)
        parts.push(Buffer.from(bytes))
      },
      finish: async (name, retention) => {
        checkBlobName(name)
        if (retention !== undefined) throw new RetentionError(name)
        await Promise.resolve()
        this.#beforeChange('finish', name)
        this.blobs.set(name, Buffer.concat(parts))
      },
      abort: () => {
        parts.length = 0
      },
    }
  }

  async delete(name: string): Promise<boolean> {
    await Promise.resolve()
    this.#beforeChange('delete', name)
    return this.blobs.delete(name)
  }

  async removeUnfinished(): Promise<number> {
    return await Promise.resolve(0)
  }

  async keepReserve(): Promise<void> {}

  async releaseReserve(): Promise<void> {}

  async removeAll(): Promise<void> {
    await Promise.resolve()
    this.blobs.clear()
  }

  features(): Promise<BlobFeatures> {
    return Promise.resolve({ objectLock: false, versioning: false })
  }

  extendRetention(name: string): Promise<void> {
    return Promise.reject(new RetentionError(name))
  }

  retainedUntil(): Promise<undefined> {
    return Promise.resolve(undefined)
  }

  close(): void {}

  #get(name: string): Buffer {
    const bytes = this.blobs.get(name)
    if (bytes === undefined) throw new BlobNotFoundError(name)
    return bytes
  }
}
