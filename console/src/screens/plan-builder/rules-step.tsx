import Button from '@cloudscape-design/components/button'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { ReactNode } from 'react'
import { newRule } from './draft.ts'
import type { Draft } from './draft.ts'
import { PlanPreview } from './preview.tsx'
import { RuleForm } from './rule-form.tsx'

/** AWS's most of a plan. */
const MAX_RULES = 10

/** The rules, and beside them while they are written what they would do. */
export function RulesStep({
  draft,
  onChange,
}: {
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
}): ReactNode {
  const { rules } = draft
  const add = (): void => {
    const vault = rules.at(-1)?.rule.TargetBackupVaultName
    onChange({ ...draft, rules: [...rules, newRule(`rule-${rules.length + 1}`, vault)] })
  }
  return (
    <SpaceBetween size="l">
      {rules.map((rule, index) => (
        <RuleForm
          key={index}
          of={rule}
          title={`Rule ${index + 1}`}
          isTwice={rules.some(
            (other, at) =>
              at !== index && rule.rule.RuleName !== '' && other.rule.RuleName === rule.rule.RuleName,
          )}
          onChange={(next) =>
            onChange({ ...draft, rules: rules.map((one, at) => (at === index ? next : one)) })
          }
          onRemove={
            rules.length === 1
              ? undefined
              : () => onChange({ ...draft, rules: rules.filter((_, at) => at !== index) })
          }
        />
      ))}
      {rules.length < MAX_RULES && (
        <Button formAction="none" iconName="add-plus" onClick={add}>
          Add rule
        </Button>
      )}
      <PlanPreview rules={rules} />
    </SpaceBetween>
  )
}
