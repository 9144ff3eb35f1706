import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { NOW, pointRow, vaultRow } from '../src/store/contract-rows.ts'
import type { Page, PageRequest } from '../src/store/page.ts'
import { listProtectedResources } from '../src/store/points/protected-resources.ts'
import {
  findRecoveryPoint,
  insertRecoveryPoint,
  listRecoveryPoints,
} from '../src/store/points/recovery-points.ts'
import { insertJob, listJobs } from '../src/store/jobs/jobs.ts'
import { openStore } from '../src/store/store.ts'
import type { Store } from '../src/store/store.ts'
import { insertVault } from '../src/store/vaults/vaults.ts'
import { REGION, startApiServer } from '../test/servers/api.ts'
import { postgresMissing, startPostgres } from '../test/servers/postgres.ts'
import { calibration } from './calibration.ts'
import { callerWithRights, describeTimes, pageTimes } from './catalogue-http.ts'

/**
 * What reading the catalogue costs where one vault has a million recovery points, and as many jobs made them: pages of 1,000 one
 * after the other, by every filter, at the store; and what a client waits for over HTTP, from the first page to the last. BENCH_ROWS
 * (default 1,000,000) says how many, BENCH_ROUNDS (default 100) how many pages are read at the store at most.
 */
const ROWS = Number(process.env['BENCH_ROWS'] ?? 1_000_000)
const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 100)
const RESOURCES = 10_000
const VAULT = 'bench'
/** What 99 of 100 pages of 1,000 take at most, and looks at one recovery point, in milliseconds. */
const PAGE_GOAL_MS = 100
const POINT_GOAL_MS = 10
/** One list does not keep the others from being measured. */
const PATIENCE_MS = 5_000
/** The beginnings of names, of which those of resources and recovery points differ by what is added. */
interface Names {
  readonly accountId: string
  readonly resource: string
  readonly point: string
}

export async function run(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  // The account of the PostgreSQL server must get through.
  chmodSync(dir, 0o755)
  process.stdout.write(`${calibration()}\n`)
  try {
    const store = await openStore({ kind: 'sqlite', file: join(dir, 'bench.db') })
    await tell('SQLite', store, 'sqlite')
    if (postgresMissing() !== undefined) return
    const server = await startPostgres({ dir: join(dir, 'postgres') })
    try {
      const url = `postgres://super:${server.password}@${server.host}:${server.port}/postgres`
      const other = await openStore({ kind: 'postgres', url })
      await tell('PostgreSQL', other, 'postgres')
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

async function tell(engine: string, store: Store, kind: 'sqlite' | 'postgres'): Promise<void> {
  await using server = await startApiServer(store)
  const { db } = store
  const { accountId } = server
  const place = `${REGION}:${accountId}`
  const names = {
    accountId,
    resource: `arn:aws:rds:${place}:db:r-`,
    point: `arn:aws:rds:${place}:snapshot:awsbackup:job-`,
  }
  const caller = await callerWithRights(server)
  await fill(store, kind, names)
  const scope = { accountId, region: REGION }
  const arnOf = (resource: number): string => `${names.resource}${resource}`
  const middle = NOW + (ROWS / 2) * 1_000
  const points = (more: object) => async (page: PageRequest) =>
    await listRecoveryPoints(db, { ...scope, vaultName: VAULT, ...more }, page)
  const lists: Readonly<Record<string, (page: PageRequest) => Promise<Page<unknown>>>> = {
    'recovery points of the vault': points({}),
    'of one resource': points({ resourceArn: arnOf(7) }),
    'of a common type': points({ resourceType: 'RDS' }),
    'of a rare type': points({ resourceType: 'S3' }),
    'created before': points({ createdBefore: middle }),
    'created after and before': points({ createdAfter: middle, createdBefore: middle + 1_500_000 }),
    'of one plan': points({ planId: 'plan' }),
    'backup jobs': async (page) => await listJobs(db, { ...scope, kinds: ['backup'] }, page),
    'backup jobs of one resource': async (page) =>
      await listJobs(db, { ...scope, kinds: ['backup'], resourceArn: arnOf(7) }, page),
    'protected resources': async (page) => await listProtectedResources(db, scope, page),
    'protected resources of the vault': async (page) =>
      await listProtectedResources(db, { ...scope, vaultName: VAULT }, page),
  }
  for (const [what, read] of Object.entries(lists)) line(engine, what, await pagesOf(read), PAGE_GOAL_MS)
  const found: number[] = []
  for (let i = 0; i < ROUNDS; i++) {
    const arn = names.point + pointNumber(i)
    const startedAt = performance.now()
    if ((await findRecoveryPoint(db, accountId, arn)) === undefined) throw new Error(`${arn} is not there`)
    found.push(performance.now() - startedAt)
  }
  line(engine, 'one recovery point', found, POINT_GOAL_MS)
  const { times, items } = await pageTimes(caller, VAULT)
  // The copied row is one of them.
  if (items !== ROWS + 1) throw new Error(`${items} recovery points were listed, of ${ROWS + 1}`)
  line(engine, 'ListRecoveryPointsByBackupVault over HTTP', times, PAGE_GOAL_MS)
  const arns = Array.from({ length: 10 * ROUNDS }, (_, i) => names.point + pointNumber(i / 10))
  line(engine, 'DescribeRecoveryPoint over HTTP', await describeTimes(caller, VAULT, arns), POINT_GOAL_MS)
}

/** Of recovery points all over the vault. */
const pointNumber = (round: number): number => Math.floor((round * ROWS) / ROUNDS) + 1

async function pagesOf(read: (page: PageRequest) => Promise<Page<unknown>>): Promise<number[]> {
  const times: number[] = []
  const deadline = performance.now() + PATIENCE_MS
  let after: PageRequest['after']
  for (let i = 0; i < ROUNDS && performance.now() < deadline; i++) {
    const startedAt = performance.now()
    const { next } = await read({ limit: 1_000, after })
    times.push(performance.now() - startedAt)
    after = next
  }
  return times
}

function line(engine: string, what: string, times: readonly number[], goalMs: number): void {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.ceil(sorted.length * share) - 1] ?? 0
  const isMet = at(0.99) <= goalMs
  process.stdout.write(
    `catalogue: ${engine}, ${ROWS} rows: ${what}: p50 ${at(0.5).toFixed(1)} ms, p99 ${at(0.99).toFixed(1)} ms ` +
      `(${times.length} times, goal ${goalMs} ms${isMet ? '' : ', missed'})\n`,
  )
  if (!isMet) process.exitCode = 1
}

/** A vault, and copies of one row of each kind: of 10,000 resources, a tenth by a plan, one in 10,000 of another type. */
async function fill({ db }: Store, kind: 'sqlite' | 'postgres', names: Names): Promise<void> {
  const place = { account_id: names.accountId, region: REGION }
  const resource_arn = `${names.resource}0`
  await insertVault(db, vaultRow(VAULT, place))
  await insertRecoveryPoint(db, pointRow(VAULT, { ...place, arn: `${names.point}0`, resource_arn }))
  await insertJob(db, {
    ...place,
    caller_arn: 'arn',
    created_at: NOW,
    job_id: 'job-0',
    kind: 'backup',
    vault_name: VAULT,
    resource_arn,
  })
  await withoutTriggers(db, kind)
  const startedAt = performance.now()
  await multiply(db, kind, 'recovery_point', {
    arn: `'${names.point}' || n.i`,
    point_id: `'p-' || n.i`,
    created_at: `t.created_at + n.i * 1000`,
    resource_arn: `'${names.resource}' || (n.i % ${RESOURCES})`,
    resource_unique_id: `'u-' || (n.i % ${RESOURCES})`,
    resource_type: `case when n.i % 10000 = 0 then 'S3' else t.resource_type end`,
    plan_id: `case when n.i % 10 = 0 then 'plan' end`,
  })
  const us = ((performance.now() - startedAt) * 1_000) / ROWS
  process.stdout.write(`catalogue: ${kind}, ${ROWS} rows: each inserted in ${us.toFixed(1)} us\n`)
  await multiply(db, kind, 'job', {
    job_id: `'job-' || n.i`,
    state: `'COMPLETED'`,
    created_at: `t.created_at + n.i * 1000`,
    resource_arn: `'${names.resource}' || (n.i % ${RESOURCES})`,
  })
  // What follows two million rows at once (checkpoint, autovacuum) is no part of the figures either.
  for (const tidy of kind === 'postgres' ? ['vacuum analyze', 'checkpoint'] : ['analyze'])
    await sql.raw(tidy).execute(db)
}

/** Events of a million rows are no part of the figure. */
async function withoutTriggers(db: Store['db'], kind: 'sqlite' | 'postgres'): Promise<void> {
  if (kind === 'postgres') {
    for (const table of ['recovery_point', 'job'])
      await sql.raw(`alter table ${table} disable trigger user`).execute(db)
    return
  }
  const { rows } = await sql<{
    name: string
  }>`select name from sqlite_master where type = 'trigger' and tbl_name in ('recovery_point', 'job')`.execute(
    db,
  )
  for (const { name } of rows) await sql`drop trigger ${sql.ref(name)}`.execute(db)
}

/** @param other SQL of the columns that are not as in the row that is copied; `n.i` is the number of the copy, from 1. */
async function multiply(
  db: Store['db'],
  kind: 'sqlite' | 'postgres',
  table: 'recovery_point' | 'job',
  other: Readonly<Record<string, string>>,
): Promise<void> {
  const row = await db.selectFrom(table).selectAll().executeTakeFirstOrThrow()
  const columns = Object.keys(row)
  const values = columns.map((column) => other[column] ?? `t.${column}`).join(', ')
  const numbers =
    kind === 'postgres'
      ? `generate_series(1, ${ROWS}) n(i)`
      : `(with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS}) select i from n) n`
  await sql
    .raw(
      `insert into ${table} (${columns.join(', ')}) select ${values} from ${numbers}, (select * from ${table}) t`,
    )
    .execute(db)
}
