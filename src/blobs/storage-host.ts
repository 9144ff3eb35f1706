import { MessageChannel, Worker } from 'node:worker_threads'
import type { ReadCacheSettings } from './read-cache.ts'
import { ThreadBlobStore } from './thread-store.ts'
import type { AttachMessage, S3StoreSettings } from './thread-wire.ts'

/** Opens stores in buckets: one thread for all of them, started with the first. Secrets cross to it in memory only. */
export class StorageHost {
  readonly #load = new SharedArrayBuffer(4)
  readonly #cache: ReadCacheSettings | undefined
  #worker: Worker | undefined

  /** @param cache Where what is read of packs is kept on this machine; nowhere where absent. */
  constructor(cache?: ReadCacheSettings) {
    this.#cache = cache
  }

  open(settings: S3StoreSettings): ThreadBlobStore {
    this.#worker ??= this.#start()
    const { port1, port2 } = new MessageChannel()
    const answers = new SharedArrayBuffer(4)
    const attach: AttachMessage = { settings, port: port2, answers }
    this.#worker.postMessage(attach, [port2])
    return new ThreadBlobStore({ kind: 'thread', port: port1, answers, load: this.#load })
  }

  /** Ends all requests. */
  async close(): Promise<void> {
    await this.#worker?.terminate()
    this.#worker = undefined
  }

  #start(): Worker {
    const worker = new Worker(new URL('./storage-thread.ts', import.meta.url), { workerData: this.#cache })
    // It serves those who wait for its answers, and they keep the process alive.
    worker.unref()
    // Its ports close with it: whoever waits is told by that.
    worker.on('error', () => undefined)
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
    })
    return worker
  }
}
