import { sql } from 'kysely'
import type { JobKind, JobState } from '../schema.ts'
import type { Queryable } from '../store.ts'

const DAY = 86_400_000

export interface JobCount {
  /** Whole days since 1970, in UTC. */
  readonly day: number
  readonly state: JobState
  readonly resourceType: string
  readonly messageCategory: string
  readonly count: number
}

/** How many jobs of a kind were made on each day from `since` on, by what they are and how they ended. */
export async function countJobs(
  db: Queryable,
  of: { readonly accountId: string; readonly region: string; readonly kind: JobKind; readonly since: number },
): Promise<readonly JobCount[]> {
  const day = sql<number>`created_at / ${sql.lit(DAY)}`
  const rows = await db
    .selectFrom('job')
    .select(['state', 'resource_type', 'message_category'])
    .select(day.as('day'))
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('account_id', '=', of.accountId)
    .where('region', '=', of.region)
    .where('kind', '=', of.kind)
    .where('created_at', '>=', of.since)
    .groupBy(['state', 'resource_type', 'message_category', day])
    .orderBy(day)
    .orderBy('state')
    .orderBy('resource_type')
    .orderBy('message_category')
    .execute()
  return rows.map((row) => ({
    day: Number(row.day),
    state: row.state,
    resourceType: row.resource_type ?? '',
    messageCategory: row.message_category ?? '',
    count: Number(row.count),
  }))
}
