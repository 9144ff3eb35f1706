import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keptExports } from './identity-retention.ts'

const NOW = Date.UTC(2026, 10, 28, 12)

test('the newest ten exports stay, and the last of each of thirty days', () => {
  const at = (day: number, second: number): string =>
    new Date(NOW - day * 86_400_000 + second * 1000).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  const exports = Array.from({ length: 40 }, (_, day) => day)
    .flatMap((day) => [2, 1].map((second) => ({ day, second })))
    .map(({ day, second }, index) => ({
      number: 1_000 - index,
      folder: `identity/${String(1_000 - index).padStart(8, '0')}-${at(day, second)}`,
    }))
  const kept = keptExports(exports, NOW)
  const numbers = exports.filter(({ folder }) => kept.has(folder)).map(({ number }) => number)
  assert.deepEqual(numbers.slice(0, 10), [1000, 999, 998, 997, 996, 995, 994, 993, 992, 991])
  assert.deepEqual(
    numbers.slice(10),
    Array.from({ length: 26 }, (_, day) => 990 - day * 2),
  )
})
