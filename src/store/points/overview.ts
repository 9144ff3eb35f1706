import { sql } from 'kysely'
import type { JobState } from '../schema.ts'
import type { Place } from '../regional.ts'
import type { Queryable } from '../store.ts'

/** Numbers that are read from indexes alone, however many rows there are. */

/** How many backup jobs of each state were made from one time on, up to another, in milliseconds since 1970. */
export async function countBackupJobs(
  db: Queryable,
  { accountId, region }: Place,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<ReadonlyMap<JobState, number>> {
  const rows = await db
    .selectFrom('job')
    .select('state')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .where('kind', '=', 'backup')
    .where('created_at', '>=', from)
    .where('created_at', '<', to)
    .groupBy('state')
    .execute()
  return new Map(rows.map(({ state, count }) => [state, Number(count)]))
}

/** Backup jobs that went well and say something nevertheless. */
export async function countSaid(
  db: Queryable,
  { accountId, region }: Place,
  { from, to }: { readonly from: number; readonly to: number },
): Promise<number> {
  const row = await db
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .where('region', '=', region)
    .where('kind', '=', 'backup')
    .where('created_at', '>=', from)
    .where('created_at', '<', to)
    // As the index has it: what is bound is not known when a statement is planned.
    .where(sql<boolean>`state = 'COMPLETED' and status_message is not null`)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** Whether a restore of the account ever went well, in whichever region. */
export async function hasRestored(db: Queryable, accountId: string): Promise<boolean> {
  const row = await db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', accountId)
    .where('kind', '=', 'restore')
    .where('state', '=', 'COMPLETED')
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

export async function countRunning(db: Queryable, { accountId, region }: Place): Promise<number> {
  const row = await db
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', accountId)
    .where('kind', '=', 'backup')
    .where('state', '=', 'RUNNING')
    .where('region', '=', region)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** Restore tests that were due from then on and whose restore ended; and those of them that nobody found wanting. */
export async function countRestoreTests(
  db: Queryable,
  { accountId, region }: Place,
  since: number,
): Promise<{ readonly all: number; readonly good: number }> {
  const isGood = sql`case when job.state = 'COMPLETED' and coalesce(test.validation_status, '') <> 'FAILED' then 1 else 0 end`
  const row = await db
    .selectFrom('restore_test as test')
    .innerJoin('job', 'job.job_id', 'test.job_id')
    .select((eb) => [eb.fn.countAll<number>().as('all'), sql<number | null>`sum(${isGood})`.as('good')])
    .where('test.account_id', '=', accountId)
    .where('test.region', '=', region)
    .where('test.due_at', '>=', since)
    .where('job.completed_at', 'is not', null)
    .executeTakeFirstOrThrow()
  return { all: Number(row.all), good: Number(row.good ?? 0) }
}
