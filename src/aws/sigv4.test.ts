import assert from 'node:assert/strict'
import { createHash, createHmac } from 'node:crypto'
import { test } from 'node:test'
import { SignatureV4 } from '@smithy/signature-v4'
import fc from 'fast-check'
import { AwsError } from './error.ts'
import { invalidToken } from './faults.ts'
import { modelOf, serviceSignedAs } from './model.ts'
import { parseInput } from './parse-input.ts'
import { route } from './route.ts'
import { scopeOf } from './scope.ts'
import { readClaim, sign, verifySignature } from './sigv4.ts'
import type { WireRequest } from './wire.ts'

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const KEY_ID = 'AKIAIOSFODNN7EXAMPLE'
const NOW = Date.parse('2026-11-24T03:00:00Z')
const backup = modelOf('backup')

class Sha256 {
  readonly #hash
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret))
  }
  update(data: string | ArrayBuffer | ArrayBufferView): void {
    this.#hash.update(bytesOf(data))
  }
  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest())
  }
}

function bytesOf(data: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof data === 'string') return Buffer.from(data)
  return ArrayBuffer.isView(data)
    ? Buffer.from(data.buffer, data.byteOffset, data.byteLength)
    : Buffer.from(data)
}

interface Plain {
  readonly method: string
  readonly path: string
  readonly query: Record<string, string | string[]>
  readonly headers: Record<string, string>
  readonly body: string
}

const escape = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`)

function targetOf(path: string, query: Record<string, string | string[] | null>): string {
  const pairs = Object.entries(query).flatMap(([name, value]) =>
    [value ?? ''].flat().map((one) => `${escape(name)}=${escape(one)}`),
  )
  return pairs.length === 0 ? path : `${path}?${pairs.join('&')}`
}

async function signedBySdk(plain: Plain, form: 'header' | 'presigned', token?: string): Promise<WireRequest> {
  const signer = new SignatureV4({
    credentials: {
      accessKeyId: KEY_ID,
      secretAccessKey: SECRET,
      ...(token === undefined ? {} : { sessionToken: token }),
    },
    region: 'eu-central-1',
    service: 'backup',
    sha256: Sha256 as never,
  })
  const request = {
    ...plain,
    protocol: 'http:',
    hostname: 'localhost',
    headers: { host: 'localhost:1', ...plain.headers },
  }
  const options = { signingDate: new Date(NOW) }
  const signed =
    form === 'header'
      ? await signer.sign(request, options)
      : await signer.presign(request, { ...options, expiresIn: 900 })
  return {
    method: signed.method,
    rawTarget: targetOf(signed.path, (signed.query ?? {}) as Record<string, string | string[]>),
    headers: Object.entries(signed.headers).map(([name, value]) => [name.toLowerCase(), value] as const),
    body: Buffer.from(plain.body),
  }
}

/** As the server does it: the key that is named is looked up first. */
function refusalOf(request: WireRequest, secret: string = SECRET, now: number = NOW): AwsError | undefined {
  try {
    const claim = readClaim(backup, request)
    if (claim.accessKeyId !== KEY_ID) return invalidToken(backup)
    return verifySignature(backup, request, claim, secret, now)
  } catch (error) {
    if (error instanceof AwsError) return error
    throw error
  }
}

const oddText = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }).map((text) => text.toWellFormed()),
  fc.constantFrom(
    '',
    ' ',
    '%2F',
    '%',
    '+',
    '*',
    "!'()*",
    '~',
    'a b',
    'ü/é',
    '=&?#',
    '🗄',
    'arn:aws:ec2:r::snapshot/s-1',
  ),
)
const oddPath = fc
  .array(fc.oneof(oddText.map(escape), fc.constantFrom('.', '..', '', 'a%2Fb', 'backup-vaults', '%20')), {
    maxLength: 5,
  })
  .chain((segments) => fc.constantFrom('', '/').map((end) => `/${segments.join('/')}${end}`))
const headerValue = fc.oneof(
  fc.stringMatching(/^[!-~]([ -~]{0,20}[!-~])?$/),
  fc.constantFrom('a  b', 'a\tb', '   x   y  ', 'a , b', '"quoted  text"'),
)
const plainRequest: fc.Arbitrary<Plain> = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE'),
  path: oddPath,
  query: fc.dictionary(
    oddText.filter((name) => name !== '' && !/^x-amz-/i.test(name) && name !== '__proto__'),
    fc.oneof(oddText, fc.array(oddText, { minLength: 1, maxLength: 4 })),
    { maxKeys: 4 },
  ),
  headers: fc.dictionary(fc.stringMatching(/^x-[a-z]{3,8}$/), headerValue, {
    maxKeys: 3,
    noNullPrototype: true,
  }),
  body: fc.oneof(oddText, fc.json({ maxDepth: 2 })),
})

test('verifySignature() accepts what the SDK signs in the header, whatever the path, query and headers', async () => {
  await fc.assert(
    fc.asyncProperty(
      plainRequest,
      fc.option(fc.constant('tok/en+=='), { nil: undefined }),
      async (plain, token) => {
        const request = await signedBySdk(plain, 'header', token)
        assert.equal(refusalOf(request)?.message, undefined)
        assert.equal(readClaim(backup, request).sessionToken, token)
        assert.equal(refusalOf(request, `${SECRET}x`)?.code, 'InvalidSignatureException')
      },
    ),
    { numRuns: 400 },
  )
})

test('verifySignature() accepts what the SDK presigns', async () => {
  await fc.assert(
    fc.asyncProperty(
      plainRequest,
      fc.option(fc.constant('tok/en+=='), { nil: undefined }),
      async (plain, token) => {
        const request = await signedBySdk(plain, 'presigned', token)
        assert.equal(refusalOf(request)?.message, undefined)
        assert.equal(readClaim(backup, request).sessionToken, token)
        assert.match(refusalOf(request, SECRET, NOW + 901_000)?.message ?? '', /^Signature expired/)
      },
    ),
    { numRuns: 300 },
  )
})

test('sign() signs as the SDK does', async () => {
  await fc.assert(
    fc.asyncProperty(plainRequest, async (plain) => {
      const theirs = await signedBySdk(plain, 'header')
      const claim = readClaim(backup, theirs)
      const ours = sign(
        {
          ...theirs,
          headers: theirs.headers.filter(([name]) => name !== 'authorization' && name !== 'x-amz-date'),
        },
        { accessKeyId: KEY_ID, secretAccessKey: SECRET },
        { region: 'eu-central-1', service: 'backup' },
        NOW,
      )
      assert.equal(readClaim(backup, { ...theirs, headers: ours }).signature, claim.signature)
    }),
    { numRuns: 200 },
  )
})

function signedHere(
  target: string,
  body: string,
  more: readonly (readonly [string, string])[] = [],
  now: number = NOW,
): WireRequest {
  const bare = {
    method: 'POST',
    rawTarget: target,
    headers: [['host', 'localhost:1'], ...more] as const,
    body: Buffer.from(body),
  }
  const scope = { region: 'eu-central-1', service: 'backup' }
  return { ...bare, headers: sign(bare, { accessKeyId: KEY_ID, secretAccessKey: SECRET }, scope, now) }
}

test('verifySignature() allows five minutes of skew and no more', () => {
  const request = signedHere('/', '')
  for (const [offsetMs, expected] of [
    [300_000, undefined],
    [-300_000, undefined],
    [
      301_000,
      /^Signature expired: 20261124T030000Z is now earlier than 20261124T030001Z \(20261124T030501Z - 5 min.\)$/,
    ],
    [-301_000, /^Signature not yet current/],
  ] as const) {
    const message = refusalOf(request, SECRET, NOW + offsetMs)?.message
    if (expected === undefined) assert.equal(message, undefined)
    else assert.match(message ?? '', expected)
  }
})

/** A request with something of it changed after or instead of proper signing. */
const without = (request: WireRequest, name: string): WireRequest => ({
  ...request,
  headers: request.headers.filter(([header]) => header !== name),
})
const withHeader = (request: WireRequest, name: string, value: string): WireRequest => ({
  ...request,
  headers: [...request.headers, [name, value]],
})

test('verifySignature() refuses what verifiers are known to forget', () => {
  const request = signedHere('/backup-vaults/?x=1', '{"a":1}')
  assert.equal(refusalOf(request), undefined)
  const cases: readonly (readonly [string, WireRequest, RegExp])[] = [
    [
      'an x-amz header that is not signed',
      withHeader(request, 'x-amz-target', 'A.B'),
      /'x-amz-target' is not signed/,
    ],
    ['a token that is not signed', withHeader(request, 'x-amz-security-token', 't'), /not signed/],
    ['a second host', withHeader(request, 'host', 'other'), /more than one host/],
    ['a second date', withHeader(request, 'x-amz-date', '20261124T030000Z'), /more than one x-amz-date/],
    ['a signed header left out', without(request, 'host'), /signed header 'host' is not in the request/],
    ['another body', { ...request, body: Buffer.from('{"a":2}') }, /does not match/],
    ['a body left out', { ...request, body: Buffer.alloc(0) }, /does not match/],
    ['another method', { ...request, method: 'PUT' }, /does not match/],
    [
      'an unsigned payload',
      signedHere('/', '{}', [['x-amz-content-sha256', 'UNSIGNED-PAYLOAD']]),
      /unsigned and streamed payloads are not accepted/,
    ],
    [
      'a streamed payload',
      signedHere('/', '{}', [['x-amz-content-sha256', 'STREAMING-UNSIGNED-PAYLOAD-TRAILER']]),
      /unsigned and streamed payloads are not accepted/,
    ],
  ]
  for (const [name, mutant, message] of cases) assert.match(refusalOf(mutant)?.message ?? '', message, name)
  for (const [from, to] of [
    ['/eu-central-1/', '/us-east-1/'],
    ['/backup/', '/iam/'],
    ['/20261124/', '/20261123/'],
    ['/20261124/', '/2026112/'],
    ['host;', ''],
    ['aws4_request', 'aws5_request'],
    ['AWS4-HMAC-SHA256', 'AWS4-HMAC-SHA1'],
    ['SignedHeaders=host;x-amz-date', 'SignedHeaders=x-amz-date;host'],
    ['SignedHeaders=host;x-amz-date', 'SignedHeaders=host;host;x-amz-date'],
    ['Credential=', 'Credential=x, Credential='],
    [/Signature=.*/, 'Signature='],
  ] as const) {
    const headers = request.headers.map(
      ([name, value]) => [name, name === 'authorization' ? value.replace(from, to) : value] as const,
    )
    assert.notDeepEqual(headers, request.headers, `${from}`)
    assert.ok(refusalOf({ ...request, headers }) !== undefined, `${from} -> ${to}`)
  }
})

/**
 * What a request says, spelt in one way: written from the specification and apart from sigv4.ts. Two requests are one request in
 * the eyes of SigV4 exactly when these are equal.
 */
function meaningOf(request: WireRequest): string {
  const [path = '', ...rest] = request.rawTarget.split('?')
  const unescaped = (text: string): string => {
    const bytes: number[] = []
    const source = Buffer.from(text)
    for (let i = 0; i < source.length; i += 1) {
      const hex = source.toString('latin1', i + 1, i + 3)
      if (source[i] === 0x25 && /^[\da-fA-F]{2}$/.test(hex)) {
        bytes.push(Number.parseInt(hex, 16))
        i += 2
      } else bytes.push(source[i] as number)
    }
    return Buffer.from(bytes).toString('hex')
  }
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const end = segments.length > 0 && path.endsWith('/') ? '/' : ''
  const query = rest
    .join('?')
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return `${unescaped(name)}=${unescaped(value.join('='))}`
    })
    .toSorted()
  const authorization = headerText(request, 'authorization')
    .replace(/\s*([,=])\s*/g, '$1')
    .split(/[ ,]/)
    .toSorted()
  const signed = authorization
    .find((part) => part.startsWith('SignedHeaders='))
    ?.slice(14)
    .split(';')
  const name = `${Buffer.from('X-Amz-SignedHeaders').toString('hex')}=`
  const presigned = query.find((pair) => pair.startsWith(name))?.slice(name.length)
  const headers = (
    signed ??
    Buffer.from(presigned ?? '', 'hex')
      .toString()
      .split(';')
  ).map((name) => `${name}:${headerText(request, name)}`)
  const body = request.body.toString('hex')
  return JSON.stringify([request.method, segments.join('/') + end, query, headers, body, authorization])
}

function headerText(request: WireRequest, name: string): string {
  return request.headers
    .filter(([header]) => header === name)
    .map(([, value]) => value.trim().split(/\s+/).join(' '))
    .join(',')
}

/** Every way that one character of a text can be changed, dropped, doubled, swapped, folded or spelt otherwise. */
function* mutantsOf(text: string, alphabet: string): Generator<string> {
  for (let i = 0; i <= text.length; i += 1) {
    const [before, c, after] = [text.slice(0, i), text.charAt(i), text.slice(i + 1)]
    for (const other of alphabet) {
      yield before + other + after
      yield before + other + c + after
    }
    if (c === '') continue
    yield before + after
    yield before + c + c + after
    yield before + String.fromCharCode(c.charCodeAt(0) ^ 1) + after
    yield before + (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()) + after
    yield `${before}%${c.charCodeAt(0).toString(16).padStart(2, '0')}${after}`
    yield `${before}%${c.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}${after}`
    if (after !== '') yield before + after.charAt(0) + c + after.slice(1)
  }
}

function* mutants(request: WireRequest): Generator<WireRequest> {
  for (const method of mutantsOf(request.method, 'AGPX ')) yield { ...request, method }
  for (const rawTarget of mutantsOf(request.rawTarget, "/.?&=%+ ~-_aA0;:,#*'\\"))
    yield { ...request, rawTarget }
  const body = request.body.toString('latin1')
  for (const text of mutantsOf(body, '\0 {}"\'&=+\n\xff0aA\t\x80'))
    yield { ...request, body: Buffer.from(text, 'latin1') }
  for (const [i, [name, value]] of request.headers.entries()) {
    const put = (header: readonly [string, string][]): WireRequest => ({
      ...request,
      headers: [...request.headers.slice(0, i), ...header, ...request.headers.slice(i + 1)],
    })
    for (const other of mutantsOf(name, 'a-xA ')) yield put([[other, value]])
    for (const other of mutantsOf(value, ' ,;=/%aA0\t\xa0Zz+:.')) yield put([[name, other]])
    yield put([])
    yield put([
      [name, value],
      [name, value],
    ])
    for (let at = 0; at < value.length; at += 1)
      yield put([
        [name, value.slice(0, at)],
        [name, value.slice(at + 1)],
      ])
  }
}

/** What the codec makes of a request: the operation and its input, or the refusal. */
function readingOf(request: WireRequest): string {
  const model = serviceSignedAs(scopeOf(request) ?? '', request.rawTarget)
  if (model === undefined) return 'refused'
  try {
    const routed = route(model, request)
    return JSON.stringify([model.metadata.name, routed.operation.name, parseInput(routed, request)])
  } catch (error) {
    assert.ok(error instanceof AwsError, String(error))
    return 'refused'
  }
}

/** Two edits at random places each: what one edit breaks another could mend. */
function* doubleMutants(request: WireRequest, count: number): Generator<WireRequest> {
  let state = 20261124
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const alphabet = "/.?&=%+ ~-_aA0;:,'\t"
  const edit = (text: string): string => {
    const at = next(text.length + 1)
    const c = alphabet.charAt(next(alphabet.length))
    return [
      text.slice(0, at) + c + text.slice(at),
      text.slice(0, at) + c + text.slice(at + 1),
      text.slice(0, at) + text.slice(at + 1),
      text.slice(0, at) + text.charAt(at) + text.slice(at),
    ][next(4)] as string
  }
  for (let i = 0; i < count; i += 1) {
    let { rawTarget, headers } = request
    for (let edits = 0; edits < 2; edits += 1) {
      const place = next(headers.length + 1)
      if (place === headers.length) rawTarget = edit(rawTarget)
      else headers = headers.map(([name, value], j) => [name, j === place ? edit(value) : value] as const)
    }
    yield { ...request, rawTarget, headers }
  }
}

test('verifySignature() accepts none of 100,000 mutants of valid requests but those that SigV4 holds equal', async () => {
  const presigned = await signedBySdk(
    {
      method: 'GET',
      path: '/backup/plans/',
      query: { maxResults: '5', nextToken: 'a+b/ c=' },
      headers: {},
      body: '',
    },
    'presigned',
  )
  const requests = [
    presigned,
    signedHere(
      '/tags/arn%3Aaws%3Aec2%3Aeu-central-1%3A%3Asnapshot%2Fs%201?b=2&a=1&a=%2B+&tagKeys',
      '{"Tags":{"a":"ü"}}',
      [
        ['content-type', 'application/json'],
        ['x-amz-meta', 'a  b'],
      ],
    ),
    signedHere('/', 'Action=CreateRole&RoleName=a%20b&Tags.member.1.Key=k', [
      ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ['x-amz-security-token', 'IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJ+'],
    ]),
    signedHere('/backup-vaults/vault_1/mpaApprovalTeam?delete', '', [
      ['x-amz-target', 'Roleback_20261101.DescribeServer'],
      ['amz-sdk-request', 'attempt=1; max=3'],
      ['user-agent', 'aws-sdk-js/3.1092.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#26.10.0'],
    ]),
  ]
  let [tried, equal] = [0, 0]
  for (const request of requests) {
    assert.equal(refusalOf(request), undefined)
    const [meaning, reading] = [meaningOf(request), readingOf(request)]
    for (const mutant of [...mutants(request), ...doubleMutants(request, 12_000)]) {
      tried += 1
      if (refusalOf(mutant) !== undefined) continue
      equal += 1
      assert.equal(meaningOf(mutant), meaning, `accepted: ${JSON.stringify(mutant)}`)
      const read = readingOf(mutant)
      assert.ok(read === reading || read === 'refused', `read as ${read}: ${JSON.stringify(mutant)}`)
    }
  }
  assert.ok(tried >= 100_000, `only ${tried} mutants`)
  // Were none equal, the mutants would not reach the spellings that SigV4 holds equal.
  assert.ok(equal > 200 && equal < tried / 20, `${equal} of ${tried} were equal`)
})
