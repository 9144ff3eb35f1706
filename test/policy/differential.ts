import assert from 'node:assert/strict'
import fc from 'fast-check'
import { compilePolicy } from '../../src/policy/compile.ts'
import type { CompiledPolicy, PolicySource } from '../../src/policy/compile.ts'
import type { PolicyLayers } from '../../src/policy/decision.ts'
import { contextOf, evaluate } from '../../src/policy/evaluate.ts'
import { drawFrom, drawRequest } from './generated-requests.ts'
import { layersOf, OPERATOR_FORMS } from './generated-policies.ts'
import { parsePolicy } from '../../src/policy/parse.ts'
import type { PolicyKind } from '../../src/policy/policy.ts'
import { decideByReference } from './reference.ts'
import type { RawDocument, RawLayers } from './reference.ts'

/** Decisions taken for each set of policies. */
const REQUESTS_EACH = 50

export type Comparison = {
  readonly decisions: number
  /** How often each rule of the reference was applied, by name and outcome, and each kind of decision reached. */
  readonly reach: ReadonlyMap<string, number>
}

/**
 * Compares the engine with the reference on at least so many decisions: effect, layer and deciding statements.
 * @throws AssertionError with seed, path and the smallest policies found, where they differ
 */
export function compareWithReference(options: {
  readonly seed: number
  readonly decisions: number
}): Comparison {
  const reach = new Map<string, number>()
  const note = (rule: string): void => void reach.set(rule, (reach.get(rule) ?? 0) + 1)
  let decisions = 0
  fc.assert(
    fc.property(layersOf, fc.nat(), (raw, requestSeed) => {
      const layers = compileLayers(raw)
      const draw = drawFrom(requestSeed)
      for (let i = 0; i < REQUESTS_EACH; i++) {
        const request = drawRequest(draw, raw.trust !== undefined)
        const { effect, layer, statements } = evaluate(
          { ...request, context: contextOf(request.context) },
          layers,
        )
        const ids = statements.map(({ policy, index }) => `${policy.name}#${index}`)
        const expected = decideByReference(request, raw, note)
        decisions++
        if (
          effect !== expected.effect ||
          layer !== expected.layer ||
          ids.join() !== expected.statements.join()
        ) {
          assert.deepEqual({ effect, layer, statements: ids }, expected, JSON.stringify(request))
        }
        const owner = request.resourceAccountId ?? request.principal.accountId
        const where = owner === request.principal.accountId ? 'own' : owner === 'aws' ? "AWS's" : 'other'
        note(`${effect} by ${layer} for ${request.principal.kind}, ${where} account`)
      }
    }),
    { numRuns: Math.ceil(options.decisions / REQUESTS_EACH), seed: options.seed },
  )
  return { decisions, reach }
}

const WITH_POLICIES = ['user', 'assumed-role', 'federated-user']
const KINDS = [...WITH_POLICIES, 'root', 'service', 'web-identity', 'anonymous']
const LIMITS = ['absent', 'empty', 'allows', 'does not allow']

/** What the generator must reach: each operator in each form and outcome, each element, principal and way to decide. */
const MUST_REACH: readonly string[] = [
  ...OPERATOR_FORMS.flatMap((name) => [`${name} met`, `${name} unmet`]),
  ...['resolved', 'missing', 'default', 'escape', 'multivalued', 'as text', 'before the resource part'].map(
    (how) => `variable ${how}`,
  ),
  ...['Allow', 'Deny'].flatMap((effect) => [
    `NotAction of ${effect} lists the action`,
    `NotAction of ${effect} does not list the action`,
    `NotResource of ${effect} lists the resource`,
    `NotResource of ${effect} does not list the resource`,
    ...KINDS.flatMap((kind) => [
      `NotPrincipal of ${effect} spares ${kind}`,
      `NotPrincipal of ${effect} meets ${kind}`,
    ]),
  ]),
  ...KINDS.flatMap((kind) => [`${kind} not named`, `${kind} named by full`]),
  ...[...WITH_POLICIES, 'root'].map((kind) => `${kind} named by account`),
  'user named by user',
  'assumed-role named by role',
  'federated-user named by role',
  ...LIMITS.flatMap((state) => [`boundary ${state}`, `session ${state}`]),
  ...['out of scope', 'in scope', 'can grant', 'cannot grant'].map((how) => `vault policy ${how}`),
  ...WITH_POLICIES.flatMap((kind) => [
    `Allow by identity for ${kind}, own account`,
    `ImplicitDeny by resource for ${kind}, own account`,
    ...['own', 'other'].flatMap((where) => [
      `Allow by resource for ${kind}, ${where} account`,
      ...['identity', 'boundary', 'session', 'resource'].flatMap((layer) => [
        `ExplicitDeny by ${layer} for ${kind}, ${where} account`,
        `ImplicitDeny by ${layer} for ${kind}, ${where} account`,
      ]),
    ]),
  ]),
  ...['service', 'web-identity', 'anonymous'].flatMap((kind) =>
    ['Allow', 'ImplicitDeny', 'ExplicitDeny'].map(
      (effect) => `${effect} by resource for ${kind}, other account`,
    ),
  ),
  ...['Allow by root', 'ImplicitDeny by root', 'ExplicitDeny by resource'].map(
    (how) => `${how} for root, own account`,
  ),
  ...['Allow', 'ImplicitDeny', 'ExplicitDeny'].map(
    (effect) => `${effect} by resource for root, other account`,
  ),
]
const AT_LEAST = 5

/** Rules and outcomes that the generator reached less than five times; none, if it does its work. */
export function unreached({ reach }: Comparison): readonly string[] {
  return MUST_REACH.filter((rule) => (reach.get(rule) ?? 0) < AT_LEAST)
}

/** For people: how much was compared, and the least reached of what must be. */
export function summary({ decisions, reach }: Comparison): string {
  const counts = MUST_REACH.map((rule) => [reach.get(rule) ?? 0, rule] as const).toSorted(([a], [b]) => a - b)
  const total = (effect: string): number =>
    [...reach].reduce((sum, [rule, count]) => sum + (rule.startsWith(`${effect} by `) ? count : 0), 0)
  const effects = ['Allow', 'ImplicitDeny', 'ExplicitDeny'].map((effect) => `${total(effect)} ${effect}`)
  return (
    `${decisions} decisions (${effects.join(', ')}), ${OPERATOR_FORMS.length} operator forms, ` +
    `${counts.length} rules and outcomes, each reached ${counts[0]![0]} times or more (least: ${counts[0]![1]})`
  )
}

export function compileLayers(raw: RawLayers): PolicyLayers {
  const list = (
    documents: readonly RawDocument[],
    kind: PolicyKind,
    layer: string,
    type: PolicySource['type'],
  ): readonly CompiledPolicy[] =>
    documents.map((document, i) => compile(document, kind, `${layer}${i}`, type))
  const { resource, trust, isVault } = raw
  return {
    identity: list(raw.identity, 'identity', 'identity', 'inline'),
    boundary: raw.boundary && list(raw.boundary, 'identity', 'boundary', 'boundary'),
    session: raw.session && list(raw.session, 'session', 'session', 'session'),
    resource: resource && compile(resource, isVault ? 'vault' : 'resource', 'resource0', 'resource'),
    trust: trust && compile(trust, 'trust', 'trust0', 'trust'),
  }
}

function compile(
  document: RawDocument,
  kind: PolicyKind,
  name: string,
  type: PolicySource['type'],
): CompiledPolicy {
  return compilePolicy(parsePolicy(JSON.stringify(document), kind), { type, name })
}
