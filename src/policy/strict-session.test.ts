import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy } from './compile.ts'
import { contextOf, evaluate } from './evaluate.ts'
import { parsePolicy } from './parse.ts'

const ACCOUNT = '123456789012'
const compile = (kind: 'identity' | 'session' | 'resource', statement: object) =>
  compilePolicy(parsePolicy(JSON.stringify({ Version: '2012-10-17', Statement: [statement] }), kind), {
    type: kind === 'identity' ? 'inline' : kind,
    name: kind,
  })

test('what limits a key binds an Allow of a resource policy for everybody; a session policy does not', () => {
  const layers = {
    identity: [],
    session: [compile('session', { Effect: 'Allow', Action: 's3:ListBucket', Resource: '*' })],
    resource: compile('resource', { Effect: 'Allow', Principal: '*', Action: 's3:*', Resource: '*' }),
  }
  const request = (action: string) => ({
    principal: {
      kind: 'user' as const,
      arn: `arn:aws:iam::${ACCOUNT}:user/machine`,
      accountId: ACCOUNT,
      uniqueId: 'AIDAEXAMPLEEXAMPLE001',
    },
    action,
    resource: 'arn:aws:s3:::bucket',
    context: contextOf({}),
  })
  assert.equal(evaluate(request('s3:GetObject'), layers).allowed, true)
  const strict = { ...layers, isSessionStrict: true }
  const refused = evaluate(request('s3:GetObject'), strict)
  assert.deepEqual([refused.allowed, refused.layer], [false, 'session'])
  assert.equal(evaluate(request('s3:ListBucket'), strict).allowed, true)
})
