import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { addResource, addSelection, START, writePlan } from '../src/jobs/plans/scheduler.fixture.ts'
import { Scheduler } from '../src/jobs/plans/scheduler.ts'
import type { Clock } from '../src/lib/clock.ts'
import { uuid } from '../src/lib/ids.ts'
import { createLog } from '../src/lib/log.ts'
import { claimJob } from '../src/store/jobs/next-job.ts'
import { openStore } from '../src/store/store.ts'
import type { Store } from '../src/store/store.ts'
import { postgresMissing, startPostgres } from '../test/servers/postgres.ts'
import { machine, say } from './measure.ts'

/**
 * How late jobs are that fall due at one moment: 10,000 of one plan, of 100 and of 1,000 plans with one selection each, by the scheduler's own
 * loop on a clock that begins a second before. Late is how long after the moment the last job is in the queue; then how long workers
 * look for the next one with all of them due.
 */

const JOBS = 10_000
const DUE = Date.UTC(2026, 0, 1, 5)
const BEFORE_MS = 1_000
/** Seconds. */
const GOAL_S = 5
const PATIENCE_MS = 120_000
/** As many as workers hold at a time. */
const CLAIMS = 20

export async function run(): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  const missing = postgresMissing()
  const server = missing === undefined ? await startPostgres({ dir: `${dir}-postgres` }) : undefined
  try {
    for (const plans of [1, 100, 1_000]) {
      const file = join(dir, `${plans}.db`)
      await measure('sqlite', plans, await openStore({ kind: 'sqlite', file }))
      if (server === undefined) continue
      await server.sql(`CREATE DATABASE plans${plans}`)
      const urlFile = join(dir, `url${plans}`)
      writeFileSync(urlFile, `postgres://super:${server.password}@127.0.0.1:${server.port}/plans${plans}`)
      await measure('postgres', plans, await openStore({ kind: 'postgres', urlFile }))
    }
    if (missing !== undefined) say(missing)
  } finally {
    await server?.stop()
    rmSync(dir, { recursive: true })
  }
}

async function measure(engine: string, plans: number, store: Store): Promise<void> {
  try {
    await fill(store, plans)
    const begun = performance.now()
    const clock: Clock = {
      now: () => DUE - BEFORE_MS + Math.round(performance.now() - begun),
      monotonic: () => performance.now(),
    }
    const scheduler = new Scheduler({ store, clock, log: createLog('silent') })
    scheduler.start()
    while ((await jobsOf(store)) < JOBS) {
      if (clock.now() > DUE + PATIENCE_MS) throw new Error(`only ${await jobsOf(store)} jobs were made`)
      await pause(20)
    }
    const lateS = (clock.now() - DUE) / 1_000
    await scheduler.stop()
    if (store.engine === 'postgres') await sql`vacuum analyze`.execute(store.db)
    const look = await lookTimes(store)
    say(
      `scheduler ${engine}: ${JOBS} jobs of ${plans} plans are ${lateS.toFixed(1)} s late (goal ${GOAL_S} s); a worker looks ` +
        `${(look[CLAIMS / 2] as number).toFixed(1)} ms for the next of them, at most ${(look.at(-1) as number).toFixed(1)} ms; ${machine()}`,
    )
    if (lateS > GOAL_S) process.exitCode = 1
  } finally {
    await store.close()
  }
}

/** One after another, all of them due: sorted, in milliseconds. */
async function lookTimes(store: Store): Promise<readonly number[]> {
  const times: number[] = []
  const request = { kinds: ['backup'], owner: 'bench', now: DUE + 3_000_000, leaseMs: 3_600_000 } as const
  for (let i = 0; i < CLAIMS; i++) {
    const begun = performance.now()
    if ((await claimJob(store, request)) === undefined) throw new Error(`no job was found after ${i}`)
    times.push(performance.now() - begun)
  }
  return times.toSorted((a, b) => a - b)
}

/** Each plan selects resources by a tag value of its own. */
async function fill(store: Store, plans: number): Promise<void> {
  const rule = { ScheduleExpression: 'cron(0 5 ? * * *)', StartWindowMinutes: 60 }
  await store.transaction(async (tx) => {
    for (let i = 0; i < JOBS; i++)
      await addResource(tx as unknown as Store['db'], `fs-${i}`, `plan${i % plans}`)
  })
  for (let i = 0; i < plans; i++) {
    const planId = uuid()
    await writePlan(store, planId, [{ ...rule, RuleId: `rule-${i}` }])
    await addSelection(store, planId, { value: `plan${i}` })
  }
  if (store.engine === 'postgres') await sql`vacuum analyze`.execute(store.db)
  if (START >= DUE - BEFORE_MS) throw new Error('the rules were due before the measurement')
}

async function jobsOf({ db }: Store): Promise<number> {
  const { count } = await db
    .selectFrom('job')
    .select((eb) => eb.fn.countAll().as('count'))
    .executeTakeFirstOrThrow()
  return Number(count)
}
