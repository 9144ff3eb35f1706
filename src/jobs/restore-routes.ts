/**
 * Which pour thread writes which item of a restore: the one that has the segment open in which the item begins, so that every
 * segment is opened once. Small files of one segment stand near each other in key order, but a backup's threads filled their
 * segments side by side, so neighbours in order alternate between two or more of them.
 */
export class RestoreRoutes {
  /** Bytes handed to each thread and not done yet. */
  readonly #waiting: number[]
  /** By segment, in the order of use: the thread that had it last. */
  readonly #owners = new Map<number, number>()

  constructor(threads: number) {
    this.#waiting = Array.from({ length: threads }, () => 0)
  }

  /** The thread for an item that begins in segment `first` and ends in `last`; undefined where it lies in none. */
  route(first: number | undefined, last: number | undefined, bytes: number): number {
    const thread = this.#choose(first === undefined ? undefined : this.#owners.get(first))
    this.#waiting[thread] = (this.#waiting[thread] as number) + bytes
    if (first !== undefined) this.#own(first, thread)
    if (last !== undefined && last !== first) this.#own(last, thread)
    return thread
  }

  done(thread: number, bytes: number): void {
    this.#waiting[thread] = (this.#waiting[thread] as number) - bytes
  }

  /** What the least busy thread has still to do. */
  get leastWaiting(): number {
    return Math.min(...this.#waiting)
  }

  #choose(owner: number | undefined): number {
    const least = this.#waiting.indexOf(this.leastWaiting)
    if (owner === undefined) return least
    const ahead = (this.#waiting[owner] as number) - (this.#waiting[least] as number)
    return ahead > MAX_AHEAD_BYTES ? least : owner
  }

  #own(segment: number, thread: number): void {
    this.#owners.delete(segment)
    this.#owners.set(segment, thread)
    if (this.#owners.size <= OWNED_SEGMENTS * this.#waiting.length) return
    for (const oldest of this.#owners.keys()) {
      this.#owners.delete(oldest)
      break
    }
  }
}

/** Fewer than a thread's reader keeps open (chunk-reader.ts). */
const OWNED_SEGMENTS = 8
/** A thread that has so much more to do than another gives a segment away. */
const MAX_AHEAD_BYTES = 16 * 1024 * 1024
