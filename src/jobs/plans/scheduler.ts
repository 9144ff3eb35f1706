import { Rounds } from '../../lib/rounds.ts'
import { dueRules, nextRuleDueAt } from '../../store/plans/due-rules.ts'
import type { DueRule } from '../../store/plans/due-rules.ts'
import { nextTestStepAt } from '../../store/plans/restore-tests.ts'
import { nextTestingPlanDueAt } from '../../store/plans/restore-testing.ts'
import { ResourceViews } from './selected-resources.ts'
import { advanceRestoreTests } from '../restore-tests/restore-test-steps.ts'
import { runDueTestingPlans } from '../restore-tests/restore-test-runs.ts'
import { eachDue } from '../each-due.ts'
import type { JobTools } from '../tools.ts'
import { runRules } from './due-rules.ts'

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
  readonly #rounds: Rounds

  constructor(tools: Pick<JobTools, 'store' | 'clock' | 'log'>) {
    this.#tools = tools
    const failed = 'the scheduler could not look at the plans'
    this.#rounds = new Rounds({ log: tools.log, failed, waitMs: MAX_SLEEP_MS })
  }

  start(): void {
    this.#rounds.start(() => this.#round())
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  async #round(): Promise<number> {
    const failed = await this.runDue()
    const next = failed === 0 ? await this.#nextDueAt() : undefined
    return next === undefined
      ? MAX_SLEEP_MS
      : Math.min(MAX_SLEEP_MS, Math.max(20, next - this.#tools.clock.now()))
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
    const { signal } = this.#rounds
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
    return await eachDue<DueRule>(this.#tools, this.#rounds.signal, {
      page: async (limit, after) => await dueRules(db, now, limit, after),
      run: async (tx, rules) => await runRules(tx, rules, { now, views }),
      failed: ({ planId: plan, ruleId: rule }) => ({
        message: 'a plan’s rule could not be run',
        facts: { plan, rule },
      }),
    })
  }
}
