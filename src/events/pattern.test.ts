import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePattern, PatternError } from './pattern.ts'

const EVENT = {
  source: 'aws.backup',
  'detail-type': 'Backup Job State Change',
  resources: ['arn:aws:backup:eu-central-1:1:recovery-point:a', 'arn:b'],
  detail: { state: 'FAILED', retryCount: 2, createdBy: { backupPlanId: 'p1' }, note: null },
}

const CASES: readonly (readonly [pattern: object, fits: boolean])[] = [
  [{ source: ['aws.backup'] }, true],
  [{ source: ['aws.iam', 'aws.backup'], detail: { state: ['FAILED'] } }, true],
  [{ source: ['aws.backup'], detail: { state: ['COMPLETED'] } }, false],
  [{ detail: { state: [{ 'anything-but': 'COMPLETED' }] } }, true],
  [{ detail: { state: [{ 'anything-but': ['COMPLETED', 'FAILED'] }] } }, false],
  [{ detail: { state: [{ 'anything-but': { prefix: 'FA' } }] } }, false],
  [{ detail: { missing: [{ 'anything-but': 'x' }] } }, false],
  [{ detail: { createdBy: { backupPlanId: ['p1'] } } }, true],
  [{ detail: { createdBy: { backupPlanId: [{ exists: false }] } } }, false],
  [{ detail: { createdBy: { other: [{ exists: false }] } } }, true],
  [{ detail: { retryCount: [2], note: [null] } }, true],
  [{ detail: { retryCount: ['2'] } }, false],
  [{ resources: [{ prefix: 'arn:aws:backup:' }] }, true],
  [{ resources: [{ suffix: ':z' }] }, false],
  [{ 'detail-type': [{ 'equals-ignore-case': 'BACKUP job state change' }] }, true],
  [{ $or: [{ source: ['aws.iam'] }, { detail: { state: ['FAILED'] } }] }, true],
  [{ $or: [{ source: ['aws.iam'] }, { source: ['aws.sts'] }] }, false],
  [{ source: ['aws.iam'], $or: [{ source: ['aws.iam'] }, { detail: { state: ['FAILED'] } }] }, false],
  [{ detail: { $or: [{ state: ['COMPLETED'] }, { retryCount: [2] }] } }, true],
  [{ toString: [{ exists: true }] }, false],
]

test('a pattern fits what EventBridge would let by', () => {
  for (const [pattern, fits] of CASES)
    assert.equal(parsePattern(JSON.stringify(pattern))(EVENT), fits, JSON.stringify(pattern))
})

test('a pattern that means nothing is refused where it is written, with its place', () => {
  const bad: readonly (readonly [text: string, message: RegExp])[] = [
    ['{', /not JSON/],
    ['[]', /not an object/],
    ['{}', /empty/],
    ['{"detail":{}}', /"detail" is empty/],
    ['{"detail":{"state":"FAILED"}}', /"detail.state" is neither a list/],
    ['{"detail":{"state":[]}}', /"detail.state" has no values/],
    ['{"source":[{"regex":"x"}]}', /"regex" of "source" is no operator/],
    ['{"source":[{"prefix":1}]}', /no text/],
    ['{"source":[{"exists":"yes"}]}', /neither true nor false/],
    ['{"$or":[{"source":["a"]}]}', /"\$or" is no list of two/],
    ['{"$or":[{"source":["a"]},1]}', /"\$or" has a member/],
    ['{"source":[["a"]]}', /neither text/],
    [`{"a":${'{"a":'.repeat(20)}["x"]${'}'.repeat(20)}}`, /deeper than/],
    [JSON.stringify({ source: ['x'.repeat(5_000)] }), /longer than/],
  ]
  for (const [text, message] of bad)
    assert.throws(
      () => parsePattern(text),
      (error) => error instanceof PatternError && message.test(error.message),
      text,
    )
})
