import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { drawFrom, drawRequest } from '../../test/policy/generated-requests.ts'
import type { Draw } from '../../test/policy/generated-requests.ts'
import { layersOf } from '../../test/policy/generated-policies.ts'
import type { RawDocument, RawLayers } from '../../test/policy/reference.ts'
import { compilePolicy } from './compile.ts'
import { contextOf, explain } from './evaluate.ts'
import { countedSize, parsePolicy, PolicySyntaxError } from './parse.ts'
import type { PolicyKind } from './policy.ts'

const some = <T>(...items: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...items)
const kinds = some<PolicyKind>('identity', 'resource', 'trust', 'session', 'vault')
const names = some(
  'Version',
  'Statement',
  'Effect',
  'Action',
  'Resource',
  'Principal',
  'Condition',
  'StringLike',
  'AWS',
  'Sid',
  '__proto__',
)
const { json } = fc.letrec((tie) => ({
  json: fc.oneof(
    { maxDepth: 6 },
    some<unknown>(
      '*',
      'Allow',
      '2012-10-17',
      's3:Get*',
      'arn:aws:s3:::a',
      'arn',
      '',
      null,
      true,
      7,
      ['s3:Get'],
      '${',
      'arn:',
    ),
    fc.array(tie('json'), { maxLength: 3 }),
    fc.dictionary(names, tie('json'), { maxKeys: 5 }),
  ),
}))

function survive(text: string, kind: PolicyKind): void {
  try {
    compilePolicy(parsePolicy(text, kind), { type: 'inline', name: 'p' })
  } catch (error) {
    assert.ok(error instanceof PolicySyntaxError, String(error))
  }
}

test('parsePolicy() throws a PolicySyntaxError or nothing', () => {
  fc.assert(
    fc.property(json, kinds, (value, kind) => survive(JSON.stringify(value) ?? '', kind)),
    { numRuns: 4_000 },
  )
  fc.assert(fc.property(fc.string({ unit: 'binary' }), kinds, survive), { numRuns: 1_000 })
  const wrap = (inner: unknown) =>
    JSON.stringify({ Statement: { Effect: 'Allow', Action: 's3:*', ...Object(inner) } })
  fc.assert(
    fc.property(json, kinds, (inner, kind) => survive(wrap(inner), kind)),
    { numRuns: 2_000 },
  )
  survive('['.repeat(100_000), 'identity')
  survive('{"a":'.repeat(20_000), 'identity')
})

/** A value with one of its parts, wherever it lies, replaced by another. */
function withPart(value: unknown, draw: Draw, part: unknown): unknown {
  if (typeof value !== 'object' || value === null || draw(20) === 0) return part
  const entries = Object.entries(value)
  if (entries.length === 0) return part
  const [name, inner] = entries[draw(entries.length)]!
  const changed = withPart(inner, draw, part)
  return Array.isArray(value) ? value.with(Number(name), changed) : { ...value, [name]: changed }
}

function documentsOf(raw: RawLayers): readonly (readonly [PolicyKind, RawDocument])[] {
  const { identity, boundary = [], session = [], resource, trust, isVault } = raw
  return [
    ...[...identity, ...boundary].map((document) => ['identity', document] as const),
    ...session.map((document) => ['session', document] as const),
    ...(resource === undefined ? [] : [[isVault ? 'vault' : 'resource', resource] as const]),
    ...(trust === undefined ? [] : [['trust', trust] as const]),
  ]
}

test('a policy with anything in the place of anything is refused, or can be decided and explained by', () => {
  const oddities = fc.oneof(
    json,
    some<unknown>(
      '*',
      'Deny',
      's3:G?t',
      'sts:AssumeRole',
      'backup:Start',
      'arn:aws:s3:::*a*',
      true,
      5,
      "${k:s, '}'}",
    ),
    some<unknown>(
      ['a', '*'],
      ['s3:*', '*:?'],
      { 'k:s': ['${*}', ''] },
      { AWS: '*' },
      { StringLike: { 'k:s': [] } },
    ),
    some<unknown>('${', "${k:s, 'a", '*:*', '::::::', 'arn:aws:s3:::${k:s}', 1e308, {}, [], [[]], {
      AWS: [],
    }),
    fc.string({ unit: 'binary', maxLength: 20 }),
  )
  let [tried, accepted] = [0, 0]
  fc.assert(
    fc.property(layersOf, kinds, fc.nat(), oddities, (raw, other, pick, odd) => {
      tried++
      const draw = drawFrom(pick)
      const documents = documentsOf(raw)
      const [own, document] = documents[draw(documents.length)] ?? [other, {}]
      const kind = draw(10) === 0 ? other : own
      const text = JSON.stringify(withPart(document, draw, odd)) ?? ''
      try {
        const policy = compilePolicy(parsePolicy(text, kind), { type: 'inline', name: 'p' })
        accepted++
        for (let i = 0; i < 5; i++) {
          const { context, ...request } = drawRequest(draw, kind === 'trust')
          const decision = explain(
            { ...request, context: contextOf(context) },
            {
              identity: [policy],
              boundary: [policy],
              session: [policy],
              resource: policy,
              trust: policy,
            },
          )
          assert.equal(decision.allowed, decision.effect === 'Allow')
        }
      } catch (error) {
        assert.ok(error instanceof PolicySyntaxError, String(error))
      }
    }),
    { numRuns: 4_000 },
  )
  assert.ok(accepted > tried / 60, `${accepted} of ${tried} accepted`)
})

test('a policy’s text with a character more, less or other is refused with a PolicySyntaxError or read', () => {
  fc.assert(
    fc.property(
      layersOf,
      kinds,
      fc.nat(),
      fc.string({ unit: 'binary', maxLength: 2 }),
      (raw, kind, pick, more) => {
        const text = JSON.stringify(raw.resource ?? raw.identity[0] ?? {})
        const at = pick % text.length
        for (const length of [0, 1]) survive(text.slice(0, at) + more + text.slice(at + length), kind)
        survive(text.slice(0, at), kind)
      },
    ),
    { numRuns: 1_500 },
  )
})

test('countedSize() leaves out blanks between tokens and counts those inside strings', () => {
  assert.equal(countedSize('{ "a" :\n\t[ 1 ] }'), '{"a":[1]}'.length)
  assert.equal(countedSize('{"a b": "\\" c"}'), '{"a b":"\\" c"}'.length)
  fc.assert(
    fc.property(fc.json(), (text) => {
      const value: unknown = JSON.parse(text)
      assert.equal(countedSize(JSON.stringify(value, null, 4)), JSON.stringify(value).length)
    }),
  )
})
