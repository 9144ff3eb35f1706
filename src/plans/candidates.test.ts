import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { Candidates } from './candidates.ts'
import { matchSelection } from './selection.ts'
import type { Candidate, SelectionDocument } from './selection.ts'

const names = ['orders', 'users', 'logs', 'constructor']
const values = ['daily', 'weekly', 'a\nb', '']
const keys = ['backup', 'env', 'a', '__proto__']
const arn = fc.constantFrom(...names.map((name) => `arn:aws:rds:us-east-1:123456789012:db:${name}`))
const tags = fc.array(fc.tuple(fc.constantFrom(...keys), fc.constantFrom(...values)), { maxLength: 3 })
const resources = fc.uniqueArray(
  fc.record({ arn, type: fc.constantFrom('RDS', 'S3'), tags: tags.map(Object.fromEntries) }),
  { selector: (one) => one.arn },
) as fc.Arbitrary<Candidate[]>
const patterns = fc.array(fc.oneof(arn, fc.constantFrom('*', 'arn:aws:rds:*', '*:db:u*', 'arn:aws:s3:::x')), {
  maxLength: 2,
})
const document = fc.record({
  SelectionName: fc.constant('s'),
  IamRoleArn: fc.constant('arn:aws:iam::123456789012:role/r'),
  Resources: patterns,
  NotResources: patterns,
  ListOfTags: fc.array(
    fc.record({
      ConditionType: fc.constant('STRINGEQUALS'),
      ConditionKey: fc.constantFrom(...keys),
      ConditionValue: fc.constantFrom(...values),
    }),
    { maxLength: 2 },
  ),
  Conditions: fc.constantFrom(
    {},
    {
      StringNotEquals: [{ ConditionKey: 'aws:ResourceTag/env', ConditionValue: 'daily' }],
    },
  ),
}) satisfies fc.Arbitrary<SelectionDocument>

test('what selections mean among candidates is what a look at each of them finds, by the first that means it', () => {
  fc.assert(
    fc.property(
      resources,
      fc.array(document, { maxLength: 3 }),
      fc.boolean(),
      (all, documents, isOptedIn) => {
        const selections = documents.map((one) => ({ document: one }))
        const wanted = all.flatMap((resource) => {
          const by = selections.find((one) => matchSelection(one.document, resource, isOptedIn).isSelected)
          return by === undefined ? [] : [{ resource, by }]
        })
        const found = new Candidates(all).selectedBy(selections, () => isOptedIn)
        assert.deepEqual(found, wanted)
        for (const [i, { by }] of found.entries()) assert.equal(by, wanted[i]?.by)
      },
    ),
    { numRuns: 5_000 },
  )
})

test('an opt-in counts for its own type', () => {
  const all = ['RDS', 'S3'].map((type) => ({ arn: `arn:aws:x:::${type}`, type, tags: {} }))
  const everything = { SelectionName: 's', IamRoleArn: 'r', Resources: ['*'] }
  const found = new Candidates(all).selectedBy([{ document: everything }], (type) => type === 'S3')
  assert.deepEqual(
    found.map(({ resource }) => resource.type),
    ['S3'],
  )
})
