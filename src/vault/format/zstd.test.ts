import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { nativeZstd, zlibZstd, zstd } from './zstd.ts'
import type { Zstd } from './zstd.ts'

const native = nativeZstd()
const both: readonly (readonly [string, Zstd])[] = [
  ['node:zlib', zlibZstd],
  ...(native === undefined ? [] : ([['node:ffi', native]] as const)),
]

test('the pinned Node calls its own zstd, others go through node:zlib', (t) => {
  if (process.platform !== 'linux' || Number(process.versions.node.split('.')[0]) < 26)
    return t.skip(`Node ${process.versions.node} on ${process.platform} has no node:ffi`)
  assert.ok(native !== undefined)
  assert.notEqual(zstd(), zlibZstd)
})

for (const [way, codec] of both) {
  test(`zstd by ${way}: frames are whole, and each way reads the other's`, () => {
    const text = Buffer.from('a line of some length, again and again\n'.repeat(20_000))
    for (const raw of [text, Buffer.concat([randomBytes(1000), text.subarray(0, 300_000)]), Buffer.of(7)]) {
      const into = Buffer.alloc(raw.length + 100)
      const length = codec.compress(raw, into)
      const frame = into.subarray(0, length)
      assert.ok(zstdDecompressSync(frame).equals(raw))
      for (const packed of [frame, zstdCompressSync(raw)]) {
        const back = Buffer.alloc(raw.length)
        codec.decompress(packed, back)
        assert.ok(back.equals(raw))
      }
    }
  })

  test(`zstd by ${way}: short and long frames follow each other, also behind one that did not fit`, () => {
    const lines = Array.from({ length: 90_000 }, (_, i) => `${i * 7919} of many lines that are alike\n`).join(
      '',
    )
    const long = Buffer.from(lines)
    assert.ok(long.length > 3 * 2 ** 20)
    const packed = (raw: Buffer): Buffer => {
      const into = Buffer.alloc(raw.length)
      return into.subarray(0, codec.compress(raw, into))
    }
    const parts = [
      long.subarray(0, 500_000),
      long,
      long.subarray(0, 70_000),
      Buffer.concat(Array(6).fill(long)),
    ]
    const alone = parts.map((part) => packed(part))
    for (const [i, part] of [...parts.entries(), ...[...parts.entries()].reverse()]) {
      assert.equal(codec.compress(randomBytes(200_000), Buffer.alloc(1000)), 0)
      const frame = packed(part)
      assert.ok(frame.equals(alone[i] as Buffer), `${part.length} bytes`)
      assert.ok(zstdDecompressSync(frame).equals(part))
    }
    if (native === undefined) return
    const other = Buffer.alloc(long.length)
    const [here, there] = [zlibZstd.compress(long, other), native.compress(long, other)]
    assert.ok(Math.abs(here - there) < here / 100, `${here} and ${there} bytes`)
  })

  test(`zstd by ${way}: what does not fit is not kept`, () => {
    const noise = randomBytes(100_000)
    assert.equal(codec.compress(noise, Buffer.alloc(noise.length - 1)), 0)
    assert.equal(codec.compress(noise, Buffer.alloc(0)), 0)
  })

  test(`zstd by ${way}: a frame of another length, cut short or damaged is refused, and the next is read`, () => {
    const raw = Buffer.from('some text\n'.repeat(10_000))
    const frame = zstdCompressSync(raw)
    const guard = Buffer.alloc(raw.length + 64, 0xaa)
    const into = guard.subarray(0, raw.length)
    for (const wrong of [
      frame.subarray(0, -1),
      Buffer.concat([frame, frame]),
      Buffer.from('no frame at all'),
      Buffer.alloc(0),
    ])
      assert.throws(() => codec.decompress(wrong, into), RangeError)
    assert.throws(() => codec.decompress(frame, guard.subarray(0, raw.length - 1)), RangeError)
    assert.throws(() => codec.decompress(frame, guard.subarray(0, raw.length + 1)), RangeError)
    codec.decompress(frame, into)
    assert.ok(into.equals(raw))
    assert.ok(guard.subarray(raw.length + 1).every((byte) => byte === 0xaa))
  })
}
