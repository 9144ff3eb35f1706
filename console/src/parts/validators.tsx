import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import type { ReactNode } from 'react'
import { quoted } from './aws-command.tsx'
import type { Validator, ValidatorFile } from '../api/generated.ts'

/** What restore tests are to find in what they restored, as a form. */

type Kind = 'SqlQuery' | 'FileChecksumSample' | 'ObjectCount'

/** One validator as it is typed. */
export interface Draft {
  /** Of this form only. */
  readonly id: string
  readonly name: string
  readonly kind: Kind
  readonly fields: Readonly<Record<string, string>>
  /** Expects what this form has no fields for, and stays as it is. */
  readonly kept?: Validator
}

const KINDS: Readonly<Record<Kind, string>> = {
  SqlQuery: 'Answer of a query',
  FileChecksumSample: 'Checksums of files',
  ObjectCount: 'How many there are',
}

function kindsOf(type: string): readonly Kind[] {
  return type === 'RDS' ? ['SqlQuery', 'ObjectCount'] : ['FileChecksumSample', 'ObjectCount']
}

export function Validators({
  type,
  drafts,
  onChange,
}: {
  readonly type: string
  readonly drafts: readonly Draft[]
  readonly onChange: (drafts: readonly Draft[]) => void
}): ReactNode {
  const add = (): void => {
    const kind = kindsOf(type)[0] as Kind
    onChange([...drafts, { id: crypto.randomUUID(), name: '', kind, fields: {} }])
  }
  return (
    <div role="group" aria-label="What the tests must find">
      <Box variant="awsui-key-label">What the tests must find (optional)</Box>
      <Box color="text-body-secondary" padding={{ bottom: 's' }}>
        Each is looked at under the restore role. Without any, a restore that ends well waits for a verdict.
      </Box>
      <SpaceBetween size="m">
        {drafts.map((draft, at) => (
          <OneValidator
            key={draft.id}
            number={at + 1}
            type={type}
            draft={draft}
            onChange={(next) => onChange(drafts.map((one) => (one.id === draft.id ? next : one)))}
            onRemove={() => onChange(drafts.filter(({ id }) => id !== draft.id))}
          />
        ))}
        <Button formAction="none" onClick={add}>
          Add validator
        </Button>
      </SpaceBetween>
    </div>
  )
}

interface OneProps {
  /** From 1. */
  readonly number: number
  readonly type: string
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
  readonly onRemove: () => void
}

function OneValidator({ number, type, draft, onChange, onRemove }: OneProps): ReactNode {
  const options = kindsOf(type).map((value) => ({ value, label: KINDS[value] }))
  return (
    <SpaceBetween size="xs">
      <FormField label={`Name of validator ${number}`} stretch>
        <Input value={draft.name} onChange={({ detail }) => onChange({ ...draft, name: detail.value })} />
      </FormField>
      {draft.kept === undefined ? (
        <SpaceBetween size="xs">
          <FormField label={`Looks at, validator ${number}`} stretch>
            <Select
              selectedOption={options.find(({ value }) => value === draft.kind) ?? null}
              options={options}
              onChange={({ detail }) =>
                onChange({ ...draft, kind: detail.selectedOption.value as Kind, fields: {} })
              }
            />
          </FormField>
          <Fields type={type} draft={draft} onChange={onChange} />
        </SpaceBetween>
      ) : (
        <Box color="text-body-secondary">
          Set on the command line: {JSON.stringify(draft.kept[draft.kind])}
        </Box>
      )}
      <Button
        formAction="none"
        variant="inline-link"
        ariaLabel={`Remove validator ${number}`}
        onClick={onRemove}
      >
        Remove
      </Button>
    </SpaceBetween>
  )
}

interface Field {
  readonly name: string
  readonly label: string
  readonly hint?: string
  readonly rows?: number
}

const FIELDS: Readonly<Record<Kind, readonly Field[]>> = {
  SqlQuery: [
    { name: 'Query', label: 'Query', rows: 2 },
    {
      name: 'Rows',
      label: 'Expected rows (optional)',
      hint: String.raw`One a line, values separated by |, NULL as \N.`,
      rows: 2,
    },
    { name: 'MinRows', label: 'Rows at least (optional)' },
    { name: 'MaxRows', label: 'Rows at most (optional)' },
  ],
  FileChecksumSample: [
    { name: 'SampleSize', label: 'So many, drawn anew for each test' },
    {
      name: 'Files',
      label: 'And always these (optional)',
      hint: 'As sha256sum writes them, one a line.',
      rows: 2,
    },
  ],
  ObjectCount: [
    { name: 'Min', label: 'At least (optional)' },
    { name: 'Max', label: 'At most (optional)' },
    { name: 'TolerancePercent', label: 'As the recovery point, give or take percent (optional)' },
  ],
}

function Fields({ type, draft, onChange }: Pick<OneProps, 'type' | 'draft' | 'onChange'>): ReactNode {
  // A dump does not say how many tables it holds.
  const shown = FIELDS[draft.kind].filter(({ name }) => type !== 'RDS' || name !== 'TolerancePercent')
  return shown.map(({ name, label, hint, rows }) => {
    const value = draft.fields[name] ?? ''
    const set = (text: string): void => onChange({ ...draft, fields: { ...draft.fields, [name]: text } })
    return (
      <FormField key={name} label={label} description={hint} errorText={problemOf(name, value)} stretch>
        {rows === undefined ? (
          <Input value={value} inputMode="decimal" onChange={({ detail }) => set(detail.value)} />
        ) : (
          <Textarea value={value} rows={rows} onChange={({ detail }) => set(detail.value)} />
        )}
      </FormField>
    )
  })
}

const SHA256SUM = /^([0-9a-fA-F]{64}) [ *](.+)$/
const TEXTS = new Set(['Query', 'Rows', 'Files'])

function problemOf(name: string, value: string): string | undefined {
  if (value.trim() === '') return undefined
  if (name === 'Files' && linesOf(value).some((line) => !SHA256SUM.test(line)))
    return '64 hexadecimal digits, two spaces and the path, in each line'
  if (!TEXTS.has(name) && !/^\d+(\.\d+)?$/.test(value.trim())) return 'A number'
  return undefined
}

/** Whether nothing in them is known to be wrong; the server says the rest. */
export function areReady(drafts: readonly Draft[]): boolean {
  return drafts.every(
    ({ name, kind, fields, kept }) =>
      name.trim() !== '' &&
      (kept !== undefined ||
        (Object.entries(fields).every(([field, value]) => problemOf(field, value) === undefined) &&
          Object.values(fields).some((value) => value.trim() !== '') &&
          (kind !== 'SqlQuery' || (fields['Query'] ?? '').trim() !== ''))),
  )
}

function linesOf(text: string): string[] {
  return text.split('\n').filter((line) => line.trim() !== '')
}

/** As the server takes it. */
export function validatorOf({ name, kind, fields, kept }: Draft): Validator {
  if (kept !== undefined) return { ...kept, Name: name }
  const number = (field: string): number | undefined => {
    const value = (fields[field] ?? '').trim()
    return value === '' ? undefined : Number(value)
  }
  const lines = (field: string): string[] | undefined => {
    const all = linesOf(fields[field] ?? '')
    return all.length === 0 ? undefined : all
  }
  switch (kind) {
    case 'SqlQuery':
      return {
        Name: name,
        SqlQuery: {
          Query: fields['Query'] ?? '',
          Rows: lines('Rows')?.map((line) => line.split('|')),
          MinRows: number('MinRows'),
          MaxRows: number('MaxRows'),
        },
      }
    case 'FileChecksumSample':
      return {
        Name: name,
        FileChecksumSample: { SampleSize: number('SampleSize'), Files: lines('Files')?.map(fileOf) },
      }
    case 'ObjectCount':
      return {
        Name: name,
        ObjectCount: {
          Min: number('Min'),
          Max: number('Max'),
          TolerancePercent: number('TolerancePercent'),
        },
      }
  }
}

function fileOf(line: string): ValidatorFile {
  const [, Sha256 = '', Path = ''] = SHA256SUM.exec(line) ?? []
  return { Path, Sha256 }
}

/** What this form cannot show without changing it is kept as it is. */
export function draftOf(validator: Validator): Draft {
  const { Name: name, SqlQuery: sql, FileChecksumSample: sample, ObjectCount: count } = validator
  const draft = (kind: Kind, given: Readonly<Record<string, string | number | undefined>>): Draft => {
    const fields = Object.fromEntries(
      Object.entries(given).flatMap(([field, value]) =>
        value === undefined ? [] : [[field, String(value)] as const],
      ),
    )
    const plain = { id: crypto.randomUUID(), name, kind, fields }
    const isSame = JSON.stringify(validatorOf(plain)) === JSON.stringify(validator)
    return isSame ? plain : { ...plain, kept: validator }
  }
  if (sql !== undefined) {
    const { Query, Rows, MinRows, MaxRows } = sql
    return draft('SqlQuery', {
      Query,
      Rows: Rows?.map((row) => row.join('|')).join('\n'),
      MinRows,
      MaxRows,
    })
  }
  if (sample !== undefined) {
    const { SampleSize, Files } = sample
    return draft('FileChecksumSample', {
      SampleSize,
      Files: Files?.map(({ Path, Sha256 }) => `${Sha256}  ${Path}`).join('\n'),
    })
  }
  return draft('ObjectCount', { ...count })
}

/** The same on the command line. */
export function validatorsCommand(plan: string, selection: string, drafts: readonly Draft[]): string {
  const names = `roleback restore test validators ${quoted(plan)} ${quoted(selection)}`
  if (drafts.length === 0) return `${names} --remove`
  const text = JSON.stringify(drafts.map(validatorOf), undefined, 2)
  return `cat > validators.json <<'END'\n${text}\nEND\n${names} --set validators.json`
}
