import assert from 'node:assert/strict'
import { test } from 'node:test'
import { statementPositions } from './positions.ts'

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
