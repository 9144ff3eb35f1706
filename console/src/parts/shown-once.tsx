import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import Modal from '@cloudscape-design/components/modal'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { ReactNode } from 'react'
import { useFocusBack } from './dialog-focus.ts'

export interface NewKey {
  readonly accessKeyId: string
  readonly secretAccessKey: string
}

/** A new key with its secret, which the server shows nobody again. */
export function ShownOnce({
  newKey,
  onClose,
}: {
  readonly newKey: NewKey
  readonly onClose: () => void
}): ReactNode {
  useFocusBack()
  const rows = [
    ['Access key ID', newKey.accessKeyId],
    ['Secret access key', newKey.secretAccessKey],
  ] as const
  return (
    <Modal
      visible
      onDismiss={onClose}
      closeAriaLabel="Close"
      header="Access key"
      footer={
        <Box float="right">
          <Button variant="primary" onClick={onClose}>
            I have kept it
          </Button>
        </Box>
      }
    >
      <SpaceBetween size="m">
        <Alert type="warning">The secret is shown this once. Nobody can look it up later.</Alert>
        {rows.map(([label, value]) => (
          <div key={label}>
            <Box variant="awsui-key-label">{label}</Box>
            <CopyToClipboard
              variant="inline"
              textToCopy={value}
              copyButtonAriaLabel={`Copy ${label}`}
              copySuccessText="Copied"
              copyErrorText="The browser did not let it be copied"
            />
          </div>
        ))}
      </SpaceBetween>
    </Modal>
  )
}
