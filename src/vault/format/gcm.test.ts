import assert from 'node:assert/strict'
import { createSecretKey, randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { gcm, nativeGcm, nodeGcm } from './gcm.ts'
import type { Gcm, GcmSeal } from './gcm.ts'

const native = nativeGcm()
const both: readonly (readonly [string, Gcm])[] = [
  ['node:crypto', nodeGcm],
  ...(native === undefined ? [] : ([['node:ffi', native]] as const)),
]

const TAG = 16
const HOW: GcmSeal = {
  key: createSecretKey(randomBytes(32)),
  nonce: randomBytes(12),
  aad: randomBytes(61),
}

test('the pinned Node calls its own OpenSSL, others go through node:crypto', (t) => {
  if (process.platform !== 'linux' || Number(process.versions.node.split('.')[0]) < 26)
    return t.skip(`Node ${process.versions.node} on ${process.platform} has no node:ffi`)
  assert.ok(native !== undefined)
  assert.notEqual(gcm(), nodeGcm)
})

for (const [way, cipher] of both) {
  test(`AES-GCM by ${way}: the bytes are those of node:crypto, and open again`, () => {
    for (const length of [1, 15, 16, 17, 100_003, 1_048_576]) {
      const plain = randomBytes(length)
      const memory = Buffer.alloc(length + TAG + 8, 0xaa)
      const sealed = cipher.seal(HOW, plain, memory)
      assert.equal(sealed.length, length + TAG)
      assert.ok(sealed.equals(nodeGcm.seal(HOW, plain, Buffer.alloc(length + TAG))))
      assert.ok(memory.subarray(sealed.length).every((byte) => byte === 0xaa))
      const into = Buffer.alloc(length + 8, 0xaa)
      assert.ok(cipher.open(HOW, sealed, into).equals(plain))
      assert.ok(into.subarray(length).every((byte) => byte === 0xaa))
    }
  })

  test(`AES-GCM by ${way}: what was sealed otherwise is refused, and nothing of it is given out`, () => {
    const plain = randomBytes(1000)
    const sealed = Buffer.from(cipher.seal(HOW, plain, Buffer.alloc(1000 + TAG)))
    const changed = (at: number): Buffer => {
      const copy = Buffer.from(sealed)
      copy[at] = (copy[at] as number) ^ 1
      return copy
    }
    const wrong: readonly (readonly [GcmSeal, Buffer])[] = [
      [HOW, changed(0)],
      [HOW, changed(999)],
      [HOW, changed(1000)],
      [HOW, changed(1015)],
      [HOW, sealed.subarray(1)],
      [HOW, sealed.subarray(0, -1)],
      [{ ...HOW, nonce: randomBytes(12) }, sealed],
      [{ ...HOW, aad: HOW.aad.subarray(1) }, sealed],
      [{ ...HOW, key: createSecretKey(randomBytes(32)) }, sealed],
    ]
    for (const [how, bytes] of wrong) {
      const into = Buffer.alloc(1000)
      assert.throws(() => cipher.open(how, bytes, into), Error)
      assert.ok(into.every((byte) => byte === 0))
    }
    assert.ok(cipher.open(HOW, sealed, Buffer.alloc(1000)).equals(plain))
  })

  test(`AES-GCM by ${way}: what does not fit, and what is empty, is refused before anything is written`, () => {
    const plain = randomBytes(100)
    const sealed = Buffer.from(cipher.seal(HOW, plain, Buffer.alloc(100 + TAG)))
    const into = Buffer.alloc(99 + TAG)
    assert.throws(() => cipher.seal(HOW, plain, into), RangeError)
    assert.throws(() => cipher.seal(HOW, Buffer.alloc(0), into), RangeError)
    assert.throws(() => cipher.open(HOW, sealed, into.subarray(0, 99)), RangeError)
    assert.throws(() => cipher.open(HOW, sealed.subarray(0, TAG), into), RangeError)
    assert.throws(() => cipher.open(HOW, Buffer.alloc(0), into), RangeError)
    assert.ok(into.every((byte) => byte === 0))
  })
}
