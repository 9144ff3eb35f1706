import FormField from '@cloudscape-design/components/form-field'
import Select from '@cloudscape-design/components/select'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Filters } from './filters.ts'
import { nameOf } from './format.ts'
import { useResourceName } from './resource-link.tsx'
import { useResourceOptions } from './resource-options.ts'

const ANY = { value: '', label: 'Any resource' }

interface ChoiceProps {
  readonly label: string
  /** Undefined for any. */
  readonly chosen: string | undefined
  readonly onChange: (arn: string | undefined) => void
  readonly stretch?: boolean
}

/** One resource or any, which is found by a part of its name, among 100,000 too; one that is registered no more by its whole ARN. */
export function OneResource({ label, chosen, onChange, stretch = false }: ChoiceProps): ReactNode {
  const name = useResourceName(chosen)
  const [typed, setTyped] = useState('')
  const found = useResourceOptions(undefined)
  const isGone = typed.startsWith('arn:') && !found.options.some(({ value }) => value === typed)
  return (
    <FormField label={label} stretch={stretch}>
      <Select
        {...found}
        options={[
          ANY,
          ...(isGone ? [{ value: typed, label: nameOf(typed), description: typed }] : []),
          ...found.options,
        ]}
        selectedOption={chosen === undefined ? ANY : { value: chosen, label: name }}
        selectedAriaLabel="Selected"
        onLoadItems={(event) => {
          setTyped(event.detail.filteringText.trim())
          found.onLoadItems?.(event)
        }}
        onChange={({ detail: { selectedOption } }) =>
          onChange(selectedOption.value === '' ? undefined : selectedOption.value)
        }
      />
    </FormField>
  )
}

/** Narrows a list to one resource. */
export function ResourceFilter({ filters: { get, set } }: { readonly filters: Filters }): ReactNode {
  return <OneResource label="Resource" chosen={get('resource')} onChange={(arn) => set('resource', arn)} />
}
