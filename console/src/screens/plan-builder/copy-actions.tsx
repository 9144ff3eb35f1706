import type { CopyAction } from '@aws-sdk/client-backup'
import Autosuggest from '@cloudscape-design/components/autosuggest'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { LifecycleFields } from './lifecycle-fields.tsx'
import { useVaults } from '../../parts/vault-choice.ts'

/** AWS's most of a rule. */
const MAX_COPIES = 5

interface CopyActionsProps {
  readonly copies: readonly CopyAction[]
  /** The vault's name that it is copied from. */
  readonly from: string | undefined
  readonly onChange: (copies: readonly CopyAction[]) => void
}

/** Where each recovery point is copied to, and how long the copy is kept. */
export function CopyActions({ copies, from, onChange }: CopyActionsProps): ReactNode {
  const { data: vaults = [] } = useVaults()
  const [left, setLeft] = useState<ReadonlySet<number>>(new Set())
  const others = vaults.filter(({ BackupVaultName }) => BackupVaultName !== from)
  const set = (index: number, part: Partial<CopyAction>): void =>
    onChange(copies.map((copy, at) => (at === index ? { ...copy, ...part } : copy)))
  return (
    <SpaceBetween size="m">
      {copies.length === 0 && <Box>Nothing is copied.</Box>}
      {copies.map((copy, index) => (
        <SpaceBetween key={index} size="s">
          <FormField
            label="Copy to destination"
            description="A vault of yours, or the ARN of another account’s."
            stretch
            errorText={
              left.has(index) && (copy.DestinationBackupVaultArn ?? '') === '' && 'Say where it is copied to.'
            }
            secondaryControl={
              <Button
                formAction="none"
                ariaLabel={`Remove copy ${index + 1}`}
                onClick={() => onChange(copies.filter((_, at) => at !== index))}
              >
                Remove
              </Button>
            }
          >
            <Autosuggest
              value={copy.DestinationBackupVaultArn ?? ''}
              onBlur={() => setLeft((before) => new Set([...before, index]))}
              placeholder="arn:aws:backup:…:backup-vault:…"
              enteredTextLabel={(text) => `Use ${text}`}
              options={others.map(({ BackupVaultName: label = '', BackupVaultArn: value = '' }) => ({
                value,
                label,
              }))}
              onChange={({ detail }) => set(index, { DestinationBackupVaultArn: detail.value })}
            />
          </FormField>
          <LifecycleFields
            lifecycle={copy.Lifecycle}
            vault={copy.DestinationBackupVaultArn}
            kept="Empty: as long as what it is a copy of."
            onChange={(Lifecycle) => set(index, { Lifecycle })}
          />
        </SpaceBetween>
      ))}
      {copies.length < MAX_COPIES && (
        <Button
          formAction="none"
          iconName="add-plus"
          onClick={() => onChange([...copies, { DestinationBackupVaultArn: '' }])}
        >
          Add a copy
        </Button>
      )}
    </SpaceBetween>
  )
}
