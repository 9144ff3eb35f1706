import { setTimeout as pause } from 'node:timers/promises'
import type { Log } from '../lib/log.ts'
import { Rounds } from '../lib/rounds.ts'
import {
  claimDeliveries,
  endDeliveries,
  failDeliveries,
  owedBehind,
} from '../store/events/event-deliveries.ts'
import type { ClaimedDelivery } from '../store/events/event-deliveries.ts'
import { givenUpNotice } from './given-up.ts'
import { MAIL_EVENTS, MAIL_PAUSE_MS } from './mail.ts'
import type { Message } from './message.ts'
import { sendTo } from './send.ts'
import type { SendOptions } from './send.ts'

const IDLE_MS = 1_000
/** Targets that are told something at the same time; one target gets one message after the other. */
const AT_ONCE = 8
/** Of these, targets of one account: receivers that take their time keep nobody else's waiting. */
const AT_ONCE_OF_ACCOUNT = 4
/** A message whose sender died is another's after this, in milliseconds: longer than a try can take. */
const LEASE_MS = 30_000
/** What is not taken by then is given up, in milliseconds; it can be sent again. */
const GIVE_UP_MS = 7 * 86_400_000
/** A message that its target refuses as such so often is given up, so that it does not hold up those behind it: after about 15 minutes. */
const MAX_REFUSALS = 10
const MIN_WAIT_MS = 1_000
const MAX_WAIT_MS = 3_600_000

export interface DelivererOptions extends SendOptions {
  readonly log: Log
  readonly owner: string
  /** Of what lies in none. */
  readonly region: string
}

/**
 * Tells targets what they are owed until they take it: in order for each target, at least once. A target that is away keeps no other
 * waiting and no job: it is tried again after a second, then two, up to an hour.
 */
export class Deliverer {
  readonly #options: DelivererOptions
  readonly #rounds: Rounds

  constructor(options: DelivererOptions) {
    this.#options = options
    const failed = 'events could not be delivered'
    this.#rounds = new Rounds({ log: options.log, failed, waitMs: IDLE_MS })
  }

  start(): void {
    this.#rounds.start(() => this.run())
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  /** Sends what is due now, and what becomes due meanwhile. */
  async run(): Promise<void> {
    const sending = new Map<Promise<void>, string>()
    try {
      for (;;) {
        for (;;) {
          const claimed = await this.#claim([...sending.values()])
          if (claimed === undefined) break
          const sent = this.#send(claimed).finally(() => sending.delete(sent))
          sending.set(sent, claimed.target.account_id)
        }
        if (sending.size === 0) return
        // Whoever was told is owed the next one at once.
        await oneOf([...sending.keys()])
      }
    } finally {
      await Promise.allSettled(sending.keys())
    }
  }

  /** @param accounts Of each target that is being told something. */
  async #claim(accounts: readonly string[]): Promise<ClaimedDelivery | undefined> {
    if (accounts.length >= AT_ONCE || this.#rounds.signal.aborted) return undefined
    const { store, clock, owner } = this.#options
    const busyAccounts = [...Map.groupBy(accounts, (account) => account)]
      .filter(([, theirs]) => theirs.length >= AT_ONCE_OF_ACCOUNT)
      .map(([account]) => account)
    const [claimed] = await claimDeliveries(store, {
      owner,
      now: clock.now(),
      leaseMs: LEASE_MS,
      limit: 1,
      busyAccounts,
    })
    return claimed
  }

  async #send({ delivery, target }: ClaimedDelivery): Promise<void> {
    const { store, clock, log, region } = this.#options
    const isMail = target.kind === 'MAIL'
    // A mail tells all that waits: whoever has the first has those behind it, too.
    const behind = isMail ? await owedBehind(store.db, delivery, toldTogether(delivery.refusals) - 1) : []
    const deliveries = [delivery, ...behind] as const
    const messages = deliveries.map(({ message }) => JSON.parse(message) as Message)
    const failure = await sendTo(this.#options, target, messages, delivery.sequence)
    const now = clock.now()
    if (failure === undefined)
      return await endDeliveries(store, deliveries, { now, nextAt: isMail ? now + MAIL_PAUSE_MS : now })
    const { problem, isRefused } = failure
    const isHopeless = isRefused && delivery.refusals + 1 >= MAX_REFUSALS
    const giveUpBefore = now - GIVE_UP_MS
    const waitMs = Math.min(MAX_WAIT_MS, MIN_WAIT_MS * 2 ** Math.min(20, target.failures))
    await failDeliveries(store, target, deliveries, {
      now,
      problem,
      retryAt: now + waitMs * (0.5 + Math.random() / 2),
      giveUpBefore,
      isRefused,
      isHopeless,
      tell: (of) => givenUpNotice(of, region),
    })
    if (isHopeless)
      log.error('an event was refused again and again and is given up', {
        target: target.name,
        error: problem,
      })
    else if (delivery.created_at <= giveUpBefore)
      log.error('events were not taken for a week and are given up', { target: target.name, error: problem })
    else if (target.failures === 0)
      log.warn('an event target took no event: it is tried again', { target: target.name, error: problem })
  }
}

/**
 * What was refused together is told by halves, so that what the target will not have is found, and given up alone: well before
 * MAX_REFUSALS one message is left.
 */
function toldTogether(refusals: number): number {
  return Math.max(1, Math.floor(MAIL_EVENTS / 2 ** refusals))
}

/** Waits for the first of what is being sent to end, but no longer than anybody who is owed something new should. */
async function oneOf(sending: readonly Promise<void>[]): Promise<void> {
  if (sending.length === 0) return
  const ended = new AbortController()
  const idle = pause(IDLE_MS, undefined, { signal: ended.signal, ref: false }).catch(() => undefined)
  await Promise.race([...sending, idle]).finally(() => ended.abort())
}
