import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { found } from './lint.fixture.ts'
import { globsOverlap } from './overlap.ts'
import { contextOf } from './context.ts'
import {
  arnPattern,
  equalIgnoreCasePattern,
  equalPattern,
  likePattern,
  resourcePattern,
  resourceReach,
} from './pattern.ts'
import { closingBraces, variablesIn, withVariablesAs } from './variables.ts'
import { cpuMs } from '../../test/fixtures/cpu-time.ts'

const LONGEST = 131_072

test('closingBraces() finds the brace that a look at the rest of the text finds', () => {
  const text = fc
    .array(fc.constantFrom('a', '${', '}', "'", '$', '{'), { maxLength: 14 })
    .map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(text, (given) => {
      const closing = closingBraces(given)
      for (let from = 2; from <= given.length; from++) {
        if (given.slice(from - 2, from) !== '${') continue
        const [, before] = /^((?:[^'}]|'[^']*')*)\}/.exec(given.slice(from)) ?? []
        assert.equal(closing(from), before === undefined ? -1 : from + before.length, given)
      }
    }),
    { numRuns: 5_000 },
  )
})

test('variablesIn() and withVariablesAs() see what has a brace behind it', () => {
  const text = 'a${b}${c, ’d’}${*}${open'
  assert.deepEqual(
    [...variablesIn(text)].map(({ inner }) => inner),
    ['b', 'c, ’d’', '*'],
  )
  assert.equal(withVariablesAs(text, '_'), 'a___${open')
})

test('a variable that is begun and never closed costs no more time than other text', () => {
  const open = '${'.repeat(LONGEST / 2 - 200)
  const statement = { Effect: 'Allow', Action: 'zoo:FeedLion', Resource: `arn:aws:zoo:::lion/${open}` }
  const Condition = { StringEquals: { 'aws:username': open } }
  const startedAt = cpuMs()
  found(statement)
  found({ ...statement, Resource: '*', Condition })
  resourcePattern(open, { variables: true, whenUnresolved: false })
  globsOverlap(open, 'a*')
  const ms = cpuMs() - startedAt
  // A tenth of a second; it was a minute.
  assert.ok(ms < 5_000, `${Math.round(ms)} ms`)
})

test('variables that stand for long texts are not written out where those cannot match', () => {
  const context = contextOf({ 'k:long': 'x'.repeat(300_000) })
  const arn = 'arn:aws:s3:::'
  const variables = '${k:long}'.repeat(5_000)
  const options = { variables: true, whenUnresolved: true }
  // One and a half gigabytes of text, which no text can hold.
  for (const pattern of [equalPattern, equalIgnoreCasePattern, likePattern, arnPattern, resourcePattern])
    assert.equal(pattern(`${arn}${variables}*`, options)(`${arn}xx`, context), false)
  const reach = resourceReach(`${arn}${variables}*`, options)
  assert.equal(reach(`${arn}xx`, context), true)
  assert.equal(reach(`${arn}xy`, context), false)
  assert.equal(equalIgnoreCasePattern('${k:dotted}', options)('İ', contextOf({ 'k:dotted': 'İ' })), true)
})
