import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy } from '../policy/compile.ts'
import type { CompiledPolicy, PolicySource } from '../policy/compile.ts'
import { contextOf } from '../policy/evaluate.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { parsePolicy } from '../policy/parse.ts'
import type { PolicyKind } from '../policy/policy.ts'
import { denialOf } from './denial-record.ts'
import type { DenialDetails } from './explain.ts'
import type { Principal } from './principal.ts'
import { propose } from './proposal.ts'
import type { Question } from './proposal.ts'
import { principalView } from './request-context.ts'

const ACCOUNT = '111122223333'
const OTHER = '999988887777'
const ALICE: Principal = {
  kind: 'user',
  accountId: ACCOUNT,
  arn: `arn:aws:iam::${ACCOUNT}:user/alice`,
  uniqueId: 'AIDAALICE',
  identityId: 'AIDAALICE',
  tags: {},
}
const ROLE_SESSION: Principal = {
  ...ALICE,
  kind: 'assumed-role',
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/worker/s`,
  uniqueId: 'AROAWORKER:s',
  identityId: 'AROAWORKER',
  roleArn: `arn:aws:iam::${ACCOUNT}:role/worker`,
}
const vault = (account: string): string => `arn:aws:backup:us-east-1:${account}:backup-vault:v`

function compiled(kind: PolicyKind, type: PolicySource['type'], ...statements: object[]): CompiledPolicy {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  return compilePolicy(parsePolicy(document, kind), { type, name: `the ${type} policy` })
}

function question(
  layers: PolicyLayers,
  more: Partial<Question['request']> = {},
  principal = ALICE,
): Question {
  const request = {
    principal: principalView(principal),
    action: 'backup:DescribeBackupVault',
    resource: vault(ACCOUNT),
    resourceAccountId: ACCOUNT,
    context: contextOf({}),
    ...more,
  }
  return { request, layers }
}

function detailsOf(asked: Question, principal = ALICE): DenialDetails & { readonly text: string } {
  const { row } = denialOf(principal, asked, { id: 'x', at: 0 })
  const read = <K extends keyof DenialDetails>(key: K): DenialDetails[K] =>
    JSON.parse(row[key]) as DenialDetails[K]
  return {
    text: JSON.stringify(row),
    context: read('context'),
    near: read('near'),
    policies: read('policies'),
    layers: read('layers'),
    evaluations: read('evaluations'),
    proposals: read('proposals'),
    notes: read('notes'),
  }
}

const ALLOW = { Effect: 'Allow', Action: '*', Resource: '*' }

test('R15 nothing of another account’s policies is in the explanation of a refusal', () => {
  const resource = compiled('resource', 'resource', {
    ...ALLOW,
    Sid: 'TheirSecret',
    Effect: 'Deny',
    Principal: '*',
    Condition: { StringNotEquals: { 'aws:SourceVpc': 'vpc-theirs' } },
  })
  const asked = { resource: vault(OTHER), resourceAccountId: OTHER }
  const layers = { identity: [compiled('identity', 'inline', ALLOW)], resource }
  const denied = detailsOf(question(layers, asked))
  assert.doesNotMatch(denied.text, /TheirSecret|vpc-theirs|the resource policy/)
  assert.deepEqual(
    denied.proposals.map(({ change, where }) => [change, /another account's/.test(where)]),
    [['ask', true]],
  )
  const notNamed = compiled('resource', 'resource', {
    ...ALLOW,
    Sid: 'TheirSecret',
    Principal: { AWS: `arn:aws:iam::${OTHER}:user/bob` },
  })
  const refused = detailsOf(question({ identity: [], resource: notNamed }, asked))
  assert.doesNotMatch(refused.text, /TheirSecret|user\/bob/)
  assert.deepEqual(
    refused.proposals.map(({ change }) => change),
    ['add', 'ask'],
  )
})

test('an external id is neither kept as sent nor as it was expected', () => {
  const trust = compiled('trust', 'trust', {
    Effect: 'Allow',
    Principal: { AWS: ALICE.arn },
    Action: 'sts:AssumeRole',
    Condition: { StringEquals: { 'sts:ExternalId': 'expected-1' } },
  })
  const { text, context, near } = detailsOf(
    question(
      { identity: [], trust },
      {
        action: 'sts:AssumeRole',
        resource: `arn:aws:iam::${ACCOUNT}:role/r`,
        context: contextOf({ 'sts:ExternalId': 'guessed-1', 'aws:SourceIp': '192.0.2.1' }),
      },
    ),
  )
  assert.doesNotMatch(text, /expected-1|guessed-1/)
  assert.deepEqual([Object.keys(context), near.length], [['sts:externalid', 'aws:sourceip'], 1])
})

test('a proposal for a session goes to its role, and wildcards in a name mean themselves', () => {
  const [proposal] = propose(question({ identity: [] }, { resource: 'arn:aws:s3:::b/a*b?$' }, ROLE_SESSION))
  assert.equal(proposal?.target, ROLE_SESSION.roleArn)
  assert.deepEqual(proposal?.statement, {
    Effect: 'Allow',
    Action: 'backup:DescribeBackupVault',
    Resource: 'arn:aws:s3:::b/a${*}b${?}${$}',
  })
})

test('propose() has no statement where none would help, and says why', () => {
  const job = compilePolicy(
    parsePolicy(JSON.stringify({ Statement: { ...ALLOW, Resource: 'arn:aws:s3:::b' } }), 'session'),
    { type: 'session', name: 'scope of the job' },
  )
  const identity = [compiled('identity', 'inline', ALLOW)]
  const said = (asked: Question): string => {
    const [proposal] = propose(asked)
    assert.deepEqual([proposal?.change, proposal?.statement], ['ask', undefined])
    return proposal?.where ?? ''
  }
  assert.match(said(question({ identity, session: [job] })), /a job can touch nothing beside its own/)
  assert.match(said(question({ identity, boundary: [] })), /boundary of .*alice no longer exists/)
  assert.match(
    said(question({ identity: [] }, { resource: 'role/x' })),
    /"role\/x", which no policy can name/,
  )
  const policyOfAws = {
    action: 'iam:DeletePolicy',
    resource: 'arn:aws:iam::aws:policy/AdministratorAccess',
  }
  assert.match(said(question({ identity }, policyOfAws)), /AWS's own managed policies cannot be changed/)
})

test('each layer’s verdict is its own: a trust policy that names the account delegates', () => {
  const trust = compiled('trust', 'trust', {
    Effect: 'Allow',
    Principal: { AWS: ACCOUNT },
    Action: 'sts:AssumeRole',
  })
  const deny = { ...ALLOW, Sid: 'No', Effect: 'Deny', Action: 'sts:*' }
  const { layers } = detailsOf(
    question(
      {
        identity: [compiled('identity', 'inline', ALLOW)],
        boundary: [compiled('identity', 'boundary', ALLOW, deny)],
        session: [],
        trust,
      },
      { action: 'sts:AssumeRole', resource: `arn:aws:iam::${ACCOUNT}:role/r` },
    ),
  )
  assert.deepEqual(
    layers.map(({ layer, verdict, statements }) => [layer, verdict, statements]),
    [
      ['identity', 'allows', ['the inline policy #0']],
      ['boundary', 'denies', ['the boundary policy No']],
      ['session', 'does not allow', []],
      ['trust', 'delegates', []],
    ],
  )
})
