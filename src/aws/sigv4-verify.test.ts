import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SECRET, CREDENTIALS, SCOPE, NOW, TIME, request, presigned } from './sigv4-requests.fixture.ts'
import { readClaim, sign, verifySignature } from './sigv4.ts'
import type { WireRequest } from './wire.ts'

/** What is refused about a signature, and in which words; sigv4.test.ts holds it to the SDK's signer. */

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
