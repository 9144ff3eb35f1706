import assert from 'node:assert/strict'
import { test } from 'node:test'
import { matchSelection, selectionProblem, selectionWarnings } from './selection.ts'
import type { Candidate, SelectionDocument } from './selection.ts'

const database: Candidate = {
  arn: 'arn:aws:rds:us-east-1:123456789012:db:orders',
  type: 'RDS',
  tags: { backup: 'daily', env: 'prod' },
}
const bucket: Candidate = { arn: 'arn:aws:s3:::photos', type: 'S3', tags: { env: 'test' } }
const common = { SelectionName: 's', IamRoleArn: 'arn:aws:iam::123456789012:role/r' }
const tag = (key: string, value: string) => ({
  ConditionType: 'STRINGEQUALS',
  ConditionKey: key,
  ConditionValue: value,
})
const on = (key: string, value: string) => ({ ConditionKey: `aws:ResourceTag/${key}`, ConditionValue: value })

type Rest = Omit<SelectionDocument, 'SelectionName' | 'IamRoleArn'>
const isSelected = (rest: Rest, candidate: Candidate, isOptedIn = true): boolean =>
  matchSelection({ ...common, ...rest }, candidate, isOptedIn).isSelected

test('Resources and ListOfTags add up', () => {
  const rest = { Resources: ['arn:aws:s3:::photos'], ListOfTags: [tag('backup', 'daily')] }
  assert.equal(isSelected(rest, database), true)
  assert.equal(isSelected(rest, bucket), true)
  assert.equal(isSelected({ ListOfTags: [tag('backup', 'weekly'), tag('env', 'test')] }, bucket), true)
  assert.equal(isSelected({ ListOfTags: [tag('backup', 'weekly')] }, bucket), false)
})

test('wildcards stand for any characters, anywhere', () => {
  const cases: readonly (readonly [string, boolean])[] = [
    ['*', true],
    ['arn:aws:rds:*', true],
    ['arn:aws:rds:*:*:db:*', true],
    ['arn:aws:rds:*:*:db:ord*rs', true],
    ['arn:aws:rds:*:*:cluster:*', false],
    ['arn:aws:rds:us-east-1:123456789012:db:orders', true],
    ['arn:aws:rds:us-east-1:123456789012:db:order', false],
    ['arn:aws:rds:us-east-1:123456789012:db:orders*s', false],
    ['*orders*orders', false],
  ]
  for (const [pattern, expected] of cases)
    assert.equal(isSelected({ Resources: [pattern] }, database), expected, pattern)
})

test('Conditions and NotResources narrow, all conditions together', () => {
  const all = { Resources: ['*'] }
  const both = { StringEquals: [on('env', 'prod')], StringNotLike: [on('backup', 'week*')] }
  assert.equal(isSelected({ ...all, Conditions: both }, database), true)
  assert.equal(isSelected({ ...all, Conditions: both }, bucket), false)
  assert.equal(isSelected({ ...all, Conditions: { StringNotEquals: [on('backup', 'daily')] } }, bucket), true)
  assert.equal(isSelected({ ...all, Conditions: { StringLike: [on('backup', '*')] } }, bucket), false)
  assert.equal(isSelected({ ...all, NotResources: ['arn:aws:rds:*'] }, database), false)
})

test('a tag’s key may be called as something that every object has', () => {
  const named = (operator: 'StringLike' | 'StringNotLike' | 'StringNotEquals'): Rest => ({
    Resources: ['*'],
    Conditions: { [operator]: [on('constructor', '*')] },
  })
  assert.equal(isSelected(named('StringLike'), bucket), false)
  assert.equal(isSelected(named('StringNotLike'), bucket), true)
  const tagged = { ...bucket, tags: { constructor: 'us' } }
  assert.equal(isSelected(named('StringLike'), tagged), true)
  assert.equal(isSelected({ ListOfTags: [tag('constructor', 'us')] }, tagged), true)
})

test('an opted-out type is selected only where a pattern names the type or the resource', () => {
  assert.equal(isSelected({ ListOfTags: [tag('backup', 'daily')] }, database, false), false)
  for (const [pattern, expected] of [
    ['*', false],
    ['arn:aws:rds:*', false],
    ['arn:aws:rds:*:*:*', false],
    ['arn:aws:rds:*:*:db:*', true],
    ['arn:aws:rds:us-east-1:123456789012:db:orders', true],
  ] as const)
    assert.equal(isSelected({ Resources: [pattern] }, database, false), expected, pattern)
  assert.equal(isSelected({ Resources: ['arn:aws:s3:::*'] }, bucket, false), false)
  assert.equal(isSelected({ Resources: ['arn:aws:s3:::ph*'] }, bucket, false), true)
})

test('what a restore test made is not selected', () => {
  const made = { ...bucket, tags: { 'awsbackup-restore-test': 'x' } }
  const { isSelected: is, reason } = matchSelection({ ...common, Resources: ['*'] }, made, true)
  assert.equal(is, false)
  assert.match(reason, /restore test/)
})

test('selectionProblem() says what AWS would not take', () => {
  const problem = (rest: Rest): string | undefined => selectionProblem({ ...common, ...rest })
  assert.match(problem({}) ?? '', /Either 'ListOfTags' or 'Resources' section must be non-empty/)
  assert.match(problem({ Resources: [], Conditions: { StringEquals: [on('a', 'b')] } }) ?? '', /non-empty/)
  assert.match(problem({ Resources: ['photos'] }) ?? '', /is no ARN/)
  assert.match(
    problem({
      Resources: ['*'],
      Conditions: { StringEquals: [{ ConditionKey: 'env', ConditionValue: 'x' }] },
    }) ?? '',
    /"env" is not known/,
  )
  const arns = (count: number, suffix: string): string[] =>
    Array.from({ length: count }, (_, i) => `arn:aws:s3:::b${i}${suffix}`)
  assert.equal(problem({ Resources: arns(500, '') }), undefined)
  assert.match(problem({ Resources: arns(501, '') }) ?? '', /501 ARNs/)
  assert.equal(problem({ Resources: arns(30, '*') }), undefined)
  assert.match(problem({ Resources: arns(31, '*') }) ?? '', /31 ARNs with wildcards/)
  const tags = (count: number) => Array.from({ length: count }, (_, i) => tag(`t${i}`, 'x'))
  const conditions = (count: number): Rest => ({
    Resources: ['*'],
    Conditions: { StringLike: [on('env', '*')], StringEquals: tags(count - 1).map(() => on('env', 'x')) },
  })
  assert.equal(problem({ ListOfTags: tags(30) }), undefined)
  assert.match(problem({ ListOfTags: tags(31) }) ?? '', /31 entries, the limit is 30/)
  assert.equal(problem(conditions(30)), undefined)
  assert.match(problem(conditions(31)) ?? '', /31 entries, the limit is 30/)
})

test('a wildcard beside tags is warned of: the tags would narrow nothing', () => {
  const tags = [tag('backup', 'daily')]
  const warnings = (rest: Rest): number => selectionWarnings({ ...common, ...rest }).length
  assert.equal(warnings({ Resources: ['*'], ListOfTags: tags }), 1)
  assert.equal(warnings({ Resources: ['arn:aws:*'], ListOfTags: tags }), 1)
  assert.equal(warnings({ Resources: ['arn:aws:rds:*'], ListOfTags: tags }), 0)
  assert.equal(warnings({ Resources: ['*'] }), 0)
})

test('why something is selected or left out is said in words', () => {
  const whyOf = (rest: Rest): string => matchSelection({ ...common, ...rest }, bucket, true).reason
  const all = { Resources: ['*'] }
  const cases: readonly (readonly [Rest, string])[] = [
    [all, 'all resources are assigned'],
    [{ Resources: ['arn:aws:s3:::photos'] }, 'it is assigned itself'],
    [{ Resources: ['arn:aws:s3:::ph*'] }, '"arn:aws:s3:::ph*" is assigned'],
    [{ ListOfTags: [tag('env', 'test')] }, 'its tag env=test is assigned'],
    [{ ListOfTags: [tag('env', 'prod')] }, 'neither it nor a tag of it is assigned'],
    [{ ...all, NotResources: ['arn:aws:s3:::photos'] }, 'it is excluded'],
    [{ ...all, NotResources: ['arn:aws:s3:::*'] }, '"arn:aws:s3:::*" is excluded'],
    [
      { ...all, Conditions: { StringNotEquals: [on('env', 'test')] } },
      'the condition that its tag env is not "test" does not hold',
    ],
  ]
  for (const [rest, why] of cases) assert.equal(whyOf(rest), why)
})
