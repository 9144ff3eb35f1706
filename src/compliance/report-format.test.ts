import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cell, reportFiles } from './report-format.ts'
import type { ReportFormat } from './report-format.ts'
import { nextReportAt } from './report-places.ts'
import type { ReportItem } from './report.ts'

const CELLS: readonly (readonly [value: string | number | null, cell: string])[] = [
  ['plain', 'plain'],
  ['a,b', '"a,b"'],
  ['say "no"', '"say ""no"""'],
  ['two\r\nlines', '"two\r\nlines"'],
  ['=HYPERLINK("http://evil")', `"'=HYPERLINK(""http://evil"")"`],
  ['+1', "'+1"],
  ['-1', "'-1"],
  ['@SUM(A1)', "'@SUM(A1)"],
  ['\t=1', "'\t=1"],
  [-1, '-1'],
  [null, ''],
]

for (const [value, expected] of CELLS)
  test(`cell() writes ${JSON.stringify(value)} so that no spreadsheet takes it for a formula`, () => {
    assert.equal(cell(value), expected)
  })

async function* items(count: number): AsyncGenerator<ReportItem> {
  for (let number = 0; number < count; number++) yield { number, name: `n${number}` }
}

async function filesOf(format: ReportFormat, count: number, maxBytes?: number): Promise<string[]> {
  const files: string[] = []
  for await (const file of reportFiles(format, ['number', 'name'], items(count), maxBytes))
    files.push(file.toString())
  return files
}

test('reportFiles() writes a header where there is nothing else', async () => {
  assert.deepEqual(await filesOf('CSV', 0), ['number,name\r\n'])
  assert.deepEqual(JSON.parse((await filesOf('JSON', 0))[0] ?? ''), { reportItems: [] })
})

test('reportFiles() cuts a long report into files that are whole in themselves', async () => {
  const csv = await filesOf('CSV', 5, 12)
  assert.deepEqual(csv, [
    'number,name\r\n0,n0\r\n1,n1\r\n',
    'number,name\r\n2,n2\r\n3,n3\r\n',
    'number,name\r\n4,n4\r\n',
  ])
  const json = await filesOf('JSON', 5, 60)
  const read = json.flatMap((file) => (JSON.parse(file) as { reportItems: ReportItem[] }).reportItems)
  assert.ok(json.length > 1)
  assert.deepEqual(
    read.map((item) => item['number']),
    [0, 1, 2, 3, 4],
  )
})

test('nextReportAt() is the same moment of each day, between 1 and 5 AM UTC', () => {
  const now = Date.UTC(2026, 10, 28, 12)
  for (const id of ['a', 'b', 'c', 'd']) {
    const first = nextReportAt(id, now)
    assert.ok(new Date(first).getUTCHours() >= 1 && new Date(first).getUTCHours() < 5)
    assert.ok(first > now && first <= now + 86_400_000)
    assert.equal(nextReportAt(id, first), first + 86_400_000)
  }
})
