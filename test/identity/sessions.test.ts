import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assumeForService } from '../../src/access/assume.ts'
import type { Principal } from '../../src/access/principal.ts'
import { openSession } from '../../src/access/session.ts'
import type { StsApi } from '../../src/aws/generated/sts.ts'
import {
  allow,
  asUser,
  ACCOUNT,
  awsError,
  callIam,
  NOW,
  openWorld,
  perform,
  trustOf,
} from '../../src/iam/iam.fixture.ts'
import type { World } from '../../src/iam/iam.fixture.ts'
import { findRoleById, findRoleByName } from '../../src/store/identity/identities.ts'
import { sts } from '../../src/sts/operations.ts'

async function callSts<K extends keyof StsApi>(
  world: World,
  principal: Principal,
  name: K,
  input: StsApi[K]['input'],
): Promise<StsApi[K]['output']> {
  return (await perform(world, sts, 'sts', principal, name, input)) as StsApi[K]['output']
}

const ROLE = `arn:aws:iam::${ACCOUNT}:role/deploy`
const USER = `arn:aws:iam::${ACCOUNT}:user/anna`

/** The caller as the server rebuilds him from a session's credentials. */
async function asSession(world: World, session: StsApi['AssumeRole']['output']): Promise<Principal> {
  const { AccessKeyId = '', SessionToken = '' } = session.Credentials ?? {}
  const content = openSession(world.serverKey, AccessKeyId, SessionToken)
  assert.ok(content)
  const role = await findRoleById(world.store.db, content.identityId ?? '')
  return {
    kind: content.kind,
    accountId: content.accountId,
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/${role?.name ?? 'deploy'}/${content.session.name}`,
    uniqueId: `${content.identityId}:${content.session.name}`,
    identityId: content.identityId,
    roleArn: ROLE,
    tags: content.tags,
    session: content.session,
    accessKeyId: AccessKeyId,
  }
}

test('R14 a trust policy that named a deleted user does not admit his namesake', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const AssumeRolePolicyDocument = trustOf({ AWS: USER })
  await callIam(world, world.root, 'CreateRole', { RoleName: 'deploy', AssumeRolePolicyDocument })
  const assume = { RoleArn: ROLE, RoleSessionName: 'work' }
  await callSts(world, await asUser(world, 'anna'), 'AssumeRole', assume)

  await callIam(world, world.root, 'DeleteUser', { UserName: 'anna' })
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  await assert.rejects(
    callSts(world, await asUser(world, 'anna'), 'AssumeRole', assume),
    awsError(
      'AccessDenied',
      `User: ${USER} is not authorized to perform: sts:AssumeRole on resource: ${ROLE}`,
    ),
  )
  await world.store.close()
})

test('R14 a role deleted and made again is another principal', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const make = async (): Promise<void> => {
    const AssumeRolePolicyDocument = trustOf({ AWS: USER, Service: 'backup.amazonaws.com' })
    await callIam(world, world.root, 'CreateRole', { RoleName: 'deploy', AssumeRolePolicyDocument })
    await callIam(world, world.root, 'PutRolePolicy', {
      RoleName: 'deploy',
      PolicyName: 'p',
      PolicyDocument: allow('iam:ListUsers'),
    })
  }
  await make()
  await callIam(world, world.root, 'CreateRole', {
    RoleName: 'target',
    AssumeRolePolicyDocument: trustOf({ AWS: ROLE }),
  })
  const before = await findRoleByName(world.store.db, ACCOUNT, 'deploy')
  const session = await asSession(
    world,
    await callSts(world, await asUser(world, 'anna'), 'AssumeRole', {
      RoleArn: ROLE,
      RoleSessionName: 'work',
    }),
  )
  assert.equal((await callIam(world, session, 'ListUsers', {})).Users.length, 1)
  const target = { RoleArn: `arn:aws:iam::${ACCOUNT}:role/target`, RoleSessionName: 'next' }
  await callSts(world, session, 'AssumeRole', target)

  await callIam(world, world.root, 'DeleteRolePolicy', { RoleName: 'deploy', PolicyName: 'p' })
  await callIam(world, world.root, 'DeleteRole', { RoleName: 'deploy' })
  await make()
  await assert.rejects(callIam(world, session, 'ListUsers', {}), awsError('AccessDenied'))
  const again = await asSession(
    world,
    await callSts(world, await asUser(world, 'anna'), 'AssumeRole', {
      RoleArn: ROLE,
      RoleSessionName: 'work',
    }),
  )
  await assert.rejects(callSts(world, again, 'AssumeRole', target), awsError('AccessDenied'))
  const assumed = await assumeForService(
    world.store.db,
    { roleId: before?.role_id ?? '', roleArn: ROLE },
    { service: 'backup.amazonaws.com', sourceAccount: ACCOUNT, sourceArn: 'arn:aws:backup:x', now: NOW },
  )
  assert.equal(assumed.ok, false)
  await world.store.close()
})

test('R14 a session of GetSessionToken cannot make itself a lasting key', async () => {
  const world = await openWorld()
  await callIam(world, world.root, 'CreateUser', { UserName: 'anna' })
  const PolicyArn = 'arn:aws:iam::aws:policy/AdministratorAccess'
  await callIam(world, world.root, 'AttachUserPolicy', { UserName: 'anna', PolicyArn })
  const anna = await asUser(world, 'anna')
  const { Credentials } = await callSts(world, anna, 'GetSessionToken', {})
  assert.ok(Credentials)
  const content = openSession(world.serverKey, Credentials.AccessKeyId, Credentials.SessionToken)
  assert.equal(content?.madeWithKeyId, anna.accessKeyId)
  assert.equal(content?.secretAccessKey, Credentials.SecretAccessKey)
  const session = { ...anna, session: content?.session }
  await assert.rejects(callIam(world, session, 'CreateAccessKey', {}), awsError('InvalidClientTokenId'))
  assert.equal((await callSts(world, session, 'GetCallerIdentity', {})).Arn, USER)
  await world.store.close()
})
