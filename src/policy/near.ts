import { candidatesFor, refOf } from './compile.ts'
import type { CompiledPolicy, CompiledStatement, StatementRef } from './compile.ts'
import type { CompiledCondition } from './conditions.ts'
import type { ConditionContext } from './context.ts'
import type { AuthorizationRequest, DecisionLayer, NearMiss, PolicyLayers } from './decision.ts'
import type { Condition } from './policy.ts'
import { NOT_NAMED } from './principals.ts'

/** More than this helps nobody. */
const MAX_NEAR = 50

/** The statements, Allow or Deny, whose action matches but which do not apply, in the order of the layers. */
export function nearMisses(request: AuthorizationRequest, layers: PolicyLayers): readonly NearMiss[] {
  const action = request.action.toLowerCase()
  const { kind } = request.principal
  const near: NearMiss[] = []
  const look = (policies: readonly CompiledPolicy[], layer: DecisionLayer): void => {
    for (const policy of policies) {
      for (const { statement, matchesAction } of candidatesFor(policy, action)) {
        if (near.length >= MAX_NEAR) return
        if (matchesAction !== undefined && !matchesAction(action)) continue
        const miss = missOf(statement, refOf(policy, statement), layer, request, layers)
        if (miss !== undefined) near.push(miss)
      }
    }
  }
  if (kind === 'user' || kind === 'assumed-role' || kind === 'federated-user') {
    look(layers.identity, 'identity')
    look(layers.boundary ?? [], 'boundary')
    look(layers.session ?? [], 'session')
  }
  look(
    [layers.resource, layers.trust].filter((policy) => policy !== undefined),
    'resource',
  )
  return near
}

function missOf(
  compiled: CompiledStatement,
  statement: StatementRef,
  layer: DecisionLayer,
  request: AuthorizationRequest,
  layers: PolicyLayers,
): NearMiss | undefined {
  const { matchesResource, conditions } = compiled
  if (layer === 'resource') {
    const grade = compiled.gradePrincipal(request.principal, layers.boundary !== undefined)
    if (grade === NOT_NAMED) {
      const who = request.principal.arn || request.principal.service || 'an anonymous caller'
      return { statement, layer, failed: 'principal', detail: `the statement is not about ${who}` }
    }
  }
  if (matchesResource !== undefined && !matchesResource(request.resource, request.context)) {
    const { negated, names } = compiled.statement.resource!
    const listed = names.map((name) => `"${name}"`).join(', ')
    const detail = negated
      ? `the resource "${request.resource}" is among NotResource ${listed}`
      : `the resource "${request.resource}" matches none of ${listed}`
    return { statement, layer, failed: 'resource', detail }
  }
  const unmet = conditions.filter((condition) => !condition.isMet(request.context))
  if (unmet.length === 0) return undefined
  const detail = unmet.map((condition) => describe(condition, request.context)).join('; ')
  return { statement, layer, failed: 'condition', detail }
}

function describe({ condition }: CompiledCondition, context: ConditionContext): string {
  const { key } = condition
  const asked = conditionText(condition)
  const value = context.get(key.toLowerCase())
  if (value === undefined) return `${asked} is not met: the request has no ${key}`
  const found = typeof value === 'string' ? `"${value}"` : `[${value.map((item) => `"${item}"`).join(', ')}]`
  return `${asked} is not met: the request has ${found}`
}

/** A condition as people read it: `IpAddress aws:SourceIp "10.0.0.0/8" or "::1"`. */
export function conditionText({ operator, key, values }: Condition): string {
  return `${operator.name} ${key} ${values.map((value) => `"${value}"`).join(' or ')}`
}
