import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePolicy } from './compile.ts'
import type { CompiledPolicy } from './compile.ts'
import { contextOf, evaluate } from './evaluate.ts'
import type { AuthorizationRequest, PolicyLayers } from './evaluate.ts'
import { globOf, outlook, standInFor } from './outlook.ts'
import type { Outlook } from './outlook.ts'
import { globsOverlap } from './overlap.ts'
import { parsePolicy } from './parse.ts'

const OBJECTS = 'arn:aws:s3:::photos/*'

function layersOf(...statements: readonly object[]): PolicyLayers {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  return { identity: [compilePolicy(parsePolicy(document, 'identity'), { type: 'inline', name: 'own' })] }
}

function asking(resource: string, context: Record<string, string> = {}): AuthorizationRequest {
  return {
    principal: { kind: 'user', arn: 'arn:aws:iam::1:user/u', accountId: '1', uniqueId: 'AIDA' },
    action: 's3:GetObject',
    resource,
    context: contextOf(context),
  }
}

const statement = (Effect: string, Resource: string | readonly string[], Condition?: object): object => ({
  Effect,
  Action: 's3:GetObject',
  Resource,
  ...(Condition !== undefined && { Condition }),
})
const tagged = { StringEquals: { 's3:ExistingObjectTag/secret': 'yes' } }
const isUnknownKey = (key: string): boolean => key.startsWith('s3:existingobjecttag/')

const CASES: readonly (readonly [string, readonly object[], 'allowed' | 'denied' | 'depends'])[] = [
  ['an Allow on all objects', [statement('Allow', OBJECTS)], 'allowed'],
  ['an Allow on everything', [statement('Allow', '*')], 'allowed'],
  ['no Allow', [statement('Allow', 'arn:aws:s3:::other/*')], 'denied'],
  ['an Allow on the bucket alone', [statement('Allow', 'arn:aws:s3:::photos')], 'denied'],
  ['an Allow on some objects', [statement('Allow', 'arn:aws:s3:::photos/a/*')], 'depends'],
  ['an Allow on one object', [statement('Allow', 'arn:aws:s3:::photos/a')], 'depends'],
  ['an Allow on one-letter names', [statement('Allow', 'arn:aws:s3:::photos/?')], 'depends'],
  [
    'a Deny on some objects',
    [statement('Allow', '*'), statement('Deny', 'arn:aws:s3:::photos/secret/*')],
    'depends',
  ],
  ['a Deny elsewhere', [statement('Allow', '*'), statement('Deny', 'arn:aws:s3:::other/*')], 'allowed'],
  ['a Deny on all', [statement('Allow', '*'), statement('Deny', 'arn:aws:s3:::photos*')], 'denied'],
  ['a Deny on objects with a tag', [statement('Allow', '*'), statement('Deny', '*', tagged)], 'depends'],
  ['an Allow on objects with a tag', [statement('Allow', '*', tagged)], 'depends'],
  [
    'an Allow on all beside one on objects with a tag',
    [statement('Allow', '*', tagged), statement('Allow', OBJECTS)],
    'allowed',
  ],
  [
    'an unmet condition beside the tag',
    [statement('Allow', '*', { ...tagged, Bool: { 'aws:SecureTransport': 'true' } })],
    'denied',
  ],
  [
    'a Deny on everything but some objects',
    [
      statement('Allow', '*'),
      { Effect: 'Deny', Action: '*', NotResource: ['arn:aws:s3:::photos/a/*', 'arn:aws:s3:::b'] },
    ],
    'depends',
  ],
  [
    'a Deny on everything but these objects',
    [statement('Allow', '*'), { Effect: 'Deny', Action: '*', NotResource: ['arn:aws:s3:::photos/*'] }],
    'allowed',
  ],
  [
    'a Deny on everything but other objects',
    [statement('Allow', '*'), { Effect: 'Deny', Action: '*', NotResource: ['arn:aws:s3:::other/*'] }],
    'denied',
  ],
]

for (const [name, statements, expected] of CASES) {
  test(`outlook() of all objects of a bucket with ${name}: ${expected}`, () => {
    const found = outlook(asking(standInFor(OBJECTS)), layersOf(...statements), {
      resource: OBJECTS,
      isUnknownKey,
    })
    assert.equal(found.verdict, expected)
    assert.equal(found.open.length > 0, expected === 'depends')
  })
}

test('outlook() names the statement and the keys that it depends on', () => {
  const layers = layersOf(statement('Allow', '*'), statement('Deny', OBJECTS, tagged))
  const { open } = outlook(asking(standInFor(OBJECTS)), layers, { resource: OBJECTS, isUnknownKey })
  assert.deepEqual(
    open.map((one) => [one.statement.index, one.keys, one.isPartial]),
    [[1, ['s3:ExistingObjectTag/secret'], false]],
  )
})

test('outlook() is not opened by statements of a resource policy about somebody else', () => {
  const about = (name: string, Effect: string): object => ({
    Effect,
    Principal: { AWS: `arn:aws:iam::111122223333:user/${name}` },
    Action: 's3:GetObject',
    Resource: '*',
    Condition: tagged,
  })
  const open = (...statements: readonly object[]): readonly unknown[] => {
    const document = JSON.stringify({ Version: '2012-10-17', Statement: statements })
    const resource = compilePolicy(parsePolicy(document, 'resource'), { type: 'resource', name: 'own' })
    const arn = 'arn:aws:iam::111122223333:user/u'
    const request = asking(OBJECTS)
    const seen = outlook(
      { ...request, principal: { ...request.principal, arn, accountId: '111122223333' } },
      { ...layersOf(statement('Allow', '*')), resource },
      { isUnknownKey },
    )
    return [seen.verdict, seen.open.map((one) => [one.statement.index, one.asks])]
  }
  assert.deepEqual(open(about('other', 'Deny'), about('other', 'Allow')), ['allowed', []])
  assert.deepEqual(open(about('other', 'Deny'), about('u', 'Deny')), [
    'depends',
    [[1, ['StringEquals s3:ExistingObjectTag/secret "yes"']]],
  ])
})

test('outlook() takes variables of unknown keys for unknown, and those of known ones as they are', () => {
  const layers = layersOf(statement('Allow', 'arn:aws:s3:::photos/${aws:username}/*'))
  const ask = (isUnknown: boolean): string =>
    outlook(asking('arn:aws:s3:::photos/ada/x', isUnknown ? {} : { 'aws:username': 'ada' }), layers, {
      isUnknownKey: (key) => isUnknown && key === 'aws:username',
    }).verdict
  assert.deepEqual([ask(true), ask(false)], ['depends', 'allowed'])
})

test('globOf() gives back the glob that a stand-in was made from', () => {
  assert.equal(globOf(standInFor(OBJECTS)), OBJECTS)
  assert.equal(globOf(standInFor('a*b*c')), 'a*b*c')
  assert.equal(globOf('arn:aws:s3:::photos/a'), 'arn:aws:s3:::photos/a')
  assert.ok(!standInFor(OBJECTS).includes('*'))
})

test('an answer without anything open comes with the decision as it stands', () => {
  const ask = (...statements: readonly object[]): Outlook =>
    outlook(asking(standInFor(OBJECTS)), layersOf(...statements), { resource: OBJECTS, isUnknownKey })
  const certain = ask(statement('Allow', OBJECTS))
  assert.deepEqual([certain.decision.layer, certain.open], ['identity', []])
  assert.equal(certain.decision.statements[0]?.index, 0)
  const beside = ask(statement('Allow', OBJECTS), statement('Allow', '*', tagged))
  assert.deepEqual([beside.verdict, beside.decision.allowed, beside.open], ['allowed', true, []])
  const never = ask(statement('Deny', '*'), statement('Allow', '*', tagged))
  assert.deepEqual([never.verdict, never.decision.effect, never.open], ['denied', 'ExplicitDeny', []])
})

test('a statement about another action, or about some objects under an unmet condition, leaves nothing open', () => {
  const other = { Effect: 'Allow', Action: 's3:Get*Acl', Resource: 'arn:aws:s3:::photos/a' }
  const unmet = statement('Allow', 'arn:aws:s3:::photos/a', { Bool: { 'aws:SecureTransport': 'true' } })
  for (const one of [other, unmet]) {
    const found = outlook(asking(standInFor(OBJECTS)), layersOf(one), { resource: OBJECTS, isUnknownKey })
    assert.deepEqual([found.verdict, found.open], ['denied', []])
  }
})

test('a statement about some objects is partial, one that asks for an unknown tag is not', () => {
  const some = outlook(asking(standInFor(OBJECTS)), layersOf(statement('Allow', 'arn:aws:s3:::photos/a*')), {
    resource: OBJECTS,
    isUnknownKey,
  })
  assert.deepEqual(
    some.open.map(({ keys, isPartial }) => [keys, isPartial]),
    [[[], true]],
  )
})

test('an unknown variable among several values, or among several resources, leaves a statement open', () => {
  const isUser = (key: string): boolean => key === 'aws:username'
  const owned = { StringEquals: { 'aws:PrincipalTag/owner': ['root', '${aws:username}'] } }
  const layers = layersOf(statement('Allow', '*', owned))
  assert.equal(outlook(asking('arn:aws:s3:::photos/x'), layers, { isUnknownKey: isUser }).verdict, 'depends')
  const two = layersOf(statement('Allow', ['arn:aws:s3:::other/*', 'arn:aws:s3:::photos/${aws:username}/*']))
  assert.equal(outlook(asking('arn:aws:s3:::photos/x/y'), two, { isUnknownKey: isUser }).verdict, 'depends')
  const both = layersOf(statement('Allow', 'arn:aws:s3:::${aws:PrincipalAccount}/${ aws:UserName }/*'))
  const known = asking('arn:aws:s3:::1/x/y', { 'aws:PrincipalAccount': '1' })
  assert.equal(outlook(known, both, { isUnknownKey: isUser }).verdict, 'depends')
})

test('one object whose name is known is in a statement or not, and nothing is partial', () => {
  const layers = layersOf(statement('Allow', 'arn:aws:s3:::photos/a*'))
  const ask = (key: string): string =>
    outlook(asking(`arn:aws:s3:::photos/${key}`), layers, { isUnknownKey }).verdict
  assert.deepEqual([ask('abc'), ask('b')], ['allowed', 'denied'])
})

/** Whatever layer it is in, what is open decides as it turns out. */
for (const layer of ['boundary', 'session'] as const) {
  test(`outlook() looks at the ${layer}, too`, () => {
    const limit = (...statements: readonly object[]): PolicyLayers => ({
      ...layersOf(statement('Allow', '*')),
      [layer]: layersOf(...statements).identity,
    })
    const ask = (...statements: readonly object[]): Outlook =>
      outlook(asking(standInFor(OBJECTS)), limit(...statements), { resource: OBJECTS, isUnknownKey })
    assert.equal(ask(statement('Allow', '*', tagged)).verdict, 'depends')
    assert.equal(ask(statement('Allow', OBJECTS), statement('Deny', '*', tagged)).verdict, 'depends')
    assert.equal(ask(statement('Allow', OBJECTS)).verdict, 'allowed')
    assert.equal(ask(statement('Allow', 'arn:aws:s3:::other/*')).verdict, 'denied')
  })
}

const USER = 'arn:aws:iam::111122223333:user/u'

test('outlook() looks at the policies of a resource and of a role, too', () => {
  const named = (one: object): object => ({ ...one, Principal: { AWS: USER } })
  const compiled = (kind: 'vault' | 'trust', one: object): CompiledPolicy => {
    const { Resource: _, ...bare } = named(one) as Record<string, unknown>
    const document = { Version: '2012-10-17', Statement: [kind === 'trust' ? bare : named(one)] }
    const parsed = parsePolicy(JSON.stringify(document), kind)
    return compilePolicy(parsed, { type: kind === 'trust' ? 'trust' : 'resource', name: 'own' })
  }
  const vault = 'arn:aws:backup:us-east-1:111122223333:backup-vault:v'
  const isUnknownTag = (key: string): boolean => key.startsWith('aws:resourcetag/')
  const onTag = { StringEquals: { 'aws:ResourceTag/team': 'a' } }
  const asked = (action: string, resource: string): AuthorizationRequest => ({
    ...asking(resource),
    action,
    principal: { kind: 'user', arn: USER, accountId: '111122223333', uniqueId: 'AIDA' },
  })
  const ofVault = (Effect: string): Outlook =>
    outlook(
      asked('backup:DeleteRecoveryPoint', vault),
      {
        ...layersOf({ Effect: 'Allow', Action: '*', Resource: '*' }),
        resource: compiled('vault', {
          Effect,
          Action: 'backup:DeleteRecoveryPoint',
          Resource: '*',
          Condition: onTag,
        }),
      },
      { isUnknownKey: isUnknownTag },
    )
  assert.equal(ofVault('Deny').verdict, 'depends')
  assert.equal(ofVault('Allow').verdict, 'allowed')
  const role = 'arn:aws:iam::111122223333:role/r'
  const ofRole = outlook(
    asked('sts:AssumeRole', role),
    {
      identity: [],
      trust: compiled('trust', { Effect: 'Allow', Action: 'sts:AssumeRole', Condition: onTag }),
    },
    { isUnknownKey: isUnknownTag },
  )
  assert.deepEqual([ofRole.verdict, ofRole.open.length], ['depends', 1])
})

const glob = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 6 })
const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 })
const regExpOf = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.')}$`)

test('globsOverlap() is true wherever a text matches both', () => {
  fc.assert(
    fc.property(glob, glob, text, (a, b, value) => {
      if (regExpOf(a).test(value) && regExpOf(b).test(value)) assert.ok(globsOverlap(a, b))
      if (!a.includes('*') && !a.includes('?')) assert.equal(globsOverlap(a, b), regExpOf(b).test(a))
    }),
    { numRuns: 5_000 },
  )
})

interface Made {
  readonly Effect: string
  readonly Action: string
  readonly key: string
  readonly isNegated: boolean
  readonly Condition: object | undefined
}

/** Whatever object it turns out to be: what outlook() promises holds for it. */
test('an outlook of allowed or denied holds for every object and every tag', () => {
  const part = fc.constantFrom('*', 'a', 'a/*', 'b*', '?', 'a/b')
  const one = fc.record({
    Effect: fc.constantFrom('Allow', 'Deny'),
    Action: fc.constantFrom('s3:GetObject', 's3:*', '*', 's3:PutObject'),
    key: part,
    isNegated: fc.boolean(),
    Condition: fc.constantFrom(undefined, tagged, { Null: { 's3:ExistingObjectTag/secret': 'true' } }),
  })
  const made = ({ Effect, Action, key, isNegated, Condition }: Made): object => ({
    Effect,
    Action,
    [isNegated ? 'NotResource' : 'Resource']: `arn:aws:s3:::photos/${key}`,
    ...(Condition !== undefined && { Condition }),
  })
  const object = fc.string({ unit: fc.constantFrom('a', 'b', '/'), minLength: 1, maxLength: 4 })
  const tag = fc.constantFrom(undefined, 'yes', 'no')
  fc.assert(
    fc.property(fc.array(one, { minLength: 1, maxLength: 4 }), object, tag, (statements, key, secret) => {
      const layers = layersOf(...statements.map(made))
      const { verdict } = outlook(asking(standInFor(OBJECTS)), layers, { resource: OBJECTS, isUnknownKey })
      if (verdict === 'depends') return
      const context = secret === undefined ? {} : { 's3:ExistingObjectTag/secret': secret }
      const { allowed } = evaluate(asking(`arn:aws:s3:::photos/${key}`, context), layers)
      assert.equal(allowed, verdict === 'allowed')
    }),
    { numRuns: 5_000 },
  )
})
