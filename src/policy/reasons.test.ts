import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy } from './compile.ts'
import type { CompiledPolicy, PolicySource } from './compile.ts'
import { contextOf, evaluate } from './evaluate.ts'
import type { PolicyLayers, PrincipalView } from './evaluate.ts'
import { parsePolicy } from './parse.ts'
import type { PolicyKind } from './policy.ts'

/** The sentence after "… is not authorized to perform: ACTION on resource: ARN", for each layer and effect. */

const ACCOUNT = '111111111111'
const ROOT: PrincipalView = {
  kind: 'root',
  arn: `arn:aws:iam::${ACCOUNT}:root`,
  accountId: ACCOUNT,
  uniqueId: ACCOUNT,
}
const ALICE: PrincipalView = {
  kind: 'user',
  arn: `arn:aws:iam::${ACCOUNT}:user/alice`,
  accountId: ACCOUNT,
  uniqueId: 'AIDAALICEALICEALICE1',
}
const BACKUP: PrincipalView = {
  kind: 'service',
  arn: '',
  accountId: '',
  uniqueId: '',
  service: 'backup.amazonaws.com',
}
const ARN = `arn:aws:iam::${ACCOUNT}:policy/p`

function compiled(
  effect: 'Allow' | 'Deny',
  type: PolicySource['type'],
  more: { readonly arn?: string; readonly Principal?: unknown } = {},
): CompiledPolicy {
  const kinds: Readonly<Record<PolicySource['type'], PolicyKind>> = {
    managed: 'identity',
    inline: 'identity',
    boundary: 'identity',
    session: 'session',
    resource: 'resource',
    trust: 'trust',
  }
  const { arn, Principal = '*' } = more
  const statement = {
    managed: { Action: '*', Resource: '*' },
    inline: { Action: '*', Resource: '*' },
    boundary: { Action: '*', Resource: '*' },
    session: { Action: '*', Resource: '*' },
    resource: { Action: '*', Resource: '*', Principal },
    trust: { Action: 'sts:*', Principal },
  }[type]
  const text = JSON.stringify({ Statement: { Effect: effect, ...statement } })
  return compilePolicy(parsePolicy(text, kinds[type]), { type, name: 'p', ...(arn !== undefined && { arn }) })
}

function reasonOf(
  layers: Partial<PolicyLayers>,
  principal: PrincipalView = ALICE,
  action: string = 'sts:AssumeRole',
  resourceAccountId: string = ACCOUNT,
): string {
  const request = { principal, action, resource: '*', resourceAccountId, context: contextOf({}) }
  return evaluate(request, { identity: [], ...layers }).reason
}

const ALLOW = [compiled('Allow', 'inline')]

test('a refusal without a Deny names the kind of policy that would have had to allow', () => {
  const no = (kind: string): string => `because no ${kind} allows the sts:AssumeRole action`
  assert.equal(reasonOf({}), no('identity-based policy'))
  assert.equal(reasonOf({ identity: ALLOW, boundary: [] }), no('permissions boundary'))
  assert.equal(reasonOf({ identity: ALLOW, session: [] }), no('session policy'))
  assert.equal(reasonOf({}, BACKUP), no('resource-based policy'))
  const trust = compiled('Allow', 'trust', { Principal: { AWS: '222222222222' } })
  assert.equal(reasonOf({ identity: ALLOW, trust }), no('role trust policy'))
  assert.equal(reasonOf({ trust }, BACKUP), no('role trust policy'))
  assert.equal(
    reasonOf({ identity: ALLOW }, ALICE, 's3:Get', '222222222222'),
    'because no resource-based policy allows the s3:Get action',
  )
  assert.equal(
    reasonOf({ trust, identity: ALLOW }, ALICE, 'sts:AssumeRole', '222222222222'),
    no('role trust policy'),
  )
  const account = compiled('Allow', 'trust', { Principal: { AWS: ACCOUNT } })
  assert.equal(reasonOf({ trust: account }), no('identity-based policy'))
  assert.equal(reasonOf({}, ROOT), 'Roles may not be assumed by root accounts.')
})

test('a Deny is named with its layer, and with its policy where the layer has several', () => {
  const because = (where: string): string => `with an explicit deny in ${where}`
  assert.equal(reasonOf({ identity: [compiled('Deny', 'inline')] }), because('an identity-based policy: p'))
  assert.equal(
    reasonOf({ identity: [compiled('Deny', 'managed', { arn: ARN })] }),
    because(`an identity-based policy: ${ARN}`),
  )
  assert.equal(
    reasonOf({ boundary: [compiled('Deny', 'boundary', { arn: ARN })] }),
    because(`a permissions boundary: ${ARN}`),
  )
  assert.equal(reasonOf({ session: [compiled('Deny', 'session')] }), because('a session policy: p'))
  assert.equal(
    reasonOf({ resource: compiled('Deny', 'resource', { arn: ARN }) }),
    because('a resource-based policy'),
  )
  assert.equal(reasonOf({ trust: compiled('Deny', 'trust') }), because('the role trust policy'))
  const all = { identity: [compiled('Deny', 'inline')], session: [compiled('Deny', 'session')] }
  assert.equal(reasonOf(all), because('an identity-based policy: p'))
})

test('an Allow names what allowed it', () => {
  const allowedBy = (what: string): string => `because the ${what} allows it`
  assert.equal(reasonOf({ identity: ALLOW }), allowedBy('identity-based policy p'))
  assert.equal(
    reasonOf({ identity: [compiled('Allow', 'managed', { arn: ARN })] }),
    allowedBy(`identity-based policy ${ARN}`),
  )
  assert.equal(reasonOf({ resource: compiled('Allow', 'resource') }), allowedBy('resource-based policy p'))
  assert.equal(
    reasonOf({ resource: compiled('Allow', 'resource') }, BACKUP),
    allowedBy('resource-based policy p'),
  )
  assert.equal(
    reasonOf({ trust: compiled('Allow', 'trust', { arn: ARN }) }),
    allowedBy(`role trust policy ${ARN}`),
  )
  assert.equal(
    reasonOf({}, ROOT, 's3:Get'),
    'because the account root user has every permission in its own account',
  )
  assert.equal(
    reasonOf({}, ALICE, 'sts:GetCallerIdentity'),
    'because sts:GetCallerIdentity needs no permission',
  )
})
