import assert from 'node:assert/strict'
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { EncryptionKeyError, EncryptionKeys } from '../../keyring/encryption-keys.ts'
import { SealError, ServerKey } from '../../keyring/server-key.ts'
import {
  kitWrappings,
  newVaultKey,
  openVaultKeys,
  sealVaultKeys,
  serverWrapping,
} from '../../keyring/vault-key.ts'
import { makeRecoveryKit } from '../../keyring/recovery-kit.ts'
import { openStore } from '../../store/store.ts'
import { encryptionKeyArn, insertEncryptionKey } from '../../store/vaults/encryption-keys.ts'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { createVault, openVault } from '../../vault/vault.ts'
import { checkWrappings, repairWrappings } from '../upkeep/wrappings.ts'
import { LOCK_KEY, pinnedKeyProblem, pinOf } from './pinned-key.ts'
import { addVaultKey, checkOwner, VaultTakenOverError } from './vault-owner.ts'
import { VaultSealers } from './vault-sealers.ts'

const scratch = mkdtempSync(join(tmpdir(), 'roleback-sealers-'))
after(() => rmSync(scratch, { recursive: true }))
const file = join(scratch, 'key')
writeFileSync(file, `${Buffer.alloc(32, 4).toString('base64')}\n`, { mode: 0o400 })

const serverKey = new ServerKey(Buffer.alloc(32, 1))
const VAULT_ID = '0123456789abcdef0123456789abcdef'
const ARN = (id: string): string => encryptionKeyArn('123456789012', 'us-east-1', id)

test('a vault under an encryption key: next keys, repairs and the pin of its lock go by both keys, and stop while it is away', async () => {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  after(async () => await store.close())
  const encryptionKeys = new EncryptionKeys(new Map([['a', { kind: 'file', file }]]), () => 0)
  const sealers = new VaultSealers({ store, serverKey, encryptionKeys })
  const { keyId } = await encryptionKeys.load('a')
  const row = { vault_id: VAULT_ID, encryption_key_arn: ARN(keyId) }
  await assert.rejects(sealers.ofNew(row), /Make it known again with roleback encryption-key create/)
  const known = { account_id: '123456789012', region: 'us-east-1', created_at: 0, created_by: 'root' }
  await insertEncryptionKey(store.db, { key_id: keyId, name: 'a', arn: ARN(keyId), ...known })
  const sealer = await sealers.ofNew(row)
  const key = newVaultKey()
  const sealed = sealVaultKeys(sealer, VAULT_ID, key)
  const kit = makeRecoveryKit('p', { cost: 1024 })
  const blobs = new MemoryBlobStore()
  const wrappings = [serverWrapping(1, sealed), ...kitWrappings(kit.publicKey, VAULT_ID, key)]
  const vault = await createVault(blobs, {
    vaultId: VAULT_ID,
    key,
    files: {},
    wrappings: Object.fromEntries(wrappings.map(({ name, bytes }) => [name, bytes])),
  })
  const record = { [LOCK_KEY]: pinOf(vault) }
  const owner = { sealer, kitPublicKey: kit.publicKey }
  const next = await addVaultKey(blobs, owner, VAULT_ID, key)
  assert.ok(next.sealed.startsWith(`${keyId}:`))
  assert.throws(() => openVaultKeys(serverKey, VAULT_ID, next.sealed), SealError)
  await checkOwner(blobs, sealer, VAULT_ID, 1)
  await assert.rejects(checkOwner(blobs, serverKey, VAULT_ID, 1), VaultTakenOverError)
  const rotated = await openVault(blobs, next.vaultKeys)
  assert.equal(await pinnedKeyProblem(rotated, sealer, record), undefined)
  assert.deepEqual(await checkWrappings(rotated, owner), [])
  blobs.blobs.delete('keys/server-0002.json')
  assert.match((await pinnedKeyProblem(rotated, sealer, record)) ?? '', /is gone/)
  assert.deepEqual(await repairWrappings(rotated, owner), ['keys/server-0002.json'])
  assert.equal(await pinnedKeyProblem(rotated, sealer, record), undefined)
  await assert.rejects(checkOwner(blobs, serverKey, VAULT_ID, 1), VaultTakenOverError)
  renameSync(file, `${file}.away`)
  await assert.rejects(sealers.ofOpened(VAULT_ID), EncryptionKeyError)
  await assert.rejects(sealers.of(VAULT_ID, next.sealed), EncryptionKeyError)
  assert.equal(await sealers.ofOpened('another'), serverKey)
  renameSync(`${file}.away`, file)
  await sealers.ofOpened(VAULT_ID)
})
