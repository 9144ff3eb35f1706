import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { SimulateCustomPolicyRequest, SimulatePolicyResponse } from '../aws/generated/iam.ts'
import { ACCOUNT, allow, asUser, awsError, callIam, decided, NOW, openWorld, trustOf } from './iam.fixture.ts'

const world = await openWorld()
after(() => world.store.close())
const { root } = world
const arn = (rest: string): string => `arn:aws:iam::${ACCOUNT}:${rest}`
const statementsOf = (...Statement: object[]): string => JSON.stringify({ Version: '2012-10-17', Statement })
const OTHER = '444455556666'

async function custom(input: SimulateCustomPolicyRequest): Promise<SimulatePolicyResponse> {
  return await callIam(world, root, 'SimulateCustomPolicy', input)
}

/** The decision on one action and one resource. */
async function decisionOf(
  input: Omit<SimulateCustomPolicyRequest, 'ActionNames'>,
  action = 's3:GetObject',
): Promise<string | undefined> {
  return (await custom({ ...input, ActionNames: [action] })).EvaluationResults?.[0]?.EvalDecision
}

test('a simulation decides as the gate does, with groups, boundary, inline and attached policies', async () => {
  await callIam(world, root, 'CreateUser', { UserName: 'ada', Tags: [{ Key: 'team', Value: 'x' }] })
  await callIam(world, root, 'CreateGroup', { GroupName: 'readers' })
  await callIam(world, root, 'AddUserToGroup', { GroupName: 'readers', UserName: 'ada' })
  await callIam(world, root, 'PutGroupPolicy', {
    GroupName: 'readers',
    PolicyName: 'group-own',
    PolicyDocument: allow('backup:*', '*', { StringEquals: { 'aws:PrincipalTag/team': 'x' } }),
  })
  await callIam(world, root, 'PutUserPolicy', {
    UserName: 'ada',
    PolicyName: 'own',
    PolicyDocument: statementsOf(
      { Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::home/${aws:username}/*' },
      { Effect: 'Deny', Action: 'backup:Delete*', Resource: '*' },
    ),
  })
  const { Policy } = await callIam(world, root, 'CreatePolicy', {
    PolicyName: 'bound',
    PolicyDocument: allow(['s3:Get*', 'backup:*', 'iam:GetUser']),
  })
  await callIam(world, root, 'PutUserPermissionsBoundary', {
    UserName: 'ada',
    PermissionsBoundary: Policy?.Arn ?? '',
  })
  await callIam(world, root, 'AttachUserPolicy', {
    UserName: 'ada',
    PolicyArn: 'arn:aws:iam::aws:policy/ReadOnlyAccess',
  })
  const ada = await asUser(world, 'ada')
  const cases = [
    ['s3:GetObject', 'arn:aws:s3:::home/ada/x', 'allowed'],
    ['s3:GetObject', 'arn:aws:s3:::home/bob/x', 'allowed'],
    ['s3:PutObject', 'arn:aws:s3:::home/ada/x', 'implicitDeny'],
    ['backup:StartBackupJob', '*', 'allowed'],
    ['backup:DeleteBackupVault', `arn:aws:backup:us-east-1:${ACCOUNT}:backup-vault:v`, 'explicitDeny'],
    ['iam:GetUser', ada.arn, 'allowed'],
    ['iam:GetRole', arn('role/r'), 'implicitDeny'],
  ] as const
  for (const [action, resource, expected] of cases) {
    const { EvaluationResults } = await callIam(world, root, 'SimulatePrincipalPolicy', {
      PolicySourceArn: ada.arn,
      ActionNames: [action],
      ResourceArns: [resource],
    })
    const gate = await decided(world.store.db, {
      principal: ada,
      action,
      resource,
      region: 'us-east-1',
      now: NOW,
    })
    const [result] = EvaluationResults ?? []
    assert.equal(result?.EvalDecision, expected, `${action} ${resource}`)
    assert.equal(gate.allowed, expected === 'allowed', `${action} ${resource}`)
    const isBounded = !['s3:PutObject', 'iam:GetRole'].includes(action)
    assert.deepEqual(result?.PermissionsBoundaryDecisionDetail, { AllowedByPermissionsBoundary: isBounded })
  }
})

test('matched statements say which policy they are from, what it is on, and where they stand', async () => {
  const one = await callIam(world, root, 'SimulatePrincipalPolicy', {
    PolicySourceArn: arn('user/ada'),
    ActionNames: ['backup:DeleteBackupVault', 'backup:StartBackupJob', 'iam:GetUser'],
    PolicyInputList: [allow('iam:GetUser')],
  })
  const own = statementsOf(
    { Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::home/${aws:username}/*' },
    { Effect: 'Deny', Action: 'backup:Delete*', Resource: '*' },
  )
  const matched = one.EvaluationResults?.map((result) =>
    result.MatchedStatements?.map((each) => [each.SourcePolicyId, each.SourcePolicyType]),
  )
  assert.deepEqual(matched, [
    [['own', 'user']],
    [['group-own', 'group']],
    [
      ['ReadOnlyAccess', 'aws-managed'],
      ['PolicyInputList.1', 'none'],
    ],
  ])
  const deny = one.EvaluationResults?.[0]?.MatchedStatements?.[0]
  assert.deepEqual(
    [deny?.StartPosition, deny?.EndPosition],
    [
      { Line: 1, Column: own.indexOf('{"Effect":"Deny"') + 1 },
      { Line: 1, Column: own.length - 1 },
    ],
  )
})

test('policies named for exclusion take no part, the boundary only where it is meant', async () => {
  const simulated = async (exclusion: object): Promise<string[]> => {
    const { EvaluationResults = [] } = await callIam(world, root, 'SimulatePrincipalPolicy', {
      PolicySourceArn: arn('user/ada'),
      ActionNames: ['backup:DeleteBackupVault', 's3:PutObject'],
      ResourceArns: ['arn:aws:s3:::home/ada/x'],
      PolicyExclusionList: [exclusion],
    })
    return EvaluationResults.map((result) => result.EvalDecision)
  }
  const inline = { PolicyName: 'own', AttachmentType: 'user', AttachmentName: 'Ada' }
  assert.deepEqual(await simulated({ InlinePolicyIdentifier: inline }), ['allowed', 'implicitDeny'])
  assert.deepEqual(await simulated({ PolicyType: 'inline' }), ['implicitDeny', 'implicitDeny'])
  assert.deepEqual(await simulated({ PolicyType: 'permission-boundary' }), ['explicitDeny', 'allowed'])
  assert.deepEqual(await simulated({ PolicyArn: arn('policy/bound') }), ['explicitDeny', 'implicitDeny'])
  await assert.rejects(simulated({}), awsError('InvalidInput', 'give PolicyType'))
  await assert.rejects(
    simulated({ PolicyArn: 'arn:aws:iam::*:policy/x' }),
    awsError('InvalidInput', 'not valid'),
  )
})

test('sts:AssumeRole is decided with the trust policy of the role, which AWS leaves out', async () => {
  const worker = arn('role/worker')
  await callIam(world, root, 'CreateRole', {
    RoleName: 'worker',
    AssumeRolePolicyDocument: trustOf({ AWS: arn('user/ada') }),
    Tags: [{ Key: 'kind', Value: 'job' }],
  })
  await callIam(world, root, 'CreateUser', { UserName: 'bob' })
  for (const UserName of ['ada', 'bob']) {
    await callIam(world, root, 'PutUserPolicy', {
      UserName,
      PolicyName: 'assume',
      PolicyDocument: allow('sts:*', '*', { StringEquals: { 'aws:ResourceTag/kind': 'job' } }),
    })
  }
  const simulated = async (name: string, input: object = {}) => {
    const { EvaluationResults } = await callIam(world, root, 'SimulatePrincipalPolicy', {
      PolicySourceArn: arn(`user/${name}`),
      ActionNames: ['sts:AssumeRole'],
      ResourceArns: [worker],
      PolicyExclusionList: [{ PolicyType: 'permission-boundary' }],
      ...input,
    })
    return EvaluationResults?.[0]
  }
  const ada = await simulated('ada')
  assert.equal(ada?.EvalDecision, 'allowed')
  // The text is the one that GetRole shows, not the stored one with ids.
  assert.deepEqual(ada?.MatchedStatements, [
    {
      SourcePolicyId: 'worker',
      SourcePolicyType: 'resource',
      StartPosition: { Line: 1, Column: trustOf({}).indexOf('{"Effect') + 1 },
      EndPosition: { Line: 1, Column: trustOf({ AWS: arn('user/ada') }).length - 1 },
    },
  ])
  assert.equal((await simulated('bob'))?.EvalDecision, 'implicitDeny')
  const ResourcePolicy = trustOf({ AWS: ACCOUNT })
  const ContextEntries = [{ ContextKeyName: 'aws:ResourceTag/kind', ContextKeyValues: ['job'] }]
  assert.equal((await simulated('bob', { ResourcePolicy, ContextEntries }))?.EvalDecision, 'allowed')
  // A role that is not there has no trust policy: the caller's own side alone, as for every other resource.
  const ResourceArns = [arn('role/later')]
  assert.equal((await simulated('bob', { ResourceArns, ContextEntries }))?.EvalDecision, 'allowed')
  // A role's session is the caller where a role is the source.
  await callIam(world, root, 'UpdateAssumeRolePolicy', {
    RoleName: 'worker',
    PolicyDocument: trustOf({ AWS: worker }),
  })
  const itself = await callIam(world, root, 'SimulatePrincipalPolicy', {
    PolicySourceArn: worker,
    ActionNames: ['sts:AssumeRole'],
    ResourceArns: [worker],
  })
  assert.equal(itself.EvaluationResults?.[0]?.EvalDecision, 'allowed')
})

test('R15 simulating a principal, and a role as what is assumed, needs the right on it', async () => {
  await callIam(world, root, 'PutUserPolicy', {
    UserName: 'bob',
    PolicyName: 'simulate',
    PolicyDocument: allow(
      ['iam:SimulatePrincipalPolicy', 'iam:GetContextKeysForPrincipalPolicy', 'iam:SimulateCustomPolicy'],
      arn('user/bob'),
    ),
  })
  const bob = await asUser(world, 'bob')
  const ask = async (source: string, action = 's3:GetObject', resource = '*') =>
    await callIam(world, bob, 'SimulatePrincipalPolicy', {
      PolicySourceArn: source,
      ActionNames: [action],
      ResourceArns: [resource],
    })
  await ask(bob.arn)
  for (const source of [arn('user/ada'), arn('role/worker'), arn('role/absent'), arn('group/readers')]) {
    await assert.rejects(
      ask(source),
      awsError('AccessDenied', `iam:SimulatePrincipalPolicy on resource: ${source}`),
    )
    await assert.rejects(
      callIam(world, bob, 'GetContextKeysForPrincipalPolicy', { PolicySourceArn: source }),
      awsError('AccessDenied', source),
    )
  }
  for (const role of [arn('role/worker'), arn('role/absent')]) {
    await assert.rejects(
      ask(bob.arn, 'sts:AssumeRole', role),
      awsError('AccessDenied', `iam:SimulatePrincipalPolicy on resource: ${role}`),
    )
  }
  await ask(bob.arn, 's3:GetObject', arn('role/worker'))
})

test('R15 another account’s principals and roles are neither simulated nor looked at', async () => {
  const foreign = `arn:aws:iam::${OTHER}:role/worker`
  await assert.rejects(
    callIam(world, root, 'SimulatePrincipalPolicy', {
      PolicySourceArn: foreign,
      ActionNames: ['s3:GetObject'],
    }),
    awsError('AccessDenied', foreign),
  )
  const CallerArn = arn('user/ada')
  const input = { PolicyInputList: [allow('sts:*')], ResourceArns: [foreign], CallerArn }
  assert.equal(await decisionOf(input, 'sts:AssumeRole'), 'allowed')
})

test('a boundary in the request stands in for the one the principal has', async () => {
  const { EvaluationResults } = await callIam(world, root, 'SimulatePrincipalPolicy', {
    PolicySourceArn: arn('user/ada'),
    ActionNames: ['s3:GetObject', 's3:PutObject'],
    ResourceArns: ['arn:aws:s3:::home/ada/x'],
    PermissionsBoundaryPolicyInputList: [allow('s3:Put*')],
  })
  assert.deepEqual(
    EvaluationResults?.map((result) => [
      result.EvalDecision,
      result.PermissionsBoundaryDecisionDetail?.AllowedByPermissionsBoundary,
    ]),
    [
      ['implicitDeny', false],
      ['allowed', true],
    ],
  )
})

test('what cannot be simulated is refused with the place', async () => {
  const PolicyInputList = [allow('s3:*')]
  const refused = async (input: object, text: string): Promise<void> =>
    await assert.rejects(
      decisionOf({ PolicyInputList, ...input }, 'action' in input ? String(input.action) : undefined),
      awsError('InvalidInput', text),
    )
  await refused({ PolicyInputList: [allow('s3:*'), '{'] }, 'PolicyInputList.2')
  await refused({ PolicyInputList: [trustOf('*')] }, 'PolicyInputList.1, Statement[0].Principal')
  await refused({ PermissionsBoundaryPolicyInputList: ['{}'] }, 'PermissionsBoundaryPolicyInputList.1')
  await refused({ PermissionsBoundaryPolicyInputList: [allow('s3:*'), allow('*')] }, 'one at most')
  await refused({ action: 'GetObject' }, '"GetObject"')
  await refused({ action: 's3:*' }, '"s3:*"')
  await refused({ ResourceArns: ['b/x'] }, 'Invalid resource "b/x"')
  await refused({ CallerArn: arn('policy/p') }, 'Invalid CallerArn')
  await refused({ ResourceOwner: 'me' }, 'Invalid ResourceOwner')
  await assert.rejects(
    callIam(world, root, 'SimulatePrincipalPolicy', {
      PolicySourceArn: arn('root'),
      ActionNames: ['s3:GetObject'],
    }),
    awsError('InvalidInput', 'does not clearly define entity type and name'),
  )
  await assert.rejects(
    callIam(world, root, 'SimulatePrincipalPolicy', {
      PolicySourceArn: arn('user/elsewhere/ada'),
      ActionNames: ['s3:GetObject'],
    }),
    awsError('NoSuchEntity'),
  )
})

test('context keys are those of conditions and variables, each once', async () => {
  const old = JSON.stringify({
    Statement: { Effect: 'Allow', Action: '*', Resource: 'arn:aws:s3:::${aws:userid}' },
  })
  const PolicyInputList = [
    allow('s3:*', "arn:aws:s3:::b/${aws:username}/${s3:prefix, 'x'}/${*}", {
      StringLike: { 'aws:PrincipalTag/a': '${aws:PrincipalTag/b}${$}' },
      NumericEquals: { 's3:max-keys': '${aws:EpochTime}' },
    }),
    allow('ec2:*', '*', { Bool: { 'AWS:principaltag/A': 'true' } }),
    old,
  ]
  const { ContextKeyNames } = await callIam(world, root, 'GetContextKeysForCustomPolicy', { PolicyInputList })
  assert.deepEqual(ContextKeyNames, [
    'aws:PrincipalTag/a',
    'aws:PrincipalTag/b',
    's3:max-keys',
    'aws:username',
    's3:prefix',
  ])
  const ofAda = await callIam(world, root, 'GetContextKeysForPrincipalPolicy', {
    PolicySourceArn: arn('user/ada'),
    PolicyInputList: [allow('s3:*', '*', { Bool: { 'aws:SecureTransport': 'true' } })],
  })
  for (const key of ['aws:username', 'aws:PrincipalTag/team', 'aws:ResourceTag/kind', 'aws:SecureTransport'])
    assert.ok(ofAda.ContextKeyNames?.includes(key), key)
})

test('a simulation of a user has what the account lets users do with their own password', async () => {
  await callIam(world, root, 'CreateUser', { UserName: 'eve' })
  const simulated = async (): Promise<unknown> => {
    const { EvaluationResults } = await callIam(world, root, 'SimulatePrincipalPolicy', {
      PolicySourceArn: arn('user/eve'),
      ActionNames: ['iam:ChangePassword', 'iam:DeleteUser'],
      ResourceArns: [arn('user/eve'), arn('user/ada')],
    })
    return EvaluationResults?.map(({ ResourceSpecificResults }) =>
      ResourceSpecificResults?.map(({ EvalResourceDecision }) => EvalResourceDecision),
    )
  }
  const none = ['implicitDeny', 'implicitDeny']
  assert.deepEqual(await simulated(), [none, none])
  await callIam(world, root, 'UpdateAccountPasswordPolicy', { AllowUsersToChangePassword: true })
  assert.deepEqual(await simulated(), [['allowed', 'implicitDeny'], none])
})
