import { Worker } from 'node:worker_threads'

/**
 * A walk asks a disk for one folder after the other, each time waiting for the answer. What comes from a disk (or from over a
 * network) and not from the kernel's memory arrives several times sooner where several questions are under way, so a thread goes
 * ahead of the walk and asks for everything that the walk will ask for. Nothing that it learns is used: that the kernel then has it
 * is all there is to it. So whatever it meets is no problem of anybody's, and it ends without a word.
 */
export interface ForerunnerSetup {
  /** Descriptor of the root: descriptors belong to the process. */
  readonly root: number
  /** Key of the folder to begin with: those before it are of the past. */
  readonly from: string
}

/** Names of what is to be looked at lie in its memory; where those are too many it ends, and the walk goes on alone. */
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 64 }

export class Forerunner {
  #thread: Worker | undefined

  /** Only the first call counts. */
  start(setup: ForerunnerSetup): void {
    if (this.#thread !== undefined) return
    this.#thread = new Worker(new URL('./directory-forerunner-thread.ts', import.meta.url), {
      workerData: setup,
      resourceLimits: THREAD_LIMITS,
    })
    this.#thread.on('error', () => undefined)
  }

  /** Resolves when it holds nothing any more. */
  async stop(): Promise<void> {
    await this.#thread?.terminate()
  }
}

/** Of so many in turn, how many must be slow, twice. One that is waited for because of other work is rare among so many. */
const LOOKS = 16
const SLOW_LOOKS = 8

/**
 * Tells from how long folders or files take whether they come from a disk. What lies in memory takes as long when others have the
 * processor meanwhile, but then the thread does not wait: so where they seem slow, the next ones are only if it waited for them.
 */
export class Pace {
  readonly #baseMs: number
  readonly #partMs: number
  readonly #waits: (() => number) | undefined
  #startedAt = 0
  #waitsBefore = 0
  #seemSlow = false
  #seen = 0
  #slow = 0

  /**
   * `baseMs` and `partMs` say how long one takes at most where all is in memory: for itself, and for each of its parts (names, bytes).
   * @param waits How often this thread has waited for anything. Where that cannot be known, time alone tells.
   */
  constructor(baseMs: number, partMs: number, waits: (() => number) | undefined) {
    this.#baseMs = baseMs
    this.#partMs = partMs
    this.#waits = waits
  }

  /** The next one begins; where one has not ended by then, it does not count. */
  begin(): void {
    if (this.#seemSlow) this.#waitsBefore = this.#waits?.() ?? -1
    this.#startedAt = performance.now()
  }

  /** It has ended. @returns Whether going ahead would help. */
  end(parts: number): boolean {
    const ms = performance.now() - this.#startedAt
    if (ms > this.#baseMs + parts * this.#partMs && this.#hasWaited()) this.#slow++
    if (++this.#seen < LOOKS) return false
    const wereSlow = this.#slow >= SLOW_LOOKS
    const isSlow = wereSlow && this.#seemSlow
    this.#seemSlow = wereSlow
    this.#seen = this.#slow = 0
    return isSlow
  }

  #hasWaited(): boolean {
    return !this.#seemSlow || this.#waits === undefined || this.#waits() > this.#waitsBefore
  }
}
