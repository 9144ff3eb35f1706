import assert from 'node:assert/strict'
import { createHash, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { certificates } from '../../test/fixtures/certificates.ts'
import { EgressError, pinnedRequest, topThumbprint } from './pinned-request.ts'
import type { PlaceRules } from './pinned-request.ts'

const { at, authority, signed, remove } = certificates()
after(remove)

const sha1Of = (name: string): string =>
  createHash('sha1')
    .update(new X509Certificate(readFileSync(at(`${name}.pem`))).raw)
    .digest('hex')

await authority('ca')
await authority('other-ca')
await signed('server', 'ca', 'localhost')
await signed('elsewhere', 'ca', 'elsewhere.test')

async function serving<T>(
  name: string,
  chain: readonly string[],
  work: (url: URL) => Promise<T>,
): Promise<T> {
  const cert = chain.map((each) => readFileSync(at(`${each}.pem`), 'utf8')).join('')
  const server = createServer({ key: readFileSync(at(`${name}.key`)), cert }, (_, response) => {
    response.end('{"ok":true}')
  })
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve))
  try {
    return await work(new URL(`https://localhost:${(server.address() as AddressInfo).port}/keys`))
  } finally {
    server.closeAllConnections()
    await new Promise<void>((resolve) => void server.close(() => resolve()))
  }
}

async function ask(url: URL, rules: PlaceRules = {}): Promise<string> {
  const reach = { own: [], allowedEndpoints: [url.host] }
  const { body } = await pinnedRequest(reach, { url, ...rules, maxBytes: 1_000, timeoutMs: 60_000 })
  return body.toString()
}

const unreachable = (message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof EgressError, String(error))
  assert.match(error.message, message)
  return true
}

test('R23 a certificate that nobody known has signed is trusted by its thumbprint alone, or its authority’s', async () => {
  await serving('server', ['server', 'ca'], async (url) => {
    await assert.rejects(ask(url), unreachable(/Cannot reach localhost/))
    await assert.rejects(
      ask(url, { thumbprints: [sha1Of('other-ca')] }),
      unreachable(/has one of the thumbprints/),
    )
    assert.equal(await ask(url, { thumbprints: [sha1Of('ca')] }), '{"ok":true}')
    assert.equal(
      await ask(url, { thumbprints: [sha1Of('other-ca'), sha1Of('server').toUpperCase()] }),
      '{"ok":true}',
    )
  })
})

test('R23 a thumbprint does not make a certificate good for another host, nor one that its authority did not sign', async () => {
  await serving('elsewhere', ['elsewhere', 'ca'], async (url) => {
    await assert.rejects(ask(url, { thumbprints: [sha1Of('ca')] }), unreachable(/altnames|does not match/))
  })
  // The pinned authority's certificate is shown beside a leaf that is another's.
  await serving('other-ca', ['other-ca', 'ca'], async (url) => {
    await assert.rejects(ask(url, { thumbprints: [sha1Of('ca')] }), unreachable(/Cannot reach|has one of/))
  })
})

test('topThumbprint() trusts nothing at first sight', async () => {
  await serving('server', ['server', 'ca'], async (url) => {
    const reach = { own: [], allowedEndpoints: [url.host] }
    await assert.rejects(topThumbprint(reach, url, {}, 60_000), unreachable(/Cannot reach/))
  })
})

test('R23 the server’s own port, loopback that nobody named and what is not listed are not connected to', async () => {
  await serving('server', ['server'], async (url) => {
    const port = Number(url.port)
    const listed = { own: [], allowedEndpoints: [url.host] }
    const request = { url, maxBytes: 1_000, timeoutMs: 60_000 }
    const own = { ...listed, own: [{ host: '127.0.0.1', port }] }
    await assert.rejects(pinnedRequest(own, request), unreachable(/own address/))
    const nobody = { own: [], allowedEndpoints: [] }
    await assert.rejects(pinnedRequest(nobody, request), unreachable(/loopback/))
    const listedOnly = { ...request, url: new URL('https://203.0.113.1/'), isListedOnly: true }
    await assert.rejects(pinnedRequest(nobody, listedOnly), unreachable(/has not named it/))
    const plain = { ...request, url: new URL('http://203.0.113.1/') }
    await assert.rejects(pinnedRequest(nobody, plain), unreachable(/without TLS/))
    for (const host of ['10.1.2.3', '172.16.0.1', '192.168.0.1', '100.64.0.1', '[fc00::1]']) {
      const inside = { ...request, url: new URL(`https://${host}/`), isPublicOnly: true }
      await assert.rejects(pinnedRequest(nobody, inside), unreachable(/private network/))
    }
  })
})
