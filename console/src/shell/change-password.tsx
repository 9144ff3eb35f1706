import { ChangePasswordCommand } from '@aws-sdk/client-iam'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { iam } from '../api/iam.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { NewPasswordField } from '../parts/new-password-field.tsx'
import { notify } from '../parts/notices.tsx'

/** One's own, which whoever stole it must not be able to do: the present one is asked for. */
export function ChangePassword({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [old, setOld] = useState('')
  const [wanted, setWanted] = useState('')
  return (
    <FormDialog
      title="Change your password"
      what="change your password"
      action="Change password"
      isReady={old !== '' && wanted !== ''}
      command={awsCommand('iam', 'change-password', {
        // Never the passwords themselves: others see command lines.
        OldPassword: 'file://OLD',
        NewPassword: 'file://NEW',
      })}
      onClose={onClose}
      onSubmit={async () => {
        await iam.send(new ChangePasswordCommand({ OldPassword: old, NewPassword: wanted }))
        notify(
          'Your password was changed. Wherever else you were signed in with the old one, you are no more.',
        )
      }}
    >
      <FormField label="Present password">
        <Input
          type="password"
          autoComplete="current-password"
          value={old}
          onChange={({ detail }) => setOld(detail.value)}
        />
      </FormField>
      <NewPasswordField value={wanted} onChange={setWanted} />
    </FormDialog>
  )
}
