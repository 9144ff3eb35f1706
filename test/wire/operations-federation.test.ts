import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  DescribeBackupVaultCommand,
  ListBackupVaultsCommand,
  PutBackupVaultAccessPolicyCommand,
} from '@aws-sdk/client-backup'
import { ListRolesCommand } from '@aws-sdk/client-iam'
import type { GetFederationTokenCommandInput } from '@aws-sdk/client-sts'
import {
  AssumeRoleCommand,
  AssumeRoleWithSAMLCommand,
  AssumeRootCommand,
  DecodeAuthorizationMessageCommand,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetDelegatedAccessTokenCommand,
  GetFederationTokenCommand,
  GetSessionTokenCommand,
  GetWebIdentityTokenCommand,
} from '@aws-sdk/client-sts'
import { callerOf } from '../../src/aws/client.ts'
import type { Credentials } from '../../src/aws/client.ts'
import { EXPLAINED } from '../fixtures/denials.ts'
import { ALL_RIGHTS, allow, makeRole, makeUser, makeVault, policy } from '../fixtures/world.ts'
import type { User } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'
import type { Clients } from '../server.ts'

/** Federated users, as GetFederationToken makes them: what they may, and what nobody may with their credentials. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const arnOf = (name: string): string => `arn:aws:sts::${world.accountId}:federated-user/${name}`

interface Federated {
  readonly key: Credentials
  readonly clients: Clients
  readonly expiresInSeconds: number
}

async function federate(
  by: Credentials,
  Name: string,
  input: Omit<GetFederationTokenCommandInput, 'Name'> = {},
): Promise<Federated> {
  const { sts } = server.clientsOf(by)
  const { Credentials: given } = await sts.send(new GetFederationTokenCommand({ Name, ...input }))
  const key = {
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken,
  }
  const expiresInSeconds = Math.round(((given?.Expiration?.getTime() ?? 0) - Date.now()) / 1000)
  return { key, clients: server.clientsOf(key), expiresInSeconds }
}

/** The refusal's explanation, from its id, as the account's administrators read it. */
async function explained(work: Promise<unknown>, text: string): Promise<string> {
  let message = ''
  await assert.rejects(work, (error: Error) => {
    message = error.message
    return sdkError('AccessDenied', 403, text)(error)
  })
  const [, AuthorizationId = assert.fail(message)] = EXPLAINED.exec(message) ?? []
  const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
  return Authorization.Proposals.map(({ Where }) => Where).join()
}

async function setVaultPolicy(BackupVaultName: string, statement: object): Promise<void> {
  const Policy = policy(statement)
  await server.clients.backup.send(new PutBackupVaultAccessPolicyCommand({ BackupVaultName, Policy }))
}

const listVaults = async ({ clients }: Federated): Promise<unknown> =>
  await clients.backup.send(new ListBackupVaultsCommand({}))
const describe = async ({ clients }: Federated, BackupVaultName: string): Promise<unknown> =>
  await clients.backup.send(new DescribeBackupVaultCommand({ BackupVaultName }))

test('GetFederationToken gives what both the user and the session policy allow, and its own name', async () => {
  await makeVault(world, 'shared')
  const user = await makeUser(world, 'broker', [
    allow(['sts:GetFederationToken', 'backup:ListBackupVaults', 'backup:DescribeBackupVault']),
  ])
  const made = await server
    .clientsOf(user.key)
    .sts.send(new GetFederationTokenCommand({ Name: 'ada@example.com', DurationSeconds: 900 }))
  assert.deepEqual(made.FederatedUser, {
    FederatedUserId: `${world.accountId}:ada@example.com`,
    Arn: arnOf('ada@example.com'),
  })
  assert.equal(made.PackedPolicySize, 0)
  const Policy = policy(allow(['backup:DescribeBackupVault', 'backup:ListBackupJobs']))
  const ada = await federate(user.key, 'ada', { Policy })
  assert.ok(ada.expiresInSeconds > 43_100 && ada.expiresInSeconds <= 43_200, `${ada.expiresInSeconds}`)
  const who = await ada.clients.sts.send(new GetCallerIdentityCommand({}))
  assert.deepEqual(
    [who.Account, who.UserId, who.Arn],
    [world.accountId, `${world.accountId}:ada`, arnOf('ada')],
  )
  await describe(ada, 'shared')
  await assert.rejects(
    listVaults(ada),
    sdkError('AccessDeniedException', 403, 'because no session policy allows'),
  )
  await assert.rejects(
    callerOf(world.url, ada.key, world.region)('backup', 'ListBackupJobs', {}),
    /federated-user\/ada is not authorized to perform: backup:ListBackupJobs .*no identity-based policy allows/,
  )
  const PolicyArns = [{ arn: 'arn:aws:iam::aws:policy/ReadOnlyAccess' }]
  await listVaults(await federate(user.key, 'ada', { PolicyArns }))
})

test('without a session policy a federated user has nothing but what a resource’s policy gives to his ARN', async () => {
  await makeVault(world, 'opened')
  const user = await makeUser(world, 'empty-handed', [ALL_RIGHTS])
  const bare = await federate(user.key, 'bob')
  const other = await federate(user.key, 'bobby')
  await assert.rejects(
    describe(bare, 'opened'),
    sdkError(
      'AccessDeniedException',
      403,
      'because no session policy allows the backup:DescribeBackupVault action',
    ),
  )
  const statement = { ...allow('backup:DescribeBackupVault'), Principal: { AWS: arnOf('bob') } }
  await setVaultPolicy('opened', statement)
  await describe(bare, 'opened')
  await assert.rejects(describe(other, 'opened'), sdkError('AccessDeniedException', 403))
  await assert.rejects(listVaults(bare), sdkError('AccessDeniedException', 403))
})

test('a vault’s Deny of a user holds for whom he federates', async () => {
  await makeVault(world, 'barred')
  const user = await makeUser(world, 'barred-user', [ALL_RIGHTS])
  const statement = { ...allow('backup:DescribeBackupVault'), Effect: 'Deny', Principal: { AWS: user.arn } }
  await setVaultPolicy('barred', statement)
  const someone = await federate(user.key, 'someone', { Policy: policy(ALL_RIGHTS) })
  await assert.rejects(
    describe(someone, 'barred'),
    sdkError('AccessDeniedException', 403, 'with an explicit deny in a resource-based policy'),
  )
})

test('the root user federates for an hour at most, and the session policy alone is the limit', async () => {
  const Policy = policy(allow('backup:ListBackupVaults'))
  const helper = await federate(world.rootKey, 'helper', { Policy, DurationSeconds: 7200 })
  assert.ok(helper.expiresInSeconds > 3_500 && helper.expiresInSeconds <= 3_600)
  await listVaults(helper)
  await assert.rejects(describe(helper, 'shared'), sdkError('AccessDeniedException', 403))
  const bare = await federate(world.rootKey, 'bare')
  await assert.rejects(listVaults(bare), sdkError('AccessDeniedException', 403))
})

test('condition keys tell a federated user: type, id, ARN, tags of the user with the session’s over them', async () => {
  const keys = {
    'aws:PrincipalType': 'FederatedUser',
    'aws:userid': `${world.accountId}:tagged`,
    'aws:PrincipalArn': arnOf('tagged'),
    'aws:PrincipalTag/team': 'db',
    'aws:PrincipalTag/stage': 'prod',
  }
  const vaults = {
    ...allow('backup:ListBackupVaults'),
    Condition: { StringEquals: keys, Null: { 'aws:username': 'true' } },
  }
  const user = await makeUser(world, 'tagger', [allow('sts:GetFederationToken'), vaults])
  await world.call('iam', 'TagUser', {
    UserName: 'tagger',
    Tags: [
      { Key: 'Team', Value: 'web' },
      { Key: 'stage', Value: 'prod' },
    ],
  })
  const input = { Policy: policy(ALL_RIGHTS), Tags: [{ Key: 'team', Value: 'db' }] }
  await assert.rejects(
    federate(user.key, 'tagged', input),
    sdkError('AccessDenied', 403, `perform: sts:TagSession on resource: ${arnOf('tagged')}`),
  )
  await world.call('iam', 'PutUserPolicy', {
    UserName: 'tagger',
    PolicyName: 'tags',
    PolicyDocument: policy({
      ...allow('sts:TagSession'),
      Condition: { StringEquals: { 'aws:RequestTag/team': 'db' } },
    }),
  })
  await listVaults(await federate(user.key, 'tagged', input))
  const untagged = await federate(user.key, 'tagged', { Policy: input.Policy })
  await assert.rejects(
    listVaults(untagged),
    sdkError('AccessDeniedException', 403, 'no identity-based policy'),
  )
  const twice = {
    Tags: [
      { Key: 'a', Value: '1' },
      { Key: 'A', Value: '2' },
    ],
  }
  await assert.rejects(
    federate(user.key, 'tagged', twice),
    sdkError('InvalidParameterValue', 400, 'Duplicate tag keys'),
  )
})

test('GetFederationToken needs its right on the very name, and takes AWS’s names and limits', async () => {
  const user = await makeUser(world, 'namer', [allow('sts:GetFederationToken', arnOf('team-*'))])
  await federate(user.key, 'team-a')
  await assert.rejects(
    federate(user.key, 'other'),
    sdkError('AccessDenied', 403, `perform: sts:GetFederationToken on resource: ${arnOf('other')}`),
  )
  const refused: readonly (readonly [string, Omit<GetFederationTokenCommandInput, 'Name'>, string])[] = [
    ['x', {}, 'ValidationError'],
    ['x'.repeat(33), {}, 'ValidationError'],
    ['with space', {}, 'ValidationError'],
    ['team-a', { DurationSeconds: 899 }, 'ValidationError'],
    ['team-a', { DurationSeconds: 129_601 }, 'ValidationError'],
    ['team-a', { Policy: '{}' }, 'MalformedPolicyDocumentException'],
    [
      'team-a',
      { PolicyArns: [{ arn: `arn:aws:iam::${world.accountId}:policy/none` }] },
      'MalformedPolicyDocumentException',
    ],
  ]
  for (const [name, input, code] of refused)
    await assert.rejects(
      federate(user.key, name, input),
      sdkError(code, 400),
      `${name} ${JSON.stringify(input)}`,
    )
})

test('federated credentials call neither IAM nor STS, but for GetCallerIdentity, and the refusal is explained', async () => {
  const user = await makeUser(world, 'contained', [ALL_RIGHTS])
  const RoleArn = await makeRole(world, 'tempting', {
    trust: { Effect: 'Allow', Principal: { AWS: arnOf('eve') }, Action: 'sts:*' },
  })
  const { sts, iam } = (await federate(user.key, 'eve', { Policy: policy(ALL_RIGHTS) })).clients
  await assert.rejects(
    iam.send(new ListRolesCommand({})),
    sdkError('InvalidClientTokenId', 403, 'GetFederationToken'),
  )
  await assert.rejects(sts.send(new GetSessionTokenCommand({})), sdkError('AccessDenied', 403))
  const assume = sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 's1' }))
  const remedy = await explained(
    assume,
    'because credentials of GetFederationToken cannot call sts:AssumeRole',
  )
  assert.match(remedy, /GetSessionToken/)
  const remedyOf = async (command: 'GetAccessKeyInfo' | 'DecodeAuthorizationMessage'): Promise<string> =>
    await explained(
      command === 'GetAccessKeyInfo'
        ? sts.send(new GetAccessKeyInfoCommand({ AccessKeyId: user.key.accessKeyId }))
        : sts.send(new DecodeAuthorizationMessageCommand({ EncodedMessage: 'any' })),
      `because credentials of GetFederationToken cannot call sts:${command}`,
    )
  assert.match(await remedyOf('GetAccessKeyInfo'), /GetSessionToken/)
  assert.match(await remedyOf('DecodeAuthorizationMessage'), /GetSessionToken/)
  assert.equal((await sts.send(new GetCallerIdentityCommand({}))).Arn, arnOf('eve'))
  await explained(
    sts.send(new GetFederationTokenCommand({ Name: 'again' })),
    'because session credentials cannot call GetFederationToken',
  )
})

test('R14 federated credentials end with the key and the user that they were made with', async () => {
  const Policy = policy(ALL_RIGHTS)
  const isOver = sdkError('UnrecognizedClientException', 403)
  const make = async (name: string): Promise<readonly [User, Federated]> => {
    const user = await makeUser(world, name, [ALL_RIGHTS])
    const federated = await federate(user.key, 'temp', { Policy })
    await listVaults(federated)
    return [user, federated]
  }
  const [first, ofFirst] = await make('key-goes')
  const key = { UserName: 'key-goes', AccessKeyId: first.key.accessKeyId }
  await world.call('iam', 'UpdateAccessKey', { ...key, Status: 'Inactive' })
  await assert.rejects(listVaults(ofFirst), isOver)
  await world.call('iam', 'UpdateAccessKey', { ...key, Status: 'Active' })
  await listVaults(ofFirst)
  await world.call('iam', 'DeleteUserPolicy', { UserName: 'key-goes', PolicyName: 'own' })
  await assert.rejects(
    listVaults(ofFirst),
    sdkError('AccessDeniedException', 403, 'no identity-based policy'),
  )
  await world.call('iam', 'DeleteAccessKey', key)
  await world.call('iam', 'DeleteUser', { UserName: 'key-goes' })
  await makeUser(world, 'key-goes', [ALL_RIGHTS])
  await assert.rejects(listVaults(ofFirst), isOver)
})

test('a limited access key does not federate itself out of its policy', async () => {
  await makeUser(world, 'narrow', [ALL_RIGHTS])
  const { AccessKey, SecretAccessKey } = await world.call('roleback', 'CreateLimitedAccessKey', {
    UserName: 'narrow',
    PolicyDocument: policy(allow(['sts:*', 'backup:ListBackupVaults'])),
  })
  const key = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey }
  await explained(
    federate(key, 'wide', { Policy: policy(ALL_RIGHTS) }),
    'because an access key with a policy of its own cannot call GetFederationToken',
  )
})

test('AssumeRole refusals that no policy decides carry an id, too: root, a changed source identity', async () => {
  const trust = {
    Effect: 'Allow',
    Principal: { AWS: world.accountId },
    Action: ['sts:AssumeRole', 'sts:SetSourceIdentity'],
  }
  const RoleArn = await makeRole(world, 'marked', { trust, statements: [ALL_RIGHTS] })
  await explained(
    server.clients.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 's1' })),
    'Roles may not be assumed by root accounts. Authorization id',
  )
  const user = await makeUser(world, 'marker', [ALL_RIGHTS])
  const first = await server
    .clientsOf(user.key)
    .sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 's1', SourceIdentity: 'ada' }))
  assert.equal(first.SourceIdentity, 'ada')
  const session = server.clientsOf({
    accessKeyId: first.Credentials?.AccessKeyId ?? '',
    secretAccessKey: first.Credentials?.SecretAccessKey ?? '',
    sessionToken: first.Credentials?.SessionToken,
  })
  const remedy = await explained(
    session.sts.send(new AssumeRoleCommand({ RoleArn, RoleSessionName: 's2', SourceIdentity: 'eve' })),
    'because the session has another source identity, which cannot be changed',
  )
  assert.match(remedy, /source identity is ada: leave SourceIdentity out/)
})

test('what STS has and Roleback does not answers a modelled 400 that no client repeats', async () => {
  const { sts } = server.clients
  const arn = `arn:aws:iam::${world.accountId}:saml-provider/p`
  const calls: readonly (readonly [string, () => Promise<unknown>])[] = [
    [
      'GetWebIdentityToken',
      async () =>
        await sts.send(new GetWebIdentityTokenCommand({ Audience: ['a'], SigningAlgorithm: 'RS256' })),
    ],
    [
      'AssumeRoot',
      async () =>
        await sts.send(
          new AssumeRootCommand({
            TargetPrincipal: world.accountId,
            TaskPolicyArn: { arn: 'arn:aws:iam::aws:policy/root-task/IAMAuditRootUserCredentials' },
          }),
        ),
    ],
    [
      'AssumeRoleWithSAML',
      async () =>
        await sts.send(
          new AssumeRoleWithSAMLCommand({
            RoleArn: `arn:aws:iam::${world.accountId}:role/marked`,
            PrincipalArn: arn,
            SAMLAssertion: 'PHNhbWw+',
          }),
        ),
    ],
    [
      'GetDelegatedAccessToken',
      async () => await sts.send(new GetDelegatedAccessTokenCommand({ TradeInToken: 'token' })),
    ],
  ]
  for (const [name, call] of calls) await assert.rejects(call, sdkError('InvalidAction', 400, name))
  const { accessKeyId: AccessKeyId } = world.rootKey
  assert.equal((await sts.send(new GetAccessKeyInfoCommand({ AccessKeyId }))).Account, world.accountId)
})
