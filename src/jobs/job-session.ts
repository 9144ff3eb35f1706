import type { Connection, DriverSession, ResourceView } from '../drivers/driver.ts'
import type { Step, StepTarget } from '../kinds/kind.ts'
import { kindOfArn } from '../kinds/kinds.ts'
import type { AuthorizationRequest, Decision } from '../policy/evaluate.ts'
import { evaluate } from '../policy/evaluate.ts'
import { encodedDenial } from '../access/authorization-message.ts'
import { jobRequests } from '../access/job-request.ts'
import type { JobFacts } from '../access/job-request.ts'
import type { JobLayers } from '../access/job-scope.ts'
import type { Principal } from '../access/principal.ts'
import type { Question } from '../access/proposal.ts'
import { ownSideOf, refusalMessage, refusalOf } from '../access/refusal.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import type { Clock } from '../lib/clock.ts'
import { AccessDeniedError } from './errors.ts'
import type { DecisionLog, Denial } from './decision-log.ts'

export interface JobSessionOptions {
  readonly jobId: string
  readonly region: string
  readonly resource: ResourceView
  readonly recoveryPointArn: string
  readonly backupVaultArn: string
  readonly principal: Principal
  /** Tags as they are kept, by ARN: of a recovery point and a target that exist. */
  readonly tags?: ReadonlyMap<string, Readonly<Record<string, string>>> | undefined
  /** Role policies, boundary and the session policy that limits the job to its own scope. */
  readonly layers: JobLayers
  readonly log: DecisionLog
  /** Writes new decisions to the job's record. */
  readonly flush: () => Promise<void>
  /** Unseals the connection; called after an Allow only. */
  readonly connect: () => Connection
  readonly signal: AbortSignal
  readonly clock: Clock
  /** Seals what a denial says, for kinds whose service does so. */
  readonly serverKey: ServerKey
  readonly expect: (totalBytes: number) => void
}

/**
 * The one door between a driver and a resource: each call is decided for the job's role session with real ARNs, tags and
 * condition keys, recorded, and only then given the connection.
 */
export class JobSession implements DriverSession {
  readonly resource: ResourceView
  readonly jobId: string
  readonly recoveryPointArn: string
  readonly backupVaultArn: string
  readonly signal: AbortSignal
  readonly #options: JobSessionOptions
  #principal: Principal
  #layers: JobLayers
  /** One target of each step allowed so far: asked again when the role's rights are refreshed. */
  readonly #granted = new Map<string, { step: Step; target: StepTarget }>()

  constructor(options: JobSessionOptions) {
    this.#options = options
    this.resource = options.resource
    this.jobId = options.jobId
    this.recoveryPointArn = options.recoveryPointArn
    this.backupVaultArn = options.backupVaultArn
    this.signal = options.signal
    this.#principal = options.principal
    this.#layers = options.layers
  }

  now(): Date {
    return new Date(this.#options.clock.now())
  }

  expect(totalBytes: number): void {
    this.#options.expect(totalBytes)
  }

  async call<T>(
    step: Step,
    target: StepTarget,
    call: (connection: Connection) => T | Promise<T>,
  ): Promise<T> {
    await this.ask(step, target)
    return call(this.#options.connect())
  }

  /** Decides and records as `call` does, for what takes no connection. @throws {AccessDeniedError} */
  async ask(step: Step, target: StepTarget): Promise<void> {
    this.signal.throwIfAborted()
    const denied = this.#decideAll(step, target)
    if (this.#options.log.hasNew) await this.#options.flush()
    if (denied !== undefined) throw new AccessDeniedError(denied)
  }

  may(step: Step, target: StepTarget): boolean {
    return this.#decideAll(step, target) === undefined
  }

  /**
   * Takes over fresh policies and asks every kind of call granted so far again.
   * @returns The refusal, where one is no longer allowed.
   */
  refresh(principal: Principal, layers: JobLayers): string | undefined {
    this.#principal = principal
    this.#layers = layers
    for (const { step, target } of this.#granted.values()) {
      const denied = this.#decideAll(step, target)
      if (denied !== undefined && step.optional !== true) return denied
    }
    return undefined
  }

  /** Decides a step on each of its ARNs; the sentence of the first refusal, or undefined when all are allowed. */
  #decideAll(step: Step, target: StepTarget): string | undefined {
    const { log, clock } = this.#options
    for (const request of jobRequests(this.#facts(), step, target)) {
      const arn = request.resource
      const decision = evaluate(request, this.#layers.on(arn))
      const told = ownSideOf({ request }, decision)
      log.add({ step: step.name, action: step.action, arn, decision: told, at: clock.now() })
      if (!decision.allowed) {
        const id = log.explain(step.name, told, () => this.#denial(step, target, request, decision))
        const message = refusalMessage(this.#principal, this.#question(request), decision, id)
        const encoded = this.#encoded(request, decision)
        return encoded === undefined ? message : `${message}. ${encoded}`
      }
    }
    if (!this.#granted.has(step.name)) this.#granted.set(step.name, { step, target })
    return undefined
  }

  #encoded(request: AuthorizationRequest, decision: Decision): string | undefined {
    const { serverKey, resource } = this.#options
    if (kindOfArn(resource.arn)?.kind.encodesDenials !== true) return undefined
    return encodedDenial(serverKey, this.#principal, this.#question(request), decision)
  }

  #question(request: AuthorizationRequest): Question {
    return { request, layers: this.#layers.on(request.resource) }
  }

  #pointPattern(): string | undefined {
    const { region, resource } = this.#options
    const { accountId } = this.#principal
    const { kind, name } = kindOfArn(resource.arn) ?? {}
    return name === undefined ? undefined : kind?.recoveryPointPattern({ region, accountId, name })
  }

  #denial(step: Step, target: StepTarget, request: AuthorizationRequest, decision: Decision): Denial {
    // A backup makes a recovery point with a new id each time; restores and exports read one that stays.
    const isNew = request.resource === this.recoveryPointArn && target.targetArn === undefined
    const resourcePattern = isNew ? this.#pointPattern() : undefined
    return refusalOf(this.#principal, { ...this.#question(request), resourcePattern }, decision, {
      at: this.#options.clock.now(),
      jobId: this.jobId,
      notes: [
        `The first refusal of the step ${step.name} in the job ${this.jobId}; further ones for the same reason have the same ` +
          `id, and "roleback job decisions ${this.jobId}" lists what each was on`,
      ],
    })
  }

  #facts(): JobFacts {
    const { region, clock, tags } = this.#options
    return {
      principal: this.#principal,
      region,
      now: clock.now(),
      resource: this.resource,
      recoveryPointArn: this.recoveryPointArn,
      tags,
    }
  }
}
