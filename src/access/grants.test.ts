import assert from 'node:assert/strict'
import { test } from 'node:test'
import { policyOf, splitPolicies, statementsOf } from './grants.ts'
import type { Grant, PolicyStatement } from './grants.ts'

const grant = (action: string, resource: string, source?: string): Grant => ({ action, resource, source })

test('rights on the same resources share a statement, and the same right is granted once', () => {
  const statements = statementsOf([
    grant('rds:A', 'arn:1'),
    grant('rds:A', 'arn:2'),
    grant('rds:B', 'arn:1'),
    grant('rds:B', 'arn:2'),
    grant('rds:B', 'arn:2'),
    grant('rds:B', 'arn:3'),
  ])
  assert.deepEqual(statements, [
    { Effect: 'Allow', Action: ['rds:A', 'rds:B'], Resource: ['arn:1', 'arn:2'] },
    { Effect: 'Allow', Action: 'rds:B', Resource: 'arn:3' },
  ])
})

test('recovery points are limited to their sources, which never widen rights that have none', () => {
  const statements = statementsOf([
    grant('backup:T', 'arn:point:*', 'arn:1'),
    grant('backup:T', 'arn:point:photos-*', 'arn:2'),
    grant('backup:D', 'arn:point:*', 'arn:3'),
    grant('backup:T', 'arn:point:*'),
  ])
  const tag = 'aws:ResourceTag/aws:backup:source-resource'
  assert.deepEqual(statements, [
    {
      Effect: 'Allow',
      Action: 'backup:T',
      Resource: 'arn:point:*',
      Condition: { StringEquals: { [tag]: ['arn:1', 'arn:2'] } },
    },
    {
      Effect: 'Allow',
      Action: 'backup:D',
      Resource: 'arn:point:*',
      Condition: { StringEquals: { [tag]: 'arn:3' } },
    },
    { Effect: 'Allow', Action: 'backup:T', Resource: 'arn:point:*' },
  ])
})

test('what is too long for one policy is split into parts that fit and grant the same', () => {
  const arns = Array.from({ length: 700 }, (_, i) => `arn:aws:rds:us-east-1:111122223333:db:database-${i}`)
  const grants = arns.flatMap((arn) => [
    grant('rds:DescribeDBInstances', arn),
    grant('rds:AddTagsToResource', 'arn:aws:rds:us-east-1:111122223333:snapshot:*', arn),
  ])
  const whole = statementsOf(grants)
  assert.ok(policyOf(whole).characters > 6_144)
  const parts = splitPolicies(whole)
  assert.ok(parts.length > 1 && parts.every(({ characters }) => characters <= 6_144))
  const rights = (statements: readonly PolicyStatement[]): readonly string[] =>
    statements
      .flatMap(({ Action, Resource, Condition }) => {
        const equals = (Condition as { StringEquals?: Record<string, string | string[]> } | undefined)
          ?.StringEquals
        const sources = equals === undefined ? [''] : Object.values(equals).flat()
        return [Resource]
          .flat()
          .flatMap((one) => sources.map((source) => `${[Action].flat().join()} ${one} ${source}`))
      })
      .toSorted()
  const split = parts.flatMap(
    ({ document }) => (JSON.parse(document) as { Statement: PolicyStatement[] }).Statement,
  )
  assert.deepEqual(rights(split), rights(whole))
})
