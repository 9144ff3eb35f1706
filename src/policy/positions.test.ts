import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sentenceWithPlace, statementPositions, valuePlaces } from './positions.ts'
import { PolicySyntaxError } from './syntax-error.ts'

/** The text that a position points to. */
function cut(text: string, index: number): unknown {
  const position = statementPositions(text)[index]
  assert.ok(position, `statement ${index} has a position`)
  const lines = text.split('\n')
  const offset = ({ Line, Column }: { Line: number; Column: number }): number =>
    lines.slice(0, Line - 1).reduce((sum, line) => sum + line.length + 1, 0) + Column - 1
  return JSON.parse(text.slice(offset(position.start), offset(position.end)))
}

const FIRST = {
  Sid: 'a',
  Effect: 'Allow',
  Action: ['s3:Get*', 's3:Put*'],
  Resource: 'arn:aws:s3:::b/{x}]"\\',
}
const SECOND = { Effect: 'Deny', Action: '*', Resource: '*', Condition: { Bool: { 'aws:X': [true] } } }

test('positions of statements are lines and columns from 1, the end behind the closing brace', () => {
  const text = `{
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "*",
            "Resource": "*"
        }
    ]
}`
  assert.deepEqual(statementPositions(text), [
    { start: { Line: 4, Column: 9 }, end: { Line: 8, Column: 10 } },
  ])
})

test('in JSON without blanks a statement begins where AWS says it does', () => {
  // Column 41 is what AWS answered for a document that begins like this one.
  const text =
    '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": "*"}]}'
  assert.deepEqual(statementPositions(text)[0]?.start, { Line: 1, Column: 41 })
  assert.deepEqual(statementPositions(text)[0]?.end, { Line: 1, Column: text.length - 1 })
})

test('positions cut each statement out of its text, however that is written', () => {
  for (const Statement of [
    [FIRST, SECOND],
    [SECOND, FIRST],
  ]) {
    for (const indent of [undefined, 1, 4, '\t']) {
      const text = JSON.stringify({ Version: '2012-10-17', Statement, Id: '"Statement":[{' }, null, indent)
      assert.equal(statementPositions(text).length, 2)
      assert.deepEqual([cut(text, 0), cut(text, 1)], Statement)
      const windows = text.replaceAll('\n', '\r\n')
      assert.deepEqual([cut(windows, 0), cut(windows, 1)], Statement)
    }
  }
})

test('a statement alone, a name with escapes and other members before it are found', () => {
  const text = `  { "Id" : "x]}" , "Versio\\u006e": "2012-10-17",\n\t"St\\u0061tement" :\n ${JSON.stringify(FIRST)} }`
  assert.deepEqual(cut(text, 0), FIRST)
  assert.deepEqual(statementPositions(text)[0]?.start, { Line: 3, Column: 2 })
  assert.deepEqual(statementPositions('{"Version":"2012-10-17"}'), [])
})

const SPREAD = `
{ "Version": "2012-10-17",
  "Statement": [ {
      "Effect": "Allow",
      "Condition": { "StringEquals": { "aws:username": [ "ada",
         "bob" ] } } },
    7, "x" ]
}`

test('valuePlaces() tells where each value begins, by its path', () => {
  const places = valuePlaces(SPREAD)
  const at = (path: string): readonly [number, number] => {
    const { Line, Column } = places.of(path)
    return [Line, Column]
  }
  assert.deepEqual(at(''), [2, 1])
  assert.deepEqual(at('Version'), [2, 14])
  assert.deepEqual(at('Statement'), [3, 16])
  assert.deepEqual(at('Statement[0]'), [3, 18])
  assert.deepEqual(at('Statement[0].Effect'), [4, 17])
  assert.deepEqual(at('Statement[0].Condition.StringEquals.aws:username'), [5, 56])
  assert.deepEqual(at('Statement[0].Condition.StringEquals.aws:username[1]'), [6, 10])
  assert.deepEqual(at('Statement[1]'), [7, 5])
  assert.deepEqual(at('Statement[2]'), [7, 8])
})

test('valuePlaces() gives the place of the nearest value around one that is not there', () => {
  const places = valuePlaces(SPREAD)
  assert.deepEqual(places.of('Statement[0].Action'), { path: 'Statement[0]', Line: 3, Column: 18 })
  assert.deepEqual(places.of('Statement[9].Effect'), { path: 'Statement', Line: 3, Column: 16 })
  assert.deepEqual(places.of('Id'), { path: '', Line: 2, Column: 1 })
  assert.deepEqual(
    ['Statement[0].Effect', 'Statement[0].Action', 'Statement[2]', 'Statement[3]'].map((path) =>
      places.has(path),
    ),
    [true, false, true, false],
  )
})

test('an error is told with its path, line and column, and no more than a piece of what was found', () => {
  const error = (path: string, detail: string, offset?: number): PolicySyntaxError =>
    new PolicySyntaxError('Syntax errors in policy.', path, detail, offset)
  const at = (path: string): string => sentenceWithPlace(SPREAD, error(path, 'is wrong'))
  assert.equal(
    at('Statement[0].Effect'),
    'Syntax errors in policy. (Statement[0].Effect, line 4, column 17: is wrong)',
  )
  assert.equal(at(''), 'Syntax errors in policy. (line 2, column 1: is wrong)')
  assert.equal(
    sentenceWithPlace(SPREAD, error('', 'ends here', 1)),
    'Syntax errors in policy. (line 2, column 1: ends here)',
  )
  assert.equal(
    sentenceWithPlace(SPREAD, error('', 'x'.repeat(500), 30)),
    `Syntax errors in policy. (line 3, column 3: ${'x'.repeat(200)})`,
  )
})
