import assert from 'node:assert/strict'
import { test } from 'node:test'
import { TooManyPasswordsError, hashPassword, isPassword } from './passwords.ts'

test('a password is found right, and every other wrong', async () => {
  const kept = await hashPassword('correct horse')
  assert.match(kept, /^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  assert.equal(await isPassword(kept, 'correct horse'), true)
  for (const wrong of ['', 'correct hors', 'correct horsE', 'correct horse '])
    assert.equal(await isPassword(kept, wrong), false, wrong)
})

test('one password hashed twice gives two texts, but one beside an earlier one of the same person', async () => {
  const first = await hashPassword('a')
  assert.notEqual(await hashPassword('a'), first)
  assert.equal(await hashPassword('a', first), first)
  assert.notEqual(await hashPassword('b', first), first)
})

test('nobody’s password is never right, not even the one that the decoy would be', async () => {
  assert.equal(await isPassword(undefined, 'anything'), false)
  assert.equal(await isPassword(undefined, ''), false)
})

test('a kept password that was not made here is an error, never a match', async () => {
  for (const text of ['', 'plain', '$argon2i$v=19$m=8,t=1,p=1$AAAA$AAAA', '$2b$10$abcdefghijklmnopqrstuv'])
    await assert.rejects(isPassword(text, 'plain'), RangeError)
})

test('more than the server can look at are refused, and all others still get their answer', async () => {
  const kept = await hashPassword('a')
  const answers = await Promise.allSettled(Array.from({ length: 22 }, () => isPassword(kept, 'a')))
  const refused = answers.filter((answer) => answer.status === 'rejected')
  // Two at work and sixteen behind them.
  assert.equal(refused.length, 22 - 18)
  for (const { reason } of refused) assert.ok(reason instanceof TooManyPasswordsError)
  for (const answer of answers) if (answer.status === 'fulfilled') assert.equal(answer.value, true)
  assert.equal(await isPassword(kept, 'a'), true)
})
