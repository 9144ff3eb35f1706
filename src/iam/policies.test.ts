import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACCOUNT, allow, asUser, awsError, callIam, openWorld } from './iam.fixture.ts'

test('a managed policy has five versions at most, and numbers are not used again', async () => {
  const world = await openWorld()
  const { Policy } = await callIam(world, world.root, 'CreatePolicy', {
    PolicyName: 'backup',
    Path: '/p/',
    PolicyDocument: allow('backup:*'),
  })
  const PolicyArn = Policy?.Arn ?? ''
  assert.equal(PolicyArn, `arn:aws:iam::${ACCOUNT}:policy/p/backup`)
  for (let i = 0; i < 4; i++) {
    await callIam(world, world.root, 'CreatePolicyVersion', { PolicyArn, PolicyDocument: allow(`s3:A${i}`) })
  }
  await assert.rejects(
    callIam(world, world.root, 'CreatePolicyVersion', { PolicyArn, PolicyDocument: allow('s3:*') }),
    awsError('LimitExceeded', 'up to 5 versions'),
  )
  await callIam(world, world.root, 'DeletePolicyVersion', { PolicyArn, VersionId: 'v5' })
  const next = await callIam(world, world.root, 'CreatePolicyVersion', {
    PolicyArn,
    PolicyDocument: allow("s3:Get*'()!"),
    SetAsDefault: true,
  })
  assert.equal(next.PolicyVersion?.VersionId, 'v6')
  await assert.rejects(
    callIam(world, world.root, 'DeletePolicyVersion', { PolicyArn, VersionId: 'v6' }),
    awsError('DeleteConflict', 'Cannot delete the default version of a policy.'),
  )
  const got = await callIam(world, world.root, 'GetPolicyVersion', { PolicyArn, VersionId: 'v6' })
  const document = got.PolicyVersion?.Document ?? ''
  assert.match(document, /^[A-Za-z0-9%._~-]+$/)
  assert.equal(decodeURIComponent(document), allow("s3:Get*'()!"))
  await assert.rejects(
    callIam(world, world.root, 'DeletePolicy', { PolicyArn }),
    awsError('DeleteConflict', 'more than one version'),
  )
  const listed = await callIam(world, world.root, 'ListPolicyVersions', { PolicyArn })
  assert.deepEqual(
    listed.Versions?.map((version) => version.VersionId),
    ['v6', 'v4', 'v3', 'v2', 'v1'],
  )
  await world.store.close()
})

test('sizes do not count blanks, and what is larger or malformed is refused in words of AWS', async () => {
  const world = await openWorld()
  const padded = allow('s3:*').replace('{', `{${' '.repeat(7_000)}`)
  await callIam(world, world.root, 'CreatePolicy', { PolicyName: 'padded', PolicyDocument: padded })
  await assert.rejects(
    callIam(world, world.root, 'CreatePolicy', {
      PolicyName: 'large',
      PolicyDocument: allow(`s3:${'A'.repeat(6_144)}`),
    }),
    awsError('LimitExceeded', 'Cannot exceed quota for PolicySize: 6144'),
  )
  await assert.rejects(
    callIam(world, world.root, 'CreatePolicy', { PolicyName: 'bad', PolicyDocument: '{' }),
    awsError('MalformedPolicyDocument', 'Syntax errors in policy.'),
  )
  await assert.rejects(
    callIam(world, world.root, 'CreatePolicy', { PolicyName: 'PADDED', PolicyDocument: padded }),
    awsError('EntityAlreadyExists', 'A policy called PADDED already exists.'),
  )
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const half = allow(`s3:${'A'.repeat(1_000)}`)
  const put = async (PolicyName: string): Promise<unknown> =>
    await callIam(world, world.root, 'PutUserPolicy', {
      UserName: 'anna',
      PolicyName,
      PolicyDocument: half,
    })
  await put('one')
  await put('one')
  await assert.rejects(put('two'), awsError('LimitExceeded', 'Maximum policy size of 2048 bytes exceeded'))
  await world.store.close()
})

test('what is attached grants, what is detached does not, and ten is the most', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await callIam(world, world.root, 'CreateGroup', { GroupName: 'readers' })
  await callIam(world, world.root, 'AddUserToGroup', { GroupName: 'readers', UserName: 'anna' })
  const anna = await asUser(world, 'anna')
  await assert.rejects(
    callIam(world, anna, 'ListUsers', {}),
    awsError('AccessDenied', 'identity-based policy'),
  )
  const PolicyArn = 'arn:aws:iam::aws:policy/IAMReadOnlyAccess'
  await callIam(world, world.root, 'AttachGroupPolicy', { GroupName: 'readers', PolicyArn })
  assert.equal((await callIam(world, anna, 'ListUsers', {})).Users.length, 1)
  const entities = await callIam(world, world.root, 'ListEntitiesForPolicy', { PolicyArn })
  assert.deepEqual(
    entities.PolicyGroups?.map((group) => group.GroupName),
    ['readers'],
  )
  await callIam(world, world.root, 'DetachGroupPolicy', { GroupName: 'readers', PolicyArn })
  await assert.rejects(callIam(world, anna, 'ListUsers', {}), awsError('AccessDenied'))
  await assert.rejects(
    callIam(world, world.root, 'DetachGroupPolicy', { GroupName: 'readers', PolicyArn }),
    awsError('NoSuchEntity', `Policy ${PolicyArn} was not found.`),
  )
  for (let i = 0; i < 11; i++) {
    const PolicyName = `p${i}`
    await callIam(world, world.root, 'CreatePolicy', { PolicyName, PolicyDocument: allow('s3:*') })
    const attached = callIam(world, world.root, 'AttachUserPolicy', {
      UserName: 'anna',
      PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/${PolicyName}`,
    })
    if (i < 10) await attached
    else await assert.rejects(attached, awsError('LimitExceeded', 'PoliciesPerUser: 10'))
  }
  await assert.rejects(
    callIam(world, world.root, 'DeletePolicy', { PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/p0` }),
    awsError('DeleteConflict', 'Cannot delete a policy attached to entities.'),
  )
  await assert.rejects(
    callIam(world, world.root, 'AttachUserPolicy', {
      UserName: 'anna',
      PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/absent`,
    }),
    awsError('NoSuchEntity', 'does not exist or is not attachable'),
  )
  await world.store.close()
})

test('a boundary takes away, and a delegate who must set one cannot go without', async () => {
  const world = await openWorld()
  const boundary = `arn:aws:iam::${ACCOUNT}:policy/limit`
  await callIam(world, world.root, 'CreatePolicy', {
    PolicyName: 'limit',
    PolicyDocument: allow('iam:Get*'),
  })
  await callIam(world, world.root, 'CreateUser', { UserName: 'delegate' })
  await callIam(world, world.root, 'PutUserPolicy', {
    UserName: 'delegate',
    PolicyName: 'make',
    PolicyDocument: allow(['iam:CreateUser', 'iam:AttachUserPolicy'], '*', {
      StringEquals: { 'iam:PermissionsBoundary': boundary },
    }),
  })
  const delegate = await asUser(world, 'delegate')
  await assert.rejects(callIam(world, delegate, 'CreateUser', { UserName: 'free' }), awsError('AccessDenied'))
  await callIam(world, delegate, 'CreateUser', { UserName: 'bound', PermissionsBoundary: boundary })
  const admin = 'arn:aws:iam::aws:policy/AdministratorAccess'
  await callIam(world, delegate, 'AttachUserPolicy', { UserName: 'bound', PolicyArn: admin })
  await assert.rejects(
    callIam(world, delegate, 'AttachUserPolicy', { UserName: 'delegate', PolicyArn: admin }),
    awsError('AccessDenied'),
  )
  const bound = await asUser(world, 'bound')
  assert.equal(
    (await callIam(world, bound, 'GetUser', {})).User.PermissionsBoundary?.PermissionsBoundaryArn,
    boundary,
  )
  await assert.rejects(
    callIam(world, bound, 'CreateUser', { UserName: 'x' }),
    awsError('AccessDenied', 'no permissions boundary allows'),
  )
  await assert.rejects(
    callIam(world, world.root, 'DeletePolicy', { PolicyArn: boundary }),
    awsError('DeleteConflict'),
  )
  await world.store.close()
})

test('built-in policies are listed and shown, and nobody changes them', async () => {
  const world = await openWorld()
  const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess'
  const listed = await callIam(world, world.root, 'ListPolicies', { Scope: 'AWS', MaxItems: 1_000 })
  assert.ok(listed.Policies?.some((policy) => policy.Arn === PolicyArn))
  const { Policy } = await callIam(world, world.root, 'GetPolicy', { PolicyArn })
  const version = await callIam(world, world.root, 'GetPolicyVersion', {
    PolicyArn,
    VersionId: Policy?.DefaultVersionId ?? '',
  })
  assert.match(decodeURIComponent(version.PolicyVersion?.Document ?? ''), /"Action":\["\*"\]/)
  await assert.rejects(
    callIam(world, world.root, 'CreatePolicyVersion', { PolicyArn, PolicyDocument: allow('s3:*') }),
    awsError('AccessDenied', 'iam:CreatePolicyVersion'),
  )
  await assert.rejects(
    callIam(world, world.root, 'GetPolicy', { PolicyArn: `${PolicyArn}2` }),
    awsError('NoSuchEntity'),
  )
  await world.store.close()
})

test('conditions on tags and on the attached policy decide', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'admin' })
  await callIam(world, world.root, 'CreateUser', {
    UserName: 'mine',
    Tags: [{ Key: 'team', Value: 'db' }],
  })
  await callIam(world, world.root, 'CreateUser', { UserName: 'other' })
  const readOnly = 'arn:aws:iam::aws:policy/ReadOnlyAccess'
  await callIam(world, world.root, 'PutUserPolicy', {
    UserName: 'admin',
    PolicyName: 'p',
    PolicyDocument: allow('iam:AttachUserPolicy', '*', {
      ArnEquals: { 'iam:PolicyARN': readOnly },
      StringEquals: { 'aws:ResourceTag/team': 'db' },
    }),
  })
  const admin = await asUser(world, 'admin')
  await callIam(world, admin, 'AttachUserPolicy', { UserName: 'mine', PolicyArn: readOnly })
  await assert.rejects(
    callIam(world, admin, 'AttachUserPolicy', { UserName: 'other', PolicyArn: readOnly }),
    awsError('AccessDenied'),
  )
  await assert.rejects(
    callIam(world, admin, 'AttachUserPolicy', {
      UserName: 'mine',
      PolicyArn: 'arn:aws:iam::aws:policy/AdministratorAccess',
    }),
    awsError('AccessDenied'),
  )
  await world.store.close()
})
