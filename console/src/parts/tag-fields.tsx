import AttributeEditor from '@cloudscape-design/components/attribute-editor'
import Input from '@cloudscape-design/components/input'
import { useState } from 'react'
import type { ReactNode } from 'react'

export type Tags = Readonly<Record<string, string>>

type Row = readonly [key: string, value: string]

/** Tags to write: a row each. What has no key yet is none. */
export function TagFields({
  tags,
  onChange,
}: {
  readonly tags: Tags
  readonly onChange: (tags: Tags) => void
}): ReactNode {
  // Two rows may have one key while somebody writes, which a map cannot.
  const [rows, setRows] = useState<readonly Row[]>(Object.entries(tags))
  const change = (next: readonly Row[]): void => {
    setRows(next)
    onChange(Object.fromEntries(next.filter(([key]) => key !== '')))
  }
  const field =
    (at: 0 | 1, label: string) =>
    (row: Row, index: number): ReactNode => (
      <Input
        value={row[at]}
        ariaLabel={label}
        onChange={({ detail: { value } }) =>
          change(
            rows.map((one, place) => {
              if (place !== index) return one
              return at === 0 ? [value, one[1]] : [one[0], value]
            }),
          )
        }
      />
    )
  return (
    <AttributeEditor
      items={rows}
      addButtonText="Add a tag"
      removeButtonText="Remove"
      empty="No tags."
      onAddButtonClick={() => change([...rows, ['', '']])}
      onRemoveButtonClick={({ detail }) => change(rows.filter((_, at) => at !== detail.itemIndex))}
      definition={[
        { label: 'Key', control: field(0, 'Tag key') },
        { label: 'Value', control: field(1, 'Tag value') },
      ]}
    />
  )
}
