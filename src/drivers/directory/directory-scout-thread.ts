import { parentPort, workerData } from 'node:worker_threads'
import type { MessagePort } from 'node:worker_threads'
import { noteDescriptorsIn } from '../../lib/descriptors.ts'
import { Looker } from './directory-look.ts'
import { BATCH_BYTES, encodeSeen, lengthOfSeen } from './directory-scout.ts'
import type { ScoutMessage, ScoutSetup } from './directory-scout.ts'

/** Looks at ranges of a tree and sends what it sees in batches; waits where whoever takes them is behind. */

const port = parentPort as MessagePort
const { root, isWithoutXattrs, aheadMs, marks, next, credits, descriptors } = workerData as ScoutSetup
noteDescriptorsIn(descriptors)

let batch = Buffer.from(new ArrayBuffer(BATCH_BYTES))
let length = 0

function send(range: number, isLast: boolean): void {
  for (;;) {
    const left = Atomics.load(credits, 0)
    if (left > 0 && Atomics.compareExchange(credits, 0, left, left - 1) === left) break
    if (left <= 0) Atomics.wait(credits, 0, left)
  }
  const message: ScoutMessage = { range, bytes: new Uint8Array(batch.buffer, 0, length), isLast }
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

const looker = new Looker({ root, isWithoutXattrs, now: () => Date.now() + aheadMs, slow })
for (let range = Atomics.add(next, 0, 1); range <= marks.length; range = Atomics.add(next, 0, 1)) {
  for (const seen of looker.range({ from: marks[range - 1] ?? '/', end: marks[range] })) {
    if (length + lengthOfSeen(seen) > batch.length) send(range, false)
    length = encodeSeen(seen, batch, length)
  }
  send(range, true)
}
looker.close()
