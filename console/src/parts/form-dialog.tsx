import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { KeyboardEvent, ReactNode } from 'react'
import { AwsCommand } from './aws-command.tsx'
import { Problem } from './problem.tsx'
import { useSubmit } from './submit.ts'
import { useFocusBack, useFocusFirst } from './dialog-focus.ts'

interface FormDialogProps {
  readonly title: string
  /** What it is that could not be done where the server refuses. */
  readonly what: string
  readonly action: string
  readonly isReady: boolean
  /** The same as a command line; undefined where none can show it, since it would hold a secret. */
  readonly command?: string | undefined
  readonly children: ReactNode
  /** Closes the dialog where it returns, unless it says that the dialog stays or was closed by it. */
  readonly onSubmit: () => Promise<void | 'stays'>
  readonly onClose: () => void
}

/** A short form over the screen that it belongs to. */
export function FormDialog(props: FormDialogProps): ReactNode {
  useFocusBack()
  const fields = useFocusFirst()
  const { title, what, action, isReady, command, children, onSubmit, onClose } = props
  const {
    error,
    isBusy,
    onSubmit: submit,
  } = useSubmit(async () => {
    if ((await onSubmit()) !== 'stays') onClose()
  })
  // Not a <form>: the first button of what is inside, such as one that shows a code, would be pressed instead of this one.
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.key !== 'Enter' || !isPlainField(event.target)) return
    // Of a dialog over another, the upper alone.
    event.stopPropagation()
    if (isReady) submit(event)
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
            <Button variant="primary" loading={isBusy} disabled={!isReady} onClick={submit}>
              {action}
            </Button>
          </SpaceBetween>
        </Box>
      }
    >
      <div ref={fields} onKeyDown={onKeyDown}>
        <SpaceBetween size="m">
          {error !== undefined && <Problem error={error} what={what} />}
          {children}
          {command !== undefined && <AwsCommand command={command} />}
        </SpaceBetween>
      </div>
    </Modal>
  )
}

/** Where Enter means nothing else: it chooses in a list, and begins a line in a text. */
function isPlainField(target: EventTarget): boolean {
  return (
    target instanceof HTMLInputElement &&
    ['text', 'password', 'number'].includes(target.type) &&
    target.role !== 'combobox'
  )
}
