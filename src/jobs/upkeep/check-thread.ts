import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { openBlobStore } from '../../blobs/open.ts'
import { PackChecker } from '../../vault/verify/check-pack.ts'
import type { PackReport } from '../../vault/verify/check-pack.ts'
import { ChunkIndex } from '../../vault/chunks/chunk-index.ts'
import { VaultKeys } from '../../vault/keys.ts'
import type { CheckSetup } from './check-packs.ts'
import { collector } from '../collector.ts'
import { workOn } from './pack-threads.ts'

/** One thread of a check: gets names of packs, answers each with its report (pack-threads.ts). */

const COLLECT_AFTER_BYTES = 8 * 1024 * 1024

const port = parentPort as MessagePort
const { location, vaultId, vaultKey, index } = workerData as CheckSetup
const checker = new PackChecker({
  store: openBlobStore(location),
  keys: new VaultKeys(vaultId, vaultKey),
  index: new ChunkIndex(index),
})
const onBytes = collector(COLLECT_AFTER_BYTES)

function check(name: string): PackReport {
  const steps = checker.check(name, onBytes)
  for (;;) {
    const { done, value } = steps.next()
    if (done === true) return value
  }
}

workOn<string>(port, (name) => (name === undefined ? undefined : check(name)))
