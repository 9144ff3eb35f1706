import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { Rounds } from '../lib/rounds.ts'
import type { DiscoveryDocument } from '../plans/discovery.ts'
import {
  claimDiscovery,
  discoveryRounds,
  extendDiscovery,
  finishDiscovery,
  nextDiscoveryAt,
} from '../store/resources/discovery.ts'
import type { ClaimedRule } from '../store/resources/discovery.ts'
import { recordNotice } from '../store/events/events.ts'
import type { Notice } from '../store/events/events.ts'
import type { Store } from '../store/store.ts'
import { runDiscoveryRound } from './discovery-round.ts'
import type { ActAs, RoundResult } from './discovery-round.ts'
import { ruleArn } from './discovery-rules.ts'

/** A look for rules that are due at least so often, in milliseconds. */
const MAX_SLEEP_MS = 500
/** Longer than the longest step of a round, in milliseconds: whoever holds it longer is dead. */
const LEASE_MS = 150_000
const MINUTE_MS = 60_000

export interface DiscoveryRoundsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Names this process among all; leases are held in this name. */
  readonly owner: string
  readonly actAs: ActAs
}

/**
 * Takes up discovery rules that are due, one after another, each under a lease: of many servers one works on a rule. It stands on
 * this side, where registering is decided and checked; what is behind a connection it has a worker list.
 */
export class DiscoveryRounds {
  readonly #options: DiscoveryRoundsOptions
  readonly #rounds: Rounds

  constructor(options: DiscoveryRoundsOptions) {
    this.#options = options
    const failed = 'discovery rules could not be looked at'
    this.#rounds = new Rounds({ log: options.log, failed, waitMs: MAX_SLEEP_MS })
  }

  start(): void {
    this.#rounds.start(() => this.#runDue())
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  /** @returns How long to wait, in milliseconds. */
  async #runDue(): Promise<number> {
    const { store, clock } = this.#options
    if (await this.#runOne()) return 0
    const next = await nextDiscoveryAt(store.db)
    return next === undefined ? MAX_SLEEP_MS : Math.min(MAX_SLEEP_MS, Math.max(50, next - clock.now()))
  }

  /** @returns False where no rule is due. */
  async #runOne(): Promise<boolean> {
    const { store, clock, owner } = this.#options
    const now = clock.now()
    const due = await nextDiscoveryAt(store.db)
    if (due === undefined || due > now) return false
    const claimed = await store.transaction((tx) => claimDiscovery(tx, { owner, now, until: now + LEASE_MS }))
    if (claimed === undefined) return false
    const result = await this.#round(claimed, now)
    // Cut off: the lease ends, or the next start takes it up at once.
    const isCutOff = this.#rounds.signal.aborted && result.failed
    const { intervalMinutes } = JSON.parse(claimed.rule.document) as DiscoveryDocument
    const nextRunAt = isCutOff ? now : now + intervalMinutes * MINUTE_MS
    const before = (await discoveryRounds(store.db, [claimed.rule.rule_id])).get(claimed.rule.rule_id)
    await store.transaction(async (tx) => {
      await finishDiscovery(tx, claimed, { owner, now: clock.now(), nextRunAt, ...result })
      if (!isCutOff && (before?.failed === 1) !== result.failed)
        await recordNotice(tx, noticeOf(claimed.rule, result, now))
    })
    return true
  }

  async #round({ rule }: ClaimedRule, now: number): Promise<RoundResult> {
    const { store, clock, log, owner, actAs } = this.#options
    const keepOn = async (): Promise<boolean> =>
      !this.#rounds.signal.aborted &&
      (await extendDiscovery(store.db, rule.rule_id, { owner, until: clock.now() + LEASE_MS }))
    try {
      return await runDiscoveryRound(store.db, rule, actAs, keepOn, now)
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      log.warn('discovery failed', { account: rule.account_id, rule: rule.name, reason: message })
      return { failed: true, message }
    }
  }
}

/** Told once when rounds begin to fail, and once when they go well again. */
function noticeOf(rule: ClaimedRule['rule'], { failed, message }: RoundResult, at: number): Notice {
  return {
    accountId: rule.account_id,
    region: rule.region,
    at,
    detailType: 'Discovery State Change',
    resources: [ruleArn({ region: rule.region, accountId: rule.account_id }, rule.name)],
    detail: { ruleName: rule.name, state: failed ? 'FAILED' : 'COMPLETED', statusMessage: message },
    cause: `discovery ${rule.rule_id} ${at}`,
  }
}
