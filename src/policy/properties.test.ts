import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compileLayers, compareWithReference, summary, unreached } from '../../test/policy/differential.ts'
import { contextOf, evaluate } from './evaluate.ts'
import type { AuthorizationRequest } from './evaluate.ts'
import { drawFrom, drawRequest } from '../../test/policy/generated-requests.ts'
import { additions, layersOf } from '../../test/policy/generated-policies.ts'
import type { RawDocument, RawLayers, RawStatement } from '../../test/policy/reference.ts'

test('evaluate() agrees with an evaluator that is slow and obviously right', (t) => {
  const comparison = compareWithReference({ seed: Date.now() >>> 0, decisions: 200_000 })
  t.diagnostic(summary(comparison))
  assert.ok(comparison.decisions >= 200_000)
  assert.deepEqual(unreached(comparison), [], 'the generator has to reach every rule')
})

/** Where a statement stands. */
type Place = { readonly layer: keyof RawLayers; readonly document: number; readonly statement: number }

function placesOf(raw: RawLayers): readonly Place[] {
  return (['identity', 'boundary', 'session', 'resource', 'trust'] as const).flatMap((layer) =>
    documentsOf(raw, layer).flatMap((document, d) =>
      document.Statement.map((_, s) => ({ layer, document: d, statement: s })),
    ),
  )
}

function documentsOf(raw: RawLayers, layer: Place['layer']): readonly RawDocument[] {
  const found = raw[layer]
  if (found === undefined || typeof found === 'boolean') return []
  return 'Statement' in found ? [found] : found
}

/** The same layers with one document's statements changed; a document without statements is taken out, its layer stays. */
function withStatements(
  raw: RawLayers,
  { layer, document }: Omit<Place, 'statement'>,
  change: (statements: readonly RawStatement[]) => readonly RawStatement[],
): RawLayers {
  const changed = documentsOf(raw, layer).flatMap((found, d) => {
    if (d !== document) return [found]
    const Statement = change(found.Statement)
    return Statement.length === 0 ? [] : [{ ...found, Statement }]
  })
  return { ...raw, [layer]: layer === 'resource' || layer === 'trust' ? changed[0] : changed }
}

const deny = (statement: RawStatement): RawStatement => ({ ...statement, Effect: 'Deny' })

test('a Deny more never allows more, and an Allow less never allows more, in any layer', () => {
  let changes = 0
  const wasChanged = new Set<string>()
  fc.assert(
    fc.property(layersOf, fc.record(additions), fc.nat(), fc.nat(), (raw, extra, pick, requestSeed) => {
      const changed: (readonly [string, RawLayers])[] = []
      for (const place of placesOf(raw)) {
        const { layer } = place
        const form =
          layer === 'trust' ? 'trust' : layer !== 'resource' ? 'bare' : raw.isVault ? 'vault' : 'named'
        if (place.statement === 0) {
          const more = withStatements(raw, place, (list) => [...list, deny(extra[form])])
          changed.push([`${layer} with a Deny more`, more])
        }
        const gone = documentsOf(raw, layer)[place.document]!.Statement[place.statement]!
        // A role without any trust policy at all is not a question that is ever asked.
        const isLast = layer === 'trust' && raw.trust!.Statement.length === 1
        if (gone.Effect === 'Deny' || isLast) continue
        const less = withStatements(raw, place, (list) => list.filter((item) => item !== gone))
        changed.push([`${layer} with an Allow less`, less])
      }
      if (changed.length === 0) return
      const [what, less] = changed[pick % changed.length]!
      wasChanged.add(what)
      const [before, after] = [compileLayers(raw), compileLayers(less)]
      const draw = drawFrom(requestSeed)
      for (let i = 0; i < 40; i++) {
        const { context, ...rest } = drawRequest(draw, raw.trust !== undefined)
        const request = { ...rest, context: contextOf(context) }
        if (evaluate(request, before).allowed) continue
        changes++
        assert.equal(evaluate(request, after).allowed, false, `${what}: ${JSON.stringify(rest)}`)
      }
    }),
    { numRuns: 2_500 },
  )
  assert.ok(changes > 50_000, `${changes} denied requests asked again`)
  assert.equal(wasChanged.size, 10, [...wasChanged].join())
})

test('a limit more never allows more: a boundary, a session policy, another policy in either', () => {
  fc.assert(
    fc.property(layersOf, layersOf, fc.nat(), (raw, other, requestSeed) => {
      const before = compileLayers(raw)
      const limited = [
        { ...raw, boundary: raw.boundary ?? other.boundary },
        { ...raw, session: raw.session ?? other.session },
      ].map(compileLayers)
      const draw = drawFrom(requestSeed)
      for (let i = 0; i < 40; i++) {
        const { context, ...rest } = drawRequest(draw, raw.trust !== undefined)
        // Without a session policy a federated user has nothing, so one more does give him something.
        if (rest.principal.kind === 'federated-user') continue
        const request = { ...rest, context: contextOf(context) }
        if (evaluate(request, before).allowed) continue
        for (const layers of limited) assert.equal(evaluate(request, layers).allowed, false)
      }
    }),
    { numRuns: 800 },
  )
})

test('a pattern full of stars takes no longer than its length times the value', () => {
  const resource = `arn:aws:s3:::${'a*'.repeat(1_500)}b?`
  const statement = { Effect: 'Allow', Action: [`s3:${'*a'.repeat(500)}`], Resource: [resource] } as const
  const layers = compileLayers({
    identity: [{ Version: '2012-10-17', Statement: [statement] }],
    boundary: undefined,
    session: undefined,
    resource: undefined,
    isVault: false,
    trust: undefined,
  })
  const request: AuthorizationRequest = {
    principal: { kind: 'user', arn: 'arn:aws:iam::1:user/a', accountId: '1', uniqueId: 'AIDA' },
    context: contextOf({}),
    action: `s3:${'a'.repeat(2_000)}`,
    resource: `arn:aws:s3:::${'a'.repeat(4_000)}`,
  }
  const started = process.cpuUsage()
  assert.equal(evaluate(request, layers).allowed, false)
  const usedMs = process.cpuUsage(started).user / 1_000
  assert.ok(usedMs < 2_000, `${usedMs} ms`)
})
