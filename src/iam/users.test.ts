import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findAccessKey } from '../store/identity/identities.ts'
import { ACCOUNT, allow, asUser, awsError, callIam, openWorld } from './iam.fixture.ts'

test('a user is made with path and tags, is found by any case, and its name is taken in any case', async () => {
  const world = await openWorld()
  const made = await callIam(world, world.root, 'CreateUser', {
    UserName: 'Anna',
    Path: '/ops/',
    Tags: [{ Key: 'team', Value: 'db' }],
  })
  assert.match(made.User?.UserId ?? '', /^AIDA[A-Z2-7]{17}$/)
  const { User } = await callIam(world, world.root, 'GetUser', { UserName: 'ANNA' })
  assert.equal(User.Arn, `arn:aws:iam::${ACCOUNT}:user/ops/Anna`)
  assert.deepEqual(User.Tags, [{ Key: 'team', Value: 'db' }])
  await assert.rejects(
    callIam(world, world.root, 'CreateUser', { UserName: 'anna' }),
    awsError('EntityAlreadyExists', 'User with name anna already exists.'),
  )
  await assert.rejects(
    callIam(world, world.root, 'GetUser', { UserName: 'nobody' }),
    awsError('NoSuchEntity', 'The user with name nobody cannot be found.'),
  )
  await world.store.close()
})

test('GetUser() without a name answers about the caller, and root about the account', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await callIam(world, world.root, 'PutUserPolicy', {
    UserName: 'anna',
    PolicyName: 'self',
    PolicyDocument: allow('iam:GetUser', `arn:aws:iam::${ACCOUNT}:user/\${aws:username}`),
  })
  const anna = await asUser(world, 'anna')
  assert.equal((await callIam(world, anna, 'GetUser', {})).User.UserName, 'anna')
  assert.equal((await callIam(world, world.root, 'GetUser', {})).User.Arn, `arn:aws:iam::${ACCOUNT}:root`)
  await assert.rejects(callIam(world, anna, 'GetUser', { UserName: 'other' }), awsError('AccessDenied'))
  await world.store.close()
})

test('ListUsers() goes on where its marker says, and refuses the marker of another list', async () => {
  const world = await openWorld()
  for (const UserName of ['c', 'A', 'b']) await callIam(world, world.root, 'CreateUser', { UserName })
  await callIam(world, world.root, 'CreateUser', { UserName: 'd', Path: '/x/' })
  const first = await callIam(world, world.root, 'ListUsers', { MaxItems: 3 })
  assert.deepEqual(
    first.Users.map((user) => user.UserName),
    ['A', 'b', 'c'],
  )
  assert.equal(first.IsTruncated, true)
  const second = await callIam(world, world.root, 'ListUsers', { Marker: first.Marker })
  assert.deepEqual(
    second.Users.map((user) => user.UserName),
    ['d'],
  )
  assert.equal(second.IsTruncated, false)
  const inPath = await callIam(world, world.root, 'ListUsers', { PathPrefix: '/x' })
  assert.deepEqual(
    inPath.Users.map((user) => user.UserName),
    ['d'],
  )
  await assert.rejects(
    callIam(world, world.root, 'ListRoles', { Marker: first.Marker }),
    awsError('ValidationError', 'Invalid Marker'),
  )
  await world.store.close()
})

test('a rename keeps id, tags and policies, and needs rights to both names', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', {
    UserName: 'anna',
    Tags: [{ Key: 'team', Value: 'db' }],
  })
  await callIam(world, world.root, 'CreateUser', { UserName: 'admin' })
  const before = await callIam(world, world.root, 'GetUser', { UserName: 'anna' })
  await callIam(world, world.root, 'UpdateUser', {
    UserName: 'anna',
    NewUserName: 'Hanna',
    NewPath: '/new/',
  })
  const after = await callIam(world, world.root, 'GetUser', { UserName: 'hanna' })
  assert.equal(after.User.UserId, before.User.UserId)
  assert.deepEqual(after.User.Tags, [{ Key: 'team', Value: 'db' }])
  await assert.rejects(
    callIam(world, world.root, 'UpdateUser', { UserName: 'Hanna', NewUserName: 'ADMIN' }),
    awsError('EntityAlreadyExists'),
  )
  await callIam(world, world.root, 'PutUserPolicy', {
    UserName: 'Hanna',
    PolicyName: 'own-path',
    PolicyDocument: allow('iam:UpdateUser', `arn:aws:iam::${ACCOUNT}:user/new/*`),
  })
  const hanna = await asUser(world, 'Hanna')
  await assert.rejects(
    callIam(world, hanna, 'UpdateUser', { UserName: 'Hanna', NewPath: '/admins/' }),
    awsError('AccessDenied', 'user/admins/Hanna'),
  )
  await world.store.close()
})

test('DeleteUser() refuses while policies, keys or groups remain, and says which', async () => {
  const world = await openWorld()
  const call = async (name: Parameters<typeof callIam>[2], input: object): Promise<unknown> =>
    await callIam(world, world.root, name, input as never)
  await call('CreateUser', { UserName: 'anna' })
  await call('CreateGroup', { GroupName: 'ops' })
  await call('AddUserToGroup', { GroupName: 'ops', UserName: 'anna' })
  await call('PutUserPolicy', { UserName: 'anna', PolicyName: 'p', PolicyDocument: allow('s3:*') })
  const arn = 'arn:aws:iam::aws:policy/ReadOnlyAccess'
  await call('AttachUserPolicy', { UserName: 'anna', PolicyArn: arn })
  const { AccessKey } = await callIam(world, world.root, 'CreateAccessKey', { UserName: 'anna' })
  const refused = async (text: string): Promise<void> => {
    await assert.rejects(call('DeleteUser', { UserName: 'anna' }), awsError('DeleteConflict', text))
  }
  await refused('must detach all policies first')
  await call('DetachUserPolicy', { UserName: 'anna', PolicyArn: arn })
  await refused('must delete policies first')
  await call('DeleteUserPolicy', { UserName: 'anna', PolicyName: 'p' })
  await refused('must delete access keys first')
  await call('DeleteAccessKey', { UserName: 'anna', AccessKeyId: AccessKey.AccessKeyId })
  await refused('must remove users from group first')
  await assert.rejects(
    call('DeleteGroup', { GroupName: 'ops' }),
    awsError('DeleteConflict', 'must remove users from group first'),
  )
  await call('RemoveUserFromGroup', { GroupName: 'ops', UserName: 'anna' })
  await call('DeleteUser', { UserName: 'anna' })
  await call('DeleteGroup', { GroupName: 'ops' })
  await assert.rejects(call('DeleteUser', { UserName: 'anna' }), awsError('NoSuchEntity'))
  await world.store.close()
})

test('an access key is shown once, lies sealed, and a user has two at most', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await callIam(world, world.root, 'CreateUser', { UserName: 'bert' })
  const { AccessKey } = await callIam(world, world.root, 'CreateAccessKey', { UserName: 'anna' })
  assert.match(AccessKey.AccessKeyId, /^AKIA[A-Z2-7]{16}$/)
  const row = await findAccessKey(world.store.db, AccessKey.AccessKeyId)
  assert.ok(row)
  assert.ok(!row.secret.includes(AccessKey.SecretAccessKey))
  assert.equal(
    world.serverKey.open('access-key', AccessKey.AccessKeyId, row.secret).toString(),
    AccessKey.SecretAccessKey,
  )
  await callIam(world, world.root, 'CreateAccessKey', { UserName: 'anna' })
  await assert.rejects(
    callIam(world, world.root, 'CreateAccessKey', { UserName: 'anna' }),
    awsError('LimitExceeded', 'Cannot exceed quota for AccessKeysPerUser: 2'),
  )
  await assert.rejects(
    callIam(world, world.root, 'UpdateAccessKey', {
      UserName: 'bert',
      AccessKeyId: AccessKey.AccessKeyId,
      Status: 'Inactive',
    }),
    awsError('NoSuchEntity', 'The Access Key with id'),
  )
  await callIam(world, world.root, 'UpdateAccessKey', {
    UserName: 'anna',
    AccessKeyId: AccessKey.AccessKeyId,
    Status: 'Inactive',
  })
  const { AccessKeyMetadata } = await callIam(world, world.root, 'ListAccessKeys', { UserName: 'anna' })
  assert.deepEqual(new Set(AccessKeyMetadata.map((key) => key.Status)), new Set(['Active', 'Inactive']))
  const used = await callIam(world, world.root, 'GetAccessKeyLastUsed', {
    AccessKeyId: AccessKey.AccessKeyId,
  })
  assert.deepEqual(used.AccessKeyLastUsed, { LastUsedDate: undefined, ServiceName: 'N/A', Region: 'N/A' })
  await assert.rejects(callIam(world, world.root, 'CreateAccessKey', {}), awsError('AccessDenied', 'root'))
  await world.store.close()
})

test('R13 nobody sets or removes tags that start with aws:, and tag keys differ by more than case', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await assert.rejects(
    callIam(world, world.root, 'TagUser', { UserName: 'anna', Tags: [{ Key: 'AWS:x', Value: '' }] }),
    awsError('InvalidInput', 'reserved'),
  )
  await assert.rejects(
    callIam(world, world.root, 'UntagUser', { UserName: 'anna', TagKeys: ['aws:x'] }),
    awsError('InvalidInput', 'reserved'),
  )
  await callIam(world, world.root, 'TagUser', { UserName: 'anna', Tags: [{ Key: 'Team', Value: 'a' }] })
  await callIam(world, world.root, 'TagUser', { UserName: 'anna', Tags: [{ Key: 'team', Value: 'b' }] })
  const { Tags } = await callIam(world, world.root, 'ListUserTags', { UserName: 'anna' })
  assert.deepEqual(Tags, [{ Key: 'team', Value: 'b' }])
  const many = Array.from({ length: 50 }, (_, i) => ({ Key: `k${i}`, Value: '' }))
  await assert.rejects(
    callIam(world, world.root, 'TagUser', { UserName: 'anna', Tags: many }),
    awsError('LimitExceeded'),
  )
  await world.store.close()
})
