import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwsError } from './error.ts'
import { scopeOf } from './scope.ts'
import { readClaim, sign, verifySignature } from './sigv4.ts'
import type { WireRequest } from './wire.ts'

/** What a signature says of itself, what is refused about it and in which words; sigv4.test.ts holds it to the SDK's signer. */

const SECRET = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
const CREDENTIALS = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: SECRET }
const SCOPE = { region: 'us-east-1', service: 'iam' }
const NOW = Date.parse('2015-08-30T12:36:00Z')

function request(
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body: string = '',
): WireRequest {
  return { method: 'GET', rawTarget: target, headers: Object.entries(headers), body: Buffer.from(body) }
}

const PARTS =
  'Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab12'
const TIME = '20150830T123600Z'

function withAuthorization(
  authorization: string,
  more: Readonly<Record<string, string>> = { 'x-amz-date': TIME },
): WireRequest {
  return request('/', { host: 'h', authorization, ...more })
}

const PRESIGNED: Readonly<Record<string, string>> = {
  'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
  'X-Amz-Credential': 'AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request',
  'X-Amz-Date': TIME,
  'X-Amz-Expires': '900',
  'X-Amz-SignedHeaders': 'host',
  'X-Amz-Signature': 'ab12',
}

function presigned(
  changes: Readonly<Record<string, string | undefined>> = {},
  more: string = '',
): WireRequest {
  const pairs = Object.entries({ ...PRESIGNED, ...changes }).filter(([, value]) => value !== undefined)
  const query = pairs.map(([name, value]) => `${name}=${encodeURIComponent(value as string)}`).join('&')
  return request(`/?${query}${more}`, { host: 'h' })
}

test('sign() and verifySignature() agree with the example of the AWS documentation', () => {
  const example = request('/?Action=ListUsers&Version=2010-05-08', {
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
    host: 'iam.amazonaws.com',
  })
  const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'
  const headers = sign(example, { accessKeyId: 'AKIDEXAMPLE', secretAccessKey }, SCOPE, NOW)
  assert.deepEqual(headers.slice(2), [
    ['x-amz-date', TIME],
    [
      'authorization',
      'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
    ],
  ])
  const signed = { ...example, headers }
  assert.equal(
    verifySignature(undefined, signed, readClaim(undefined, signed), secretAccessKey, NOW),
    undefined,
  )
})

test('readClaim() reads the Authorization header, its parts in any order', () => {
  const claim = {
    accessKeyId: 'AKIDEXAMPLE',
    date: '20150830',
    region: 'us-east-1',
    service: 'iam',
    signedHeaders: ['host', 'x-amz-date'],
    signature: 'ab12',
    time: TIME,
    sessionToken: undefined,
    isPresigned: false,
    expiresS: undefined,
  }
  assert.deepEqual(readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`)), claim)
  const reordered = PARTS.split(', ').toReversed().join(' ,  ').replaceAll('=', '= ')
  assert.deepEqual(readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256  ${reordered}`)), claim)
  const token = { 'x-amz-date': TIME, 'x-amz-security-token': 'token' }
  assert.equal(
    readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`, token)).sessionToken,
    'token',
  )
  const slashes = PARTS.replace('AKIDEXAMPLE', 'a/b/c')
  assert.equal(readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${slashes}`)).accessKeyId, 'a/b/c')
  const date = { date: 'Sun, 30 Aug 2015 12:36:00 GMT' }
  assert.equal(readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`, date)).time, TIME)
  const both = { date: 'Mon, 31 Aug 2015 12:36:00 GMT', 'x-amz-date': TIME }
  assert.equal(readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`, both)).time, TIME)
})

test('readClaim() reads a presigned request', () => {
  assert.deepEqual(readClaim(undefined, presigned()), {
    accessKeyId: 'AKIDEXAMPLE',
    date: '20150830',
    region: 'us-east-1',
    service: 'iam',
    signedHeaders: ['host'],
    signature: 'ab12',
    time: TIME,
    sessionToken: undefined,
    isPresigned: true,
    expiresS: 900,
  })
  assert.equal(readClaim(undefined, presigned({ 'X-Amz-Security-Token': 't/+=' })).sessionToken, 't/+=')
  const inHeader = {
    ...presigned(),
    headers: [
      ['host', 'h'],
      ['x-amz-security-token', 'h'],
    ] as const,
  }
  assert.equal(readClaim(undefined, inHeader).sessionToken, 'h')
  for (const expires of [1, 604_800]) {
    assert.equal(readClaim(undefined, presigned({ 'X-Amz-Expires': String(expires) })).expiresS, expires)
  }
  assert.equal(readClaim(undefined, presigned({}, '&%ff=1&x&a=1&a=2')).signature, 'ab12')
})

function refusalOf(read: () => unknown): readonly [code: string, status: number, message: string] {
  try {
    read()
  } catch (error) {
    assert.ok(error instanceof AwsError, String(error))
    return [error.code, error.status, error.message]
  }
  throw new Error('nothing was refused')
}

const incomplete = (message: string) => ['IncompleteSignatureException', 400, message] as const

test('readClaim() refuses an Authorization header that cannot be read in one way', () => {
  const unreadable = 'The Authorization header cannot be read'
  const cases: readonly (readonly [authorization: string, message: string])[] = [
    ['Basic x', 'Unsupported authorization: expected AWS4-HMAC-SHA256'],
    [`AWS4-HMAC-SHA256${PARTS}`, 'Unsupported authorization: expected AWS4-HMAC-SHA256'],
    [`AWS4-HMAC-SHA256 ${PARTS}, Signature=cd`, unreadable],
    [`AWS4-HMAC-SHA256 ${PARTS}, Extra=1`, unreadable],
    [`AWS4-HMAC-SHA256 ${PARTS},`, unreadable],
    ['AWS4-HMAC-SHA256 ', unreadable],
    [`AWS4-HMAC-SHA256 ${PARTS.replace('Signature', 'signature')}`, unreadable],
    [`AWS4-HMAC-SHA256 ${PARTS.split(', ').slice(1).join()}`, "The request's signature has no Credential"],
    [
      `AWS4-HMAC-SHA256 ${PARTS.replace(/SignedHeaders=[^,]*/, 'SignedHeaders=')}`,
      "The request's signature has no SignedHeaders",
    ],
    [`AWS4-HMAC-SHA256 ${PARTS.replace(', Signature=ab12', '')}`, "The request's signature has no Signature"],
  ]
  for (const [authorization, message] of cases) {
    assert.deepEqual(
      refusalOf(() => readClaim(undefined, withAuthorization(authorization))),
      incomplete(message),
      authorization,
    )
  }
  for (const headers of [{}, { date: 'yesterday' }, { 'x-amz-date': '' }]) {
    const read = () =>
      readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`, headers as Record<string, string>))
    assert.deepEqual(refusalOf(read), incomplete("The request's signature has no X-Amz-Date"))
  }
  for (const time of [
    '20150830T123600',
    '2015-08-30T12:36:00Z',
    'x20150830T123600Z',
    '20150830T123600Zx',
    '20150830t123600z',
  ]) {
    const read = () =>
      readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`, { 'x-amz-date': time }))
    assert.deepEqual(refusalOf(read), incomplete('X-Amz-Date must be YYYYMMDDTHHMMSSZ'), time)
  }
  const other = () =>
    readClaim(undefined, withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`, { 'x-amz-date': '20150831T123600Z' }))
  assert.deepEqual(refusalOf(other), [
    'InvalidSignatureException',
    403,
    "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150830' != '20150831'",
  ])
})

test('readClaim() refuses a credential scope that is none', () => {
  const scope = 'Credential must be KEY/YYYYMMDD/REGION/SERVICE/aws4_request'
  const credentials = [
    'AKIDEXAMPLE',
    '20150830/us-east-1/iam/aws4_request',
    '/20150830/us-east-1/iam/aws4_request',
    'AKIDEXAMPLE//us-east-1/iam/aws4_request',
    'AKIDEXAMPLE/20150830//iam/aws4_request',
    'AKIDEXAMPLE/20150830/us-east-1//aws4_request',
    'AKIDEXAMPLE/20150830/us-east-1/iam/aws4_requests',
    'AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request/x',
  ]
  for (const credential of credentials) {
    const read = () => readClaim(undefined, presigned({ 'X-Amz-Credential': credential }))
    assert.deepEqual(refusalOf(read), incomplete(scope), credential)
  }
})

test('readClaim() refuses headers that could be read in two ways', () => {
  for (const name of ['authorization', 'content-type', 'date', 'host', 'x-amz-date', 'x-amz-anything']) {
    const twice = {
      ...request('/'),
      headers: [
        [name, 'a'],
        ['other', 'x'],
        [name, 'a'],
      ] as const,
    }
    assert.deepEqual(
      refusalOf(() => readClaim(undefined, twice)),
      incomplete(`There is more than one ${name} header`),
    )
  }
  const plain = withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`)
  const doubled = {
    ...plain,
    headers: [
      ...plain.headers,
      ['x-other', 'a'],
      ['x-other', 'b'],
      ['ax-amz-', '1'],
      ['ax-amz-', '2'],
    ] as const,
  }
  assert.equal(readClaim(undefined, doubled).signature, 'ab12')
})

test('readClaim() refuses presigned requests that say too little, too much or too long', () => {
  const missing = ['MissingAuthenticationTokenException', 403, 'Missing Authentication Token']
  assert.deepEqual(
    refusalOf(() => readClaim(undefined, request('/?x=1', { host: 'h' }))),
    missing,
  )
  assert.deepEqual(
    refusalOf(() => readClaim(undefined, request('/', { host: 'h' }))),
    missing,
  )
  const expires = 'X-Amz-Expires must be from 1 to 604800 seconds'
  const algorithm = 'Unsupported X-Amz-Algorithm: expected AWS4-HMAC-SHA256'
  const cases: readonly (readonly [
    changes: Readonly<Record<string, string | undefined>>,
    message: string,
  ])[] = [
    [{ 'X-Amz-Algorithm': undefined }, algorithm],
    [{ 'X-Amz-Algorithm': 'AWS4-HMAC-SHA1' }, algorithm],
    [{ 'X-Amz-Signature': undefined }, "The request's signature has no Signature"],
    [{ 'X-Amz-Credential': undefined }, "The request's signature has no Credential"],
    [{ 'X-Amz-SignedHeaders': undefined }, "The request's signature has no SignedHeaders"],
    [{ 'X-Amz-Date': undefined }, "The request's signature has no X-Amz-Date"],
    ...[undefined, '', '0', '604801', '1e3', '-1', '1.5', '9999999', 'x9', '9x'].map(
      (value) => [{ 'X-Amz-Expires': value }, expires] as const,
    ),
  ]
  for (const [changes, message] of cases) {
    assert.deepEqual(
      refusalOf(() => readClaim(undefined, presigned(changes))),
      incomplete(message),
      JSON.stringify(changes),
    )
  }
  for (const name of ['X-Amz-Expires', 'X-Amz-Anything', 'x-amz-other']) {
    const read = () => readClaim(undefined, presigned({}, `&${name}=1&${name}=1`))
    assert.deepEqual(refusalOf(read), incomplete(`${name} is given more than once`))
  }
})

test('scopeOf() names the service before anything is checked', () => {
  assert.equal(scopeOf(withAuthorization(`AWS4-HMAC-SHA256 ${PARTS}`)), 'iam')
  assert.equal(scopeOf(withAuthorization('Credential=a/sts/x')), 'sts')
  assert.equal(scopeOf(withAuthorization('x Credential=a/b/backup/y,z')), 'backup')
  assert.equal(scopeOf(withAuthorization('Credential=a/sts/x y/z')), 'sts')
  assert.equal(scopeOf(withAuthorization('nothing')), undefined)
  assert.equal(scopeOf(presigned()), 'iam')
  assert.equal(scopeOf(request('/')), undefined)
  assert.equal(scopeOf(request('/?X-Amz-Credential=a%2Fsts%2Fx&X-Amz-Credential=b%2Fiam%2Fx')), 'sts')
})

/** A request signed here, and what verifying it says once it was changed. */
function verified(
  change: (request: WireRequest) => WireRequest,
  now: number = NOW,
  base: WireRequest = request('/p', { host: 'h', 'x-other': 'a' }, 'body'),
) {
  const signed = { ...base, headers: sign(base, CREDENTIALS, SCOPE, NOW) }
  const changed = change(signed)
  const refusal = verifySignature(undefined, changed, readClaim(undefined, changed), SECRET, now)
  return refusal && [refusal.code, refusal.status, refusal.message]
}
const bad = (message: string) => ['InvalidSignatureException', 403, message]
const MISMATCH = bad(
  'The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details.',
)

function reauthorized(from: string | RegExp, to: string): (request: WireRequest) => WireRequest {
  return (signed) => ({
    ...signed,
    headers: signed.headers.map(
      ([name, value]) => [name, name === 'authorization' ? value.replace(from, to) : value] as const,
    ),
  })
}
const withHeader = (name: string, value: string) => (signed: WireRequest) => ({
  ...signed,
  headers: [...signed.headers, [name, value] as const],
})
const withoutHeader = (name: string) => (signed: WireRequest) => ({
  ...signed,
  headers: signed.headers.filter(([header]) => header !== name),
})
const same = (signed: WireRequest): WireRequest => signed

test('verifySignature() says what is wrong with a signature', () => {
  assert.equal(verified(same), undefined)
  assert.deepEqual(
    verified((signed) => ({ ...signed, method: 'POST' })),
    MISMATCH,
  )
  assert.deepEqual(
    verified((signed) => ({ ...signed, body: Buffer.from('other') })),
    MISMATCH,
  )
  assert.deepEqual(
    verified((signed) => ({ ...signed, rawTarget: '/q' })),
    MISMATCH,
  )
  assert.deepEqual(
    verified((signed) => ({ ...signed, rawTarget: '/p?a' })),
    MISMATCH,
  )
  assert.deepEqual(verified(reauthorized(/Signature=.*/, 'Signature=short')), MISMATCH)
  assert.deepEqual(verified(reauthorized('us-east-1', 'us-east-2')), MISMATCH)
  assert.deepEqual(verified(reauthorized('/iam/', '/sts/')), MISMATCH)
  assert.deepEqual(
    verified(reauthorized('host;', '')),
    bad("'Host' must be a 'SignedHeader' in the AWS Authorization"),
  )
  const order = bad('SignedHeaders must be in lower case, sorted, each once')
  assert.deepEqual(verified(reauthorized('host;x-amz-date', 'x-amz-date;host')), order)
  assert.deepEqual(verified(reauthorized('host;', 'host;host;')), order)
  assert.deepEqual(verified(reauthorized('host;', 'X;host;')), order)
  assert.deepEqual(
    verified(withoutHeader('x-other')),
    bad("The signed header 'x-other' is not in the request"),
  )
  assert.deepEqual(verified(withHeader('x-amz-target', 'A')), bad("The header 'x-amz-target' is not signed"))
  assert.equal(verified(withHeader('x-free', 'A')), undefined)
  assert.equal(verified(withHeader('ax-amz-target', 'A')), undefined)
  const hashed = request('/', { host: 'h', 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' })
  const unsigned =
    'The x-amz-content-sha256 header does not match the body: unsigned and streamed payloads are not accepted'
  assert.deepEqual(verified(same, NOW, hashed), bad(unsigned))
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  assert.equal(verified(same, NOW, request('/', { host: 'h', 'x-amz-content-sha256': empty })), undefined)
})

test('verifySignature() holds the time of a request to five minutes either way, and a presigned one to its own end', () => {
  assert.equal(verified(same, NOW + 300_000), undefined)
  assert.equal(verified(same, NOW - 300_000), undefined)
  assert.deepEqual(
    verified(same, NOW + 300_001),
    bad(
      'Signature expired: 20150830T123600Z is now earlier than 20150830T123600Z (20150830T124100Z - 5 min.)',
    ),
  )
  assert.deepEqual(
    verified(same, NOW - 301_000),
    bad(
      'Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z (20150830T123059Z + 5 min.)',
    ),
  )
  const late = presigned()
  const say = (now: number, changed: WireRequest = late) =>
    verifySignature(undefined, changed, readClaim(undefined, changed), SECRET, now)?.message
  assert.equal(
    say(NOW + 901_000),
    'Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T125101Z - 15 min.)',
  )
  assert.match(say(NOW + 900_000) ?? '', /^The request signature/)
  assert.match(say(NOW - 300_001) ?? '', /^Signature not yet current/)
  const none = presigned({ 'X-Amz-Date': '20150830T126000Z' })
  assert.equal(say(NOW, none), 'X-Amz-Date 20150830T126000Z is not a time')
})

/** Whether two spellings of one request have one signature. */
function isSame(one: WireRequest, other: WireRequest): boolean {
  const authorizationOf = (spelt: WireRequest): string | undefined =>
    sign(spelt, CREDENTIALS, SCOPE, NOW).at(-1)?.[1]
  return authorizationOf(one) === authorizationOf(other)
}

test('a request is signed by what it says, not by how that is spelt', () => {
  const target = (one: string, other: string): boolean =>
    isSame(request(one, { host: 'h' }), request(other, { host: 'h' }))
  for (const [one, other] of [
    ['/', '//'],
    ['/a/b', '/a/./b'],
    ['/a/b', '/a/c/../b'],
    ['/b', '/../b'],
    ['/a/', '/a//'],
    ['/a?', '/a'],
    ['/?a=1&b=2', '/?b=2&a=1'],
    ['/?a=1&a=2', '/?a=2&a=1'],
    ['/?a', '/?a='],
    ['/?a=%7e', '/?a=~'],
    ['/?a=%2f', '/?a=/'],
    ['/?a=(', '/?a=%28'],
    ['/?a=1&&b=2', '/?a=1&b=2'],
  ] as const) {
    assert.equal(target(one, other), true, `${one} and ${other}`)
  }
  for (const [one, other] of [
    ['/a', '/a/'],
    ['/a', '/A'],
    ['/a%2Fb', '/a/b'],
    ['/a%20b', '/a b'],
    ['/?a=+', '/?a=%20'],
    ['/?a=1&b=2', '/?a=1&b=3'],
    ['/?a=%', '/?a=%25'],
    ['/?a=b&c', '/?a=b'],
    ['/?ab=', '/?a=b'],
    ['/a/..', '/a'],
  ] as const) {
    assert.equal(target(one, other), false, `${one} and ${other}`)
  }
  const header = (value: string, more: readonly (readonly [string, string])[] = []): WireRequest => ({
    ...request('/', { host: 'h', a: value }),
    headers: [['host', 'h'], ['a', value], ...more],
  })
  assert.equal(isSame(header('x y'), header('  x \t  y ')), true)
  assert.equal(isSame(header('x y'), header('xy')), false)
  assert.equal(isSame(header('x', [['b', '1']]), header('x', [['b', '1 ']])), true)
  assert.equal(isSame({ ...header('x'), method: 'PUT' }, header('x')), false)
})

test('sign() signs a session token, and headers in the order of their bytes', () => {
  const token = { ...CREDENTIALS, sessionToken: 'token' }
  const headers = sign(request('/', { zeta: '1', host: 'h', 'a-b': '1', a: '1' }), token, SCOPE, NOW)
  assert.deepEqual(headers.slice(4, -1), [
    ['x-amz-date', TIME],
    ['x-amz-security-token', 'token'],
  ])
  assert.match(headers.at(-1)?.[1] ?? '', /SignedHeaders=a;a-b;host;x-amz-date;x-amz-security-token;zeta,/)
  const signed = { ...request('/'), headers }
  assert.equal(verifySignature(undefined, signed, readClaim(undefined, signed), SECRET, NOW), undefined)
  // The cache of signing keys keeps apart what differs in any part of the scope.
  for (const [secret, scope] of [
    ['other', SCOPE],
    [SECRET, { ...SCOPE, region: 'us-east-2' }],
    [SECRET, { ...SCOPE, service: 'sts' }],
  ] as const) {
    const other = sign(request('/', { host: 'h' }), { ...CREDENTIALS, secretAccessKey: secret }, scope, NOW)
    const again = sign(request('/', { host: 'h' }), CREDENTIALS, SCOPE, NOW)
    assert.notEqual(other.at(-1)?.[1].split('Signature=')[1], again.at(-1)?.[1].split('Signature=')[1])
  }
})
