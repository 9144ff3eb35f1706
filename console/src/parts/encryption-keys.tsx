import FormField from '@cloudscape-design/components/form-field'
import Select from '@cloudscape-design/components/select'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { nameOf } from './format.ts'
import type { EncryptionKey } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { useSession } from '../session/session.ts'

/** Keys of the server that vaults of this account can be made under; none where there are none, or the caller may not look. */
function useEncryptionKeys(isAsked: boolean): readonly EncryptionKey[] {
  const { accountId, region } = useSession()
  const { data = [] } = useQuery({
    queryKey: ['encryption keys'],
    queryFn: async () => (await roleback('ListEncryptionKeys', {})).EncryptionKeys,
    enabled: isAsked,
  })
  // The management account is shown the keys of all, and may use its own.
  return data.filter((key) => key.AccountId === accountId && key.Region === region)
}

/** Choice among the keys, where there are some. `value` is a key's ARN; undefined: the server's key alone. */
export function EncryptionKeyField({
  value,
  onChange,
}: {
  readonly value: string | undefined
  readonly onChange: (value: string | undefined) => void
}): ReactNode {
  const keys = useEncryptionKeys(true)
  if (keys.length === 0) return null
  const options = [
    { value: '', label: 'The server’s key alone' },
    ...keys.map(({ Name, KeyArn, IsAvailable }) => ({
      value: KeyArn,
      label: Name,
      disabled: !IsAvailable,
      ...(!IsAvailable && { description: 'The server does not have it now.' }),
    })),
  ]
  return (
    <FormField
      label="Encryption key"
      description="The vault is read only while the server has this key, too. It cannot be changed."
    >
      <Select
        selectedOption={options.find((option) => option.value === (value ?? '')) ?? null}
        options={options}
        selectedAriaLabel="Selected"
        onChange={({ detail }) => onChange(detail.selectedOption.value || undefined)}
      />
    </FormField>
  )
}

/** What a vault's key is called. AWS's name of the default one does not say that each vault has one of its own. */
export function EncryptionKeyName({ arn }: { readonly arn: string | undefined }): ReactNode {
  const isOwn = arn?.endsWith(':alias/aws/backup') === true
  const keys = useEncryptionKeys(!isOwn && arn !== undefined)
  return isOwn ? 'Its own' : (keys.find(({ KeyArn }) => KeyArn === arn)?.Name ?? nameOf(arn))
}
