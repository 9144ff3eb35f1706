import FormField from '@cloudscape-design/components/form-field'
import Select from '@cloudscape-design/components/select'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Filters } from './filters.ts'
import { nameOf } from './format.ts'
import { useResourceName } from './resource-link.tsx'
import { useResourceOptions } from './resource-options.ts'

const ANY = { value: '', label: 'Any resource' }

/**
 * Narrows a list to one resource, which is found by a part of its name, among 100,000 too; one that is registered no more by its whole
 * ARN.
 */
export function ResourceFilter({ filters: { get, set } }: { readonly filters: Filters }): ReactNode {
  const chosen = get('resource')
  const name = useResourceName(chosen)
  const [typed, setTyped] = useState('')
  const found = useResourceOptions(undefined)
  const isGone = typed.startsWith('arn:') && !found.options.some(({ value }) => value === typed)
  return (
    <FormField label="Resource">
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
        onChange={({ detail }) => set('resource', detail.selectedOption.value)}
      />
    </FormField>
  )
}
