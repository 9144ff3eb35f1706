import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { isSignedBy } from '../../keyring/identity-signature.ts'
import { makeRecoveryKit } from '../../keyring/recovery-kit.ts'
import { ServerKey } from '../../keyring/server-key.ts'
import type { Clock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'
import { insertAccount, insertServer, setRecoveryKit } from '../../store/identity/accounts.ts'
import {
  findIdentityExport,
  hasIdentityChanges,
  lastIdentityExport,
} from '../../store/identity/identity-export.ts'
import { insertRole } from '../../store/identity/identities.ts'
import { insertResource } from '../../store/resources/resources.ts'
import { resourceRow, roleRow } from '../../store/contract-rows.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import {
  listIdentityExports,
  readIdentityManifest,
  readIdentityPart,
  writeIdentityManifest,
} from '../../vault/identity-exports.ts'
import type { IdentityExportName, IdentityManifest } from '../../vault/identity-exports.ts'
import type { Vault } from '../../vault/vault.ts'
import { identityExportIn } from '../points/point-record.ts'
import { IdentityExports } from './identity-export.ts'
import { findIdentity } from './identity-found.ts'
import type { IdentityLine } from './identity-rows.ts'
import { openSystemVault } from './system-vault.ts'
import { VaultRegistry } from '../vaults/vault-registry.ts'

const ACCOUNTS = ['111122223333', '222233334444']
const NOW = Date.UTC(2026, 10, 28, 12)
const PASSPHRASE = 'a passphrase of the tests'
const SECRET = 'the secret of the far database'

interface Bench extends AsyncDisposable {
  readonly dir: string
  readonly store: Store
  readonly serverKey: ServerKey
  readonly clock: { ms: number }
  readonly lines: string[]
  readonly kitText: string
  readonly exports: IdentityExports
  /** Another server on the same rows. */
  another(): IdentityExports
  vault(): Promise<Vault>
}

/** A store, vaults on a disk, and a clock that the test moves. */
async function openBench(): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-identity-'))
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const serverKey = new ServerKey(Buffer.alloc(32, 7))
  const clock = { ms: NOW }
  const passed: Clock = { now: () => clock.ms, monotonic: () => performance.now() }
  const lines: string[] = []
  const log = createLog('json', (line) => void lines.push(line))
  const kit = makeRecoveryKit(PASSPHRASE, { cost: 1024 })
  await insertServer(store.db, {
    server_id: 'server-1',
    created_at: NOW,
    management_account_id: ACCOUNTS[0] as string,
    region: 'us-east-1',
    recovery_kit_public_key: kit.publicKey,
    epoch: 1,
  })
  for (const account_id of ACCOUNTS)
    await insertAccount(store.db, { account_id, name: 'x', created_at: NOW, root_last_used_at: null })
  const vaults = new VaultRegistry({
    store,
    serverKey,
    coldRoots: new Map(),
    roots: new Map([['us-east-1', dir]]),
    dataDir: dir,
    log,
  })
  const tools = { store, serverKey, vaults, clock: passed, log }
  return {
    dir,
    store,
    serverKey,
    clock,
    lines,
    kitText: kit.withSigners([serverKey.identitySigner]),
    exports: new IdentityExports(tools),
    another: () => new IdentityExports(tools),
    vault: async () => (await openSystemVault(tools, 'a test')).vault,
    [Symbol.asyncDispose]: async () => {
      await vaults.close()
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/** What an export says, by account. */
async function linesOf(vault: Vault, number: number): Promise<ReadonlyMap<string | null, IdentityLine[]>> {
  const name = (await listIdentityExports(vault.store)).find((one) => one.number === number)
  assert.ok(name !== undefined, `export ${number} is not there`)
  const { manifest } = await readIdentityManifest(vault.store, vault.keys, name)
  const found = new Map<string | null, IdentityLine[]>()
  for (const part of manifest.parts) {
    const lines = (await readIdentityPart(vault.store, vault.keys, part)) as IdentityLine[]
    found.set(part.accountId, [...(found.get(part.accountId) ?? []), ...lines])
  }
  return found
}

const role = (name: string, account_id: string): Parameters<typeof insertRole>[1] => ({
  ...roleRow(name),
  account_id,
})

test('R19 a change is exported within 60 s: signed, numbered, per account; nothing is written where nothing changed', async () => {
  await using bench = await openBench()
  const { exports, store, clock, serverKey } = bench
  await insertRole(store.db, role('keeper', ACCOUNTS[0] as string))
  assert.equal(await exports.run(), 1)
  assert.equal(await exports.run(), undefined)
  clock.ms += 50_000
  assert.equal(await exports.run(), undefined)
  const changedAt = clock.ms
  await insertRole(store.db, role('another', ACCOUNTS[1] as string))
  // As the timer of the running server does.
  let number: number | undefined
  while (number === undefined) {
    clock.ms += 5_000
    number = await exports.run()
    assert.ok(clock.ms - changedAt < 60_000)
  }
  assert.equal(number, 2)
  assert.equal(await lastIdentityExport(store.db), 2)
  assert.equal(await hasIdentityChanges(store.db), false)
  const vault = await bench.vault()
  const lines = await linesOf(vault, 2)
  assert.deepEqual([...lines.keys()], [null, ...ACCOUNTS])
  const rolesOf = (account: string): unknown[] =>
    (lines.get(account) ?? []).filter(({ table }) => table === 'iam_role').map(({ row }) => row['name'])
  assert.deepEqual(
    ACCOUNTS.map((account) => rolesOf(account)),
    [['keeper'], ['another']],
  )
  const [newest] = await listIdentityExports(vault.store)
  assert.ok(newest !== undefined)
  const { manifest, text, signature } = await readIdentityManifest(vault.store, vault.keys, newest)
  assert.equal(manifest.signer, serverKey.identitySigner)
  assert.ok(isSignedBy(serverKey.identitySigner, text, signature))
  assert.ok(!isSignedBy(new ServerKey(Buffer.alloc(32, 8)).identitySigner, text, signature))
  assert.ok(!isSignedBy(serverKey.identitySigner, `${text} `, signature))
})

test('a server that is stopped ends with what changed last, and writes nothing where nothing did', async () => {
  await using bench = await openBench()
  const { store, exports } = bench
  assert.equal(await exports.run(), 1)
  const last = bench.another()
  await insertRole(store.db, role('last', ACCOUNTS[0] as string))
  await exports.stop()
  await last.stop()
  const vault = await bench.vault()
  assert.deepEqual(
    (await listIdentityExports(vault.store)).map(({ number }) => number),
    [2, 1],
  )
  const lines = (await linesOf(vault, 2)).get(ACCOUNTS[0] as string) ?? []
  assert.ok(lines.some(({ row }) => row['name'] === 'last'))
})

test('an export is written daily although nothing has changed', async () => {
  await using bench = await openBench()
  assert.equal(await bench.exports.run(), 1)
  bench.clock.ms += 86_300_000
  assert.equal(await bench.exports.run(), undefined)
  bench.clock.ms += 100_000
  assert.equal(await bench.exports.run(), 2)
})

test('changes within ten seconds are one export', async () => {
  await using bench = await openBench()
  const { exports, store, clock } = bench
  await exports.run()
  for (let i = 0; i < 8; i++) {
    await insertRole(store.db, role(`role-${i}`, ACCOUNTS[0] as string))
    clock.ms += 1_000
    assert.equal(await exports.run(), undefined)
  }
  clock.ms += 2_000
  assert.equal(await exports.run(), 2)
})

test('secrets are in it apart from their rows, and the storage shows none of it', async () => {
  await using bench = await openBench()
  const { store, serverKey, dir } = bench
  const resource = resourceRow(`arn:aws:rds:us-east-1:${ACCOUNTS[0]}:db:far`, {
    account_id: ACCOUNTS[0] as string,
    version: 3,
  })
  const secret = serverKey.seal('connection', `${resource.unique_id} 3`, Buffer.from(SECRET))
  await insertResource(store.db, { ...resource, secret })
  await bench.exports.run()
  const line = (await linesOf(await bench.vault(), 1))
    .get(ACCOUNTS[0] as string)
    ?.find(({ table }) => table === 'resource')
  assert.equal(line?.row['secret'], null)
  assert.equal(Buffer.from(line.secrets?.['secret'] ?? '', 'base64').toString(), SECRET)
  for (const file of readdirSync(dir, { recursive: true, withFileTypes: true })) {
    if (!file.isFile()) continue
    const bytes = readFileSync(join(file.parentPath, file.name))
    for (const text of [SECRET, Buffer.from(SECRET).toString('base64'), resource.arn, ACCOUNTS[1] as string])
      assert.ok(!bytes.includes(text), `${file.name} shows ${text}`)
  }
})

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

test('a row whose secret is damaged is left out and named; the others are exported', async () => {
  await using bench = await openBench()
  const { store, lines } = bench
  const arn = `arn:aws:rds:us-east-1:${ACCOUNTS[0]}:db:far`
  await insertResource(store.db, resourceRow(arn, { account_id: ACCOUNTS[0] as string, secret: 'AAAA' }))
  await insertRole(store.db, role('keeper', ACCOUNTS[0] as string))
  assert.equal(await bench.exports.run(), 1)
  const tables = (await linesOf(await bench.vault(), 1)).get(ACCOUNTS[0] as string)?.map(({ table }) => table)
  assert.ok(tables?.includes('iam_role') === true && !tables.includes('resource'))
  assert.ok(lines.some((line) => line.includes('left out of the identity export')))
})

test('of several servers one writes at a time, and one that died is followed soon', async () => {
  await using bench = await openBench()
  const { store, clock } = bench
  await bench.exports.run()
  await insertRole(store.db, role('keeper', ACCOUNTS[0] as string))
  clock.ms += 10_000
  await sql`update identity_export set lease_owner = 'another', lease_until = ${clock.ms + 30_000}`.execute(
    store.db,
  )
  assert.equal(await bench.another().run(), undefined)
  clock.ms += 30_000
  const both = await Promise.all([bench.another().run(), bench.another().run()])
  assert.deepEqual(
    both.filter((number) => number !== undefined),
    [2],
  )
})

test('an export that fails is told of until one goes well, and loses no change', async () => {
  await using bench = await openBench()
  const { store, clock, exports, lines } = bench
  await exports.run()
  const row = await findIdentityExport(store.db)
  await sql`update identity_export set number = 7`.execute(store.db)
  await sql`update identity_export set wrapped_key = 'damaged'`.execute(store.db)
  await insertRole(store.db, role('keeper', ACCOUNTS[0] as string))
  clock.ms += 10_000
  const failedAt = clock.ms
  assert.equal(await exports.run(), undefined)
  clock.ms += 20_000
  assert.equal(await exports.run(), undefined)
  const failing = await findIdentityExport(store.db)
  assert.equal(failing?.problem_since, failedAt)
  assert.match(failing.problem ?? '', /Cannot open a sealed vault-key/)
  assert.equal(lines.filter((line) => line.includes('could not be exported')).length, 2)
  assert.ok(await hasIdentityChanges(store.db))
  await sql`update identity_export set wrapped_key = ${row?.wrapped_key}`.execute(store.db)
  clock.ms += 40_000
  assert.equal(await exports.run(), 8)
  assert.equal((await findIdentityExport(store.db))?.problem_since, null)
})

test('an export that fails is tried again after 20 s, then later and later', async () => {
  await using bench = await openBench()
  const { store, clock, exports, lines } = bench
  await exports.run()
  await sql`update identity_export set wrapped_key = 'damaged'`.execute(store.db)
  await insertRole(store.db, role('keeper', ACCOUNTS[0] as string))
  const from = clock.ms
  for (clock.ms += 10_000; clock.ms < from + 1_200_000; clock.ms += 5_000) await exports.run()
  const tries = lines.filter((line) => line.includes('could not be exported')).length
  assert.ok(tries >= 6 && tries <= 9, `${tries} tries in 20 minutes`)
})

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

test('a system vault that somebody removed is begun anew', async () => {
  await using bench = await openBench()
  const { store, clock, dir, exports } = bench
  await exports.run()
  for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true })
  await insertRole(store.db, role('keeper', ACCOUNTS[0] as string))
  clock.ms += 10_000
  assert.equal(await exports.run(), 2)
  assert.equal((await linesOf(await bench.vault(), 2)).size, 3)
})

test('another recovery kit opens what is exported from then on', async () => {
  await using bench = await openBench()
  const { store, clock, exports } = bench
  await exports.run()
  const kit = makeRecoveryKit(PASSPHRASE, { cost: 1024 })
  await setRecoveryKit(store.db, kit.publicKey)
  clock.ms += 10_000
  assert.equal(await exports.run(), 2)
  const vault = await bench.vault()
  assert.equal(vault.keys.newest, 2)
  for (const number of ['', '-0002'])
    assert.notEqual(await vault.store.stat(`keys/kit-${kit.kitId}${number}.json`), undefined)
})

test('rot in the system vault is told each day and mended: by a new export, and by wrapping its keys again', async () => {
  await using bench = await openBench()
  assert.equal(await bench.exports.run(), 1)
  assert.equal(await bench.exports.run(), undefined)
  const vault = await bench.vault()
  const names = (readdirSync(bench.dir, { recursive: true, encoding: 'utf8' }) as string[]).map((name) =>
    join(bench.dir, name),
  )
  const rotten = [/identity\/[^/]+\/server-0001$/, /keys\/kit-/].map(
    (one) => names.find((name) => one.test(name)) ?? assert.fail(`${one}`),
  )
  for (const name of rotten) {
    const bytes = readFileSync(name)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    rmSync(name)
    writeFileSync(name, bytes)
  }
  // One that has looked today reads nothing; one that was started since does.
  assert.equal(await bench.exports.run(), undefined)
  assert.equal(await bench.another().run(), 2)
  const told = bench.lines.filter((line) => line.includes('damage in the system vault'))
  assert.equal(told.length, 4, bench.lines.join('\n'))
  for (const name of rotten)
    assert.ok(
      told.some((line) => line.includes(name.split('/').slice(-2).join('/'))),
      name,
    )
  assert.ok((await linesOf(vault, 2)).size > 0)
  assert.deepEqual(
    (await listIdentityExports(vault.store)).map(({ number }) => number),
    [2],
  )
  assert.equal((await findIdentityExport(bench.store.db))?.problem, null)
  assert.equal(await bench.another().run(), undefined)

  const header = names.find((name) => name.endsWith('vault.json')) ?? assert.fail('no header')
  const record = header.replace(/vault\.json$/, 'records/00000001')
  const twin = header.replace(/vault\.json$/, 'twins/records/00000001')
  const before = readFileSync(record)
  writeFileSync(record, 'rotten')
  assert.equal(await bench.another().run(), 3)
  assert.ok(readFileSync(record).equals(before), 'put back from its twin')
  for (const one of [record, twin]) writeFileSync(one, 'rotten')
  assert.equal(await bench.another().run(), undefined)
  assert.match(
    (await findIdentityExport(bench.store.db))?.problem ?? '',
    /^The system vault .* is damaged: .*records\/00000001/,
  )
  const scrubbed = (await findIdentityExport(bench.store.db))?.last_scrub ?? ''
  assert.match(scrubbed, /"damage":\[{"blob":"records\/00000001".*{"blob":"twins\/records\/00000001"[^{]*]/)
})
