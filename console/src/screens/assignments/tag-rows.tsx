import AttributeEditor from '@cloudscape-design/components/attribute-editor'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import type { ReactNode } from 'react'
import { OPERATORS, OPERATOR_WORDS } from './draft.ts'
import type { Condition, Tag } from './draft.ts'

/** Tags of which a resource has any: a key may stand there twice, with another value. */
export function AnyTags({
  tags,
  onChange,
}: {
  readonly tags: readonly Tag[]
  readonly onChange: (tags: readonly Tag[]) => void
}): ReactNode {
  return (
    <AttributeEditor
      items={tags}
      addButtonText="Include by a tag"
      removeButtonText="Remove"
      empty="Nothing is included by its tags."
      onAddButtonClick={() => onChange([...tags, { key: '', value: '' }])}
      onRemoveButtonClick={({ detail }) => onChange(tags.toSpliced(detail.itemIndex, 1))}
      definition={[
        { label: 'Key', control: field(tags, onChange, 'key', 'Included tag key') },
        { label: 'Value', control: field(tags, onChange, 'value', 'Included tag value') },
      ]}
    />
  )
}

/** What a resource's tags must say, all of it. */
export function Conditions({
  conditions,
  onChange,
}: {
  readonly conditions: readonly Condition[]
  readonly onChange: (conditions: readonly Condition[]) => void
}): ReactNode {
  return (
    <AttributeEditor
      items={conditions}
      addButtonText="Refine by a tag"
      removeButtonText="Remove"
      empty="Not refined by tags."
      onAddButtonClick={() => onChange([...conditions, { key: '', value: '', operator: 'StringEquals' }])}
      onRemoveButtonClick={({ detail }) => onChange(conditions.toSpliced(detail.itemIndex, 1))}
      definition={[
        { label: 'Tag', control: field(conditions, onChange, 'key', 'Tag key') },
        {
          label: 'Condition',
          control: ({ operator }, index) => (
            <Select
              ariaLabel="Condition"
              selectedOption={optionOf(operator)}
              options={OPERATORS.map(optionOf)}
              onChange={({ detail }) =>
                onChange(
                  changed(conditions, index, {
                    operator: detail.selectedOption.value as Condition['operator'],
                  }),
                )
              }
            />
          ),
        },
        { label: 'Value', control: field(conditions, onChange, 'value', 'Tag value') },
      ]}
    />
  )
}

const optionOf = (operator: Condition['operator']) => ({
  value: operator,
  label: OPERATOR_WORDS[operator],
  description: operator,
})

function field<T extends Tag>(
  rows: readonly T[],
  onChange: (rows: readonly T[]) => void,
  name: 'key' | 'value',
  label: string,
): (row: T, index: number) => ReactNode {
  return function control(row, index) {
    return (
      <Input
        value={row[name]}
        ariaLabel={label}
        onChange={({ detail }) =>
          onChange(changed<Tag>(rows, index, { [name]: detail.value }) as readonly T[])
        }
      />
    )
  }
}

function changed<T extends object>(rows: readonly T[], index: number, part: Partial<T>): readonly T[] {
  return rows.map((row, at) => (at === index ? { ...row, ...part } : row))
}
