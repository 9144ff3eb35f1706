import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import { CreateOpenIDConnectProviderCommand, UpdateAssumeRolePolicyCommand } from '@aws-sdk/client-iam'
import { GetCallerIdentityCommand } from '@aws-sdk/client-sts'
import { callerOf, callService } from '../../src/aws/client.ts'
import type { Call, InputOf, OutputOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { EXPLAINED } from '../fixtures/denials.ts'
import { ALL_RIGHTS, allow, makeRole, makeUser, policy } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'
import { CLIENT, startIssuer } from '../servers/issuer.ts'

/** R25 Signing in with an identity provider: code, PKCE, state and nonce, each needed, each good once. */

const issuer = await startIssuer()
const server = await startTestServer({ allowedEndpoints: [issuer.endpoint] })
after(async () => {
  await server[Symbol.asyncDispose]()
  await issuer[Symbol.asyncDispose]()
})
const { world } = server
const HOST = `${issuer.endpoint}/realm`
const OpenIDConnectProviderArn = `arn:aws:iam::${world.accountId}:oidc-provider/${HOST}`
const RedirectUri = 'https://backup.example.com/console/signed-in'
let RoleArn = ''

const call: Call = async (service, operation, input) =>
  await callService(world.url, undefined, world.region, service, operation, input)

function trusting(
  condition: object = { StringEquals: { [`${HOST}:sub`]: ['alice', 'google|12 3'] } },
): object {
  return {
    Effect: 'Allow',
    Principal: { Federated: OpenIDConnectProviderArn },
    Action: 'sts:AssumeRoleWithWebIdentity',
    Condition: condition,
  }
}

before(async () => {
  await server.clients.iam.send(
    new CreateOpenIDConnectProviderCommand({ Url: issuer.url, ClientIDList: [CLIENT, 'other-app'] }),
  )
  RoleArn = await makeRole(world, 'console', { trust: trusting(), statements: [ALL_RIGHTS] })
})

type Settings = InputOf<'roleback', 'PutSignInProvider'>
const settings = (change: Partial<Settings> = {}): Settings => ({
  OpenIDConnectProviderArn,
  ClientId: CLIENT,
  RoleArn,
  RedirectUris: [RedirectUri, 'http://127.0.0.1:8000/back'],
  ...change,
})
const put = async (change: Partial<Settings> = {}): Promise<unknown> =>
  await world.call('roleback', 'PutSignInProvider', settings(change))

interface Begun {
  readonly verifier: string
  readonly answer: OutputOf<'roleback', 'BeginSignIn'>
}

async function begin(change: Partial<InputOf<'roleback', 'BeginSignIn'>> = {}): Promise<Begun> {
  const verifier = randomBytes(32).toString('base64url')
  const CodeChallenge = createHash('sha256').update(verifier).digest('base64url')
  const input = { OpenIDConnectProviderArn, RedirectUri, CodeChallenge, ...change }
  return { verifier, answer: await call('roleback', 'BeginSignIn', input) }
}

type Given = NonNullable<InputOf<'roleback', 'SignIn'>['OidcCredentials']>

/** What the client has when the browser comes back. */
function comeBack({ verifier, answer }: Begun, claims: Readonly<Record<string, unknown>> = {}): Given {
  const back = issuer.signIn(answer.AuthorizationUrl, claims)
  assert.equal(back.searchParams.get('state'), answer.State)
  return { State: answer.State, Code: back.searchParams.get('code') ?? '', CodeVerifier: verifier }
}

const signIn = async (OidcCredentials: Given): Promise<OutputOf<'roleback', 'SignIn'>> =>
  await call('roleback', 'SignIn', { OidcCredentials })

const fails =
  (text: string, code = 'SignInFailedException', status = 403) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AwsError, String(error))
    assert.deepEqual([error.code, error.status], [code, status], error.message)
    assert.ok(error.message.includes(text), error.message)
    return true
  }

function keyOf({ Credentials: made }: OutputOf<'roleback', 'SignIn'>) {
  return {
    accessKeyId: made.AccessKeyId,
    secretAccessKey: made.SecretAccessKey,
    sessionToken: made.SessionToken,
  }
}

test('R15 a role that trusts a provider without saying whom is not taken for sign-in', async () => {
  const refused = async (condition: object | undefined, text: string): Promise<void> => {
    const statement = { ...trusting(), Condition: condition }
    const PolicyDocument = policy(statement)
    await server.clients.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'console', PolicyDocument }))
    await assert.rejects(put(), fails(text, 'InvalidParameterValueException', 400))
  }
  const wanted = `give its statement a condition on ${HOST}:sub`
  await refused(undefined, wanted)
  await refused({ StringEquals: { [`${HOST}:aud`]: CLIENT } }, wanted)
  await refused({ StringLike: { [`${HOST}:sub`]: '*' } }, wanted)
  await refused({ StringEqualsIfExists: { [`${HOST}:sub`]: 'alice' } }, wanted)
  await refused({ StringNotEquals: { [`${HOST}:sub`]: 'mallory' } }, wanted)
  await refused({ 'ForAllValues:StringEquals': { [`${HOST}:sub`]: 'alice' } }, wanted)
  const PolicyDocument = policy(trusting())
  await server.clients.iam.send(new UpdateAssumeRolePolicyCommand({ RoleName: 'console', PolicyDocument }))
  await put()
})

test('a sign-in provider is put, listed and deleted, by those who may change the identity provider', async () => {
  const secret = 'the-client-secret-of-the-console'
  await put({ ClientSecret: secret })
  const { SignInProviders } = await world.call('roleback', 'ListSignInProviders', {})
  const { CreationDate, ...listed } = SignInProviders[0] ?? assert.fail()
  assert.ok(CreationDate instanceof Date)
  assert.deepEqual(listed, {
    OpenIDConnectProviderArn,
    ClientId: CLIENT,
    HasClientSecret: true,
    RoleArn,
    RedirectUris: [RedirectUri, 'http://127.0.0.1:8000/back'],
  })
  assert.ok(
    !JSON.stringify(world.rows('select * from sign_in_provider')).includes(secret),
    'R9 sealed at rest',
  )
  const invalid = (text: string): ((error: unknown) => boolean) =>
    fails(text, 'InvalidParameterValueException', 400)
  await assert.rejects(put({ ClientId: 'unknown' }), invalid('none of the provider'))
  await assert.rejects(put({ RoleArn: `${RoleArn}x` }), invalid('there is no role'))
  for (const uri of [
    'http://backup.example.com/',
    'https://a.test/#x',
    'https://*.a.test/',
    'javascript:alert(1)',
    'x',
  ])
    await assert.rejects(put({ RedirectUris: [uri] }), invalid('is neither https nor on loopback'))
  const other = await makeRole(world, 'unrelated', {})
  await assert.rejects(put({ RoleArn: other }), invalid('does not name'))
  await assert.rejects(
    put({ OpenIDConnectProviderArn: `${OpenIDConnectProviderArn}x` }),
    fails('no such identity provider', 'ResourceNotFoundException', 400),
  )
  const helper = await makeUser(world, 'helper', [allow('roleback:*')])
  await assert.rejects(
    helper.call('roleback', 'PutSignInProvider', settings()),
    fails('iam:AddClientIDToOpenIDConnectProvider', 'AccessDeniedException'),
  )
  await world.call('roleback', 'DeleteSignInProvider', { OpenIDConnectProviderArn })
  await assert.rejects(
    world.call('roleback', 'DeleteSignInProvider', { OpenIDConnectProviderArn }),
    fails('no such identity provider', 'ResourceNotFoundException', 400),
  )
  await assert.rejects(begin(), fails('no such provider'))
})

test('R25 a person signs in with the provider, works, is listed and signs out', async () => {
  issuer.clientSecret = 'confidential'
  await put({ ClientSecret: 'confidential' })
  const begun = await begin()
  const url = new URL(begun.answer.AuthorizationUrl)
  assert.equal(url.origin + url.pathname, `http://${issuer.endpoint}/authorize`)
  assert.equal(url.searchParams.get('code_challenge_method'), 'S256')
  assert.equal(url.searchParams.get('response_type'), 'code')
  assert.equal(url.searchParams.get('client_id'), CLIENT)
  assert.ok(!begun.answer.AuthorizationUrl.includes(begun.verifier))
  const answer = await signIn(comeBack(begun))
  const PrincipalArn = `arn:aws:sts::${world.accountId}:assumed-role/console/alice`
  assert.deepEqual([answer.AccountId, answer.PrincipalArn], [world.accountId, PrincipalArn])
  const lives = (answer.Credentials.Expiration.getTime() - Date.now()) / 1000
  assert.ok(lives > 3_500 && lives <= 3_600, 'an hour at most')
  const session = server.clientsOf(keyOf(answer))
  assert.equal((await session.sts.send(new GetCallerIdentityCommand({}))).Arn, PrincipalArn)
  await session.backup.send(new ListBackupVaultsCommand({}))
  const { Sessions } = await world.call('roleback', 'ListSessions', {})
  const listed = Sessions.find(({ AccessKeyId }) => AccessKeyId === answer.Credentials.AccessKeyId)
  assert.equal(listed?.PrincipalArn, PrincipalArn)
  await callerOf(world.url, keyOf(answer), world.region)('roleback', 'SignOut', {})
  await assert.rejects(
    session.backup.send(new ListBackupVaultsCommand({})),
    sdkError('ExpiredTokenException', 403),
  )
  const gone = (await world.call('roleback', 'ListSessions', {})).Sessions
  assert.ok(!gone.some(({ AccessKeyId }) => AccessKeyId === answer.Credentials.AccessKeyId))
  const again = server.clientsOf(keyOf(await signIn(comeBack(await begin(), { sub: 'google|12 3' }))))
  assert.match(
    (await again.sts.send(new GetCallerIdentityCommand({}))).Arn ?? '',
    /:assumed-role\/console\/sub-[0-9a-f]{40}$/,
  )
  await world.call('roleback', 'RevokeSessions', { PrincipalArn: RoleArn })
  await assert.rejects(
    again.backup.send(new ListBackupVaultsCommand({})),
    sdkError('ExpiredTokenException', 403),
  )
})

test('R25 state, code, verifier and nonce are good for one sign-in, and for their own', async () => {
  const first = comeBack(await begin())
  await signIn(first)
  await assert.rejects(signIn(first), fails('finished before'))
  // The verifier of another sign-in: somebody else's code was slipped in.
  const [mine, theirs] = [await begin(), await begin()]
  const slipped = { ...comeBack(theirs), CodeVerifier: mine.verifier }
  await assert.rejects(signIn(slipped), fails('code verifier'))
  await assert.rejects(signIn({ ...slipped, CodeVerifier: theirs.verifier }), fails('finished before'))
  // Another sign-in's state: its nonce is in the token, and the provider compares the verifier, too.
  const [one, two] = [await begin(), await begin()]
  const crossed = { ...comeBack(one), State: two.answer.State, CodeVerifier: two.verifier }
  await assert.rejects(signIn(crossed), fails('refuses the code'))
  await assert.rejects(signIn(comeBack(await begin(), { nonce: 'replayed' })), fails('nonce'))
  await assert.rejects(signIn(comeBack(await begin(), { nonce: undefined })), fails('nonce'))
  await assert.rejects(signIn(comeBack(await begin(), { aud: 'other-app' })), fails('audience'))
  await assert.rejects(signIn({ ...comeBack(await begin()), Code: 'guessed' }), fails('refuses the code'))
  await assert.rejects(signIn({ ...comeBack(await begin()), State: 'AAAA' }), fails('none of this server'))
  const denied = world.rows<{ n: number }>(
    "select count(*) as n from audit where action = 'roleback:SignIn' and effect = 'Deny' and service = 'roleback'",
  )
  assert.ok((denied[0]?.n ?? 0) >= 5, 'what was begun here and failed is written down')
  const both = {
    PasswordCredentials: { Account: world.accountId, UserName: 'a', Password: 'b' },
    OidcCredentials: first,
  }
  await assert.rejects(
    call('roleback', 'SignIn', both),
    fails('one of PasswordCredentials and OidcCredentials', 'InvalidParameterValueException', 400),
  )
  const twenty = comeBack(await begin())
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, async () => await signIn(twenty)))
  assert.equal(outcomes.filter(({ status }) => status === 'fulfilled').length, 1)
})

test('R25 redirect URIs are fixed, and whom the role does not admit gets no session', async () => {
  for (const uri of [
    `${RedirectUri}/`,
    `${RedirectUri}?next=//evil.test`,
    'https://evil.test/',
    RedirectUri.toUpperCase(),
  ])
    await assert.rejects(begin({ RedirectUri: uri }), fails('redirect URI is none of its own'))
  await begin({ RedirectUri: 'http://127.0.0.1:8000/back' })
  let message = ''
  await assert.rejects(signIn(comeBack(await begin(), { sub: 'mallory' })), (error: Error) => {
    message = error.message
    return fails('Not authorized to perform sts:AssumeRoleWithWebIdentity')(error)
  })
  const [, AuthorizationId = assert.fail(message)] = EXPLAINED.exec(message) ?? []
  const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
  assert.equal(Authorization.PrincipalArn, OpenIDConnectProviderArn)
  issuer.clientSecret = 'changed at the provider'
  await assert.rejects(signIn(comeBack(await begin())), fails('refuses the code'))
  issuer.clientSecret = 'confidential'
  issuer.instead.set('/token', (request) => void request.socket.destroy())
  await assert.rejects(signIn(comeBack(await begin())), fails('cannot be used now'))
  issuer.instead.set(
    '/token',
    (_, response) => void response.writeHead(302, { location: '/elsewhere' }).end(),
  )
  await assert.rejects(signIn(comeBack(await begin())), fails('cannot be used now'))
  issuer.instead.delete('/token')
  await signIn(comeBack(await begin()))
})

test('roleback sign-in-provider puts, lists and removes; the secret comes by file', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    AWS_REGION: world.region,
  }
  const file = join(world.scratch, 'client-secret')
  writeFileSync(file, 'confidential\n')
  const settings = ['--client-id', CLIENT, '--role', RoleArn, '--redirect-uri', RedirectUri]
  const args = [
    'sign-in-provider',
    'put',
    OpenIDConnectProviderArn,
    ...settings,
    '--client-secret-file',
    file,
  ]
  const put = await roleback(args, { env })
  assert.deepEqual([put.code, put.stdout], [0, ''])
  assert.match(put.stderr, /people may sign in with arn:aws:iam/)
  await signIn(comeBack(await begin()))
  const list = await roleback(['sign-in-provider', 'list'], { env })
  assert.match(
    list.stdout,
    /^PROVIDER .*\narn:aws:iam::\d+:oidc-provider\/\S+ +backup-app +yes +arn:\S+:role\/console +https:\S+\n$/,
  )
  const removed = await roleback(['sign-in-provider', 'remove', OpenIDConnectProviderArn], { env })
  assert.equal(removed.code, 0, removed.stderr)
  const none = await roleback(['sign-in-provider', 'list', '--json'], { env })
  assert.deepEqual(JSON.parse(none.stdout), [])
})
