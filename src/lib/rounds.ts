import { setTimeout as pause } from 'node:timers/promises'
import { stackOf } from './log.ts'
import type { Log } from './log.ts'

export interface RoundsOptions {
  readonly log: Log
  /** What the log says of a round that threw; the next one comes all the same. */
  readonly failed: string
  /** From the end of a round to the next where it does not say itself, or threw, in milliseconds. */
  readonly waitMs: number
}

/** Work that comes again for as long as a server runs: the first round at once, never two at a time. */
export class Rounds {
  readonly #options: RoundsOptions
  readonly #stop = new AbortController()
  #loop: Promise<void> | undefined

  constructor(options: RoundsOptions) {
    this.#options = options
  }

  /** Aborted by stop(): a round that is under way ends early. */
  get signal(): AbortSignal {
    return this.#stop.signal
  }

  /** @param round Resolves with how long to wait before the next, in milliseconds. */
  start(round: () => Promise<number | void>): void {
    this.#loop ??= this.#run(round)
  }

  /** Resolves when the last round has ended. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #run(round: () => Promise<number | void>): Promise<void> {
    const { log, failed, waitMs } = this.#options
    const { signal } = this.#stop
    while (!signal.aborted) {
      const asked = await round().catch((error: unknown) => log.error(failed, { error: stackOf(error) }))
      await pause(asked ?? waitMs, undefined, { signal }).catch(() => undefined)
    }
  }
}
