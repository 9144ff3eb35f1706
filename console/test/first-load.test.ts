import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstLoad } from './first-load.ts'

const MAX_BYTES = 335_000

test('signing in and the overview need at most 335 kB of compressed JavaScript', () => {
  const sizes = firstLoad()
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0)
  const largest = [...sizes].toSorted(([, a], [, b]) => b - a).map(([file, size]) => `${size} ${file}`)
  assert.ok(sizes.size > 4, 'the screens are split')
  assert.ok(total <= MAX_BYTES, `${total} bytes, of which\n${largest.join('\n')}`)
})
