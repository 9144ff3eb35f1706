import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SERVICE_LINKED_ROLE_ID } from '../../access/passed-role.ts'
import { ServerKey } from '../../keyring/server-key.ts'
import type { Clock } from '../../lib/clock.ts'
import { createLog } from '../../lib/log.ts'
import { openTestChain } from '../../store/audit/audit.fixture.ts'
import { ACCOUNT, NOW, pointRow, REGION, vaultRow } from '../../store/contract-rows.ts'
import { approveHeldDeletion, listHeldDeletions } from '../../store/points/held-deletions.ts'
import { heldMeasures } from '../../store/points/measures.ts'
import { insertRecoveryPoint, updateLifecycle } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { insertVault } from '../../store/vaults/vaults.ts'
import { Housekeeping } from '../housekeeping.ts'
import { SourceBandwidth } from '../source-bandwidth.ts'
import { RunningTime } from '../running-time.ts'
import type { JobTools } from '../tools.ts'
import { VaultRegistry } from '../vaults/vault-registry.ts'

const DAY = 86_400_000
const ROUND = 30_000

interface Bench extends AsyncDisposable {
  readonly store: Store
  readonly lines: readonly string[]
  /** Lets both clocks go on, and looks. */
  steady(ms?: number): Promise<void>
  /** Sets the wall clock forward alone. */
  set(ms: number): void
  /** The same, and looks twice: the first look only sees that it leapt. */
  leap(ms: number): Promise<void>
  /** As `leap`, but while no server runs. */
  restartAfter(ms: number): Promise<void>
  /** One point a day of each resource, the newest from today, kept so many days. */
  fill(resources: readonly string[], days: number, keptDays: number): Promise<void>
  points(): Promise<readonly RecoveryPointTable[]>
  held(): Promise<readonly string[]>
  /** What event targets are told of what is held: cause, how many, and of which resource or vault. */
  announced(): Promise<readonly string[]>
  now(): number
}

/** Rows of a vault that no bytes are behind: what is looked at is what expiry decides, by a clock that the test moves. */
async function openBench(): Promise<Bench> {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-held-'))
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const time = { wall: NOW, monotonic: 0 }
  const clock: Clock = { now: () => time.wall, monotonic: () => time.monotonic }
  const serverKey = new ServerKey(Buffer.alloc(32, 7))
  openTestChain(store)
  const lines: string[] = []
  const log = createLog('json', (line) => void lines.push(line))
  const vaults = new VaultRegistry({
    store,
    serverKey,
    coldRoots: new Map(),
    roots: new Map([[REGION, dir]]),
    dataDir: dir,
    log,
  })
  const start = async (): Promise<Housekeeping> => {
    const runningTime = await RunningTime.open({ store, serverKey, clock })
    const sourceBandwidth = new SourceBandwidth(store, clock)
    const rest = { sourceBandwidth, dataDir: dir, vaultRoots: [], allowedRoots: [] }
    const tools: JobTools = { store, serverKey, clock, log, vaults, runningTime, ...rest }
    return new Housekeeping(tools, 0.25)
  }
  await insertVault(store.db, vaultRow('v', { state: 'FAILED' }))
  let housekeeping = await start()
  await housekeeping.run()
  const steady = async (ms: number = ROUND): Promise<void> => {
    time.wall += ms
    time.monotonic += ms
    await housekeeping.run()
  }
  return {
    store,
    lines,
    steady,
    set: (ms) => {
      time.wall += ms
    },
    leap: async (ms) => {
      time.wall += ms
      await steady()
      await steady()
    },
    restartAfter: async (ms) => {
      time.wall += ms
      housekeeping = await start()
      await steady()
    },
    fill: async (resources, days, keptDays) => {
      for (const resource of resources)
        for (let day = 0; day < days; day++) {
          const created_at = time.wall - day * DAY
          const arn = `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:${resource}-${day}`
          const row = pointRow('v', {
            arn,
            point_id: `${resource}-${day}`,
            resource_unique_id: resource,
            resource_arn: `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT}:file-system/${resource}`,
            role_id: SERVICE_LINKED_ROLE_ID,
            created_at,
            delete_after_days: keptDays,
            delete_at: created_at + keptDays * DAY,
            status: 'COMPLETED',
          })
          await insertRecoveryPoint(store.db, row)
        }
    },
    points: async () => await store.db.selectFrom('recovery_point').selectAll().orderBy('arn').execute(),
    held: async () => {
      const { rows } = await listHeldDeletions(
        store.db,
        { accountId: ACCOUNT, region: REGION },
        { limit: 1000 },
      )
      return rows.map(({ arn, cause }) => `${arn.replace(/.*:/, '')} ${cause}`)
    },
    announced: async () => {
      const rows = await store.db.selectFrom('event').select('body').where('kind', '=', 'notice').execute()
      return rows
        .map(
          ({ body }) => JSON.parse(body) as { detailType: string; detail: Record<string, string | number> },
        )
        .filter(({ detailType, detail }) => detailType === 'Deletions Held' && detail['state'] === 'HELD')
        .map(({ detail: { cause, recoveryPointCount: count, resourceArn, backupVaultName } }) => {
          const of = resourceArn ?? backupVaultName
          return `${cause} ${count} ${String(of).replace(/.*\//, '')}`
        })
        .toSorted()
    },
    now: () => time.wall,
    [Symbol.asyncDispose]: async () => {
      await vaults.close()
      await store.close()
      rmSync(dir, { recursive: true })
    },
  }
}

const statuses = (points: readonly RecoveryPointTable[]): readonly string[] =>
  points.map(({ point_id, status }) => `${point_id} ${status}`)

async function approve(bench: Bench, ...names: readonly string[]): Promise<void> {
  for (const name of names) {
    const arn = `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:${name}`
    const by = { at: bench.now(), principalArn: 'arn:aws:iam::1:root' }
    assert.ok(await approveHeldDeletion(bench.store.db, { account_id: ACCOUNT, arn }, by), name)
  }
}

test('a wall clock that leaps a year ahead empties no vault: what is due by it is held, says why, and is announced', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1', 'fs-2'], 5, 35)
  await bench.steady()
  await bench.leap(365 * DAY)
  const points = await bench.points()
  assert.equal(points.length, 10)
  for (const { status, status_message: message } of points) {
    assert.equal(status, 'EXPIRED')
    assert.match(
      message ?? '',
      /^Held, not deleted: 10 of the 10 recovery points of backup vault v would go at once, more than 25 %, because the wall clock went from \S+ to \S+ without this server\. It stays until "roleback vault approve" lets it go$/,
    )
  }
  assert.deepEqual(await heldMeasures(bench.store.db), [
    { account_id: ACCOUNT, region: REGION, vault_name: 'v', cause: 'VAULT_SHARE', points: 10 },
  ])
  const told = bench.lines.filter((line) => line.includes('somebody must approve'))
  assert.deepEqual([told.length, /"points":10/.test(told[0] ?? '')], [1, true])
  assert.deepEqual(await bench.announced(), ['VAULT_SHARE 10 v'])
  for (let round = 0; round < 25; round++) await bench.steady()
  assert.equal(
    (await bench.points()).filter(({ status }) => status === 'EXPIRED').length,
    10,
    'it stays held',
  )

  // The clock is put right: all is as it was.
  await bench.leap(-365 * DAY)
  assert.ok(
    (await bench.points()).every(
      ({ status, status_message }) => status === 'COMPLETED' && status_message === null,
    ),
  )
  assert.deepEqual(await bench.held(), [])
})

test('a server that was off while retention ran out holds what is too much of a vault, and lets go what is not', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1', 'fs-2'], 10, 10)
  await bench.restartAfter(2 * DAY + 3_600_000)
  // Two days of ten: as if it had run.
  assert.equal((await bench.points()).filter(({ status }) => status === 'DELETING').length, 4)
  await bench.restartAfter(30 * DAY)
  const points = await bench.points()
  assert.equal(points.filter(({ status }) => status === 'EXPIRED').length, 16)
  assert.equal((await bench.held()).length, 16)
})

test('forty leaps of a day each, with and without the server, let go no more than a share of a vault together', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1', 'fs-2'], 40, 40)
  await bench.steady()
  for (let leap = 0; leap < 20; leap++) {
    await bench.leap(DAY)
    await bench.restartAfter(DAY)
  }
  const gone = async (): Promise<number> =>
    (await bench.points()).filter(({ status }) => status === 'DELETING').length
  assert.equal(await gone(), 20)
  assert.equal((await bench.held()).length, 60)
  const [held] = (await bench.points()).filter(({ status }) => status === 'EXPIRED')
  assert.match(
    held?.status_message ?? '',
    /would go at once, \d+ went so within a day that this server ran, together more than 25 %/,
  )
})

test('leaps of less than an hour are summed, and a day of running time later a share may go again', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1', 'fs-2'], 10, 10)
  const gone = async (): Promise<number> =>
    (await bench.points()).filter(({ status }) => status === 'DELETING').length
  for (let leap = 0; leap < 120; leap++) {
    bench.set(59 * 60_000)
    await bench.steady()
  }
  // Nearly five days of ten.
  assert.equal(await gone(), 4)
  assert.equal((await bench.held()).length, 4)
  await bench.steady(DAY)
  bench.set(2 * DAY)
  await bench.steady(0)
  await bench.steady()
  assert.ok((await gone()) > 4, 'what is due a day later is another day’s')
})

test('a server that is off every night expires what a daily plan keeps for 35 days as it should', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1', 'fs-2', 'fs-3'], 35, 35)
  for (let day = 0; day < 10; day++) {
    for (let hour = 0; hour < 16; hour += 8) await bench.steady(DAY / 3)
    await bench.restartAfter(DAY / 3)
  }
  assert.deepEqual(await bench.held(), [])
  assert.equal((await bench.points()).filter(({ status }) => status === 'DELETING').length, 30)
})

test('retentions that are made shorter a few at a time are summed', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1'], 10, 100)
  for (const name of ['fs-1-9', 'fs-1-8', 'fs-1-7', 'fs-1-6', 'fs-1-5']) {
    const point = (await bench.points()).find(({ point_id: id }) => id === name) as RecoveryPointTable
    const lifecycle = { delete_after_days: 1, cold_after_days: null, delete_at: point.created_at + DAY }
    await updateLifecycle(bench.store.db, point, { ...lifecycle, retention_cut_at: bench.now() })
    await bench.steady()
  }
  const going = statuses(await bench.points()).filter((told) => told.endsWith('DELETING'))
  assert.deepEqual(going, ['fs-1-8 DELETING', 'fs-1-9 DELETING'])
  assert.deepEqual(await bench.held(), ['fs-1-5 VAULT_SHARE', 'fs-1-6 VAULT_SHARE', 'fs-1-7 VAULT_SHARE'])
})

test('a retention that a call makes shorter lets no more than a share of a vault go at once', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1'], 10, 100)
  await bench.steady()
  for (const point of await bench.points()) {
    if (point.point_id === 'fs-1-0') continue
    const lifecycle = { delete_after_days: 1, cold_after_days: null, delete_at: point.created_at + DAY }
    await updateLifecycle(bench.store.db, point, { ...lifecycle, retention_cut_at: bench.now() })
  }
  await bench.steady()
  assert.equal((await bench.held()).length, 9)
  const [, second] = await bench.points()
  assert.match(second?.status_message ?? '', /9 of the 10 .* because their retention was made shorter/)
  await approve(bench, 'fs-1-3', 'fs-1-4')
  await bench.steady()
  const going = statuses(await bench.points()).filter((told) => told.endsWith('DELETING'))
  assert.deepEqual(going, ['fs-1-3 DELETING', 'fs-1-4 DELETING'])
})

test('the last recovery point of a resource stays until there is a newer one, or somebody approves', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1', 'fs-2'], 3, 1)
  // Steady hours: nothing surprising, and yet no resource loses its last.
  for (let day = 0; day < 5; day++) await bench.steady(DAY / 2)
  const left = statuses(await bench.points()).filter((told) => !told.endsWith('DELETING'))
  assert.deepEqual(left, ['fs-1-0 EXPIRED', 'fs-2-0 EXPIRED'])
  assert.deepEqual(await bench.held(), ['fs-1-0 LAST_POINT', 'fs-2-0 LAST_POINT'])
  assert.deepEqual(await bench.announced(), ['LAST_POINT 1 fs-1', 'LAST_POINT 1 fs-2'])
  const [last] = await bench.points()
  assert.match(
    last?.status_message ?? '',
    /^Held, not deleted: it is the last recovery point of \S+fs-1 in this account\. /,
  )
  const newer = { arn: 'newer', point_id: 'newer', resource_unique_id: 'fs-1', created_at: bench.now() }
  await insertRecoveryPoint(bench.store.db, pointRow('v', { ...newer, status: 'COMPLETED', delete_at: null }))
  await approve(bench, 'fs-2-0')
  for (let round = 0; round < 11; round++) await bench.steady()
  assert.ok(
    (await bench.points()).every(({ point_id: id, status }) => id === 'newer' || status === 'DELETING'),
  )
})

test('who approves that a share of a vault goes is asked again for the last point of a resource', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1'], 3, 5)
  await bench.leap(20 * DAY)
  assert.deepEqual(await bench.held(), ['fs-1-0 VAULT_SHARE', 'fs-1-1 VAULT_SHARE', 'fs-1-2 VAULT_SHARE'])
  await approve(bench, 'fs-1-0', 'fs-1-1', 'fs-1-2')
  for (let round = 0; round < 3; round++) await bench.steady()
  assert.deepEqual(statuses(await bench.points()), ['fs-1-0 EXPIRED', 'fs-1-1 DELETING', 'fs-1-2 DELETING'])
  assert.match((await bench.points())[0]?.status_message ?? '', /last recovery point/)
  await approve(bench, 'fs-1-0')
  await bench.steady()
  assert.ok((await bench.points()).every(({ status }) => status === 'DELETING'))
})

test('what expires day by day as it should is not held', async () => {
  await using bench = await openBench()
  await bench.fill(['fs-1'], 20, 20)
  for (let day = 0; day < 38; day++) await bench.steady(DAY / 2 - (day === 0 ? 1 : 0))
  assert.deepEqual(await bench.held(), [])
  assert.equal((await bench.points()).filter(({ status }) => status === 'COMPLETED').length, 2)
})
