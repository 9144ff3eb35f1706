import assert from 'node:assert/strict'
import { test } from 'node:test'
import { MemoryBlobStore } from '../../blobs/memory.ts'
import { makeRecoveryKit } from '../../keyring/recovery-kit.ts'
import { ServerKey } from '../../keyring/server-key.ts'
import { kitWrappings, sealVaultKeys, serverWrapping } from '../../keyring/vault-key.ts'
import { createVault, openVault } from '../../vault/vault.ts'
import type { Vault } from '../../vault/vault.ts'
import { addVaultKey } from '../vaults/vault-owner.ts'
import { LOCK_KEY, pinnedKeyProblem, pinOf } from '../vaults/pinned-key.ts'
import { checkWrappings, repairWrappings } from './wrappings.ts'
import type { WrappingOwner } from './wrappings.ts'

const VAULT_ID = 'ab'.repeat(16)
const KEY = Buffer.alloc(32, 5)
const COST = { cost: 1024 }
const serverKey = new ServerKey(Buffer.alloc(32, 1))
const first = makeRecoveryKit('the first passphrase', COST)
const second = makeRecoveryKit('the second passphrase', COST)
const ownerWith = (kitPublicKey: string): WrappingOwner => ({ sealer: serverKey, kitPublicKey })

/** As versions made it that kept no record of wrappings. */
async function vaultWithoutRecord(store: MemoryBlobStore): Promise<Vault> {
  const all = [
    serverWrapping(1, sealVaultKeys(serverKey, VAULT_ID, KEY)),
    ...kitWrappings(first.publicKey, VAULT_ID, KEY),
  ]
  const wrappings = Object.fromEntries(all.map(({ name, bytes }) => [name, bytes]))
  return await createVault(store, { vaultId: VAULT_ID, key: KEY, wrappings, files: {} })
}

async function rotated(store: MemoryBlobStore): Promise<Vault> {
  const { vaultKeys } = await addVaultKey(store, ownerWith(second.publicKey), VAULT_ID, KEY)
  return await openVault(store, vaultKeys)
}

function flipIn(store: MemoryBlobStore, name: string): void {
  const bytes = Buffer.from(store.blobs.get(name) ?? assert.fail(name))
  bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
  store.blobs.set(name, bytes)
}

const namesIn = (store: MemoryBlobStore): string[] =>
  [...store.blobs.keys()].filter((name) => name.startsWith('keys/')).toSorted()

test('wrappings for a kit that was replaced are noticed and made again, too', async () => {
  const store = new MemoryBlobStore()
  const before = await vaultWithoutRecord(store)
  assert.deepEqual(await checkWrappings(before, ownerWith(first.publicKey)), [])
  const vault = await rotated(store)
  const owner = ownerWith(second.publicKey)
  assert.deepEqual(await checkWrappings(vault, owner), [])
  const whole = new Map(store.blobs)
  const names = namesIn(store)
  assert.equal(names.length, 5)
  for (const name of names) {
    flipIn(store, name)
    const problems = await checkWrappings(vault, owner)
    assert.deepEqual(
      problems.map(({ blob }) => blob),
      [name],
    )
    assert.match(problems[0]?.reason ?? '', /its bytes are not those that the vault’s records tell/)
    assert.deepEqual(await repairWrappings(vault, owner), [name])
    if (name.startsWith('keys/kit')) assert.deepEqual(store.blobs.get(name), whole.get(name), name)
  }
  for (const name of names) store.blobs.delete(name)
  assert.equal((await checkWrappings(vault, owner)).length, names.length)
  assert.deepEqual((await repairWrappings(vault, owner)).toSorted(), names)
  assert.deepEqual(await checkWrappings(vault, owner), [])
})

test('in a vault that says nothing of its wrappings each shows for itself what it is, and is noted where it does', async () => {
  const store = new MemoryBlobStore()
  await vaultWithoutRecord(store)
  const vault = await rotated(store)
  const owner = ownerWith(second.publicKey)
  const older = namesIn(store).filter((name) => name === `keys/kit-${kitIdIn(store)}.json`)
  for (const name of namesIn(store)) {
    const copy = new MemoryBlobStore()
    for (const [one, bytes] of store.blobs) copy.blobs.set(one, bytes)
    flipIn(copy, name)
    const problems = await checkWrappings(await openVault(copy, vault.keys.export()), owner)
    // Of the lost kit nothing is known here but its own text; of a wrapping before the newest, that another server may have sealed it.
    const mayPass = older.includes(name) || name === 'keys/server.json'
    assert.ok(mayPass || problems.length === 1, `${name}: ${JSON.stringify(problems)}`)
  }
  assert.deepEqual(await checkWrappings(vault, owner), [])
  assert.equal(Object.keys((await vault.records()).record['wrappings'] as object).length, 5)
})

test('a wrapping that is written at this moment, by who gives the vault its next key, is no damage', async () => {
  const store = new MemoryBlobStore()
  const vault = await vaultWithoutRecord(store)
  assert.deepEqual(await checkWrappings(vault, ownerWith(first.publicKey)), [])
  await rotated(store)
  assert.deepEqual(await checkWrappings(vault, ownerWith(first.publicKey)), [])
  // The kit is the server's already, and its wrapping is not there yet.
  store.blobs.delete(namesIn(store).find((name) => name.endsWith('-0002.json')) ?? '')
  assert.deepEqual(await checkWrappings(vault, ownerWith(second.publicKey)), [])
})

test('R21 the next key of a vault leaves the pinned one in the key record; a record that has it not is told', async () => {
  const store = new MemoryBlobStore()
  const record = { [LOCK_KEY]: pinOf(await vaultWithoutRecord(store)) }
  const vault = await rotated(store)
  const problem = async (): Promise<string | undefined> => await pinnedKeyProblem(vault, serverKey, record)
  assert.equal(await problem(), undefined)
  const name = 'keys/server-0002.json'
  const others = Buffer.concat([Buffer.alloc(32, 6), vault.keys.export().subarray(32)])
  store.blobs.set(name, serverWrapping(2, sealVaultKeys(serverKey, VAULT_ID, others)).bytes)
  assert.match((await problem()) ?? '', /"keys\/server-0002.json" does not hold key 1 \([0-9a-f]{32}\)/)
  store.blobs.set(name, serverWrapping(2, sealVaultKeys(serverKey, 'another', vault.keys.export())).bytes)
  assert.match((await problem()) ?? '', /is not the one that this server put there/)
  assert.equal(await pinnedKeyProblem(vault, serverKey, {}), undefined)
})

/** Id of the kit that has a wrapping of the first key only. */
function kitIdIn(store: MemoryBlobStore): string {
  const names = namesIn(store)
  const ids = names.flatMap((name) => /kit-([0-9a-f]{16})\.json$/.exec(name)?.[1] ?? [])
  return ids.find((id) => !names.includes(`keys/kit-${id}-0002.json`)) ?? assert.fail('no older kit')
}
