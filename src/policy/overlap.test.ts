import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { arnsOverlap, globsOverlap } from './overlap.ts'

test('globsOverlap() finds what two globs have in common', () => {
  const cases: readonly (readonly [string, string, boolean])[] = [
    ['a', 'a', true],
    ['a', 'b', false],
    ['a*', '*b', true],
    ['a*c', 'ab', false],
    ['*', '', true],
    ['?', '', false],
    ['a?c', 'abc', true],
    ['backup:*:*:backup-vault:prod-*', 'backup:*:*:backup-vault:*', true],
    ['backup:*:*:backup-plan:x', 'backup:*:*:backup-vault:*', true],
    ['s3:::bucket/*', 's3:::*', true],
    ['a${aws:username}', 'abc', true],
    ['a${aws:username}c', 'ab', false],
    ['x${aws:username}y${aws:userid}', 'x1y2', true],
    ['a${*}', 'a*', true],
    ['a${*}', 'ab', false],
    ['a${?}', 'a?', true],
    ['a${?}', 'ab', false],
    ['a${$}', 'a$', true],
    ['a${$}', 'ab', false],
    ['${*}', '*', true],
    ['$b}', 'xb}', false],
    ['a$b', 'a$b', true],
    ['a{b}', 'axb}', false],
    ['a${b', 'a${b', true],
    ['a${b', 'axyz', false],
    ['${b}a', 'xyza', true],
    ['${b}a', 'xyzb', false],
  ]
  for (const [one, other, expected] of cases) {
    assert.equal(globsOverlap(one, other), expected, `${one} ${other}`)
    assert.equal(globsOverlap(other, one), expected, `${other} ${one}`)
  }
})

test('arnsOverlap() keeps to the segments of an ARN', () => {
  assert.equal(arnsOverlap('backup:*:*:backup-plan:x', 'backup:*:*:backup-vault:*'), false)
  assert.equal(arnsOverlap('backup:us-*:1*:backup-vault:x', 'backup:*:*:backup-vault:*'), true)
  assert.equal(arnsOverlap('backup:*', 'backup:*:*:backup-vault:*'), true)
  assert.equal(arnsOverlap('s3:::bucket/*', 's3:::*/*'), true)
  assert.equal(arnsOverlap('backup:us-east-1:1:a', 'backup:us-west-2:1:a'), false)
  assert.equal(arnsOverlap('backup:us-east-1:1:a', 'rds:us-east-1:1:a'), false)
  assert.equal(arnsOverlap('backup:us-east-1:1:a', 'backup:us-east-1:2:a'), false)
  assert.equal(arnsOverlap('backup:us-east-1:1:a:b', 'backup:us-east-1:1:a:c'), false)
  assert.equal(arnsOverlap('backup:us-east-1:1:a:b', 'backup:us-east-1:1:*'), true)
  assert.equal(arnsOverlap('backup:*:b', 'backup:us-east-1:1:b'), true, 'too short to have all segments')
  assert.equal(arnsOverlap('backup:us-east-1:1:b', 'backup:*:b'), true)
  assert.equal(arnsOverlap('backup:*:1:a', 'backup:us-east-1*:a'), true)
  assert.equal(
    arnsOverlap('backup:a*:x:1', 'backup:*a:y:1'),
    false,
    'a star does not reach into the next segment',
  )
})

test('globsOverlap() agrees with trying every short text', () => {
  const texts = ['', 'a', 'b', 'aa', 'ab', 'ba', 'bb', 'aaa', 'aab', 'aba', 'abb', 'baa', 'bab', 'bba', 'bbb']
  const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 3 })
  const matches = (pattern: string, text: string): boolean =>
    new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(text)
  fc.assert(
    fc.property(glob, glob, (one, other) => {
      // Globs so short that have a text in common have one of at most three characters, or longer by their own stars only.
      const isShared = texts.some((text) => matches(one, text) && matches(other, text))
      if (isShared) assert.equal(globsOverlap(one, other), true)
      else if (!one.includes('*') || !other.includes('*')) assert.equal(globsOverlap(one, other), false)
    }),
  )
})
