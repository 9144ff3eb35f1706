import assert from 'node:assert/strict'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { ServerKey } from '../../keyring/server-key.ts'
import { insertRole } from '../../store/identity/identities.ts'
import {
  listIdentityExports,
  readIdentityManifest,
  writeIdentityManifest,
} from '../../vault/points/identity-exports.ts'
import type { IdentityExportName, IdentityManifest } from '../../vault/points/identity-exports.ts'
import { identityExportIn } from '../points/point-record.ts'
import { findIdentity } from './identity-found.ts'
import type { IdentityLine } from './identity-rows.ts'
import { ACCOUNTS, PASSPHRASE, openBench, role } from './identity-export.fixture.ts'

/** Which exports are believed: by the second reader, and where somebody planted one. */

test('recover.mjs reads an export with the kit alone, and tells a planted, a changed and a missing one', async () => {
  await using bench = await openBench()
  const { store, dir, exports, clock, kitText } = bench
  await insertRole(store.db, role('keeper', ACCOUNTS[0] as string))
  await exports.run()
  await insertRole(store.db, role('another', ACCOUNTS[0] as string))
  clock.ms += 10_000
  await exports.run()
  const reader = await secondReader()
  const [folder = ''] = readdirSync(dir)
  const directory = join(dir, folder)
  const open = (text: string): object =>
    reader.openVault(directory, reader.openKit(reader.parseKit(text), PASSPHRASE))
  const rolesIn = ({ lines }: { readonly lines: readonly IdentityLine[] }): string[] =>
    lines.flatMap(({ table, row }) => (table === 'iam_role' ? [String(row['name'])] : [])).toSorted()
  const vault = open(kitText)
  assert.deepEqual(rolesIn(reader.readIdentity(vault)), ['another', 'keeper'])
  assert.deepEqual(rolesIn(reader.readIdentity(vault, 1)), ['keeper'])
  assert.deepEqual(reader.verifyVault(vault).damage, [])
  assert.throws(() => reader.readIdentity(vault, 3), /no identity export 3/)

  const { store: blobs, keys } = await bench.vault()
  const [newest] = await listIdentityExports(blobs)
  assert.ok(newest !== undefined)
  const { manifest } = await readIdentityManifest(blobs, keys, newest)
  const stranger = new ServerKey(Buffer.alloc(32, 9))
  const planted = { ...manifest, number: 3, signer: stranger.identitySigner, parts: [] }
  const at = 'identity/00000003-20261128T130000Z'
  await writeIdentityManifest(blobs, keys, at, planted, (text) => stranger.signIdentity(text))
  const found = reader.readIdentity(vault)
  assert.equal(found.manifest.number, 2)
  assert.match(found.passed.join(), /00000003.*does not name/)
  assert.equal(reader.readIdentity(vault, 3).isBelieved, false)
  assert.throws(
    () => open(kitText.replace(bench.serverKey.identitySigner, stranger.identitySigner)),
    /changed/,
  )

  const [part] = manifest.parts.filter(({ accountId }) => accountId !== null)
  rmSync(join(directory, part?.name ?? ''))
  assert.equal(reader.verifyVault(vault).damage.length, 1)
  assert.throws(() => reader.readIdentity(vault, 2))
})

interface SecondReader {
  parseKit(text: string): object
  openKit(kit: object, passphrase: string): object
  openVault(directory: string, kit: object): object
  verifyVault(vault: object): { readonly damage: readonly unknown[] }
  readIdentity(
    vault: object,
    number?: number,
  ): {
    readonly manifest: IdentityManifest
    readonly isBelieved: boolean
    readonly passed: readonly string[]
    readonly lines: readonly IdentityLine[]
  }
}

async function secondReader(): Promise<SecondReader> {
  const tool = join(import.meta.dirname, '..', '..', '..', 'tools', 'recover.mjs')
  return (await import(tool)) as SecondReader
}

test('a number that somebody planted is not counted on from, and keeps no export from staying', async () => {
  await using bench = await openBench()
  const { store, clock, exports } = bench
  await exports.run()
  const { store: blobs, keys } = await bench.vault()
  for (let i = 0; i < 12; i++)
    await blobs.put(`identity/999999${10 + i}-20261128T130000Z/manifest`, Buffer.from('x'))
  const stranger = new ServerKey(Buffer.alloc(32, 9))
  const [own] = (await listIdentityExports(blobs)).slice(-1)
  assert.ok(own !== undefined)
  const { manifest } = await readIdentityManifest(blobs, keys, own)
  const planted = { ...manifest, number: 99, signer: stranger.identitySigner, parts: [] }
  await writeIdentityManifest(blobs, keys, 'identity/00000099-20261128T130000Z', planted, (text) =>
    stranger.signIdentity(text),
  )
  await sql`update identity_export set number = 0`.execute(store.db)
  for (const number of [2, 3]) {
    await insertRole(store.db, role(`role-${number}`, ACCOUNTS[0] as string))
    clock.ms += 10_000
    assert.equal(await exports.run(), number)
  }
  const numbers = (await listIdentityExports(blobs)).map((one) => one.number).filter((one) => one < 99)
  assert.deepEqual(numbers, [3, 2, 1])
})

test('R19 who has the key of a server before cannot pass by a greater number, and no head’s number ends the counting', async () => {
  await using bench = await openBench()
  const { serverKey, exports } = bench
  await exports.run()
  const vault = await bench.vault()
  const [own] = await listIdentityExports(vault.store)
  const { manifest } = await readIdentityManifest(vault.store, vault.keys, own as IdentityExportName)
  const earlier = new ServerKey(Buffer.alloc(32, 9))
  const planted = { ...manifest, number: 99, epoch: 9, signer: earlier.identitySigner }
  const folder = 'identity/00000099-20261128T130000Z'
  await writeIdentityManifest(vault.store, vault.keys, folder, { ...planted, parts: [] }, (text) =>
    earlier.signIdentity(text),
  )
  const kit = { kitId: 'k', identitySigners: [serverKey.identitySigner, earlier.identitySigner] }
  const numbers = async (wanted?: number): Promise<readonly (number | undefined)[]> => {
    const { manifest: found, newer } = await findIdentity([vault], kit, wanted)
    return [found.number, newer?.number]
  }
  assert.deepEqual(await numbers(), [1, undefined])
  await insertRole(bench.store.db, role('later', ACCOUNTS[0] as string))
  bench.clock.ms += 10_000
  assert.equal(await exports.run(), 2)
  assert.deepEqual(await numbers(), [2, undefined])
  // Whoever asks for an older one is told what he leaves out.
  assert.deepEqual(await numbers(1), [1, 2])
  for (const identityExport of [1e300, 99_999_999, -1, 0.5, '7'])
    assert.equal(identityExportIn({ identityExport }), 0)
})
