import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeCount, judgeRows, verdictOf } from './validator-verdicts.ts'
import type { ValidatorResult } from './validator-verdicts.ts'
import { MAX_ROWS } from './validators.ts'
import type { SqlQuery } from './validators.ts'

test('a count is judged by its bounds and by the recovery point, the borders included', () => {
  const cases = [
    [{ Min: 3 }, 3, undefined, true],
    [{ Min: 3 }, 2, undefined, false],
    [{ Max: 3 }, 3, undefined, true],
    [{ Max: 3 }, 4, undefined, false],
    [{ TolerancePercent: 10 }, 90, 100, true],
    [{ TolerancePercent: 10 }, 110, 100, true],
    [{ TolerancePercent: 10 }, 89, 100, false],
    [{ TolerancePercent: 0 }, 101, 100, false],
    [{ Min: 1, TolerancePercent: 100 }, 0, 0, false],
  ] as const
  for (const [expected, found, ofPoint, isGood] of cases) {
    const judged = judgeCount(expected, found, ofPoint)
    assert.equal(judged.isGood, isGood, judged.message)
    assert.match(judged.message, new RegExp(`^expected .*, found ${found}$`))
  }
})

test('rows are judged by number, content and first value; numbers as numbers, however long', () => {
  const big = `1${'0'.repeat(40)}`
  const cases: readonly (readonly [Omit<SqlQuery, 'Query'>, (string | null)[][], boolean])[] = [
    [{ MinRows: 1 }, [['x']], true],
    [{ MinRows: 1 }, [], false],
    [{ MaxRows: 0 }, [], true],
    [{ MaxRows: MAX_ROWS }, Array.from({ length: MAX_ROWS + 1 }, () => ['x']), false],
    [{ Rows: [['a', String.raw`\N`]] }, [['a', null]], true],
    [{ Rows: [['a', '']] }, [['a', null]], false],
    [{ Rows: [['a'], ['b']] }, [['b'], ['a']], false],
    [{ Rows: [] }, [['a']], false],
    [{ FirstValue: { Operator: 'Equals', Value: '10' } }, [['10.00', 'y']], true],
    [{ FirstValue: { Operator: 'Equals', Value: 'ten' } }, [['ten']], true],
    [{ FirstValue: { Operator: 'NotEquals', Value: '10' } }, [['10.0']], false],
    [{ FirstValue: { Operator: 'GreaterThan', Value: '9' } }, [['10']], true],
    [{ FirstValue: { Operator: 'GreaterThan', Value: '-9.5' } }, [['-9.49']], true],
    [{ FirstValue: { Operator: 'LessThan', Value: '9' } }, [['10']], false],
    [{ FirstValue: { Operator: 'GreaterThan', Value: big } }, [[`${big}.0001`]], true],
    [{ FirstValue: { Operator: 'LessThanOrEquals', Value: '5' } }, [['5.000']], true],
    [{ FirstValue: { Operator: 'GreaterThanOrEquals', Value: '5' } }, [[null]], false],
    [{ FirstValue: { Operator: 'GreaterThanOrEquals', Value: '5' } }, [], false],
    [{ MinRows: 1, FirstValue: { Operator: 'Equals', Value: 'x' } }, [['y']], false],
  ]
  for (const [expected, rows, isGood] of cases) {
    const judged = judgeRows({ Query: 'q', ...expected }, rows)
    assert.equal(judged.isGood, isGood, `${JSON.stringify(expected)}: ${judged.message}`)
  }
})

test('a verdict tells what failed first, and stays short whatever was found', () => {
  const result = (name: string, status: ValidatorResult['status'], message: string): ValidatorResult => ({
    name,
    kind: 'ObjectCount',
    status,
    message,
  })
  const { status, message } = verdictOf([result('a', 'SUCCESSFUL', 'fine'), result('b', 'FAILED', 'none')])
  assert.deepEqual(
    [status, message],
    ['FAILED', 'ObjectCount "b" FAILED: none. ObjectCount "a" SUCCESSFUL: fine'],
  )
  assert.ok(verdictOf([result('a', 'FAILED', 'x'.repeat(10_000))]).message.length <= 2001)
  const row = judgeRows({ Query: 'q', Rows: [['a']] }, [['b'.repeat(100_000)]])
  assert.ok(row.message.length < 300, 'what a query found is cut off')
})
