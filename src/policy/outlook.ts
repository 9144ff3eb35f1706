import { candidatesFor, refOf } from './compile.ts'
import type { CompiledPolicy, CompiledStatement, StatementRef } from './compile.ts'
import type { AuthorizationRequest, Decision, PolicyLayers } from './decision.ts'
import { evaluate } from './evaluate.ts'
import { conditionText } from './near.ts'
import { globsOverlap } from './overlap.ts'
import { NOT_NAMED } from './principals.ts'

/** What nobody knows yet of a request that will be made later. */
export type Unknowns = {
  /**
   * The glob that the resource's ARN will match, where only that is known. The request's resource is `standInFor` it then.
   */
  readonly resource?: string | undefined
  /** True for the lower-cased names of condition keys that may be there or not, with any value. */
  readonly isUnknownKey: (key: string) => boolean
}

/** A statement that applies to some of what may be asked, and not to the rest. */
export type OpenStatement = {
  readonly statement: StatementRef
  /** The unknown condition keys that it asks for, as written. */
  readonly keys: readonly string[]
  /** The conditions that ask for them, for people: `Bool aws:MultiFactorAuthPresent "true"`. */
  readonly asks: readonly string[]
  /** True where it is about some of the resources only. */
  readonly isPartial: boolean
}

export type Outlook = {
  /** `depends`: allowed in the best case and refused in the worst. */
  readonly verdict: 'allowed' | 'denied' | 'depends'
  /** The decision in the worst case; where even the best is a refusal, that of the best. */
  readonly decision: Decision
  /** The decision in the best case: whose statements would allow it. */
  readonly best: Decision
  /** What it depends on; empty unless it does. */
  readonly open: readonly OpenStatement[]
}

/** Characters that no policy names; so many of them that no row of `?` fits by chance. */
const NOBODY = '\u{e000}'.repeat(41)

/** The resource to ask for in the place of all that match the glob: only a wildcard matches what stands for its `*`. */
export function standInFor(glob: string): string {
  return glob.replaceAll('*', NOBODY)
}

/** The glob again that a stand-in was made from; any other text as it is. */
export function globOf(resource: string): string {
  return resource.replaceAll(NOBODY, '*')
}

/**
 * Decides a request that is not known in full. It is allowed when it would be whatever the unknown turns out to be, and denied
 * when it could never be allowed; both answers come from evaluate(), over the statements as they count in the worst and in the best case.
 */
export function outlook(request: AuthorizationRequest, layers: PolicyLayers, unknowns: Unknowns): Outlook {
  const open = openStatements(request, layers, unknowns)
  if (open.size === 0) {
    const decision = evaluate(request, layers)
    return { verdict: decision.allowed ? 'allowed' : 'denied', decision, best: decision, open: [] }
  }
  const worst = evaluate(request, assuming(request, layers, open, 'Deny'))
  if (worst.allowed) return { verdict: 'allowed', decision: worst, best: worst, open: [] }
  const best = evaluate(request, assuming(request, layers, open, 'Allow'))
  if (!best.allowed) return { verdict: 'denied', decision: best, best, open: [] }
  return { verdict: 'depends', decision: worst, best, open: [...open.values()] }
}

function openStatements(
  request: AuthorizationRequest,
  layers: PolicyLayers,
  unknowns: Unknowns,
): ReadonlyMap<StatementRef, OpenStatement> {
  const { identity, boundary = [], session = [], resource, trust } = layers
  const action = request.action.toLowerCase()
  const found = new Map<StatementRef, OpenStatement>()
  const look = (policies: readonly (CompiledPolicy | undefined)[], namesPrincipals: boolean): void => {
    for (const policy of policies) {
      if (policy === undefined) continue
      for (const { statement, matchesAction } of candidatesFor(policy, action)) {
        if (matchesAction !== undefined && !matchesAction(action)) continue
        // A statement about somebody else decides nothing here, whatever it asks for.
        if (namesPrincipals && !isAbout(statement, request, layers)) continue
        const open = openPart(statement, request, unknowns)
        const ref = refOf(policy, statement)
        if (open !== undefined) found.set(ref, { statement: ref, ...open })
      }
    }
  }
  look([...identity, ...boundary, ...session], false)
  look([resource, trust], true)
  return found
}

function isAbout(
  statement: CompiledStatement,
  { principal }: AuthorizationRequest,
  layers: PolicyLayers,
): boolean {
  return statement.gradePrincipal(principal, layers.boundary !== undefined) !== NOT_NAMED
}

/** What of a statement is not certain; undefined where it applies for certain or certainly does not. */
function openPart(
  statement: CompiledStatement,
  request: AuthorizationRequest,
  unknowns: Unknowns,
): Omit<OpenStatement, 'statement'> | undefined {
  const keys: string[] = []
  const asks: string[] = []
  for (const { condition, isMet } of statement.conditions) {
    const isOpen =
      unknowns.isUnknownKey(condition.key.toLowerCase()) ||
      condition.values.some((value) => namesUnknown(value, unknowns))
    if (isOpen) {
      keys.push(condition.key)
      asks.push(conditionText(condition))
    } else if (!isMet(request.context)) return undefined
  }
  const match = resourceMatch(statement, request, unknowns)
  if (match === 'none' || (match === 'all' && keys.length === 0)) return undefined
  if (match === 'some') asks.push(`Resource ${statement.statement.resource?.names.join(' or ')}`)
  return { keys: [...new Set(keys)], asks, isPartial: match === 'some' }
}

function resourceMatch(
  { matchesResource, statement }: CompiledStatement,
  request: AuthorizationRequest,
  unknowns: Unknowns,
): 'all' | 'some' | 'none' {
  const chosen = statement.resource
  if (matchesResource === undefined || chosen === undefined) return 'all'
  if (chosen.names.some((name) => namesUnknown(name, unknowns))) return 'some'
  const matches = matchesResource(request.resource, request.context)
  const { resource } = unknowns
  if (resource === undefined || matches !== chosen.negated) return matches ? 'all' : 'none'
  // No name is about all of them: it may be about some.
  if (chosen.names.some((name) => globsOverlap(name, resource))) return 'some'
  return matches ? 'all' : 'none'
}

const VARIABLE = /\$\{([^*?$}][^},]*)/g

function namesUnknown(text: string, { isUnknownKey }: Unknowns): boolean {
  if (!text.includes('${')) return false
  return [...text.matchAll(VARIABLE)].some(([, key]) => isUnknownKey((key as string).trim().toLowerCase()))
}

/** The layers with the open statements of one effect always applying and those of the other never. */
function assuming(
  request: AuthorizationRequest,
  layers: PolicyLayers,
  open: ReadonlyMap<StatementRef, OpenStatement>,
  applying: 'Allow' | 'Deny',
): PolicyLayers {
  const action = request.action.toLowerCase()
  const assumed = (policy: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    byAction: new Map(),
    byService: new Map(),
    rest: candidatesFor(policy, action).flatMap((candidate) => {
      const { statement } = candidate
      if (!open.has(refOf(policy, statement))) return [candidate]
      if (statement.statement.effect !== applying) return []
      return [{ ...candidate, statement: { ...statement, matchesResource: undefined, conditions: [] } }]
    }),
  })
  return {
    identity: layers.identity.map(assumed),
    ...(layers.boundary !== undefined && { boundary: layers.boundary.map(assumed) }),
    ...(layers.session !== undefined && { session: layers.session.map(assumed) }),
    ...(layers.resource !== undefined && { resource: assumed(layers.resource) }),
    ...(layers.trust !== undefined && { trust: assumed(layers.trust) }),
  }
}
