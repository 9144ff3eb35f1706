import { sql } from 'kysely'
import type { ExpressionBuilder, RawBuilder, SqlBool } from 'kysely'
import type { Database } from '../database.ts'
import { ACTIVE_STATES, WAITING_STATES } from './job-states.ts'
import type { JobKind, JobTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** How many jobs may work at a time, over all servers and workers on the database. */
export interface JobLimits {
  /**
   * Backups, restores, exports and restore tests of one resource, so over one connection. One resource's backups run one by one
   * anyway.
   */
  readonly perConnection: number
  /** The same of all resources on one machine, by the host of their connections. */
  readonly perHost: number
  /** These, copies, verifications and repairs; undefined: as many as the workers take. */
  readonly perServer: number | undefined
  /** What each server reads from databases and buckets and writes to them, by the hour; undefined: no limit. */
  readonly bandwidth: Bandwidth | undefined
}

/** Bytes a second by hour of the day, both ways together. */
export interface Bandwidth {
  readonly timeZone: string
  readonly windows: readonly {
    readonly fromHour: number
    readonly toHour: number
    readonly bytesPerSecond: number
  }[]
}

export const DEFAULT_LIMITS: JobLimits = {
  perConnection: 2,
  perHost: 8,
  perServer: undefined,
  bandwidth: undefined,
}

/** Jobs that read or write where a resource lies; those of restore tests work where the restore did. */
const AT_SOURCE: readonly JobKind[] = [
  'backup',
  'restore',
  'export',
  'validate-restore-test',
  'delete-restore-test',
]
/** Jobs that move bytes. What only keeps the server going is never held. */
const MOVING: readonly JobKind[] = [...AT_SOURCE, 'copy', 'verify', 'repair']

/** What is set; a member that nobody set is missing. */
export async function storedJobLimits(db: Queryable): Promise<Partial<JobLimits>> {
  const row = await db.selectFrom('job_limits').selectAll().executeTakeFirst()
  return {
    ...(row?.per_connection != null && { perConnection: row.per_connection }),
    ...(row?.per_host != null && { perHost: row.per_host }),
    ...(row?.per_server != null && { perServer: row.per_server }),
    ...(row?.bandwidth != null && { bandwidth: JSON.parse(row.bandwidth) as Bandwidth }),
  }
}

export async function putJobLimits(db: Queryable, limits: Partial<JobLimits>): Promise<void> {
  const columns = {
    per_connection: limits.perConnection ?? null,
    per_host: limits.perHost ?? null,
    per_server: limits.perServer ?? null,
    bandwidth: limits.bandwidth === undefined ? null : JSON.stringify(limits.bandwidth),
  }
  await db
    .insertInto('job_limits')
    .values({ id: 1, ...columns })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(columns))
    .execute()
}

type Due = ExpressionBuilder<Database & { due: JobTable }, 'due'>

const limitOf = (
  column: 'per_connection' | 'per_host' | 'per_server',
  otherwise: number | null,
): RawBuilder<number> =>
  sql<number>`coalesce((select ${sql.ref(column)} from job_limits), ${otherwise === null ? sql.lit(MANY) : sql.lit(otherwise)})`

const MANY = 1_000_000_000

/** True of a due job that no limit holds. Evaluated in the statement that claims it: see `claimJob`. */
export function isWithinLimits(eb: Due): RawBuilder<SqlBool> {
  const active = sql.join(ACTIVE_STATES.map((state) => sql.lit(state)))
  const atSource = sql.join(AT_SOURCE.map((kind) => sql.lit(kind)))
  const moving = sql.join(MOVING.map((kind) => sql.lit(kind)))
  const due = (column: keyof JobTable): RawBuilder<unknown> => sql`${eb.ref(`due.${column}` as 'due.kind')}`
  // Sets of what is full, made once a statement: what is due may be many.
  return sql<SqlBool>`(
    ${due('state')} in (${active})
    or ${due('kind')} not in (${moving})
    or (
      (select count(*) from job held where held.state in (${active}) and held.kind in (${moving}))
        < ${limitOf('per_server', null)}
      and (
        ${due('kind')} not in (${atSource})
        or ${due('resource_unique_id')} is null
        or (
          ${due('resource_unique_id')} not in (
            select held.resource_unique_id from job held
            where held.state in (${active}) and held.kind in (${atSource}) and held.resource_unique_id is not null
            group by held.resource_unique_id
            having count(*) >= ${limitOf('per_connection', DEFAULT_LIMITS.perConnection)}
          )
          and ${due('resource_unique_id')} not in (
            select there.unique_id from resource there where there.host in (
              select place.host from job held join resource place on place.unique_id = held.resource_unique_id
              where held.state in (${active}) and held.kind in (${atSource}) and place.host is not null
              group by place.host
              having count(*) >= ${limitOf('per_host', DEFAULT_LIMITS.perHost)}
            )
          )
        )
      )
    )
  )`
}

/** Why a job that is due has not begun; undefined where it only waits for a worker, or is not waiting. */
export async function whyWaiting(db: Queryable, job: JobTable, now: number): Promise<string | undefined> {
  if (!WAITING_STATES.includes(job.state) || job.run_at > now) return undefined
  if (job.lock_key !== null) {
    const held = await db
      .selectFrom('job')
      .select(['job_id', 'kind'])
      .where('lock_key', '=', job.lock_key)
      .where('state', 'in', ACTIVE_STATES)
      .executeTakeFirst()
    if (held !== undefined) return `It waits for ${held.kind} job ${held.job_id}, which works on the same`
  }
  const limits = { ...DEFAULT_LIMITS, ...(await storedJobLimits(db)) }
  if (limits.perServer !== undefined && MOVING.includes(job.kind)) {
    const count = await countActive(db, MOVING)
    if (count >= limits.perServer) return waitsFor(count, 'work on this server', limits.perServer)
  }
  if (!AT_SOURCE.includes(job.kind) || job.resource_unique_id === null) return undefined
  const place = await db
    .selectFrom('resource')
    .select('host')
    .where('unique_id', '=', job.resource_unique_id)
    .executeTakeFirst()
  const onConnection = await countActive(db, AT_SOURCE, { uniqueId: job.resource_unique_id })
  if (onConnection >= limits.perConnection)
    return waitsFor(onConnection, 'work on its resource', limits.perConnection)
  if (place?.host == null) return undefined
  const onHost = await countActive(db, AT_SOURCE, { host: place.host })
  return onHost < limits.perHost ? undefined : waitsFor(onHost, `work on host ${place.host}`, limits.perHost)
}

function waitsFor(count: number, where: string, limit: number): string {
  return `It waits: ${count} jobs ${where}, and ${limit} may at a time`
}

async function countActive(
  db: Queryable,
  kinds: readonly JobKind[],
  at: { readonly uniqueId?: string; readonly host?: string } = {},
): Promise<number> {
  let query = db
    .selectFrom('job')
    .select((eb) => eb.fn.countAll<number | string>().as('count'))
    .where('state', 'in', ACTIVE_STATES)
    .where('kind', 'in', kinds)
  if (at.uniqueId !== undefined) query = query.where('resource_unique_id', '=', at.uniqueId)
  const { host } = at
  if (host !== undefined)
    query = query.where('resource_unique_id', 'in', (eb) =>
      eb.selectFrom('resource').select('unique_id').where('host', '=', host),
    )
  return Number((await query.executeTakeFirstOrThrow()).count)
}
