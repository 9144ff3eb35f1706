import { setTimeout as pause } from 'node:timers/promises'
import { retentionDays } from '../../plans/lifecycle.ts'
import type { PlanDocument, PlanRule } from '../../plans/plan.ts'
import { DEFAULT_SCHEDULE, DEFAULT_TIMEZONE, parseSchedule } from '../../plans/schedule.ts'
import type { Schedule } from '../../plans/schedule.ts'
import { expireUnstarted } from '../../store/jobs/claims.ts'
import { pausesAt } from '../../store/jobs/pauses.ts'
import { nextTestStepAt } from '../../store/plans/restore-tests.ts'
import { nextTestingPlanDueAt } from '../../store/plans/restore-testing.ts'
import {
  advanceRule,
  dueRules,
  findPlan,
  nextRuleDueAt,
  recordPlanRun,
  rulesOfPlan,
} from '../../store/plans/plans.ts'
import type { DueRule, PlanRow, ScheduledRule } from '../../store/plans/plans.ts'
import type { BackupPauseTable, PlanRunOutcome } from '../../store/plans/schema-plans.ts'
import type { Queryable } from '../../store/store.ts'
import { runsUpTo } from './missed-runs.ts'
import { insertPlanJobs, planArn, windowsOf } from './plan-jobs.ts'
import { ResourceViews } from './selected-resources.ts'
import { advanceRestoreTests } from '../restore-tests/restore-test-steps.ts'
import { runDueTestingPlans } from '../restore-tests/restore-test-runs.ts'
import { eachDue } from '../each-due.ts'
import type { JobTools } from '../tools.ts'

/** A look at the rules at least so often, in milliseconds: another server may have changed them. */
const MAX_SLEEP_MS = 2_000
/** The same while the end of a restore test's step is waited for. */
const STEP_SLEEP_MS = 250

/**
 * Makes jobs of the rules that are due. A run belongs to whoever moves its rule on, in the transaction that puts its jobs into the
 * queue: it happens once, whoever looks and whatever crashes.
 *
 * A run that was missed while no server ran is made up for as long as its start window is open, the newest only; beyond that it
 * ends as EXPIRED jobs that say so. Of rules due at one moment into one vault, the one that keeps longest stands for the others.
 */
export class Scheduler {
  readonly #tools: Pick<JobTools, 'store' | 'clock' | 'log'>
  readonly #stop = new AbortController()
  #loop: Promise<void> | undefined

  constructor(tools: Pick<JobTools, 'store' | 'clock' | 'log'>) {
    this.#tools = tools
  }

  start(): void {
    this.#loop ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#loop
  }

  async #run(): Promise<void> {
    const { clock, log } = this.#tools
    while (!this.#stop.signal.aborted) {
      let sleepMs = MAX_SLEEP_MS
      try {
        const failed = await this.runDue()
        const next = failed === 0 ? await this.#nextDueAt() : undefined
        if (next !== undefined) sleepMs = Math.min(MAX_SLEEP_MS, Math.max(20, next - clock.now()))
      } catch (error) {
        log.error('the scheduler could not look at the plans', {
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        })
      }
      await pause(sleepMs, undefined, { signal: this.#stop.signal }).catch(() => undefined)
    }
  }

  async #nextDueAt(): Promise<number | undefined> {
    const { store, clock } = this.#tools
    const times = [
      await nextRuleDueAt(store.db),
      await nextTestingPlanDueAt(store.db),
      await nextTestStepAt(store.db, clock.now() + STEP_SLEEP_MS),
    ]
    const due = times.filter((at) => at !== undefined)
    return due.length === 0 ? undefined : Math.min(...due)
  }

  /**
   * Takes up every rule and restore testing plan that is due now, and each restore test whose next step is; tests call it with a clock
   * of their own.
   * @returns How many could not be run; they are due still.
   */
  async runDue(): Promise<number> {
    const { signal } = this.#stop
    return (
      (await this.#runRules()) +
      (await runDueTestingPlans(this.#tools, signal)) +
      (await advanceRestoreTests(this.#tools, signal))
    )
  }

  async #runRules(): Promise<number> {
    const { db } = this.#tools.store
    const now = this.#tools.clock.now()
    const views = new ResourceViews(this.#tools.clock)
    return await eachDue<DueRule>(this.#tools, this.#stop.signal, {
      page: async (limit, after) => await dueRules(db, now, limit, after),
      run: async (tx, rule) => await runRule(tx, rule, { now, views }),
      failed: ({ planId: plan, ruleId: rule }) => ({
        message: 'a plan’s rule could not be run',
        facts: { plan, rule },
      }),
    })
  }
}

/** What the rules that are due together share. */
interface Tick {
  readonly now: number
  readonly views: ResourceViews
}

/** @returns True where it put jobs into the queue. */
async function runRule(tx: Queryable, due: DueRule, { now, views }: Tick): Promise<boolean> {
  const plan = await findPlan(tx, due, due.planId)
  const document = plan === undefined ? undefined : (JSON.parse(plan.document) as PlanDocument)
  const rule = document?.Rules.find(({ RuleId }) => RuleId === due.ruleId)
  if (plan === undefined || document === undefined || rule === undefined || plan.deleted_at !== null) {
    await advanceRule(tx, due, undefined)
    return false
  }
  const schedule = scheduleOf(rule, due.writtenAt)
  if (!(await advanceRule(tx, due, schedule.next(now)))) return false
  const { runs, count } = runsUpTo(schedule, due.dueAt, now)
  const record = async (
    dueAt: number,
    outcome: PlanRunOutcome,
    jobs: number,
    message: string,
  ): Promise<void> =>
    await recordPlanRun(tx, { rule: due, dueAt, versionId: plan.version_id, outcome, jobs, message, now })
  const last = runs.at(-1) as number
  const isOpen = last + windowsOf(rule).startMs > now
  for (const at of runs.slice(0, -1)) {
    if (isOpen) await record(at, 'SUPERSEDED', 0, `No server ran; the run of ${iso(last)} stands for it`)
    else await record(at, 'MISSED', 0, `No server ran inside its start window`)
  }
  const pauses = await pausesAt(tx, due, now)
  const held = pauses.get('*') ?? pauses.get(planArn(plan))
  if (held !== undefined) {
    await record(last, 'PAUSED', 0, pauseMessage(held))
    return false
  }
  const winner = longerRule(document, rule, await rulesOfPlan(tx, plan.plan_id), last)
  if (winner !== undefined) {
    await record(
      last,
      'SUPERSEDED',
      0,
      `The rule ${winner.RuleName}, due at the same time, keeps its backup longer`,
    )
    return false
  }
  return await makeJobs(
    tx,
    { plan, document, rule, dueAt: last },
    { now, views, isOpen, missed: count, pauses },
    record,
  )
}

interface RunAt extends Tick {
  /** Its start window has not ended. */
  readonly isOpen: boolean
  /** Runs that are due, this one included. */
  readonly missed: number
  readonly pauses: ReadonlyMap<string, BackupPauseTable>
}

async function makeJobs(
  tx: Queryable,
  run: {
    readonly plan: PlanRow
    readonly document: PlanDocument
    readonly rule: PlanRule
    readonly dueAt: number
  },
  { now, views, isOpen, missed, pauses }: RunAt,
  record: (dueAt: number, outcome: PlanRunOutcome, jobs: number, message: string) => Promise<void>,
): Promise<boolean> {
  const all = await views.selectedBy(tx, run.plan)
  const selected = all.filter(({ resource }) => !pauses.has(resource.arn))
  if (isOpen) {
    await insertPlanJobs(tx, run, selected, { now })
    const paused = all.length - selected.length
    if (all.length === 0) await record(run.dueAt, 'EMPTY', 0, 'The plan’s selections matched no resource')
    else {
      const outcome = selected.length === 0 ? 'PAUSED' : 'STARTED'
      await record(run.dueAt, outcome, selected.length, paused === 0 ? '' : `${paused} resources are paused`)
    }
    return selected.length > 0
  }
  const more = missed > 1 ? `, nor for the ${missed - 1} runs before` : ''
  const reason =
    `Backup job expired: it was due at ${iso(run.dueAt)} by the rule ${run.rule.RuleName}, and no server ran inside its start ` +
    `window${more}`
  await insertPlanJobs(tx, run, selected, { now, missed: reason })
  await expireUnstarted(tx, 'backup', now, reason)
  await record(run.dueAt, 'MISSED', selected.length, 'No server ran inside its start window')
  return false
}

/** A rule of the same plan that is due at the same moment, writes into the same vault and keeps longer. */
function longerRule(
  document: PlanDocument,
  rule: PlanRule,
  rules: readonly ScheduledRule[],
  dueAt: number,
): PlanRule | undefined {
  const index = document.Rules.indexOf(rule)
  const days = retentionDays(rule.Lifecycle)
  return document.Rules.find((other, i) => {
    if (i === index || other.TargetBackupVaultName !== rule.TargetBackupVaultName) return false
    const otherDays = retentionDays(other.Lifecycle)
    if (otherDays < days || (otherDays === days && i > index)) return false
    const writtenAt = rules.find(({ ruleId }) => ruleId === other.RuleId)?.writtenAt
    // A rule written after the moment was not due at it.
    return (
      writtenAt !== undefined && writtenAt < dueAt && scheduleOf(other, writtenAt).next(dueAt - 1) === dueAt
    )
  })
}

function scheduleOf(rule: PlanRule, writtenAt: number): Schedule {
  return parseSchedule(
    rule.ScheduleExpression ?? DEFAULT_SCHEDULE,
    rule.ScheduleExpressionTimezone ?? DEFAULT_TIMEZONE,
    writtenAt,
  )
}

function pauseMessage({ target_arn, until, paused_by, reason }: BackupPauseTable): string {
  const what = target_arn === '*' ? 'All plans are' : 'The plan is'
  return `${what} paused until ${iso(until)} by ${paused_by}${reason === null ? '' : `: ${reason}`}`
}

const iso = (at: number): string => new Date(at).toISOString()
