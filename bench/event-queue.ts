import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import {
  boundDeliveries,
  claimDeliveries,
  deliveryCounts,
  endDeliveries,
} from '../src/store/events/event-deliveries.ts'
import { putEventTarget } from '../src/store/events/event-targets.ts'
import { pruneEvents } from '../src/store/events/events.ts'
import { targetMeasures } from '../src/store/points/measures.ts'
import { openStore } from '../src/store/store.ts'
import type { Store } from '../src/store/store.ts'
import { givenUpNotice } from '../src/events/given-up.ts'
import { postgresMissing, startPostgres } from '../test/servers/postgres.ts'
import { machine, say } from './measure.ts'

/**
 * What a server pays that has told much and is still owing: looking for what is due, telling it, counting it, and forgetting what was
 * told, with 1,000,000 events of which 100,000 are owed to 20 targets.
 */

const EVENTS = Number(process.env['BENCH_EVENTS'] ?? 1_000_000)
const OWED = EVENTS / 10
const TARGETS = 20
const ACCOUNT = '111122223333'
const TOLD_AT = 1_000
const NOW = 2_000
const CLAIM = { owner: 'bench', now: NOW, leaseMs: 1_000, limit: 8 }
const DELIVERIES = 2_000

export async function run(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  try {
    await measure('sqlite', await openStore({ kind: 'sqlite', file: join(dir, 'bench.db') }))
    const missing = postgresMissing()
    if (missing !== undefined) return say(missing)
    const server = await startPostgres({ dir: join(tmpdir(), `roleback-bench-pg-${process.pid}`) })
    try {
      const urlFile = join(dir, 'url')
      writeFileSync(urlFile, `postgres://super:${server.password}@127.0.0.1:${server.port}/postgres`)
      await measure('postgres', await openStore({ kind: 'postgres', urlFile }))
    } finally {
      await server.stop()
    }
  } finally {
    rmSync(dir, { recursive: true })
  }
}

async function measure(engine: string, store: Store): Promise<void> {
  await fill(store)
  if (engine === 'postgres') await sql`vacuum analyze`.execute(store.db)
  const ids = Array.from({ length: TARGETS }, (_, i) => `t${i}`)
  const figures: [string, number][] = [
    [
      'look for what is due',
      await msOf(() => claimDeliveries(store, { ...CLAIM, owner: 'look', leaseMs: 0 })),
    ],
    ['count what is owed', await msOf(() => deliveryCounts(store.db, ids))],
    ['the metrics of targets', await msOf(() => targetMeasures(store.db, 1_000))],
    [
      'bound what is owed',
      await msOf(() =>
        boundDeliveries(
          store,
          { ofTarget: 10_000, ofAccount: 100_000 },
          { now: NOW, tell: (of) => givenUpNotice(of, 'us-east-1') },
        ),
      ),
    ],
  ]
  const took = await msOf(() => deliver(store))
  say(
    `events ${engine}: ${figures.map(([what, ms]) => `${what} ${ms.toFixed(1)} ms`).join(', ')}; ` +
      `${((DELIVERIES / took) * 1_000).toFixed(0)} messages told a second; ${machine()}`,
  )
  const before = await rows(store)
  const pruneMs = await msOf(async () => {
    let pruned = await pruneEvents(store, TOLD_AT + 1)
    while (pruned !== undefined) pruned = await pruneEvents(store, TOLD_AT + 1, pruned)
  })
  const gone = before - (await rows(store))
  say(
    `events ${engine}: pruning took ${pruneMs.toFixed(0)} ms for ${gone} of ${before} events, ${((gone / pruneMs) * 1_000).toFixed(0)} a second; ${machine()}`,
  )
  await store.close()
}

async function fill(store: Store): Promise<void> {
  const { db } = store
  for (let i = 0; i < TARGETS; i++)
    await putEventTarget(
      db,
      {
        account_id: ACCOUNT,
        name: `t${i}`,
        target_id: `t${i}`,
        kind: 'WEBHOOK',
        settings: '{}',
        secret: 'sealed',
        pattern: '{}',
        topic_arn: null,
        wants_calls: 0,
        token_hash: null,
      },
      { arn: 'arn', now: TOLD_AT },
    )
  const series =
    store.engine === 'postgres'
      ? sql`select i from generate_series(0, ${sql.lit(EVENTS - 1)}) as s (i)`
      : sql`with recursive s (i) as (select 0 union all select i + 1 from s where i < ${sql.lit(EVENTS - 1)}) select i from s`
  await sql`insert into event (event_id, at, account_id, region, kind, body, cause, claimed_until, attempts, routed_at)
    select cast(i as text), ${sql.lit(TOLD_AT)}, ${sql.lit(ACCOUNT)}, 'us-east-1', 'notice', '{}', null, 0, 1, ${sql.lit(TOLD_AT)} from (${series}) as n`.execute(
    db,
  )
  const message = JSON.stringify({ event: { detail: 'x'.repeat(600) } })
  await sql`insert into event_delivery (event_seq, target_id, sequence, message, due_at, attempts, created_at, delivered_at)
    select seq, 't' || ((seq - 1) % ${sql.lit(TARGETS)}), (seq - 1) / ${sql.lit(TARGETS)} + 1, ${message}, ${sql.lit(TOLD_AT)}, 0, ${sql.lit(TOLD_AT)},
      case when seq > ${sql.lit(EVENTS - OWED)} then null else ${sql.lit(TOLD_AT)} end from event`.execute(db)
  await db
    .updateTable('event_target')
    .set({ sequence: EVENTS / TARGETS })
    .execute()
}

async function deliver(store: Store): Promise<void> {
  for (let told = 0; told < DELIVERIES;) {
    const claimed = await claimDeliveries(store, CLAIM)
    if (claimed.length === 0) throw new Error('nothing is owed')
    for (const { delivery } of claimed) await endDeliveries(store, [delivery], { now: NOW, nextAt: NOW })
    told += claimed.length
  }
}

async function rows({ db }: Store): Promise<number> {
  const row = await db
    .selectFrom('event')
    .select((eb) => eb.fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

async function msOf(action: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  await action()
  return performance.now() - startedAt
}
