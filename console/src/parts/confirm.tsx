import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { AwsCommand, awsCommand } from './aws-command.tsx'
import { Problem } from './problem.tsx'

interface ConfirmProps {
  readonly title: string
  readonly what: string
  /** To be typed before it can be done. */
  readonly word: string
  readonly action: string
  /** Operation of the aws CLI's `backup`, and its input. */
  readonly command: readonly [operation: string, input: Readonly<Record<string, string | number | undefined>>]
  readonly children: ReactNode
  readonly onConfirm: () => Promise<void>
  readonly onClose: () => void
}

/** What cannot be undone is done by whoever types the word for it. */
export function Confirm({
  title,
  what,
  word,
  action,
  command,
  children,
  onConfirm,
  onClose,
}: ConfirmProps): ReactNode {
  const [typed, setTyped] = useState('')
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const submit = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      await onConfirm()
      onClose()
    } catch (failure) {
      setError(failure)
      setBusy(false)
    }
  }
  return (
    <Modal
      visible
      onDismiss={onClose}
      closeAriaLabel="Close"
      header={title}
      footer={
        <Box float="right">
          <SpaceBetween direction="horizontal" size="xs">
            <Button variant="link" onClick={onClose}>
              Cancel
            </Button>
            <Button
              variant="primary"
              loading={isBusy}
              disabled={typed !== word}
              onClick={() => void submit()}
            >
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Problem error={error} what={what} />}
        <Box>{children}</Box>
        <FormField label={`To go on, type ${word}`}>
          <Input
            value={typed}
            autoFocus
            onChange={({ detail }) => setTyped(detail.value)}
            ariaLabel={`Type ${word}`}
          />
        </FormField>
        <AwsCommand command={awsCommand('backup', ...command)} />
      </SpaceBetween>
    </Modal>
  )
}
