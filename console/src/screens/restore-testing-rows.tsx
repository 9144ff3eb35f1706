import {
  DeleteRestoreTestingPlanCommand,
  DeleteRestoreTestingSelectionCommand,
  ListRestoreTestingSelectionsCommand,
} from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { EditValidators } from './restore-test-validators.tsx'
import { backup } from '../api/backup.ts'
import { Confirm } from '../parts/confirm.tsx'
import { Actions } from '../parts/layout.tsx'
import { notify } from '../parts/notices.tsx'

/** A restore testing plan, or one selection of it. */
export interface TestingRow {
  readonly plan: string
  readonly selection?: string
}

interface TestingRows {
  /** Buttons of a row. */
  readonly actionsOf: (row: TestingRow) => ReactNode
  /** What they open, over the screen. */
  readonly dialogs: ReactNode
}

/** What can be done with a row of a list of restore testing plans, or of what one selects. */
export function useTestingRows(onDeleted: (row: TestingRow) => void): TestingRows {
  const [validated, setValidated] = useState<TestingRow>()
  const [doomed, setDoomed] = useState<TestingRow>()
  return {
    actionsOf: (row) => {
      const name = row.selection ?? row.plan
      return (
        <Actions>
          <Button variant="inline-link" ariaLabel={`Validators of ${name}`} onClick={() => setValidated(row)}>
            Validators
          </Button>
          <Button variant="inline-link" ariaLabel={`Delete ${name}`} onClick={() => setDoomed(row)}>
            Delete
          </Button>
        </Actions>
      )
    },
    dialogs: (
      <>
        {validated !== undefined && <EditValidators {...validated} onClose={() => setValidated(undefined)} />}
        {doomed !== undefined && (
          <DeleteRow row={doomed} onClose={() => setDoomed(undefined)} onDeleted={() => onDeleted(doomed)} />
        )}
      </>
    ),
  }
}

interface DeleteProps {
  readonly row: TestingRow
  readonly onClose: () => void
  readonly onDeleted: () => void
}

function DeleteRow({ row: { plan, selection }, onClose, onDeleted }: DeleteProps): ReactNode {
  if (selection === undefined)
    return (
      <Confirm
        title={`Delete restore testing plan ${plan}`}
        what="delete this restore testing plan"
        word="delete"
        action="Delete restore testing plan"
        command={['delete-restore-testing-plan', { RestoreTestingPlanName: plan }]}
        onClose={onClose}
        onConfirm={async () => {
          await deletePlan(plan)
          notify(`Restore testing plan ${plan} was deleted.`)
          onDeleted()
        }}
      >
        What it selects is deleted with it; the record of its tests stays.
      </Confirm>
    )
  const names = { RestoreTestingPlanName: plan, RestoreTestingSelectionName: selection }
  return (
    <Confirm
      title={`Delete ${selection}`}
      what="take these resources out of the restore testing plan"
      word="delete"
      action="Delete"
      command={['delete-restore-testing-selection', names]}
      onClose={onClose}
      onConfirm={async () => {
        await backup.send(new DeleteRestoreTestingSelectionCommand(names))
        notify(`${selection} is tested no more.`)
        onDeleted()
      }}
    >
      Its resources are tested by this plan no more; the record of their tests stays.
    </Confirm>
  )
}

/** AWS deletes a plan only once it selects nothing. */
export async function deletePlan(RestoreTestingPlanName: string): Promise<void> {
  const { RestoreTestingSelections = [] } = await backup.send(
    new ListRestoreTestingSelectionsCommand({ RestoreTestingPlanName, MaxResults: 1000 }),
  )
  for (const { RestoreTestingSelectionName } of RestoreTestingSelections)
    await backup.send(
      new DeleteRestoreTestingSelectionCommand({ RestoreTestingPlanName, RestoreTestingSelectionName }),
    )
  await backup.send(new DeleteRestoreTestingPlanCommand({ RestoreTestingPlanName }))
}
