import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { answerError } from './answer.ts'
import { AwsError } from './error.ts'
import { SERVICE_NAMES, modelOf } from './model.ts'
import type { OperationModel, ServiceModel, ServiceName } from './model.ts'
import { parseInput } from './parse-input.ts'
import { route } from './route.ts'
import { scopeOf } from './scope.ts'
import { readClaim, verifySignature } from './sigv4.ts'
import { MAX_MATCHED, validate } from './validate.ts'
import type { WireRequest } from './wire.ts'
import { cpuMs } from '../../test/fixtures/cpu-time.ts'

const MAX_MS = 50

/** Takes a request all the way; it may only be read or be refused by a client's error. */
function take(name: ServiceName, request: WireRequest): unknown {
  const model = modelOf(name)
  const refusals: AwsError[] = []
  const step = <T>(run: () => T): T | undefined => {
    try {
      return run()
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      assert.ok(error.status >= 400 && error.status < 500, error.code)
      refusals.push(error)
      return undefined
    }
  }
  scopeOf(request)
  const claim = step(() => readClaim(model, request))
  if (claim !== undefined) assert.ok(verifySignature(model, request, claim, 'secret', 0) !== undefined)
  const routed = step(() => route(model, request))
  const input = routed === undefined ? undefined : step(() => parseInput(routed, request))
  for (const refusal of refusals) {
    const { body, headers } = answerError(model, refusal, 'r')
    assert.ok(body.length < 20_000, `an error of ${body.length} characters`)
    assert.match(headers['x-amzn-errortype'] ?? 'X', /^\w+$/)
  }
  return input
}

const post = (body: string | Buffer, more: readonly (readonly [string, string])[] = []): WireRequest => ({
  method: 'POST',
  rawTarget: '/',
  headers: [['host', 'h'], ...more],
  body: Buffer.from(body as string),
})

const byteText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.string({ maxLength: 60 }),
  fc.constantFrom(
    '__proto__',
    'constructor',
    '\0',
    '\ud800',
    '%',
    '%00',
    '%C0%80',
    '%ED%A0%80',
    '..',
    '=',
    '&&',
    '',
  ),
)

/** A presigned target of which each part may be anything. */
function presigned([text, date, expires, signed, signature, token]: readonly string[]): string {
  const when = date === '' ? '20261124T030000Z' : date
  return (
    `/?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=${text}/20261124/r/iam/aws4_request&X-Amz-Date=${when}` +
    `&X-Amz-Expires=${expires === '' ? 900 : expires}&X-Amz-SignedHeaders=host;${signed}&X-Amz-Signature=${signature}` +
    `&X-Amz-Security-Token=${token}`
  )
}

test('no request at all makes the wire throw anything but a client’s error', () => {
  const request = fc.record({
    method: fc.oneof(fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'HEAD'), byteText),
    rawTarget: fc.oneof(
      byteText,
      fc.array(byteText, { maxLength: 5 }).map((parts) => `/${parts.join('/')}?${parts.join('&')}`),
      fc.array(byteText, { minLength: 6, maxLength: 6 }).map(presigned),
    ),
    headers: fc.array(
      fc.tuple(
        fc.constantFrom(
          'authorization',
          'x-amz-date',
          'date',
          'host',
          'x-amz-target',
          'x-amz-content-sha256',
          'x-é',
        ),
        fc.oneof(
          byteText,
          byteText.map(
            (text) =>
              `AWS4-HMAC-SHA256 Credential=${text}/20261124/r/iam/aws4_request, SignedHeaders=host;${text}, Signature=${text}`,
          ),
          fc.constant('20261124T030000Z'),
          fc.constant('99999999T999999Z'),
        ),
      ),
      { maxLength: 6 },
    ),
    body: fc.oneof(
      fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)),
      fc.json().map((text) => Buffer.from(text)),
      byteText.map((text) => Buffer.from(`Action=${text}&${text}=${text}`)),
    ),
  })
  fc.assert(
    fc.property(fc.constantFrom(...SERVICE_NAMES), request, (name, one) => void take(name, one)),
    { numRuns: 20_000 },
  )
})

/** A request for an operation whose labels are filled and whose body is `body`. */
function aimed(
  model: ServiceModel,
  operation: OperationModel,
  body: string | Buffer,
  label: string,
): WireRequest {
  const base = post(body, [['x-amz-target', `${model.metadata.targetPrefix}.${operation.name}`]])
  if (model.metadata.protocol !== 'rest-json') return base
  const rawTarget = operation.http.requestUri.replace(/\{[^}]+\}/g, () => encodeURIComponent(label))
  return { ...base, method: operation.http.method, rawTarget }
}

const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  '',
  'x',
  'ü🗄',
  '\0',
  '\ud800',
  [],
  [null],
  [[]],
  {},
  { a: null },
  'x'.repeat(5000),
  JSON.parse('{"__proto__":{"a":1},"constructor":1}'),
  '2026-11-24',
  '2026-11-24T03:00:00',
  '9'.repeat(400),
  -62135596800001,
  1e15,
]

test('every member of every JSON operation meets every odd value with a client’s error or a value of its type', () => {
  let asked = 0
  for (const name of ['backup', 'tagging', 'roleback'] as const) {
    const model = modelOf(name)
    for (const operation of Object.values(model.operations)) {
      const members = Object.keys(model.shapes[operation.input?.shape ?? '']?.members ?? {})
      for (const odd of ODD_VALUES) {
        const everywhere = Object.fromEntries(members.map((member) => [member, odd]))
        take(name, aimed(model, operation, JSON.stringify(everywhere), 'abc'))
        take(name, aimed(model, operation, JSON.stringify(odd), 'a/b c'))
        for (const member of members) {
          take(name, aimed(model, operation, JSON.stringify({ [member]: odd }), 'abc'))
          asked += 1
        }
      }
    }
  }
  assert.ok(asked > 5000, `only ${asked}`)
  assert.equal(({} as Record<string, unknown>)['a'], undefined, 'a prototype was changed')
})

test('every parameter of every query operation meets every odd spelling with a client’s error or a value', () => {
  for (const name of ['iam', 'sts'] as const) {
    const model = modelOf(name)
    for (const operation of Object.values(model.operations)) {
      for (const member of Object.keys(model.shapes[operation.input?.shape ?? '']?.members ?? {})) {
        for (const tail of [
          '=',
          '=x',
          '.member.1=x',
          '.member.1.Key=%FF',
          '.member.0=x',
          '.member.x=1',
          '.entry.1.key=k',
          '.entry.1.value=v',
          '.__proto__=1',
          '=%00',
          '=a&P=b',
          '..=1',
          '.member.1.member.1.member.1=x',
          `=${'9'.repeat(400)}`,
        ])
          take(name, post(`Action=${operation.name}&${member}${tail.replaceAll('P=', `${member}=`)}`))
      }
    }
  }
})

const INPUT_OF_PLAN = '/backup/plans/'

test('hostile bodies are refused or read in a time that grows with their size only', () => {
  const json = (body: string | Buffer): WireRequest => ({
    ...post(body),
    method: 'PUT',
    rawTarget: INPUT_OF_PLAN,
  })
  const mib = 1024 * 1024
  const cases: readonly (readonly [string, ServiceName, WireRequest, number])[] = [
    ['deep lists', 'backup', json(`{"BackupPlan":${'['.repeat(10_000)}${']'.repeat(10_000)}}`), MAX_MS],
    ['deep objects', 'backup', json('{"BackupPlan":'.repeat(10_000) + '1' + '}'.repeat(10_000)), MAX_MS],
    ['open lists, 1 MiB', 'backup', json('['.repeat(mib)), 500],
    ['a huge number', 'backup', json('{"BackupPlan":{"Rules":[{"StartWindowMinutes":1e999}]}}'), MAX_MS],
    [
      '1 MiB of keys',
      'backup',
      json(`{"BackupPlanTags":{${Array.from({ length: 60_000 }, (_, i) => `"k${i}":"v"`).join(',')}}}`),
      500,
    ],
    [
      '1 MiB of bad items',
      'backup',
      json(`{"BackupPlan":{"BackupPlanName":"p","Rules":[${'{},'.repeat(200_000)}{}]}}`),
      1000,
    ],
    [
      '1 MiB of one text',
      'backup',
      json(`{"BackupPlan":{"BackupPlanName":"${'a'.repeat(mib)}","Rules":[]}}`),
      500,
    ],
    ['latin-1', 'backup', json(Buffer.from('{"a":"\xff"}', 'latin1')), MAX_MS],
    [
      '100,000 parameters',
      'iam',
      post(`Action=CreateRole&${Array.from({ length: 100_000 }, (_, i) => `p${i}=`).join('&')}`),
      1000,
    ],
    ['100,000 dots', 'iam', post(`Action=CreateRole&${'.'.repeat(100_000)}=1`), MAX_MS],
    ['1,000,000 ampersands', 'iam', post('&'.repeat(1_000_000)), 1000],
    ['percent signs', 'sts', post(`Action=${'%'.repeat(500_000)}`), 500],
    [
      '100,000 items',
      'iam',
      post(
        `Action=TagRole&RoleName=r${Array.from({ length: 30_000 }, (_, i) => `&Tags.member.${i + 1}.Key=k`).join('')}`,
      ),
      1000,
    ],
    ['a long target', 'roleback', post('{}', [['x-amz-target', 'a.'.repeat(10_000)]]), MAX_MS],
    [
      'a long query',
      'backup',
      { ...json('{}'), method: 'GET', rawTarget: `/backup/plans/?${'maxResults=1&'.repeat(2000)}` },
      MAX_MS,
    ],
    ['many slashes', 'backup', { ...json(''), rawTarget: '/'.repeat(30_000) }, MAX_MS],
    ['many dots', 'backup', { ...json(''), rawTarget: '/..'.repeat(10_000) }, MAX_MS],
  ]
  for (const [label, name, request, maxMs] of cases) {
    take(name, request)
    const startedAt = cpuMs()
    take(name, request)
    const ms = cpuMs() - startedAt
    // Ten times the bound: machines differ. What is quadratic takes hundreds of times as long.
    assert.ok(ms < maxMs * 10, `${label} took ${ms.toFixed(0)} ms`)
  }
})

test('no pattern of a model backtracks for long on what it is tried on', () => {
  const units = ['a', '/', '-', 'a-', 'a/', 'a.', ' ', '!', ':', 'arn:aws:', '0', 'é', '=', '\n']
  const texts = (length: number): string[] =>
    units.flatMap((unit) => ['', '!', '\0', '\n'].map((end) => unit.repeat(length / unit.length) + end))
  for (const name of SERVICE_NAMES) {
    for (const [shapeName, { pattern, max }] of Object.entries(modelOf(name).shapes)) {
      if (pattern === undefined) continue
      const length = Math.min(max ?? MAX_MATCHED, MAX_MATCHED) - 1
      const model: ServiceModel = {
        ...modelOf(name),
        shapes: {
          ...modelOf(name).shapes,
          In: { type: 'structure', members: { Text: { shape: shapeName } } },
        },
      }
      const operation = { name: 'X', http: { method: 'POST', requestUri: '/' }, input: { shape: 'In' } }
      for (const Text of texts(length)) {
        const startedAt = cpuMs()
        try {
          validate({ model, operation, labels: {} }, { Text })
        } catch (error) {
          assert.ok(error instanceof AwsError)
        }
        const ms = cpuMs() - startedAt
        assert.ok(
          ms < 10 * MAX_MS,
          `${name} ${shapeName}: ${pattern} took ${ms.toFixed(0)} ms on ${Text.slice(0, 8)}…`,
        )
      }
    }
  }
})

const refusal = (name: ServiceName, request: WireRequest): [string, string] => {
  try {
    parseInput(route(modelOf(name), request), request)
  } catch (error) {
    if (error instanceof AwsError) return [error.code, error.message]
    throw error
  }
  return ['none', '']
}

test('parseInput() names what is wrong in the code and words of AWS, and hides what is sensitive', () => {
  const vault = (body: string, name = 'vault_1'): WireRequest => ({
    ...post(body),
    method: 'PUT',
    rawTarget: `/backup-vaults/${name}`,
  })
  const tags = (body: string): WireRequest => ({ ...post(body), rawTarget: '/tags/arn%3Aaws%3As3%3A%3A%3Ab' })
  const jobs = (query: string): WireRequest => ({
    ...post(''),
    method: 'GET',
    rawTarget: `/backup-jobs/${query}`,
  })
  const cases: readonly (readonly [ServiceName, WireRequest, string, RegExp])[] = [
    ['backup', vault('[]'), 'SerializationException', /not a JSON object/],
    ['backup', vault('{"BackupVaultTags":[]}'), 'SerializationException', /"BackupVaultTags" is not a map/],
    ['backup', vault('{"BackupVaultTags":{"secret":1}}'), 'SerializationException', /is not a string/],
    ['backup', vault('{', 'x'), 'SerializationException', /not valid JSON/],
    [
      'backup',
      vault('{}', 'x'),
      'InvalidParameterValueException',
      /Value 'x' at 'backupVaultName' failed to satisfy constraint: Member must satisfy regular expression pattern/,
    ],
    [
      'backup',
      { ...post('{}'), method: 'PUT', rawTarget: '/backup-jobs' },
      'MissingParameterValueException',
      /^3 validation errors detected: Value null at 'backupVaultName' failed to satisfy constraint: Member must not be null/,
    ],
    ['backup', tags('{}'), 'MissingParameterValueException', /tags/],
    ['backup', jobs('?maxResults=0'), 'InvalidParameterValueException', /greater than or equal to 1/],
    ['backup', jobs('?maxResults=1&maxResults=2'), 'SerializationException', /more than once/],
    ['backup', jobs('?maxResults=x'), 'SerializationException', /not a whole number/],
    ['backup', jobs('?createdAfter=2026-11-24T03:00:00'), 'SerializationException', /not a timestamp/],
    ['backup', jobs('?state=NO'), 'InvalidParameterValueException', /enum value set: \[CREATED, /],
    [
      'iam',
      post('Action=CreateRole'),
      'ValidationError',
      /^2 validation errors detected: Value null at 'roleName'/,
    ],
    ['iam', post('Action=CreateRole&RoleName=a&RoleName=b'), 'MalformedInput', /more than once/],
    ['iam', post('Action=ListRoles&MaxItems=x'), 'MalformedInput', /not a whole number/],
    ['iam', post('Action=ListRoles&Version=1999-01-01'), 'InvalidAction', /version 1999-01-01/],
    ['iam', post('Action=toString'), 'InvalidAction', /Could not find operation toString/],
    [
      'tagging',
      post('{"ResourcesPerPage":"1"}', [['x-amz-target', 'ResourceGroupsTaggingAPI_20170126.GetResources']]),
      'SerializationException',
      /whole number/,
    ],
    [
      'tagging',
      post('{}', [['x-amz-target', 'ResourceGroupsTaggingAPI_20170126.__proto__']]),
      'UnknownOperationException',
      /__proto__/,
    ],
  ]
  for (const [name, request, code, message] of cases) {
    const [foundCode, found] = refusal(name, request)
    assert.equal(foundCode, code, `${request.rawTarget} ${request.body.toString()}: ${found}`)
    assert.match(found, message)
  }
  const password = refusal(
    'iam',
    post(`Action=CreateLoginProfile&UserName=u&Password=${'hunter2'.repeat(40)}`),
  )
  assert.equal(password[0], 'ValidationError')
  assert.doesNotMatch(password[1], /hunter2/)
})

test('parseInput() ignores members that the model does not know, and nulls', () => {
  const request = {
    ...post('{"Unknown":{"a":1},"CreatorRequestId":null}'),
    method: 'PUT',
    rawTarget: '/backup-vaults/vault_1',
  }
  assert.deepEqual(take('backup', request), { BackupVaultName: 'vault_1' })
  assert.deepEqual(take('iam', post('Action=GetRole&RoleName=r&Nonsense=1&X.member.1=2')), { RoleName: 'r' })
})
