import { setImmediate as breathe } from 'node:timers/promises'
import { parseArn } from '../lib/arn.ts'
import { contextOf } from '../policy/evaluate.ts'
import type { StatementRef } from '../policy/compile.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { outlook } from '../policy/outlook.ts'
import type { Outlook } from '../policy/outlook.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'
import type { Tags } from '../store/identity/tags.ts'
import { assumptionQuestion } from './assume-role.ts'
import { questionsOf } from './authorize.ts'
import type { Ask, Asked } from './authorize.ts'
import { everybodyOf, sessionOf, sessionsNamed, unknownKeysOf } from './everybody.ts'
import type { Somebody } from './everybody.ts'
import { layersOf } from './layers.ts'
import { arnOfId } from './principal-ids.ts'
import type { Principal } from './principal.ts'
import { EVERYTHING } from './proposal.ts'
import type { Question } from './proposal.ts'

/** A statement that lets somebody by, or could stop him, and what it asks for that nobody knows yet. */
export interface DecidingStatement {
  readonly ref: StatementRef
  /** Conditions, for people; empty where it applies for certain. */
  readonly conditions: readonly string[]
}

/** One right, and whether somebody has it. */
export interface DecidedRight {
  readonly action: string
  readonly resource: string
  /** `depends`: on conditions that only his request will meet or not. */
  readonly verdict: Outlook['verdict']
  /** True where a refusal takes a power away and stops nothing. */
  readonly isOptional: boolean
  readonly reason: string
  readonly statements: readonly DecidingStatement[]
  /** The one session of a role that has it, where the others do not. */
  readonly sessionName?: string | undefined
}

/** Who can take on a role. */
export interface Assumer {
  readonly somebody: Somebody
  readonly right: DecidedRight
}

/** Decisions between two breaths: some 20 ms. */
const AT_ONCE = 500

/**
 * Asks the gate's questions about everybody of an account, as if each of them made the call. What only his request would say, such
 * as its address or a second factor, is left open; time counts as of now. Nothing is recorded: nobody asked for anything.
 */
export class Inquiry {
  readonly #db: Queryable
  readonly #place: { readonly accountId: string; readonly region: string; readonly now: number }
  #everybody: Promise<readonly Somebody[]> | undefined
  readonly #asks = new Map<Somebody, Ask>()
  readonly #layers = new Map<Somebody, Promise<PolicyLayers>>()
  /** Decisions made so far: what the inquiry has cost. */
  decisions = 0
  readonly #assumers = new Map<string, Promise<readonly Assumer[]>>()

  constructor(
    db: Queryable,
    place: { readonly accountId: string; readonly region: string; readonly now: number },
  ) {
    this.#db = db
    this.#place = place
  }

  async everybody(): Promise<readonly Somebody[]> {
    return await (this.#everybody ??= everybodyOf(this.#db, this.#place.accountId))
  }

  /**
   * Whether somebody has a right that the gate asks for.
   * @param isOpen True for the lower-cased names of keys that only his request would say, beside those that all requests have.
   */
  async decide(somebody: Somebody, asked: Asked, isOpen?: (key: string) => boolean): Promise<DecidedRight> {
    const asker = { ...this.#place, principal: somebody.principal }
    const ask = this.#asks.get(somebody) ?? questionsOf(this.#db, asker)
    this.#asks.set(somebody, ask)
    const question = await ask(asked)
    this.decisions++
    const questionFor = (principal: Principal): Question => ({
      ...question,
      ...withPrincipal(question, principal),
    })
    return decided(somebody, question, questionFor, isOpen)
  }

  /** The ARN that a policy's principal stands for, where it is not of this account; undefined where it is, or nobody is named by it. */
  async outsider(name: string): Promise<string | undefined> {
    const arn = await arnOfId(this.#db, name)
    const accountId = parseArn(arn)?.accountId ?? arn
    return /^\d{12}$/.test(accountId) && accountId !== this.#place.accountId ? arn : undefined
  }

  /** Everybody who can take on the role by sts:AssumeRole. */
  async assumersOf(target: Somebody): Promise<readonly Assumer[]> {
    const found = this.#assumers.get(target.arn) ?? this.#askAssumers(target)
    this.#assumers.set(target.arn, found)
    return await found
  }

  async #askAssumers(target: Somebody): Promise<readonly Assumer[]> {
    const tags = await tagsOf(this.#db, this.#place.accountId, target.arn)
    const found: Assumer[] = []
    let looked = 0
    for (const somebody of await this.everybody()) {
      // Others want to be answered meanwhile.
      if (++looked % AT_ONCE === 0) await breathe()
      // Most are not let in by the trust policy, whatever their own say: those need not be read.
      const everything = { identity: EVERYTHING, ...(somebody.hasBoundary && { boundary: EVERYTHING }) }
      if (this.#assumption(somebody, target, everything, tags).verdict === 'denied') continue
      const right = this.#assumption(somebody, target, await this.#layersOf(somebody), tags)
      if (right.verdict !== 'denied') found.push({ somebody, right })
    }
    return found
  }

  #assumption(somebody: Somebody, target: Somebody, own: PolicyLayers, tags: Tags): DecidedRight {
    this.decisions++
    const questionFor = (principal: Principal): Question =>
      assumptionQuestion(
        { ...ANY_SESSION, ...this.#place, principal },
        { arn: target.arn, accountId: this.#place.accountId, role: target.role },
        'sts:AssumeRole',
        { own, tags },
      )
    return decided(somebody, questionFor(somebody.principal), questionFor, isChosenByCaller)
  }

  async #layersOf(somebody: Somebody): Promise<PolicyLayers> {
    const layers = this.#layers.get(somebody) ?? layersOf(this.#db, somebody.principal)
    this.#layers.set(somebody, layers)
    return await layers
  }
}

const ANY_SESSION = { sessionName: '', sourceIp: undefined, tags: {}, transitiveTagKeys: [] }

/** What a caller of sts:AssumeRole may give with the call, or not. */
function isChosenByCaller(key: string): boolean {
  return /^(?:sts:(?:rolesessionname|externalid|sourceidentity|transitivetagkeys)|aws:(?:tagkeys|requesttag\/.*))$/.test(
    key,
  )
}

function withPrincipal({ request }: Question, principal: Principal): Pick<Question, 'request'> {
  const { arn, uniqueId } = principal
  const context = contextOf({ ...Object.fromEntries(request.context), 'aws:userid': uniqueId })
  return { request: { ...request, principal: { ...request.principal, arn, uniqueId }, context } }
}

/** The question answered for him; for a role, too, as one of the sessions that the resource's policy names. */
function decided(
  somebody: Somebody,
  question: Question,
  questionFor: (principal: Principal) => Question,
  isOpen: (key: string) => boolean = () => false,
): DecidedRight {
  const isOfHim = unknownKeysOf(somebody)
  const isUnknownKey = (key: string): boolean => isOfHim(key) || isOpen(key) || isOpenPassing(question, key)
  const seen = outlook(question.request, question.layers, { isUnknownKey })
  const { role, principal } = somebody
  if (seen.verdict === 'allowed' || role === undefined) return rightOf(question, seen)
  for (const name of sessionsNamed(question.layers, somebody)) {
    const asSession = questionFor(sessionOf(role, name, principal.tags))
    const other = outlook(asSession.request, asSession.layers, { isUnknownKey })
    if (other.verdict === 'denied') continue
    if (seen.verdict === 'depends' && other.verdict === 'depends') continue
    return { ...rightOf(asSession, other), verdict: 'depends', sessionName: name }
  }
  return rightOf(question, seen)
}

/** What a role will be passed for is not known where it is asked for by itself. */
function isOpenPassing({ request: { action, context } }: Question, key: string): boolean {
  return (
    action === 'iam:PassRole' &&
    key === 'iam:associatedresourcearn' &&
    !context.has('iam:associatedresourcearn')
  )
}

function rightOf({ request: { action, resource } }: Question, seen: Outlook): DecidedRight {
  const { verdict, decision, best, open } = seen
  const conditions = new Map(open.map(({ statement, asks }) => [statement, asks]))
  const refs = new Set([...best.statements, ...conditions.keys()])
  return {
    action,
    resource,
    verdict,
    isOptional: false,
    reason: verdict === 'depends' ? 'depends on conditions that the request must meet' : decision.reason,
    statements: [...refs].map((ref) => ({ ref, conditions: conditions.get(ref) ?? [] })),
  }
}
