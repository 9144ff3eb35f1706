import { parentPort } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { openBlobStore } from '../../blobs/open.ts'
import { ChunkIndex } from '../../vault/chunks/chunk-index.ts'
import { VaultKeys } from '../../vault/keys.ts'
import { Repacker } from '../../vault/sweep/repack.ts'
import { collector } from '../collector.ts'
import { workOn } from './pack-threads.ts'
import type { RepackSetup, RepackTask } from './repack-packs.ts'

/** One thread of a sweep: is told of which vault (RepackSetup), then gets parts of packs, writes them anew, and answers with what it wrote once there are no more (pack-threads.ts). */

const COLLECT_AFTER_BYTES = 8 * 1024 * 1024

const port = parentPort as MessagePort

port.once('message', ({ from, to, vaultId, vaultKey, index, chosen, whole, tag }: RepackSetup) => {
  const repacker = new Repacker({
    store: openBlobStore(from),
    into: openBlobStore(to),
    keys: new VaultKeys(vaultId, vaultKey),
    chunks: { index: new ChunkIndex(index), chosen, whole },
    tag,
    onSegment: collector(COLLECT_AFTER_BYTES),
  })
  workOn<RepackTask>(port, async (task) => {
    if (task === undefined) return await repacker.end()
    await repacker.add(task.pack, task.part)
    return task.pack.usedBytes / task.part.of
  })
})
