import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { DiskBlobStore } from '../../blobs/disk.ts'
import { makeRecoveryKit } from '../../keyring/recovery-kit.ts'
import { ServerKey } from '../../keyring/server-key.ts'
import type { Clock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'
import { insertAccount, insertServer } from '../../store/identity/accounts.ts'
import { openAuditChain } from '../../store/audit/audit-chain.ts'
import { ACCOUNT, REGION, vaultRow } from '../../store/contract-rows.ts'
import { claimScrub, findScrub, putDamage } from '../../store/vaults/vault-scrubs.ts'
import type { VaultTable } from '../../store/schema.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { deleteVault, insertVault } from '../../store/vaults/vaults.ts'
import { listDamaged } from '../../vault/verify/damage-records.ts'
import { Coordinator, backUp, blobsOf, randomFiles } from '../../vault/points.fixture.ts'
import type { Vault } from '../../vault/vault.ts'
import { PASS_MS } from '../../store/vaults/vault-scrubs.ts'
import { Scrubber } from './scrub.ts'
import type { JobTools } from '../tools.ts'
import { VaultRegistry } from '../vaults/vault-registry.ts'

const NOW = Date.UTC(2026, 10, 28, 12)
const DAY = 86_400_000
const VAULT = { vault_id: '0123456789abcdef'.repeat(2) }
const COLD = `cold-${VAULT.vault_id}`

interface Bench extends AsyncDisposable {
  readonly dir: string
  readonly store: Store
  readonly clock: { ms: number }
  readonly lines: string[]
  /** Told each line of the log, at once. */
  readonly heard: { line?: (line: string) => void }
  readonly vault: Vault
  /** Another server on the same rows. */
  server(whileOpening?: () => Promise<void>): Scrubber
  checks(): Promise<readonly string[]>
}

/** A store, a vault on a disk with a recovery point of small files, a day old, and a clock that the test moves; with cold storage, too. */
async function openBench(coldRoot?: string): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-scrub-'))
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const serverKey = new ServerKey(Buffer.alloc(32, 7))
  const clock = { ms: NOW }
  const passed: Clock = { now: () => clock.ms, monotonic: () => performance.now() }
  const lines: string[] = []
  const heard: Bench['heard'] = {}
  const log = createLog('json', (line) => {
    lines.push(line)
    heard.line?.(line)
  })
  openAuditChain(store, {
    mac: (text) => serverKey.fingerprint('audit', text),
    accountId: ACCOUNT,
    writer: 'test',
    now: () => clock.ms,
  })
  await insertServer(store.db, {
    server_id: 'server-1',
    created_at: NOW,
    management_account_id: ACCOUNT,
    region: REGION,
    recovery_kit_public_key: makeRecoveryKit('a passphrase of the tests', { cost: 1024 }).publicKey,
    epoch: 1,
  })
  await insertAccount(store.db, { account_id: ACCOUNT, name: 'x', created_at: NOW, root_last_used_at: null })
  const vaults = new VaultRegistry({
    store,
    serverKey,
    coldRoots: new Map(coldRoot === undefined ? [] : [[REGION, coldRoot]]),
    roots: new Map([[REGION, dir]]),
    dataDir: dir,
    log,
  })
  const storage = JSON.stringify({ kind: 'directory', path: VAULT.vault_id })
  const row = vaultRow('old', {
    ...VAULT,
    storage,
    created_at: NOW - DAY,
    ...(coldRoot !== undefined && {
      cold_storage: JSON.stringify({ kind: 'directory', path: COLD }),
      cold_begun_at: NOW - DAY,
    }),
  })
  await insertVault(store.db, row)
  await vaults.create(row)
  const stored = await store.db.selectFrom('vault').selectAll().executeTakeFirstOrThrow()
  const vault = await vaults.open(stored)
  await backUp(vault, new Coordinator(), 'p1', randomFiles(['f0', 'f1', 'f2']))
  if (coldRoot !== undefined)
    await backUp(await vaults.openCold(stored, true), new Coordinator(), 'p2', randomFiles(['f3']))
  const tools = { store, serverKey, vaults, clock: passed, log } as unknown as JobTools
  return {
    dir: join(dir, VAULT.vault_id),
    store,
    clock,
    lines,
    heard,
    vault,
    server: (whileOpening) =>
      new Scrubber({
        ...tools,
        vaults: {
          checkOwner: (opened: Vault) => vaults.checkOwner(opened),
          open: async (of: VaultTable) => {
            await whileOpening?.()
            return await vaults.open(of)
          },
          openCold: (of: VaultTable) => vaults.openCold(of),
        } as unknown as VaultRegistry,
      }),
    checks: async () =>
      (await store.db.selectFrom('job').select(['kind', 'input']).where('kind', '=', 'verify').execute()).map(
        ({ input }) => input,
      ),
    [Symbol.asyncDispose]: async () => {
      await vaults.close()
      await store.close()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

function flip(path: string): void {
  const bytes = readFileSync(path)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(path, bytes)
}

/** Looks until nothing is due, with the clock going on as each look asks. */
async function runUntilIdle({ clock }: Bench, server: Scrubber): Promise<number> {
  for (let slices = 0; ; slices++) {
    const waitMs = await server.run()
    if (waitMs === 60_000) return slices
    clock.ms += waitMs
    assert.ok(slices < 1000)
  }
}

test('everything in a vault is read within 28 days, again and again, and a look at what is missing follows each pass', async () => {
  await using bench = await openBench()
  const { store, clock, vault } = bench
  const server = bench.server()
  const readAt: number[] = []
  for (let day = 0; day <= 60; day++) {
    if ((await runUntilIdle(bench, server)) > 0) readAt.push(day)
    clock.ms += DAY
  }
  assert.deepEqual(readAt, [0, 14, 28, 42, 56])
  const scrub = await findScrub(store.db, VAULT)
  assert.equal(scrub.last_blobs, (await blobsOf(vault.store)).length)
  assert.ok(scrub.last_bytes > 9000 && scrub.last_ended_at !== null)
  assert.deepEqual([...new Set(await bench.checks())], ['{"readData":false}'])
  assert.equal(scrub.damaged_blobs, 0)
})

test('a young vault is not read: all in it was read back when it was written', async () => {
  await using bench = await openBench()
  bench.clock.ms -= DAY / 2
  assert.equal(await runUntilIdle(bench, bench.server()), 0)
})

test('a pass goes on where a server stopped, and no second server reads beside the first', async () => {
  await using bench = await openBench()
  const { store, vault, clock } = bench
  // More listings and blobs than one slice takes.
  const first = bench.server()
  await first.run()
  const begun = await findScrub(store.db, VAULT)
  assert.ok(begun.pass_started_at !== null && begun.cursor > '0 ')
  assert.equal(begun.lease_owner, null, 'between slices anybody may go on')

  await store.db
    .updateTable('vault_scrub')
    .set({ lease_owner: 'another server', lease_until: clock.ms + 600_000 })
    .execute()
  assert.equal(await runUntilIdle(bench, bench.server()), 0)
  clock.ms += 600_000
  await runUntilIdle(bench, bench.server())
  const ended = await findScrub(store.db, VAULT)
  assert.equal(ended.last_started_at, begun.pass_started_at)
  assert.equal(ended.last_blobs, (await blobsOf(vault.store)).length, 'each blob once')
})

test('rot is kept in the vault, told once to log, audit trail and row, and looked at with keys', async () => {
  await using bench = await openBench()
  const { store, vault, lines, clock } = bench
  const [pack] = (await blobsOf(vault.store, 'data/')) as [string]
  flip(join(bench.dir, pack))
  const server = bench.server()
  await runUntilIdle(bench, server)
  assert.deepEqual([...(await listDamaged(vault.store))], [pack])
  const told = lines.filter((line) => line.includes('damage in a vault'))
  assert.equal(told.length, 1)
  assert.ok(told[0]?.includes(pack))
  const trail = await store.db.selectFrom('audit').selectAll().execute()
  assert.deepEqual(
    trail.slice(1).map(({ action, resource, principal_arn }) => [action, resource, principal_arn]),
    [['roleback:ReportDamage', vaultRow('old').arn, 'backup.amazonaws.com']],
  )
  assert.match(trail[1]?.reason ?? '', /found by the scrub: .*do not have the SHA-256 of its name/)
  const events = async () =>
    await store.db.selectFrom('event').select('body').where('kind', '=', 'notice').execute()
  const [event, ...more] = await events()
  assert.deepEqual(more, [])
  const { detailType, resources, detail } = JSON.parse(event?.body ?? '{}') as Record<string, unknown>
  assert.deepEqual([detailType, resources], ['Vault Damage Detected', [vaultRow('old').arn]])
  assert.equal((detail as { damagedBlobs: { blob: string }[] }).damagedBlobs[0]?.blob, pack)
  const scrub = await findScrub(store.db, VAULT)
  assert.equal(scrub.damaged_blobs, 1)
  assert.equal((await bench.checks()).length, 1)

  clock.ms += PASS_MS
  await runUntilIdle(bench, server)
  assert.equal(lines.filter((line) => line.includes('damage in a vault')).length, 1, 'not told again')
  assert.equal((await events()).length, 1)
})

test('what a check finds out while a slice is read or told of is not forgotten over it', async () => {
  for (const [isUnderWay, whileWhat] of [
    [false, 'opening'],
    [true, 'opening'],
    [true, 'telling'],
  ] as const) {
    await using bench = await openBench()
    const { store, vault, clock } = bench
    const [pack] = (await blobsOf(vault.store, 'data/')) as [string]
    flip(join(bench.dir, pack))
    const point = { recoveryPointArn: 'arn', itemCount: 1, items: ['f0'], isListHurt: false }
    const damage = JSON.stringify({ blobs: [{ blob: pack, reason: 'rotten' }], points: [point] })
    const found = { damage, damaged_blobs: 1, damaged_points: 1, damage_at: NOW }
    const put = async (): Promise<void> =>
      void (await putDamage(store.db, VAULT, await findScrub(store.db, VAULT), found))
    if (isUnderWay) {
      assert.ok(await claimScrub(store.db, VAULT, 'x', { now: clock.ms, until: clock.ms }))
      await store.db.updateTable('vault_scrub').set({ pass_started_at: clock.ms }).execute()
    }
    let checked: Promise<void> | undefined
    bench.heard.line = (line) => {
      if (whileWhat === 'telling' && line.includes('damage in a vault')) checked ??= put()
    }
    await runUntilIdle(bench, bench.server(whileWhat === 'opening' ? put : undefined))
    await checked
    assert.equal(checked !== undefined, whileWhat === 'telling')
    const scrub = await findScrub(store.db, VAULT)
    assert.deepEqual([scrub.damaged_blobs, scrub.damaged_points], [1, 1], `${isUnderWay} ${whileWhat}`)
    assert.equal(scrub.damage, damage)
    assert.notEqual(scrub.last_ended_at, null)
  }
})

test('a vault whose storage is away keeps no other from being read, and is tried again', async () => {
  await using bench = await openBench()
  const { store, clock } = bench
  const storage = JSON.stringify({ kind: 'directory', path: 'nowhere' })
  const lost = vaultRow('lost', { state: 'AVAILABLE', storage, created_at: NOW - 2 * DAY })
  await insertVault(store.db, lost)
  const server = bench.server()
  await runUntilIdle(bench, server)
  assert.notEqual((await findScrub(store.db, VAULT)).last_ended_at, null)
  const warned = (): number => bench.lines.filter((line) => line.includes('could not be scrubbed')).length
  assert.equal(warned(), 1)
  clock.ms += 600_000
  await runUntilIdle(bench, server)
  assert.equal(warned(), 2)
  await store.transaction(async (tx) => await deleteVault(tx, lost))
  await server.run()
  const rows = await store.db.selectFrom('vault_scrub').select('vault_id').execute()
  assert.deepEqual(rows, [VAULT], 'nothing is kept of a vault that is gone')
})

test('a cold storage that is away keeps the first store from nothing, and its pass has not ended until it was read', async () => {
  const coldRoot = mkdtempSync(join(tmpdir(), 'roleback-scrub-cold-'))
  try {
    await using bench = await openBench(coldRoot)
    const { store, clock, vault, dir, lines } = bench
    const [pack] = (await blobsOf(vault.store, 'data/')) as [string]
    renameSync(join(coldRoot, COLD), `${coldRoot}/away`)
    const server = bench.server()
    await runUntilIdle(bench, server)
    const isRead = async (): Promise<boolean> => (await findScrub(store.db, VAULT)).pass_blobs > 0
    assert.ok(await isRead())
    assert.equal((await findScrub(store.db, VAULT)).last_ended_at, null, 'half of it is not all of it')
    assert.ok(lines.some((line) => line.includes(`${COLD} has no vault.json`)))
    assert.deepEqual(await bench.checks(), [])
    // Rot in the first store is found all the same, once it is to be read again.
    flip(join(dir, pack))
    clock.ms += 2 * PASS_MS + DAY
    await runUntilIdle(bench, server)
    assert.equal((await findScrub(store.db, VAULT)).damaged_blobs, 1)
    assert.equal((await findScrub(store.db, VAULT)).last_ended_at, null)
    renameSync(`${coldRoot}/away`, join(coldRoot, COLD))
    clock.ms += DAY
    await runUntilIdle(bench, server)
    const { last_ended_at: endedAt, last_blobs: blobs } = await findScrub(store.db, VAULT)
    const stores = [vault.store, new DiskBlobStore(join(coldRoot, COLD))]
    const there = (await Promise.all(stores.map((one) => blobsOf(one)))).flat()
    assert.deepEqual(
      [endedAt !== null, blobs],
      [true, there.filter((name) => !name.startsWith('damage/')).length],
    )
  } finally {
    rmSync(coldRoot, { recursive: true, force: true })
  }
})

test('a server reads 12 MiB a second, and without a pause while a pass is behind', async () => {
  await using bench = await openBench()
  const { store, clock } = bench
  const server = bench.server()
  const waitMs = await server.run()
  const { pass_bytes } = await findScrub(store.db, VAULT)
  assert.equal(waitMs, Math.ceil((pass_bytes * 1000) / (12 * 1024 * 1024)))
  // Of a larger vault, half of whose time is over.
  await store.db.updateTable('vault_scrub').set({ pass_total_bytes: 10_000_000_000 }).execute()
  clock.ms += PASS_MS / 2
  assert.equal(await server.run(), 0)
})
