import assert from 'node:assert/strict'
import { request as httpRequest } from 'node:http'
import { after, test } from 'node:test'
import { callService } from '../../src/aws/client.ts'
import type { Credentials } from '../../src/aws/client.ts'
import { SERVICE_NAMES, modelOf } from '../../src/aws/model.ts'
import type { OperationModel, ServiceModel } from '../../src/aws/model.ts'
import { sign } from '../../src/aws/sigv4.ts'
import { MAX_BODY_BYTES } from '../../src/aws/wire.ts'
import type { WireRequest } from '../../src/aws/wire.ts'
import { writeRequest } from '../../src/aws/write-request.ts'
import { REGION, TABLES, startApiServer } from '../servers/api.ts'
import { exampleInput } from './example-input.ts'

const server = await startApiServer()
after(() => server[Symbol.asyncDispose]())
const host = new URL(server.endpoint).host

interface Answer {
  readonly status: number
  readonly code: string
  readonly message: string
  readonly body: string
}

/** Sends a request just as it is. */
function send(request: WireRequest): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(server.endpoint)
    const outgoing = httpRequest(
      {
        hostname,
        port,
        method: request.method,
        path: request.rawTarget,
        headers: { ...Object.fromEntries(request.headers), 'content-length': request.body.length },
      },
      (incoming) => {
        let body = ''
        incoming.setEncoding('utf8')
        incoming.on('data', (text: string) => (body += text))
        incoming.on('end', () => {
          const header = incoming.headers['x-amzn-errortype'] as string | undefined
          const message = /"message":"((?:[^"\\]|\\.)*)"|<Message>([^<]*)/.exec(body)
          resolve({
            status: incoming.statusCode ?? 0,
            code: header ?? /<Code>(\w+)<\/Code>/.exec(body)?.[1] ?? '',
            message: message?.[1] ?? message?.[2] ?? '',
            body,
          })
        })
      },
    )
    outgoing.on('error', reject)
    outgoing.end(request.body)
  })
}

const EVERY: readonly (readonly [ServiceModel, OperationModel])[] = SERVICE_NAMES.map(modelOf).flatMap(
  (model) => Object.values(model.operations).map((operation) => [model, operation] as const),
)

function exampleRequest(model: ServiceModel, operation: OperationModel): WireRequest {
  const input = operation.input === undefined ? {} : exampleInput(model, operation.input)
  const { rawTarget, body, ...rest } = writeRequest(model, operation, input, host)
  // Root may do nothing in another account, so the example's ARNs become his own.
  const own = (text: string): string => text.replaceAll('123456789012', server.accountId)
  return { ...rest, rawTarget: own(rawTarget), body: Buffer.from(own(body.toString())) }
}

function signed(
  model: ServiceModel,
  request: WireRequest,
  credentials: Credentials,
  region: string = REGION,
): WireRequest {
  const scope = { region, service: model.metadata.signingName }
  return { ...request, headers: sign(request, credentials, scope, Date.now()) }
}

/** Asks every operation of every service and returns what was answered otherwise than `isExpected` says. */
async function unexpected(
  prepare: (model: ServiceModel, request: WireRequest) => WireRequest,
  isExpected: (answer: Answer, model: ServiceModel, operation: OperationModel) => boolean,
): Promise<string[]> {
  const found: string[] = []
  for (const [model, operation] of EVERY) {
    const answer = await send(prepare(model, exampleRequest(model, operation)))
    if (!isExpected(answer, model, operation))
      found.push(`${model.metadata.name}:${operation.name} ${answer.status} ${answer.code} ${answer.message}`)
  }
  return found
}

/** What anybody may call: what the request carries is the proof. */
const UNSIGNED = ['BeginSignIn', 'AssumeRoleWithSAML', 'AssumeRoleWithWebIdentity', 'SignIn']

function isMissingToken({ status, code }: Answer): boolean {
  return status === 403 && code.startsWith('MissingAuthenticationToken')
}

test('no operation answers a request without credentials but those that carry a proof of their own', async () => {
  const found = await unexpected(
    (_, request) => request,
    (answer, _, operation) => isMissingToken(answer) !== UNSIGNED.includes(operation.name),
  )
  assert.deepEqual(found, [])
})

test('half a signature, another version and a large body do not open an unsigned operation', async () => {
  const sts = modelOf('sts')
  const request = exampleRequest(sts, sts.operations['AssumeRoleWithWebIdentity'] as OperationModel)
  const withHeader = (name: string, value: string): WireRequest => ({
    ...request,
    headers: [...request.headers, [name, value]],
  })
  const body = request.body.toString()
  const refused: readonly WireRequest[] = [
    { ...request, rawTarget: '/?X-Amz-Signature=00' },
    { ...request, rawTarget: '/?x-amz-credential=a%2F20260101%2Fr%2Fsts%2Faws4_request' },
    withHeader('authorization', 'Bearer x'),
    withHeader('authorization', ''),
    { ...request, body: Buffer.from(body.replace('2011-06-15', '2010-05-08')) },
    { ...request, body: Buffer.from(`${body}&Filler=${'x'.repeat(65_536)}`) },
    // Whatever stands second, the first one is the operation.
    { ...request, body: Buffer.from(`Action=GetCallerIdentity&${body}`) },
  ]
  for (const each of refused) {
    const { status, body: answer } = await send(each)
    assert.ok(status === 403 || status === 400, answer)
    assert.match(answer, /MissingAuthenticationToken|IncompleteSignature/)
  }
})

test('a wrongly signed request of an unsigned operation is refused, and one rightly signed stays without a principal', async () => {
  const sts = modelOf('sts')
  const request = exampleRequest(sts, sts.operations['AssumeRoleWithWebIdentity'] as OperationModel)
  const wrong = await send(signed(sts, request, { ...server.root, secretAccessKey: 'x'.repeat(40) }))
  assert.deepEqual([wrong.status, wrong.code], [403, 'SignatureDoesNotMatch'])
  const [right, plain] = [await send(signed(sts, request, server.root)), await send(request)]
  assert.deepEqual([right.status, right.code], [plain.status, plain.code])
})

test('no operation answers a request with a wrong signature, an unknown key or a key of another region', async () => {
  const isQuery = (model: ServiceModel): boolean => model.metadata.protocol === 'query'
  const wrongSecret = { ...server.root, secretAccessKey: 'x'.repeat(40) }
  assert.deepEqual(
    await unexpected(
      (model, request) => signed(model, request, wrongSecret),
      ({ status, code }, model) =>
        status === 403 && code === (isQuery(model) ? 'SignatureDoesNotMatch' : 'InvalidSignatureException'),
    ),
    [],
  )
  const unknown = { accessKeyId: 'AKIAAAAAAAAAAAAAAAAA', secretAccessKey: server.root.secretAccessKey }
  assert.deepEqual(
    await unexpected(
      (model, request) => signed(model, request, unknown),
      ({ status, code }, model) =>
        status === 403 && code === (isQuery(model) ? 'InvalidClientTokenId' : 'UnrecognizedClientException'),
    ),
    [],
  )
  assert.deepEqual(
    await unexpected(
      (model, request) => signed(model, request, server.root, 'ap-south-1'),
      ({ status, message }) =>
        status === 403 && message.includes(`'${REGION}'`) && message.includes("'ap-south-1'"),
    ),
    [],
  )
})

/** AWS asks for no permission for these: who am I, and short-lived credentials of my own. A session may always end itself. */
const NEEDS_NO_RIGHT = ['GetCallerIdentity', 'GetSessionToken', 'SignOut', 'StartSession']

test('a user without any policy is denied every operation but those on himself', async () => {
  const UserName = 'nobody'
  await server.call('iam', 'CreateUser', { UserName })
  const { AccessKey } = await server.call('iam', 'CreateAccessKey', { UserName })
  const nobody = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
  const found = await unexpected(
    (model, request) => signed(model, request, nobody),
    ({ status, code }, model, operation) =>
      UNSIGNED.includes(operation.name) ||
      (NEEDS_NO_RIGHT.includes(operation.name)
        ? status === 200 || (operation.name === 'SignOut' && code === 'InvalidRequestException')
        : status === 403 &&
          code === (model.metadata.protocol === 'query' ? 'AccessDenied' : 'AccessDeniedException')),
  )
  assert.deepEqual(found, [])
})

test('every operation that is not built answers root with an error that no client retries', async () => {
  const isUnbuilt = (model: ServiceModel, operation: OperationModel): boolean =>
    'unbuilt' in ((TABLES[model.metadata.name] as Record<string, object>)[operation.name] as object)
  const unbuilt = EVERY.filter(([model, operation]) => isUnbuilt(model, operation))
  assert.ok(unbuilt.length > 0)
  const found: string[] = []
  for (const [model, operation] of unbuilt) {
    const answer = await send(signed(model, exampleRequest(model, operation), server.root))
    const codes =
      model.metadata.protocol === 'query'
        ? ['InvalidAction']
        : ['InvalidRequestException', 'InvalidParameterValueException'].filter((code) =>
            operation.errors?.some(({ shape }) => shape === code),
          )
    if (
      answer.status !== 400 ||
      answer.code !== (codes[0] ?? 'InvalidRequestException') ||
      !answer.message.includes(operation.name)
    )
      found.push(`${model.metadata.name}:${operation.name} ${answer.status} ${answer.code} ${answer.message}`)
  }
  assert.deepEqual(found, [])
})

test('no operation answers root’s example request with a fault of the server', async () => {
  const found = await unexpected(
    (model, request) => signed(model, request, server.root),
    ({ status }) => status < 500,
  )
  assert.deepEqual([found, server.errors], [[], []])
})

test('a body over the limit and a path that is none are refused', async () => {
  const backup = modelOf('backup')
  const big: WireRequest = {
    method: 'PUT',
    rawTarget: '/backup-vaults/big',
    headers: [['host', host]],
    body: Buffer.alloc(MAX_BODY_BYTES + 1, 0x20),
  }
  const tooLarge = await send(signed(backup, big, server.root))
  assert.deepEqual([tooLarge.status, tooLarge.code], [413, 'RequestEntityTooLargeException'])
  for (const rawTarget of [
    '/nothing/here',
    '/',
    '/backup-vaults/../tags/x',
    '//backup-vaults/',
    '/backup-vaults/a%',
  ]) {
    const request = { ...big, rawTarget, body: Buffer.alloc(0) }
    const answer = await send(signed(backup, request, server.root))
    assert.deepEqual([answer.status, answer.code], [400, 'UnknownOperationException'], rawTarget)
    const unsigned = await send(request)
    assert.equal(unsigned.status, 403, rawTarget)
  }
})

test('a session’s key without its token, and a token with another key, open nothing', async () => {
  const UserName = 'somebody'
  await server.call('iam', 'CreateUser', { UserName })
  const { AccessKey } = await server.call('iam', 'CreateAccessKey', { UserName })
  const user = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
  const session = await callService(server.endpoint, user, REGION, 'sts', 'GetSessionToken', {})
  const { AccessKeyId = '', SecretAccessKey = '', SessionToken = '' } = session.Credentials ?? {}
  const keys = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey }
  const middle = SessionToken.length >> 1
  const flipped = SessionToken.charAt(middle) === 'A' ? 'B' : 'A'
  const forged = SessionToken.slice(0, middle) + flipped + SessionToken.slice(middle + 1)
  const ask = (credentials: Credentials): Promise<unknown> =>
    callService(server.endpoint, credentials, REGION, 'sts', 'GetCallerIdentity', {})
  await ask({ ...keys, sessionToken: SessionToken })
  const isInvalid = { name: 'AwsError', code: 'InvalidClientTokenId', status: 403 }
  await assert.rejects(ask(keys), isInvalid)
  await assert.rejects(ask({ ...keys, sessionToken: forged }), isInvalid)
  await assert.rejects(ask({ ...user, sessionToken: SessionToken }), isInvalid)
})

test('an idle connection is kept longer than clients and proxies keep theirs', async () => {
  const { headers } = await fetch(server.endpoint, { method: 'POST' })
  const seconds = Number(/timeout=(\d+)/.exec(headers.get('keep-alive') ?? '')?.[1])
  assert.ok(seconds > 60, `${seconds} s: the next call of a client that waited so long would be lost`)
})
