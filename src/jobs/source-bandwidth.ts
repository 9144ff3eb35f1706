import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { BandwidthLimit } from '../blobs/bandwidth.ts'
import type { Clock } from '../lib/clock.ts'
import { storedJobLimits } from '../store/jobs/job-limits.ts'
import type { Store } from '../store/store.ts'

/** A change of the limit is seen within so long, in milliseconds. */
const LOOK_AGAIN_MS = 10_000

/** What was set when it was last looked up, as JSON, and the limit of it. */
interface Found {
  readonly settings: string | undefined
  readonly limit: BandwidthLimit | undefined
}

/**
 * Holds what this server's jobs read from databases and buckets, and write to them, to the limit that is set for the hour
 * (`PutJobLimits`). Directories are the server's own: nothing of them goes over a line.
 */
export class SourceBandwidth {
  readonly #store: Store
  readonly #clock: Clock
  #found: Found = { settings: undefined, limit: undefined }
  /** Shared by all who ask meanwhile: none of them goes ahead by what was set before. */
  #looking: Promise<void> | undefined
  #lookAt = Number.NEGATIVE_INFINITY

  constructor(store: Store, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Resolves when so many bytes may go. @throws What `signal` is aborted with. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#clock.monotonic() >= this.#lookAt)
      await (this.#looking ??= this.#look().finally(() => (this.#looking = undefined)))
    const { limit } = this.#found
    if (limit === undefined) return
    const ended = new AbortController()
    const aborted = once(signal, 'abort', { signal: ended.signal }).then(() => signal.throwIfAborted())
    aborted.catch(() => undefined)
    await Promise.race([limit.take(bytes), aborted]).finally(() => ended.abort())
  }

  async #look(): Promise<void> {
    const { bandwidth } = await storedJobLimits(this.#store.db)
    const settings = JSON.stringify(bandwidth)
    // A server that stops waits for nobody who waits for his turn.
    const wait = async (ms: number): Promise<void> => await sleep(ms, undefined, { ref: false })
    if (settings !== this.#found.settings)
      this.#found = { settings, limit: bandwidth && new BandwidthLimit(bandwidth, this.#clock, wait) }
    this.#lookAt = this.#clock.monotonic() + LOOK_AGAIN_MS
  }
}
