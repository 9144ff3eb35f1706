import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { callWorker, useSession } from '../session/session.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'

/** Another role's session instead of one's own. */
export function SwitchRole({ onClose }: { readonly onClose: () => void }): ReactNode {
  const session = useSession()
  const [role, setRole] = useState('')
  const roleArn = role.startsWith('arn:') ? role : `arn:aws:iam::${session.accountId}:role/${role}`
  const sessionName = (session.arn.split(/[:/]/).at(-1) ?? 'console').slice(0, 64)
  return (
    <FormDialog
      title="Switch role"
      what="take on this role"
      action="Switch role"
      isReady={role !== ''}
      command={awsCommand('sts', 'assume-role', { RoleArn: roleArn, RoleSessionName: sessionName })}
      onClose={onClose}
      onSubmit={async () => {
        await callWorker('switchRole', { roleArn, sessionName })
      }}
    >
      <FormField label="Role" description="Its name, or the ARN of a role of another account.">
        <Input value={role} onChange={({ detail }) => setRole(detail.value)} />
      </FormField>
    </FormDialog>
  )
}
