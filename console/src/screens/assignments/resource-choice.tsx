import Multiselect from '@cloudscape-design/components/multiselect'
import type { ReactNode } from 'react'
import type { Chosen, Selectable } from './draft.ts'
import { useResourceOptions } from '../../parts/resource-options.ts'

/** Names that stay in sight of many that were chosen. */
const SHOWN = 10

/** Some of the registered resources. */
export function ResourceChoice({
  label,
  type,
  chosen,
  onChange,
}: {
  readonly label: string
  /** Undefined: of every type. */
  readonly type: Selectable | undefined
  readonly chosen: readonly Chosen[]
  readonly onChange: (chosen: readonly Chosen[]) => void
}): ReactNode {
  const options = useResourceOptions(type)
  return (
    <Multiselect
      {...options}
      ariaLabel={label}
      selectedOptions={chosen.map(({ arn, name }) => ({ value: arn, label: name, description: arn }))}
      onChange={({ detail }) =>
        onChange(detail.selectedOptions.map(({ value = '', label: name = value }) => ({ arn: value, name })))
      }
      tokenLimit={SHOWN}
      placeholder="Choose resources"
      selectedAriaLabel="Selected"
      deselectAriaLabel={({ label: name = '' }) => `Remove ${name}`}
      i18nStrings={{ tokenLimitShowMore: 'Show all', tokenLimitShowFewer: 'Show fewer' }}
    />
  )
}
