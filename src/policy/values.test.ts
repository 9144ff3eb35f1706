import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compilePolicy } from './compile.ts'
import { contextOf, evaluate } from './evaluate.ts'
import { parsePolicy } from './parse.ts'

/** What condition values are read as: one comparison at a time, in a policy of its own. */

const ALICE = {
  kind: 'user',
  arn: 'arn:aws:iam::111111111111:user/a',
  accountId: '111111111111',
  uniqueId: 'AIDA',
} as const

function isMet(
  operator: string,
  written: string | readonly string[],
  value: string | readonly string[],
  version = '2012-10-17',
): boolean {
  const Condition = { [operator]: { 'a:b': written } }
  const Statement = { Effect: 'Allow', Action: '*', Resource: '*', Condition }
  const text = JSON.stringify({ Version: version, Statement })
  const identity = [compilePolicy(parsePolicy(text, 'identity'), { type: 'inline', name: 'p' })]
  const context = contextOf({ 'a:b': value, 'k:v': 'x' })
  return evaluate({ principal: ALICE, action: 'a:b', resource: '*', context }, { identity }).allowed
}

/** Texts equal one another within a row, and nothing in another row; texts in `none` equal nothing, not even themselves. */
function checkEqual(operator: string, rows: readonly (readonly string[])[], none: readonly string[]): void {
  for (const [i, row] of rows.entries()) {
    for (const written of row) {
      for (const [j, others] of rows.entries())
        for (const value of others)
          assert.equal(isMet(operator, written, value), i === j, `${written} and ${value}`)
    }
  }
  for (const text of none) {
    assert.equal(isMet(operator, text, text), false, text)
    assert.equal(isMet(operator, rows[0]![0]!, text), false, text)
  }
}

test('numbers are decimal, with sign, fraction and exponent, and nothing else', () => {
  checkEqual(
    'NumericEquals',
    [
      ['10', '+10', '010', '10.', '10.0', '1e1', '1E+1', '100e-1', '.1e2', '0.01e+03'],
      ['-12.25', '-1225e-2'],
      ['0.125', '.125', '125e-3'],
      ['1e10', '10000000000', '1E+10'],
    ],
    [
      '',
      ' ',
      'ten',
      '0x10',
      '1_0',
      '1,0',
      '1e',
      '1e+',
      'e1',
      '.',
      '+',
      '1.2.3',
      '1 0',
      ' 10',
      '10 ',
      '10x',
      'x10',
      'Infinity',
      'NaN',
      '--1',
    ],
  )
})

test('dates are ISO 8601, UTC unless they say otherwise, or seconds since 1970', () => {
  // Where the server stands has no part in it.
  const zone = process.env['TZ']
  process.env['TZ'] = 'America/New_York'
  try {
    checkDates()
  } finally {
    if (zone === undefined) delete process.env['TZ']
    else process.env['TZ'] = zone
  }
})

function checkDates(): void {
  checkEqual(
    'DateEquals',
    [
      [
        '2026-01-02T03:04:05Z',
        '2026-01-02T03:04:05',
        '2026-01-02T03:04:05.0Z',
        '2026-01-02T03:04:05.000',
        '2026-01-02T04:04:05+01:00',
        '2026-01-01T22:04:05-05:00',
        '2026-01-02T04:04:05+0100',
        '1767323045',
        '1767323045.0',
        '+1767323045.000',
      ],
      ['2026-01-02T03:04Z', '2026-01-02T03:04', '2026-01-02T03:04:00Z', '1767323040'],
      ['2026-01-02', '2026-01-02T00:00:00Z', '1767312000'],
      ['2026-01', '2026-01-01', '2026', '2026-01-01T00:00Z'],
      ['10000', '1970-01-01T02:46:40Z'],
      ['-10000', '1969-12-31T21:13:20Z'],
      ['10000.25', '1970-01-01T02:46:40.250Z'],
    ],
    [
      '',
      'today',

      '999',
      '10000.',
      'x10000',
      '10000x',
      '2026-1-2',
      '26-01-02',
      '2026-13-01',
      '2026-01-02T25:00Z',
      '2026-01-02 03:04:05Z',
      '2026-01-02T03Z',
      'x2026-01-02',
      '2026-01-02x',
      '2026-01-02T03:04:05Zx',
      '2026-01-02Z',
    ],
  )
}

test('orders are orders, on numbers and on dates', () => {
  for (const [kind, low, high] of [
    ['Numeric', '9', '10'],
    ['Date', '2026-01-02T00:00:00+01:00', '2026-01-02'],
  ] as const) {
    const results = [
      `${kind}LessThan`,
      `${kind}LessThanEquals`,
      `${kind}GreaterThan`,
      `${kind}GreaterThanEquals`,
    ].map((operator) => [isMet(operator, high, low), isMet(operator, low, low), isMet(operator, low, high)])
    assert.deepEqual(results, [
      [true, false, false],
      [true, true, false],
      [false, false, true],
      [false, true, true],
    ])
    assert.equal(isMet(`${kind}NotEquals`, high, low), true)
    assert.equal(isMet(`${kind}NotEquals`, 'none', 'none'), true)
  }
})

test('Bool and Binary know no variables, Bool no case', () => {
  assert.equal(isMet('Bool', 'TRUE', 'true'), true)
  assert.equal(isMet('BinaryEquals', 'YQ==', 'yq=='), false)
  for (const operator of ['Bool', 'BinaryEquals']) {
    assert.equal(isMet(operator, '${k:v}', '${k:v}'), true)
    assert.equal(isMet(operator, '${k:v}', 'x'), false)
  }
  assert.equal(isMet('StringEquals', '${k:v}', 'x'), true)
  assert.equal(isMet('StringEquals', '${k:v}', 'x', '2008-10-17'), false)
})

test('a condition without a value is met by nothing', () => {
  for (const operator of [
    'StringEquals',
    'NumericEquals',
    'Bool',
    'IpAddress',
    'ForAnyValue:StringLike',
    'Null',
  ])
    assert.equal(isMet(operator, [], 'x'), false, operator)
  assert.equal(isMet('StringNotEquals', [], 'x'), true)
})

test('what is no address is in no block, and no block holds anything that is none', () => {
  assert.equal(isMet('IpAddress', 'all', '10.0.0.1'), false)
  assert.equal(isMet('NotIpAddress', 'all', '10.0.0.1'), true)
  assert.equal(isMet('IpAddress', '0.0.0.0/0', 'all'), false)
  assert.equal(isMet('IpAddress', '0.0.0.0/0', '::1'), false)
  assert.equal(isMet('IpAddress', ['::/0', '10.0.0.0/8'], '10.9.9.9'), true)
})
