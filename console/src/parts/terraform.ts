import type { BackupPlan } from '@aws-sdk/client-backup'

/** A backup plan as Terraform's aws provider writes it. */
export function terraformOf(plan: BackupPlan): string {
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
    ...lifecycle(4, rule.Lifecycle),
    ...(rule.CopyActions ?? []).flatMap((copy) => [
      '    copy_action {',
      ...lines(6, { destination_vault_arn: copy.DestinationBackupVaultArn }),
      ...lifecycle(6, copy.Lifecycle),
      '    }',
    ]),
    '  }',
  ])
  const name = (plan.BackupPlanName ?? 'plan').replaceAll(/\W/g, '_')
  return [
    `resource "aws_backup_plan" ${JSON.stringify(name)} {`,
    ...lines(2, { name: plan.BackupPlanName }),
    ...rules.flat(),
    '}',
  ].join('\n')
}

function lifecycle(
  indent: number,
  of: { readonly DeleteAfterDays?: number | undefined } | undefined,
): string[] {
  if (of?.DeleteAfterDays === undefined) return []
  const space = ' '.repeat(indent)
  return [`${space}lifecycle {`, ...lines(indent + 2, { delete_after: of.DeleteAfterDays }), `${space}}`]
}

function lines(indent: number, values: Readonly<Record<string, string | number | undefined>>): string[] {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  const width = Math.max(0, ...given.map(([name]) => name.length))
  // "${" and "%{" begin Terraform's own templates.
  return given.map(([name, value]) => {
    const text = JSON.stringify(value).replaceAll(/([$%])\{/g, '$1$1{')
    return `${' '.repeat(indent)}${name.padEnd(width)} = ${text}`
  })
}
