import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { layersBelow } from './below.ts'
import { compilePolicy } from './compile.ts'
import { contextOf, evaluate } from './evaluate.ts'
import type { AuthorizationRequest, PolicyLayers } from './evaluate.ts'
import { parsePolicy } from './parse.ts'

const BUCKET = 'arn:aws:s3:::bucket/'
const OWN_KEYS = ['s3:ExistingObjectTag/']

const bucket = (pattern: string): string => `${BUCKET}${pattern}`
const allow = (...Resource: readonly string[]): object => ({ Effect: 'Allow', Action: 's3:Get*', Resource })
const deny = (...Resource: readonly string[]): object => ({ Effect: 'Deny', Action: 's3:Get*', Resource })

function layersOf(statements: readonly object[], session?: readonly object[]): PolicyLayers {
  const compiled = (list: readonly object[], kind: 'identity' | 'session') =>
    compilePolicy(parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: list }), kind), {
      type: 'inline',
      name: 'own',
    })
  return {
    identity: [compiled(statements, 'identity')],
    ...(session !== undefined && { session: [compiled(session, 'session')] }),
  }
}

function request(resource: string, tag?: string): AuthorizationRequest {
  return {
    principal: {
      kind: 'user',
      arn: 'arn:aws:iam::123456789012:user/anna',
      accountId: '123456789012',
      uniqueId: 'AIDAANNA',
    },
    action: 's3:GetObject',
    resource,
    context: contextOf({
      'aws:username': 'anna',
      ...(tag !== undefined && { 's3:ExistingObjectTag/secret': tag }),
    }),
  }
}

function allowsAllBelow(layers: PolicyLayers, prefix: string): boolean {
  const over = layersBelow(layers, { action: 's3:GetObject', prefix: bucket(prefix), ownKeys: OWN_KEYS })
  return evaluate(request(`${bucket(prefix)}*`), over).allowed
}

const SECRET = 's3:ExistingObjectTag/secret'
const CASES: readonly (readonly [
  title: string,
  statements: readonly object[],
  prefix: string,
  expected: boolean,
])[] = [
  ['everything', [allow('*')], '', true],
  ['the bucket’s objects', [allow(bucket('*'))], '', true],
  ['the prefix that is asked', [allow(bucket('2026/*'))], '2026/', true],
  ['a shorter prefix', [allow(bucket('2*'))], '2026/', true],
  ['a longer prefix', [allow(bucket('2026/*'))], '2', false],
  ['a variable of the caller', [allow(bucket('${aws:username}/*'))], 'anna/', true],
  ['names of one length only', [allow(bucket('?'))], '', false],
  ['names of some length at least', [allow(bucket('a???*'))], 'a', false],
  ['an asterisk that is one', [allow(bucket('${*}'))], '', false],
  ['a prefix with an asterisk in its name', [allow(bucket('a${*}*'))], 'a*', true],
  ['something behind the wildcard', [allow(bucket('*.pdf'))], '', false],
  ['two halves that only together are all', [allow(bucket('a')), allow(bucket('a?*'))], 'a', false],
  ['both halves in one statement', [allow(bucket('a'), bucket('a?*'))], 'a', true],
  ['all but what lies below', [{ Effect: 'Allow', Action: '*', NotResource: bucket('secret/*') }], '', false],
  ['all but something else', [{ Effect: 'Allow', Action: '*', NotResource: bucket('secret/*') }], 'a/', true],
  ['a Deny on what lies below', [allow('*'), deny(bucket('secret/*'))], '', false],
  ['a Deny on what lies above', [allow('*'), deny(bucket('*'))], 'secret/', false],
  ['a Deny on something else', [allow('*'), deny(bucket('secret/*'))], 'public/', true],
  ['a Deny on one name', [allow('*'), deny(bucket('2026/salaries.csv'))], '2026/', false],
  [
    'a Deny on all but the prefix',
    [allow('*'), { ...deny(), Resource: undefined, NotResource: bucket('a/*') }],
    'a/b',
    true,
  ],
  [
    'a Deny on all but something else',
    [allow('*'), { ...deny(), Resource: undefined, NotResource: bucket('a/*') }],
    'b/',
    false,
  ],
  [
    'an Allow by an object’s tag',
    [{ ...allow('*'), Condition: { StringEquals: { [SECRET]: 'no' } } }],
    '',
    false,
  ],
  [
    'an Allow by what no tag says',
    [{ ...allow('*'), Condition: { StringNotEquals: { [SECRET]: 'yes' } } }],
    '',
    false,
  ],
  [
    'a Deny by an object’s tag',
    [allow('*'), { ...deny('*'), Condition: { StringEquals: { [SECRET]: 'yes' } } }],
    '',
    false,
  ],
  [
    'a Deny by a tag and a key that is known',
    [allow('*'), { ...deny('*'), Condition: { StringEquals: { [SECRET]: 'yes', 'aws:username': 'bob' } } }],
    '',
    true,
  ],
  [
    'a Deny that compares with an object’s tag',
    [allow('*'), { ...deny('*'), Condition: { StringEquals: { 'aws:username': `\${${SECRET}}` } } }],
    '',
    false,
  ],
  ['a Deny by a name that is an object’s tag', [allow('*'), deny(bucket(`\${${SECRET}}/*`))], '', false],
]

for (const [title, statements, prefix, expected] of CASES) {
  test(`layersBelow(): ${title} ${expected ? 'is' : 'is not'} all of "${prefix}*"`, () => {
    assert.equal(allowsAllBelow(layersOf(statements), prefix), expected)
  })
}

test('layersBelow() asks boundary and session policies alike', () => {
  const within = (...boundary: readonly object[]): boolean => {
    const [limit] = layersOf(boundary).identity
    return allowsAllBelow({ ...layersOf([allow('*')]), boundary: limit && [limit] }, 'a/')
  }
  assert.equal(within(allow(bucket('a/*'))), true)
  assert.equal(within(allow(bucket('a/?'))), false)
  assert.equal(within(allow('*'), deny(bucket('a/b'))), false)
  assert.equal(within(deny(bucket('b'))), false)
  assert.equal(allowsAllBelow(layersOf([allow('*')], [allow(bucket('a/*'))]), 'a/'), true)
  assert.equal(allowsAllBelow(layersOf([allow('*')], [allow(bucket('a/?'))]), 'a/'), false)
  assert.equal(allowsAllBelow(layersOf([allow('*')], [allow('*'), deny(bucket('a/b'))]), 'a/'), false)
})

test('layersBelow() reads variables where the version of a policy has them', () => {
  const allowed = (Version: string, ...statements: readonly object[]): boolean => {
    const text = JSON.stringify({ Version, Statement: [allow('*'), ...statements] })
    const identity = [compilePolicy(parsePolicy(text, 'identity'), { type: 'inline', name: 'own' })]
    return allowsAllBelow({ identity }, 'anna/')
  }
  const own = bucket('${aws:username}/*')
  const notOwn = { Effect: 'Deny', Action: '*', NotResource: own }
  assert.deepEqual([allowed('2012-10-17', deny(own)), allowed('2008-10-17', deny(own))], [false, true])
  assert.deepEqual([allowed('2012-10-17', notOwn), allowed('2008-10-17', notOwn)], [true, false])
  const allowOwn = (Version: string): boolean => {
    const text = JSON.stringify({ Version, Statement: allow(own) })
    const identity = [compilePolicy(parsePolicy(text, 'identity'), { type: 'inline', name: 'own' })]
    return allowsAllBelow({ identity }, 'anna/')
  }
  assert.deepEqual([allowOwn('2012-10-17'), allowOwn('2008-10-17')], [true, false])
  // Nobody knows what a missing key would hold: such a Deny spares nothing, and denies nothing either.
  assert.equal(allowed('2012-10-17', deny(bucket('${aws:none}/*'))), true)
  assert.equal(allowed('2012-10-17', { ...notOwn, NotResource: bucket('${aws:none}/*') }), false)
})

test('layersBelow() tells an item’s own keys from others, whole and by their beginning', () => {
  const allowed = (ownKeys: readonly string[], ...statements: readonly object[]): boolean => {
    const below = { action: 's3:GetObject', prefix: bucket('a/'), ownKeys }
    return evaluate(request(bucket('a/*')), layersBelow(layersOf(statements), below)).allowed
  }
  const known = { StringEquals: { 'AWS:UserName': 'anna' } }
  const allowKnown = { ...allow('*'), Condition: known }
  const OWN = ['s3:Tag/', 'aws:UserName']
  assert.equal(allowed(['s3:tag/', 'aws:user'], allowKnown), true)
  assert.equal(allowed(OWN, allowKnown), false)
  assert.equal(allowed(OWN.toReversed(), allowKnown), false)
  const denyOther = { ...deny('*'), Condition: { StringEquals: { 'S3:TAG/x': 'y' } } }
  assert.equal(allowed(['s3:Other', 's3:Tag/'], allow('*'), denyOther), false)
  assert.equal(allowed(['s3:Other', 's3:Tag'], allow('*'), denyOther), true)
  const compared = (...values: readonly string[]) => ({
    ...deny('*'),
    Condition: { StringEquals: { 'aws:username': values } },
  })
  assert.equal(allowed(OWN.slice(0, 1), allow('*'), compared('bob', '${S3:Tag/x}')), false)
  assert.equal(allowed(OWN.slice(0, 1), allow('*'), compared('bob', '${s3:Other}')), true)
  assert.equal(allowed(['s3:Other', 's3:Tag/'], allow('*'), compared('${s3:tag/x}')), false)
  assert.equal(allowed(OWN.slice(0, 1), allow('*'), deny(bucket('b'), bucket('${s3:Tag/x}'))), false)
})

const CHARACTERS = ['a', 'b', '/'] as const
const text = (characters: readonly string[], maxLength: number) =>
  fc.array(fc.constantFrom(...characters), { maxLength }).map((list) => list.join(''))
const statement = fc.record({
  isDeny: fc.boolean(),
  isNegated: fc.boolean(),
  patterns: fc.array(text([...CHARACTERS, '*', '*', '?'], 4), { minLength: 1, maxLength: 2 }),
  tag: fc.constantFrom(undefined, 'StringEquals', 'StringNotEquals', 'StringEqualsIfExists'),
})

/** Every name of at most four characters. */
const NAMES = ((): readonly string[] => {
  let names = ['']
  const all = [...names]
  for (let length = 1; length <= 4; length++) {
    names = names.flatMap((name) => CHARACTERS.map((character) => name + character))
    all.push(...names)
  }
  return all
})()

test('layersBelow() allows a prefix only where every item below it is allowed, with whatever tag', () => {
  let [tried, allowed] = [0, 0]
  fc.assert(
    fc.property(fc.array(statement, { minLength: 1, maxLength: 4 }), text(CHARACTERS, 2), (drawn, prefix) => {
      tried++
      const layers = layersOf(
        drawn.map(({ isDeny, isNegated, patterns, tag }) => ({
          Effect: isDeny ? 'Deny' : 'Allow',
          Action: 's3:GetObject',
          [isNegated ? 'NotResource' : 'Resource']: patterns.map(bucket),
          ...(tag !== undefined && { Condition: { [tag]: { [SECRET]: 'yes' } } }),
        })),
      )
      if (!allowsAllBelow(layers, prefix)) return
      allowed++
      for (const name of NAMES.filter((each) => each.startsWith(prefix))) {
        for (const tag of [undefined, 'yes', 'no']) {
          const { reason, allowed: isAllowed } = evaluate(request(bucket(name), tag), layers)
          assert.ok(isAllowed, `${name} with ${tag}: ${reason}`)
        }
      }
    }),
    { numRuns: 6_000 },
  )
  assert.ok(allowed > tried / 60, `${allowed} of ${tried} prefixes were allowed`)
})
