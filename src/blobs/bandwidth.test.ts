import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BandwidthLimit, throttled } from './bandwidth.ts'
import type { ObjectStore } from './object-store.ts'
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

test('whatever of a store takes bytes waits for the limit: objects, parts of uploads, and reads whose length is known late', async () => {
  const time = held('2026-01-15T09:00:00Z')
  const limit = new BandwidthLimit(BY_DAY, time.clock, time.wait)
  const kept = new Map<string, Uint8Array>()
  const inMemory: Pick<ObjectStore, 'put' | 'uploadPart' | 'get'> = {
    put: async (key, bytes) => void kept.set(key, bytes),
    uploadPart: async ({ key }, number, bytes) => {
      kept.set(`${key} ${number}`, bytes)
      return { etag: String(number), md5: undefined }
    },
    get: async (key, what) => {
      const bytes = kept.get(key) ?? new Uint8Array()
      return {
        bytes: 'length' in what ? bytes.slice(what.from, what.from + what.length) : bytes,
        sizeBytes: bytes.length,
      }
    },
  }
  const store = throttled(inMemory as ObjectStore, limit)
  const bytes = new Uint8Array(100 * KIB)
  const seconds: number[] = []
  const timed = async (action: Promise<unknown>): Promise<void> => {
    await action
    seconds.push(time.seconds)
  }
  // Each goes at once where the line is free, and keeps the next one waiting for its second.
  await timed(store.put('a', bytes))
  await timed(store.put('b', bytes))
  await timed(store.uploadPart({ key: 'c', uploadId: 'u' }, 1, bytes))
  await timed(store.get('a', { from: 0, length: 50 * KIB }))
  await timed(store.get('a', { maxBytes: 1e9 }))
  await timed(store.put('d', bytes))
  assert.deepEqual(seconds, [0, 1, 2, 3, 3.5, 4.5])
  assert.deepEqual([...kept.keys()], ['a', 'b', 'c 1', 'd'])
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
