import { sql } from 'kysely'
import type { AccessReportTable } from './schema-credentials.ts'
import type { Queryable } from '../store.ts'

/** How often an identity was asked about an action, by the records of API calls and of jobs. */
export interface Use {
  /** AIDA…, AROA… or, of the root user, the account's id. */
  readonly identityId: string
  readonly action: string
  readonly isAllowed: boolean
  readonly count: number
  /** Milliseconds since 1970. */
  readonly lastAt: number
}

/** Records looked at in one statement: the engine is held up for some ten milliseconds. */
const SPAN = 50_000

/** What the audit trail and the jobs' records of an account say of its identities since `since`. */
export async function usesOf(db: Queryable, accountId: string, since: number): Promise<readonly Use[]> {
  const uses = new Map<string, Use>()
  const add = (use: Use): void => {
    const key = `${use.identityId} ${use.action} ${use.isAllowed}`
    const known = uses.get(key)
    const count = use.count + (known?.count ?? 0)
    uses.set(key, { ...use, count, lastAt: Math.max(use.lastAt, known?.lastAt ?? 0) })
  }
  for await (const row of callUses(db, accountId, since)) add(row)
  for (const row of await jobUses(db, accountId, since)) add(row)
  return [...uses.values()]
}

async function* callUses(db: Queryable, accountId: string, since: number): AsyncGenerator<Use> {
  const bounds = await db
    .selectFrom('audit')
    .select((eb) => [eb.fn.min('seq').as('first'), eb.fn.max('seq').as('last')])
    .where('account_id', '=', accountId)
    .executeTakeFirst()
  // min() and max() of no rows are null, which Kysely's types leave out.
  const { first, last } = (bounds ?? {}) as { first?: number | null; last?: number | null }
  if (first === undefined || first === null || last === undefined || last === null) return
  for (let from = Number(first); from <= Number(last); from += SPAN) {
    const rows = await db
      .selectFrom('audit')
      .select((eb) => [
        'principal_id',
        'action',
        'effect',
        eb.fn.countAll<number>().as('times'),
        eb.fn.max('at').as('last_at'),
      ])
      .where('account_id', '=', accountId)
      .where('seq', '>=', from)
      .where('seq', '<', from + SPAN)
      .where('at', '>=', since)
      .groupBy(['principal_id', 'action', 'effect'])
      .execute()
    for (const row of rows) {
      yield {
        // A role's sessions are AROA…:SESSION.
        identityId: row.principal_id.split(':')[0] as string,
        action: row.action,
        isAllowed: row.effect === 'Allow',
        count: Number(row.times),
        lastAt: Number(row.last_at),
      }
    }
  }
}

async function jobUses(db: Queryable, accountId: string, since: number): Promise<readonly Use[]> {
  const rows = await db
    .selectFrom('job_decision')
    .innerJoin('job', 'job.job_id', 'job_decision.job_id')
    .select((eb) => [
      'job.role_id',
      'job_decision.action',
      'job_decision.effect',
      sql<number>`sum(job_decision.count)`.as('times'),
      eb.fn.max('job_decision.last_at').as('last_at'),
    ])
    .where('job_decision.account_id', '=', accountId)
    .where('job_decision.last_at', '>=', since)
    .groupBy(['job.role_id', 'job_decision.action', 'job_decision.effect'])
    .execute()
  return rows.map((row) => ({
    identityId: row.role_id ?? '',
    action: row.action,
    isAllowed: row.effect === 'Allow',
    count: Number(row.times),
    lastAt: Number(row.last_at),
  }))
}

/** When the account's records begin; undefined where it has none. */
export async function firstRecordAt(db: Queryable, accountId: string): Promise<number | undefined> {
  const row = await db
    .selectFrom('audit')
    .select('at')
    .where('account_id', '=', accountId)
    .orderBy('seq')
    .limit(1)
    .executeTakeFirst()
  return row?.at
}

/** Keeps a report, and of the account's others those from after `keptSince`. */
export async function putAccessReport(
  db: Queryable,
  row: AccessReportTable,
  keptSince: number,
): Promise<void> {
  await db
    .deleteFrom('access_report')
    .where('account_id', '=', row.account_id)
    .where('created_at', '<', keptSince)
    .execute()
  await db.insertInto('access_report').values(row).execute()
}

export async function findAccessReport(
  db: Queryable,
  accountId: string,
  jobId: string,
): Promise<AccessReportTable | undefined> {
  return await db
    .selectFrom('access_report')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('job_id', '=', jobId)
    .executeTakeFirst()
}
