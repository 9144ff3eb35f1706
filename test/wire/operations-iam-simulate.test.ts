import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  AddUserToGroupCommand,
  AttachRolePolicyCommand,
  CreateGroupCommand,
  CreatePolicyCommand,
  CreateRoleCommand,
  CreateServiceLinkedRoleCommand,
  CreateUserCommand,
  DeleteServiceLinkedRoleCommand,
  GetAccountAuthorizationDetailsCommand,
  GetContextKeysForCustomPolicyCommand,
  GetContextKeysForPrincipalPolicyCommand,
  GetRoleCommand,
  GetServiceLinkedRoleDeletionStatusCommand,
  PutGroupPolicyCommand,
  PutUserPermissionsBoundaryCommand,
  SimulateCustomPolicyCommand,
  SimulatePrincipalPolicyCommand,
  paginateGetAccountAuthorizationDetails,
  paginateSimulatePrincipalPolicy,
} from '@aws-sdk/client-iam'
import type { SimulatePrincipalPolicyCommandInput } from '@aws-sdk/client-iam'
import { allow, BACKUP_TRUST, makeUser, makeVault, policy } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** What IAM answers about its own policies, and service-linked roles, through the SDK. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { iam } = server.clients
const arn = (rest: string): string => `arn:aws:iam::${server.world.accountId}:${rest}`
const AUDIT = 'arn:aws:iam::aws:policy/AWSBackupAuditAccess'
const decoded = (document: string | undefined): unknown => JSON.parse(decodeURIComponent(document ?? ''))

test('a service-linked role is deleted with its policies, and its task has succeeded', async () => {
  const RoleName = 'AWSServiceRoleForBackup'
  const made = { AWSServiceName: 'backup.amazonaws.com' }
  await iam.send(new CreateServiceLinkedRoleCommand(made))
  const { DeletionTaskId } = await iam.send(new DeleteServiceLinkedRoleCommand({ RoleName }))
  assert.match(
    DeletionTaskId ?? '',
    /^task\/aws-service-role\/backup\.amazonaws\.com\/AWSServiceRoleForBackup\//,
  )
  await assert.rejects(iam.send(new GetRoleCommand({ RoleName })), sdkError('NoSuchEntityException', 404))
  const status = async (id: string | undefined) =>
    await iam.send(new GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId: id }))
  assert.equal((await status(DeletionTaskId)).Status, 'SUCCEEDED')
  // Made again it is another role: the old task stays what it was.
  await iam.send(new CreateServiceLinkedRoleCommand(made))
  assert.equal((await status(DeletionTaskId)).Status, 'SUCCEEDED')
  for (const forged of [
    `${DeletionTaskId}A`,
    'task/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup/1',
    'x',
  ])
    await assert.rejects(status(forged), sdkError('NoSuchEntityException', 404, forged))
  await iam.send(new CreateRoleCommand({ RoleName: 'plain', AssumeRolePolicyDocument: policy(BACKUP_TRUST) }))
  await assert.rejects(
    iam.send(new DeleteServiceLinkedRoleCommand({ RoleName: 'plain' })),
    sdkError('InvalidInputException', 400, 'Use DeleteRole'),
  )
  await assert.rejects(
    iam.send(new DeleteServiceLinkedRoleCommand({ RoleName: 'absent' })),
    sdkError('NoSuchEntityException', 404),
  )
})

test('deleting a service-linked role and asking for it needs the right on that role', async () => {
  const role = 'role/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup'
  const onlyOther = await makeUser(server.world, 'only-other', [
    allow(['iam:DeleteServiceLinkedRole', 'iam:GetServiceLinkedRoleDeletionStatus'], arn('role/other')),
  ])
  const clients = server.clientsOf(onlyOther.key)
  await assert.rejects(
    clients.iam.send(new DeleteServiceLinkedRoleCommand({ RoleName: 'AWSServiceRoleForBackup' })),
    sdkError('AccessDenied', 403, arn(role)),
  )
  const DeletionTaskId = 'task/aws-service-role/backup.amazonaws.com/AWSServiceRoleForBackup/x'
  await assert.rejects(
    clients.iam.send(new GetServiceLinkedRoleDeletionStatusCommand({ DeletionTaskId })),
    sdkError('AccessDenied', 403, arn(role)),
  )
})

test('account authorization details show everybody with every policy, in pages and by kind', async () => {
  await iam.send(new CreateUserCommand({ UserName: 'ada', Tags: [{ Key: 'team', Value: 'x' }] }))
  await iam.send(new CreateGroupCommand({ GroupName: 'readers' }))
  await iam.send(new AddUserToGroupCommand({ GroupName: 'readers', UserName: 'ada' }))
  const inline = policy(allow('backup:List*'))
  await iam.send(
    new PutGroupPolicyCommand({ GroupName: 'readers', PolicyName: 'lists', PolicyDocument: inline }),
  )
  await iam.send(new CreatePolicyCommand({ PolicyName: 'mine', PolicyDocument: inline, Description: 'd' }))
  await iam.send(
    new PutUserPermissionsBoundaryCommand({ UserName: 'ada', PermissionsBoundary: arn('policy/mine') }),
  )
  const trust = policy({ Effect: 'Allow', Principal: { AWS: arn('user/ada') }, Action: 'sts:AssumeRole' })
  await iam.send(new CreateRoleCommand({ RoleName: 'worker', AssumeRolePolicyDocument: trust }))
  await iam.send(new AttachRolePolicyCommand({ RoleName: 'worker', PolicyArn: AUDIT }))

  const all = await iam.send(new GetAccountAuthorizationDetailsCommand({}))
  const ada = all.UserDetailList?.find((user) => user.UserName === 'ada')
  assert.deepEqual(
    [ada?.GroupList, ada?.PermissionsBoundary?.PermissionsBoundaryArn, ada?.Tags],
    [['readers'], arn('policy/mine'), [{ Key: 'team', Value: 'x' }]],
  )
  const readers = all.GroupDetailList?.find((group) => group.GroupName === 'readers')
  assert.deepEqual(
    readers?.GroupPolicyList?.map((each) => [each.PolicyName, decoded(each.PolicyDocument)]),
    [['lists', JSON.parse(inline)]],
  )
  const worker = all.RoleDetailList?.find((role) => role.RoleName === 'worker')
  assert.deepEqual(decoded(worker?.AssumeRolePolicyDocument), JSON.parse(trust))
  assert.deepEqual(worker?.AttachedManagedPolicies, [
    { PolicyName: 'AWSBackupAuditAccess', PolicyArn: AUDIT },
  ])
  const mine = all.Policies?.find((each) => each.PolicyName === 'mine')
  assert.deepEqual(
    [mine?.Description, mine?.PermissionsBoundaryUsageCount, mine?.PolicyVersionList?.length],
    ['d', 1, 1],
  )
  assert.deepEqual(decoded(mine?.PolicyVersionList?.[0]?.Document), JSON.parse(inline))
  assert.equal(all.Policies?.find((each) => each.Arn === AUDIT)?.AttachmentCount, 1)
  assert.equal(
    all.Policies?.some((each) => each.PolicyName === 'AdministratorAccess'),
    false,
  )

  const names = (page: typeof all): (string | undefined)[] => [
    ...(page.UserDetailList ?? []).map((each) => each.Arn),
    ...(page.GroupDetailList ?? []).map((each) => each.Arn),
    ...(page.RoleDetailList ?? []).map((each) => each.Arn),
    ...(page.Policies ?? []).map((each) => each.Arn),
  ]
  const paged: (string | undefined)[] = []
  for await (const page of paginateGetAccountAuthorizationDetails({ client: iam, pageSize: 1 }, {})) {
    assert.ok(names(page as typeof all).length <= 1)
    paged.push(...names(page as typeof all))
  }
  assert.deepEqual(paged, names(all))
  const some = await iam.send(
    new GetAccountAuthorizationDetailsCommand({ Filter: ['Group', 'LocalManagedPolicy'] }),
  )
  assert.deepEqual(names(some), [arn('group/readers'), arn('policy/mine')])
  const first = await iam.send(new GetAccountAuthorizationDetailsCommand({ MaxItems: 1 }))
  await assert.rejects(
    iam.send(new GetAccountAuthorizationDetailsCommand({ Filter: ['Group'], Marker: first.Marker })),
    sdkError('ValidationError', 400, 'Invalid Marker'),
  )
})

test('a principal is simulated with his groups and his boundary, statement by statement', async () => {
  const PolicySourceArn = arn('user/ada')
  const answer = await iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn,
      ActionNames: ['backup:ListBackupVaults', 's3:GetObject'],
      ResourceArns: ['*'],
      PolicyInputList: [policy(allow('s3:*'))],
    }),
  )
  const position = (text: string): object => ({
    StartPosition: { Line: 1, Column: text.indexOf('[{') + 2 },
    EndPosition: { Line: 1, Column: text.length - 1 },
  })
  assert.deepEqual(answer.EvaluationResults, [
    {
      EvalActionName: 'backup:ListBackupVaults',
      EvalResourceName: '*',
      EvalDecision: 'allowed',
      MatchedStatements: [
        { SourcePolicyId: 'lists', SourcePolicyType: 'group', ...position(policy(allow('backup:List*'))) },
      ],
      MissingContextValues: [],
      PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: true },
    },
    {
      EvalActionName: 's3:GetObject',
      EvalResourceName: '*',
      EvalDecision: 'implicitDeny',
      MatchedStatements: [],
      MissingContextValues: [],
      PermissionsBoundaryDecisionDetail: { AllowedByPermissionsBoundary: false },
    },
  ])
  assert.equal(answer.IsTruncated, false)
  const actions: (string | undefined)[] = []
  const ActionNames = ['s3:GetObject', 's3:PutObject', 'ec2:RunInstances']
  for await (const page of paginateSimulatePrincipalPolicy(
    { client: iam, pageSize: 2 },
    { PolicySourceArn, ActionNames },
  )) {
    actions.push(...(page.EvaluationResults ?? []).map((result) => result.EvalActionName))
  }
  assert.deepEqual(actions, ActionNames)
})

test('policies that exist nowhere yet are simulated with context, resources and a resource policy', async () => {
  const object = 'arn:aws:s3:::b/x'
  const bucket = policy({ Effect: 'Deny', Principal: '*', Action: 's3:PutObject', Resource: object })
  const { EvaluationResults } = await iam.send(
    new SimulateCustomPolicyCommand({
      PolicyInputList: [
        policy({
          ...allow('s3:*', object),
          Condition: { 'ForAnyValue:StringEquals': { 'aws:TagKeys': ['a'] } },
        }),
      ],
      ActionNames: ['s3:GetObject', 's3:PutObject'],
      ResourceArns: [object],
      ResourcePolicy: bucket,
      CallerArn: arn('user/somebody'),
      ContextEntries: [
        { ContextKeyName: 'aws:TagKeys', ContextKeyType: 'stringList', ContextKeyValues: ['z', 'a'] },
      ],
    }),
  )
  assert.deepEqual(
    EvaluationResults?.map((result) => [
      result.EvalResourceName,
      result.EvalDecision,
      result.MatchedStatements?.map((each) => each.SourcePolicyId),
      result.ResourceSpecificResults?.map((each) => each.EvalResourceDecision),
    ]),
    [
      [object, 'allowed', ['PolicyInputList.1'], ['allowed']],
      [object, 'explicitDeny', ['ResourcePolicy'], ['explicitDeny']],
    ],
  )
  await assert.rejects(
    iam.send(new SimulateCustomPolicyCommand({ PolicyInputList: ['{}'], ActionNames: ['s3:GetObject'] })),
    sdkError('InvalidInputException', 400, 'PolicyInputList.1'),
  )
})

test('behind PassRole a simulation says whether the service could assume the role, to those who may simulate it', async () => {
  const user = await makeUser(server.world, 'passer', [allow('iam:PassRole')])
  const roles: readonly (readonly [string, object])[] = [
    ['admits', BACKUP_TRUST],
    ['admits-ec2', { ...BACKUP_TRUST, Principal: { Service: 'ec2.amazonaws.com' } }],
    ['admits-one', { ...BACKUP_TRUST, Condition: { StringEquals: { 'aws:SourceAccount': '999988887777' } } }],
  ]
  for (const [RoleName, trust] of roles) {
    await iam.send(new CreateRoleCommand({ RoleName, AssumeRolePolicyDocument: policy(trust) }))
  }
  const simulation: SimulatePrincipalPolicyCommandInput = {
    PolicySourceArn: user.arn,
    ActionNames: ['iam:PassRole'],
    ResourceArns: roles.map(([name]) => arn(`role/${name}`)),
    ContextEntries: [
      {
        ContextKeyName: 'iam:PassedToService',
        ContextKeyType: 'string',
        ContextKeyValues: ['backup.amazonaws.com'],
      },
    ],
    // For EC2's scenarios; taken and without effect.
    ResourceHandlingOption: 'EC2-VPC-InstanceStore',
  }
  const { EvaluationResults = [] } = await iam.send(new SimulatePrincipalPolicyCommand(simulation))
  assert.deepEqual(
    EvaluationResults[0]?.ResourceSpecificResults?.map(({ EvalResourceDecision, EvalDecisionDetails }) => [
      EvalResourceDecision,
      EvalDecisionDetails,
    ]),
    [
      ['allowed', { 'Role Trust Policy': 'allowed' }],
      ['allowed', { 'Role Trust Policy': 'implicitDeny' }],
      ['allowed', { 'Role Trust Policy': 'implicitDeny' }],
    ],
  )
  // R15: who may simulate the user alone is told of the user alone.
  const limited = await makeUser(server.world, 'limited-simulator', [
    allow('iam:SimulatePrincipalPolicy', user.arn),
  ])
  const asLimited = await server
    .clientsOf(limited.key)
    .iam.send(new SimulatePrincipalPolicyCommand(simulation))
  assert.deepEqual(
    asLimited.EvaluationResults?.[0]?.ResourceSpecificResults?.map(
      ({ EvalDecisionDetails }) => EvalDecisionDetails,
    ),
    [{}, {}, {}],
  )
})

test('a simulation on a vault asks its access policy, where the caller may read it', async () => {
  const { call, region, accountId } = server.world
  const user = await makeUser(server.world, 'vault-user', [allow('backup:*')])
  await makeVault(server.world, 'simulated')
  const vaultArn = `arn:aws:backup:${region}:${accountId}:backup-vault:simulated`
  const Policy = policy({ Effect: 'Deny', Principal: '*', Action: 'backup:DeleteBackupVault', Resource: '*' })
  await call('backup', 'PutBackupVaultAccessPolicy', { BackupVaultName: 'simulated', Policy })
  const simulation = {
    PolicySourceArn: user.arn,
    ActionNames: ['backup:DeleteBackupVault'],
    ResourceArns: [vaultArn],
  }
  const { EvaluationResults = [] } = await iam.send(new SimulatePrincipalPolicyCommand(simulation))
  const [result] = EvaluationResults
  assert.equal(result?.EvalDecision, 'explicitDeny')
  assert.deepEqual(
    result?.MatchedStatements?.map(({ SourcePolicyId, SourcePolicyType }) => [
      SourcePolicyId,
      SourcePolicyType,
    ]),
    [['simulated', 'resource']],
  )
  await assert.rejects(user.call('backup', 'DeleteBackupVault', { BackupVaultName: 'simulated' }), {
    status: 403,
  })
  const limited = await makeUser(server.world, 'limited-to-user', [
    allow('iam:SimulatePrincipalPolicy', user.arn),
  ])
  const asLimited = await server
    .clientsOf(limited.key)
    .iam.send(new SimulatePrincipalPolicyCommand(simulation))
  assert.equal(asLimited.EvaluationResults?.[0]?.EvalDecision, 'allowed', 'the identity’s side alone')
})

test('the context keys of policies and of a principal are listed', async () => {
  const conditional = policy({
    ...allow('s3:*', 'arn:aws:s3:::b/${aws:username}'),
    Condition: { Bool: { 'aws:SecureTransport': 'true' } },
  })
  const PolicyInputList = [conditional]
  const expected = ['aws:SecureTransport', 'aws:username']
  const custom = await iam.send(new GetContextKeysForCustomPolicyCommand({ PolicyInputList }))
  assert.deepEqual(custom.ContextKeyNames, expected)
  await makeUser(server.world, 'keyed', [JSON.parse(conditional).Statement[0] as object])
  const own = await iam.send(
    new GetContextKeysForPrincipalPolicyCommand({ PolicySourceArn: arn('user/keyed') }),
  )
  assert.deepEqual(own.ContextKeyNames, expected)
  await assert.rejects(
    iam.send(new GetContextKeysForPrincipalPolicyCommand({ PolicySourceArn: arn('user/none') })),
    sdkError('NoSuchEntityException', 404, 'user/none'),
  )
})

test('R15 who may not simulate a user does not learn what his policies are', async () => {
  const nosy = await makeUser(server.world, 'nosy', [allow('iam:SimulatePrincipalPolicy', arn('user/nosy'))])
  const { iam: asNosy } = server.clientsOf(nosy.key)
  const ask = async (PolicySourceArn: string) =>
    await asNosy.send(new SimulatePrincipalPolicyCommand({ PolicySourceArn, ActionNames: ['s3:GetObject'] }))
  assert.equal((await ask(nosy.arn)).EvaluationResults?.[0]?.EvalDecision, 'implicitDeny')
  await assert.rejects(ask(arn('user/ada')), sdkError('AccessDenied', 403, arn('user/ada')))
})
