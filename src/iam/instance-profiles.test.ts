import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACCOUNT, allow, asUser, awsError, callIam, openWorld, trustOf } from './iam.fixture.ts'

const TRUST = trustOf({ Service: 'ec2.amazonaws.com' })

test('a profile holds one role, keeps it from deletion, and shows it', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateRole', { RoleName: 'web', AssumeRolePolicyDocument: TRUST })
  await callIam(world, world.root, 'CreateRole', { RoleName: 'db', AssumeRolePolicyDocument: TRUST })
  const made = await callIam(world, world.root, 'CreateInstanceProfile', { InstanceProfileName: 'web' })
  assert.match(made.InstanceProfile.InstanceProfileId, /^AIPA[A-Z2-7]{17}$/)
  const web = { InstanceProfileName: 'web', RoleName: 'web' }
  await callIam(world, world.root, 'AddRoleToInstanceProfile', web)
  await assert.rejects(
    callIam(world, world.root, 'AddRoleToInstanceProfile', { ...web, RoleName: 'db' }),
    awsError('LimitExceeded'),
  )
  await assert.rejects(
    callIam(world, world.root, 'DeleteRole', { RoleName: 'web' }),
    awsError('DeleteConflict', 'must remove roles from instance profile first'),
  )
  await assert.rejects(
    callIam(world, world.root, 'DeleteInstanceProfile', { InstanceProfileName: 'web' }),
    awsError('DeleteConflict'),
  )
  const { InstanceProfiles } = await callIam(world, world.root, 'ListInstanceProfilesForRole', {
    RoleName: 'web',
  })
  assert.deepEqual(
    InstanceProfiles.map((profile) => profile.Roles.map((role) => role.RoleName)),
    [['web']],
  )
  await callIam(world, world.root, 'RemoveRoleFromInstanceProfile', web)
  await assert.rejects(
    callIam(world, world.root, 'RemoveRoleFromInstanceProfile', web),
    awsError('NoSuchEntity'),
  )
  await callIam(world, world.root, 'DeleteInstanceProfile', { InstanceProfileName: 'web' })
  await callIam(world, world.root, 'DeleteRole', { RoleName: 'web' })
  await world.store.close()
})

test('who puts a role into a profile must be allowed to pass it to EC2', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateRole', { RoleName: 'web', AssumeRolePolicyDocument: TRUST })
  await callIam(world, world.root, 'CreateInstanceProfile', { InstanceProfileName: 'web' })
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const put = async (PolicyName: string, PolicyDocument: string): Promise<unknown> =>
    await callIam(world, world.root, 'PutUserPolicy', { UserName: 'anna', PolicyName, PolicyDocument })
  await put('add', allow('iam:AddRoleToInstanceProfile'))
  const anna = await asUser(world, 'anna')
  const web = { InstanceProfileName: 'web', RoleName: 'web' }
  await assert.rejects(
    callIam(world, anna, 'AddRoleToInstanceProfile', web),
    awsError('AccessDenied', `iam:PassRole on resource: arn:aws:iam::${ACCOUNT}:role/web`),
  )
  const toEc2 = { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }
  await put('pass', allow('iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/web`, toEc2))
  await callIam(world, anna, 'AddRoleToInstanceProfile', web)
  await world.store.close()
})

test('a service-linked role has its policy, and customers cannot change it', async () => {
  const world = await openWorld()
  const { Role } = await callIam(world, world.root, 'CreateServiceLinkedRole', {
    AWSServiceName: 'backup.amazonaws.com',
  })
  assert.equal(
    Role?.Arn,
    `arn:aws:iam::${ACCOUNT}:role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup`,
  )
  const RoleName = 'AWSServiceRoleForBackup'
  const attached = await callIam(world, world.root, 'ListAttachedRolePolicies', { RoleName })
  assert.deepEqual(
    attached.AttachedPolicies?.map((policy) => policy.PolicyName),
    ['AWSBackupServiceLinkedRolePolicyForBackup'],
  )
  await assert.rejects(
    callIam(world, world.root, 'DeleteRole', { RoleName }),
    awsError('UnmodifiableEntity', 'only modifiable by AWS'),
  )
  await assert.rejects(
    callIam(world, world.root, 'CreateServiceLinkedRole', { AWSServiceName: 'backup.amazonaws.com' }),
    awsError('InvalidInput', 'has been taken'),
  )
  await assert.rejects(
    callIam(world, world.root, 'CreateRole', {
      RoleName: 'x',
      Path: '/aws-service-role/backup.amazonaws.com/',
      AssumeRolePolicyDocument: TRUST,
    }),
    awsError('InvalidInput', 'reserved'),
  )
  const PolicyArn = 'arn:aws:iam::aws:policy/aws-service-role/AWSBackupServiceLinkedRolePolicyForBackup'
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await assert.rejects(
    callIam(world, world.root, 'AttachUserPolicy', { UserName: 'anna', PolicyArn }),
    awsError('PolicyNotAttachable'),
  )
  await world.store.close()
})

test('what nobody has is listed as empty, so that clients can delete a user', async () => {
  const world = await openWorld()
  const UserName = 'anna'
  await callIam(world, world.root, 'CreateUser', { UserName })
  assert.deepEqual((await callIam(world, world.root, 'ListMFADevices', { UserName })).MFADevices, [])
  assert.deepEqual((await callIam(world, world.root, 'ListSSHPublicKeys', { UserName })).SSHPublicKeys, [])
  assert.deepEqual(
    (await callIam(world, world.root, 'ListSigningCertificates', { UserName })).Certificates,
    [],
  )
  await assert.rejects(
    callIam(world, world.root, 'DeleteLoginProfile', { UserName }),
    awsError('NoSuchEntity', 'Login Profile for User anna cannot be found.'),
  )
  const { SummaryMap } = await callIam(world, world.root, 'GetAccountSummary', {})
  assert.equal(SummaryMap?.Users, 1)
  assert.equal(SummaryMap?.AccountAccessKeysPresent, 0)
  await world.store.close()
})
