import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CompiledPolicy } from '../policy/compile.ts'
import { contextOf, evaluate } from '../policy/evaluate.ts'
import { compiledPolicy } from './compiled.ts'

const CAPACITY = 2_000
const source = { type: 'managed', arn: 'arn:aws:iam::123456789012:policy/own', name: 'own' } as const

/** A policy of its own for each number. */
const policy = (i: number): string =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: { Effect: 'Allow', Action: `s3:Get${i}`, Resource: '*' },
  })

test('compiledPolicy() shares one compiled policy between all requests for one version of it', () => {
  const text = policy(0)
  const first = compiledPolicy(text, 'identity', source)
  assert.equal(compiledPolicy(`${text}`, 'identity', { ...source }), first)
  assert.notEqual(compiledPolicy(policy(1), 'identity', source), first, 'the next version is another one')
  assert.notEqual(compiledPolicy(text, 'identity', { ...source, type: 'boundary' }), first)
})

test('compiledPolicy() compiles a policy once for all who have it, and decisions still tell whose it was', () => {
  const held = (holder: string): CompiledPolicy =>
    compiledPolicy(policy(2), 'identity', {
      ...source,
      attachedTo: `arn:aws:iam::123456789012:role/${holder}`,
    })
  const [one, other] = [held('one'), held('other')]
  assert.equal(one.statements, other.statements)
  assert.equal(one.byAction, other.byAction)
  const request = {
    principal: {
      kind: 'user',
      arn: 'arn:aws:iam::123456789012:user/u',
      accountId: '123456789012',
      uniqueId: 'AIDAU',
    },
    action: 's3:Get2',
    resource: '*',
    context: contextOf({}),
  } as const
  const { statements } = evaluate(request, { identity: [one, other] })
  assert.deepEqual(
    statements.map((statement) => statement.policy.attachedTo),
    ['arn:aws:iam::123456789012:role/one', 'arn:aws:iam::123456789012:role/other'],
  )
})

test('compiledPolicy() keeps a bounded number, and gives up what was unused for longest', () => {
  const compile = (i: number): unknown => compiledPolicy(policy(i), 'identity', source)
  const [oldest, used] = [compile(10), compile(11)]
  for (let i = 100; i < 100 + CAPACITY - 2; i++) compile(i)
  assert.equal(compile(11), used)
  compile(9_999)
  assert.equal(compile(11), used, 'what was used meanwhile is still there')
  assert.notEqual(compile(10), oldest, 'what was not used had to go')
})
