import assert from 'node:assert/strict'
import { test } from 'node:test'
import { keptByCounts } from './retention-counts.ts'
import type { CountedPoint, RetentionCounts } from './retention-counts.ts'

const at = (time: string, isWhole = true): CountedPoint => ({
  arn: time,
  createdAt: Date.parse(time),
  isWhole,
})

function kept(
  points: readonly CountedPoint[],
  counts: RetentionCounts,
  zone = 'Etc/UTC',
): Record<string, readonly string[]> {
  return Object.fromEntries(keptByCounts(points, counts, zone))
}

test('each count keeps by itself, and what any keeps stays', () => {
  const points = ['2026-03-31T23:00Z', '2026-03-31T05:00Z', '2026-03-30T05:00Z', '2026-02-28T05:00Z'].map(
    (time) => at(time),
  )
  assert.deepEqual(kept(points, { last: 2, daily: 2, monthly: 12 }), {
    '2026-03-31T23:00Z': ['last 1', 'daily 1', 'monthly 1'],
    '2026-03-31T05:00Z': ['last 2'],
    '2026-03-30T05:00Z': ['daily 2'],
    '2026-02-28T05:00Z': ['monthly 2'],
  })
})

test('days without a point take no place of a count', () => {
  const points = ['2026-03-31T05:00Z', '2026-01-01T05:00Z', '2025-07-01T05:00Z'].map((time) => at(time))
  assert.deepEqual(Object.keys(kept(points, { daily: 2 })), ['2026-03-31T05:00Z', '2026-01-01T05:00Z'])
})

test('periods are those of the rule’s time zone', () => {
  // 23:30 UTC is the next day in Berlin, and the next month and year there.
  const points = [at('2025-12-31T23:30Z'), at('2026-01-01T08:00Z'), at('2025-12-31T20:00Z')]
  assert.deepEqual(Object.keys(kept(points, { yearly: 2 }, 'Europe/Berlin')).toSorted(), [
    '2025-12-31T20:00Z',
    '2026-01-01T08:00Z',
  ])
  assert.deepEqual(Object.keys(kept(points, { yearly: 2 })).toSorted(), [
    '2025-12-31T23:30Z',
    '2026-01-01T08:00Z',
  ])
})

test('weeks are ISO’s: the first days of a year may belong to the last week of the one before', () => {
  // Friday to Sunday of 2027 are of 2026-W53, Monday is of 2027-W1.
  const points = ['2026-12-28T05:00Z', '2027-01-03T05:00Z', '2027-01-04T05:00Z'].map((time) => at(time))
  assert.deepEqual(kept(points, { weekly: 5 }), {
    '2027-01-04T05:00Z': ['weekly 1'],
    '2027-01-03T05:00Z': ['weekly 2'],
  })
})

test('a partial point takes no period from a whole one, and the newest whole point always stays', () => {
  const points = [
    at('2026-03-31T05:00Z', false),
    at('2026-03-30T23:00Z', false),
    at('2026-03-30T05:00Z'),
    at('2026-03-29T05:00Z', false),
  ]
  assert.deepEqual(kept(points, { daily: 2 }), {
    '2026-03-31T05:00Z': ['daily 1'],
    '2026-03-30T05:00Z': ['daily 2'],
  })
  assert.deepEqual(kept(points, { last: 1 }), {
    '2026-03-31T05:00Z': ['last 1'],
    '2026-03-30T05:00Z': ['the newest'],
  })
  assert.deepEqual(kept([at('2026-03-31T05:00Z', false)], {}), { '2026-03-31T05:00Z': ['the newest'] })
})

test('what was thinned out day by day is what would be kept of all at the end', () => {
  const counts = { last: 3, daily: 7, weekly: 4, monthly: 12, yearly: 3 }
  const all: CountedPoint[] = []
  let left: CountedPoint[] = []
  for (let day = Date.UTC(2025, 0, 1, 5); day < Date.UTC(2028, 0, 1); day += 8 * 3_600_000) {
    const point = { arn: new Date(day).toISOString(), createdAt: day, isWhole: true }
    all.push(point)
    left.push(point)
    const stay = keptByCounts(left, counts, 'America/New_York')
    left = left.filter(({ arn }) => stay.has(arn))
  }
  const atOnce = [...keptByCounts(all, counts, 'America/New_York').keys()].toSorted()
  assert.deepEqual(left.map(({ arn }) => arn).toSorted(), atOnce)
  assert.ok(left.length > 20, `${left.length} are left`)
})
