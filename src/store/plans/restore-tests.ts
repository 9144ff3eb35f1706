import { sql } from 'kysely'
import { UNFINISHED_STATES } from '../jobs/job-states.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, timeCursor } from '../page.ts'
import type { RestoreTestTable } from './schema-restore-testing.ts'
import type { JobTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Phases that something is still waited for in. */
const OPEN = ['RESTORING', 'VALIDATING', 'DELETING', 'DELETE_FAILED'] as const

export async function insertRestoreTest(db: Queryable, row: RestoreTestTable): Promise<void> {
  await db.insertInto('restore_test').values(row).execute()
}

/** The tests that these restore jobs are of, by job id; jobs that are no tests are missing. */
export async function restoreTestsOf(
  db: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, RestoreTestTable>> {
  if (jobIds.length === 0) return new Map()
  const rows = await db.selectFrom('restore_test').selectAll().where('job_id', 'in', jobIds).execute()
  return new Map(rows.map((row) => [row.job_id, row]))
}

export async function findRestoreTest(db: Queryable, jobId: string): Promise<RestoreTestTable | undefined> {
  return (await restoreTestsOf(db, [jobId])).get(jobId)
}

/** A test that can go on, and the job whose end it waited for; null where it waited for a time. */
export type RestoreTestStep = RestoreTestTable &
  Pick<
    { readonly [Column in keyof JobTable as `step_${Column}`]: JobTable[Column] | null },
    'step_state' | 'step_status_message' | 'step_result' | 'step_started_at' | 'step_completed_at'
  >

/** Tests whose step has ended, or whose time has come, the oldest first. */
export async function testsToAdvance(
  db: Queryable,
  now: number,
  limit: number,
  after?: Pick<RestoreTestStep, 'due_at' | 'job_id'>,
): Promise<readonly RestoreTestStep[]> {
  return await db
    .selectFrom('restore_test as test')
    .leftJoin('job as step', 'step.job_id', 'test.step_job_id')
    .selectAll('test')
    .select([
      'step.state as step_state',
      'step.status_message as step_status_message',
      'step.result as step_result',
      'step.started_at as step_started_at',
      'step.completed_at as step_completed_at',
    ])
    .where('test.phase', 'in', OPEN)
    .where((eb) => eb.or([eb('step.state', 'not in', UNFINISHED_STATES), eb('test.next_at', '<=', now)]))
    .$if(after !== undefined, (query) =>
      query.where((eb) =>
        eb(eb.refTuple('test.due_at', 'test.job_id'), '>', eb.tuple(after?.due_at ?? 0, after?.job_id ?? '')),
      ),
    )
    .orderBy('test.due_at')
    .orderBy('test.job_id')
    .limit(limit)
    .execute()
}

/** When a test may go on next: `soon` where the end of a job is waited for; undefined where nothing is. */
export async function nextTestStepAt(db: Queryable, soon: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('restore_test')
    .select([sql<number | null>`min(next_at)`.as('at'), sql<number>`count(step_job_id)`.as('waiting')])
    .where('phase', 'in', OPEN)
    .executeTakeFirst()
  if (Number(row?.waiting ?? 0) > 0) return Math.min(soon, Number(row?.at ?? soon))
  return row?.at === null || row?.at === undefined ? undefined : Number(row.at)
}

/** What moves a test on. */
export type RestoreTestChange = Partial<
  Pick<
    RestoreTestTable,
    | 'phase'
    | 'step_job_id'
    | 'next_at'
    | 'recovery_ms'
    | 'validation_status'
    | 'validation_message'
    | 'validator_results'
    | 'caller_status'
    | 'caller_message'
    | 'deletion_status'
    | 'deletion_message'
    | 'deletion_tries'
  >
>

/** Moves a test on from where the caller saw it. False where somebody else did so meanwhile. */
export async function moveRestoreTest(
  db: Queryable,
  test: Pick<RestoreTestTable, 'job_id' | 'phase' | 'step_job_id' | 'next_at' | 'caller_status'>,
  change: RestoreTestChange,
): Promise<boolean> {
  const result = await db
    .updateTable('restore_test')
    .set(change)
    .where('job_id', '=', test.job_id)
    .where('phase', '=', test.phase)
    .where('step_job_id', test.step_job_id === null ? 'is' : '=', test.step_job_id)
    .where('next_at', test.next_at === null ? 'is' : '=', test.next_at)
    .where('caller_status', test.caller_status === null ? 'is' : '=', test.caller_status)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export type ListedRestoreTest = RestoreTestTable &
  Pick<JobTable, 'state' | 'status_message' | 'recovery_point_arn' | 'vault_name' | 'result'> & {
    /** Of the recovery point; null once that is deleted. */
    readonly point_created_at: number | null
  }

/** The newest first. */
export async function listRestoreTests(
  db: Queryable,
  filter: {
    readonly accountId: string
    readonly region: string
    readonly planArn: string | undefined
    readonly resourceArn: string | undefined
  },
  page: PageRequest,
): Promise<Page<ListedRestoreTest>> {
  let query = db
    .selectFrom('restore_test as test')
    .innerJoin('job', 'job.job_id', 'test.job_id')
    .leftJoin('recovery_point as point', (join) =>
      join
        .onRef('point.account_id', '=', 'test.account_id')
        .onRef('point.arn', '=', 'job.recovery_point_arn'),
    )
    .selectAll('test')
    .select(['job.state', 'job.status_message', 'job.recovery_point_arn', 'job.vault_name', 'job.result'])
    .select('point.created_at as point_created_at')
    .where('test.account_id', '=', filter.accountId)
    .where('test.region', '=', filter.region)
  if (filter.planArn !== undefined) query = query.where('test.plan_arn', '=', filter.planArn)
  if (filter.resourceArn !== undefined) query = query.where('test.resource_arn', '=', filter.resourceArn)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) => eb(eb.refTuple('test.due_at', 'test.job_id'), '<', eb.tuple(at, id)))
  }
  const rows = await query
    .orderBy('test.due_at', 'desc')
    .orderBy('test.job_id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.due_at, row.job_id])
}

const isGood = sql<boolean>`test.recovery_ms is not null and (test.validation_status is null or test.validation_status = 'SUCCESSFUL')`
const isJudged = sql<boolean>`test.phase in ('DELETING', 'DELETE_FAILED', 'ENDED')`

/** One test of a resource, and whether it went well: restored, and not judged otherwise. */
export type NewestTest = Pick<RestoreTestTable, 'account_id' | 'resource_arn' | 'due_at' | 'recovery_ms'> & {
  readonly good: boolean
}

/** Of each resource the newest test that went well, or the newest whose outcome is known. By account and resource. */
export async function newestTests(
  db: Queryable,
  of: 'good' | 'judged',
  limit: number,
): Promise<readonly NewestTest[]> {
  const rows = await db
    .selectFrom((eb) =>
      eb
        .selectFrom('restore_test as test')
        .select(['test.account_id', 'test.resource_arn', 'test.due_at', 'test.recovery_ms'])
        .select(sql<number>`case when ${isGood} then 1 else 0 end`.as('good'))
        .select(
          sql<number>`row_number() over (partition by test.account_id, test.resource_arn order by test.due_at desc, test.job_id)`.as(
            'place',
          ),
        )
        .where(of === 'good' ? isGood : isJudged)
        .as('newest'),
    )
    .select(['account_id', 'resource_arn', 'due_at', 'recovery_ms', 'good'])
    .where('place', '=', 1)
    .orderBy('account_id')
    .orderBy('resource_arn')
    .limit(limit)
    .execute()
  return rows.map((row) => ({ ...row, good: Number(row.good) === 1 }))
}

/** Tests whose place could not be deleted yet, by account. */
export async function undeletedTests(
  db: Queryable,
): Promise<readonly { readonly account_id: string; readonly count: number }[]> {
  const rows = await db
    .selectFrom('restore_test')
    .select('account_id')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('phase', '=', 'DELETE_FAILED')
    .groupBy('account_id')
    .orderBy('account_id')
    .execute()
  return rows.map(({ account_id, count }) => ({ account_id, count: Number(count) }))
}
