import type { Decision } from '../policy/evaluate.ts'
import type { DenialRecord } from '../store/audit/denials.ts'
import type { JobDecisionTable } from '../store/audit/schema-decisions.ts'

/** One decision of the policy engine on one ARN for one step of a job. */
export interface StepDecision {
  readonly step: string
  readonly action: string
  readonly arn: string
  readonly decision: Decision
  readonly at: number
}

/** What explains a refusal: its id and what is kept of it. */
export interface Denial {
  readonly id: string
  readonly records: readonly DenialRecord[]
}

type DecisionRow = Omit<JobDecisionTable, 'account_id' | 'job_id'>

/** Denials are kept singly up to this many a job; further ones are counted on the last. */
const MAX_DENIALS = 1000

/**
 * What the policy engine said to one job, on its way into the job's record. Allows are aggregated by step, action and deciding
 * statement with first and last ARN; denials are kept singly.
 */
export class DecisionLog {
  readonly #rows = new Map<string, DecisionRow>()
  readonly #dirty = new Set<DecisionRow>()
  /** Ids of the explanations, by step and what refused: thousands of objects refused alike are explained once. */
  readonly #explained = new Map<string, string>()
  #denied: DenialRecord[] = []
  #hasNew = false
  #next: number
  #denials = 0

  /** @param firstSeq Behind the rows that an earlier attempt of the job left. */
  constructor(firstSeq: number) {
    this.#next = firstSeq
  }

  add(entry: StepDecision): void {
    const row = this.#rowFor(entry)
    if (row.count > 0 && entry.at > row.last_at) row.last_at = entry.at
    row.count++
    row.last_arn = entry.arn
    this.#dirty.add(row)
  }

  /** The id that a refusal is explained by; `denial` is asked for at the first one of its kind. */
  explain(step: string, { layer, effect, statements }: Decision, denial: () => Denial): string {
    const [deciding] = statements
    const by =
      deciding === undefined ? '' : `${deciding.policy.arn ?? deciding.policy.name} ${deciding.index}`
    const kind = `${step}\0${effect}\0${layer}\0${by}`
    const known = this.#explained.get(kind)
    if (known !== undefined) return known
    const { id, records } = denial()
    this.#explained.set(kind, id)
    this.#denied.push(...records)
    this.#hasNew = true
    return id
  }

  /** Explanations made since the last call; the caller writes them together with the rows of `take`. */
  takeDenials(): readonly DenialRecord[] {
    const denied = this.#denied
    this.#denied = []
    return denied
  }

  /** True when a kind of decision is not in the store yet: it must be before the effect. */
  get hasNew(): boolean {
    return this.#hasNew
  }

  /** Rows changed since the last call; the caller writes them before going on. */
  take(): readonly DecisionRow[] {
    const rows = [...this.#dirty].map((row) => ({ ...row }))
    this.#dirty.clear()
    this.#hasNew = false
    return rows
  }

  #rowFor(entry: StepDecision): DecisionRow {
    const { decision } = entry
    const deciding = decision.statements[0]
    const statement = deciding === undefined ? null : (deciding.sid ?? `#${deciding.index}`)
    const policy = deciding === undefined ? null : (deciding.policy.arn ?? deciding.policy.name)
    let key = `allow\0${entry.step}\0${entry.action}\0${policy}\0${statement}`
    if (!decision.allowed) key = `deny\0${this.#denials < MAX_DENIALS ? this.#denials++ : MAX_DENIALS - 1}`
    let row = this.#rows.get(key)
    if (row === undefined) {
      row = {
        seq: this.#next++,
        step: entry.step,
        action: entry.action,
        effect: decision.allowed ? 'Allow' : 'Deny',
        first_arn: entry.arn,
        last_arn: entry.arn,
        count: 0,
        reason: decision.reason,
        policy,
        statement,
        first_at: entry.at,
        last_at: entry.at,
      }
      this.#rows.set(key, row)
      this.#hasNew = true
    }
    return row
  }
}
