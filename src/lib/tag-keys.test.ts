import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpuMs } from '../../test/fixtures/cpu-time.ts'
import { twinKeys } from './tag-keys.ts'

test('twinKeys() names the first key that another one equals but for its case', () => {
  assert.equal(twinKeys(['a', 'b', 'c']), undefined)
  assert.equal(twinKeys(['a', 'a']), undefined)
  assert.deepEqual(twinKeys(['b', 'a', 'B']), ['b', 'B'])
  assert.deepEqual(twinKeys(['env'], ['Name', 'Env', 'env', 'ENV']), ['env', 'Env'])
  assert.equal(twinKeys(['team'], ['Env', 'env', 'team']), undefined)
})

test('twinKeys() goes through what it is given once', () => {
  const many = Array.from({ length: 100_000 }, (_, i) => `key-${i}`)
  const startedAt = cpuMs()
  assert.deepEqual(twinKeys([...many, 'KEY-7']), ['key-7', 'KEY-7'])
  assert.equal(twinKeys(many), undefined)
  // Some hundredths of a second; where each is held against all others it is minutes.
  assert.ok(cpuMs() - startedAt < 5_000)
})
