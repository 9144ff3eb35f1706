import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { BlockMemory, BlockReads } from './block-reads.ts'

const MIB = 1024 * 1024

/** A storage that notes what it is asked for. */
class Storage {
  readonly bytes: Buffer
  readonly asked: (readonly [from: number, length: number])[] = []
  failures = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  readonly fetch = async (_name: string, from: number, length: number) => {
    this.asked.push([from, length])
    await sleep(1)
    if (this.failures-- > 0) throw new Error('the line is down')
    return { bytes: Uint8Array.from(this.bytes.subarray(from, from + length)), sizeBytes: this.bytes.length }
  }

  get askedBytes(): number {
    return this.asked.reduce((sum, [, length]) => sum + length, 0)
  }
}

async function readsOf(storage: Storage, memory: BlockMemory = new BlockMemory()): Promise<BlockReads> {
  const reads = new BlockReads(memory, storage.fetch)
  await reads.open('a', 1024, false)
  storage.asked.length = 0
  return reads
}

test('two who read one blob in turn have it read once, in blocks', async () => {
  const storage = new Storage(randomBytes(20 * MIB))
  const reads = await readsOf(storage)
  const step = MIB / 4
  for (let at = 0; at < storage.bytes.length; at += 2 * step) {
    const parts = await Promise.all([
      reads.read('a', at, step, false),
      reads.read('a', at + step, step, false),
    ])
    assert.ok(
      Buffer.concat(parts.map(({ bytes }) => bytes)).equals(storage.bytes.subarray(at, at + 2 * step)),
    )
  }
  assert.ok(storage.askedBytes <= 22 * MIB, `${storage.askedBytes} bytes were read`)
  assert.ok(storage.asked.length <= 12, `${storage.asked.length} requests`)
})

test('who asks for little gets no blocks, and the end of a blob at once', async () => {
  const storage = new Storage(randomBytes(20 * MIB))
  const reads = await readsOf(storage)
  await reads.read('a', 5 * MIB, 300_000, false)
  await reads.read('a', storage.bytes.length - 16, 16, false)
  const directory = await reads.read('a', storage.bytes.length - 200_000, 200_000, false)
  assert.ok(storage.bytes.subarray(-200_000).equals(directory.bytes))
  assert.deepEqual(storage.asked, [
    [5 * MIB, 300_000],
    [20 * MIB - 384 * 1024, 384 * 1024],
  ])
})

test('who reads here and there is not read ahead for, again and again', async () => {
  const storage = new Storage(randomBytes(64 * MIB))
  const reads = await readsOf(storage, new BlockMemory(8 * MIB))
  let asked = 0
  for (let i = 0; i < 200; i++) {
    const from = (i * 7_654_321) % (60 * MIB)
    const { bytes } = await reads.read('a', from, 100_000, false)
    asked += bytes.length
  }
  assert.ok(storage.askedBytes < 4 * asked, `${storage.askedBytes} bytes were read for ${asked}`)
})

test('bytes are those of the blob, whatever is read, kept and dropped', async () => {
  const read = fc.record({ from: fc.nat(9 * MIB), length: fc.integer({ min: 1, max: 3 * MIB }) })
  const storage = new Storage(randomBytes(9 * MIB + 12_345))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(read, { maxLength: 4 }), { maxLength: 12 }), async (rounds) => {
      const reads = await readsOf(storage, new BlockMemory(6 * MIB))
      for (const round of rounds) {
        const got = await Promise.all(round.map(({ from, length }) => reads.read('a', from, length, false)))
        for (const [i, { bytes, sizeBytes }] of got.entries()) {
          const { from, length } = round[i] as { from: number; length: number }
          assert.equal(sizeBytes, storage.bytes.length)
          assert.ok(storage.bytes.subarray(from, from + length).equals(bytes))
          assert.equal(bytes.byteLength, bytes.buffer.byteLength)
        }
      }
    }),
    { numRuns: 40 },
  )
})

test('a read that failed is asked again, and who opens a blob afresh gets what the storage has then', async () => {
  const storage = new Storage(randomBytes(4 * MIB))
  const reads = await readsOf(storage)
  storage.failures = 1
  await assert.rejects(reads.read('a', 0, 100, false), /the line is down/)
  const before = await reads.read('a', 0, 100, false)
  assert.ok(storage.bytes.subarray(0, 100).equals(before.bytes))
  storage.bytes[50] = (storage.bytes[50] as number) ^ 1
  await reads.open('a', 10, false)
  assert.deepEqual(await reads.read('a', 0, 100, false), before)
  await reads.open('a', 10, true)
  assert.ok(storage.bytes.subarray(0, 100).equals((await reads.read('a', 0, 100, true)).bytes))
  assert.deepEqual(await reads.read('a', 0, 100, false), before)
})

test('what is kept goes once nobody reads', async () => {
  const storage = new Storage(randomBytes(4 * MIB))
  const reads = await readsOf(storage, new BlockMemory(48 * MIB, 20))
  await reads.read('a', 0, 100, false)
  await reads.read('a', 0, 100, false)
  assert.equal(storage.asked.length, 1)
  await sleep(60)
  await reads.read('a', 0, 100, false)
  assert.equal(storage.asked.length, 2)
})
