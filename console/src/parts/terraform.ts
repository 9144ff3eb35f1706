import type { BackupPlanInput, BackupSelection, Lifecycle } from '@aws-sdk/client-backup'

/** A backup plan as Terraform's aws provider writes it. */
export function terraformOf(
  plan: Pick<BackupPlanInput, 'BackupPlanName' | 'Rules'> & {
    readonly tags?: Readonly<Record<string, string>>
  },
): string {
  const rules = (plan.Rules ?? []).map((rule) => [
    '  rule {',
    ...lines(4, {
      rule_name: rule.RuleName,
      target_vault_name: rule.TargetBackupVaultName,
      schedule: rule.ScheduleExpression,
      schedule_expression_timezone: rule.ScheduleExpressionTimezone,
      start_window: rule.StartWindowMinutes,
      completion_window: rule.CompletionWindowMinutes,
    }),
    ...map(4, 'recovery_point_tags', rule.RecoveryPointTags),
    ...lifecycle(4, rule.Lifecycle),
    ...(rule.CopyActions ?? []).flatMap((copy) => [
      '    copy_action {',
      ...lines(6, { destination_vault_arn: copy.DestinationBackupVaultArn }),
      ...lifecycle(6, copy.Lifecycle),
      '    }',
    ]),
    '  }',
  ])
  return [
    `resource "aws_backup_plan" ${label(plan.BackupPlanName ?? 'plan')} {`,
    ...lines(2, { name: plan.BackupPlanName }),
    ...rules.flat(),
    ...map(2, 'tags', plan.tags),
    '}',
  ].join('\n')
}

/** A resource assignment as Terraform's aws provider writes it. */
export function selectionTerraformOf(planId: string, selection: BackupSelection): string {
  const { SelectionName, IamRoleArn, Resources = [], NotResources = [], ListOfTags = [] } = selection
  const conditions = CONDITIONS.flatMap(([operator, block]) =>
    (selection.Conditions?.[operator] ?? []).flatMap(({ ConditionKey, ConditionValue }) => [
      `    ${block} {`,
      ...lines(6, { key: ConditionKey, value: ConditionValue }),
      '    }',
    ]),
  )
  return [
    `resource "aws_backup_selection" ${label(SelectionName ?? 'selection')} {`,
    ...lines(2, { name: SelectionName, plan_id: planId, iam_role_arn: IamRoleArn }),
    ...list('resources', Resources),
    ...list('not_resources', NotResources),
    ...ListOfTags.flatMap(({ ConditionType, ConditionKey, ConditionValue }) => [
      '  selection_tag {',
      ...lines(4, { type: ConditionType, key: ConditionKey, value: ConditionValue }),
      '  }',
    ]),
    ...(conditions.length === 0 ? [] : ['  condition {', ...conditions, '  }']),
    '}',
  ].join('\n')
}

const CONDITIONS = [
  ['StringEquals', 'string_equals'],
  ['StringNotEquals', 'string_not_equals'],
  ['StringLike', 'string_like'],
  ['StringNotLike', 'string_not_like'],
] as const

function list(name: string, of: readonly string[]): string[] {
  return of.length === 0 ? [] : [`  ${name} = [`, ...of.map((one) => `    ${literal(one)},`), '  ]']
}

/** What Terraform's other resources call this one. */
function label(name: string): string {
  return JSON.stringify(name.replaceAll(/\W/g, '_'))
}

function lifecycle(indent: number, of: Lifecycle | undefined): string[] {
  const given = lines(indent + 2, {
    cold_storage_after: of?.MoveToColdStorageAfterDays,
    delete_after: of?.DeleteAfterDays,
  })
  const space = ' '.repeat(indent)
  return given.length === 0 ? [] : [`${space}lifecycle {`, ...given, `${space}}`]
}

/** Keys are quoted: a tag's may be no name of Terraform's. */
function map(indent: number, name: string, of: Readonly<Record<string, string>> | undefined): string[] {
  const given = Object.fromEntries(Object.entries(of ?? {}).map(([key, value]) => [literal(key), value]))
  const space = ' '.repeat(indent)
  if (Object.keys(given).length === 0) return []
  return [`${space}${name} = {`, ...lines(indent + 2, given), `${space}}`]
}

function lines(indent: number, values: Readonly<Record<string, string | number | undefined>>): string[] {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...given.map(([name]) => name.length))
  return given.map(([name, value]) => `${' '.repeat(indent)}${name.padEnd(width)} = ${literal(value)}`)
}

/** "${" and "%{" begin Terraform's own templates. */
function literal(value: string | number | undefined): string {
  return JSON.stringify(value).replaceAll(/([$%])\{/g, '$1$1{')
}
