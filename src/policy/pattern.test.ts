import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { globOf, isArnLike, isLike, isResource } from '../../test/policy/reference-matching.ts'
import { contextOf } from './evaluate.ts'
import {
  arnPattern,
  equalIgnoreCasePattern,
  equalPattern,
  likePattern,
  literalPattern,
  resourcePattern,
  resourceReach,
} from './pattern.ts'
import type { Matcher, PatternOptions } from './pattern.ts'

const VARIABLES: PatternOptions = { variables: true, whenUnresolved: false }
const TEXT: PatternOptions = { variables: false, whenUnresolved: false }
const KNOWN = {
  'k:s': 'ab',
  'k:star': '*',
  'k:colon': 'a:b',
  'k:empty': '',
  'k:many': ['a'],
  'k, x': 'odd',
  "k, '": 'quote',
  ",'d'x": 'odd',
}
const CONTEXT = contextOf(KNOWN)
const silent = (): void => {}

const patternText = fc
  .array(
    fc.constantFrom(
      'a',
      'b',
      'A',
      '.',
      ':',
      ':',
      '*',
      '*',
      '?',
      '${k:s}',
      '${k:star}',
      '${k:colon}',
      '${*}',
      '${none}',
      "${none, 'a:b'}",
      '$',
      '{',
      '}',
    ),
    { maxLength: 9 },
  )
  .map((pieces) => pieces.join(''))
const valueText = fc
  .array(fc.constantFrom('a', 'b', 'A', '.', ':', ':', '*', '$', '{', '}'), { maxLength: 9 })
  .map((chars) => chars.join(''))
/** Five colons at least, as resources have them. */
const arnText = fc
  .tuple(
    fc.array(
      valueText.map((text) => text.slice(0, 2)),
      { minLength: 6, maxLength: 8 },
    ),
  )
  .map(([parts]) => parts.join(':'))
const arnPatternText = fc
  .array(
    patternText.map((text) => (text.length > 8 ? text.replaceAll(':', '') : text)),
    { minLength: 5, maxLength: 7 },
  )
  .map((parts) => parts.join(':'))

test('likePattern() and resourcePattern() match what the tests’ second matcher matches', () => {
  let matched = 0
  fc.assert(
    fc.property(
      fc.oneof(patternText, arnPatternText),
      fc.oneof(valueText, arnText),
      fc.boolean(),
      (pattern, value, variables) => {
        const options = variables ? VARIABLES : TEXT
        const found = resourcePattern(pattern, options)(value, CONTEXT)
        assert.equal(found, isResource(pattern, value, KNOWN, variables, silent) ?? false)
        if (!variables)
          assert.equal(likePattern(pattern, TEXT)(value, CONTEXT), isLike(globOf(pattern), value))
        if (!variables && !/^\*+$/.test(pattern))
          assert.equal(arnPattern(pattern, TEXT)(value, CONTEXT), isArnLike(globOf(pattern), value))
        if (found) matched++
      },
    ),
    { numRuns: 8_000 },
  )
  assert.ok(matched > 0)
})

test('patterns of literals and runs match the leftmost way round', () => {
  const runs = fc
    .array(fc.constantFrom('a', 'b', 'ab', '*'), { maxLength: 6 })
    .map((pieces) => pieces.join(''))
  const short = fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 }).map((chars) => chars.join(''))
  let [tried, matched] = [0, 0]
  fc.assert(
    fc.property(runs, short, (pattern, value) => {
      tried++
      const found = likePattern(pattern, TEXT)(value, CONTEXT)
      if (found) matched++
      assert.equal(found, isLike(globOf(pattern), value))
    }),
    { numRuns: 10_000 },
  )
  assert.ok(matched > tried / 60, `${matched} of ${tried} matched`)
})

test('resourceReach() is true where some continuation of the value matches', () => {
  const small = fc
    .array(fc.constantFrom('a', ':', '*', '?', '${k:s}', '${none}'), { maxLength: 6 })
    .map((pieces) => `arn:*:s3${pieces.join('')}`)
  const tails = [
    '',
    ...['a', 'b', ':'].flatMap((x) => [
      x,
      ...['a', 'b', ':'].flatMap((y) => [
        x + y,
        ...['a', 'b', ':'].flatMap((z) => [x + y + z, `${x}${y}${z}a`, `${x}${y}${z}:`, `${x}${y}${z}ab`]),
      ]),
    ]),
  ]
  fc.assert(
    fc.property(
      small,
      fc.constantFrom(
        'arn:x:s3',
        'arn:x:s3:',
        'arn:x:s3:a',
        'arn:x:s3:::',
        'arn:x:s3:::a',
        'arn:x:s4',
        'arn',
      ),
      (pattern, prefix) => {
        const matches = resourcePattern(pattern, VARIABLES)
        const isReached = [...tails, ':s3', ':s3a', ':::a', ':::ab', ':x:s3', ':x:s3:::a'].some((tail) =>
          matches(prefix + tail, CONTEXT),
        )
        // Whatever a continuation of a few characters shows is reached; the other way round longer ones may be needed.
        if (isReached) assert.equal(resourceReach(pattern, VARIABLES)(prefix, CONTEXT), true)
        if (!resourceReach(pattern, VARIABLES)(prefix, CONTEXT)) assert.equal(isReached, false)
      },
    ),
    { numRuns: 3_000 },
  )
  const reaches = (pattern: string, prefix: string, options = VARIABLES): boolean =>
    resourceReach(pattern, options)(prefix, CONTEXT)
  assert.equal(reaches('arn:aws:s3:::b/x', 'arn:aws:s3:::b/'), true)
  assert.equal(reaches('arn:aws:s3:::b/x', 'arn:aws:s3:::b/y'), false)
  assert.equal(reaches('arn:aws:s3:::b/x', 'arn:aws:s3:::b/xy'), false)
  assert.equal(reaches('arn:aws:s3:::b/${k:s}/*', 'arn:aws:s3:::b/a'), true)
  assert.equal(reaches('arn:aws:s3:::b/${k:s}/*', 'arn:aws:s3:::b/b'), false)
  for (const whenUnresolved of [true, false]) {
    const options = { variables: true, whenUnresolved }
    assert.equal(reaches('arn:aws:s3:::b/${none}', 'arn:aws:s3:::b/', options), whenUnresolved)
    assert.equal(reaches('arn:aws:${k:s}:::b', 'arn:aws:ab', options), whenUnresolved)
  }
})

test('wildcards before the resource part stay in their segment, unless they end it', () => {
  const matches = (pattern: string, value: string): boolean => resourcePattern(pattern, TEXT)(value, CONTEXT)
  assert.equal(matches('arn:aws:rds:*:x', 'arn:aws:rds:eu:1:db:x'), true)
  assert.equal(matches('arn:aws:rds:e*:x', 'arn:aws:rds:eu:1:db:x'), true)
  assert.equal(matches('arn:aws:rds:*u:1:db:x', 'arn:aws:rds:e:u:1:db:x'), false)
  assert.equal(matches('arn:aws:rds:*?:1:db:x', 'arn:aws:rds:eu:1:db:x'), true)
  assert.equal(matches('arn:aws:rds:e?:1:db:x', 'arn:aws:rds:e::1:db:x'), false)
  assert.equal(matches('arn:aws:rds:eu:1:d?:x', 'arn:aws:rds:eu:1:d::x'), true)
  assert.equal(matches('arn:aws:rds:eu:1:d*b', 'arn:aws:rds:eu:1:d:a:b'), true)
  assert.equal(matches('arn:aws:rds:*', 'arn:aws:rds:eu:1:db:x'), true)
})

const all = (pattern: string, options: PatternOptions = VARIABLES): readonly Matcher[] => [
  equalPattern(pattern, options),
  equalIgnoreCasePattern(pattern, options),
  likePattern(pattern, options),
]

test('a variable is its key or a quoted default, blanks around both apart', () => {
  const found: Readonly<Record<string, string>> = {
    '${k:s}': 'ab',
    '${ K:S }': 'ab',
    "${k:s, 'd'}": 'ab',
    "${k:s , 'd'}": 'ab',
    "${none, 'd'}": 'd',
    "${none,'d'}": 'd',
    "${none,  'd'  }": 'd',
    "${none, ''}": '',
    "${none, 'a}b'}": 'a}b',
    "${none, 'a,b'}": 'a,b',
    "${,'d'}": 'd',
    '${k:empty}x': 'x',
    '${k:star}': '*',
    '${*}${?}${$}': '*?$',
    // Not quoted, so no default: the key is all of it, and only somebody who has that key has a value.
    '${K, x}': 'odd',
    '${k:s}${k:s}': 'abab',
    'x${k:s}y': 'xaby',
    '${k:s': '${k:s',
    'a{b}': 'a{b}',
    '$a}': '$a}',
    $: '$',
  }
  for (const [pattern, value] of Object.entries(found)) {
    for (const matches of all(pattern)) {
      assert.equal(matches(value, CONTEXT), true, pattern)
      assert.equal(matches(`${value}x`, CONTEXT), false, pattern)
    }
  }
  for (const pattern of [
    '${none}',
    '${}',
    '${k:many}',
    '${none, d}',
    "${none, 'd}x",
    "${none, d'}",
    "${k:many, 'd'}",
    "${none'}x",
  ]) {
    for (const value of ['', 'd', 'a', 'x', 'none']) {
      for (const matches of all(pattern))
        assert.equal(matches(value, CONTEXT), false, `${pattern} and ${value}`)
    }
  }
  for (const matches of all("${none, 'd}x")) assert.equal(matches("${none, 'd}x", CONTEXT), true)
})

test('a pattern whose variable has no value answers what its place asks for', () => {
  for (const whenUnresolved of [true, false]) {
    const options = { variables: true, whenUnresolved }
    for (const pattern of ['${none}', 'a${k:many}']) {
      for (const matches of [
        ...all(pattern, options),
        arnPattern(pattern, options),
        resourcePattern(`arn:aws:s3:::${pattern}`, options),
      ])
        assert.equal(matches('a', CONTEXT), whenUnresolved)
    }
    assert.equal(resourcePattern('arn:${k:s}:s3:::a', options)('arn:ab:s3:::a', CONTEXT), whenUnresolved)
    assert.equal(equalPattern('${k:s}', options)('other', CONTEXT), false)
    assert.equal(arnPattern('arn:${k:s}', options)('arn:ab', CONTEXT), false)
  }
})

test('equalIgnoreCasePattern() folds both sides, with variables and without', () => {
  for (const [pattern, value] of [
    ['aB', 'Ab'],
    ['${k:s}X', 'ABx'],
    ["${none, 'D'}", 'd'],
  ] as const) {
    assert.equal(equalIgnoreCasePattern(pattern, VARIABLES)(value, CONTEXT), true)
    assert.equal(equalPattern(pattern, VARIABLES)(value, CONTEXT), false)
  }
  assert.equal(equalIgnoreCasePattern('a', VARIABLES)('b', CONTEXT), false)
})

test('arnPattern() compares segment by segment', () => {
  const matches = (pattern: string, value: string, options = VARIABLES): boolean =>
    arnPattern(pattern, options)(value, CONTEXT)
  for (const value of ['', 'x', 'arn:aws:s3:::a']) assert.equal(matches('*', value), true)
  assert.equal(matches('**', 'x'), true)
  assert.equal(matches('?', 'x'), false)
  assert.equal(matches('*:*:*:*:*:*', ':::::'), true)
  assert.equal(matches('*:*:*:*:*:*', '::::'), false)
  assert.equal(matches(':aws:s3:::a', ':aws:s3:::a'), true)
  assert.equal(matches('arn:aws:s3:::a:b', 'arn:aws:s3:::a:b'), true)
  assert.equal(matches('arn:*:a', 'arn:aws:s3:::a'), false)
  assert.equal(matches('arn:aws:s3:::${k:s}*', 'arn:aws:s3:::abc'), true)
  assert.equal(matches('arn:aws:s3:::${k:s}*', 'arn:aws:s3:::ac'), false)
  assert.equal(matches('arn:aws:${k:s}:::?', 'arn:aws:ab:::x'), true)
  assert.equal(matches('arn:aws:${k:s}', 'arn:aws:ab'), false)
})

test('literalPattern() makes a pattern that only the text itself matches', () => {
  for (const text of ['a*b', '?', '${aws:username}', '$', '${*}', 'plain', 'a.b', '***']) {
    const matches = likePattern(literalPattern(text), VARIABLES)
    assert.equal(matches(text, CONTEXT), true, text)
    for (const other of ['aXb', 'a', 'X', 'axb', '${ab}', '*', '**'].filter((one) => one !== text))
      assert.equal(matches(other, CONTEXT), false, `${text} and ${other}`)
  }
})
