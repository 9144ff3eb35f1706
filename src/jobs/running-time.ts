import type { ServerKey } from '../keyring/server-key.ts'
import { SealError } from '../keyring/server-key.ts'
import type { Clock } from '../lib/clock.ts'
import { uuid } from '../lib/ids.ts'
import type { ClockReading } from '../plans/vault-lock.ts'
import { findRunningTime, putRunningTime } from '../store/jobs/running-time.ts'
import type { Queryable, Store } from '../store/store.ts'

interface Options {
  readonly store: Store
  readonly serverKey: ServerKey
  readonly clock: Clock
}

interface Saved {
  readonly clock: string
  readonly runningMs: number
}

/**
 * How long this server has run, over all its starts: what a wall clock set forward or back does not change. It is kept sealed, grows
 * only, and stands still while no server runs. Where the row was lost or changed by hand it begins anew under another name, so that
 * nothing that was counted by the old one is over early.
 */
export class RunningTime {
  readonly #options: Options
  #saved: Saved
  /** What the monotonic clock showed at `#saved`. */
  #at: number

  private constructor(options: Options, saved: Saved) {
    this.#options = options
    this.#saved = saved
    this.#at = options.clock.monotonic()
  }

  static async open(options: Options): Promise<RunningTime> {
    const saved = await options.store.transaction(async (tx) => {
      const earlier = await read(options, tx)
      if (earlier !== undefined) return earlier
      const fresh = { clock: uuid(), runningMs: 0 }
      await write(options, tx, fresh)
      return fresh
    })
    return new RunningTime(options, saved)
  }

  reading(): ClockReading {
    return { clock: this.#saved.clock, wallMs: this.#options.clock.now(), runningMs: this.#now() }
  }

  #now(): number {
    return Math.floor(this.#saved.runningMs + this.#options.clock.monotonic() - this.#at)
  }

  /** Keeps it; a crash loses what came since, which only makes retention longer. */
  async save(): Promise<void> {
    const saved = await this.#options.store.transaction(async (tx) => {
      const kept = await read(this.#options, tx)
      // Another server on the same rows may be ahead; and a clock that was begun anew there is not gone back behind.
      const clock = kept?.clock ?? this.#saved.clock
      const next = { clock, runningMs: clock === this.#saved.clock ? this.#now() : 0 }
      if (kept !== undefined && kept.runningMs >= next.runningMs) return kept
      await write(this.#options, tx, next)
      return next
    })
    this.#at = this.#options.clock.monotonic()
    this.#saved = saved
  }
}

async function read({ serverKey }: Options, db: Queryable): Promise<Saved | undefined> {
  const sealed = await findRunningTime(db)
  if (sealed === undefined) return undefined
  try {
    return JSON.parse(serverKey.open('running-time', 'server', sealed).toString()) as Saved
  } catch (error) {
    if (error instanceof SealError) return undefined
    throw error
  }
}

async function write({ serverKey }: Options, db: Queryable, saved: Saved): Promise<void> {
  await putRunningTime(db, serverKey.seal('running-time', 'server', Buffer.from(JSON.stringify(saved))))
}
