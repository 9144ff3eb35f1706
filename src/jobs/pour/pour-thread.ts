import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { openBlobStore } from '../../blobs/open.ts'
import { noteDescriptorsIn } from '../../lib/descriptors.ts'
import { ChunkIndex } from '../../vault/chunks/chunk-index.ts'
import { VaultKeys } from '../../vault/keys.ts'
import { collector } from '../collector.ts'
import { toCrossed } from '../thread-errors.ts'
import type { SourceVault } from './pour-chunks.ts'
import { THREAD_HALVES } from './pour-halves.ts'
import { backupSteps, copySteps, restoreSteps } from './pour-steps.ts'
import type { PourSteps } from './pour-steps.ts'
import type { FromPort, FromThread, PourSetup, ThreadSetup, ToThread } from './pour-wire.ts'

/**
 * One pour thread: joins a driver's synchronous half and the vault. It shares nothing with its like but the tables of chunks; each
 * message is worked through before the next is looked at.
 */

const COLLECT_AFTER_BYTES = { backup: 6 * 1024 * 1024, copy: 6 * 1024 * 1024, restore: 16 * 1024 * 1024 }

const port = parentPort as MessagePort
const setup = workerData as ThreadSetup
noteDescriptorsIn(setup.descriptors)
const parts = {
  ...setup,
  ...vaultOf(setup),
  half: THREAD_HALVES[setup.resourceType],
  onBytes: collector(COLLECT_AFTER_BYTES[setup.mode]),
}
const steps = stepsOf(setup)

function vaultOf({ location, vaultId, vaultKey, index }: NonNullable<PourSetup['source']>): SourceVault {
  return {
    store: openBlobStore(location),
    keys: new VaultKeys(vaultId, vaultKey),
    index: new ChunkIndex(index),
  }
}

function stepsOf({ mode, source }: PourSetup): PourSteps {
  if (mode === 'backup') return backupSteps(parts, post)
  return source === undefined ? restoreSteps(parts) : copySteps(parts, vaultOf(source))
}

function post(message: FromThread): void {
  const bytes = message.kind === 'done' ? message.results : message.kind === 'slab' ? message.slab : undefined
  const crossing: FromPort =
    message.kind === 'failed' ? { kind: 'failed', error: toCrossed(message.error) } : message
  port.postMessage(crossing, bytes === undefined ? [] : [bytes.buffer as ArrayBuffer])
}

async function answer(message: ToThread): Promise<void> {
  try {
    const reply = await steps.step(message)
    if (reply !== undefined) post(reply)
    if (message.kind === 'end') port.close()
  } catch (error) {
    steps.abort()
    post({ kind: 'failed', error: error as Error })
  }
}

port.on('message', (message: ToThread) => void answer(message))
