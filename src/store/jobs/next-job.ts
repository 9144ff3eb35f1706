import { sql } from 'kysely'
import type { Compilable, RawBuilder, SqlBool } from 'kysely'
import { isWithinLimits } from './job-limits.ts'
import { ACTIVE_STATES, WAITING_STATES } from './job-states.ts'
import { prepared } from '../prepared.ts'
import { sqlStateOf } from '../postgres.ts'
import type { JobKind, JobState, JobTable } from '../schema.ts'
import type { Queryable, Store } from '../store.ts'

/** How a worker gets its next job: what claims.ts lets it write of it then. */

export interface ClaimRequest {
  readonly kinds: readonly JobKind[]
  /** Who holds the lease; a prefix of it names the process, see `takeOverLeases`. */
  readonly owner: string
  readonly now: number
  readonly leaseMs: number
  /** Accounts that had their turn, longest ago first: their jobs come after those of accounts that are not named. */
  readonly turns?: readonly string[]
  /** Accounts whose jobs are not taken. */
  readonly notOf?: readonly string[]
}

/** Claims that met another for the same lock key and looked again; each such meeting lets one of the two through. */
const MAX_MEETINGS = 50

/**
 * Takes, of the account whose turn it is, the job that is due longest: a waiting one inside its start window, or one whose lease ran
 * out (it stays ABORTING where it was to be stopped). While a job of the same lock key is held, or a limit is reached
 * (job-limits.ts), the job is passed over.
 * @returns The claimed row, or undefined where nothing is due.
 */
export async function claimJob(store: Store, request: ClaimRequest): Promise<JobTable | undefined> {
  for (let meeting = 1; ; meeting++) {
    try {
      return await tryClaim(store, request)
    } catch (error) {
      // The index job_lock: another process took a job of this lock key between our look and our write.
      if (store.engine !== 'postgres' || sqlStateOf(error) !== '23505' || meeting >= MAX_MEETINGS) throw error
    }
  }
}

/** All claimers of a PostgreSQL database go one by one: each must see what those before it took. */
const CLAIM_LOCK = 7_265_326_424

async function tryClaim(store: Store, request: ClaimRequest): Promise<JobTable | undefined> {
  if (store.engine !== 'postgres') return await claimNext(store.db, request, false)
  // Not serializable: what was claimed while this one waited for the lock must be seen.
  return await store.db.transaction().execute(async (tx) => {
    await sql`select pg_advisory_xact_lock(${CLAIM_LOCK})`.execute(tx)
    return await claimNext(tx, request, true)
  })
}

/** `turns` and `notOf` are JSON objects of numbers by account. */
type ClaimQuery = (
  db: Queryable,
  owner: string,
  now: number,
  leaseUntil: number,
  turns: string,
  notOf: string,
) => Promise<JobTable[]>

/** By the kinds that a worker takes, which are constants of the query: to build it takes longer than to run it. */
const claimQueries = new Map<string, ClaimQuery>()

async function claimNext(
  db: Queryable,
  { kinds, owner, now, leaseMs, turns = [], notOf = [] }: ClaimRequest,
  isPostgres: boolean,
): Promise<JobTable | undefined> {
  const key = `${isPostgres} ${kinds.join()}`
  let query = claimQueries.get(key)
  if (query === undefined) {
    query = prepared((...of) => claimQuery(kinds, isPostgres, ...of))
    claimQueries.set(key, query)
  }
  const [row] = await query(db, owner, now, now + leaseMs, placesOf(turns), placesOf(notOf))
  return row
}

function placesOf(accounts: readonly string[]): string {
  return JSON.stringify(Object.fromEntries(accounts.map((account, index) => [account, index + 1])))
}

function claimQuery(
  kinds: readonly JobKind[],
  isPostgres: boolean,
  ...[db, owner, now, leaseUntil, turns, notOf]: Parameters<ClaimQuery>
): Compilable<JobTable> {
  const placeIn = (places: string): RawBuilder<number | null> =>
    isPostgres
      ? sql`(cast(${places} as jsonb) ->> due.account_id)::integer`
      : sql`(${places} ->> due.account_id)`
  const due = db
    .selectFrom('job as due')
    .select('due.job_id')
    .where('due.kind', 'in', kinds)
    .where('due.run_at', '<=', now)
    .where((eb) =>
      eb.or([
        eb.and([
          eb('due.state', 'in', WAITING_STATES),
          eb.or([eb('due.start_by', 'is', null), eb('due.start_by', '>', now)]),
        ]),
        eb.and([eb('due.state', 'in', ACTIVE_STATES), eb('due.lease_until', '<=', now)]),
      ]),
    )
    .where((eb) =>
      eb.or([
        eb('due.lock_key', 'is', null),
        eb.not(
          eb.exists(
            eb
              .selectFrom('job as held')
              .select('held.job_id')
              .whereRef('held.lock_key', '=', 'due.lock_key')
              // Written out, so that SQLite sees that the partial index job_lock answers it.
              .where(sql<SqlBool>`held.state in (${sql.join(ACTIVE_STATES.map((state) => sql.lit(state)))})`)
              .whereRef('held.job_id', '<>', 'due.job_id'),
          ),
        ),
      ]),
    )
    .where((eb) => isWithinLimits(eb))
    .where(placeIn(notOf), 'is', null)
    .orderBy(sql`coalesce(${placeIn(turns)}, 0)`)
    .orderBy('due.run_at')
    .orderBy('due.created_at')
    .orderBy('due.job_id')
    .limit(1)
    .$if(isPostgres, (query) => query.forUpdate().skipLocked())
  return db
    .updateTable('job')
    .set((eb) => ({
      state: sql<JobState>`case when state = 'ABORTING' then 'ABORTING' else 'RUNNING' end`,
      lease_owner: owner,
      lease_until: leaseUntil,
      // The lock on the vault's row keeps a sweep's new generation and this claim in one order: either the sweep sees this
      // lease, or the lease begins at the new generation.
      lease_generation: eb
        .selectFrom('vault')
        .select('vault.generation')
        .whereRef('vault.account_id', '=', 'job.account_id')
        .whereRef('vault.region', '=', 'job.region')
        .whereRef('vault.name', '=', 'job.vault_name')
        .$if(isPostgres, (query) => query.forShare()),
      destination_generation: eb
        .selectFrom('vault')
        .select('vault.generation')
        .whereRef('vault.arn', '=', 'job.destination_vault_arn')
        .$if(isPostgres, (query) => query.forShare()),
      fence: eb('fence', '+', 1),
      attempts: eb('attempts', '+', 1),
      started_at: eb.fn.coalesce('started_at', eb.cast<number>(eb.val(now), 'bigint')),
    }))
    .where('job_id', '=', due)
    .returningAll()
}

type DueQuery = (db: Queryable) => Promise<{ readonly at: number | null }[]>

/** By the kinds of jobs: every look of a worker that finds nothing asks, and building it takes longer than the answer. */
const dueQueries = new Map<string, DueQuery>()

/** When the next waiting job is due or the next lease runs out, so that a worker knows how long it may sleep. */
export async function nextDueAt(db: Queryable, kinds: readonly JobKind[]): Promise<number | undefined> {
  const key = kinds.join()
  let query = dueQueries.get(key)
  if (query === undefined) {
    query = prepared((of) => dueQuery(of, kinds))
    dueQueries.set(key, query)
  }
  const times = (await query(db)).flatMap(({ at }) => (at === null ? [] : [Number(at)]))
  return times.length === 0 ? undefined : Math.min(...times)
}

function dueQuery(db: Queryable, kinds: readonly JobKind[]): Compilable<{ readonly at: number | null }> {
  const ofKinds = db.selectFrom('job').where('kind', 'in', kinds)
  return ofKinds
    .where('state', 'in', WAITING_STATES)
    .select((eb) => eb.fn.min<number | null>('run_at').as('at'))
    .unionAll(
      ofKinds
        .where('state', 'in', ACTIVE_STATES)
        .select((eb) => eb.fn.min<number | null>('lease_until').as('at')),
    )
}
