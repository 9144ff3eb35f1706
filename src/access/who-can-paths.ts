import { candidatesFor, refOf } from '../policy/compile.ts'
import type { CompiledStatement } from '../policy/compile.ts'
import { conditionText } from '../policy/near.ts'
import type { Statement } from '../policy/policy.ts'
import { compiledTrustPolicy } from './compiled.ts'
import type { Somebody } from './everybody.ts'
import type { DecidedRight, DecidingStatement, Inquiry } from './who-can.ts'

/** Whoever is behind a role's sessions: a user of the account, or somebody whom its trust policy names from outside. */
export interface PathStart {
  readonly kind: 'user' | 'service' | 'provider' | 'account' | 'anybody'
  /** An ARN, a service's name, or what the policy has. */
  readonly name: string
}

/** One role taken on after the other. */
export interface PathStep {
  readonly roleArn: string
  readonly verdict: 'allowed' | 'depends'
  readonly statements: readonly DecidingStatement[]
  readonly sessionName?: string | undefined
}

export interface Path {
  readonly start: PathStart
  /** `depends` where a step does. */
  readonly verdict: 'allowed' | 'depends'
  readonly steps: readonly PathStep[]
}

/** How sessions of a role come about; `isWhole` is false where the search was ended before everything was looked at. */
export interface Paths {
  readonly paths: readonly Path[]
  readonly isWhole: boolean
}

/**
 * How a role's sessions come about: for each user the shortest way that is allowed, else the shortest that could be; and whom the
 * trust policies on these ways name from outside the account, whose own rights nobody here knows. The search ends with `limit` paths,
 * or once `maxDecisions` were made for them: in an account where everybody may take on everything there are more than anybody reads.
 */
export async function pathsTo(
  inquiry: Inquiry,
  role: Somebody,
  { limit, maxDecisions }: { readonly limit: number; readonly maxDecisions: number },
): Promise<Paths> {
  const found = new Map<string, Path>()
  const until = inquiry.decisions + maxDecisions
  const isSpent = (): boolean => found.size >= limit || inquiry.decisions >= until
  for (const verdicts of [['allowed'], ['allowed', 'depends']]) {
    for await (const path of walk(inquiry, role, verdicts, isSpent)) {
      const key = `${path.start.kind} ${path.start.name}`
      if (!found.has(key)) found.set(key, path)
      if (found.size >= limit) break
    }
  }
  return { paths: [...found.values()].toSorted(byStart), isWhole: !isSpent() }
}

/** Backwards from the role, breadth first, over those steps alone that have one of these verdicts. */
async function* walk(
  inquiry: Inquiry,
  role: Somebody,
  verdicts: readonly string[],
  isSpent: () => boolean,
): AsyncGenerator<Path, void, void> {
  const seen = new Set([role.arn])
  const queue: { readonly at: Somebody; readonly behind: readonly PathStep[] }[] = [{ at: role, behind: [] }]
  for (const { at, behind } of queue) {
    // What leads to the role itself is looked at whatever it costs.
    if (at !== role && isSpent()) return
    for (const { somebody, right } of await inquiry.assumersOf(at)) {
      if (!verdicts.includes(right.verdict)) continue
      const steps = [stepOf(at, right), ...behind]
      if (somebody.kind !== 'role') yield pathOf({ kind: 'user', name: somebody.arn }, steps)
      else if (!seen.has(somebody.arn)) {
        seen.add(somebody.arn)
        queue.push({ at: somebody, behind: steps })
      }
    }
    if (!verdicts.includes('depends')) continue
    for (const [start, step] of await outsidersOf(inquiry, at)) yield pathOf(start, [step, ...behind])
  }
}

function pathOf(start: PathStart, steps: readonly PathStep[]): Path {
  const isCertain = steps.every(({ verdict }) => verdict === 'allowed')
  return { start, verdict: isCertain ? 'allowed' : 'depends', steps }
}

function stepOf(role: Somebody, { verdict, statements, sessionName }: DecidedRight): PathStep {
  return {
    roleArn: role.arn,
    verdict: verdict === 'allowed' ? 'allowed' : 'depends',
    statements,
    sessionName,
  }
}

const ASSUMPTIONS = ['sts:assumerole', 'sts:assumerolewithwebidentity', 'sts:assumerolewithsaml']

/** Whom a role's trust policy admits from outside the account, for people; what those may on their own side is not known here. */
export async function outsidersToldOf(inquiry: Inquiry, role: Somebody): Promise<readonly string[]> {
  return (await outsidersOf(inquiry, role)).map(([{ kind, name }, { statements }]) => {
    const conditions = statements.flatMap((statement) => statement.conditions)
    return `${kind} ${name}${conditions.length === 0 ? '' : ` if ${conditions.join(' and ')}`}`
  })
}

/** Whom the Allows of a role's trust policy name from outside the account. */
async function outsidersOf(
  inquiry: Inquiry,
  { role, arn: roleArn }: Somebody,
): Promise<readonly (readonly [PathStart, PathStep])[]> {
  if (role === undefined) return []
  const trust = compiledTrustPolicy(role)
  const allows = new Set<CompiledStatement>()
  for (const action of ASSUMPTIONS) {
    for (const { statement, matchesAction } of candidatesFor(trust, action))
      if (!statement.isDeny && matchesAction?.(action) !== false) allows.add(statement)
  }
  const found: (readonly [PathStart, PathStep])[] = []
  for (const compiled of allows) {
    const { statement } = compiled
    const statements = [{ ref: refOf(trust, compiled), conditions: statement.conditions.map(conditionText) }]
    for (const start of await namedOutside(inquiry, statement))
      found.push([start, { roleArn, verdict: 'depends', statements }])
  }
  return found
}

async function namedOutside(inquiry: Inquiry, { principal }: Statement): Promise<readonly PathStart[]> {
  if (principal === undefined) return []
  const { negated, names } = principal
  if (negated || names.everyone) return [{ kind: 'anybody', name: '*' }]
  const accounts = await Promise.all(names.aws.map((name) => inquiry.outsider(name)))
  return [
    ...names.service.map((name): PathStart => ({ kind: 'service', name })),
    ...names.federated.map((name): PathStart => ({ kind: 'provider', name })),
    ...accounts.filter((name) => name !== undefined).map((name): PathStart => ({ kind: 'account', name })),
  ]
}

function byStart(a: Path, b: Path): number {
  if (a.start.kind !== b.start.kind) return KINDS.indexOf(a.start.kind) - KINDS.indexOf(b.start.kind)
  return a.start.name < b.start.name ? -1 : 1
}

const KINDS: readonly PathStart['kind'][] = ['user', 'account', 'provider', 'service', 'anybody']
