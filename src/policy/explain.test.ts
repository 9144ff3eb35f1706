import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy } from './compile.ts'
import type { PolicySource } from './compile.ts'
import { contextOf, evaluate, explain } from './evaluate.ts'
import type { AuthorizationRequest, PolicyLayers, PrincipalView } from './evaluate.ts'
import { parsePolicy } from './parse.ts'
import type { PolicyKind } from './policy.ts'

const ALICE = {
  kind: 'user',
  arn: 'arn:aws:iam::111111111111:user/alice',
  accountId: '111111111111',
  uniqueId: 'AIDAALICEALICEALICE1',
} as const
const SOURCE = { type: 'managed', arn: 'arn:aws:iam::111111111111:policy/p', name: 'p' } as const
const POLICY = compilePolicy(
  parsePolicy(
    JSON.stringify({
      Version: '2012-10-17',
      Statement: [
        { Sid: 'Mine', Effect: 'Allow', Action: 's3:Get*', Resource: 'arn:aws:s3:::mine/*' },
        {
          Sid: 'Mfa',
          Effect: 'Allow',
          Action: 's3:GetObject',
          Resource: '*',
          Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } },
        },
        { Sid: 'Never', Effect: 'Deny', Action: 's3:DeleteBucket', Resource: '*' },
      ],
    }),
    'identity',
  ),
  SOURCE,
)
const LAYERS = { identity: [POLICY] }

test('explain() names the element of each statement that failed and what the request had', () => {
  const request = {
    principal: ALICE,
    action: 's3:GetObject',
    resource: 'arn:aws:s3:::b/k',
    context: contextOf({}),
  }
  const { near, ...decision } = explain(request, LAYERS)
  assert.deepEqual(decision, evaluate(request, LAYERS))
  assert.deepEqual(
    near.map(({ statement, layer, failed, detail }) => [statement.sid, layer, failed, detail]),
    [
      [
        'Mine',
        'identity',
        'resource',
        'the resource "arn:aws:s3:::b/k" matches none of "arn:aws:s3:::mine/*"',
      ],
      [
        'Mfa',
        'identity',
        'condition',
        'Bool aws:MultiFactorAuthPresent "true" is not met: the request has no aws:MultiFactorAuthPresent',
      ],
    ],
  )
})

test('evaluate() points to the statements that decided, with the policy they are in', () => {
  const context = contextOf({ 'AWS:multifactorauthpresent': 'true' })
  const allowed = evaluate(
    { principal: ALICE, action: 's3:getobject', resource: 'arn:aws:s3:::mine/k', context },
    LAYERS,
  )
  assert.deepEqual(allowed.statements, [
    { policy: SOURCE, sid: 'Mine', index: 0, effect: 'Allow' },
    { policy: SOURCE, sid: 'Mfa', index: 1, effect: 'Allow' },
  ])
  const denied = evaluate({ principal: ALICE, action: 's3:DeleteBucket', resource: '*', context }, LAYERS)
  assert.deepEqual(denied.statements, [{ policy: SOURCE, sid: 'Never', index: 2, effect: 'Deny' }])
  assert.equal(
    denied.reason,
    'with an explicit deny in an identity-based policy: arn:aws:iam::111111111111:policy/p',
  )
})

// --- Near misses, layer by layer ---

const GET = 's3:GetObject'
const OTHER_BUCKET = 'arn:aws:s3:::other/*'

function compiled(kind: PolicyKind, type: PolicySource['type'], ...statements: readonly object[]) {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  return compilePolicy(parsePolicy(text, kind), { type, name: type })
}

function asked(principal: PrincipalView = ALICE, context: Readonly<Record<string, string | string[]>> = {}) {
  const request: AuthorizationRequest = {
    principal,
    action: GET,
    resource: 'arn:aws:s3:::b/k',
    context: contextOf(context),
  }
  return request
}

function nearOf(request: AuthorizationRequest, layers: PolicyLayers): readonly (readonly string[])[] {
  return explain(request, layers).near.map(({ statement, layer, failed, detail }) => [
    `${statement.policy.name} ${statement.index}`,
    layer,
    failed,
    detail,
  ])
}

const elsewhere = { Effect: 'Allow', Action: GET, Resource: OTHER_BUCKET }
const nobody = { Effect: 'Allow', Principal: { AWS: '222222222222' }, Action: GET, Resource: '*' }
const FULL_LAYERS: PolicyLayers = {
  identity: [compiled('identity', 'inline', elsewhere)],
  boundary: [compiled('identity', 'boundary', elsewhere)],
  session: [compiled('session', 'session', elsewhere)],
  resource: compiled('resource', 'resource', nobody),
}
const missed = `the resource "arn:aws:s3:::b/k" matches none of "${OTHER_BUCKET}"`

test('explain() looks through every layer that a principal has, in their order', () => {
  const session = {
    ...ALICE,
    kind: 'assumed-role',
    arn: 'arn:aws:sts::111111111111:assumed-role/R/s',
  } as const
  const federated = {
    ...ALICE,
    kind: 'federated-user',
    arn: 'arn:aws:sts::111111111111:federated-user/f',
  } as const
  for (const principal of [ALICE, session, federated]) {
    assert.deepEqual(nearOf(asked(principal), FULL_LAYERS), [
      ['inline 0', 'identity', 'resource', missed],
      ['boundary 0', 'boundary', 'resource', missed],
      ['session 0', 'session', 'resource', missed],
      ['resource 0', 'resource', 'principal', `the statement is not about ${principal.arn}`],
    ])
  }
  const outside = { arn: '', accountId: '', uniqueId: '' }
  for (const [principal, who] of [
    [{ ...ALICE, kind: 'root', arn: 'arn:aws:iam::111111111111:root' }, 'arn:aws:iam::111111111111:root'],
    [{ kind: 'service', ...outside, service: 'backup.amazonaws.com' }, 'backup.amazonaws.com'],
    [{ kind: 'anonymous', ...outside }, 'an anonymous caller'],
  ] as const) {
    assert.deepEqual(nearOf(asked(principal), FULL_LAYERS), [
      ['resource 0', 'resource', 'principal', `the statement is not about ${who}`],
    ])
  }
})

test('explain() speaks of the trust policy as of the resource’s, and of nothing where there is nothing', () => {
  const trust = compiled('trust', 'trust', {
    Effect: 'Allow',
    Principal: { AWS: '222222222222' },
    Action: 'sts:AssumeRole',
  })
  const request = { ...asked(), action: 'sts:AssumeRole' }
  assert.deepEqual(nearOf(request, { identity: [], trust }), [
    ['trust 0', 'resource', 'principal', `the statement is not about ${ALICE.arn}`],
  ])
  assert.deepEqual(nearOf(request, { identity: [] }), [])
  const everyone = compiled('resource', 'resource', { ...elsewhere, Principal: '*' })
  assert.deepEqual(nearOf(asked(), { identity: [], resource: everyone }), [
    ['resource 0', 'resource', 'resource', missed],
  ])
})

test('explain() leaves out statements that applied, and those about other actions', () => {
  const other = { Effect: 'Allow', Action: ['s3:Put*', 's3:List*'], Resource: OTHER_BUCKET }
  const applied = {
    Effect: 'Allow',
    Action: 's3:Get*',
    Resource: '*',
    Condition: { Null: { 'a:b': 'true' } },
  }
  assert.deepEqual(nearOf(asked(), { identity: [compiled('identity', 'inline', other, applied)] }), [])
})

test('explain() knows that a boundary takes away what NotPrincipal spares', () => {
  const spared = { AWS: ['111111111111', ALICE.arn] }
  const Statement = { Effect: 'Deny', NotPrincipal: spared, Action: GET, Resource: OTHER_BUCKET }
  const resource = compiled('resource', 'resource', Statement)
  const about = `the statement is not about ${ALICE.arn}`
  assert.deepEqual(nearOf(asked(), { identity: [], resource }), [
    ['resource 0', 'resource', 'principal', about],
  ])
  assert.deepEqual(nearOf(asked(), { identity: [], boundary: [], resource }), [
    ['resource 0', 'resource', 'resource', missed],
  ])
})

test('explain() says what was asked for and what the request had', () => {
  const Condition = {
    StringEquals: { 'a:One': ['x', 'y'], 'a:Met': 'm' },
    'ForAnyValue:StringLike': { 'a:Many': 'z*' },
    Bool: { 'a:None': true },
  }
  const statements = [
    { Effect: 'Allow', Action: GET, Resource: '*', Condition },
    { Effect: 'Deny', Action: GET, NotResource: ['arn:aws:s3:::b/*', OTHER_BUCKET] },
    { Effect: 'Allow', Action: GET, Resource: ['arn:aws:s3:::c', OTHER_BUCKET] },
  ]
  const request = asked(ALICE, { 'A:ONE': 'z', 'a:met': 'm', 'a:many': ['p', 'q'] })
  assert.deepEqual(nearOf(request, { identity: [compiled('identity', 'inline', ...statements)] }), [
    [
      'inline 0',
      'identity',
      'condition',
      'StringEquals a:One "x" or "y" is not met: the request has "z"; ' +
        'ForAnyValue:StringLike a:Many "z*" is not met: the request has ["p", "q"]; ' +
        'Bool a:None "true" is not met: the request has no a:None',
    ],
    [
      'inline 1',
      'identity',
      'resource',
      `the resource "arn:aws:s3:::b/k" is among NotResource "arn:aws:s3:::b/*", "${OTHER_BUCKET}"`,
    ],
    [
      'inline 2',
      'identity',
      'resource',
      `the resource "arn:aws:s3:::b/k" matches none of "arn:aws:s3:::c", "${OTHER_BUCKET}"`,
    ],
  ])
})

test('explain() names fifty near misses and no more', () => {
  const many = Array.from({ length: 60 }, () => elsewhere)
  const layers = { identity: [compiled('identity', 'inline', ...many)], boundary: FULL_LAYERS.boundary }
  const near = nearOf(asked(), layers)
  assert.equal(near.length, 50)
  assert.equal(near.at(-1)?.[0], 'inline 49')
})
