import {
  BlobExistsError,
  BlobNotFoundError,
  BlobTooLargeError,
  BlobTooShortError,
  checkBlobName,
} from './blob-store.ts'
import type { BlobAppender, BlobInfo, BlobReader, BlobStore } from './blob-store.ts'

/** What a fault-injecting test is told before each operation that changes the store; it throws to make it fail. */
export type BeforeChange = (operation: 'create' | 'append' | 'finish' | 'delete', name: string) => void

/** Blobs in this thread's memory, for tests and for looking at what a change would do. */
export class MemoryBlobStore implements BlobStore {
  readonly location = undefined
  readonly blobs: Map<string, Buffer> = new Map()
  readonly #beforeChange: BeforeChange

  constructor(beforeChange: BeforeChange = () => undefined) {
    this.#beforeChange = beforeChange
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    for (const [name, bytes] of this.blobs.entries().toArray()) {
      await Promise.resolve()
      if (name.startsWith(prefix)) yield { name, size: bytes.length }
    }
  }

  async read(name: string, maxBytes: number): Promise<Buffer> {
    const bytes = this.#get(name)
    if (bytes.length > maxBytes) {
      throw new BlobTooLargeError(
        `Cannot read blob "${name}": it has ${bytes.length} bytes, over ${maxBytes}`,
      )
    }
    return await Promise.resolve(Buffer.from(bytes))
  }

  async size(name: string): Promise<number> {
    return await Promise.resolve(this.#get(name).length)
  }

  async create(name: string, bytes: Uint8Array): Promise<void> {
    checkBlobName(name)
    await Promise.resolve()
    if (this.blobs.has(name)) throw new BlobExistsError(name)
    this.#beforeChange('create', name)
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
      finish: async (name) => {
        checkBlobName(name)
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

  close(): void {}

  #get(name: string): Buffer {
    const bytes = this.blobs.get(name)
    if (bytes === undefined) throw new BlobNotFoundError(name)
    return bytes
  }
}
