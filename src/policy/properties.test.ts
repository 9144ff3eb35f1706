import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compilePolicy } from './compile.ts'
import { contextOf, evaluate } from './evaluate.ts'
import type { AuthorizationRequest, PrincipalView } from './evaluate.ts'
import { parsePolicy } from './parse.ts'
import type { PolicyKind } from './policy.ts'

// --- A second evaluator, slow and written from the rules alone, to disagree with. ---

type RawStatement = {
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: '*' | { readonly AWS: readonly string[] }
  readonly Action?: readonly string[]
  readonly NotAction?: readonly string[]
  readonly Resource?: readonly string[]
  readonly NotResource?: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}
type RawLayers = {
  readonly identity: readonly RawStatement[]
  readonly boundary: readonly RawStatement[] | undefined
  readonly session: readonly RawStatement[] | undefined
  readonly resource: readonly RawStatement[] | undefined
}
type RawContext = Readonly<Record<string, string | readonly string[]>>
type RawRequest = {
  readonly principal: PrincipalView
  readonly action: string
  readonly resource: string
  readonly account: string
  readonly context: RawContext
}

function naiveGlob(pattern: string, value: string, context: RawContext, flags = 's'): boolean | undefined {
  let source = ''
  for (const [piece] of pattern.matchAll(/\$\{[^}]*\}|[^]/g)) {
    if (piece.length > 1) {
      const found = context[piece.slice(2, -1)]
      if (typeof found !== 'string') return undefined
      source += RegExp.escape(found)
    } else source += piece === '*' ? '.*' : piece === '?' ? '.' : RegExp.escape(piece)
  }
  return new RegExp(`^${source}$`, flags).test(value)
}

/** Some match; what cannot be resolved counts as `unresolved`. */
function naiveSome(
  patterns: readonly string[],
  unresolved: boolean,
  match: (p: string) => boolean | undefined,
): boolean {
  return patterns.some((pattern) => match(pattern) ?? unresolved)
}

function naiveCondition(
  name: string,
  key: string,
  values: readonly string[],
  context: RawContext,
  allow: boolean,
): boolean {
  const found = context[key]
  if (name === 'Null')
    return values.includes(String(found === undefined || (Array.isArray(found) && found.length === 0)))
  const [set, operator] = name.includes(':') ? name.split(':') : ['', name]
  const base = operator!.replace('IfExists', '')
  const negated = base.includes('Not')
  const one = (value: string): boolean => {
    const some = naiveSome(values, negated && allow, (pattern) => {
      if (base === 'NumericLessThan') return Number(value) < Number(pattern)
      if (base.startsWith('StringEquals') || base === 'StringNotEquals') {
        const text = naiveText(pattern, context)
        return text === undefined ? undefined : text === value
      }
      return naiveGlob(pattern, value, context)
    })
    return some !== negated
  }
  const list = found === undefined || found === '' ? [] : typeof found === 'string' ? [found] : found
  if (set === 'ForAllValues') return list.every(one)
  if (set === 'ForAnyValue') return list.some(one)
  if (found === undefined) return negated || operator!.endsWith('IfExists')
  return typeof found === 'string' && one(found)
}

function naiveText(pattern: string, context: RawContext): string | undefined {
  const variable = /^\$\{(.*)\}$/.exec(pattern)
  if (variable === null) return pattern
  const found = context[variable[1]!]
  return typeof found === 'string' ? found : undefined
}

function naiveApplies(statement: RawStatement, request: RawRequest): boolean {
  const allow = statement.Effect === 'Allow'
  const { action, resource, context } = request
  const isAction = (name: string): boolean | undefined => naiveGlob(name, action, {}, 'is')
  const isResource = (name: string): boolean | undefined => naiveGlob(name, resource, context)
  if (statement.Action && !naiveSome(statement.Action, false, isAction)) return false
  if (statement.NotAction && naiveSome(statement.NotAction, false, isAction)) return false
  if (statement.Resource && !naiveSome(statement.Resource, false, isResource)) return false
  if (statement.NotResource && naiveSome(statement.NotResource, allow, isResource)) return false
  return Object.entries(statement.Condition ?? {}).every(([name, block]) =>
    Object.entries(block).every(([key, values]) => naiveCondition(name, key, values, context, allow)),
  )
}

type Naming = 'none' | 'account' | 'role' | 'user' | 'full'

function naiveNaming(
  statement: RawStatement,
  { kind, arn, accountId, roleArn }: PrincipalView,
): readonly Naming[] {
  if (statement.Principal === '*') return ['full']
  return (statement.Principal?.AWS ?? []).map((name): Naming => {
    if (name === arn) return kind === 'user' ? 'user' : 'full'
    if (name === roleArn) return 'role'
    return name === accountId || name === `arn:aws:iam::${accountId}:root` ? 'account' : 'none'
  })
}

function naiveDecide(request: RawRequest, layers: RawLayers): 'Allow' | 'ImplicitDeny' | 'ExplicitDeny' {
  const applying = (list: readonly RawStatement[], effect: string): readonly RawStatement[] =>
    list.filter((statement) => statement.Effect === effect && naiveApplies(statement, request))
  const about = (layers.resource ?? []).filter((s) =>
    naiveNaming(s, request.principal).some((n) => n !== 'none'),
  )
  const all = [...layers.identity, ...(layers.boundary ?? []), ...(layers.session ?? []), ...about]
  if (applying(all, 'Deny').length > 0) return 'ExplicitDeny'
  const identity = applying(layers.identity, 'Allow').length > 0
  const boundary = layers.boundary === undefined || applying(layers.boundary, 'Allow').length > 0
  const session = layers.session === undefined || applying(layers.session, 'Allow').length > 0
  const named = new Set(applying(about, 'Allow').flatMap((s) => naiveNaming(s, request.principal)))
  named.delete('none')
  const isAllowed =
    request.account === request.principal.accountId
      ? (identity && boundary && session) ||
        named.has('full') ||
        (named.has('user') && session) ||
        (named.has('role') && boundary && session)
      : identity && boundary && session && named.size > 0
  return isAllowed ? 'Allow' : 'ImplicitDeny'
}

// --- What is generated: alphabets so small that things match. ---

const ALICE = {
  kind: 'user',
  arn: 'arn:aws:iam::111111111111:user/a',
  accountId: '111111111111',
  uniqueId: 'AIDA',
} as const
const SESSION = {
  kind: 'assumed-role',
  arn: 'arn:aws:sts::111111111111:assumed-role/R/s',
  accountId: '111111111111',
  uniqueId: 'AROA:s',
  roleArn: 'arn:aws:iam::111111111111:role/R',
} as const
const ACTIONS = ['s3:Get', 's3:Put', 's3:GetTag', 'ec2:Get', 'ec2:Run']
const RESOURCES = ['arn:aws:s3:::a', 'arn:aws:s3:::a/b', 'arn:aws:s3:::b/a.c', 'arn:aws:s3:::b/axc:a']
const some = <T>(...items: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...items)
const few = <T>(item: fc.Arbitrary<T>): fc.Arbitrary<readonly T[]> =>
  fc.array(item, { minLength: 1, maxLength: 3 })

const actions = few(
  some(
    '*',
    '*',
    '*',
    '*',
    's3:*',
    's3:get',
    'S3:GET',
    's3:Get*',
    '*:Get',
    'ec2:?un',
    's3:?e*t*',
    'ec2:Run',
    '*:Put',
  ),
)
const resources = few(
  some(
    '*',
    '*',
    '*',
    'arn:aws:s3:::*',
    'arn:aws:s3:::a',
    'arn:aws:s3:::a/*',
    'arn:aws:s3:::b/?.c',
    'arn:aws:s3:::${k}/*',
    'arn:aws:s3:::?',
    'arn:aws:s3:::*a*c*',
    'arn:aws:s3:::b/a?c*',
  ),
)
const operators = some(
  'StringEquals',
  'StringNotEquals',
  'StringLike',
  'StringNotLike',
  'StringEqualsIfExists',
  'StringNotLikeIfExists',
  'ForAllValues:StringLike',
  'ForAnyValue:StringEquals',
  'ForAllValues:StringNotEquals',
  'ForAnyValue:StringNotLike',
  'NumericLessThan',
)
const values = few(some('a', 'b', '2', '${k}', '${missing}', 'a', 'ab'))
const block = fc.dictionary(some('k', 'm', 'missing'), values, {
  minKeys: 1,
  maxKeys: 2,
  noNullPrototype: true,
})
const nulls = fc.dictionary(some('k', 'missing'), some(['true'], ['false']), {
  minKeys: 1,
  maxKeys: 1,
  noNullPrototype: true,
})
const conditions = fc.oneof(
  { weight: 6, arbitrary: fc.constant(undefined) },
  { weight: 2, arbitrary: fc.dictionary(operators, block, { maxKeys: 2, noNullPrototype: true }) },
  { weight: 1, arbitrary: nulls.map((keys) => ({ Null: keys })) },
)
const statement: fc.Arbitrary<RawStatement> = fc
  .record({
    deny: fc.integer({ min: 0, max: 14 }).map((n) => n === 0),
    notAction: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    notResource: fc.integer({ min: 0, max: 4 }).map((n) => n === 0),
    actions,
    resources,
    conditions,
  })
  .map((s) => ({
    Effect: s.deny ? 'Deny' : 'Allow',
    ...(s.notAction ? { NotAction: s.actions } : { Action: s.actions }),
    ...(s.notResource ? { NotResource: s.resources } : { Resource: s.resources }),
    ...(s.conditions === undefined ? {} : { Condition: s.conditions }),
  }))
const principals = fc.oneof(
  fc.constant('*' as const),
  few(some(ALICE.arn, SESSION.arn, SESSION.roleArn, '111111111111', 'arn:aws:iam::222222222222:root')).map(
    (AWS) => ({ AWS }),
  ),
)
const named = fc.tuple(statement, principals).map(([s, Principal]): RawStatement => ({ ...s, Principal }))
const document = fc.array(statement, { minLength: 1, maxLength: 4 })
const layersOf: fc.Arbitrary<RawLayers> = fc.record({
  identity: document,
  boundary: fc.option(document, { nil: undefined, freq: 2 }),
  session: fc.option(document, { nil: undefined, freq: 2 }),
  resource: fc.option(fc.array(named, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 2 }),
})
const CONTEXTS: readonly RawContext[] = [{}, { k: 'a', m: '1' }, { k: 'b', m: ['a', 'b'] }, { k: '*', m: [] }]
const REQUESTS: readonly RawRequest[] = [ALICE, SESSION].flatMap((principal) =>
  ['111111111111', '222222222222'].flatMap((account) =>
    ACTIONS.flatMap((action) =>
      RESOURCES.flatMap((resource) =>
        CONTEXTS.map((context) => ({ principal, account, action, resource, context })),
      ),
    ),
  ),
)

function compileList(list: readonly RawStatement[], kind: PolicyKind) {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: list })
  return compilePolicy(parsePolicy(text, kind), {
    type: kind === 'resource' ? 'resource' : 'inline',
    name: 'p',
  })
}

function compileLayers(raw: RawLayers) {
  return {
    identity: [compileList(raw.identity, 'identity')],
    boundary: raw.boundary && [compileList(raw.boundary, 'identity')],
    session: raw.session && [compileList(raw.session, 'session')],
    resource: raw.resource && compileList(raw.resource, 'resource'),
  }
}

const PREPARED: readonly AuthorizationRequest[] = REQUESTS.map(({ context, account, ...request }) => ({
  ...request,
  resourceAccountId: account,
  context: contextOf(context),
}))

test('evaluate() agrees with an evaluator that is slow and obviously right', () => {
  const counts = { Allow: 0, ImplicitDeny: 0, ExplicitDeny: 0 }
  const rounds = 2_600
  const perRound = 80
  let next = 0
  fc.assert(
    fc.property(layersOf, (raw) => {
      const layers = compileLayers(raw)
      for (let i = 0; i < perRound; i++) {
        next = (next + 7) % REQUESTS.length
        const { effect } = evaluate(PREPARED[next]!, layers)
        counts[effect]++
        assert.equal(effect, naiveDecide(REQUESTS[next]!, raw), JSON.stringify(REQUESTS[next]))
      }
    }),
    { numRuns: rounds },
  )
  const total = counts.Allow + counts.ImplicitDeny + counts.ExplicitDeny
  assert.ok(total >= 200_000, `${total} decisions`)
  assert.ok(counts.Allow > total / 5, `${counts.Allow} of ${total} allowed`)
  assert.ok(total - counts.Allow > total / 5, `${total - counts.Allow} of ${total} denied`)
})

test('a Deny more never allows more, and an Allow less never allows more', () => {
  const layer = some<keyof RawLayers>('identity', 'boundary', 'session', 'resource')
  fc.assert(
    fc.property(layersOf, layer, named, fc.nat(), (raw, name, extra, pick) => {
      const list = raw[name] ?? []
      const { Principal, ...bare } = extra
      const deny: RawStatement = {
        ...bare,
        Effect: 'Deny',
        ...(name === 'resource' ? { Principal: Principal! } : {}),
      }
      const before = compileLayers(raw)
      const changed = [compileLayers({ ...raw, ...(raw[name] ? { [name]: [...list, deny] } : {}) })]
      const allows = list.filter((item) => item.Effect === 'Allow')
      if (allows.length > 0 && list.length > 1) {
        const gone = allows[pick % allows.length]
        changed.push(compileLayers({ ...raw, [name]: list.filter((item) => item !== gone) }))
      }
      for (let i = pick % 5; i < PREPARED.length; i += 5) {
        if (evaluate(PREPARED[i]!, before).allowed) continue
        for (const layers of changed) assert.equal(evaluate(PREPARED[i]!, layers).allowed, false)
      }
    }),
    { numRuns: 400 },
  )
})

test('a pattern full of stars takes no longer than its length times the value', () => {
  const resource = `arn:aws:s3:::${'a*'.repeat(1_500)}b?`
  const layers = {
    identity: [
      compileList(
        [{ Effect: 'Allow', Action: [`s3:${'*a'.repeat(500)}`], Resource: [resource] }],
        'identity',
      ),
    ],
  }
  const request = {
    ...PREPARED[0]!,
    action: `s3:${'a'.repeat(2_000)}`,
    resource: `arn:aws:s3:::${'a'.repeat(4_000)}`,
  }
  const started = process.cpuUsage()
  assert.equal(evaluate(request, layers).allowed, false)
  const usedMs = process.cpuUsage(started).user / 1_000
  assert.ok(usedMs < 2_000, `${usedMs} ms`)
})
