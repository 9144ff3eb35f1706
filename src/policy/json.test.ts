import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MAX_DOCUMENT_LENGTH, readJson } from './json.ts'
import type { JsonValue } from './json.ts'
import { PolicySyntaxError } from './syntax-error.ts'

/** Maps as objects, to compare with what JSON.parse makes. */
function plain(value: JsonValue): unknown {
  if (value instanceof Map) return Object.fromEntries([...value].map(([name, inner]) => [name, plain(inner)]))
  return Array.isArray(value) ? value.map(plain) : value
}

const blank = fc.string({ unit: fc.constantFrom(' ', '\n', '\r', '\t'), maxLength: 3 })

/** JSON with blanks wherever they may stand. */
function spaced(value: unknown, blanks: () => string): string {
  const inside = Array.isArray(value)
    ? `[${value.map((item) => spaced(item, blanks)).join(',')}]`
    : typeof value === 'object' && value !== null
      ? `{${Object.entries(value)
          .map(([name, inner]) => `${blanks()}${JSON.stringify(name)}${blanks()}:${spaced(inner, blanks)}`)
          .join(',')}${blanks()}}`
      : JSON.stringify(value)
  return blanks() + inside.replace(/^\[\]$/, () => `[${blanks()}]`) + blanks()
}

test('readJson() reads what JSON.parse reads, whatever blanks stand between', () => {
  const json = fc.jsonValue({ maxDepth: 5 })
  fc.assert(
    fc.property(json, fc.array(blank, { minLength: 1, maxLength: 9 }), (value, blanks) => {
      let next = 0
      const text = spaced(value, () => blanks[next++ % blanks.length]!)
      assert.deepEqual(plain(readJson(text)), JSON.parse(text))
    }),
    { numRuns: 1_000 },
  )
})

const BROKEN_NEAR: readonly string[] = [
  '{"a":1,}',
  '[1,]',
  '[1 2]',
  '{"a" 1}',
  '{a:1}',
  "{'a':1}",
  '{"a":1 "b":2}',
  '"\\x"',
  '"\\u12"',
  '"a\nb"',
  '"a\u001fb"',
  '"a',
  '"a\\',
  '01',
  '-',
  '1.',
  '.5',
  '1e',
  '+1',
  'tru',
  'nul',
  'fals',
  'True',
  'NaN',
  '1 1',
  '{} {}',
  ']',
  '[',
  '{',
  '{"a"',
  '{"a":',
  '{"a":1',
  '',
  ' ',
  '\u00a01',
  '\ufeff1',
  '/**/1',
]
const FINE: readonly string[] = [
  'null',
  'true',
  'false',
  '[]',
  '{}',
  '""',
  '"\\u0041\\n\\"\\\\"',
  '"\\\\"',
  '"\ud800"',
  '-0',
  '0',
  '-12.50',
  '1e5',
  '1E+05',
  '1.25e-10',
  '[null,[true],{"a":{"b":[]}}]',
  '{"":""}',
  '{"__proto__":1}',
]

test('readJson() takes a text exactly where JSON.parse does', () => {
  const isTaken = (read: (text: string) => unknown, text: string): boolean => {
    try {
      read(text)
      return true
    } catch (error) {
      assert.ok(error instanceof PolicySyntaxError || error instanceof SyntaxError, String(error))
      return false
    }
  }
  for (const text of FINE) assert.deepEqual(plain(readJson(text)), plainOf(text), text)
  for (const text of BROKEN_NEAR) assert.equal(isTaken(readJson, text), false, text)
  const edit = fc.tuple(
    fc.nat(),
    fc.constantFrom('', '"', ',', ':', '{', '}', '[', ']', '\\', '1', ' ', 'e', '-', '.', '\t', 'n'),
  )
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), fc.array(edit, { maxLength: 3 }), (value, edits) => {
      let text = JSON.stringify(value)
      for (const [at, more] of edits) {
        const place = at % (text.length + 1)
        text = text.slice(0, place) + more + text.slice(place + (at % 2))
      }
      // A name that stands twice is the one thing that JSON.parse takes and this does not.
      if (isTaken(readJson, text)) assert.deepEqual(plain(readJson(text)), plainOf(text))
      else if (isTaken(JSON.parse, text)) assert.match(refusalOf(text).detail, /a second time/)
    }),
    { numRuns: 3_000 },
  )
})

/** What JSON.parse makes, `__proto__` included. */
function plainOf(text: string): unknown {
  return JSON.parse(text)
}

function refusalOf(text: string): PolicySyntaxError {
  try {
    readJson(text)
  } catch (error) {
    assert.ok(error instanceof PolicySyntaxError, String(error))
    return error
  }
  throw new Error(`${text} was read`)
}

test('readJson() says where a text is broken, and what was found there', () => {
  const deep = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels)
  const cases: readonly (readonly [text: string, path: string, detail: string])[] = [
    ['{} x', '', 'text after the end of the document at character 3'],
    ['{"a":{1:2}}', 'a', 'no quoted name where one must stand at character 6'],
    ['{"a":{"b":1,"b":2}}', 'a.b', 'the name "b" a second time at character 15'],
    ['{"a":{"b" 1}}', 'a.b', 'no colon at character 10'],
    ['{"a":1;', 'a', 'neither comma nor closing brace at character 7'],
    ['{"a":[0,1;', 'a[1]', 'neither comma nor closing bracket at character 10'],
    ['{"a":"b', 'a', 'a string without end, or with a control character at character 5'],
    ['["\\q"]', '[0]', 'a wrong escape in a string at character 1'],
    ['{"a":trve}', 'a', 'an unknown word at character 5'],
    ['{"a":?}', 'a', 'no value at character 5'],
    [deep(14), '[0]'.repeat(13), 'nesting deeper than 12 at character 13'],
  ]
  for (const [text, path, detail] of cases) {
    const { message, path: found, detail: said } = refusalOf(text)
    assert.deepEqual([message, found, said], ['Syntax errors in policy.', path, detail], text)
  }
  assert.deepEqual(plain(readJson(deep(13))), JSON.parse(deep(13)))
})

test('readJson() reads as much as the API takes, and no more', () => {
  const most = `"${'a'.repeat(MAX_DOCUMENT_LENGTH - 2)}"`
  assert.equal(readJson(most), most.slice(1, -1))
  const { path, detail } = refusalOf(`${most} `)
  assert.deepEqual([path, detail], ['', 'the document has 131073 characters, at most 131072 are read'])
})
