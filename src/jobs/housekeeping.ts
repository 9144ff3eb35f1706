import { BACK_OFF_FORGOTTEN_MS } from '../access/back-off.ts'
import { Rounds } from '../lib/rounds.ts'
import { expireUnstarted } from '../store/jobs/claims.ts'
import { pruneDenials } from '../store/audit/denials.ts'
import { pruneJobs } from '../store/jobs/jobs.ts'
import { approvedForExpiry, pruneHeldDeletions } from '../store/points/held-deletions.ts'
import { pruneLegalHolds } from '../store/points/legal-holds.ts'
import { prunePlanRuns } from '../store/plans/plans.ts'
import { dueForExpiry, reviveUnexpired } from '../store/points/recovery-points.ts'
import type { ExpiryCursor } from '../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { pruneSignIns } from '../store/identity/sign-in.ts'
import { recordUsage } from '../store/vaults/vault-usage.ts'
import { RetryLaterError } from './errors.ts'
import { expirePoint } from './points/expire-point.ts'
import { retainLockedVaults } from './upkeep/retain.ts'
import { holdSurprises, MAX_CLOCK_JUMP_MS } from './plans/held-deletions.ts'
import { Moves } from './points/move-point.ts'
import { queueDueReports } from './report.ts'
import { thinOut } from './plans/thin-out.ts'
import type { JobTools } from './tools.ts'
import { guardVaults } from './vaults/vault-guard.ts'

/** Looks for what is due so often, in milliseconds. */
const ROUND_MS = 30_000
/** What became of a plan's runs is told for more than a year, in milliseconds. */
const KEEP_RUNS_MS = 400 * 86_400_000
/** Points expired in one round. */
const BATCH = 100

/** Points held by a refusal are tried again every so many rounds: somebody may have given the role the right. */
const RETRY_ROUNDS = 10

/** The locks of all vaults are looked at every so many rounds. */
const GUARD_ROUNDS = 10

/** What locked vaults' storage must keep is looked at every so many rounds: each day. */
const RETAIN_ROUNDS = 86_400_000 / ROUND_MS
/** What was approved so lately is tried in each round, in milliseconds; later, among what is held. */
const FRESH_MS = 5 * 60_000

/** What the vaults hold is written down every so many rounds: each hour. It reads all recovery points. */
const USAGE_ROUNDS = 3_600_000 / ROUND_MS

/** Retention counts are looked at every so many rounds. */
const COUNT_ROUNDS = 10

/**
 * What is due by the clock: start windows that passed, recovery points past their retention. Expiry is decided for the role
 * recorded on the point; a denial holds the point as EXPIRED and says why.
 */
export class Housekeeping {
  readonly #tools: JobTools
  readonly #holdShare: number
  readonly #moves: Moves
  readonly #rounds: Rounds
  /** Beside the rounds: it reads all manifests of locked vaults, and nothing that is due waits for that. */
  #retaining: Promise<void> = Promise.resolve()
  #roundsRun = 0
  #lastDue: ExpiryCursor | undefined
  #lastHeld: ExpiryCursor | undefined
  #last: { readonly wall: number; readonly monotonic: number } | undefined

  /** @param holdShare Share of a vault's recovery points that may go at once by a surprise: held-deletions.ts. */
  constructor(tools: JobTools, holdShare: number) {
    this.#tools = tools
    this.#rounds = new Rounds({ log: tools.log, failed: 'housekeeping failed', waitMs: ROUND_MS })
    this.#holdShare = holdShare
    this.#moves = new Moves(tools)
  }

  start(): void {
    this.#rounds.start(() => this.run())
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
    await this.#retaining
  }

  /** One round; tests call it with a clock of their own. */
  async run(): Promise<void> {
    const { store, clock, log } = this.#tools
    const now = clock.now()
    await this.#tools.runningTime.save()
    for (const [kind, noun] of [
      ['backup', 'Backup'],
      ['restore', 'Restore'],
    ] as const) {
      const message = `${noun} job expired: no worker could start it inside its start window.`
      await expireUnstarted(store.db, kind, now, message)
    }
    if (this.#hasClockJumped(now)) {
      log.warn('the wall clock jumped: no recovery point expires until it has run steadily for a round', {
        now: new Date(now).toISOString(),
      })
      return
    }
    await pruneLegalHolds(store.db, now)
    await pruneJobs(store.db, now)
    await prunePlanRuns(store.db, now - KEEP_RUNS_MS)
    await pruneSignIns(store.db, now - BACK_OFF_FORGOTTEN_MS)
    await pruneDenials(store.db, now, () => this.#rounds.signal.aborted)
    if (this.#roundsRun % GUARD_ROUNDS === 0) await guardVaults(this.#tools)
    if (this.#roundsRun % RETAIN_ROUNDS === 0) this.#retain()
    if (this.#roundsRun % USAGE_ROUNDS === 0) await recordUsage(store.db, now)
    await reviveUnexpired(store.db, now)
    await pruneHeldDeletions(store.db, now)
    await holdSurprises(this.#tools, this.#holdShare, now)
    await queueDueReports(this.#tools, now)
    const isCounting = this.#roundsRun % COUNT_ROUNDS === 0
    const due = await this.#duePoints(now)
    due.push(...(await approvedForExpiry(store.db, { now, since: now - FRESH_MS }, BATCH)))
    if (this.#roundsRun++ % RETRY_ROUNDS === 0) due.push(...(await this.#heldPoints(now)))
    for (const point of oldestFirst(due)) {
      if (this.#rounds.signal.aborted) return
      try {
        await expirePoint(this.#tools, point, { reason: 'Expired by its lifecycle', isCounted: false }, now)
      } catch (error) {
        if (error instanceof RetryLaterError) continue
        // One point must not keep those behind it from expiring; it is looked at again in the next round.
        log.error('a recovery point could not be expired', { point: point.arn, error: String(error) })
      }
    }
    await this.#moves.queueDue(now, this.#rounds.signal)
    if (isCounting) await thinOut(this.#tools, { now, holdShare: this.#holdShare }, this.#rounds.signal)
  }

  #retain(): void {
    this.#retaining = this.#retaining
      .then(() => retainLockedVaults(this.#tools, this.#rounds.signal))
      .catch((error: unknown) => {
        this.#tools.log.error('locked vaults could not be kept by their storage', { error: String(error) })
      })
  }

  /** The next of the points that are due, from the first again behind the last: none is tried for ever before the others. */
  async #duePoints(now: number): Promise<RecoveryPointTable[]> {
    const due = await dueForExpiry(this.#tools.store.db, now, { limit: BATCH, after: this.#lastDue })
    this.#lastDue = due.length < BATCH ? undefined : due.at(-1)
    return due
  }

  /** Likewise of those that are held. */
  async #heldPoints(now: number): Promise<RecoveryPointTable[]> {
    const options = { limit: BATCH, after: this.#lastHeld, isHeld: true }
    const held = await dueForExpiry(this.#tools.store.db, now, options)
    this.#lastHeld = held.length < BATCH ? undefined : held.at(-1)
    return held
  }

  #hasClockJumped(now: number): boolean {
    const monotonic = this.#tools.clock.monotonic()
    const last = this.#last
    this.#last = { wall: now, monotonic }
    if (last === undefined) return false
    return Math.abs(now - last.wall - (monotonic - last.monotonic)) > MAX_CLOCK_JUMP_MS
  }
}

/** Each once. The newest of a resource comes last: with it gone, those before it would be the last. */
function oldestFirst(points: readonly RecoveryPointTable[]): readonly RecoveryPointTable[] {
  const each = [...new Map(points.map((point) => [point.arn, point])).values()]
  return each.sort((a, b) => a.created_at - b.created_at || (a.arn < b.arn ? -1 : 1))
}
