import type { Lifecycle } from '@aws-sdk/client-backup'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import type { ReactNode } from 'react'
import { lifecycleSlip } from './draft.ts'
import { useColdStorages } from '../../parts/cold-storages.ts'
import { useVaults } from '../../parts/vault-choice.ts'

/** A whole number of something; empty is none. */
export function NumberField({
  label,
  description,
  errorText,
  value,
  onChange,
}: {
  readonly label: string
  readonly description?: ReactNode
  readonly errorText?: ReactNode
  readonly value: number | undefined
  readonly onChange: (value: number | undefined) => void
}): ReactNode {
  return (
    <FormField label={label} description={description} errorText={errorText}>
      <Input
        value={value === undefined ? '' : String(value)}
        inputMode="numeric"
        onChange={({ detail }) => {
          const digits = detail.value.replaceAll(/\D/g, '')
          onChange(digits === '' ? undefined : Number(digits))
        }}
      />
    </FormField>
  )
}

/** How long a recovery point is kept, and when it moves to cold storage, where the vault has some. */
export function LifecycleFields({
  lifecycle,
  vault,
  kept = 'Empty: kept for good.',
  onChange,
}: {
  readonly lifecycle: Lifecycle | undefined
  /** The name or the ARN of the vault that it lies in. */
  readonly vault: string | undefined
  readonly kept?: string
  readonly onChange: (next: Lifecycle | undefined) => void
}): ReactNode {
  const cold = lifecycle?.MoveToColdStorageAfterDays
  // Asked for only when somebody wants it: a refusal stands in the audit trail.
  const { data: storages } = useColdStorages(cold !== undefined)
  const { data: vaults = [] } = useVaults()
  const arn = vaults.find(({ BackupVaultName }) => BackupVaultName === vault)?.BackupVaultArn ?? vault
  const hasNone = storages !== undefined && !storages.some(({ BackupVaultArn }) => BackupVaultArn === arn)
  const set = (part: Partial<Lifecycle>): void => {
    const given = Object.entries({ ...lifecycle, ...part }).filter(([, days]) => days !== undefined)
    onChange(given.length === 0 ? undefined : (Object.fromEntries(given) as Lifecycle))
  }
  return (
    <ColumnLayout columns={2}>
      <NumberField
        label="Total retention period (days)"
        description={kept}
        value={lifecycle?.DeleteAfterDays}
        errorText={lifecycleSlip(lifecycle)}
        onChange={(DeleteAfterDays) => set({ DeleteAfterDays })}
      />
      <NumberField
        label="Move to cold storage after (days)"
        description="Empty: never. Only a vault that has cold storage can."
        value={cold}
        errorText={
          cold !== undefined &&
          hasNone &&
          `${vault ?? 'The vault'} has no cold storage. It is given some on its own screen.`
        }
        onChange={(MoveToColdStorageAfterDays) => set({ MoveToColdStorageAfterDays })}
      />
    </ColumnLayout>
  )
}
