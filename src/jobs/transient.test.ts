import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isTransient } from './transient.ts'

const coded = (code: string): Error => Object.assign(new Error('no'), { code })

test('isTransient() finds the code of a source that is down, however deep it lies', () => {
  assert.equal(isTransient(coded('ECONNREFUSED')), true)
  assert.equal(
    isTransient(new Error('backup failed', { cause: new Error('x', { cause: coded('57P03') }) })),
    true,
  )
  assert.equal(isTransient(Object.assign(new Error('no'), { status: 503 })), true)
})

test('isTransient() does not hope for a wrong password, a missing file or a message that only sounds so', () => {
  for (const error of [coded('28P01'), coded('ENOENT'), new Error('ECONNREFUSED'), undefined, 'ETIMEDOUT']) {
    assert.equal(isTransient(error), false)
  }
  assert.equal(isTransient(Object.assign(new Error('no'), { status: 403 })), false)
})

test('isTransient() ends on causes that go round in a circle', () => {
  const error: Error & { cause?: unknown } = new Error('a')
  error.cause = error
  assert.equal(isTransient(error), false)
})
