import type { Page, PageRequest } from '../page.ts'
import { numberCursor, pageOf } from '../page.ts'
import type { JobTable } from '../schema.ts'
import type { JobDecisionTable } from './schema-decisions.ts'
import type { Queryable } from '../store.ts'

/** One line of a job's record, as `jobs/decision-log.ts` aggregates them. */
export type DecisionRow = Omit<JobDecisionTable, 'account_id' | 'job_id'>

/** Rows of one statement: 14 columns each, far below what the engines bind. */
const MAX_ROWS = 500

/**
 * Writes lines of a job's record; a line that is there already, by its number, gets the new count and last ARN, while what it
 * first said stays. Durable when the promise resolves: before the effect of what was decided.
 */
export async function saveDecisions(
  db: Queryable,
  job: Pick<JobTable, 'account_id' | 'job_id'>,
  rows: readonly DecisionRow[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += MAX_ROWS) {
    await db
      .insertInto('job_decision')
      .values(
        rows
          .slice(at, at + MAX_ROWS)
          .map((row) => ({ ...row, account_id: job.account_id, job_id: job.job_id })),
      )
      .onConflict((conflict) =>
        conflict.columns(['job_id', 'seq']).doUpdateSet((eb) => ({
          count: eb.ref('excluded.count'),
          last_arn: eb.ref('excluded.last_arn'),
          last_at: eb.ref('excluded.last_at'),
        })),
      )
      .execute()
  }
}

/** The number that the next line of a job's record gets: behind those of earlier attempts. Begins at 0. */
export async function nextDecisionSeq(db: Queryable, jobId: string): Promise<number> {
  const row = await db
    .selectFrom('job_decision')
    .select((eb) => eb.fn.max('seq').as('last'))
    .where('job_id', '=', jobId)
    .executeTakeFirst()
  // max() of no rows is null, which Kysely's type leaves out.
  const last = row?.last as number | null | undefined
  return last === null || last === undefined ? 0 : last + 1
}

/** How many decisions of a job are in its record: aggregated lines count as many times as they were made. */
export async function countDecisions(
  db: Queryable,
  jobId: string,
): Promise<{ allowed: number; denied: number }> {
  const rows = await db
    .selectFrom('job_decision')
    .select((eb) => ['effect', eb.cast<number>(eb.fn.sum('count'), 'bigint').as('decisions')])
    .where('job_id', '=', jobId)
    .groupBy('effect')
    .execute()
  const of = (effect: string): number => rows.find((row) => row.effect === effect)?.decisions ?? 0
  return { allowed: of('Allow'), denied: of('Deny') }
}

/** A job's record in the order it was made. */
export async function listDecisions(
  db: Queryable,
  filter: {
    readonly accountId: string
    readonly jobId: string
    readonly effect?: 'Allow' | 'Deny' | undefined
  },
  page: PageRequest,
): Promise<Page<JobDecisionTable>> {
  let query = db
    .selectFrom('job_decision')
    .selectAll()
    .where('account_id', '=', filter.accountId)
    .where('job_id', '=', filter.jobId)
  if (filter.effect !== undefined) query = query.where('effect', '=', filter.effect)
  if (page.after !== undefined) query = query.where('seq', '>', numberCursor(page.after))
  const rows = await query
    .orderBy('seq')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.seq])
}

/** Whether a job's record says that a step was ever allowed. */
export async function wasAllowed(db: Queryable, jobId: string, step: string): Promise<boolean> {
  const row = await db
    .selectFrom('job_decision')
    .select('seq')
    .where('job_id', '=', jobId)
    .where('step', '=', step)
    .where('effect', '=', 'Allow')
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}
