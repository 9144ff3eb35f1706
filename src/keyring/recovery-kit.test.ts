import assert from 'node:assert/strict'
import { createPublicKey, randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import {
  BEGIN,
  END,
  RecoveryKitError,
  kitIdOf,
  makeRecoveryKit,
  newPassphrase,
  openKit,
  x25519Private,
} from './recovery-kit.ts'
import { ServerKey } from './server-key.ts'
import { SealError } from './server-key.ts'
import {
  VaultKeyError,
  newVaultKey,
  openServerWrapping,
  openWithKit,
  UnprovenVaultKeyError,
  kitWrappings,
  openVaultKeys,
  sealVaultKeys,
  serverWrapping,
  wrapForKit,
} from './vault-key.ts'

const PASSPHRASE = 'correct horse battery staple'
const CHEAP = { cost: 1024 }
const VAULT = '00112233445566778899aabbccddeeff'

/** The kit's JSON with changes, as text. */
function changed(text: string, change: (kit: Record<string, unknown>) => void): string {
  const kit = JSON.parse(text.slice(text.indexOf(BEGIN) + BEGIN.length, text.indexOf(END))) as Record<
    string,
    unknown
  >
  change(kit)
  return `${BEGIN}\n${JSON.stringify(kit)}\n${END}`
}

test('a recovery kit of full cost opens a vault key that was wrapped to its public half', () => {
  const kit = makeRecoveryKit(PASSPHRASE)
  const vaultKey = newVaultKey()
  const wrapping = wrapForKit(kit.publicKey, VAULT, vaultKey)
  const opened = openKit(kit.kitText, PASSPHRASE)
  assert.equal(wrapping.name, `keys/kit-${opened.kitId}.json`)
  assert.deepEqual(openWithKit(opened, VAULT, wrapping.bytes), vaultKey)
})

test('a kit opens after editors changed line ends, and with a passphrase typed with spaces around it', () => {
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  const text = kit.kitText.replaceAll('\n', '\r\n')
  assert.equal(openKit(text, `  ${PASSPHRASE}\n`).publicKey.toString('base64'), kit.publicKey)
})

test('a passphrase means the same however its accents are encoded', () => {
  const kit = makeRecoveryKit('caf\u00e9 au lait', CHEAP)
  assert.equal(
    openKit(kit.kitText, 'cafe\u0301 au lait').kitId,
    kitIdOf(Buffer.from(kit.publicKey, 'base64')),
  )
})

test('a kit does not open with another passphrase', () => {
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  assert.throws(() => openKit(kit.kitText, 'another'), RecoveryKitError)
})

test('a kit that was changed anywhere that matters does not open', () => {
  const { kitText } = makeRecoveryKit(PASSPHRASE, CHEAP)
  const other = makeRecoveryKit(PASSPHRASE, CHEAP)
  const changes: Record<string, (kit: Record<string, unknown>) => void> = {
    version: (kit) => (kit['version'] = 2),
    kitId: (kit) => (kit['kitId'] = '0011223344556677'),
    publicKey: (kit) => (kit['publicKey'] = other.publicKey),
    both: (kit) => {
      kit['publicKey'] = other.publicKey
      kit['kitId'] = kitIdOf(Buffer.from(other.publicKey, 'base64'))
    },
    salt: (kit) => ((kit['scrypt'] as Record<string, unknown>)['salt'] = randomBytes(16).toString('base64')),
    N: (kit) => ((kit['scrypt'] as Record<string, unknown>)['N'] = 2048),
    nonce: (kit) => (kit['nonce'] = randomBytes(12).toString('base64')),
    sealed: (kit) => (kit['sealed'] = randomBytes(48).toString('base64')),
  }
  openKit(
    changed(kitText, () => undefined),
    PASSPHRASE,
  )
  for (const [what, change] of Object.entries(changes)) {
    assert.throws(() => openKit(changed(kitText, change), PASSPHRASE), RecoveryKitError, what)
  }
})

test('a kit that asks for more memory than a kit may is refused before it is given any', () => {
  const { kitText } = makeRecoveryKit(PASSPHRASE, CHEAP)
  for (const scrypt of [
    { N: 2 ** 21 },
    { N: 1000 },
    { N: 1 },
    { N: 2 ** 31 },
    { r: 33 },
    { p: 17 },
    { r: 0 },
  ]) {
    const text = changed(kitText, (kit) => Object.assign(kit['scrypt'] as object, scrypt))
    assert.throws(() => openKit(text, PASSPHRASE), /out of bounds/)
  }
})

test('text that holds no kit is said to hold none', () => {
  for (const text of ['', BEGIN, `${END}${BEGIN}`, `${BEGIN}\nnot json\n${END}`, `${BEGIN}\n{}\n${END}`]) {
    assert.throws(() => openKit(text, PASSPHRASE), RecoveryKitError)
  }
})

test('the kit’s text tells neither the passphrase nor the private half', () => {
  const { kitText } = makeRecoveryKit(PASSPHRASE, CHEAP)
  const { privateKey } = openKit(kitText, PASSPHRASE)
  assert.ok(!kitText.includes(PASSPHRASE))
  for (const form of ['base64', 'base64url', 'hex'] as const)
    assert.ok(!kitText.includes(privateKey.toString(form)))
})

test('R20 the kit prints the SHA-256 of recover.mjs and says to check it before running the copy in the vault', () => {
  const { kitText } = makeRecoveryKit(PASSPHRASE, CHEAP)
  const { recoverSha256 } = JSON.parse(
    kitText.slice(kitText.indexOf(BEGIN) + BEGIN.length, kitText.indexOf(END)),
  ) as {
    recoverSha256: string | null
  }
  assert.match(kitText, /Check it before you run it/)
  assert.ok(recoverSha256 === null || kitText.indexOf(recoverSha256) < kitText.indexOf(BEGIN))
})

test('newPassphrase() gives six groups that are never the same', () => {
  const made = new Set(Array.from({ length: 100 }, newPassphrase))
  assert.equal(made.size, 100)
  for (const passphrase of made) assert.match(passphrase, /^([a-z0-9]{5}-){5}[a-z0-9]{5}$/)
})

test('a wrapping opens for its vault and its kit only, and not when any bit of it is changed', () => {
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  const opened = openKit(kit.kitText, PASSPHRASE)
  const stranger = openKit(makeRecoveryKit(PASSPHRASE, CHEAP).kitText, PASSPHRASE)
  const vaultKey = newVaultKey()
  const { bytes } = wrapForKit(kit.publicKey, VAULT, vaultKey)
  assert.throws(() => openWithKit(opened, 'another-vault', bytes), VaultKeyError)
  assert.throws(() => openWithKit(stranger, VAULT, bytes), VaultKeyError)
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = Buffer.from(bytes)
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7))
    let key: Buffer | undefined
    try {
      key = openWithKit(opened, VAULT, damaged)
    } catch (error) {
      assert.ok(error instanceof VaultKeyError)
    }
    // Some flips change nothing: base64 has two alphabets, and a member nobody reads may have another name.
    if (key !== undefined) assert.deepEqual(key, vaultKey, `bit ${bit}`)
  }
})

test('the second key of a vault is wrapped under its own number, and writing a wrapping again gives the same bytes', () => {
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  const opened = openKit(kit.kitText, PASSPHRASE)
  const vaultKeys = Buffer.concat([newVaultKey(), newVaultKey()])
  const wrappings = kitWrappings(kit.publicKey, VAULT, vaultKeys)
  const { kitId } = opened
  assert.deepEqual(
    wrappings.map(({ name }) => name),
    [`keys/kit-${kitId}.json`, `keys/kit-${kitId}-0002.json`],
  )
  const [first, second] = wrappings.map(({ bytes }) => bytes) as [Buffer, Buffer]
  const before = vaultKeys.subarray(0, 32)
  assert.deepEqual(openWithKit(opened, VAULT, second, { number: 2, before }), vaultKeys.subarray(32))
  for (const [bytes, successor] of [
    [second, undefined],
    [second, { number: 3, before }],
    [first, { number: 2, before }],
  ] as const)
    assert.throws(() => openWithKit(opened, VAULT, bytes, successor), VaultKeyError)
  assert.deepEqual(kitWrappings(kit.publicKey, VAULT, vaultKeys), wrappings)
})

test('vault key 2 is wrapped as the format document’s golden vector says', () => {
  const kitPrivate = x25519Private(Buffer.from(Array.from({ length: 32 }, (_, i) => 0x40 + i)))
  const kitPublic = Buffer.from(createPublicKey(kitPrivate).export({ format: 'jwk' }).x ?? '', 'base64url')
  const second = Buffer.from(Array.from({ length: 32 }, (_, i) => 0x20 + i))
  const before = Buffer.from(Array.from({ length: 32 }, (_, i) => i))
  const { name, bytes } = wrapForKit(kitPublic.toString('base64'), 'vault-1', second, { number: 2, before })
  assert.equal(name, 'keys/kit-67ca2ffd6fe9efab-0002.json')
  const { ephemeral, sealed, mac } = JSON.parse(bytes.toString()) as Record<string, string>
  assert.equal(
    Buffer.from(ephemeral as string, 'base64').toString('hex'),
    '573dd63a414143ebc53ab52209a6bfc184b76ab62994886dfd32ad1837b09e37',
  )
  assert.equal(
    Buffer.from(sealed as string, 'base64').toString('hex'),
    '4c888d8c63468a270dcc99a53c0835aa74a065d3e87e9b84a18efe03fe211688e6fa785e7c2d6b06357ee0cdc4466849',
  )
  assert.equal(
    Buffer.from(mac as string, 'base64').toString('hex'),
    'b6e7e6f0e150f6993439cbb735d67398cce21e3c0207168868136bbbd72fec4c',
  )
})

test('a key behind the first is taken only from who had the key before it', () => {
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  const opened = openKit(kit.kitText, PASSPHRASE)
  const [first, second, stranger] = [newVaultKey(), newVaultKey(), newVaultKey()]
  const open = (bytes: Buffer): Buffer => openWithKit(opened, VAULT, bytes, { number: 2, before: first })
  const good = wrapForKit(kit.publicKey, VAULT, second, { number: 2, before: first }).bytes
  assert.deepEqual(open(good), second)
  const json = JSON.parse(good.toString()) as Record<string, string>
  const { mac, ...without } = json
  const ofAnother = wrapForKit(kit.publicKey, VAULT, stranger, { number: 2, before: stranger }).bytes
  const spliced = { ...(JSON.parse(ofAnother.toString()) as object), mac }
  const planted = [
    ofAnother,
    ...[without, spliced, { ...json, mac: '' }, { ...json, mac: null }].map(bytesOf),
  ]
  for (const bytes of planted) assert.throws(() => open(bytes), UnprovenVaultKeyError, bytes.toString())
})

const bytesOf = (json: object): Buffer => Buffer.from(JSON.stringify(json))

test('an ephemeral key that would make the shared secret known is refused', () => {
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  const opened = openKit(kit.kitText, PASSPHRASE)
  const json = JSON.parse(wrapForKit(kit.publicKey, VAULT, newVaultKey()).bytes.toString()) as object
  const weak = { ...json, ephemeral: Buffer.alloc(32).toString('base64') }
  assert.throws(() => openWithKit(opened, VAULT, Buffer.from(JSON.stringify(weak))), VaultKeyError)
})

test('the server opens its own wrapping, of that vault only', () => {
  const serverKey = new ServerKey(randomBytes(32))
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  const vaultKey = newVaultKey()
  const sealed = sealVaultKeys(serverKey, VAULT, vaultKey)
  const server = serverWrapping(1, sealed)
  const [forKit] = kitWrappings(kit.publicKey, VAULT, vaultKey)
  assert.equal(server.name, 'keys/server.json')
  assert.deepEqual(openServerWrapping(serverKey, VAULT, 1, server.bytes), { sealed, vaultKeys: vaultKey })
  assert.deepEqual(
    openWithKit(openKit(kit.kitText, PASSPHRASE), VAULT, forKit?.bytes ?? Buffer.alloc(0)),
    vaultKey,
  )
  assert.throws(() => openServerWrapping(serverKey, 'another', 1, server.bytes), SealError)
  assert.throws(() => openServerWrapping(serverKey, VAULT, 2, server.bytes), VaultKeyError)
  assert.throws(
    () => openServerWrapping(serverKey, VAULT, 1, forKit?.bytes ?? Buffer.alloc(0)),
    VaultKeyError,
  )
  assert.deepEqual(openVaultKeys(serverKey, VAULT, sealed), vaultKey)
})

test('the kit of the golden vault opens its key, and so does its server', () => {
  const path = new URL('../../test/golden/version-1.json', import.meta.url)
  const golden = JSON.parse(readFileSync(path, 'utf8')) as {
    readonly vaultId: string
    readonly vaultKey: string
    readonly serverKey: string
    readonly passphrase: string
    readonly kitText: string
    readonly blobs: Readonly<Record<string, string>>
  }
  const kit = openKit(golden.kitText, golden.passphrase)
  const blob = (name: string): Buffer => Buffer.from(golden.blobs[name] ?? '', 'base64')
  const byKit = openWithKit(kit, golden.vaultId, blob(`keys/kit-${kit.kitId}.json`))
  assert.equal(byKit.toString('base64'), golden.vaultKey)
  const serverKey = new ServerKey(Buffer.from(golden.serverKey, 'base64'))
  assert.deepEqual(
    openServerWrapping(serverKey, golden.vaultId, 1, blob('keys/server.json')).vaultKeys,
    byKit,
  )
})

test('R19 a kit names whose identity exports it believes, and refuses to be told of others', () => {
  const kit = makeRecoveryKit(PASSPHRASE, CHEAP)
  const [own, other] = [7, 8].map((byte) => new ServerKey(Buffer.alloc(32, byte)).identitySigner)
  const text = kit.withSigners([own as string])
  assert.deepEqual(openKit(text, PASSPHRASE).identitySigners, [own])
  assert.deepEqual(openKit(kit.kitText, PASSPHRASE).identitySigners, [])
  for (const signers of [[other], [own, other], [own, own]]) {
    const planted = changed(text, (json) => void (json['identitySigners'] = signers))
    assert.throws(() => openKit(planted, PASSPHRASE), /was changed after it was made/)
  }
  for (const bad of ['x', [7], ['short'], Array.from({ length: 101 }, () => own)]) {
    const damaged = changed(text, (json) => void (json['identitySigners'] = bad))
    assert.throws(() => openKit(damaged, PASSPHRASE), /no list of public keys/)
  }
})
