import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { TestContext } from 'node:test'
import { openContext } from '../../test/fixtures/context.ts'
import type { Principal } from '../access/principal.ts'
import { AwsError } from '../aws/error.ts'
import type { Operation, UnbuiltOperation } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { findRoleByName } from '../store/identity/identities.ts'
import { attachments } from './attachments.ts'
import { boundaries } from './boundaries.ts'
import { groups } from './groups.ts'
import { inlinePolicies } from './inline-policies.ts'
import { policies } from './policies.ts'
import { policyVersions } from './policy-versions.ts'
import { roles } from './roles.ts'
import { users } from './users.ts'

const ACCOUNT = '111122223333'
const NOW = Date.UTC(2026, 0, 1)
const DOCUMENT = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
const ADMIN = 'arn:aws:iam::aws:policy/AdministratorAccess'

test('a trust policy holds to the user it was saved with, not to a namesake', async (t) => {
  const ctx = await contextFor(t)
  const first = (await run(ctx, users.CreateUser, { UserName: 'dba' })).User
  const trust = trustOf(first?.Arn ?? '')
  await run(ctx, roles.CreateRole, { RoleName: 'backup', AssumeRolePolicyDocument: trust })
  const row = await findRoleByName(ctx.store.db, ACCOUNT, 'backup')
  assert.deepEqual(principalIn(row?.trust_policy), first?.UserId)
  assert.equal(await shownPrincipal(ctx), first?.Arn)
  await run(ctx, users.DeleteUser, { UserName: 'dba' })
  await run(ctx, users.CreateUser, { UserName: 'dba' })
  assert.equal(await shownPrincipal(ctx), first?.UserId)
  await refused(
    run(ctx, roles.UpdateAssumeRolePolicy, {
      RoleName: 'backup',
      PolicyDocument: trustOf(first?.UserId ?? ''),
    }),
    'MalformedPolicyDocument',
    /^Invalid principal in policy: "AWS":"AIDA/,
  )
})

test('a trust policy that names nobody is refused, and so is a document of the wrong kind', async (t) => {
  const ctx = await contextFor(t)
  const create = (document: string): Promise<unknown> =>
    run(ctx, roles.CreateRole, { RoleName: 'backup', AssumeRolePolicyDocument: document })
  const nobody = `arn:aws:iam::${ACCOUNT}:user/nobody`
  const text = new RegExp(`^Invalid principal in policy: "AWS":"${nobody}"$`)
  await refused(create(trustOf(nobody)), 'MalformedPolicyDocument', text)
  await refused(create(DOCUMENT), 'MalformedPolicyDocument', /./)
  await refused(create('{'), 'MalformedPolicyDocument', /./)
})

test('names are taken whatever their case, and kept as they were given', async (t) => {
  const ctx = await contextFor(t)
  await run(ctx, users.CreateUser, { UserName: 'Dba', Path: '/team/' })
  await refused(run(ctx, users.CreateUser, { UserName: 'dBA' }), 'EntityAlreadyExists', /dBA already exists/)
  const found = (await run(ctx, users.GetUser, { UserName: 'DBA' })).User
  assert.equal(found?.Arn, `arn:aws:iam::${ACCOUNT}:user/team/Dba`)
  assert.equal(
    await users.GetUser.resource(ctx, { UserName: 'dba' }),
    `arn:aws:iam::${ACCOUNT}:user/team/Dba`,
  )
  await refused(
    run(ctx, users.GetUser, { UserName: 'none' }),
    'NoSuchEntity',
    /^The user with name none cannot be found\.$/,
  )
})

test('a user who still has something cannot be deleted', async (t) => {
  const ctx = await contextFor(t)
  const user = { UserName: 'dba' }
  await run(ctx, users.CreateUser, user)
  await run(ctx, groups.CreateGroup, { GroupName: 'team' })
  const deleted = (): Promise<unknown> => run(ctx, users.DeleteUser, user)
  await run(ctx, attachments.AttachUserPolicy, { ...user, PolicyArn: ADMIN })
  await refused(deleted(), 'DeleteConflict', /^Cannot delete entity, must detach all policies first\.$/)
  await run(ctx, attachments.DetachUserPolicy, { ...user, PolicyArn: ADMIN })
  await run(ctx, inlinePolicies.PutUserPolicy, { ...user, PolicyName: 'own', PolicyDocument: DOCUMENT })
  await refused(deleted(), 'DeleteConflict', /must delete policies first/)
  await run(ctx, inlinePolicies.DeleteUserPolicy, { ...user, PolicyName: 'own' })
  await run(ctx, groups.AddUserToGroup, { ...user, GroupName: 'team' })
  await refused(deleted(), 'DeleteConflict', /remove users from group/)
  await run(ctx, groups.RemoveUserFromGroup, { ...user, GroupName: 'team' })
  await deleted()
  await refused(run(ctx, users.GetUser, user), 'NoSuchEntity', /dba/)
})

test('a policy keeps five versions, and its numbers are not given again', async (t) => {
  const ctx = await contextFor(t)
  const arn = `arn:aws:iam::${ACCOUNT}:policy/own`
  await run(ctx, policies.CreatePolicy, { PolicyName: 'own', PolicyDocument: DOCUMENT })
  const add = async (isDefault: boolean): Promise<string | undefined> => {
    const request = { PolicyArn: arn, PolicyDocument: DOCUMENT, SetAsDefault: isDefault }
    return (await run(ctx, policyVersions.CreatePolicyVersion, request)).PolicyVersion?.VersionId
  }
  assert.deepEqual(
    [await add(false), await add(false), await add(false), await add(true)],
    ['v2', 'v3', 'v4', 'v5'],
  )
  await refused(add(false), 'LimitExceeded', /up to 5 versions/)
  const remove = (VersionId: string): Promise<unknown> =>
    run(ctx, policyVersions.DeletePolicyVersion, { PolicyArn: arn, VersionId })
  await refused(remove('v5'), 'DeleteConflict', /default version/)
  await remove('v4')
  assert.equal(await add(false), 'v6')
  await refused(
    run(ctx, policies.DeletePolicy, { PolicyArn: arn }),
    'DeleteConflict',
    /more than one version/,
  )
})

test('documents are answered percent-encoded as RFC 3986 has it', async (t) => {
  const ctx = await contextFor(t)
  await run(ctx, users.CreateUser, { UserName: 'dba' })
  const document = DOCUMENT.replace('s3:*', 's3:Get*').replace('"*"', '"arn:aws:s3:::b/(!\')*"')
  const policy = { UserName: 'dba', PolicyName: 'own' }
  await run(ctx, inlinePolicies.PutUserPolicy, { ...policy, PolicyDocument: document })
  const shown = (await run(ctx, inlinePolicies.GetUserPolicy, policy)).PolicyDocument
  assert.match(shown, /^[\w.~%-]*$/)
  assert.equal(decodeURIComponent(shown), document)
})

test('a list goes on where its marker says, and takes no marker of another list', async (t) => {
  const ctx = await contextFor(t)
  for (const UserName of ['a', 'b', 'c']) await run(ctx, users.CreateUser, { UserName })
  const first = await run(ctx, users.ListUsers, { MaxItems: 2 })
  assert.deepEqual(
    first.Users.map((user) => user.UserName),
    ['a', 'b'],
  )
  assert.equal(first.IsTruncated, true)
  const second = await run(ctx, users.ListUsers, { MaxItems: 2, Marker: first.Marker })
  assert.deepEqual(
    second.Users.map((user) => user.UserName),
    ['c'],
  )
  assert.equal(second.IsTruncated, false)
  await refused(run(ctx, groups.ListGroups, { Marker: first.Marker }), 'ValidationError', /Marker/)
})

test('limits hold for attachments, inline policies and managed policies', async (t) => {
  const ctx = await contextFor(t)
  const role = { RoleName: 'backup' }
  const trust = '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'
  await run(ctx, roles.CreateRole, { ...role, AssumeRolePolicyDocument: trust })
  for (let i = 0; i < 11; i++) {
    await run(ctx, policies.CreatePolicy, { PolicyName: `p${i}`, PolicyDocument: DOCUMENT })
  }
  const attach = (i: number): Promise<unknown> =>
    run(ctx, attachments.AttachRolePolicy, { ...role, PolicyArn: `arn:aws:iam::${ACCOUNT}:policy/p${i}` })
  for (let i = 0; i < 10; i++) await attach(i)
  await refused(attach(10), 'LimitExceeded', /PoliciesPerRole: 10/)
  await attach(9)
  const big = DOCUMENT.replace('s3:*', `s3:${'x'.repeat(6_144)}`)
  await refused(
    run(ctx, policies.CreatePolicy, { PolicyName: 'big', PolicyDocument: big }),
    'LimitExceeded',
    /PolicySize: 6144/,
  )
  const put = (PolicyName: string): Promise<unknown> =>
    run(ctx, inlinePolicies.PutRolePolicy, { ...role, PolicyName, PolicyDocument: big })
  await put('one')
  await refused(put('two'), 'LimitExceeded', /^Maximum policy size of 10240 bytes exceeded for role backup$/)
})

test('built-in policies and service-linked roles are not for customers to change', async (t) => {
  const ctx = await contextFor(t)
  const version = { PolicyArn: ADMIN, PolicyDocument: DOCUMENT }
  await assert.rejects(run(ctx, policyVersions.CreatePolicyVersion, version), AwsError)
  await assert.rejects(run(ctx, policies.DeletePolicy, { PolicyArn: ADMIN }), AwsError)
  assert.equal(
    (await run(ctx, policies.GetPolicy, { PolicyArn: ADMIN })).Policy?.PolicyName,
    'AdministratorAccess',
  )
  const trust = '{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}'
  const own = { RoleName: 'mine', Path: '/aws-service-role/', AssumeRolePolicyDocument: trust }
  await assert.rejects(run(ctx, roles.CreateRole, own), AwsError)
})

test('what is attached and what is a boundary are told apart, and both keep a policy from deletion', async (t) => {
  const ctx = await contextFor(t)
  const user = { UserName: 'dba' }
  const PolicyArn = `arn:aws:iam::${ACCOUNT}:policy/own`
  await run(ctx, users.CreateUser, user)
  await run(ctx, policies.CreatePolicy, { PolicyName: 'own', PolicyDocument: DOCUMENT })
  await run(ctx, boundaries.PutUserPermissionsBoundary, { ...user, PermissionsBoundary: PolicyArn })
  const policy = (await run(ctx, policies.GetPolicy, { PolicyArn })).Policy
  assert.deepEqual([policy?.AttachmentCount, policy?.PermissionsBoundaryUsageCount], [0, 1])
  const context = await attachments.AttachUserPolicy.context?.(ctx, { ...user, PolicyArn: ADMIN })
  assert.deepEqual(context, { 'iam:PolicyARN': ADMIN, 'iam:PermissionsBoundary': PolicyArn })
  await refused(run(ctx, policies.DeletePolicy, { PolicyArn }), 'DeleteConflict', /./)
  await run(ctx, boundaries.DeleteUserPermissionsBoundary, user)
  await run(ctx, policies.DeletePolicy, { PolicyArn })
})

test('tags compare their keys without case, move with a renamed user, and fill the condition keys', async (t) => {
  const ctx = await contextFor(t)
  await run(ctx, users.CreateUser, { UserName: 'dba', Tags: [{ Key: 'Team', Value: 'db' }] })
  await run(ctx, users.TagUser, { UserName: 'dba', Tags: [{ Key: 'team', Value: 'ops' }] })
  await run(ctx, users.UpdateUser, { UserName: 'dba', NewUserName: 'ops' })
  const { Tags } = await run(ctx, users.ListUserTags, { UserName: 'ops' })
  assert.deepEqual(Tags, [{ Key: 'team', Value: 'ops' }])
  assert.deepEqual(await users.GetUser.context?.(ctx, { UserName: 'ops' }), {
    'aws:ResourceTag/team': 'ops',
    'iam:ResourceTag/team': 'ops',
  })
  const reserved = { UserName: 'ops', Tags: [{ Key: 'AWS:x', Value: 'y' }] }
  await refused(run(ctx, users.TagUser, reserved), 'InvalidInput', /aws:/i)
})

function trustOf(principal: string): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Effect: 'Allow', Principal: { AWS: principal }, Action: 'sts:AssumeRole' }],
  })
}

function principalIn(document: string | undefined): unknown {
  const policy = JSON.parse(document ?? '') as { Statement: { Principal: { AWS: unknown } }[] }
  return policy.Statement[0]?.Principal.AWS
}

async function shownPrincipal(ctx: Context): Promise<unknown> {
  const { Role } = await run(ctx, roles.GetRole, { RoleName: 'backup' })
  return principalIn(decodeURIComponent(Role?.AssumeRolePolicyDocument ?? ''))
}

async function run<In, Out>(
  ctx: Context,
  entry: Operation<Context, In, Out> | UnbuiltOperation<Context, In>,
  input: In,
): Promise<Out> {
  assert.ok('handler' in entry)
  return await entry.handler(ctx, input)
}

async function refused(call: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  await assert.rejects(call, (error) => {
    assert.ok(error instanceof AwsError, String(error))
    assert.equal(error.code, code)
    assert.match(error.message, message)
    return true
  })
}

async function contextFor(t: TestContext): Promise<Context> {
  const root: Principal = {
    kind: 'root',
    accountId: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:root`,
    uniqueId: ACCOUNT,
    tags: {},
  }
  // The root user may do everything in its own account.
  return await openContext(t, root, NOW, {
    ask: () => Promise.resolve({ allowed: true }),
    warn: () => undefined,
    authorize: () => Promise.resolve(),
  })
}
