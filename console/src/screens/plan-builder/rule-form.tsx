import type { BackupRuleInput } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { CopyActions } from './copy-actions.tsx'
import { COUNTS } from './draft.ts'
import type { DraftRule } from './draft.ts'
import { LifecycleFields, NumberField } from './lifecycle-fields.tsx'
import { NameField } from '../../parts/name-field.tsx'
import { ScheduleField } from '../../parts/schedule-field.tsx'
import { TagFields } from '../../parts/tag-fields.tsx'
import { zoneText } from '../../parts/timetable.ts'
import { lookForVaults, useVaults } from '../../parts/vault-choice.ts'

interface RuleFormProps {
  readonly of: DraftRule
  readonly title: string
  /** Whether another rule has its name. */
  readonly isTwice: boolean
  readonly onChange: (next: DraftRule) => void
  readonly onRemove: (() => void) | undefined
}

/** One rule: when, where to, how long, and what becomes of it meanwhile. */
export function RuleForm(props: RuleFormProps): ReactNode {
  const { title, isTwice, onChange, onRemove } = props
  const { rule, counts } = props.of
  const set = (part: Partial<BackupRuleInput>): void => onChange({ rule: { ...rule, ...part }, counts })
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            onRemove !== undefined && (
              <Button formAction="none" ariaLabel={`Remove ${title}`} onClick={onRemove}>
                Remove
              </Button>
            )
          }
        >
          {title}
        </Header>
      }
    >
      <SpaceBetween size="m">
        <NameField
          kind="plan"
          stretch
          value={rule.RuleName ?? ''}
          slip={isTwice ? 'Another rule of this plan has this name.' : undefined}
          onChange={(RuleName) => set({ RuleName })}
        />
        <VaultField rule={rule} set={set} />
        <ScheduleField
          expression={rule.ScheduleExpression ?? ''}
          zone={zoneText(rule.ScheduleExpressionTimezone)}
          onChange={(ScheduleExpression) => set({ ScheduleExpression })}
          onZone={(ScheduleExpressionTimezone) => set({ ScheduleExpressionTimezone })}
        />
        <LifecycleFields
          lifecycle={rule.Lifecycle}
          vault={rule.TargetBackupVaultName}
          onChange={(Lifecycle) => set({ Lifecycle })}
        />
        <ExpandableSection
          headerText="Retention counts"
          headerDescription="Beside the days: so many of each resource are kept, and the others go earlier."
          defaultExpanded={Object.keys(counts).length > 0}
        >
          <ColumnLayout columns={3}>
            {COUNTS.map(([key, , label]) => (
              <NumberField
                key={key}
                label={label}
                value={counts[key]}
                onChange={(value) => onChange({ rule, counts: withCount(counts, key, value) })}
              />
            ))}
          </ColumnLayout>
        </ExpandableSection>
        <ExpandableSection
          headerText="Copies"
          headerDescription="Into other vaults, of this account or another."
          defaultExpanded={(rule.CopyActions ?? []).length > 0}
        >
          <CopyActions
            copies={rule.CopyActions ?? []}
            from={rule.TargetBackupVaultName}
            onChange={(CopyActionsNow) =>
              set({ CopyActions: CopyActionsNow.length === 0 ? undefined : [...CopyActionsNow] })
            }
          />
        </ExpandableSection>
        <ExpandableSection
          headerText="Tags of recovery points"
          defaultExpanded={Object.keys(rule.RecoveryPointTags ?? {}).length > 0}
        >
          <TagFields
            tags={rule.RecoveryPointTags ?? {}}
            onChange={(tags) =>
              set({ RecoveryPointTags: Object.keys(tags).length === 0 ? undefined : { ...tags } })
            }
          />
        </ExpandableSection>
        <ExpandableSection headerText="Backup window">
          <Windows rule={rule} set={set} />
        </ExpandableSection>
      </SpaceBetween>
    </Container>
  )
}

function withCount(counts: DraftRule['counts'], key: string, value: number | undefined): DraftRule['counts'] {
  const { [key as keyof typeof counts]: _, ...others } = counts
  return value === undefined ? others : { ...others, [key]: value }
}

interface PartProps {
  readonly rule: BackupRuleInput
  readonly set: (part: Partial<BackupRuleInput>) => void
}

function VaultField({ rule: { TargetBackupVaultName: vault = '' }, set }: PartProps): ReactNode {
  const { data: vaults } = useVaults()
  const [wasLeft, setLeft] = useState(false)
  const names = (vaults ?? []).map(({ BackupVaultName = '' }) => BackupVaultName)
  const isUnknown = vault !== '' && vaults !== undefined && !names.includes(vault)
  return (
    <FormField
      label="Backup vault"
      stretch
      errorText={
        isUnknown
          ? `There is no backup vault ${vault} here. Choose one, or create it first.`
          : wasLeft && vault === '' && 'Choose a backup vault.'
      }
    >
      <Select
        selectedOption={vault === '' ? null : { value: vault, label: vault }}
        options={names.map((name) => ({ value: name, label: name }))}
        placeholder="Choose a backup vault"
        empty="No backup vaults. Create one first"
        onFocus={() => void lookForVaults()}
        onBlur={() => setLeft(true)}
        onChange={({ detail }) => set({ TargetBackupVaultName: detail.selectedOption.value })}
      />
    </FormField>
  )
}

function Windows({ rule, set }: PartProps): ReactNode {
  return (
    <ColumnLayout columns={2}>
      <NumberField
        label="Start within (hours)"
        description="A backup that did not start by then expires."
        value={times(rule.StartWindowMinutes, 1 / 60)}
        onChange={(hours) => set({ StartWindowMinutes: times(hours, 60) })}
      />
      <NumberField
        label="Complete within (days)"
        description="A backup that takes longer is stopped."
        value={times(rule.CompletionWindowMinutes, 1 / 1440)}
        onChange={(days) => set({ CompletionWindowMinutes: times(days, 1440) })}
      />
      <FormField
        label="Continuous backup"
        description="Restores to any second, as AWS has them for some of its own: no resource type of this server can."
      >
        Off
      </FormField>
    </ColumnLayout>
  )
}

const times = (value: number | undefined, by: number): number | undefined =>
  value === undefined ? undefined : value * by
