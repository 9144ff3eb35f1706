import { assumeForService } from '../access/assume.ts'
import { BACK_OFF_FORGOTTEN_MS } from '../access/back-off.ts'
import { jobRequests } from '../access/job-request.ts'
import type { JobFacts } from '../access/job-request.ts'
import { layersOf } from '../access/layers.ts'
import { BACKUP_SERVICE, SERVICE_LINKED_ROLE_ID } from '../access/passed-role.ts'
import type { Principal } from '../access/principal.ts'
import type { Question } from '../access/proposal.ts'
import { keepRefusal, refusalMessage } from '../access/refusal.ts'
import { deletionCalls } from '../kinds/job-calls.ts'
import type { Kind } from '../kinds/kind.ts'
import { kindOfType } from '../kinds/kinds.ts'
import { uuid } from '../lib/ids.ts'
import type { Decision } from '../policy/evaluate.ts'
import { evaluate } from '../policy/evaluate.ts'
import { appendAudit } from '../store/audit.ts'
import { expireUnstarted } from '../store/claims.ts'
import { pruneDenials } from '../store/denials.ts'
import { insertJob } from '../store/jobs.ts'
import { pruneLegalHolds } from '../store/legal-holds.ts'
import { prunePlanRuns } from '../store/plans.ts'
import { dueForExpiry, reviveUnexpired, setRecoveryPointStatus } from '../store/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { pruneSignIns } from '../store/sign-in.ts'
import { tagsOf } from '../store/tags.ts'
import { findVault } from '../store/vaults.ts'
import { RetryLaterError } from './errors.ts'
import { protectionOf, whyKept } from './protection.ts'
import type { JobTools } from './tools.ts'
import { guardVaults } from './vault-guard.ts'

/** Looks for what is due so often, in milliseconds. */
const ROUND_MS = 30_000
/** What became of a plan's runs is told for more than a year, in milliseconds. */
const KEEP_RUNS_MS = 400 * 86_400_000
/** Points expired in one round. */
const BATCH = 100
/** A wall clock that moves further than this between two rounds is not trusted for deleting, in milliseconds. */
const MAX_CLOCK_JUMP_MS = 3_600_000

/** Points held by a refusal are tried again every so many rounds: somebody may have given the role the right. */
const RETRY_ROUNDS = 10

/** The locks of all vaults are looked at every so many rounds. */
const GUARD_ROUNDS = 10

/** A point that is held for long is explained by one id a month, not by one an hour, in milliseconds. */
const HELD_WINDOW_MS = 30 * 24 * 3_600_000

const EXPIRABLE = ['AVAILABLE', 'COMPLETED', 'PARTIAL', 'STOPPED', 'EXPIRED'] as const
/** What stands in for the recorded role when that no longer exists. */
const SERVICE_LINKED = 'the service-linked role AWSServiceRoleForBackup'

/**
 * What is due by the clock: start windows that passed, recovery points past their retention. Expiry is decided for the role
 * recorded on the point; a denial holds the point as EXPIRED and says why. Only where that role no longer exists does the
 * service-linked role stand in.
 */
export class Housekeeping {
  readonly #tools: JobTools
  readonly #stop = new AbortController()
  #timer: NodeJS.Timeout | undefined
  #round: Promise<void> = Promise.resolve()
  #rounds = 0
  #last: { readonly wall: number; readonly monotonic: number } | undefined

  constructor(tools: JobTools) {
    this.#tools = tools
  }

  start(): void {
    this.#timer = setInterval(() => this.#begin(), ROUND_MS)
    this.#begin()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort()
    await this.#round
  }

  #begin(): void {
    this.#round = this.#round
      .then(() => this.run())
      .catch((error: unknown) => {
        this.#tools.log.error('housekeeping failed', {
          error: error instanceof Error ? (error.stack ?? error.message) : String(error),
        })
      })
  }

  /** One round; tests call it with a clock of their own. */
  async run(): Promise<void> {
    const { store, clock, log } = this.#tools
    const now = clock.now()
    await this.#tools.runningTime.save()
    await expireUnstarted(
      store.db,
      now,
      'Backup job expired: no worker could start it inside its start window.',
    )
    if (this.#hasClockJumped(now)) {
      log.warn('the wall clock jumped: no recovery point expires until it has run steadily for a round', {
        now: new Date(now).toISOString(),
      })
      return
    }
    await pruneLegalHolds(store.db, now)
    await prunePlanRuns(store.db, now - KEEP_RUNS_MS)
    await pruneSignIns(store.db, now - BACK_OFF_FORGOTTEN_MS)
    await pruneDenials(store.db, now, () => this.#stop.signal.aborted)
    if (this.#rounds % GUARD_ROUNDS === 0) await guardVaults(this.#tools)
    await reviveUnexpired(store.db, now)
    for (const point of await dueForExpiry(store.db, now, {
      limit: BATCH,
      withExpired: this.#rounds++ % RETRY_ROUNDS === 0,
    })) {
      if (this.#stop.signal.aborted) return
      try {
        await this.#expire(point, now)
      } catch (error) {
        if (error instanceof RetryLaterError) continue
        // One point must not keep those behind it from expiring; it is looked at again in the next round.
        log.error('a recovery point could not be expired', { point: point.arn, error: String(error) })
      }
    }
  }

  #hasClockJumped(now: number): boolean {
    const monotonic = this.#tools.clock.monotonic()
    const last = this.#last
    this.#last = { wall: now, monotonic }
    if (last === undefined) return false
    return Math.abs(now - last.wall - (monotonic - last.monotonic)) > MAX_CLOCK_JUMP_MS
  }

  async #expire(point: RecoveryPointTable, now: number): Promise<void> {
    const { store, log } = this.#tools
    const refusal = (await this.#keptBy(point)) ?? (await this.#refusal(point, now))
    if (refusal !== undefined) {
      const isHeld = await setRecoveryPointStatus(store.db, point, EXPIRABLE, {
        status: 'EXPIRED',
        message: refusal,
      })
      if (isHeld)
        log.warn('a recovery point past its retention is held', { point: point.arn, reason: refusal })
      return
    }
    await store.transaction(async (tx) => {
      if (
        !(await setRecoveryPointStatus(tx, point, EXPIRABLE, {
          status: 'DELETING',
          message: 'Expired by its lifecycle',
        }))
      )
        return
      await insertJob(tx, {
        account_id: point.account_id,
        region: point.region,
        job_id: uuid(),
        kind: 'delete-point',
        created_at: now,
        caller_arn: BACKUP_SERVICE,
        vault_name: point.vault_name,
        resource_arn: point.resource_arn,
        resource_type: point.resource_type,
        recovery_point_arn: point.arn,
        role_arn: point.role_arn,
        role_id: point.role_id,
        lock_key: `point ${point.point_id}`,
      })
    })
    store.wake()
  }

  /** Why the point's vault keeps it longer than rows and wall clock say. */
  async #keptBy(point: RecoveryPointTable): Promise<string | undefined> {
    const vault = await findVault(this.#tools.store.db, point.account_id, point.region, point.vault_name)
    if (vault === undefined || vault.state !== 'AVAILABLE') return undefined
    const opened = await this.#tools.vaults.open(vault)
    const protection = await protectionOf(this.#tools, vault, opened)
    return await whyKept(this.#tools, protection, opened, point.point_id, 'expiry')
  }

  /** Why the recorded role may not delete the point; undefined when it may. */
  async #refusal(point: RecoveryPointTable, now: number): Promise<string | undefined> {
    const { store } = this.#tools
    if (point.role_id === SERVICE_LINKED_ROLE_ID) {
      const why = `it was copied from another account, ${point.source_vault_arn}`
      await this.#record(point, SERVICE_LINKED, 'backup:DeleteRecoveryPoint', true, why, now)
      return undefined
    }
    const role = { roleId: point.role_id, roleArn: point.role_arn }
    const assumed = await assumeForService(store.db, role, {
      service: BACKUP_SERVICE,
      sourceAccount: point.account_id,
      sourceArn: point.arn,
      now,
    })
    if (!assumed.ok) {
      if (assumed.isGone !== true)
        return `IAM Role ${point.role_arn} cannot be assumed by AWS Backup: ${assumed.reason}`
      await this.#record(
        point,
        SERVICE_LINKED,
        'backup:DeleteRecoveryPoint',
        true,
        `the recorded role no longer exists (${point.role_id})`,
        now,
      )
      return undefined
    }
    const layers = await layersOf(store.db, assumed.session)
    const facts: JobFacts = {
      principal: assumed.session,
      region: point.region,
      now,
      resource: { arn: point.resource_arn, tags: {} },
      recoveryPointArn: point.arn,
      tags: new Map([[point.arn, await tagsOf(store.db, point.account_id, point.arn)]]),
    }
    const kind = kindOfType(point.resource_type) as Kind
    const target = { resourceArn: point.resource_arn, recoveryPointArn: point.arn }
    for (const call of deletionCalls(kind, target)) {
      for (const request of jobRequests(facts, call.step, call.target)) {
        const decision = evaluate(request, layers)
        await this.#record(point, assumed.session.arn, request.action, decision.allowed, decision.reason, now)
        if (!decision.allowed)
          return await this.#explained(point, assumed.session, { request, layers }, decision)
      }
    }
    return undefined
  }

  /** AWS's sentence with the id that the refusal is explained by. */
  async #explained(
    point: RecoveryPointTable,
    session: Principal,
    question: Question,
    decision: Decision,
  ): Promise<string> {
    const { store, clock } = this.#tools
    const facts = {
      at: clock.now(),
      requestId: `expiry ${point.point_id}`,
      windowMs: HELD_WINDOW_MS,
      notes: [
        `The recovery point ${point.arn} is past its retention, and the role that made it may not delete it: it is held as ` +
          'EXPIRED until the role has the right, which is looked at every few minutes, or somebody else deletes it',
      ],
    }
    const id = await store.transaction(
      async (tx) => await keepRefusal(tx, session, question, decision, facts),
    )
    return refusalMessage(session, question, decision, id)
  }

  async #record(
    point: RecoveryPointTable,
    principal: string,
    action: string,
    isAllowed: boolean,
    reason: string,
    now: number,
  ): Promise<void> {
    await appendAudit(this.#tools.store, {
      at: now,
      account_id: point.account_id,
      request_id: `expiry ${point.point_id}`,
      principal_arn: principal,
      principal_id: point.role_id,
      source_ip: null,
      service: 'backup',
      action,
      resource: point.arn,
      effect: isAllowed ? 'Allow' : 'Deny',
      layer: 'identity',
      reason,
      policy: null,
      statement: null,
    })
  }
}
