import { retentionDays } from '../../plans/lifecycle.ts'
import type { PlanDocument, PlanRule } from '../../plans/plan.ts'
import { DEFAULT_SCHEDULE, DEFAULT_TIMEZONE, parseSchedule } from '../../plans/schedule.ts'
import type { Schedule } from '../../plans/schedule.ts'
import { expireUnstarted } from '../../store/jobs/claims.ts'
import { insertJobs } from '../../store/jobs/jobs.ts'
import type { NewJob } from '../../store/jobs/jobs.ts'
import { pausesAt } from '../../store/jobs/pauses.ts'
import { advanceRule, recordPlanRuns } from '../../store/plans/due-rules.ts'
import type { DueRule, PlanRun } from '../../store/plans/due-rules.ts'
import { findPlans, rulesOfPlans, selectionsOfPlans } from '../../store/plans/plans.ts'
import type { PlanRow, ScheduledRule } from '../../store/plans/plans.ts'
import type {
  BackupPauseTable,
  BackupSelectionTable,
  PlanRunOutcome,
} from '../../store/plans/schema-plans.ts'
import type { Queryable } from '../../store/store.ts'
import type { Done } from '../each-due.ts'
import { runsUpTo } from './missed-runs.ts'
import { planArn, planJobs, windowsOf } from './plan-jobs.ts'
import type { PlanRunOf } from './plan-jobs.ts'
import type { ResourceViews } from './selected-resources.ts'

/** What the rules that are due together share. */
interface Tick {
  readonly now: number
  readonly views: ResourceViews
}

/** What is to be written once all rules of a transaction were gone through: a plan takes no statements of its own. */
interface Made {
  readonly jobs: NewJob[]
  readonly runs: PlanRun[]
  /** Why jobs among them can no longer start. */
  readonly missed: string[]
}

/** Jobs of one transaction, beyond which it takes up no further rule: others wait for it. */
const MANY_JOBS = 1_000

/**
 * Makes the jobs of rules that are due, in the caller's transaction: of each, what others did not make meanwhile.
 * @returns How many of the rules it took up, from the first on.
 */
export async function runRules(tx: Queryable, due: readonly DueRule[], tick: Tick): Promise<Done> {
  const known = await knownOf(tx, due, tick.now)
  const made: Made = { jobs: [], runs: [], missed: [] }
  let [count, isQueued] = [0, false]
  for (const rule of due) {
    if (made.jobs.length >= MANY_JOBS) break
    isQueued = (await runRule(tx, rule, { tick, known, made })) || isQueued
    count++
  }
  await insertJobs(tx, made.jobs)
  for (const reason of made.missed) await expireUnstarted(tx, 'backup', tick.now, reason)
  await recordPlanRuns(tx, made.runs)
  return { count, isQueued }
}

/** What there is of the plans whose rules are due, by their ids, and what is paused where they are. */
interface Known {
  readonly plans: ReadonlyMap<string, PlanRow>
  readonly rules: ReadonlyMap<string, readonly ScheduledRule[]>
  readonly selections: ReadonlyMap<string, readonly BackupSelectionTable[]>
  pausesOf(rule: DueRule): ReadonlyMap<string, BackupPauseTable>
}

async function knownOf(tx: Queryable, due: readonly DueRule[], now: number): Promise<Known> {
  const planIds = [...new Set(due.map(({ planId }) => planId))]
  const placeOf = ({ accountId, region }: DueRule): string => `${accountId} ${region}`
  const pauses = new Map<string, ReadonlyMap<string, BackupPauseTable>>()
  for (const rule of due)
    if (!pauses.has(placeOf(rule))) pauses.set(placeOf(rule), await pausesAt(tx, rule, now))
  return {
    plans: await findPlans(tx, planIds),
    rules: await rulesOfPlans(tx, planIds),
    selections: await selectionsOfPlans(tx, planIds),
    pausesOf: (rule) => pauses.get(placeOf(rule)) ?? new Map<string, BackupPauseTable>(),
  }
}

interface Within {
  readonly tick: Tick
  readonly known: Known
  readonly made: Made
}

/** @returns True where it made jobs that can begin. */
async function runRule(tx: Queryable, due: DueRule, { tick, known, made }: Within): Promise<boolean> {
  const { now } = tick
  const plan = known.plans.get(due.planId)
  const document = plan === undefined ? undefined : (JSON.parse(plan.document) as PlanDocument)
  const rule = document?.Rules.find(({ RuleId }) => RuleId === due.ruleId)
  const isThere = plan?.account_id === due.accountId && plan.region === due.region && plan.deleted_at === null
  if (plan === undefined || document === undefined || rule === undefined || !isThere) {
    await advanceRule(tx, due, undefined)
    return false
  }
  const schedule = scheduleOf(rule, due.writtenAt)
  if (!(await advanceRule(tx, due, schedule.next(now)))) return false
  const { runs, count } = runsUpTo(schedule, due.dueAt, now)
  const record = (dueAt: number, outcome: PlanRunOutcome, jobs: number, message: string): void =>
    void made.runs.push({ rule: due, dueAt, versionId: plan.version_id, outcome, jobs, message, now })
  const last = runs.at(-1) as number
  const isOpen = last + windowsOf(rule).startMs > now
  for (const at of runs.slice(0, -1)) {
    if (isOpen) record(at, 'SUPERSEDED', 0, `No server ran; the run of ${iso(last)} stands for it`)
    else record(at, 'MISSED', 0, `No server ran inside its start window`)
  }
  const pauses = known.pausesOf(due)
  const held = pauses.get('*') ?? pauses.get(planArn(plan))
  const winner = longerRule(document, rule, known.rules.get(plan.plan_id) ?? [], last)
  if (held !== undefined) record(last, 'PAUSED', 0, pauseMessage(held))
  else if (winner !== undefined) {
    const reason = `The rule ${winner.RuleName}, due at the same time, keeps its backup longer`
    record(last, 'SUPERSEDED', 0, reason)
  }
  if (held !== undefined || winner !== undefined) return false
  const all = await tick.views.selectedBy(tx, plan, known.selections.get(plan.plan_id) ?? [])
  const selected = all.filter(({ resource }) => !pauses.has(resource.arn))
  const run = { plan, document, rule, dueAt: last }
  const missed = isOpen ? undefined : missedReason(run, count)
  for (const job of planJobs(run, selected, { now, missed })) made.jobs.push(job)
  if (missed !== undefined) {
    made.missed.push(missed)
    record(last, 'MISSED', selected.length, 'No server ran inside its start window')
    return false
  }
  const paused = all.length - selected.length
  if (all.length === 0) record(last, 'EMPTY', 0, 'The plan’s selections matched no resource')
  else {
    const outcome = selected.length === 0 ? 'PAUSED' : 'STARTED'
    record(last, outcome, selected.length, paused === 0 ? '' : `${paused} resources are paused`)
  }
  return selected.length > 0
}

/** @param count Of the runs that are due, this one included. */
function missedReason({ rule, dueAt }: PlanRunOf, count: number): string {
  const more = count > 1 ? `, nor for the ${count - 1} runs before` : ''
  return (
    `Backup job expired: it was due at ${iso(dueAt)} by the rule ${rule.RuleName}, and no server ran inside its start ` +
    `window${more}`
  )
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
