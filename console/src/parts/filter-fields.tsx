import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import type { ReactNode } from 'react'
import type { Filters } from './filters.ts'
import { typeName } from './format.ts'

/** Fields over a list that narrow it; what they say is in the address. */

export interface Choice {
  readonly value: string
  readonly label: string
}

export const TYPES: readonly Choice[] = [
  { value: '', label: 'Any type' },
  ...['EFS', 'RDS', 'S3'].map((value) => ({ value, label: typeName(value) })),
]

const SPANS: readonly (Choice & { readonly seconds?: number })[] = [
  { value: '', label: 'All there is' },
  { value: 'hour', label: 'The last hour', seconds: 3_600 },
  { value: 'day', label: 'The last 24 hours', seconds: 86_400 },
  { value: 'week', label: 'The last 7 days', seconds: 7 * 86_400 },
  { value: 'month', label: 'The last 30 days', seconds: 30 * 86_400 },
]

/** Since when, in whole minutes: the pages of one list are asked for with one input. Undefined: all there is. */
export function sinceOf({ get }: Filters): Date | undefined {
  const seconds = SPANS.find(({ value }) => value === get('since'))?.seconds
  return seconds === undefined
    ? undefined
    : new Date(Math.floor(Date.now() / 60_000) * 60_000 - seconds * 1000)
}

export function SinceFilter({ filters }: { readonly filters: Filters }): ReactNode {
  return <ChoiceFilter filters={filters} name="since" label="When" options={SPANS} />
}

export function ChoiceFilter({
  filters: { get, set },
  name,
  label,
  options,
}: {
  readonly filters: Filters
  readonly name: string
  readonly label: string
  readonly options: readonly Choice[]
}): ReactNode {
  return (
    <FormField label={label}>
      <Select
        options={options}
        selectedOption={options.find(({ value }) => value === (get(name) ?? '')) ?? null}
        onChange={({ detail }) => set(name, detail.selectedOption.value)}
      />
    </FormField>
  )
}

export function TextFilter({
  filters: { get, set },
  name,
  label,
  placeholder,
}: {
  readonly filters: Filters
  readonly name: string
  readonly label: string
  readonly placeholder: string
}): ReactNode {
  return (
    <FormField label={label}>
      <Input
        type="search"
        value={get(name) ?? ''}
        placeholder={placeholder}
        onChange={({ detail }) => set(name, detail.value)}
      />
    </FormField>
  )
}
