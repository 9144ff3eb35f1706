import { Worker } from 'node:worker_threads'
import type { BlobLocation } from '../../blobs/blob-store.ts'
import { portsIn } from '../../blobs/open.ts'
import type { PackReport } from '../../vault/check-pack.ts'
import type { IndexMemory } from '../../vault/chunk-index.ts'
import { checkPacksHere } from '../../vault/verify.ts'
import type { CheckPacks } from '../../vault/verify.ts'
import { defaultThreads } from '../pour/pour-pool.ts'

/** What a thread of a check is started with. The vault key crosses in memory only. */
export interface CheckSetup {
  readonly location: BlobLocation
  readonly vaultId: string
  readonly vaultKey: Uint8Array
  readonly index: IndexMemory
}

/** Fewer are not worth starting threads for. */
const FEW_PACKS = 2
const THREAD_LIMITS = { maxYoungGenerationSizeMb: 4, maxOldGenerationSizeMb: 256 }

/** Checks packs in threads, each of which takes the next pack as soon as it is done with one. */
export const checkPacksInThreads: CheckPacks = async (vault, index, names, on, signal) => {
  const { locate, isLocal } = vault.store
  if (locate === undefined || (isLocal && names.length <= FEW_PACKS))
    return await checkPacksHere(vault, index, names, on, signal)
  const { keys } = vault
  const setup = { vaultId: keys.vaultId, vaultKey: keys.export(), index: index.memory }
  const left = names.values()
  const onReport = (report: PackReport): void => {
    on.bytes(report.bytes)
    on.report(report)
  }
  const threads = Array.from({ length: Math.min(defaultThreads(), names.length) }, () =>
    startThread({ ...setup, location: locate() }),
  )
  try {
    await Promise.all(threads.map((thread) => work(thread, left, onReport, signal)))
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()))
  }
}

function startThread(setup: CheckSetup): Worker {
  return new Worker(new URL('./check-thread.ts', import.meta.url), {
    workerData: setup,
    transferList: portsIn(setup.location),
    resourceLimits: THREAD_LIMITS,
  })
}

/** Gives a thread one pack after another until none is left. @throws What it met that is no damage, or why it was stopped. */
async function work(
  thread: Worker,
  left: Iterator<string>,
  onReport: (report: PackReport) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  signal?.throwIfAborted()
  await new Promise<void>((resolve, reject) => {
    const onAbort = (): void => reject(signal?.reason as Error)
    signal?.addEventListener('abort', onAbort)
    const end = (finish: () => void): void => {
      signal?.removeEventListener('abort', onAbort)
      finish()
    }
    const next = (): void => {
      const { done, value } = left.next()
      if (done === true) end(resolve)
      else thread.postMessage(value)
    }
    thread.on('message', (report: PackReport) => {
      onReport(report)
      next()
    })
    thread.once('error', (error) => end(() => reject(error)))
    thread.once('exit', (code) => end(() => reject(new Error(`A thread of a check ended with code ${code}`))))
    next()
  })
}
