import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { findStep, fromBase32, toBase32, totpCode, totpStep } from './totp.ts'

/** RFC 6238, appendix B, SHA-1: eight digits, of which ours are the last six. */
const RFC_6238: readonly (readonly [number, string])[] = [
  [59, '94287082'],
  [1_111_111_109, '07081804'],
  [1_111_111_111, '14050471'],
  [1_234_567_890, '89005924'],
  [2_000_000_000, '69279037'],
  [20_000_000_000, '65353130'],
]
/** RFC 4226, appendix D: counters 0 to 9. */
const RFC_4226 = '755224 287082 359152 969429 338314 254676 287922 162583 399871 520489'.split(' ')
/** RFC 4648, section 10. */
const RFC_4648 = {
  f: 'MY',
  fo: 'MZXQ',
  foo: 'MZXW6',
  foob: 'MZXW6YQ',
  fooba: 'MZXW6YTB',
  foobar: 'MZXW6YTBOI',
}

const SEED = Buffer.from('12345678901234567890')
const seeds = fc.uint8Array({ minLength: 16, maxLength: 64 })

test('totpCode() gives the codes of RFC 6238 and RFC 4226', () => {
  for (const [seconds, code] of RFC_6238)
    assert.equal(totpCode(SEED, totpStep(seconds * 1000)), code.slice(2), String(seconds))
  assert.deepEqual(
    RFC_4226.map((_, step) => totpCode(SEED, step)),
    RFC_4226,
  )
})

test('toBase32() gives the texts of RFC 4648, and fromBase32() takes them back', () => {
  for (const [plain, text] of Object.entries(RFC_4648)) {
    assert.equal(toBase32(Buffer.from(plain)), text)
    assert.equal(fromBase32(text).toString(), plain)
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      assert.deepEqual([...fromBase32(toBase32(bytes))], [...bytes])
    }),
  )
  for (const text of ['M1', 'my', 'MY=', 'Ä']) assert.throws(() => fromBase32(text), RangeError)
})

test('findStep() finds a code of the window at its own step, and none outside of it', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 10, max: 2 ** 31 }), fc.nat(4), (seed, now, ahead) => {
      const code = totpCode(seed, now - 2 + ahead)
      const found = findStep(seed, [code], now - 2, now + 2) as number
      // Two steps of one window may have one code: it is one of them then.
      assert.equal(totpCode(seed, found), code)
      const window = [-2, -1, 0, 1, 2].map((offset) => totpCode(seed, now + offset))
      const outside = totpCode(seed, now + 3)
      assert.equal(findStep(seed, [outside], now - 2, now + 2) !== undefined, window.includes(outside))
    }),
  )
})

test('findStep() takes two codes only one behind the other', () => {
  fc.assert(
    fc.property(seeds, fc.integer({ min: 10, max: 2 ** 31 }), (seed, step) => {
      const [first, second] = [totpCode(seed, step), totpCode(seed, step + 1)]
      fc.pre(first !== second)
      assert.equal(findStep(seed, [first, second], step - 5, step + 5), step)
      assert.equal(findStep(seed, [second, first], step - 1, step), undefined)
    }),
  )
  for (const code of ['', '1', '12345', '1234567', 'abcdef', '１２３４５６'])
    assert.equal(findStep(SEED, [code], 0, 3), undefined, code)
})
