import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { callWorker, useSession } from '../session/session.ts'
import { AwsCommand, awsCommand } from '../parts/aws-command.tsx'
import { useFocusBack } from '../parts/focus-back.ts'
import { Message } from '../parts/problem.tsx'

/** Another role's session instead of one's own. */
export function SwitchRole({ onClose }: { readonly onClose: () => void }): ReactNode {
  useFocusBack()
  const session = useSession()
  const [role, setRole] = useState('')
  const [failure, setFailure] = useState<string>()
  const [isBusy, setBusy] = useState(false)
  const roleArn = role.startsWith('arn:') ? role : `arn:aws:iam::${session.accountId}:role/${role}`
  const sessionName = (session.arn.split(/[:/]/).at(-1) ?? 'console').slice(0, 64)
  const submit = async (): Promise<void> => {
    setBusy(true)
    try {
      await callWorker('switchRole', { roleArn, sessionName })
      onClose()
    } catch (error) {
      setFailure((error as Error).message)
      setBusy(false)
    }
  }
  return (
    <Modal
      visible
      onDismiss={onClose}
      closeAriaLabel="Close"
      header="Switch role"
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button variant="primary" loading={isBusy} disabled={role === ''} onClick={() => void submit()}>
              Switch role
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {failure !== undefined && (
          <Alert type="error" header="The role was not taken on">
            <Message text={failure} />
          </Alert>
        )}
        <FormField label="Role" description="Its name, or the ARN of a role of another account.">
          <Input value={role} autoFocus onChange={({ detail }) => setRole(detail.value)} />
        </FormField>
        <AwsCommand
          command={awsCommand('sts', 'assume-role', { RoleArn: roleArn, RoleSessionName: sessionName })}
        />
      </SpaceBetween>
    </Modal>
  )
}
