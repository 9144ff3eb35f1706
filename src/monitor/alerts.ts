import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import { Rounds } from '../lib/rounds.ts'
import { recordNotice } from '../store/events/events.ts'
import { resourceMeasures } from '../store/points/measures.ts'
import { giveSignOfLife } from '../store/jobs/sign-of-life.ts'
import type { Store } from '../store/store.ts'
import { objectives } from './objectives.ts'
import type { Objective } from './objectives.ts'

/** A look at all plans and a sign of life so often, in milliseconds. */
const ROUND_MS = 60_000
/** No sign of life for longer than this was silence, in milliseconds: a restart or an upgrade takes less. */
const SILENCE_MS = 600_000
/** Resources looked at, as the metrics do. */
const MAX_RESOURCES = 10_000

export interface AlertsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Whom the silence of all servers is told. */
  readonly managementAccountId: string
  readonly region: string
}

/**
 * Finds out what no row tells by changing: a resource whose backup did not come, and that no server ran. Each is an event, once for
 * its cause whoever looks, and again each week while it lasts. (A missed run has a row of its own, and so an event.)
 */
export class Alerts {
  readonly #options: AlertsOptions
  readonly #rounds: Rounds

  constructor(options: AlertsOptions) {
    this.#options = options
    const failed = 'nobody could look for backups that did not come'
    this.#rounds = new Rounds({ log: options.log, failed, waitMs: ROUND_MS })
  }

  start(): void {
    this.#rounds.start(() => this.run())
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  /** One round; tests call it with a clock of their own. */
  async run(): Promise<void> {
    const { store, clock } = this.#options
    const now = clock.now()
    await this.#tellOfSilence(now)
    const resources = await resourceMeasures(store.db, MAX_RESOURCES)
    for (const objective of await objectives(store.db, resources, now))
      if (objective.missedSince !== undefined)
        await this.#tellOfMissing(objective, objective.missedSince, now)
  }

  async #tellOfMissing(objective: Objective, missedSince: number, at: number): Promise<void> {
    const { accountId, region, resourceArn, planId, planName, ruleName } = objective
    const due = new Date(missedSince).toISOString()
    await recordNotice(this.#options.store.db, {
      accountId,
      region,
      at,
      detailType: 'Recovery Point Objective Missed',
      resources: [resourceArn],
      detail: {
        resourceArn,
        backupPlanId: planId,
        backupPlanName: planName,
        ruleName,
        state: 'MISSED',
        dueAt: due,
        statusMessage: `The resource has no recovery point from the run of ${due} or later, and no backup of it is under way`,
      },
      cause: `objective ${accountId} ${resourceArn} ${planId} ${ruleName} ${missedSince}`,
    })
  }

  async #tellOfSilence(now: number): Promise<void> {
    const { store, managementAccountId, region } = this.#options
    const last = await giveSignOfLife(store, now)
    if (last === undefined || now - last < SILENCE_MS) return
    const [from, until] = [last, now].map((at) => new Date(at).toISOString())
    await recordNotice(store.db, {
      accountId: managementAccountId,
      region,
      at: now,
      detailType: 'Server Silence',
      resources: [],
      detail: {
        state: 'ENDED',
        silentFrom: from,
        silentUntil: until,
        statusMessage: `No server gave a sign of life from ${from} until ${until}, or the clock was set forward: nothing was backed up meanwhile`,
      },
      cause: `silence ${last}`,
    })
  }
}
