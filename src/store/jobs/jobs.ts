import { sql } from 'kysely'
import type { RawBuilder } from 'kysely'
import { uuid } from '../../lib/ids.ts'
import { firstState, JOB_TRANSITIONS, UNFINISHED_STATES, WAITING_STATES } from './job-states.ts'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, timeCursor } from '../page.ts'
import type { JobKind, JobState, JobTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

type Given = 'account_id' | 'region' | 'job_id' | 'kind' | 'created_at' | 'caller_arn'
type OfTheLease =
  | 'state'
  | 'lease_owner'
  | 'lease_until'
  | 'lease_generation'
  | 'destination_generation'
  | 'fence'
  | 'attempts'

/** What a new job must and may say; the rest begins empty, and `run_at` at `created_at`. */
export type NewJob = Pick<JobTable, Given> & Partial<Omit<JobTable, Given | OfTheLease>>

/** Whose job it is and who asked for it; a request's context is one. */
export interface JobCaller {
  readonly accountId: string
  readonly region: string
  readonly now: number
  readonly principal: { readonly arn: string }
}

/** What every job that a call makes says of itself, with a new id. */
export function jobBasics(caller: JobCaller, kind: JobKind): Pick<JobTable, Given> {
  return {
    account_id: caller.accountId,
    region: caller.region,
    job_id: uuid(),
    kind,
    created_at: caller.now,
    caller_arn: caller.principal.arn,
  }
}

/** Puts many jobs into the queue, in statements of many rows; one whose idempotency token is there already is left away. */
export async function insertJobs(db: Queryable, jobs: readonly NewJob[]): Promise<void> {
  for (let at = 0; at < jobs.length; at += JOBS_A_STATEMENT) {
    const rows = jobs.slice(at, at + JOBS_A_STATEMENT).map(queuedRow)
    await db
      .insertInto('job')
      .values(rows)
      .onConflict((conflict) =>
        conflict
          .columns(['account_id', 'kind', 'idempotency_token'])
          .where('idempotency_token', 'is not', null)
          .doNothing(),
      )
      .execute()
  }
}

const queuedRow = (job: NewJob) => ({
  ...EMPTY_JOB,
  run_at: job.created_at,
  ...job,
  state: firstState(job.kind),
})

/** Fewer values than SQLite and PostgreSQL take in one statement. */
const JOBS_A_STATEMENT = 100

/**
 * Puts a job in the queue. Where an unended or ended job of the account and kind has the same idempotency token, that one is
 * returned and nothing is written (`isNew` false): whether its input is the same is for the caller to compare.
 */
export async function insertJob(db: Queryable, job: NewJob): Promise<{ row: JobTable; isNew: boolean }> {
  const row = await db
    .insertInto('job')
    .values(queuedRow(job))
    .onConflict((conflict) =>
      conflict
        .columns(['account_id', 'kind', 'idempotency_token'])
        .where('idempotency_token', 'is not', null)
        .doNothing(),
    )
    .returningAll()
    .executeTakeFirst()
  if (row !== undefined) return { row, isNew: true }
  const present = await db
    .selectFrom('job')
    .selectAll()
    .where('account_id', '=', job.account_id)
    .where('kind', '=', job.kind)
    .where('idempotency_token', '=', job.idempotency_token ?? null)
    .executeTakeFirstOrThrow()
  return { row: present, isNew: false }
}

const EMPTY_JOB = {
  status_message: null,
  message_category: null,
  start_by: null,
  complete_by: null,
  started_at: null,
  completed_at: null,
  vault_name: null,
  resource_arn: null,
  resource_unique_id: null,
  resource_type: null,
  recovery_point_arn: null,
  point_created_at: null,
  role_arn: null,
  role_id: null,
  input: '{}',
  result: '{}',
  idempotency_token: null,
  bytes_total: null,
  bytes_done: 0,
  items_done: 0,
  items_failed: 0,
  lock_key: null,
  lease_owner: null,
  lease_until: null,
  lease_generation: null,
  destination_vault_arn: null,
  destination_generation: null,
  fence: 0,
  attempts: 0,
  cancel_requested: 0,
  stop_asked_by: null,
  stop_asked_at: null,
  stop_message: null,
  created_by: null,
  plan_id: null,
  guard_warning: null,
  kept_until: null,
} satisfies Partial<JobTable>

/** `kinds` limits to these, so that a restore's id is not found as a backup's. */
export async function findJob(
  db: Queryable,
  accountId: string,
  jobId: string,
  kinds?: readonly JobKind[],
): Promise<JobTable | undefined> {
  let query = db.selectFrom('job').selectAll().where('account_id', '=', accountId).where('job_id', '=', jobId)
  if (kinds !== undefined) query = query.where('kind', 'in', kinds)
  return await query.executeTakeFirst()
}

/** The job of an id, whosever it is. */
export async function findAnyJob(db: Queryable, jobId: string): Promise<JobTable | undefined> {
  return await db.selectFrom('job').selectAll().where('job_id', '=', jobId).executeTakeFirst()
}

/** How jobs of any account are that still have a row, by id. */
export async function jobStates(
  db: Queryable,
  jobIds: readonly string[],
): Promise<ReadonlyMap<string, Pick<JobTable, 'state' | 'fence'>>> {
  const rows = await db
    .selectFrom('job')
    .select(['job_id', 'state', 'fence'])
    .where('job_id', 'in', jobIds)
    .execute()
  return new Map(rows.map((row) => [row.job_id, row]))
}

/** AWS's filters; times are exclusive on both sides, as milliseconds since 1970. */
export interface JobFilter {
  readonly accountId: string
  readonly region?: string | undefined
  readonly kinds: readonly JobKind[]
  readonly states?: readonly JobState[] | undefined
  readonly vaultName?: string | undefined
  readonly resourceArn?: string | undefined
  readonly resourceType?: string | undefined
  readonly recoveryPointArn?: string | undefined
  readonly destinationVaultArn?: string | undefined
  /** Of restores: when the recovery point was made. */
  readonly pointCreatedAfter?: number | undefined
  readonly pointCreatedBefore?: number | undefined
  /** Restores that a restore testing plan began. */
  readonly testingPlanArn?: string | undefined
  readonly messageCategory?: string | undefined
  readonly createdAfter?: number | undefined
  readonly createdBefore?: number | undefined
  readonly completedAfter?: number | undefined
  readonly completedBefore?: number | undefined
}

/** Removes ended jobs that are kept no longer. */
export async function pruneJobs(db: Queryable, now: number): Promise<void> {
  await db.deleteFrom('job').where('kept_until', '<=', now).where('completed_at', 'is not', null).execute()
}

/** Newest first. */
export async function listJobs(db: Queryable, filter: JobFilter, page: PageRequest): Promise<Page<JobTable>> {
  let query = db
    .selectFrom('job')
    .selectAll()
    .where('account_id', '=', filter.accountId)
    .where('kind', 'in', filter.kinds)
  if (filter.region !== undefined) query = query.where('region', '=', filter.region)
  if (filter.states !== undefined) query = query.where('state', 'in', filter.states)
  if (filter.vaultName !== undefined) query = query.where('vault_name', '=', filter.vaultName)
  if (filter.resourceArn !== undefined) query = query.where('resource_arn', '=', filter.resourceArn)
  if (filter.resourceType !== undefined) query = query.where('resource_type', '=', filter.resourceType)
  if (filter.recoveryPointArn !== undefined) {
    query = query.where('recovery_point_arn', '=', filter.recoveryPointArn)
  }
  if (filter.destinationVaultArn !== undefined) {
    query = query.where('destination_vault_arn', '=', filter.destinationVaultArn)
  }
  if (filter.pointCreatedAfter !== undefined)
    query = query.where('point_created_at', '>', filter.pointCreatedAfter)
  if (filter.pointCreatedBefore !== undefined)
    query = query.where('point_created_at', '<', filter.pointCreatedBefore)
  const { testingPlanArn } = filter
  if (testingPlanArn !== undefined) {
    query = query.where('job_id', 'in', (eb) =>
      eb.selectFrom('restore_test').select('restore_test.job_id').where('plan_arn', '=', testingPlanArn),
    )
  }
  if (filter.messageCategory !== undefined) {
    query = query.where('message_category', '=', filter.messageCategory)
  }
  if (filter.createdAfter !== undefined) query = query.where('created_at', '>', filter.createdAfter)
  if (filter.createdBefore !== undefined) query = query.where('created_at', '<', filter.createdBefore)
  if (filter.completedAfter !== undefined) query = query.where('completed_at', '>', filter.completedAfter)
  if (filter.completedBefore !== undefined) query = query.where('completed_at', '<', filter.completedBefore)
  if (page.after !== undefined) {
    const [at, id] = timeCursor(page.after)
    query = query.where((eb) => eb(eb.refTuple('created_at', 'job_id'), '<', eb.tuple(at, id)))
  }
  const rows = await query
    .orderBy('created_at', 'desc')
    .orderBy('job_id', 'desc')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.created_at, row.job_id])
}

export interface Stop {
  readonly now: number
  /** What the job's message says once it has stopped. */
  readonly message: string
  /** ARN of who asks; absent where the server does by itself. */
  readonly callerArn?: string
}

/**
 * Asks a job to stop. One that waits is ABORTED at once; one under way gets the flag, which its worker finds at the next
 * heartbeat, and becomes ABORTING where its kind has that state. Of several who ask the first is remembered.
 * @returns The state it has now; undefined where there is no such unfinished job.
 */
export async function requestCancel(
  db: Queryable,
  job: Pick<JobTable, 'account_id' | 'job_id' | 'kind'>,
  { now, message, callerArn }: Stop,
): Promise<JobState | undefined> {
  const whenActive: JobState = JOB_TRANSITIONS[job.kind].ABORTING === undefined ? 'RUNNING' : 'ABORTING'
  const row = await db
    .updateTable('job')
    .set((eb) => ({
      cancel_requested: 1,
      stop_asked_by: ofFirst<string | null>('stop_asked_by', callerArn ?? null, 'text'),
      stop_asked_at: ofFirst<number | null>('stop_asked_at', now, 'bigint'),
      stop_message: ofFirst<string | null>('stop_message', message, 'text'),
      state: eb
        .case()
        .when('state', 'in', WAITING_STATES)
        .then(sql<JobState>`'ABORTED'`)
        .else(sql<JobState>`${sql.lit(whenActive)}`)
        .end(),
      completed_at: eb
        .case()
        .when('state', 'in', WAITING_STATES)
        .then(eb.cast<number>(eb.val(now), 'bigint'))
        .else(null)
        .end(),
      status_message: eb
        .case()
        .when('state', 'in', WAITING_STATES)
        .then(eb.cast<string>(eb.val(message), 'text'))
        .else(eb.ref('status_message'))
        .end(),
      message_category: eb
        .case()
        .when('state', 'in', WAITING_STATES)
        .then(sql<string>`'ABORTED'`)
        .else(eb.ref('message_category'))
        .end(),
    }))
    .where('account_id', '=', job.account_id)
    .where('job_id', '=', job.job_id)
    .where('kind', '=', job.kind)
    .where('state', 'in', UNFINISHED_STATES)
    .returning('state')
    .executeTakeFirst()
  return row?.state
}

/** A column that the first who asks a job to stop sets, and nobody after him. */
function ofFirst<T>(column: string, value: T, type: 'bigint' | 'text'): RawBuilder<T> {
  return sql<T>`case when cancel_requested = 0 then cast(${value} as ${sql.raw(type)}) else ${sql.ref(column)} end`
}

/** True while a job of one of these kinds for the vault, or for the recovery point, has not ended. */
export async function hasUnfinishedJob(
  db: Queryable,
  of: {
    readonly accountId: string
    readonly kinds: readonly JobKind[]
    readonly region?: string
    readonly vaultName?: string
    readonly recoveryPointArn?: string
  },
): Promise<boolean> {
  let query = db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', of.accountId)
    .where('kind', 'in', of.kinds)
    .where('state', 'in', UNFINISHED_STATES)
  if (of.region !== undefined) query = query.where('region', '=', of.region)
  if (of.vaultName !== undefined) query = query.where('vault_name', '=', of.vaultName)
  if (of.recoveryPointArn !== undefined) query = query.where('recovery_point_arn', '=', of.recoveryPointArn)
  return (await query.limit(1).executeTakeFirst()) !== undefined
}

/** Times in milliseconds since 1970. */
export interface LatestRestore {
  readonly createdAt: number
  readonly startedAt: number
  readonly completedAt: number
  /** Of the recovery point; null where that was gone when such times began to be kept. */
  readonly pointCreatedAt: number | null
}

/** A resource's latest restore that came through. */
export async function latestRestore(
  db: Queryable,
  place: { readonly accountId: string; readonly region: string },
  resource: { readonly arn: string; readonly unique_id: string },
): Promise<LatestRestore | undefined> {
  const row = await db
    .selectFrom('job')
    .select(['created_at', 'started_at', 'completed_at', 'point_created_at'])
    .where('account_id', '=', place.accountId)
    .where('region', '=', place.region)
    .where('resource_arn', '=', resource.arn)
    .where('resource_unique_id', '=', resource.unique_id)
    .where('kind', '=', 'restore')
    .where('state', '=', 'COMPLETED')
    .orderBy('created_at', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (row === undefined || row.started_at === null || row.completed_at === null) return undefined
  return {
    createdAt: row.created_at,
    startedAt: row.started_at,
    completedAt: row.completed_at,
    pointCreatedAt: row.point_created_at,
  }
}
