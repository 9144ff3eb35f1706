import type {
  RestoreTestingPlanForCreate,
  RestoreTestingPlanForGet,
  RestoreTestingRecoveryPointSelection,
} from '@aws-sdk/client-backup'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import FormField from '@cloudscape-design/components/form-field'
import Multiselect from '@cloudscape-design/components/multiselect'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { ReactNode } from 'react'
import { NumberField } from './plan-builder/lifecycle-fields.tsx'
import { nameOf } from '../parts/format.ts'
import { ScheduleField } from '../parts/schedule-field.tsx'
import { zoneText } from '../parts/timetable.ts'
import { lookForVaults, useVaults } from '../parts/vault-choice.ts'

/** When a restore testing plan runs, and which recovery points it takes. */
export interface PlanDraft {
  readonly expression: string
  readonly zone: string
  /** A test that did not start within so many hours is left out; undefined: the server's own number. */
  readonly startHours: number | undefined
  /** What the form has no field for, such as excluded vaults, stays as it is. */
  readonly points: RestoreTestingRecoveryPointSelection
}

export const NEW_PLAN: PlanDraft = {
  expression: 'cron(0 3 ? * SUN *)',
  zone: 'UTC',
  startHours: 24,
  points: {
    Algorithm: 'LATEST_WITHIN_WINDOW',
    IncludeVaults: ['*'],
    RecoveryPointTypes: ['SNAPSHOT'],
    SelectionWindowDays: 30,
  },
}

export const draftOfPlan = (plan: RestoreTestingPlanForGet): PlanDraft => ({
  expression: plan.ScheduleExpression ?? '',
  zone: zoneText(plan.ScheduleExpressionTimezone),
  startHours: plan.StartWindowHours,
  points: plan.RecoveryPointSelection ?? {},
})

export const planOfDraft = ({
  expression,
  zone,
  startHours,
  points,
}: PlanDraft): Omit<RestoreTestingPlanForCreate, 'RestoreTestingPlanName'> => ({
  ScheduleExpression: expression,
  ScheduleExpressionTimezone: zone,
  ...(startHours !== undefined && { StartWindowHours: startHours }),
  RecoveryPointSelection: points,
})

export const isPlanReady = ({ expression, points }: PlanDraft): boolean =>
  expression !== '' && (points.IncludeVaults ?? []).length > 0

export const ALGORITHMS = [
  { value: 'LATEST_WITHIN_WINDOW', label: 'The newest' },
  { value: 'RANDOM_WITHIN_WINDOW', label: 'Any one, by chance' },
] as const

export const isAllVaults = (vaults: readonly string[] | undefined): boolean => vaults?.includes('*') === true

export function PlanFields({
  draft,
  onChange,
}: {
  readonly draft: PlanDraft
  readonly onChange: (draft: PlanDraft) => void
}): ReactNode {
  const { expression, zone, startHours, points } = draft
  const setPoints = (part: Partial<RestoreTestingRecoveryPointSelection>): void =>
    onChange({ ...draft, points: { ...points, ...part } })
  return (
    <SpaceBetween size="m">
      <ScheduleField
        expression={expression}
        zone={zone}
        onChange={(next) => onChange({ ...draft, expression: next })}
        onZone={(next) => onChange({ ...draft, zone: next })}
      />
      <VaultsField
        vaults={points.IncludeVaults ?? []}
        onChange={(IncludeVaults) => setPoints({ IncludeVaults })}
      />
      <ColumnLayout columns={2}>
        <FormField label="Recovery point" description="Of each resource.">
          <Select
            selectedOption={ALGORITHMS.find(({ value }) => value === points.Algorithm) ?? null}
            options={ALGORITHMS}
            onChange={({ detail }) =>
              setPoints({ Algorithm: detail.selectedOption.value as (typeof ALGORITHMS)[number]['value'] })
            }
          />
        </FormField>
        <NumberField
          label="Not older than (days)"
          description="1 to 365."
          value={points.SelectionWindowDays}
          onChange={(SelectionWindowDays) => setPoints({ SelectionWindowDays })}
        />
        <NumberField
          label="Start within (hours)"
          description="1 to 168. What did not start by then is not tested."
          value={startHours}
          onChange={(next) => onChange({ ...draft, startHours: next })}
        />
      </ColumnLayout>
    </SpaceBetween>
  )
}

function VaultsField({
  vaults,
  onChange,
}: {
  readonly vaults: readonly string[]
  readonly onChange: (vaults: string[]) => void
}): ReactNode {
  const { data = [] } = useVaults()
  const isAll = isAllVaults(vaults)
  return (
    <FormField label="From the vaults" stretch>
      <SpaceBetween size="s">
        <RadioGroup
          value={isAll ? 'all' : 'chosen'}
          ariaLabel="From the vaults"
          onChange={({ detail }) => onChange(detail.value === 'all' ? ['*'] : [])}
          items={[
            { value: 'all', label: 'All, also those that are created later' },
            { value: 'chosen', label: 'Those that I choose' },
          ]}
        />
        {!isAll && (
          <Multiselect
            ariaLabel="Vaults"
            selectedOptions={vaults.map((arn) => ({ value: arn, label: nameOf(arn) }))}
            options={data.map(({ BackupVaultArn = '', BackupVaultName = '' }) => ({
              value: BackupVaultArn,
              label: BackupVaultName,
            }))}
            placeholder="Choose backup vaults"
            empty="No backup vaults. Create one first"
            deselectAriaLabel={({ label = '' }) => `Remove ${label}`}
            onFocus={() => void lookForVaults()}
            onChange={({ detail }) => onChange(detail.selectedOptions.map(({ value = '' }) => value))}
          />
        )}
      </SpaceBetween>
    </FormField>
  )
}
