import { DeleteBackupSelectionCommand } from '@aws-sdk/client-backup'
import type { ReactNode } from 'react'
import { backup } from '../../api/backup.ts'
import { Confirm } from '../../parts/confirm.tsx'
import { notify } from '../../parts/notices.tsx'

/** The question before a resource assignment goes. */
export function DeleteAssignment({
  planId,
  selection,
  onClose,
  onDeleted,
}: {
  readonly planId: string
  readonly selection: { readonly id: string; readonly name: string }
  readonly onClose: () => void
  readonly onDeleted: () => Promise<void> | void
}): ReactNode {
  const input = { BackupPlanId: planId, SelectionId: selection.id }
  return (
    <Confirm
      title={`Delete ${selection.name}`}
      what="delete this resource assignment"
      word="delete"
      action="Delete assignment"
      command={['delete-backup-selection', input]}
      onClose={onClose}
      onConfirm={async () => {
        await backup.send(new DeleteBackupSelectionCommand(input))
        notify(`The assignment ${selection.name} was deleted.`)
        await onDeleted()
      }}
    >
      What it assigns is backed up by this plan no more. Recovery points stay.
    </Confirm>
  )
}
