import assert from 'node:assert/strict'
import { test } from 'node:test'
import { openIssuers } from './open-issuers.ts'
import { parsePolicy } from './parse.ts'

const ISSUER = 'id.example.com/realm'
const PROVIDER = `arn:aws:iam::111122223333:oidc-provider/${ISSUER}`

function openOf(
  Condition?: object,
  Principal: object = { Federated: PROVIDER },
  Effect = 'Allow',
): readonly string[] {
  const Statement = { Effect, Principal, Action: 'sts:AssumeRoleWithWebIdentity', Condition }
  const { statements } = parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement }), 'trust')
  return statements.flatMap(openIssuers)
}

const subject = (operator: string, ...values: readonly string[]): object => ({
  [operator]: { [`${ISSUER}:sub`]: values },
})

test('R15 an Allow of an OIDC provider must say whose tokens it means', () => {
  assert.deepEqual(openOf(), [ISSUER])
  assert.deepEqual(openOf({ StringEquals: { [`${ISSUER}:aud`]: 'sts.amazonaws.com' } }), [ISSUER])
  assert.deepEqual(openOf(subject('StringEquals', 'repo:a/b')), [])
  assert.deepEqual(openOf(subject('StringLike', 'repo:a/*')), [])
  assert.deepEqual(openOf(subject('ForAnyValue:StringLike', 'repo:a/*')), [])
  assert.deepEqual(openOf({ StringEquals: { 'ID.example.com/realm:SUB': 'x' } }), [], 'keys know no case')
  assert.deepEqual(openOf(undefined, { Federated: PROVIDER }, 'Deny'), [])
})

test('R15 a condition on the subject that anybody meets says nothing', () => {
  for (const any of ['*', '**', '?*', '???'])
    assert.deepEqual(openOf(subject('StringLike', any)), [ISSUER], any)
  assert.deepEqual(
    openOf(subject('StringLike', 'repo:a/*', '*')),
    [ISSUER],
    'one value that everything matches is enough',
  )
  for (const operator of [
    'StringNotEquals',
    'StringNotLike',
    'StringEqualsIfExists',
    'ForAllValues:StringEquals',
  ])
    assert.deepEqual(openOf(subject(operator, 'repo:a/b')), [ISSUER], operator)
  assert.deepEqual(openOf(subject('Null', 'false')), [ISSUER])
  assert.deepEqual(openOf({ StringEquals: { 'other.example.com:sub': 'x' } }), [ISSUER])
})

test('R15 each provider that a statement names is looked at, and nobody else', () => {
  const other = 'arn:aws:iam::111122223333:oidc-provider/other.example.com'
  assert.deepEqual(openOf(subject('StringEquals', 'x'), { Federated: [PROVIDER, other] }), [
    'other.example.com',
  ])
  const saml = 'arn:aws:iam::111122223333:saml-provider/corp'
  assert.deepEqual(openOf(undefined, { Federated: saml }), [])
  assert.deepEqual(openOf(undefined, { Federated: 'cognito-identity.amazonaws.com' }), [])
  assert.deepEqual(openOf(undefined, { AWS: 'arn:aws:iam::111122223333:root' }), [])
})
