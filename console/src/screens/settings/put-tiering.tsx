import { CreateTieringConfigurationCommand, UpdateTieringConfigurationCommand } from '@aws-sdk/client-backup'
import type { ResourceSelection } from '@aws-sdk/client-backup'
import AttributeEditor from '@cloudscape-design/components/attribute-editor'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../../api/backup.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/problem.tsx'
import { useVaults } from '../../parts/vault-choice.ts'

export interface Tiering {
  readonly name: string
  readonly vault: string
  readonly selections: readonly ResourceSelection[]
}

/** As typed. */
interface Rule {
  /** ARNs with blanks between them, or `*`. */
  readonly buckets: string
  readonly days: string
}

const ALL_VAULTS = { value: '*', label: 'All with cold storage', description: 'But those that have one.' }
/** AWS's: rules of one configuration, and the fewest days. */
const MAX_RULES = 5
const LEAST_DAYS = 60

/** Makes a configuration, or changes `before`. */
export function PutTiering({
  before,
  onClose,
}: {
  readonly before: Tiering | undefined
  readonly onClose: () => void
}): ReactNode {
  const [name, setName] = useState(before?.name ?? '')
  const [vault, setVault] = useState(before?.vault)
  const [rules, setRules] = useState<readonly Rule[]>(
    before?.selections.map(({ Resources = [], TieringDownSettingsInDays: days }) => ({
      buckets: Resources.join(' '),
      days: String(days),
    })) ?? [{ buckets: '*', days: String(LEAST_DAYS) }],
  )
  const vaults = useVaults()
  const places = [
    ALL_VAULTS,
    ...(vaults.data ?? []).map(({ BackupVaultName: value = '' }) => ({ value, label: value })),
  ]
  const selections = rules.map(({ buckets, days }) => ({
    Resources: buckets.split(/[\s,]+/).filter((one) => one !== ''),
    ResourceType: 'S3',
    TieringDownSettingsInDays: Number(days),
  }))
  const TieringConfiguration = { BackupVaultName: vault ?? '', ResourceSelection: selections }
  const create = { TieringConfiguration: { TieringConfigurationName: name, ...TieringConfiguration } }
  const update = { TieringConfigurationName: name, TieringConfiguration }
  return (
    <FormDialog
      title={before === undefined ? 'Create tiering configuration' : `Edit ${name}`}
      what={before === undefined ? 'create this tiering configuration' : 'change this tiering configuration'}
      action={before === undefined ? 'Create tiering configuration' : 'Save'}
      isReady={name !== '' && vault !== undefined && rules.length > 0}
      command={
        before === undefined
          ? awsCommand('backup', 'create-tiering-configuration', create)
          : awsCommand('backup', 'update-tiering-configuration', update)
      }
      onClose={onClose}
      onSubmit={async () => {
        if (before === undefined) await backup.send(new CreateTieringConfigurationCommand(create))
        else await backup.send(new UpdateTieringConfigurationCommand(update))
        notify(`Tiering configuration ${name} was ${before === undefined ? 'created' : 'changed'}.`)
      }}
    >
      {vaults.error !== null && <Problem error={vaults.error} what="list backup vaults" />}
      {before === undefined && (
        <FormField label="Name" constraintText="Letters, digits and underscores. It cannot be changed.">
          <Input value={name} onChange={({ detail }) => setName(detail.value)} />
        </FormField>
      )}
      <FormField
        label="Backup vault"
        description="A vault needs cold storage first: see its own screen."
        stretch
      >
        <Select
          selectedOption={places.find(({ value }) => value === vault) ?? null}
          options={places}
          placeholder="Choose a vault"
          onChange={({ detail }) => setVault(detail.selectedOption.value)}
        />
      </FormField>
      <Rules rules={rules} onChange={setRules} />
    </FormDialog>
  )
}

function Rules({
  rules,
  onChange,
}: {
  readonly rules: readonly Rule[]
  readonly onChange: (rules: readonly Rule[]) => void
}): ReactNode {
  const field =
    (key: keyof Rule, label: string) =>
    (rule: Rule, index: number): ReactNode => (
      <Input
        value={rule[key]}
        ariaLabel={label}
        inputMode={key === 'days' ? 'numeric' : 'text'}
        onChange={({ detail: { value } }) =>
          onChange(rules.map((one, at) => (at === index ? { ...one, [key]: value } : one)))
        }
      />
    )
  return (
    <AttributeEditor
      items={rules}
      addButtonText="Other buckets after other days"
      removeButtonText="Remove"
      empty="Nothing moves."
      disableAddButton={rules.length >= MAX_RULES}
      onAddButtonClick={() => onChange([...rules, { buckets: '', days: String(LEAST_DAYS) }])}
      onRemoveButtonClick={({ detail }) => onChange(rules.filter((_, at) => at !== detail.itemIndex))}
      definition={[
        {
          label: 'Buckets',
          constraintText: '* for all, or ARNs with blanks between them. What is named counts before *.',
          control: field('buckets', 'Buckets'),
        },
        {
          label: 'Days',
          constraintText: `${LEAST_DAYS} or more after the backup.`,
          control: field('days', 'Days'),
        },
      ]}
    />
  )
}
