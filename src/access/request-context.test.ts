import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Principal, SessionFacts } from './principal.ts'
import { requestContext } from './request-context.ts'

const NOW = Date.UTC(2026, 0, 1)

function mfaKeys(session: Partial<SessionFacts> | undefined, now = NOW): Record<string, unknown> {
  const principal: Principal = {
    kind: 'user',
    accountId: '111122223333',
    arn: 'arn:aws:iam::111122223333:user/anna',
    uniqueId: 'AIDAANNA',
    tags: {},
    ...(session !== undefined && { session: { name: '', issuedAt: NOW, expiresAt: NOW + 1, ...session } }),
  }
  const context = requestContext(principal, { region: 'us-east-1', now, resourceAccountId: '111122223333' })
  return Object.fromEntries(Object.entries(context).filter(([key]) => key.includes('MultiFactor')))
}

test('the MFA keys are absent for long-term keys, and the age only where a second factor was given', () => {
  const given = { mfaAuthenticated: true, mfaAt: NOW }
  const keys = (Present: string, Age?: string): object => ({
    'aws:MultiFactorAuthPresent': Present,
    ...(Age !== undefined && { 'aws:MultiFactorAuthAge': Age }),
  })
  assert.deepEqual(mfaKeys(undefined), {})
  assert.deepEqual(mfaKeys({ mfaAuthenticated: false }), keys('false'))
  assert.deepEqual(mfaKeys(given), keys('true', '0'))
  assert.deepEqual(mfaKeys(given, NOW + 3_599_999), keys('true', '3599'), 'in whole seconds')
  assert.deepEqual(mfaKeys(given, NOW - 60_000), keys('true', '0'), 'a clock that was set back')
})
