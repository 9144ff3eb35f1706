import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { ServerKey } from '../keyring/server-key.ts'
import { contextOf, evaluate } from '../policy/evaluate.ts'
import { encodedDenial, openAuthorizationMessage } from './authorization-message.ts'
import type { Principal } from './principal.ts'
import { principalView } from './request-context.ts'

test('an encoded message opens for its own account and server alone', () => {
  const principal: Principal = {
    kind: 'user',
    accountId: '111122223333',
    arn: 'arn:aws:iam::111122223333:user/alice',
    uniqueId: 'AIDAALICE',
    userName: 'alice',
    tags: {},
  }
  const request = {
    principal: principalView(principal),
    action: 'ec2:RunInstances',
    resource: '*',
    context: contextOf({ 'sts:ExternalId': 'a secret', 'aws:TagKeys': ['a', 'b'] }),
  }
  const key = new ServerKey(randomBytes(32))
  const layers = { identity: [] }
  const text = encodedDenial(key, principal, { request, layers }, evaluate(request, layers)) ?? ''
  const sealed = text.replace('Encoded authorization failure message: ', '')
  const opened = openAuthorizationMessage(key, '111122223333', sealed) ?? ''
  assert.match(opened, /"action":"ec2:RunInstances"/)
  assert.doesNotMatch(opened, /a secret/)
  assert.equal(openAuthorizationMessage(key, '999988887777', sealed), undefined)
  assert.equal(openAuthorizationMessage(new ServerKey(randomBytes(32)), '111122223333', sealed), undefined)
})
