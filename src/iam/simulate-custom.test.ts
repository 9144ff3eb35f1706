import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { SimulateCustomPolicyRequest, SimulatePolicyResponse } from '../aws/generated/iam.ts'
import { ACCOUNT, allow, awsError, callIam, openWorld } from './iam.fixture.ts'

const world = await openWorld()
after(() => world.store.close())
const { root } = world
const arn = (rest: string): string => `arn:aws:iam::${ACCOUNT}:${rest}`
const statementsOf = (...Statement: object[]): string => JSON.stringify({ Version: '2012-10-17', Statement })
const OTHER = '444455556666'

async function custom(input: SimulateCustomPolicyRequest): Promise<SimulatePolicyResponse> {
  return await callIam(world, root, 'SimulateCustomPolicy', input)
}

/** The decision on one action and one resource. */
async function decisionOf(
  input: Omit<SimulateCustomPolicyRequest, 'ActionNames'>,
  action = 's3:GetObject',
): Promise<string | undefined> {
  return (await custom({ ...input, ActionNames: [action] })).EvaluationResults?.[0]?.EvalDecision
}

test('several resources are answered each, and on top the strictest', async () => {
  const { EvaluationResults } = await custom({
    PolicyInputList: [
      statementsOf(
        { Effect: 'Allow', Action: 's3:*', Resource: 'arn:aws:s3:::a/*' },
        { Effect: 'Deny', Action: 's3:*', Resource: 'arn:aws:s3:::b/*' },
      ),
    ],
    ActionNames: ['s3:GetObject'],
    ResourceArns: ['arn:aws:s3:::a/1', 'arn:aws:s3:::b/1', 'arn:aws:s3:::c/1'],
  })
  const [result] = EvaluationResults ?? []
  assert.deepEqual([result?.EvalResourceName, result?.EvalDecision], ['*', 'explicitDeny'])
  assert.equal(result?.MatchedStatements?.length, 1)
  assert.deepEqual(
    result?.ResourceSpecificResults?.map((each) => [each.EvalResourceName, each.EvalResourceDecision]),
    [
      ['arn:aws:s3:::a/1', 'allowed'],
      ['arn:aws:s3:::b/1', 'explicitDeny'],
      ['arn:aws:s3:::c/1', 'implicitDeny'],
    ],
  )
})

test('context entries count with their types, and keys nobody gave are named', async () => {
  const PolicyInputList = [
    allow('s3:GetObject', 'arn:aws:s3:::b/${aws:PrincipalTag/dir}/*', {
      'ForAllValues:StringEquals': { 'aws:TagKeys': ['a', 'b'] },
      Null: { 'aws:TagKeys': 'false' },
      IpAddress: { 'aws:SourceIp': '10.0.0.0/8' },
      NumericLessThan: { 's3:max-keys': '10' },
      Bool: { 'aws:SecureTransport': 'true' },
      DateGreaterThan: { 'aws:CurrentTime': '2025-01-01T00:00:00Z' },
    }),
  ]
  const ActionNames = ['s3:GetObject', 's3:PutObject']
  const ResourceArns = ['arn:aws:s3:::b/d/x']
  const bare = await custom({ PolicyInputList, ActionNames, ResourceArns })
  const keys = ['aws:TagKeys', 'aws:SourceIp', 's3:max-keys', 'aws:SecureTransport', 'aws:PrincipalTag/dir']
  assert.deepEqual(
    bare.EvaluationResults?.map((result) => [result.EvalDecision, result.MissingContextValues]),
    [
      ['implicitDeny', keys],
      ['implicitDeny', []],
    ],
  )
  const entry = (ContextKeyName: string, ContextKeyType: string, ...ContextKeyValues: string[]) =>
    ({ ContextKeyName, ContextKeyType, ContextKeyValues }) as never
  const ContextEntries = [
    entry('AWS:tagkeys', 'stringList', 'b'),
    entry('aws:SourceIp', 'ip', '10.1.2.3'),
    entry('s3:max-keys', 'numeric', '9'),
    entry('aws:SecureTransport', 'boolean', 'TRUE'),
    entry('aws:PrincipalTag/dir', 'string', 'd'),
  ]
  const full = await custom({ PolicyInputList, ActionNames, ResourceArns, ContextEntries })
  assert.deepEqual(
    full.EvaluationResults?.map((result) => [result.EvalDecision, result.MissingContextValues]),
    [
      ['allowed', []],
      ['implicitDeny', []],
    ],
  )
  // An entry wins over what the server would fill in.
  const early = [...ContextEntries, entry('aws:currenttime', 'date', '2024-01-01T00:00:00Z')]
  assert.equal(await decisionOf({ PolicyInputList, ResourceArns, ContextEntries: early }), 'implicitDeny')
  for (const wrong of [
    entry('aws:SourceIp', 'ip', '10.0.0.0/8'),
    entry('s3:max-keys', 'numeric', 'many'),
    entry('aws:SecureTransport', 'boolean', 'yes'),
    entry('aws:CurrentTime', 'dateList', 'yesterday'),
    entry('aws:TagKeys', 'string', 'a', 'b'),
    entry('aws:TagKeys', 'string'),
  ]) {
    const ContextEntriesWrong = [wrong]
    await assert.rejects(
      decisionOf({ PolicyInputList, ContextEntries: ContextEntriesWrong }),
      awsError('InvalidInput', /Invalid context entry "(?:aws|s3):/),
    )
  }
  await assert.rejects(
    decisionOf({
      PolicyInputList,
      ContextEntries: [entry('aws:X', 'string', 'a'), entry('AWS:x', 'string', 'a')],
    }),
    awsError('InvalidInput', 'given twice'),
  )
})

test('a resource policy is asked with the caller, across accounts both sides', async () => {
  const bucket = (principal: object | string, Effect = 'Allow'): string =>
    statementsOf({ Effect, Principal: principal, Action: 's3:*', Resource: '*' })
  const CallerArn = arn('user/ada')
  const ResourceArns = ['arn:aws:s3:::b/x']
  const none = { PolicyInputList: [allow('ec2:*')], CallerArn, ResourceArns }
  const both = { PolicyInputList: [allow('s3:*')], CallerArn, ResourceArns }
  const ResourcePolicy = bucket({ AWS: CallerArn })
  assert.equal(await decisionOf({ ...none, ResourcePolicy }), 'allowed')
  assert.equal(
    await decisionOf({ ...none, ResourcePolicy: bucket({ AWS: arn('user/bob') }) }),
    'implicitDeny',
  )
  assert.equal(await decisionOf({ ...both, ResourcePolicy: bucket('*', 'Deny') }), 'explicitDeny')
  const ResourceOwner = OTHER
  const across = async (input: object): Promise<unknown> => {
    const answer = await custom({ ...both, ResourceOwner, ActionNames: ['s3:GetObject'], ...input })
    const [result] = answer.EvaluationResults ?? []
    return [result?.EvalDecision, result?.EvalDecisionDetails]
  }
  assert.deepEqual(await across({ ResourcePolicy }), [
    'allowed',
    { 'IAM Policy': 'allowed', 'Resource Policy': 'allowed' },
  ])
  assert.deepEqual(await across({ ResourcePolicy, PolicyInputList: none.PolicyInputList }), [
    'implicitDeny',
    { 'IAM Policy': 'implicitDeny', 'Resource Policy': 'allowed' },
  ])
  assert.deepEqual(await across({ ResourcePolicy: bucket({ AWS: OTHER }) }), [
    'implicitDeny',
    { 'IAM Policy': 'allowed', 'Resource Policy': 'implicitDeny' },
  ])
  // What the other account says is unknown without its policy.
  assert.deepEqual(await across({}), ['allowed', {}])
  await assert.rejects(
    decisionOf({ PolicyInputList: [allow('s3:*')], ResourcePolicy }),
    awsError('InvalidInput', 'CallerArn is required'),
  )
  await assert.rejects(
    decisionOf({ ...both, ResourcePolicy: allow('s3:*') }),
    awsError('InvalidInput', 'ResourcePolicy, Statement[0]'),
  )
})

test('service control policies of the request must allow at every level', async () => {
  const level = (...documents: string[]): object => ({ ServiceControlPolicyInputList: documents })
  const ask = async (...levels: object[]): Promise<unknown> => {
    const { EvaluationResults } = await custom({
      PolicyInputList: [allow('s3:*')],
      ActionNames: ['s3:GetObject'],
      OrderedOrganizationPolicyInputList: levels,
    })
    const [result] = EvaluationResults ?? []
    return [result?.EvalDecision, result?.OrganizationsDecisionDetail, result?.MatchedStatements?.length]
  }
  const deny = statementsOf({ Effect: 'Deny', Action: 's3:Get*', Resource: '*' })
  assert.deepEqual(await ask(level(allow('*')), level(allow('s3:*'))), [
    'allowed',
    { AllowedByOrganizations: true },
    1,
  ])
  assert.deepEqual(await ask(level(allow('*')), level(allow('ec2:*'))), [
    'implicitDeny',
    { AllowedByOrganizations: false },
    0,
  ])
  assert.deepEqual(await ask(level(allow('*'), deny), level(allow('*'))), [
    'explicitDeny',
    { AllowedByOrganizations: false },
    0,
  ])
})

test('actions come in pages, fewer at a time where there are many resources', async () => {
  const ActionNames = Array.from({ length: 25 }, (_, index) => `s3:Get${index}`)
  const ResourceArns = Array.from({ length: 500 }, (_, index) => `arn:aws:s3:::b/${index}`)
  const PolicyInputList = [allow('s3:*')]
  const seen: string[] = []
  let Marker: string | undefined
  do {
    const page = await custom({ PolicyInputList, ActionNames, ResourceArns, Marker })
    assert.equal(page.EvaluationResults?.length, Math.min(10, 25 - seen.length))
    seen.push(...(page.EvaluationResults ?? []).map((result) => result.EvalActionName))
    Marker = page.Marker
    assert.equal(page.IsTruncated, Marker !== undefined)
  } while (Marker !== undefined)
  assert.deepEqual(seen, ActionNames)
  const many = Array.from({ length: 1_001 }, (_, index) => `arn:aws:s3:::b/${index}`)
  await assert.rejects(
    decisionOf({ PolicyInputList, ResourceArns: many }),
    awsError('InvalidInput', 'at most 1000 are taken'),
  )
  const statement = { Effect: 'Allow', Action: 's3:*', Resource: '*' }
  const long = statementsOf(...Array.from({ length: 999 }, () => statement))
  await assert.rejects(
    decisionOf({ PolicyInputList: [long], ResourceArns: many.slice(0, 501) }),
    awsError('InvalidInput', 'at most 500 resources'),
  )
})

test('what statements compare is bounded as their number is: lists of thousands of values, patterns of thousands of characters', async () => {
  const texts = (of: string): string[] => Array.from({ length: 9_000 }, (_, index) => `${of}${index}`)
  const given = (ContextKeyName: string, ContextKeyValues: string[]) => ({
    ContextEntries: [{ ContextKeyName, ContextKeyType: 'stringList' as const, ContextKeyValues }],
  })
  const asked = (Condition: object, Resource = '*') =>
    statementsOf({ Effect: 'Allow', Action: '*', Resource, Condition })
  // Two such lists took 49 s for fifty actions.
  const keys = { 'ForAllValues:StringNotLike': { 'aws:TagKeys': texts('*a') } }
  await assert.rejects(
    decisionOf({ PolicyInputList: [asked(keys)], ...given('aws:TagKeys', texts('k')) }),
    awsError('InvalidInput', 'give fewer or shorter values'),
  )
  assert.equal(
    await decisionOf({ PolicyInputList: [asked(keys)], ...given('aws:TagKeys', ['k']) }),
    'allowed',
  )
  const long = Array.from({ length: 500 }, (_, index) => `arn:aws:s3:::${index}${'a'.repeat(1_000)}`)
  const PolicyInputList = [asked({}, `arn:aws:s3:::*${'a'.repeat(9_000)}?b`)]
  await assert.rejects(
    decisionOf({ PolicyInputList, ResourceArns: long }),
    awsError('InvalidInput', /ask for at most \d+ resources/),
  )
})
