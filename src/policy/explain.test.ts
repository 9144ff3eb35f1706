import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy } from './compile.ts'
import { contextOf, evaluate, explain } from './evaluate.ts'
import { parsePolicy } from './parse.ts'

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
