import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowedAge } from './allowed-age.ts'
import type { PlanRule } from './plan.ts'

const HOUR = 3_600_000
const NOW = Date.UTC(2026, 10, 29, 12)

const rule = (ScheduleExpression: string, StartWindowMinutes?: number): PlanRule => ({
  RuleId: ScheduleExpression,
  RuleName: 'rule',
  TargetBackupVaultName: 'vault',
  ScheduleExpression,
  StartWindowMinutes,
})

test('allowedAge() is the longest time between two runs and the start window, by the rule that asks for most', () => {
  const of = (...Rules: readonly PlanRule[]) => allowedAge({ BackupPlanName: 'plan', Rules }, NOW)
  assert.equal(of(rule('cron(0 5 ? * * *)')), 32 * HOUR)
  assert.equal(of(rule('cron(0 5 ? * * *)', 60)), 25 * HOUR)
  assert.equal(of(rule('cron(0 5 ? * MON-FRI *)', 60)), 73 * HOUR, 'over the weekend')
  assert.equal(of(rule('cron(0 5 ? * SUN *)', 60), rule('rate(12 hours)', 60)), 13 * HOUR)
  assert.equal(of(rule('cron(0 5 1 1 ? 2027)')), undefined, 'it runs once')
  assert.equal(of(rule('cron(0 5 1 1 ? 2027)'), rule('cron(0 5 ? * SUN *)', 60)), 169 * HOUR)
  assert.equal(of(), undefined)
})
