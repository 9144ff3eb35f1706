import { iamId, uuid } from '../../lib/ids.ts'
import type { PlanRule } from '../../plans/plan.ts'
import { parseSchedule } from '../../plans/schedule.ts'
import { insertSelection, writePlanVersion } from '../../store/plans/plans.ts'
import { insertResource } from '../../store/resources/resources.ts'
import type { Store } from '../../store/store.ts'
import { putTags } from '../../store/identity/tags.ts'

/** Plans and resources as rows, for what makes jobs of them. */

export const ACCOUNT = '111122223333'
export const REGION = 'us-east-1'
export const HOUR = 3_600_000
export const START: number = Date.UTC(2026, 0, 1, 4, 30)

export async function writePlan(
  store: Store,
  planId: string,
  rules: readonly Partial<PlanRule>[],
): Promise<void> {
  const whole = rules.map((rule, i): PlanRule => ({
    RuleId: `rule-${i}`,
    RuleName: `rule-${i}`,
    TargetBackupVaultName: 'vault',
    ScheduleExpressionTimezone: 'Etc/UTC',
    ...rule,
  }))
  const plan = {
    account_id: ACCOUNT,
    region: REGION,
    plan_id: planId,
    name: 'plan',
    version_id: 'v1',
    creator_request_id: planId,
    created_at: START,
    updated_at: START,
    deleted_at: null,
    last_run_at: null,
  }
  const document = JSON.stringify({ BackupPlanName: 'plan', Rules: whole })
  const scheduled = whole.map((rule) => ({
    ruleId: rule.RuleId,
    writtenAt: START,
    nextRunAt: parseSchedule(rule.ScheduleExpression as string, 'Etc/UTC', START).next(START),
  }))
  await store.transaction((tx) => writePlanVersion(tx, plan, { document }, scheduled))
}

export async function addResource(db: Store['db'], name: string, value = 'yes'): Promise<void> {
  const arn = `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT}:file-system/${name}`
  await insertResource(db, {
    account_id: ACCOUNT,
    region: REGION,
    arn,
    unique_id: uuid(),
    type: 'EFS',
    name,
    settings: '{}',
    secret: null,
    version: 1,
    created_at: START,
    created_by: 'x',
    restored_from: null,
    removed_at: null,
  })
  await putTags(db, ACCOUNT, arn, { backup: value })
}

export async function addSelection(
  store: Store,
  planId: string,
  { role = 'backup', value = 'yes' }: { readonly role?: string; readonly value?: string } = {},
): Promise<void> {
  const roleArn = `arn:aws:iam::${ACCOUNT}:role/${role}`
  await insertSelection(store.db, {
    account_id: ACCOUNT,
    region: REGION,
    plan_id: planId,
    selection_id: uuid(),
    name: 'tagged',
    role_arn: roleArn,
    role_id: iamId('AROA'),
    document: JSON.stringify({
      SelectionName: 'tagged',
      IamRoleArn: roleArn,
      ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'backup', ConditionValue: value }],
    }),
    creator_request_id: uuid(),
    created_by: `arn:aws:iam::${ACCOUNT}:user/admin`,
    created_at: START,
  })
}
