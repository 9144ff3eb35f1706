import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  AddRoleToInstanceProfileCommand,
  AddUserToGroupCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreateInstanceProfileCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteGroupCommand,
  DeleteInstanceProfileCommand,
  DeleteLoginProfileCommand,
  DeleteRoleCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  GetAccessKeyLastUsedCommand,
  GetAccountSummaryCommand,
  GetGroupCommand,
  GetInstanceProfileCommand,
  GetLoginProfileCommand,
  GetRoleCommand,
  GetSAMLProviderCommand,
  GetUserCommand,
  ListAccessKeysCommand,
  ListAccountAliasesCommand,
  ListGroupsCommand,
  ListGroupsForUserCommand,
  ListInstanceProfilesCommand,
  ListInstanceProfilesForRoleCommand,
  ListInstanceProfileTagsCommand,
  ListMFADevicesCommand,
  ListRolesCommand,
  ListRoleTagsCommand,
  ListServiceSpecificCredentialsCommand,
  ListSigningCertificatesCommand,
  ListSSHPublicKeysCommand,
  ListUsersCommand,
  ListUserTagsCommand,
  ListVirtualMFADevicesCommand,
  PutUserPolicyCommand,
  RemoveRoleFromInstanceProfileCommand,
  RemoveUserFromGroupCommand,
  TagInstanceProfileCommand,
  TagRoleCommand,
  TagUserCommand,
  UntagInstanceProfileCommand,
  UntagRoleCommand,
  UntagUserCommand,
  UpdateAccessKeyCommand,
  UpdateAssumeRolePolicyCommand,
  UpdateGroupCommand,
  UpdateRoleCommand,
  UpdateRoleDescriptionCommand,
  UpdateUserCommand,
  paginateListUsers,
} from '@aws-sdk/client-iam'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { ALL_RIGHTS, BACKUP_TRUST, policy } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** IAM's operations on identities through the SDK: each changes something, and what it changed is read back. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { iam } = server.clients
const arn = (rest: string): string => `arn:aws:iam::${server.world.accountId}:${rest}`
const TRUST = policy(BACKUP_TRUST)
const decoded = (document: string | undefined): unknown => JSON.parse(decodeURIComponent(document ?? ''))

test('users are made, found, renamed with their tags, and deleted', async () => {
  const Tags = [{ Key: 'team', Value: 'dé +/=@' }]
  const made = await iam.send(new CreateUserCommand({ UserName: 'ann', Path: '/staff/', Tags }))
  assert.equal(made.User?.Arn, arn('user/staff/ann'))
  assert.match(made.User?.UserId ?? '', /^AIDA[A-Z2-7]{17}$/)
  await assert.rejects(
    iam.send(new CreateUserCommand({ UserName: 'ANN' })),
    sdkError('EntityAlreadyExistsException', 409, 'User with name ANN already exists.'),
  )
  const { User } = await iam.send(new GetUserCommand({ UserName: 'ann' }))
  assert.deepEqual([User?.UserId, User?.Tags], [made.User?.UserId, Tags])
  await iam.send(new UpdateUserCommand({ UserName: 'ann', NewUserName: 'anna', NewPath: '/' }))
  const list = await iam.send(new ListUsersCommand({}))
  assert.deepEqual(
    list.Users?.map((user) => [user.Arn, user.UserId]),
    [[arn('user/anna'), made.User?.UserId]],
  )
  assert.deepEqual((await iam.send(new ListUserTagsCommand({ UserName: 'anna' }))).Tags, Tags)
  await iam.send(
    new TagUserCommand({
      UserName: 'anna',
      Tags: [
        { Key: 'TEAM', Value: 'x' },
        { Key: 'b', Value: '' },
      ],
    }),
  )
  await iam.send(new UntagUserCommand({ UserName: 'anna', TagKeys: ['B'] }))
  assert.deepEqual((await iam.send(new ListUserTagsCommand({ UserName: 'anna' }))).Tags, [
    { Key: 'TEAM', Value: 'x' },
  ])
  await assert.rejects(
    iam.send(new TagUserCommand({ UserName: 'anna', Tags: [{ Key: 'aws:x', Value: '' }] })),
    sdkError('InvalidInputException', 400, 'reserved'),
    'R13: no caller sets an aws: tag',
  )
  await iam.send(new DeleteUserCommand({ UserName: 'anna' }))
  await assert.rejects(
    iam.send(new GetUserCommand({ UserName: 'anna' })),
    sdkError('NoSuchEntityException', 404, 'The user with name anna cannot be found.'),
  )
})

test('lists come in pages whose tokens hold for one list only', async () => {
  const names = Array.from({ length: 7 }, (_, i) => `pager${i}`)
  for (const UserName of names) await iam.send(new CreateUserCommand({ UserName, Path: '/pages/' }))
  const found: (string | undefined)[] = []
  let pages = 0
  for await (const page of paginateListUsers({ client: iam, pageSize: 3 }, { PathPrefix: '/pages/' })) {
    found.push(...(page.Users ?? []).map((user) => user.UserName))
    pages += 1
  }
  assert.deepEqual([found, pages], [names, 3])
  const { Marker } = await iam.send(new ListUsersCommand({ PathPrefix: '/pages/', MaxItems: 2 }))
  await assert.rejects(
    iam.send(new ListRolesCommand({ Marker: Marker ?? '' })),
    sdkError('ValidationError', 400, 'Invalid Marker'),
  )
  for (const UserName of names) await iam.send(new DeleteUserCommand({ UserName }))
})

test('groups hold users, and are deleted only when empty', async () => {
  const { Group } = await iam.send(new CreateGroupCommand({ GroupName: 'dbas' }))
  assert.equal(Group?.Arn, arn('group/dbas'))
  await iam.send(new CreateUserCommand({ UserName: 'bob' }))
  await iam.send(new AddUserToGroupCommand({ GroupName: 'dbas', UserName: 'bob' }))
  await iam.send(new UpdateGroupCommand({ GroupName: 'dbas', NewGroupName: 'dba', NewPath: '/eu/' }))
  const got = await iam.send(new GetGroupCommand({ GroupName: 'dba' }))
  assert.deepEqual(
    [got.Group?.Arn, got.Group?.GroupId, got.Users?.map((user) => user.UserName)],
    [arn('group/eu/dba'), Group?.GroupId, ['bob']],
  )
  assert.equal((await iam.send(new ListGroupsCommand({}))).Groups?.length, 1)
  const ofBob = await iam.send(new ListGroupsForUserCommand({ UserName: 'bob' }))
  assert.deepEqual(
    ofBob.Groups?.map((group) => group.GroupName),
    ['dba'],
  )
  await assert.rejects(
    iam.send(new DeleteGroupCommand({ GroupName: 'dba' })),
    sdkError('DeleteConflictException', 409, 'must remove users from group first'),
  )
  await assert.rejects(
    iam.send(new DeleteUserCommand({ UserName: 'bob' })),
    sdkError('DeleteConflictException', 409),
  )
  await iam.send(new RemoveUserFromGroupCommand({ GroupName: 'dba', UserName: 'bob' }))
  await assert.rejects(
    iam.send(new RemoveUserFromGroupCommand({ GroupName: 'dba', UserName: 'bob' })),
    sdkError('NoSuchEntityException', 404),
  )
  await iam.send(new DeleteGroupCommand({ GroupName: 'dba' }))
  await iam.send(new DeleteUserCommand({ UserName: 'bob' }))
  assert.deepEqual((await iam.send(new ListGroupsCommand({}))).Groups, [])
})

test('roles keep their trust policy, description, session length and tags', async () => {
  const made = await iam.send(
    new CreateRoleCommand({
      RoleName: 'backup',
      Path: '/service-role/',
      AssumeRolePolicyDocument: TRUST,
      Description: 'first',
      Tags: [{ Key: 'a', Value: '1' }],
    }),
  )
  assert.equal(made.Role?.Arn, arn('role/service-role/backup'))
  assert.deepEqual(decoded(made.Role?.AssumeRolePolicyDocument), JSON.parse(TRUST))
  await iam.send(new UpdateRoleCommand({ RoleName: 'backup', MaxSessionDuration: 7200 }))
  const described = await iam.send(
    new UpdateRoleDescriptionCommand({ RoleName: 'backup', Description: 'second' }),
  )
  assert.equal(described.Role?.Description, 'second')
  const trust = policy({ ...BACKUP_TRUST, Principal: { AWS: arn('root') } })
  await iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'backup', PolicyDocument: trust }))
  await iam.send(new TagRoleCommand({ RoleName: 'backup', Tags: [{ Key: 'b', Value: '2' }] }))
  await iam.send(new UntagRoleCommand({ RoleName: 'backup', TagKeys: ['a'] }))
  const { Role } = await iam.send(new GetRoleCommand({ RoleName: 'backup' }))
  assert.deepEqual(
    [Role?.MaxSessionDuration, Role?.Description, Role?.Tags, decoded(Role?.AssumeRolePolicyDocument)],
    [7200, 'second', [{ Key: 'b', Value: '2' }], JSON.parse(trust)],
  )
  assert.deepEqual((await iam.send(new ListRoleTagsCommand({ RoleName: 'backup' }))).Tags, [
    { Key: 'b', Value: '2' },
  ])
  const listed = await iam.send(new ListRolesCommand({ PathPrefix: '/service-role/' }))
  assert.deepEqual(
    listed.Roles?.map((role) => role.RoleId),
    [made.Role?.RoleId],
  )
  await assert.rejects(
    iam.send(
      new CreateRoleCommand({ RoleName: 'other', AssumeRolePolicyDocument: '{"Version":"2012-10-17"' }),
    ),
    sdkError('MalformedPolicyDocumentException', 400),
  )
  await assert.rejects(
    iam.send(
      new UpdateAssumeRolePolicyCommand({
        RoleName: 'backup',
        PolicyDocument: policy({ ...BACKUP_TRUST, Principal: { AWS: arn('user/nobody') } }),
      }),
    ),
    sdkError('MalformedPolicyDocumentException', 400, 'Invalid principal in policy'),
  )
  await iam.send(new DeleteRoleCommand({ RoleName: 'backup' }))
  await assert.rejects(
    iam.send(new GetRoleCommand({ RoleName: 'backup' })),
    sdkError('NoSuchEntityException', 404, 'The role with name backup cannot be found.'),
  )
})

test('access keys work until they are inactive or gone, and tell when they were used', async () => {
  const UserName = 'keys'
  await iam.send(new CreateUserCommand({ UserName }))
  await iam.send(new PutUserPolicyCommand({ UserName, PolicyName: 'p', PolicyDocument: policy(ALL_RIGHTS) }))
  const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName }))
  const AccessKeyId = AccessKey?.AccessKeyId ?? ''
  const { sts } = server.clientsOf({
    accessKeyId: AccessKeyId,
    secretAccessKey: AccessKey?.SecretAccessKey ?? '',
  })
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Arn, arn('user/keys'))
  const used = await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId }))
  assert.deepEqual([used.UserName, used.AccessKeyLastUsed?.ServiceName], [UserName, 'sts'])
  await iam.send(new CreateAccessKeyCommand({ UserName }))
  await assert.rejects(
    iam.send(new CreateAccessKeyCommand({ UserName })),
    sdkError('LimitExceededException', 409, 'Cannot exceed quota for AccessKeysPerUser: 2'),
  )
  await iam.send(new UpdateAccessKeyCommand({ UserName, AccessKeyId, Status: 'Inactive' }))
  const { AccessKeyMetadata = [] } = await iam.send(new ListAccessKeysCommand({ UserName }))
  const statuses = new Map(AccessKeyMetadata.map((key) => [key.AccessKeyId, key.Status]))
  assert.deepEqual([statuses.size, statuses.get(AccessKeyId)], [2, 'Inactive'])
  await assert.rejects(sts.send(new GetCallerIdentityCommand({})), sdkError('InvalidClientTokenId', 403))
  for (const key of AccessKeyMetadata) {
    await iam.send(new DeleteAccessKeyCommand({ UserName, AccessKeyId: key.AccessKeyId ?? '' }))
  }
  assert.deepEqual((await iam.send(new ListAccessKeysCommand({ UserName }))).AccessKeyMetadata, [])
  await iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName: 'p' }))
  await iam.send(new DeleteUserCommand({ UserName }))
})

test('instance profiles hold one role', async () => {
  const InstanceProfileName = 'web'
  await iam.send(new CreateRoleCommand({ RoleName: 'web', AssumeRolePolicyDocument: TRUST }))
  const made = await iam.send(new CreateInstanceProfileCommand({ InstanceProfileName }))
  assert.equal(made.InstanceProfile?.Arn, arn('instance-profile/web'))
  await iam.send(new AddRoleToInstanceProfileCommand({ InstanceProfileName, RoleName: 'web' }))
  await iam.send(
    new TagInstanceProfileCommand({
      InstanceProfileName,
      Tags: [
        { Key: 'a', Value: '1' },
        { Key: 'b', Value: '2' },
      ],
    }),
  )
  await iam.send(new UntagInstanceProfileCommand({ InstanceProfileName, TagKeys: ['a'] }))
  const tags = await iam.send(new ListInstanceProfileTagsCommand({ InstanceProfileName }))
  assert.deepEqual(tags.Tags, [{ Key: 'b', Value: '2' }])
  const { InstanceProfile } = await iam.send(new GetInstanceProfileCommand({ InstanceProfileName }))
  assert.deepEqual(
    InstanceProfile?.Roles?.map((role) => role.RoleName),
    ['web'],
  )
  const ofRole = await iam.send(new ListInstanceProfilesForRoleCommand({ RoleName: 'web' }))
  assert.deepEqual(
    ofRole.InstanceProfiles?.map((each) => each.InstanceProfileName),
    ['web'],
  )
  assert.equal((await iam.send(new ListInstanceProfilesCommand({}))).InstanceProfiles?.length, 1)
  await assert.rejects(
    iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName })),
    sdkError('DeleteConflictException', 409),
  )
  await iam.send(new RemoveRoleFromInstanceProfileCommand({ InstanceProfileName, RoleName: 'web' }))
  await iam.send(new DeleteInstanceProfileCommand({ InstanceProfileName }))
  await iam.send(new DeleteRoleCommand({ RoleName: 'web' }))
  assert.deepEqual((await iam.send(new ListInstanceProfilesCommand({}))).InstanceProfiles, [])
})

test('service-linked roles are made by their service’s name and changed by nobody', async () => {
  const { Role } = await iam.send(
    new CreateServiceLinkedRoleCommand({ AWSServiceName: 'backup.amazonaws.com' }),
  )
  assert.equal(Role?.Arn, arn('role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup'))
  const got = await iam.send(new GetRoleCommand({ RoleName: 'AWSServiceRoleForBackup' }))
  assert.equal(got.Role?.RoleId, Role?.RoleId)
  await assert.rejects(
    iam.send(new DeleteRoleCommand({ RoleName: 'AWSServiceRoleForBackup' })),
    sdkError('UnmodifiableEntityException', 400),
  )
})

test('the account is summed up, and what nobody has here is an empty list', async () => {
  await iam.send(new CreateUserCommand({ UserName: 'alone' }))
  const { SummaryMap } = await iam.send(new GetAccountSummaryCommand({}))
  const { Users: users = [] } = await iam.send(new ListUsersCommand({}))
  assert.ok(users.some((user) => user.UserName === 'alone'))
  assert.deepEqual(
    [SummaryMap?.['Users'], SummaryMap?.['Groups'], SummaryMap?.['AccountMFAEnabled']],
    [users.length, 0, 0],
  )
  const UserName = 'alone'
  assert.deepEqual((await iam.send(new ListAccountAliasesCommand({}))).AccountAliases, [])
  assert.deepEqual((await iam.send(new ListMFADevicesCommand({ UserName }))).MFADevices, [])
  assert.deepEqual((await iam.send(new ListVirtualMFADevicesCommand({}))).VirtualMFADevices, [])
  assert.deepEqual((await iam.send(new ListSSHPublicKeysCommand({ UserName }))).SSHPublicKeys, [])
  assert.deepEqual((await iam.send(new ListSigningCertificatesCommand({ UserName }))).Certificates, [])
  const specific = await iam.send(new ListServiceSpecificCredentialsCommand({ UserName }))
  assert.deepEqual(specific.ServiceSpecificCredentials, [])
  const none = sdkError('NoSuchEntityException', 404, 'Login Profile for User alone cannot be found.')
  await assert.rejects(iam.send(new GetLoginProfileCommand({ UserName })), none)
  await assert.rejects(iam.send(new DeleteLoginProfileCommand({ UserName })), none)
  await iam.send(new DeleteUserCommand({ UserName }))
})

test('an operation that is not built answers a 400 that no client repeats', async () => {
  await assert.rejects(
    iam.send(new GetSAMLProviderCommand({ SAMLProviderArn: arn('saml-provider/none') })),
    sdkError('InvalidAction', 400, 'GetSAMLProvider'),
  )
})
