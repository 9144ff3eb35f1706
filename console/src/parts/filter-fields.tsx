import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import { useEffect, useState } from 'react'
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

/** Whoever types is asked for no more than what he means, once he pauses. */
const PAUSE_MS = 300

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
  const given = get(name) ?? ''
  const [typed, setTyped] = useState<string>()
  useEffect(() => {
    if (typed === undefined) return undefined
    if (typed === given) {
      setTyped(undefined)
      return undefined
    }
    const timer = setTimeout(() => set(name, typed), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [typed, given])
  return (
    <FormField label={label}>
      <Input
        type="search"
        clearAriaLabel="Clear"
        value={typed ?? given}
        placeholder={placeholder}
        onChange={({ detail }) => setTyped(detail.value)}
      />
    </FormField>
  )
}

/** Of lists that are narrowed by what things are called. */
export function NameFilter({ filters }: { readonly filters: Filters }): ReactNode {
  return <TextFilter filters={filters} name="name" label="Name" placeholder="A part of it" />
}
