import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { finishJob } from '../src/store/jobs/claims.ts'
import { claimJob } from '../src/store/jobs/next-job.ts'
import { insertJob } from '../src/store/jobs/jobs.ts'
import { openStore } from '../src/store/store.ts'
import type { Store } from '../src/store/store.ts'

/** What events cost: jobs queued, and claimed and ended, a second, with the triggers and without them, in turn. */

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 3)
const JOBS = 1_000
const PLACE = { account_id: '111122223333', region: 'us-east-1', caller_arn: 'arn', created_at: 1 } as const

export async function run(): Promise<void> {
  const rates = new Map<string, number[]>()
  const keep = (name: string, rate: number): void => {
    rates.set(name, [...(rates.get(name) ?? []), rate])
  }
  for (let round = 0; round < ROUNDS; round++) {
    for (const kind of round % 2 === 0 ? ['with', 'without'] : ['without', 'with']) {
      const dir = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
      const store = await openStore({ kind: 'sqlite', file: join(dir, 'bench.db') })
      if (kind === 'without') await dropTriggers(store)
      keep(`queued ${kind}`, await rateOf(() => queue(store)))
      keep(`worked ${kind}`, await rateOf(() => work(store)))
      await store.close()
      rmSync(dir, { recursive: true })
    }
  }
  const median = (name: string): number => rates.get(name)?.toSorted((a, b) => a - b)[ROUNDS >> 1] ?? 0
  for (const what of ['queued', 'worked']) {
    const [on, off] = [median(`${what} with`), median(`${what} without`)]
    process.stdout.write(
      `events: jobs ${what} ${on.toFixed(0)}/s with events, ${off.toFixed(0)}/s without: ratio ${(on / off).toFixed(2)}\n`,
    )
  }
}

async function rateOf(action: () => Promise<void>): Promise<number> {
  const startedAt = performance.now()
  await action()
  return JOBS / ((performance.now() - startedAt) / 1_000)
}

async function queue({ db }: Store): Promise<void> {
  for (let i = 0; i < JOBS; i++)
    await insertJob(db, { ...PLACE, job_id: `job-${i}`, kind: 'backup', vault_name: 'v' })
}

async function work(store: Store): Promise<void> {
  for (let i = 0; i < JOBS; i++) {
    const claim = await claimJob(store, { kinds: ['backup'], owner: 'w', now: 2, leaseMs: 1_000 })
    if (claim !== undefined) await finishJob(store.db, claim, { state: 'COMPLETED', now: 3 })
  }
}

async function dropTriggers({ db }: Store): Promise<void> {
  const { rows } = await sql<{
    name: string
  }>`select name from sqlite_master where type = 'trigger' and name like 'event%'`.execute(db)
  for (const { name } of rows) await sql`drop trigger ${sql.ref(name)}`.execute(db)
}
