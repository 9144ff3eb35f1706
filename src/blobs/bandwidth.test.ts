import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BandwidthLimit } from './bandwidth.ts'
import type { BandwidthSchedule } from './bandwidth.ts'
import { StorageError } from './storage-error.ts'
import { retry } from '../lib/retry.ts'

const KIB = 1024
const HOUR_MS = 3_600_000

/** A clock that moves only by what is waited for. */
function held(startIso: string) {
  const start = Date.parse(startIso)
  let passed = 0
  return {
    clock: { now: () => start + passed, monotonic: () => passed },
    wait: (ms: number) => {
      passed += ms
      return Promise.resolve()
    },
    get seconds() {
      return passed / 1000
    },
  }
}

const BY_DAY: BandwidthSchedule = {
  timeZone: 'Europe/Berlin',
  windows: [
    { fromHour: 8, toHour: 18, bytesPerSecond: 100 * KIB },
    { fromHour: 22, toHour: 2, bytesPerSecond: 400 * KIB },
  ],
}

test('a limit holds in the hours of its time zone, also over midnight and through summer time, and in no others', () => {
  const limit = new BandwidthLimit(BY_DAY)
  const rates: readonly (readonly [string, number | undefined])[] = [
    // Winter: UTC+1.
    ['2026-01-15T06:59:59Z', undefined],
    ['2026-01-15T07:00:00Z', 100 * KIB],
    ['2026-01-15T16:59:59Z', 100 * KIB],
    ['2026-01-15T17:00:00Z', undefined],
    ['2026-01-15T21:00:00Z', 400 * KIB],
    ['2026-01-16T00:59:00Z', 400 * KIB],
    ['2026-01-16T01:00:00Z', undefined],
    // Summer: UTC+2.
    ['2026-07-15T06:00:00Z', 100 * KIB],
    ['2026-07-15T16:00:00Z', undefined],
  ]
  for (const [at, rate] of rates) assert.equal(limit.rateAt(Date.parse(at)), rate, at)
})

test('what is sent takes the time that the limit says, whoever sends it', async () => {
  const time = held('2026-01-15T09:00:00Z')
  const limit = new BandwidthLimit(BY_DAY, time.clock, time.wait)
  for (let i = 0; i < 11; i++) await limit.take(100 * KIB)
  assert.equal(Math.round(time.seconds), 10)
  limit.add(500 * KIB)
  await limit.take(1)
  assert.equal(Math.round(time.seconds), 16)
})

test('who waits for a limit goes on once its hours are over', async () => {
  const time = held('2026-01-15T16:59:00Z')
  const limit = new BandwidthLimit(BY_DAY, time.clock, time.wait)
  await limit.take(100 * KIB * 3600 * 5)
  await limit.take(1)
  assert.ok(time.seconds <= 120, `it waited ${time.seconds} s`)
  assert.ok(time.clock.now() >= Date.parse('2026-01-15T17:00:00Z'))
  assert.ok(time.clock.now() < Date.parse('2026-01-15T16:59:00Z') + HOUR_MS)
})

test('a request is tried again as often as said, and not after its time', async () => {
  const down = new StorageError('down', { code: 'SlowDown', status: 503 })
  const policy = { attempts: 8, minDelayMs: 1, maxDelayMs: 2, isRetryable: () => true }
  let tries = 0
  const action = (): Promise<never> => {
    tries++
    return Promise.reject(down)
  }
  await assert.rejects(retry(action, policy), down)
  assert.equal(tries, 8)
  tries = 0
  await assert.rejects(retry(action, { ...policy, withinMs: -1 }), down)
  assert.equal(tries, 1)
})

test('faults that may pass are told from refusals by code and status', () => {
  const cases: readonly (readonly [string, number | undefined, boolean])[] = [
    ['ECONNRESET', undefined, true],
    ['TimeoutError', undefined, true],
    ['SlowDown', 503, true],
    ['Unknown', 502, true],
    ['TooManyRequests', 429, true],
    ['BadDigest', 400, true],
    ['XAmzContentSHA256Mismatch', 400, true],
    ['SyntaxError', 200, true],
    ['AccessDenied', 403, false],
    ['ExpiredToken', 403, false],
    ['NoSuchBucket', 404, false],
    ['NotImplemented', 501, false],
    ['InvalidArgument', 400, false],
    ['DEPTH_ZERO_SELF_SIGNED_CERT', undefined, false],
  ]
  for (const [code, status, isTransient] of cases)
    assert.equal(new StorageError('x', { code, status }).isTransient, isTransient, code)
})
