import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePolicy } from './compile.ts'
import { countedSize, parsePolicy, PolicySyntaxError } from './parse.ts'
import type { PolicyKind } from './policy.ts'

const some = <T>(...items: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...items)
const kinds = some<PolicyKind>('identity', 'resource', 'trust', 'session', 'vault')
const names = some(
  'Version',
  'Statement',
  'Effect',
  'Action',
  'Resource',
  'Principal',
  'Condition',
  'StringLike',
  'AWS',
  'Sid',
  '__proto__',
)
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 6 },
    some<unknown>(
      '*',
      'Allow',
      '2012-10-17',
      's3:Get*',
      'arn:aws:s3:::a',
      'arn',
      '',
      null,
      true,
      7,
      ['s3:Get'],
      '${',
      'arn:',
    ),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(names, tie('json'), { maxKeys: 5 }),
  ),
}))

test('parsePolicy() throws a PolicySyntaxError or nothing', () => {
  const survive = (text: string, kind: PolicyKind): void => {
    try {
      compilePolicy(parsePolicy(text, kind), { type: 'inline', name: 'p' })
    } catch (error) {
      assert.ok(error instanceof PolicySyntaxError, String(error))
    }
  }
  fc.assert(
    fc.property(json, kinds, (value, kind) => survive(JSON.stringify(value) ?? '', kind)),
    { numRuns: 4_000 },
  )
  fc.assert(fc.property(fc.string({ unit: 'binary' }), kinds, survive), { numRuns: 1_000 })
  const wrap = (inner: unknown) =>
    JSON.stringify({ Statement: { Effect: 'Allow', Action: 's3:*', ...Object(inner) } })
  fc.assert(
    fc.property(json, kinds, (inner, kind) => survive(wrap(inner), kind)),
    { numRuns: 2_000 },
  )
  survive('['.repeat(100_000), 'identity')
  survive('{"a":'.repeat(20_000), 'identity')
})

test('countedSize() leaves out blanks between tokens and counts those inside strings', () => {
  assert.equal(countedSize('{ "a" :\n\t[ 1 ] }'), '{"a":[1]}'.length)
  assert.equal(countedSize('{"a b": "\\" c"}'), '{"a b":"\\" c"}'.length)
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text)
      assert.equal(countedSize(JSON.stringify(value, null, 4)), JSON.stringify(value).length)
    }),
  )
})
