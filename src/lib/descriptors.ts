import { closeSync } from 'node:fs'
import { isMainThread } from 'node:worker_threads'

/**
 * Descriptors that a thread opens by itself and not through node:fs. What a thread opened through node:fs is closed by Node when the
 * thread is ended in the middle of its work; of these Node knows nothing. A thread therefore notes them in memory that it shares with
 * whoever ends it, who then closes what is left. The main thread is not ended and notes nothing.
 */
export type DescriptorMemory = Int32Array<SharedArrayBuffer>

/** A thread holds the folders above the file that it reads, and some files ahead of it. */
const MOST = 256

export const descriptorMemory = (): DescriptorMemory => new Int32Array(new SharedArrayBuffer(MOST * 4))

/**
 * What this thread holds: a descriptor plus one in each of the first `held` places, 0 in the others. Whoever opens one writes it there
 * himself, in the very next statement: a thread is ended where a function begins or a loop turns, so there must be neither between.
 */
export const notes: { memory: DescriptorMemory | undefined; held: number } = { memory: undefined, held: 0 }

/** Called once in a thread, before it opens anything. */
export function noteDescriptorsIn(shared: DescriptorMemory): void {
  notes.memory = shared
}

/** Whether this thread may open something that Node does not know of. */
export const mayOpen = (): boolean => isMainThread || (notes.memory !== undefined && notes.held < MOST)

/**
 * Right before it is closed: a number that is free may become somebody else's. A thread that is ended between the two leaves it open: better
 * than to close what is another's. @returns False where it was not noted.
 */
export function forgetDescriptor(fd: number): boolean {
  const { memory } = notes
  if (memory === undefined) return false
  let at = notes.held - 1
  while (at >= 0 && memory[at] !== fd + 1) at--
  if (at < 0) return false
  const last = memory[--notes.held] as number
  memory[notes.held] = 0
  if (at < notes.held) memory[at] = last
  return true
}

/** Closes what a thread that has ended left open. */
export function closeLeft(shared: DescriptorMemory): void {
  for (const [at, kept] of shared.entries()) {
    if (kept === 0) continue
    shared[at] = 0
    try {
      closeSync(kept - 1)
    } catch {
      // Only reads went through it: whatever its file system says now is no problem of anybody's.
    }
  }
}
