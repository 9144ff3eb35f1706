import { sql } from 'kysely'
import type { PlanRunOutcome } from './schema-plans.ts'
import type { Queryable } from '../store.ts'

/** What the scheduler asks and writes: rules that are due, and what became of their runs. */

export interface DueRule {
  readonly accountId: string
  readonly region: string
  readonly planId: string
  readonly ruleId: string
  readonly writtenAt: number
  readonly dueAt: number
}

/** Those due at `now`, in the order of their times, and of one time an account's and region's together. @param after The ones behind it. */
export async function dueRules(
  db: Queryable,
  now: number,
  limit: number,
  after?: DueRule,
): Promise<readonly DueRule[]> {
  let query = db.selectFrom('backup_rule').selectAll().where('next_run_at', '<=', now)
  if (after !== undefined)
    query = query.where((eb) =>
      eb(
        eb.refTuple('next_run_at', 'account_id', 'region', 'plan_id', 'rule_id'),
        '>',
        eb.tuple(after.dueAt, after.accountId, after.region, after.planId, after.ruleId),
      ),
    )
  const rows = await query
    .orderBy('next_run_at')
    .orderBy('account_id')
    .orderBy('region')
    .orderBy('plan_id')
    .orderBy('rule_id')
    .limit(limit)
    .execute()
  return rows.map((row) => ({
    accountId: row.account_id,
    region: row.region,
    planId: row.plan_id,
    ruleId: row.rule_id,
    writtenAt: row.written_at,
    dueAt: row.next_run_at as number,
  }))
}

export async function nextRuleDueAt(db: Queryable): Promise<number | undefined> {
  const row = await db
    .selectFrom('backup_rule')
    .select((eb) => eb.fn.min('next_run_at').as('at'))
    .executeTakeFirst()
  return row?.at === null || row?.at === undefined ? undefined : Number(row.at)
}

/**
 * Moves a rule from the run that is due to its next one. Whoever gets true makes that run's jobs, in the same transaction: two
 * servers, or one that starts again, make them once.
 */
export async function advanceRule(
  db: Queryable,
  rule: DueRule,
  nextRunAt: number | undefined,
): Promise<boolean> {
  const result = await db
    .updateTable('backup_rule')
    .set({ next_run_at: nextRunAt ?? null })
    .where('plan_id', '=', rule.planId)
    .where('rule_id', '=', rule.ruleId)
    .where('next_run_at', '=', rule.dueAt)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

export interface PlanRun {
  readonly rule: DueRule
  readonly dueAt: number
  readonly versionId: string
  readonly outcome: PlanRunOutcome
  readonly jobs: number
  readonly message: string
  readonly now: number
}

/** Fewer values than SQLite and PostgreSQL take in one statement. */
const RUNS_A_STATEMENT = 500

/** Keeps what became of runs, the first that is said of each, and when their plans last made jobs. */
export async function recordPlanRuns(db: Queryable, runs: readonly PlanRun[]): Promise<void> {
  for (let at = 0; at < runs.length; at += RUNS_A_STATEMENT)
    await db
      .insertInto('backup_plan_run')
      .values(runs.slice(at, at + RUNS_A_STATEMENT).map(rowOf))
      .onConflict((conflict) => conflict.columns(['plan_id', 'rule_id', 'due_at']).doNothing())
      .execute()
  const started = runs.filter(({ outcome }) => outcome === 'STARTED')
  for (const [dueAt, together] of Map.groupBy(started, (run) => run.dueAt))
    await db
      .updateTable('backup_plan')
      .set({ last_run_at: sql<number>`case when last_run_at > ${dueAt} then last_run_at else ${dueAt} end` })
      .where(
        'plan_id',
        'in',
        together.map(({ rule }) => rule.planId),
      )
      .execute()
}

const rowOf = ({ rule, dueAt, versionId, outcome, jobs, message, now }: PlanRun) => ({
  account_id: rule.accountId,
  region: rule.region,
  plan_id: rule.planId,
  rule_id: rule.ruleId,
  due_at: dueAt,
  version_id: versionId,
  outcome,
  jobs,
  message,
  recorded_at: now,
})
