import assert from 'node:assert/strict'
import { test } from 'node:test'
import { expressionOf, scheduleText, timetableOf, zonedScheduleText } from '../src/parts/timetable.ts'

test('a schedule that a form can show is read and written as the same, and said in words', () => {
  const words: Readonly<Record<string, string>> = {
    'cron(5 * * * ? *)': 'Hourly at minute 5',
    'cron(30 2,14 * * ? *)': 'Every 12 hours, from 02:30',
    'cron(0 3 * * ? *)': 'Daily at 03:00',
    'cron(0 23 ? * MON,FRI *)': 'Weekly on Monday, Friday at 23:00',
    'cron(15 4 31 * ? *)': 'Monthly on day 31 at 04:15',
    'cron(15 4 L * ? *)': 'Monthly on its last day at 04:15',
  }
  for (const [expression, text] of Object.entries(words)) {
    assert.equal(scheduleText(expression), text)
    const table = timetableOf(expression) ?? assert.fail(expression)
    assert.equal(expressionOf(table), expression)
    assert.equal(expressionOf({ ...table, at: '24:00' }), undefined)
  }
})

test('a schedule is said with its clock, and the one clock that has two names by one of them', () => {
  const daily = 'cron(0 3 * * ? *)'
  for (const zone of [undefined, 'UTC', 'Etc/UTC'])
    assert.equal(zonedScheduleText(daily, zone), 'Daily at 03:00, UTC')
  assert.equal(zonedScheduleText(daily, 'Europe/Berlin'), 'Daily at 03:00, Europe/Berlin')
  assert.equal(zonedScheduleText(undefined, 'UTC'), 'never')
})

test('a schedule that is more than a form can show stays an expression', () => {
  for (const expression of [
    'rate(6 hours)',
    'cron(0/15 * * * ? *)',
    'cron(0 3,9 * * ? *)',
    'cron(0 3 ? * MON#1 *)',
    'cron(0 3 LW * ? *)',
    'cron(0 3 1 JAN ? *)',
    'cron(0 3 1,15 * ? *)',
  ])
    assert.deepEqual([timetableOf(expression), scheduleText(expression)], [undefined, expression])
})
