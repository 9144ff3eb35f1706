import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { encryptionKeyIdIn, EncryptionKeyError, EncryptionKeys, sealerUnder } from './encryption-keys.ts'
import { SealError, ServerKey } from './server-key.ts'
import { openVaultKeys, sealVaultKeys } from './vault-key.ts'

const scratch = mkdtempSync(join(tmpdir(), 'roleback-encryption-keys-'))
after(() => rmSync(scratch, { recursive: true }))

const MASTER = Buffer.alloc(32, 9)
const serverKey = new ServerKey(Buffer.alloc(32, 7))
const VAULT_KEYS = Buffer.alloc(64, 5)

function keyFile(name: string, master: Buffer): string {
  const file = join(scratch, name)
  rmSync(file, { force: true })
  writeFileSync(file, `${master.toString('base64')}\n`, { mode: 0o400 })
  return file
}

/** Told to those who run the server alone. */
const refusal = (text: RegExp) => (error: unknown) => {
  assert.ok(error instanceof EncryptionKeyError)
  assert.match(error.reason, text)
  assert.match(
    error.message,
    /^Encryption key \w+ cannot be had: it is not available on the server now\. Those who run it see why in \S+$/,
  )
  return true
}

test('a vault’s keys open with the server’s key and its encryption key together, and with neither alone', async () => {
  const keys = new EncryptionKeys(new Map([['a', { kind: 'file', file: keyFile('a', MASTER) }]]), () => 0)
  const { keyId, key } = await keys.load('a')
  const sealer = sealerUnder(serverKey, keyId, key)
  const sealed = sealVaultKeys(sealer, 'vault', VAULT_KEYS)
  assert.equal(encryptionKeyIdIn(sealed), keyId)
  assert.equal(encryptionKeyIdIn(sealVaultKeys(serverKey, 'vault', VAULT_KEYS)), undefined)
  assert.deepEqual(openVaultKeys(sealer, 'vault', sealed), VAULT_KEYS)
  const other = new ServerKey(Buffer.alloc(32, 8))
  const body = sealed.slice(sealed.indexOf(':') + 1)
  const anotherId = keyId.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))
  for (const [who, vaultId, text] of [
    [serverKey, 'vault', sealed],
    [serverKey, 'vault', body],
    [key, 'vault', body],
    [sealerUnder(serverKey, keyId, other), 'vault', sealed],
    [sealerUnder(other, keyId, key), 'vault', sealed],
    [sealer, 'another', sealed],
    [sealer, 'vault', body],
    // Its id is sealed along.
    [sealerUnder(serverKey, anotherId, key), 'vault', `${anotherId}:${body}`],
  ] as const)
    assert.throws(() => openVaultKeys(who, vaultId, text), SealError)
})

test('a key’s id is a UUID that follows from the key, and tells nothing of it', async () => {
  const load = async (name: string, master: Buffer): Promise<string> =>
    (
      await new EncryptionKeys(
        new Map([[name, { kind: 'file', file: keyFile(name, master) }]]),
        () => 0,
      ).load(name)
    ).keyId
  const id = await load('one', MASTER)
  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  assert.equal(await load('two', MASTER), id)
  // Worked out once, by this: an id that changes would be another ARN.
  assert.equal(id, '8aad23c9-0ed3-8494-979b-6681e5372448')
  assert.notEqual(await load('three', Buffer.alloc(32, 10)), id)
})

test('a file that is taken away, changed or opened to others is told, and good again when it is back', async () => {
  const file = keyFile('usb', MASTER)
  const keys = new EncryptionKeys(new Map([['usb', { kind: 'file', file }]]), () => 0)
  const { keyId } = await keys.load('usb')
  renameSync(file, `${file}.away`)
  await assert.rejects(
    keys.loadKey('usb', keyId),
    refusal(/^Encryption key usb cannot be had: .*it is not there/),
  )
  renameSync(`${file}.away`, file)
  await keys.loadKey('usb', keyId)
  chmodSync(file, 0o444)
  await assert.rejects(keys.loadKey('usb', keyId), refusal(/others may read it/))
  keyFile('usb', Buffer.alloc(32, 10))
  await assert.rejects(keys.loadKey('usb', keyId), refusal(/there is another key .* Put the right one back/))
  await assert.rejects(keys.load('none'), refusal(/Start it with --encryption-key none=SOURCE/))
})

test('what a command gave is used for a minute; one that failed is run again at once', async () => {
  const [file, runs] = [keyFile('hsm', MASTER), join(scratch, 'runs')]
  const program = join(scratch, 'unwrap')
  writeFileSync(program, `#!/bin/sh\necho x >>'${runs}'\nexec cat '${file}'\n`, { mode: 0o700 })
  let now = 0
  const keys = new EncryptionKeys(new Map([['hsm', { kind: 'command', program, args: [] }]]), () => now)
  const count = (): number => readFileSync(runs, 'utf8').length / 2
  await keys.load('hsm')
  await keys.load('hsm')
  assert.equal(count(), 1)
  now = 60_000
  rmSync(file)
  await assert.rejects(keys.load('hsm'), refusal(/it ended with 1/))
  keyFile('hsm', MASTER)
  await keys.load('hsm')
  assert.equal(count(), 3)
})
