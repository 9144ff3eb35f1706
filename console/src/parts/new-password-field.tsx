import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import type { ReactNode } from 'react'

/** A password that is to be: the server alone knows what the account's password policy asks for. */
export function NewPasswordField({
  value,
  onChange,
}: {
  readonly value: string
  readonly onChange: (value: string) => void
}): ReactNode {
  return (
    <FormField
      label="New password"
      description="What the account's password policy asks for is said if it is not met."
    >
      <Input
        type="password"
        autoComplete="new-password"
        value={value}
        onChange={({ detail }) => onChange(detail.value)}
      />
    </FormField>
  )
}
