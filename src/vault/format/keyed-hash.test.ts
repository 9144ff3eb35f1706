import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { nativeKeyedHash, nodeKeyedHash } from './keyed-hash.ts'

test('SHA-256 through node:ffi is that of node:crypto, whatever the lengths of prefix and bytes', (t) => {
  if (nativeKeyedHash(Buffer.alloc(32)) === undefined)
    return t.skip(`Node ${process.versions.node} has no node:ffi here`)
  const all = randomBytes(300_000)
  for (const prefixBytes of [0, 1, 32, 64, 100]) {
    const prefix = all.subarray(5, 5 + prefixBytes)
    const native = nativeKeyedHash(prefix) as NonNullable<ReturnType<typeof nativeKeyedHash>>
    const other = nodeKeyedHash(prefix)
    for (const length of [0, 1, 23, 31, 32, 33, 55, 56, 63, 64, 65, 119, 9000, 299_993]) {
      const bytes = all.subarray(7, 7 + length)
      const hash = native(bytes)
      assert.equal(hash.toString('hex'), other(bytes).toString('hex'), `${prefixBytes} and ${length} bytes`)
      // What comes next must not change what was given.
      native(all.subarray(9, 99))
      assert.deepEqual(hash, other(bytes))
    }
  }
})
