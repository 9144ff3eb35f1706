import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { noteDescriptorsIn } from '../../lib/descriptors.ts'
import { look } from './directory-look.ts'
import { BATCH_BYTES, encodeSeen, lengthOfSeen } from './directory-scout.ts'
import type { ScoutMessage, ScoutSetup } from './directory-scout.ts'

/** Looks at a tree and sends what it sees in batches; waits where whoever takes them is behind. */

const port = parentPort as MessagePort
const { root, isWithoutXattrs, aheadMs, credits, descriptors } = workerData as ScoutSetup
noteDescriptorsIn(descriptors)

let batch = Buffer.from(new ArrayBuffer(BATCH_BYTES))
let length = 0

function send(): void {
  for (;;) {
    const left = Atomics.load(credits, 0)
    if (left > 0 && Atomics.compareExchange(credits, 0, left, left - 1) === left) break
    if (left <= 0) Atomics.wait(credits, 0, left)
  }
  const message: ScoutMessage = new Uint8Array(batch.buffer, 0, length)
  port.postMessage(message, [batch.buffer])
  batch = Buffer.from(new ArrayBuffer(BATCH_BYTES))
  length = 0
}

let isSlow = false
const slow = (): void => {
  if (isSlow) return
  isSlow = true
  port.postMessage('slow' satisfies ScoutMessage)
}

for (const seen of look({ root, isWithoutXattrs, now: () => Date.now() + aheadMs, slow })) {
  if (length + lengthOfSeen(seen) > batch.length) send()
  length = encodeSeen(seen, batch, length)
}
if (length > 0) send()
port.postMessage(undefined)
