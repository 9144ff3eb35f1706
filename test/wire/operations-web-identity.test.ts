import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import {
  AddClientIDToOpenIDConnectProviderCommand,
  CreateOpenIDConnectProviderCommand,
  DeleteOpenIDConnectProviderCommand,
  GetAccountSummaryCommand,
  GetOpenIDConnectProviderCommand,
  ListOpenIDConnectProvidersCommand,
  ListOpenIDConnectProviderTagsCommand,
  ListRolesCommand,
  RemoveClientIDFromOpenIDConnectProviderCommand,
  TagOpenIDConnectProviderCommand,
  UntagOpenIDConnectProviderCommand,
  UpdateOpenIDConnectProviderThumbprintCommand,
} from '@aws-sdk/client-iam'
import type {
  AssumeRoleWithWebIdentityCommandInput,
  AssumeRoleWithWebIdentityCommandOutput,
} from '@aws-sdk/client-sts'
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  GetCallerIdentityCommand,
  STSClient,
} from '@aws-sdk/client-sts'
import { EXPLAINED } from '../fixtures/denials.ts'
import { ALL_RIGHTS, allow, makeRole, makeUser, policy, removeRole } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'
import type { Clients } from '../server.ts'
import { CLIENT, startIssuer } from '../servers/issuer.ts'

/** Identity providers, and roles taken on with their tokens. The issuer is one of our own, on loopback. */

const issuer = await startIssuer()
const server = await startTestServer({ allowedEndpoints: [issuer.endpoint] })
after(async () => {
  await server[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})
const { world } = server
const { iam } = server.clients
const HOST = `${issuer.endpoint}/realm`
const PROVIDER = `arn:aws:iam::${world.accountId}:oidc-provider/${HOST}`
const THUMBPRINT = 'ab'.repeat(20)

/** Without credentials, as a job in a build system has none. */
const anybody = new STSClient({
  endpoint: world.url,
  region: world.region,
  maxAttempts: 1,
  credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
})
after(() => anybody.destroy())

function trusting(
  condition?: object,
  action: string | readonly string[] = 'sts:AssumeRoleWithWebIdentity',
): object {
  const Condition = condition ?? { StringEquals: { [`${HOST}:aud`]: CLIENT, [`${HOST}:sub`]: 'alice' } }
  return { Effect: 'Allow', Principal: { Federated: PROVIDER }, Action: action, Condition }
}

async function assume(
  RoleArn: string,
  claims: Readonly<Record<string, unknown>> = {},
  more: Partial<AssumeRoleWithWebIdentityCommandInput> = {},
): Promise<AssumeRoleWithWebIdentityCommandOutput> {
  const WebIdentityToken = await issuer.token(claims)
  return await anybody.send(
    new AssumeRoleWithWebIdentityCommand({ RoleArn, RoleSessionName: 'build-7', WebIdentityToken, ...more }),
  )
}

function clientsOf({ Credentials: given }: AssumeRoleWithWebIdentityCommandOutput): Clients {
  return server.clientsOf({
    accessKeyId: given?.AccessKeyId ?? '',
    secretAccessKey: given?.SecretAccessKey ?? '',
    sessionToken: given?.SessionToken,
  })
}

test('an identity provider is made, read, listed, changed, tagged and deleted', async () => {
  const made = await iam.send(
    new CreateOpenIDConnectProviderCommand({
      Url: 'https://Tokens.Example.com/realms/prod',
      ClientIDList: ['sts.amazonaws.com', 'sts.amazonaws.com'],
      ThumbprintList: [THUMBPRINT],
      Tags: [{ Key: 'team', Value: 'ci' }],
    }),
  )
  const OpenIDConnectProviderArn = `arn:aws:iam::${world.accountId}:oidc-provider/tokens.example.com/realms/prod`
  assert.equal(made.OpenIDConnectProviderArn, OpenIDConnectProviderArn)
  assert.deepEqual(made.Tags, [{ Key: 'team', Value: 'ci' }])
  const on = { OpenIDConnectProviderArn }
  await iam.send(new AddClientIDToOpenIDConnectProviderCommand({ ...on, ClientID: 'second' }))
  await iam.send(new AddClientIDToOpenIDConnectProviderCommand({ ...on, ClientID: 'second' }))
  await iam.send(new AddClientIDToOpenIDConnectProviderCommand({ ...on, ClientID: 'third' }))
  await iam.send(new RemoveClientIDFromOpenIDConnectProviderCommand({ ...on, ClientID: 'second' }))
  await iam.send(new RemoveClientIDFromOpenIDConnectProviderCommand({ ...on, ClientID: 'never-there' }))
  const ThumbprintList = ['cd'.repeat(20), 'ef'.repeat(20)]
  await iam.send(new UpdateOpenIDConnectProviderThumbprintCommand({ ...on, ThumbprintList }))
  await iam.send(new TagOpenIDConnectProviderCommand({ ...on, Tags: [{ Key: 'stage', Value: 'prod' }] }))
  await iam.send(new UntagOpenIDConnectProviderCommand({ ...on, TagKeys: ['team'] }))
  const read = await iam.send(new GetOpenIDConnectProviderCommand(on))
  assert.equal(read.Url, 'tokens.example.com/realms/prod', 'AWS leaves the scheme out')
  assert.deepEqual(read.ClientIDList, ['sts.amazonaws.com', 'third'])
  assert.deepEqual(read.ThumbprintList, ThumbprintList)
  assert.ok(read.CreateDate instanceof Date)
  assert.deepEqual(read.Tags, [{ Key: 'stage', Value: 'prod' }])
  const { Tags } = await iam.send(new ListOpenIDConnectProviderTagsCommand({ ...on, MaxItems: 1 }))
  assert.deepEqual(Tags, [{ Key: 'stage', Value: 'prod' }])
  const { OpenIDConnectProviderList } = await iam.send(new ListOpenIDConnectProvidersCommand({}))
  assert.deepEqual(OpenIDConnectProviderList, [{ Arn: OpenIDConnectProviderArn }])
  const { SummaryMap } = await iam.send(new GetAccountSummaryCommand({}))
  assert.equal(SummaryMap?.['Providers'], 1)
  await iam.send(new DeleteOpenIDConnectProviderCommand(on))
  await iam.send(new DeleteOpenIDConnectProviderCommand(on))
  const gone = sdkError('NoSuchEntityException', 404, 'OpenIDConnect Provider not found')
  await assert.rejects(iam.send(new GetOpenIDConnectProviderCommand(on)), gone)
  await assert.rejects(
    iam.send(new AddClientIDToOpenIDConnectProviderCommand({ ...on, ClientID: 'x' })),
    gone,
  )
  await assert.rejects(
    iam.send(
      new GetOpenIDConnectProviderCommand({
        OpenIDConnectProviderArn: 'arn:aws:iam::999999999999:oidc-provider/a',
      }),
    ),
    (error: Error) => /NoSuchEntity|AccessDenied/.test(error.name),
  )
})

test('CreateOpenIDConnectProvider takes AWS’s URLs and limits, and R7 no address that the operator has not named', async () => {
  const create = async (Url: string, more: object = {}): Promise<unknown> =>
    await iam.send(new CreateOpenIDConnectProviderCommand({ Url, ThumbprintList: [THUMBPRINT], ...more }))
  const bad = [
    'example.com',
    'ftp://example.com',
    'https://example.com/a?b=c',
    'https://example.com/#a',
    'https://user@example.com',
    'https://exa mple.com',
    'https://example.com/a%2fb',
    `https://example.com/${'a'.repeat(255)}`,
  ]
  for (const url of bad) await assert.rejects(create(url), sdkError('ValidationError', 400), url)
  await assert.rejects(create('http://example.com'), sdkError('InvalidInputException', 400, 'without TLS'))
  await assert.rejects(
    create('http://127.0.0.1:1'),
    sdkError('InvalidInputException', 400, '--allow-endpoint 127.0.0.1:1'),
  )
  const sixPrints = Array.from({ length: 6 }, (_, i) => `${i}`.repeat(40))
  await assert.rejects(
    create('https://a.test', { ThumbprintList: sixPrints }),
    sdkError('InvalidInputException', 400),
  )
  await assert.rejects(
    create('https://a.test', { ThumbprintList: ['x'.repeat(40)] }),
    sdkError('InvalidInputException', 400, 'SHA-1'),
  )
  const ids = Array.from({ length: 101 }, (_, i) => `client-${i}`)
  await assert.rejects(
    create('https://a.test', { ClientIDList: ids }),
    sdkError('LimitExceededException', 409, 'ClientIdsPerOpenIdConnectProvider: 100'),
  )
  // Without a thumbprint the server looks for itself, and does not go to its own loopback for it.
  await assert.rejects(
    create('https://127.0.0.1:1', { ThumbprintList: [] }),
    sdkError('OpenIdIdpCommunicationErrorException', 400, 'loopback'),
  )
  await create('https://a.test')
  await assert.rejects(create('https://A.test'), sdkError('EntityAlreadyExistsException', 409))
  await iam.send(
    new DeleteOpenIDConnectProviderCommand({
      OpenIDConnectProviderArn: `arn:aws:iam::${world.accountId}:oidc-provider/a.test`,
    }),
  )
})

test('AssumeRoleWithWebIdentity gives a role to whom its trust policy admits, without any credentials', async () => {
  await iam.send(new CreateOpenIDConnectProviderCommand({ Url: issuer.url, ClientIDList: [CLIENT] }))
  const RoleArn = await makeRole(world, 'ci', {
    trust: trusting(),
    statements: [allow('backup:ListBackupVaults')],
  })
  const given = await assume(RoleArn)
  assert.equal(given.SubjectFromWebIdentityToken, 'alice')
  assert.equal(given.Provider, PROVIDER)
  assert.equal(given.Audience, CLIENT)
  assert.equal(given.AssumedRoleUser?.Arn, `arn:aws:sts::${world.accountId}:assumed-role/ci/build-7`)
  assert.match(given.AssumedRoleUser?.AssumedRoleId ?? '', /^AROA[A-Z2-7]{17}:build-7$/)
  assert.equal(given.PackedPolicySize, undefined)
  const seconds = ((given.Credentials?.Expiration?.getTime() ?? 0) - Date.now()) / 1000
  assert.ok(seconds > 3_500 && seconds <= 3_600, `${seconds}`)
  const session = clientsOf(given)
  await session.backup.send(new ListBackupVaultsCommand({}))
  assert.equal((await session.sts.send(new GetCallerIdentityCommand({}))).Arn, given.AssumedRoleUser?.Arn)
  await assert.rejects(session.iam.send(new ListRolesCommand({})), sdkError('AccessDenied', 403))
  const none = clientsOf(await assume(RoleArn, {}, { Policy: policy(allow('iam:ListRoles')) }))
  await assert.rejects(
    none.backup.send(new ListBackupVaultsCommand({})),
    sdkError('AccessDeniedException', 403, 'no session policy allows'),
  )
  await assert.rejects(
    assume(RoleArn, {}, { DurationSeconds: 3_601 }),
    sdkError('ValidationError', 400, 'MaxSession'),
  )
  const records = world.rows<{ principal_id: string; effect: string }>(
    "select principal_id, effect from audit where action = 'sts:AssumeRoleWithWebIdentity'",
  )
  assert.equal(records[0]?.principal_id, `${PROVIDER}:${CLIENT}:alice`)
})

test('a subject, an audience or a role that the trust policy does not have is refused, and explained to the account', async () => {
  const RoleArn = await makeRole(world, 'strict', { trust: trusting() })
  const denied = sdkError('AccessDenied', 403, 'Not authorized to perform sts:AssumeRoleWithWebIdentity')
  let message = ''
  await assert.rejects(assume(RoleArn, { sub: 'mallory' }), (error: Error) => {
    message = error.message
    return denied(error)
  })
  const [, AuthorizationId = assert.fail(message)] = EXPLAINED.exec(message) ?? []
  const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
  assert.match(Authorization.Reason, /no role trust policy allows the sts:AssumeRoleWithWebIdentity action/)
  const [proposal] = Authorization.Proposals
  const proposed = JSON.parse(proposal?.Statement ?? '{}') as { Principal?: object; Condition?: object }
  assert.deepEqual(proposed.Principal, { Federated: PROVIDER })
  assert.deepEqual(proposed.Condition, {
    StringEquals: { [`${HOST}:aud`]: CLIENT, [`${HOST}:sub`]: 'mallory' },
  })
  await assert.rejects(assume(`arn:aws:iam::${world.accountId}:role/none`), denied)
  await assert.rejects(assume(`arn:aws:iam::${world.accountId}:role/path/ci`), denied)
  // Neither a star nor the account lets identities of outside in.
  for (const [name, Principal] of [
    ['star', '*'],
    ['account', { AWS: world.accountId }],
  ] as const) {
    const open = await makeRole(world, name, { trust: { Effect: 'Allow', Principal, Action: 'sts:*' } })
    await assert.rejects(assume(open), denied)
  }
})

test('a token is refused for what it is: not one, expired, forged, of nobody, for somebody else', async () => {
  const RoleArn = `arn:aws:iam::${world.accountId}:role/ci`
  const invalid = (text: string): ((error: unknown) => boolean) =>
    sdkError('InvalidIdentityTokenException', 400, text)
  const now = Math.floor(Date.now() / 1000)
  await assert.rejects(assume(RoleArn, {}, { WebIdentityToken: 'no-token' }), invalid('not a valid JWT'))
  await assert.rejects(
    assume(RoleArn, { exp: now - 120, iat: now - 300 }),
    sdkError('ExpiredTokenException', 400),
  )
  await assert.rejects(assume(RoleArn, { aud: 'other' }), invalid('Incorrect token audience'))
  await assert.rejects(
    assume(RoleArn, { iss: 'https://nobody.test' }),
    invalid('No OpenIDConnect provider found in your account for https://nobody.test'),
  )
  const [header, , signature] = (await issuer.token()).split('.')
  const body = Buffer.from(JSON.stringify({ iss: issuer.url, sub: 'alice' })).toString('base64url')
  await assert.rejects(
    assume(RoleArn, {}, { WebIdentityToken: `${header}.${body}.${signature}` }),
    invalid('signature does not verify'),
  )
  await assert.rejects(assume(RoleArn, {}, { ProviderId: 'www.amazon.com' }), invalid('ProviderId'))
  await assert.rejects(assume('arn:aws:iam::999999999999:role/ci'), invalid('No OpenIDConnect provider'))
  await assert.rejects(assume(RoleArn, { nbf: now + 600 }), invalid('nbf'))
})

test('claims are condition keys in the trust policy, and aud, sub and the provider stay known in the session', async () => {
  const repository = 'org/backup'
  const trust = trusting({
    StringEquals: { [`${HOST}:repository`]: repository, [`${HOST}:protected`]: 'true' },
    StringLike: { [`${HOST}:sub`]: `repo:${repository}:*` },
    'ForAnyValue:StringEquals': { [`${HOST}:groups`]: ['ops'] },
  })
  const vaults = {
    ...allow('backup:ListBackupVaults'),
    Condition: {
      StringEquals: {
        'aws:FederatedProvider': PROVIDER,
        [`${HOST}:sub`]: `repo:${repository}:ref:main`,
        [`${HOST}:aud`]: CLIENT,
      },
      Null: { [`${HOST}:repository`]: 'true' },
    },
  }
  const RoleArn = await makeRole(world, 'claims', { trust, statements: [vaults] })
  const right = { repository, protected: true, groups: ['dev', 'ops'], sub: `repo:${repository}:ref:main` }
  await clientsOf(await assume(RoleArn, right)).backup.send(new ListBackupVaultsCommand({}))
  const denied = sdkError('AccessDenied', 403)
  await assert.rejects(assume(RoleArn, { ...right, repository: 'org/other' }), denied)
  await assert.rejects(assume(RoleArn, { ...right, groups: ['dev'] }), denied)
  await assert.rejects(assume(RoleArn, { ...right, protected: undefined }), denied)
})

test('session tags and a source identity of the token need their own actions in the trust policy', async () => {
  const tags = {
    'https://aws.amazon.com/tags': { principal_tags: { team: ['db'] }, transitive_tag_keys: ['team'] },
    'https://aws.amazon.com/source_identity': 'ada',
  }
  const vaults = {
    ...allow(['backup:ListBackupVaults', 'sts:AssumeRole', 'sts:TagSession', 'sts:SetSourceIdentity']),
    Condition: { StringEquals: { 'aws:PrincipalTag/team': 'db', 'aws:SourceIdentity': 'ada' } },
  }
  const plain = await makeRole(world, 'untagged', { trust: trusting(), statements: [vaults] })
  await assert.rejects(
    assume(plain, tags),
    sdkError('AccessDenied', 403, 'Not authorized to perform sts:TagSession'),
  )
  const actions = ['sts:AssumeRoleWithWebIdentity', 'sts:TagSession', 'sts:SetSourceIdentity']
  const RoleArn = await makeRole(world, 'tagged', {
    trust: trusting(undefined, actions),
    statements: [vaults],
  })
  const given = await assume(RoleArn, tags)
  assert.equal(given.SourceIdentity, 'ada')
  const session = clientsOf(given)
  await session.backup.send(new ListBackupVaultsCommand({}))
  const next = await makeRole(world, 'next', {
    trust: { Effect: 'Allow', Principal: { AWS: RoleArn }, Action: 'sts:*' },
    statements: [vaults],
  })
  const chained = await session.sts.send(new AssumeRoleCommand({ RoleArn: next, RoleSessionName: 'chained' }))
  assert.equal(chained.SourceIdentity, 'ada')
  await clientsOf(chained as AssumeRoleWithWebIdentityCommandOutput).backup.send(
    new ListBackupVaultsCommand({}),
  )
  const flat = {
    'https://aws.amazon.com/tags/principal_tags/team': 'db',
    'https://aws.amazon.com/source_identity': 'ada',
  }
  await clientsOf(await assume(RoleArn, flat)).backup.send(new ListBackupVaultsCommand({}))
  const rejected = sdkError('IDPRejectedClaimException', 403)
  await assert.rejects(assume(RoleArn, { 'https://aws.amazon.com/tags': 'team=db' }), rejected)
  await assert.rejects(
    assume(RoleArn, { 'https://aws.amazon.com/tags': { principal_tags: { team: ['a', 'b'] } } }),
    rejected,
  )
  await assert.rejects(assume(RoleArn, { 'https://aws.amazon.com/source_identity': '!' }), rejected)
})

test('R14 the session of a web identity ends with its role', async () => {
  const RoleArn = await makeRole(world, 'short-lived', { trust: trusting(), statements: [ALL_RIGHTS] })
  const session = clientsOf(await assume(RoleArn))
  await session.backup.send(new ListBackupVaultsCommand({}))
  await removeRole(world, 'short-lived')
  await makeRole(world, 'short-lived', { trust: trusting(), statements: [ALL_RIGHTS] })
  await assert.rejects(
    session.backup.send(new ListBackupVaultsCommand({})),
    sdkError('UnrecognizedClientException', 403),
  )
})

test('an issuer that rotates its keys is followed, and one that is down is told apart so that clients try again', async () => {
  const RoleArn = `arn:aws:iam::${world.accountId}:role/ci`
  const user = await makeUser(world, 'idp-admin', [allow('iam:*OpenIDConnect*')])
  const own = server.clientsOf(user.key).iam
  const on = { OpenIDConnectProviderArn: PROVIDER }
  // What is known of an issuer is known under its thumbprints: with others it is looked at anew.
  issuer.instead.set('/keys', (request) => void request.socket.destroy())
  await own.send(new UpdateOpenIDConnectProviderThumbprintCommand({ ...on, ThumbprintList: [THUMBPRINT] }))
  await assert.rejects(assume(RoleArn), (error: Error & { $retryable?: object }) => {
    assert.ok(error.$retryable !== undefined, 'the SDK tries it again')
    assert.ok(!error.message.includes('127.0.0.1'), 'strangers learn no address')
    return sdkError('IDPCommunicationErrorException', 400, 'retrieve verification key')(error)
  })
  assert.ok(world.lines.some((line) => line.includes('Cannot reach') && line.includes(issuer.endpoint)))
  issuer.instead.delete('/keys')
  await issuer.rotate('ES256')
  await own.send(
    new UpdateOpenIDConnectProviderThumbprintCommand({ ...on, ThumbprintList: ['cd'.repeat(20)] }),
  )
  await assume(RoleArn)
  await own.send(new RemoveClientIDFromOpenIDConnectProviderCommand({ ...on, ClientID: CLIENT }))
  await assert.rejects(assume(RoleArn), sdkError('InvalidIdentityTokenException', 400, 'audience'))
  await own.send(new DeleteOpenIDConnectProviderCommand(on))
  await assert.rejects(
    assume(RoleArn),
    sdkError('InvalidIdentityTokenException', 400, 'No OpenIDConnect provider'),
  )
})
