import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwsError } from './error.ts'
import { serviceSignedAs } from './model.ts'
import { parseInput } from './parse-input.ts'
import { route } from './route.ts'
import { scopeOf } from './scope.ts'
import type { WireRequest } from './wire.ts'
import { signedBySdk, refusalOf, signedHere } from '../../test/fixtures/sigv4-sdk.ts'

/** Requests that were changed after they were signed. */

/**
 * What a request says, spelt in one way: written from the specification and apart from sigv4.ts. Two requests are one request in
 * the eyes of SigV4 exactly when these are equal.
 */
function meaningOf(request: WireRequest): string {
  const [path = '', ...rest] = request.rawTarget.split('?')
  const unescaped = (text: string): string => {
    const bytes: number[] = []
    const source = Buffer.from(text)
    for (let i = 0; i < source.length; i += 1) {
      const hex = source.toString('latin1', i + 1, i + 3)
      if (source[i] === 0x25 && /^[\da-fA-F]{2}$/.test(hex)) {
        bytes.push(Number.parseInt(hex, 16))
        i += 2
      } else bytes.push(source[i] as number)
    }
    return Buffer.from(bytes).toString('hex')
  }
  const segments: string[] = []
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop()
    else if (segment !== '' && segment !== '.') segments.push(segment)
  }
  const end = segments.length > 0 && path.endsWith('/') ? '/' : ''
  const query = rest
    .join('?')
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const [name = '', ...value] = pair.split('=')
      return `${unescaped(name)}=${unescaped(value.join('='))}`
    })
    .toSorted()
  const authorization = headerText(request, 'authorization')
    .replace(/\s*([,=])\s*/g, '$1')
    .split(/[ ,]/)
    .toSorted()
  const signed = authorization
    .find((part) => part.startsWith('SignedHeaders='))
    ?.slice(14)
    .split(';')
  const name = `${Buffer.from('X-Amz-SignedHeaders').toString('hex')}=`
  const presigned = query.find((pair) => pair.startsWith(name))?.slice(name.length)
  const headers = (
    signed ??
    Buffer.from(presigned ?? '', 'hex')
      .toString()
      .split(';')
  ).map((name) => `${name}:${headerText(request, name)}`)
  const body = request.body.toString('hex')
  return JSON.stringify([request.method, segments.join('/') + end, query, headers, body, authorization])
}

function headerText(request: WireRequest, name: string): string {
  return request.headers
    .filter(([header]) => header === name)
    .map(([, value]) => value.trim().split(/\s+/).join(' '))
    .join(',')
}

/** Every way that one character of a text can be changed, dropped, doubled, swapped, folded or spelt otherwise. */
function* mutantsOf(text: string, alphabet: string): Generator<string> {
  for (let i = 0; i <= text.length; i += 1) {
    const [before, c, after] = [text.slice(0, i), text.charAt(i), text.slice(i + 1)]
    for (const other of alphabet) {
      yield before + other + after
      yield before + other + c + after
    }
    if (c === '') continue
    yield before + after
    yield before + c + c + after
    yield before + String.fromCharCode(c.charCodeAt(0) ^ 1) + after
    yield before + (c === c.toLowerCase() ? c.toUpperCase() : c.toLowerCase()) + after
    yield `${before}%${c.charCodeAt(0).toString(16).padStart(2, '0')}${after}`
    yield `${before}%${c.charCodeAt(0).toString(16).padStart(2, '0').toUpperCase()}${after}`
    if (after !== '') yield before + after.charAt(0) + c + after.slice(1)
  }
}

function* mutants(request: WireRequest): Generator<WireRequest> {
  for (const method of mutantsOf(request.method, 'AGPX ')) yield { ...request, method }
  for (const rawTarget of mutantsOf(request.rawTarget, "/.?&=%+ ~-_aA0;:,#*'\\"))
    yield { ...request, rawTarget }
  const body = request.body.toString('latin1')
  for (const text of mutantsOf(body, '\0 {}"\'&=+\n\xff0aA\t\x80'))
    yield { ...request, body: Buffer.from(text, 'latin1') }
  for (const [i, [name, value]] of request.headers.entries()) {
    const put = (header: readonly [string, string][]): WireRequest => ({
      ...request,
      headers: [...request.headers.slice(0, i), ...header, ...request.headers.slice(i + 1)],
    })
    for (const other of mutantsOf(name, 'a-xA ')) yield put([[other, value]])
    for (const other of mutantsOf(value, ' ,;=/%aA0\t\xa0Zz+:.')) yield put([[name, other]])
    yield put([])
    yield put([
      [name, value],
      [name, value],
    ])
    for (let at = 0; at < value.length; at += 1)
      yield put([
        [name, value.slice(0, at)],
        [name, value.slice(at + 1)],
      ])
  }
}

/** What the codec makes of a request: the operation and its input, or the refusal. */
function readingOf(request: WireRequest): string {
  const model = serviceSignedAs(scopeOf(request) ?? '', request.rawTarget)
  if (model === undefined) return 'refused'
  try {
    const routed = route(model, request)
    return JSON.stringify([model.metadata.name, routed.operation.name, parseInput(routed, request)])
  } catch (error) {
    assert.ok(error instanceof AwsError, String(error))
    return 'refused'
  }
}

/** Two edits at random places each: what one edit breaks another could mend. */
function* doubleMutants(request: WireRequest, count: number): Generator<WireRequest> {
  let state = 20261124
  const next = (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const alphabet = "/.?&=%+ ~-_aA0;:,'\t"
  const edit = (text: string): string => {
    const at = next(text.length + 1)
    const c = alphabet.charAt(next(alphabet.length))
    return [
      text.slice(0, at) + c + text.slice(at),
      text.slice(0, at) + c + text.slice(at + 1),
      text.slice(0, at) + text.slice(at + 1),
      text.slice(0, at) + text.charAt(at) + text.slice(at),
    ][next(4)] as string
  }
  for (let i = 0; i < count; i += 1) {
    let { rawTarget, headers } = request
    for (let edits = 0; edits < 2; edits += 1) {
      const place = next(headers.length + 1)
      if (place === headers.length) rawTarget = edit(rawTarget)
      else headers = headers.map(([name, value], j) => [name, j === place ? edit(value) : value] as const)
    }
    yield { ...request, rawTarget, headers }
  }
}

test('verifySignature() accepts none of 100,000 mutants of valid requests but those that SigV4 holds equal', async () => {
  const presigned = await signedBySdk(
    {
      method: 'GET',
      path: '/backup/plans/',
      query: { maxResults: '5', nextToken: 'a+b/ c=' },
      headers: {},
      body: '',
    },
    'presigned',
  )
  const requests = [
    presigned,
    signedHere(
      '/tags/arn%3Aaws%3Aec2%3Aeu-central-1%3A%3Asnapshot%2Fs%201?b=2&a=1&a=%2B+&tagKeys',
      '{"Tags":{"a":"ü"}}',
      [
        ['content-type', 'application/json'],
        ['x-amz-meta', 'a  b'],
      ],
    ),
    signedHere('/', 'Action=CreateRole&RoleName=a%20b&Tags.member.1.Key=k', [
      ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ['x-amz-security-token', 'IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLWVhc3QtMSJ+'],
    ]),
    signedHere('/backup-vaults/vault_1/mpaApprovalTeam?delete', '', [
      ['x-amz-target', 'Roleback_20261101.DescribeServer'],
      ['amz-sdk-request', 'attempt=1; max=3'],
      ['user-agent', 'aws-sdk-js/3.1092.0 ua/2.1 os/linux#6.1 lang/js md/nodejs#26.10.0'],
    ]),
  ]
  let [tried, equal] = [0, 0]
  for (const request of requests) {
    assert.equal(refusalOf(request), undefined)
    const [meaning, reading] = [meaningOf(request), readingOf(request)]
    for (const mutant of [...mutants(request), ...doubleMutants(request, 12_000)]) {
      tried += 1
      if (refusalOf(mutant) !== undefined) continue
      equal += 1
      assert.equal(meaningOf(mutant), meaning, `accepted: ${JSON.stringify(mutant)}`)
      const read = readingOf(mutant)
      assert.ok(read === reading || read === 'refused', `read as ${read}: ${JSON.stringify(mutant)}`)
    }
  }
  assert.ok(tried >= 100_000, `only ${tried} mutants`)
  // Were none equal, the mutants would not reach the spellings that SigV4 holds equal.
  assert.ok(equal > 200 && equal < tried / 20, `${equal} of ${tried} were equal`)
})
