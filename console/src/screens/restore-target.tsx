import Alert from '@cloudscape-design/components/alert'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import type { ReactNode } from 'react'
import { useResourceOptions } from '../parts/resource-options.ts'
import type { RestoreTarget } from '../parts/restore-metadata.ts'

interface TargetWords {
  readonly fresh: string
  readonly present: string
  readonly other?: string
  readonly name: string
  readonly items: string
}

const WORDS: Readonly<Record<string, TargetWords>> = {
  EFS: {
    fresh: 'A new directory below the restore root',
    present: 'A folder of its own in the directory that was backed up',
    other: 'A folder of its own in another directory that is registered',
    name: 'Name of the new directory (optional)',
    items: 'Only these paths (optional, one a line)',
  },
  RDS: {
    fresh: 'A new database',
    present: 'An empty database that is registered',
    name: 'Name of the database',
    items: 'Only these tables, as SCHEMA.TABLE (optional, one a line)',
  },
  S3: {
    fresh: 'A new bucket',
    present: 'A bucket that is registered',
    name: 'Name of the bucket',
    items: 'Only these keys or prefixes (optional, one a line)',
  },
}

/** Whether this version can restore recovery points of a type to where a form says. */
export const canRestore = (type: string): boolean => WORDS[type] !== undefined

/** Whether a target says whereto. */
export function isWhere(type: string, { to, name, directory }: RestoreTarget): boolean {
  if (to === 'other') return directory !== undefined
  return type === 'EFS' || name !== ''
}

/** Where a restore goes to, and what of the recovery point. */
export function TargetForm({
  type,
  source,
  target,
  onChange,
}: {
  readonly type: string
  /** ARN of what was backed up. */
  readonly source: string | undefined
  readonly target: RestoreTarget
  readonly onChange: (target: RestoreTarget) => void
}): ReactNode {
  const words = WORDS[type]
  if (words === undefined)
    return <Alert type="error">This version cannot restore {type} here. Use the aws CLI.</Alert>
  return (
    <SpaceBetween size="m">
      <RadioGroup
        value={target.to}
        onChange={({ detail }) => onChange({ ...target, to: detail.value as RestoreTarget['to'] })}
        ariaLabel="Where to"
        items={[
          { value: 'new', label: words.fresh },
          { value: 'present', label: words.present },
          ...(words.other === undefined ? [] : [{ value: 'other', label: words.other }]),
        ]}
      />
      {(type !== 'EFS' || target.to === 'new') && (
        <FormField label={words.name} stretch>
          <Input value={target.name} onChange={({ detail }) => onChange({ ...target, name: detail.value })} />
        </FormField>
      )}
      {target.to === 'other' && (
        <OtherDirectory
          source={source}
          chosen={target.directory}
          onChange={(directory) => onChange({ ...target, directory })}
        />
      )}
      <FormField label={words.items} stretch>
        <Textarea
          value={target.items}
          rows={3}
          onChange={({ detail }) => onChange({ ...target, items: detail.value })}
        />
      </FormField>
    </SpaceBetween>
  )
}

function OtherDirectory({
  source,
  chosen,
  onChange,
}: {
  readonly source: string | undefined
  readonly chosen: RestoreTarget['directory']
  readonly onChange: (chosen: RestoreTarget['directory']) => void
}): ReactNode {
  const found = useResourceOptions('EFS')
  return (
    <FormField
      label="Directory to restore into"
      description="What is in it stays: the restore makes a folder aws-backup-restore_TIME in it."
      stretch
    >
      <Select
        {...found}
        options={found.options.filter(({ value }) => value !== source)}
        selectedOption={chosen === undefined ? null : { value: chosen.arn, label: chosen.label }}
        selectedAriaLabel="Selected"
        placeholder="Choose a directory"
        onChange={({ detail: { selectedOption } }) =>
          onChange({ arn: selectedOption.value ?? '', label: selectedOption.label ?? '' })
        }
      />
    </FormField>
  )
}
