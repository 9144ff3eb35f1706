import type { BlobLocation } from '../../blobs/blob-store.ts'
import { portsIn } from '../../blobs/open.ts'
import type { IndexMemory } from '../../vault/chunks/chunk-index.ts'
import type { PackUse } from '../../vault/sweep/mark.ts'
import type { FinishedPack } from '../../vault/format/pack.ts'
import { repackHere } from '../../vault/sweep/repack.ts'
import type { PackPart, Repack } from '../../vault/sweep/repack.ts'
import { defaultThreads } from '../pour/pour-pool.ts'
import { endThreads, startPackThread, workInThreads } from './pack-threads.ts'
import type { PackThread } from './pack-threads.ts'

/** What a thread that writes packs anew is told first. The vault key crosses in memory only. */
export interface RepackSetup {
  /** Of the packs that are there, and of those that are written. */
  readonly from: BlobLocation
  readonly to: BlobLocation
  readonly vaultId: string
  readonly vaultKey: Uint8Array
  readonly index: IndexMemory
  readonly chosen: Uint8Array<SharedArrayBuffer>
  readonly whole: ReadonlySet<number>
  readonly tag: string
}

/** Less is not worth starting threads for. */
const LITTLE_BYTES = 12 * 1024 * 1024

/** Packs are shared in parts of so much of what is used, so that threads end together. */
const PART_BYTES = 8 * 1024 * 1024

/** What a thread does next. */
export interface RepackTask {
  readonly pack: PackUse
  readonly part: PackPart
}

/**
 * Threads that store chunks again, each of which takes the next part of a pack as soon as it is done with one, and fills packs of its own.
 *
 * A thread takes as long to start as a small vault takes to be marked, so a sweep of a vault that has much has them start beside the
 * marking. Who makes them ends them.
 */
export class RepackThreads implements AsyncDisposable {
  #ready: PackThread[] = []

  /** Starts all of them, so that they are ready by the time it is known what there is to do. */
  start(): void {
    while (this.#ready.length < defaultThreads()) this.#ready.push(startThread())
  }

  /** Those that are not ready are started, where there is enough to do. Afterwards there are none. */
  readonly repack: Repack = async (vault, chunks, packs, options) => {
    const { store, keys } = vault
    const { tag, into = store, signal, onProgress } = options
    const bytes = packs.reduce((sum, { usedBytes }) => sum + usedBytes, 0)
    const [from, to] = [store.locate, into.locate]
    if (from === undefined || to === undefined || bytes < LITTLE_BYTES)
      return await repackHere(vault, chunks, packs, options)
    const { index, chosen, whole } = chunks
    const setup = { vaultId: keys.vaultId, vaultKey: keys.export(), index: index.memory, chosen, whole, tag }
    const tasks = packs.flatMap(partsOf)
    const threads = this.#ready.splice(0)
    while (threads.length < Math.min(defaultThreads(), tasks.length)) threads.push(startThread())
    try {
      for (const thread of threads) tell(thread, { ...setup, from: from(), to: to() })
      const onDone = (usedBytes: number): void => onProgress?.(usedBytes)
      return (await workInThreads<RepackTask, number, FinishedPack[]>(threads, tasks, onDone, signal)).flat()
    } catch (error) {
      await endThreads(threads)
      await into.removeUnfinished((of) => of === tag)
      throw error
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await endThreads(this.#ready.splice(0))
  }
}

/** By threads of its own. */
export const repackInThreads: Repack = async (...what) => await new RepackThreads().repack(...what)

function partsOf(pack: PackUse): RepackTask[] {
  const of = Math.ceil(pack.usedBytes / PART_BYTES)
  return Array.from({ length: of }, (_, number) => ({ pack, part: { number, of } }))
}

const startThread = (): PackThread => startPackThread(new URL('./repack-thread.ts', import.meta.url))

function tell({ worker }: PackThread, setup: RepackSetup): void {
  worker.postMessage(setup, [...portsIn(setup.from), ...portsIn(setup.to)])
}
