import assert from 'node:assert/strict'
import { createHmac, generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, test } from 'node:test'
import { SignJWT, UnsecuredJWT } from 'jose'
import type { Clock } from '../lib/clock.ts'
import { CLIENT, startIssuer } from '../../test/servers/issuer.ts'
import type { Issuer as TestIssuer } from '../../test/servers/issuer.ts'
import { claimedIssuer, IdTokenError, verifyIdToken } from './id-token.ts'
import type { VerifiedIdentity } from './id-token.ts'
import { Issuers } from './issuers.ts'

let provider: TestIssuer
let issuers: Issuers
let monotonic = 0
const clock: Clock = { now: () => Date.now(), monotonic: () => monotonic }
/** A busy machine answers slowly; only who is never to answer in time is waited for less long. */
const LIMITS = { timeoutMs: 60_000, keepMs: 3_600_000, refreshMs: 60_000, failureMs: 5_000 }

beforeEach(async () => {
  provider = await startIssuer()
  issuers = new Issuers({ own: [], allowedEndpoints: [provider.endpoint] }, clock, LIMITS)
  monotonic = 1_000_000
})
afterEach(() => provider[Symbol.asyncDispose]())

const KEYS = '/keys'
const CONFIGURATION = '/realm/.well-known/openid-configuration'

async function verify(token: string, nonce?: string): Promise<VerifiedIdentity> {
  const issuer = { url: provider.url, thumbprints: [], isListedOnly: false }
  const expected = {
    clientIds: [CLIENT, 'other-app'],
    now: Date.now(),
    ...(nonce !== undefined && { nonce }),
  }
  return await verifyIdToken(issuers, issuer, token, expected)
}

async function refused(
  token: string | Promise<string>,
  kind: IdTokenError['kind'],
  message: RegExp = /./,
): Promise<void> {
  await assert.rejects(verify(await token), (error) => {
    assert.ok(error instanceof IdTokenError, String(error))
    assert.equal(error.kind, kind, error.message)
    assert.match(error.message, message)
    return true
  })
}

const base64url = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url')
const seconds = (): number => Math.floor(Date.now() / 1000)

test('verifyIdToken() says who the token is for and of whom it speaks, with one look at the issuer', async () => {
  for (const alg of ['RS256', 'ES256', 'ES384']) {
    monotonic += 60_000
    await provider.rotate(alg)
    const { subject, audience, claims } = await verify(await provider.token({ team: 'db' }))
    assert.deepEqual([subject, audience, claims['team']], ['alice', CLIENT, 'db'])
  }
  await Promise.all([verify(await provider.token()), verify(await provider.token())])
  assert.equal(provider.asked.filter((path) => path === CONFIGURATION).length, 1)
  assert.equal(claimedIssuer(await provider.token()), provider.url)
})

test('verifyIdToken() takes none of: other audience, other issuer, missing claims, times that are over or to come', async () => {
  await refused(provider.token({ aud: 'somebody-else' }), 'invalid', /audience/)
  await refused(provider.token({ aud: ['a', 'b'] }), 'invalid', /audience/)
  await refused(provider.token({ iss: `${provider.url}/` }), 'invalid', /iss/)
  await refused(provider.token({ exp: seconds() - 61 }), 'expired')
  await refused(provider.token({ nbf: seconds() + 120 }), 'invalid', /nbf/)
  await refused(provider.token({ iat: seconds() + 120 }), 'invalid', /future/)
  for (const claim of ['sub', 'aud', 'exp', 'iat'])
    await refused(provider.token({ [claim]: undefined }), 'invalid', new RegExp(claim))
  await refused(provider.token({ sub: '' }), 'invalid', /sub/)
  // A minute of difference between two clocks is nobody's fault.
  await verify(await provider.token({ exp: seconds() - 30, nbf: seconds() + 30, iat: seconds() + 30 }))
})

test('verifyIdToken() goes by azp where there is one, and by any of the audiences else', async () => {
  assert.equal((await verify(await provider.token({ aud: ['x', 'other-app'] }))).audience, 'other-app')
  assert.equal((await verify(await provider.token({ aud: 'account', azp: CLIENT }))).audience, CLIENT)
  await refused(provider.token({ aud: CLIENT, azp: 'stranger' }), 'invalid', /audience/)
})

test('verifyIdToken() compares the nonce where one is expected', async () => {
  await verify(await provider.token({ nonce: 'n-1' }), 'n-1')
  await assert.rejects(verify(await provider.token({ nonce: 'n-2' }), 'n-1'), /nonce/)
  await assert.rejects(verify(await provider.token(), 'n-1'), /nonce/)
})

test('a token is nothing without the issuer’s signature: unsigned, forged, or keyed by what is public', async () => {
  const token = await provider.token()
  const [header = '', payload = '', signature = ''] = token.split('.')
  await refused(`${header}.${base64url({ sub: 'eve' })}.${signature}`, 'invalid')
  const { iss, sub, aud, iat, exp } = {
    iss: provider.url,
    sub: 'eve',
    aud: CLIENT,
    iat: seconds(),
    exp: seconds() + 60,
  }
  const claims = { iss, sub, aud, iat, exp }
  await refused(new UnsecuredJWT(claims).encode(), 'invalid', /signed by none of/)
  // The public key as the secret of an HMAC: the classic confusion of algorithms.
  const { kid = '' } = provider.jwk
  const confused = `${base64url({ alg: 'HS256', kid })}.${base64url(claims)}`
  for (const secret of [JSON.stringify(provider.jwk), provider.jwk.n ?? '']) {
    const mac = createHmac('sha256', secret).update(confused).digest('base64url')
    await refused(`${confused}.${mac}`, 'invalid', /signed by none of/)
  }
  // A key that comes with the token is the sender's.
  const own = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const jwk = own.publicKey.export({ format: 'jwk' }) as { kty: string; n: string; e: string }
  const brought = await new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid, jwk, jku: `${provider.url}/evil` })
    .sign(own.privateKey)
  await refused(brought, 'invalid', /signature/)
  await refused(`${header}.${payload}.`, 'invalid')
  for (const text of ['', 'a.b.c', 'x', `${payload}.${payload}.${payload}`, token.slice(0, -20)])
    await assert.rejects(verify(text), IdTokenError)
  assert.throws(() => claimedIssuer('x.y.z'), IdTokenError)
  assert.throws(() => claimedIssuer(`${header}.${base64url({ sub: 'a' })}.x`), /iss/)
})

test('a key that the issuer rotated to is fetched, at most once a minute', async () => {
  await verify(await provider.token())
  await provider.rotate()
  await refused(provider.token(), 'invalid', /No single key/)
  const looks = (): number => provider.asked.filter((path) => path === KEYS).length
  assert.equal(looks(), 1, 'keys were fetched a moment ago')
  monotonic += 60_000
  await verify(await provider.token())
  assert.equal(looks(), 2)
  await provider.rotate('RS256', false)
  for (let i = 0; i < 20; i++) await refused(provider.token(), 'invalid', /No single key/)
  monotonic += 60_000
  for (let i = 0; i < 20; i++) await refused(provider.token(), 'invalid', /No single key/)
  assert.equal(looks(), 3, 'twenty tokens with unknown keys are one look')
})

const TOO_LATE = /did not answer in time/

test('an issuer that is slow, endless, elsewhere, wrong or down is a failure of its own, and is left alone for seconds', async () => {
  const cases: readonly (readonly [string, string, RequestListener, RegExp])[] = [
    ['slow', KEYS, () => undefined, TOO_LATE],
    [
      'endless',
      KEYS,
      (_, response) => {
        const more = (): void => {
          if (!response.destroyed) response.write('x'.repeat(65_536), () => setImmediate(more))
        }
        more()
      },
      /longer than/,
    ],
    [
      'dripping',
      CONFIGURATION,
      (_, response) => {
        const timer = setInterval(() => response.write(' '), 50)
        response.once('close', () => clearInterval(timer))
      },
      TOO_LATE,
    ],
    [
      'redirecting',
      KEYS,
      (_, response) => void response.writeHead(302, { location: `${provider.url}/real-keys` }).end(),
      /answered 302/,
    ],
    ['not JSON', KEYS, (_, response) => void response.end('<html>'), /JSON object/],
    ['no keys', KEYS, (_, response) => void response.end('{"keys":[]}'), /no key/],
    ['no set', KEYS, (_, response) => void response.end('{"keys":7}'), /no set of keys/],
    [
      'too many keys',
      KEYS,
      (_, response) => void response.end(JSON.stringify({ keys: Array(101).fill(provider.jwk) })),
      /more than 100/,
    ],
    [
      'a key of 100,000 bits',
      KEYS,
      (_, response) =>
        void response.end(JSON.stringify({ keys: [{ ...provider.jwk, n: 'A'.repeat(16_667) }] })),
      /no key/,
    ],
    [
      'secret keys',
      KEYS,
      (_, response) => void response.end('{"keys":[{"kty":"oct","k":"AAAA","kid":"k1","alg":"HS256"}]}'),
      /no key/,
    ],
    [
      'another issuer’s configuration',
      CONFIGURATION,
      (_, response) =>
        void response.end(JSON.stringify({ issuer: 'https://evil.test', jwks_uri: `${provider.url}/keys` })),
      /another issuer/,
    ],
    [
      'keys in a file',
      CONFIGURATION,
      (_, response) =>
        void response.end(JSON.stringify({ issuer: provider.url, jwks_uri: 'file:///etc/passwd' })),
      /jwks_uri/,
    ],
    ['down', CONFIGURATION, (request) => void request.socket.destroy(), /Cannot reach/],
  ]
  for (const [name, path, listener, message] of cases) {
    const limits = { ...LIMITS, timeoutMs: message === TOO_LATE ? 300 : LIMITS.timeoutMs }
    issuers = new Issuers(issuers.reach, clock, limits)
    provider.instead.set(path, listener)
    await refused(provider.token(), 'unreachable', message)
    const looks = provider.asked.length
    await refused(provider.token(), 'unreachable', message)
    assert.equal(provider.asked.length, looks, `${name}: asked again at once`)
    provider.instead.delete(path)
    limits.timeoutMs = LIMITS.timeoutMs
    monotonic += 5_000
    await verify(await provider.token())
  }
})

test('a key that nobody can compute with makes the token invalid, and nothing worse', async () => {
  await provider.rotate('ES256')
  provider.instead.set(KEYS, (_, response) => {
    response.end(JSON.stringify({ keys: [{ ...provider.jwk, x: 'AAAA', y: 'AAAA' }] }))
  })
  await refused(provider.token(), 'invalid')
})

test('R23 an issuer cannot send the server to places that the operator has not named', async () => {
  let hits = 0
  const inside = createServer((_, response) => {
    hits++
    response.end('{"keys":[]}')
  })
  await new Promise<void>((resolve) => void inside.listen(0, '127.0.0.1', resolve))
  const { port } = inside.address() as AddressInfo
  const places = [
    `http://127.0.0.1:${port}/keys`,
    `https://127.0.0.1:${port}/keys`,
    `http://localhost:${port}/keys`,
    `http://[::1]:${port}/keys`,
    `http://[::ffff:127.0.0.1]:${port}/keys`,
    `http://0.0.0.0:${port}/keys`,
    'http://169.254.169.254/latest/meta-data',
    'https://169.254.169.254/latest/meta-data',
    'https://10.0.0.1/keys',
    'https://192.168.1.1/keys',
    'https://[fd00:ec2::254]/keys',
    'http://93.184.216.34/keys',
  ]
  for (const place of places) {
    issuers = new Issuers(issuers.reach, clock, LIMITS)
    provider.instead.set(CONFIGURATION, (_, response) => {
      response.end(JSON.stringify({ issuer: provider.url, jwks_uri: place }))
    })
    await refused(provider.token(), 'unreachable', /Will not connect/)
  }
  assert.equal(hits, 0)
  await new Promise<void>((resolve) => void inside.close(() => resolve()))
})
