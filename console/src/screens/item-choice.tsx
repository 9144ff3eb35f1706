import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Spinner from '@cloudscape-design/components/spinner'
import Tabs from '@cloudscape-design/components/tabs'
import { Suspense, lazy, useState } from 'react'
import type { ReactNode } from 'react'
import { TAB_WORDS } from '../parts/tab-words.ts'

const ItemTree = lazy(async () => ({ default: (await import('./item-tree.tsx')).ItemTree }))
const ItemPicker = lazy(async () => ({ default: (await import('./item-picker.tsx')).ItemPicker }))

interface ItemChoiceProps {
  readonly vault: string
  readonly arn: string
  readonly type: string
  readonly chosen: readonly string[]
  readonly onChoose: (name: string) => void
}

/** What is in the recovery point, folder by folder or by name. Nothing is looked for until somebody wants to see it. */
export function ItemChoice(props: ItemChoiceProps): ReactNode {
  const [isOpen, setOpen] = useState(false)
  return (
    <ExpandableSection
      headerText={props.type === 'RDS' ? 'Choose tables' : 'Choose files or objects'}
      expanded={isOpen}
      onChange={({ detail }) => setOpen(detail.expanded)}
    >
      {isOpen && (
        <Suspense fallback={<Spinner />}>
          <Tabs
            i18nStrings={TAB_WORDS}
            ariaLabel="How to choose"
            tabs={[
              {
                id: 'tree',
                label: props.type === 'RDS' ? 'By schema' : 'By folder',
                content: <ItemTree {...props} />,
              },
              { id: 'search', label: 'By name', content: <ItemPicker {...props} /> },
            ]}
          />
        </Suspense>
      )}
    </ExpandableSection>
  )
}
