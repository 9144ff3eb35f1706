import type { BlobLocation } from '../../blobs/blob-store.ts'
import { portsIn } from '../../blobs/open.ts'
import type { PackReport } from '../../vault/verify/check-pack.ts'
import type { IndexMemory } from '../../vault/chunks/chunk-index.ts'
import { checkPacksHere } from '../../vault/verify/verify.ts'
import type { CheckPacks } from '../../vault/verify/verify.ts'
import { defaultThreads } from '../pour/pour-pool.ts'
import { startPackThread, workInThreads } from './pack-threads.ts'

/** What a thread of a check is started with. The vault key crosses in memory only. */
export interface CheckSetup {
  readonly location: BlobLocation
  readonly vaultId: string
  readonly vaultKey: Uint8Array
  readonly index: IndexMemory
}

/** Fewer are not worth starting threads for. */
const FEW_PACKS = 2

/** Checks packs in threads, each of which takes the next pack as soon as it is done with one. */
export const checkPacksInThreads: CheckPacks = async (vault, index, names, on, signal) => {
  const { locate, isLocal } = vault.store
  if (locate === undefined || (isLocal && names.length <= FEW_PACKS))
    return await checkPacksHere(vault, index, names, on, signal)
  const { keys } = vault
  const setup = { vaultId: keys.vaultId, vaultKey: keys.export(), index: index.memory }
  const script = new URL('./check-thread.ts', import.meta.url)
  const threads = Array.from({ length: Math.min(defaultThreads(), names.length) }, () => {
    const workerData: CheckSetup = { ...setup, location: locate() }
    return startPackThread(script, { workerData, transferList: portsIn(workerData.location) })
  })
  const onReport = (report: PackReport): void => {
    on.bytes(report.bytes)
    on.report(report)
  }
  await workInThreads(threads, names, onReport, signal)
}
