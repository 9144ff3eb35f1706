import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { cpuMs } from '../../test/fixtures/cpu-time.ts'
import { compileGlob } from './search-glob.ts'

/** As the words say it: slow, and clear. */
function matches(pattern: string, text: string): boolean {
  const [first] = pattern
  if (first === undefined) return text === ''
  if (first === '*')
    return matches(pattern.slice(1), text) || (text !== '' && matches(pattern, text.slice(1)))
  return text !== '' && (first === '?' || first === text[0]) && matches(pattern.slice(1), text.slice(1))
}

test('a pattern matches what its words say, across the bounds of 32 characters, too', () => {
  const some = fc.string({ unit: fc.constantFrom('a', 'b', 'ä'), maxLength: 8 })
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', 'ä', '*', '?'), maxLength: 8 })
  const longer = fc.constantFrom('', 'x'.repeat(28), 'x'.repeat(31), 'x'.repeat(60))
  fc.assert(
    fc.property(glob, some, longer, (pattern, text, before) => {
      assert.equal(compileGlob(before + pattern)(before + text), matches(pattern, text))
    }),
    { numRuns: 20_000 },
  )
})

/** The processor's time comes in steps of some milliseconds. */
const LEAST_MS = 10

test('a long pattern that nearly matches a long name takes no longer than another', () => {
  const name = 'a'.repeat(1024)
  const timeOf = (pattern: string): number => {
    const isMatch = compileGlob(pattern)
    const begun = cpuMs()
    for (let i = 0; i < 500; i++) assert.equal(isMatch(name), false)
    return cpuMs() - begun
  }
  timeOf(`*${'z'.repeat(510)}`)
  const [harmless, hostile] = [timeOf(`*${'z'.repeat(511)}`), timeOf(`*${'a'.repeat(510)}b`)]
  // Going back behind the star takes 500 times as long.
  assert.ok(hostile < Math.max(harmless, LEAST_MS) * 50, `${hostile} ms instead of ${harmless} ms`)
})
