import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readClaim, sign } from './sigv4.ts'
import type { WireRequest } from './wire.ts'
import {
  SECRET,
  KEY_ID,
  NOW,
  backup,
  signedBySdk,
  refusalOf,
  plainRequest,
  signedHere,
} from '../../test/fixtures/sigv4-sdk.ts'

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
