import assert from 'node:assert/strict'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { sql } from 'kysely'
import { isSignedBy } from '../../keyring/identity-signature.ts'
import { makeRecoveryKit } from '../../keyring/recovery-kit.ts'
import { ServerKey } from '../../keyring/server-key.ts'
import { setRecoveryKit } from '../../store/identity/accounts.ts'
import {
  findIdentityExport,
  hasIdentityChanges,
  lastIdentityExport,
} from '../../store/identity/identity-export.ts'
import { insertRole } from '../../store/identity/identities.ts'
import { insertResource } from '../../store/resources/resources.ts'
import { resourceRow } from '../../store/contract-rows.ts'
import { listIdentityExports, readIdentityManifest } from '../../vault/points/identity-exports.ts'
import { ACCOUNTS, PASSPHRASE, SECRET, linesOf, openBench, role } from './identity-export.fixture.ts'

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
