import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  AttachGroupPolicyCommand,
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteGroupCommand,
  DeleteGroupPolicyCommand,
  DeletePolicyCommand,
  DeletePolicyVersionCommand,
  DeleteRoleCommand,
  DeleteRolePermissionsBoundaryCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  DeleteUserPermissionsBoundaryCommand,
  DeleteUserPolicyCommand,
  DetachGroupPolicyCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  GetGroupPolicyCommand,
  GetPolicyCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAttachedGroupPoliciesCommand,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListEntitiesForPolicyCommand,
  ListGroupPoliciesCommand,
  ListPoliciesCommand,
  ListPolicyTagsCommand,
  ListPolicyVersionsCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
  PutGroupPolicyCommand,
  PutRolePermissionsBoundaryCommand,
  PutRolePolicyCommand,
  PutUserPermissionsBoundaryCommand,
  PutUserPolicyCommand,
  SetDefaultPolicyVersionCommand,
  TagPolicyCommand,
  UntagPolicyCommand,
  paginateListPolicies,
} from '@aws-sdk/client-iam'
import { allow, BACKUP_TRUST, policy } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** IAM's operations on policies through the SDK: each changes something, and what it changed is read back. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { iam } = server.clients
const arn = (rest: string): string => `arn:aws:iam::${server.world.accountId}:${rest}`
const AUDIT = 'arn:aws:iam::aws:policy/AWSBackupAuditAccess'
const TRUST = policy(BACKUP_TRUST)
const decoded = (document: string | undefined): unknown => JSON.parse(decodeURIComponent(document ?? ''))

test('boundaries are put on users and roles and taken off', async () => {
  await iam.send(new CreateUserCommand({ UserName: 'bounded' }))
  await iam.send(new CreateRoleCommand({ RoleName: 'bounded', AssumeRolePolicyDocument: TRUST }))
  const boundary = { PermissionsBoundary: AUDIT }
  await iam.send(new PutUserPermissionsBoundaryCommand({ UserName: 'bounded', ...boundary }))
  await iam.send(new PutRolePermissionsBoundaryCommand({ RoleName: 'bounded', ...boundary }))
  const user = await iam.send(new GetUserCommand({ UserName: 'bounded' }))
  const role = await iam.send(new GetRoleCommand({ RoleName: 'bounded' }))
  assert.deepEqual(
    [
      user.User?.PermissionsBoundary?.PermissionsBoundaryArn,
      role.Role?.PermissionsBoundary?.PermissionsBoundaryArn,
    ],
    [AUDIT, AUDIT],
  )
  await iam.send(new DeleteUserPermissionsBoundaryCommand({ UserName: 'bounded' }))
  await iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName: 'bounded' }))
  assert.equal(
    (await iam.send(new GetUserCommand({ UserName: 'bounded' }))).User?.PermissionsBoundary,
    undefined,
  )
  assert.equal(
    (await iam.send(new GetRoleCommand({ RoleName: 'bounded' }))).Role?.PermissionsBoundary,
    undefined,
  )
  await assert.rejects(
    iam.send(new DeleteRolePermissionsBoundaryCommand({ RoleName: 'bounded' })),
    sdkError('NoSuchEntityException', 404),
  )
  await iam.send(new DeleteUserCommand({ UserName: 'bounded' }))
  await iam.send(new DeleteRoleCommand({ RoleName: 'bounded' }))
})

test('managed policies have up to five versions, one of them the default', async () => {
  const PolicyDocument = policy(allow('backup:List*'))
  const made = await iam.send(
    new CreatePolicyCommand({
      PolicyName: 'lists',
      PolicyDocument,
      Description: 'd',
      Tags: [{ Key: 'a', Value: 'b' }],
    }),
  )
  const PolicyArn = made.Policy?.Arn ?? ''
  assert.equal(PolicyArn, arn('policy/lists'))
  for (let version = 2; version <= 5; version++) {
    const { PolicyVersion } = await iam.send(
      new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument: policy(allow(`backup:Get${version}*`)) }),
    )
    assert.deepEqual([PolicyVersion?.VersionId, PolicyVersion?.IsDefaultVersion], [`v${version}`, false])
  }
  await assert.rejects(
    iam.send(new CreatePolicyVersionCommand({ PolicyArn, PolicyDocument })),
    sdkError('LimitExceededException', 409, 'up to 5 versions'),
  )
  await iam.send(new SetDefaultPolicyVersionCommand({ PolicyArn, VersionId: 'v3' }))
  await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId: 'v1' }))
  const { Versions } = await iam.send(new ListPolicyVersionsCommand({ PolicyArn }))
  assert.deepEqual(Versions?.map((version) => [version.VersionId, version.IsDefaultVersion]).toSorted(), [
    ['v2', false],
    ['v3', true],
    ['v4', false],
    ['v5', false],
  ])
  const { PolicyVersion } = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v3' }))
  assert.deepEqual(decoded(PolicyVersion?.Document), JSON.parse(policy(allow('backup:Get3*'))))
  await iam.send(new TagPolicyCommand({ PolicyArn, Tags: [{ Key: 'c', Value: 'd' }] }))
  await iam.send(new UntagPolicyCommand({ PolicyArn, TagKeys: ['a'] }))
  assert.deepEqual((await iam.send(new ListPolicyTagsCommand({ PolicyArn }))).Tags, [
    { Key: 'c', Value: 'd' },
  ])
  const { Policy } = await iam.send(new GetPolicyCommand({ PolicyArn }))
  assert.deepEqual([Policy?.DefaultVersionId, Policy?.Description, Policy?.AttachmentCount], ['v3', 'd', 0])
  await assert.rejects(
    iam.send(new DeletePolicyCommand({ PolicyArn })),
    sdkError('DeleteConflictException', 409),
  )
  for (const VersionId of ['v2', 'v4', 'v5'])
    await iam.send(new DeletePolicyVersionCommand({ PolicyArn, VersionId }))
  await iam.send(new DeletePolicyCommand({ PolicyArn }))
  assert.deepEqual((await iam.send(new ListPoliciesCommand({ Scope: 'Local' }))).Policies, [])
})

test('built-in policies are listed in pages, readable and unchangeable', async () => {
  const names: (string | undefined)[] = []
  for await (const page of paginateListPolicies({ client: iam, pageSize: 10 }, { Scope: 'AWS' })) {
    assert.ok((page.Policies ?? []).length <= 10)
    names.push(...(page.Policies ?? []).map((each) => each.PolicyName))
  }
  assert.equal(new Set(names).size, names.length)
  assert.ok(names.includes('AWSBackupServiceRolePolicyForBackup') && names.includes('AdministratorAccess'))
  const { PolicyVersion } = await iam.send(
    new GetPolicyVersionCommand({
      PolicyArn: AUDIT,
      VersionId: (await iam.send(new GetPolicyCommand({ PolicyArn: AUDIT }))).Policy?.DefaultVersionId ?? '',
    }),
  )
  assert.ok((decoded(PolicyVersion?.Document) as { Statement: unknown[] }).Statement.length > 0)
  await assert.rejects(
    iam.send(new DeletePolicyCommand({ PolicyArn: AUDIT })),
    sdkError('AccessDenied', 403, 'iam:DeletePolicy'),
  )
})

test('policies are attached to users, groups and roles, and named by what they are attached to', async () => {
  await iam.send(new CreateUserCommand({ UserName: 'u' }))
  await iam.send(new CreateGroupCommand({ GroupName: 'g' }))
  await iam.send(new CreateRoleCommand({ RoleName: 'r', AssumeRolePolicyDocument: TRUST }))
  const PolicyArn = AUDIT
  await iam.send(new AttachUserPolicyCommand({ UserName: 'u', PolicyArn }))
  await iam.send(new AttachGroupPolicyCommand({ GroupName: 'g', PolicyArn }))
  await iam.send(new AttachRolePolicyCommand({ RoleName: 'r', PolicyArn }))
  const attached = [{ PolicyName: 'AWSBackupAuditAccess', PolicyArn }]
  const ofUser = async () =>
    (await iam.send(new ListAttachedUserPoliciesCommand({ UserName: 'u' }))).AttachedPolicies
  const ofGroup = async () =>
    (await iam.send(new ListAttachedGroupPoliciesCommand({ GroupName: 'g' }))).AttachedPolicies
  const ofRole = async () =>
    (await iam.send(new ListAttachedRolePoliciesCommand({ RoleName: 'r' }))).AttachedPolicies
  assert.deepEqual([await ofUser(), await ofGroup(), await ofRole()], [attached, attached, attached])
  const entities = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn }))
  assert.deepEqual(
    [
      entities.PolicyUsers?.map((user) => user.UserName),
      entities.PolicyGroups?.map((group) => group.GroupName),
      entities.PolicyRoles?.map((role) => role.RoleName),
    ],
    [['u'], ['g'], ['r']],
  )
  assert.equal((await iam.send(new GetPolicyCommand({ PolicyArn }))).Policy?.AttachmentCount, 3)
  await assert.rejects(
    iam.send(new DeleteRoleCommand({ RoleName: 'r' })),
    sdkError('DeleteConflictException', 409, 'must detach all policies first'),
  )
  await assert.rejects(
    iam.send(new AttachRolePolicyCommand({ RoleName: 'r', PolicyArn: arn('policy/none') })),
    sdkError('NoSuchEntityException', 404, 'does not exist or is not attachable'),
  )
  await iam.send(new DetachUserPolicyCommand({ UserName: 'u', PolicyArn }))
  await iam.send(new DetachGroupPolicyCommand({ GroupName: 'g', PolicyArn }))
  await iam.send(new DetachRolePolicyCommand({ RoleName: 'r', PolicyArn }))
  assert.deepEqual([await ofUser(), await ofGroup(), await ofRole()], [[], [], []])
  await iam.send(new DeleteUserCommand({ UserName: 'u' }))
  await iam.send(new DeleteGroupCommand({ GroupName: 'g' }))
  await iam.send(new DeleteRoleCommand({ RoleName: 'r' }))
})

test('inline policies of users, groups and roles come back as they went in', async () => {
  await iam.send(new CreateUserCommand({ UserName: 'u' }))
  await iam.send(new CreateGroupCommand({ GroupName: 'g' }))
  await iam.send(new CreateRoleCommand({ RoleName: 'r', AssumeRolePolicyDocument: TRUST }))
  const PolicyName = 'own'
  const PolicyDocument = policy(allow('s3:GetObject', 'arn:aws:s3:::b/ü + %20/*'))
  const expected = JSON.parse(PolicyDocument) as unknown
  await iam.send(new PutUserPolicyCommand({ UserName: 'u', PolicyName, PolicyDocument }))
  await iam.send(new PutGroupPolicyCommand({ GroupName: 'g', PolicyName, PolicyDocument }))
  await iam.send(new PutRolePolicyCommand({ RoleName: 'r', PolicyName, PolicyDocument }))
  const got = [
    await iam.send(new GetUserPolicyCommand({ UserName: 'u', PolicyName })),
    await iam.send(new GetGroupPolicyCommand({ GroupName: 'g', PolicyName })),
    await iam.send(new GetRolePolicyCommand({ RoleName: 'r', PolicyName })),
  ]
  assert.deepEqual(
    got.map((each) => decoded(each.PolicyDocument)),
    [expected, expected, expected],
  )
  const names = async () => [
    (await iam.send(new ListUserPoliciesCommand({ UserName: 'u' }))).PolicyNames,
    (await iam.send(new ListGroupPoliciesCommand({ GroupName: 'g' }))).PolicyNames,
    (await iam.send(new ListRolePoliciesCommand({ RoleName: 'r' }))).PolicyNames,
  ]
  assert.deepEqual(await names(), [['own'], ['own'], ['own']])
  const long = policy(allow(Array.from({ length: 200 }, (_, i) => `s3:Get${i}${'x'.repeat(60)}`)))
  await assert.rejects(
    iam.send(new PutRolePolicyCommand({ RoleName: 'r', PolicyName: 'long', PolicyDocument: long })),
    sdkError('LimitExceededException', 409, 'Maximum policy size of 10240 bytes exceeded for role r'),
  )
  await iam.send(new DeleteUserPolicyCommand({ UserName: 'u', PolicyName }))
  await iam.send(new DeleteGroupPolicyCommand({ GroupName: 'g', PolicyName }))
  await iam.send(new DeleteRolePolicyCommand({ RoleName: 'r', PolicyName }))
  assert.deepEqual(await names(), [[], [], []])
  await assert.rejects(
    iam.send(new GetRolePolicyCommand({ RoleName: 'r', PolicyName })),
    sdkError('NoSuchEntityException', 404, 'The role policy with name own cannot be found.'),
  )
  await iam.send(new DeleteUserCommand({ UserName: 'u' }))
  await iam.send(new DeleteGroupCommand({ GroupName: 'g' }))
  await iam.send(new DeleteRoleCommand({ RoleName: 'r' }))
})
