import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwsError } from './error.ts'
import { scopeOf } from './scope.ts'
import { SCOPE, NOW, PARTS, TIME, request, withAuthorization, presigned } from './sigv4-requests.fixture.ts'
import { readClaim, sign, verifySignature } from './sigv4.ts'

/** What a signature says of itself, and what is refused about it before it is checked, in which words. */

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
