import Box from '@cloudscape-design/components/box'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { awsCommand } from './aws-command.tsx'
import { FormDialog } from './form-dialog.tsx'

interface ConfirmProps {
  readonly title: string
  readonly what: string
  /** To be typed before it can be done. */
  readonly word: string
  readonly action: string
  /** Operation of the aws CLI's `backup`, and its input; or a whole command line. */
  readonly command:
    | string
    | readonly [operation: string, input: Readonly<Record<string, string | number | undefined>>]
  readonly children: ReactNode
  readonly onConfirm: () => Promise<void>
  readonly onClose: () => void
}

/** What cannot be undone is done by whoever types the word for it. */
export function Confirm(props: ConfirmProps): ReactNode {
  const { word, command, children, onConfirm, ...rest } = props
  const [typed, setTyped] = useState('')
  return (
    <FormDialog
      {...rest}
      isReady={typed === word}
      command={typeof command === 'string' ? command : awsCommand('backup', ...command)}
      onSubmit={onConfirm}
    >
      <Box>{children}</Box>
      <FormField label={`To go on, type ${word}`}>
        <Input value={typed} onChange={({ detail }) => setTyped(detail.value)} ariaLabel={`Type ${word}`} />
      </FormField>
    </FormDialog>
  )
}
