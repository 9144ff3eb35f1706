import {
  CreateRestoreTestingPlanCommand,
  DeleteRestoreTestingPlanCommand,
  DeleteRestoreTestingSelectionCommand,
  ListRestoreTestingPlansCommand,
  ListRestoreTestingSelectionsCommand,
} from '@aws-sdk/client-backup'
import type { RestoreTestingPlanForList } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { EditValidators } from './restore-test-validators.tsx'
import { NEW_PLAN, PlanFields, isPlanReady, planOfDraft } from './restore-testing-fields.tsx'
import {
  NEW_SELECTION,
  SelectionFields,
  createSelection,
  isSelectionReady,
  selectionCommand,
} from './restore-testing-selection.tsx'
import { RestoreTests } from './restore-tests.tsx'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { useFilters } from '../parts/filters.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { ago } from '../parts/format.ts'
import { Link } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { NoneYet } from '../parts/none-yet.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { Screen } from '../parts/screen.tsx'
import { scheduleText } from '../parts/timetable.ts'
import { useSession } from '../session/session.ts'

/** Restores that are done to see that they can be, how long they took, and what was said of what they made. */
export function RestoreTesting(): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const [doomed, setDoomed] = useState<string>()
  const { get, set } = useFilters()
  const plan = get('plan')
  const [validated, setValidated] = useState<string>()
  const pages = usePages(['restore testing plans'], async (NextToken) => {
    const answer = await backup.send(new ListRestoreTestingPlansCommand({ MaxResults: 50, NextToken }))
    return { rows: answer.RestoreTestingPlans ?? [], next: answer.NextToken }
  })
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      Create restore testing plan
    </Button>
  )
  return (
    <Screen
      title="Restore testing"
      description="A backup is worth what its restore is worth: this restores on a schedule, measures, and deletes what it made."
    >
      <List<RestoreTestingPlanForList>
        variant="container"
        title="Restore testing plans"
        what="list restore testing plans"
        pages={pages}
        idOf={({ RestoreTestingPlanName = '' }) => RestoreTestingPlanName}
        actions={create}
        empty={
          <NoneYet title="No restore testing plans" action={create}>
            Nothing is tested. A plan restores the newest recovery points on a schedule, under a role of your
            choice.
          </NoneYet>
        }
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ RestoreTestingPlanName: name = '' }) => (
              <Link to={`/restore-testing/${encodeURIComponent(name)}`}>{name}</Link>
            ),
          },
          {
            id: 'when',
            header: 'When',
            cell: ({ ScheduleExpression, ScheduleExpressionTimezone: zone = 'UTC' }) =>
              `${scheduleText(ScheduleExpression)}, ${zone}`,
          },
          { id: 'last', header: 'Last run', cell: ({ LastExecutionTime }) => ago(LastExecutionTime) },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ RestoreTestingPlanName: name = '' }) => (
              <>
                <Button
                  variant="inline-link"
                  ariaLabel={`Tests of ${name}`}
                  onClick={() => set('plan', name)}
                >
                  Tests
                </Button>{' '}
                <Button
                  variant="inline-link"
                  ariaLabel={`Validators of ${name}`}
                  onClick={() => setValidated(name)}
                >
                  Validators
                </Button>{' '}
                <Button variant="inline-link" ariaLabel={`Delete ${name}`} onClick={() => setDoomed(name)}>
                  Delete
                </Button>
              </>
            ),
          },
        ]}
      />
      {pages.rows.length > 0 && (
        <SegmentedControl
          label="Tests of"
          selectedId={plan ?? ''}
          onChange={({ detail }) => set('plan', detail.selectedId)}
          options={[
            { id: '', text: 'All plans' },
            ...pages.rows.map(({ RestoreTestingPlanName: name = '' }) => ({ id: name, text: name })),
          ]}
        />
      )}
      <RestoreTests plan={plan} />
      {isCreating && (
        <CreatePlan
          onClose={() => {
            setCreating(false)
            pages.refresh()
          }}
        />
      )}
      {validated !== undefined && <EditValidators plan={validated} onClose={() => setValidated(undefined)} />}
      {doomed !== undefined && (
        <Confirm
          title={`Delete restore testing plan ${doomed}`}
          what="delete this restore testing plan"
          word="delete"
          action="Delete restore testing plan"
          command={['delete-restore-testing-plan', { RestoreTestingPlanName: doomed }]}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await removePlan(doomed)
            if (plan === doomed) set('plan', undefined)
            notify(`Restore testing plan ${doomed} was deleted.`)
            pages.refresh()
          }}
        >
          What it selects is deleted with it; the record of its tests stays.
        </Confirm>
      )}
    </Screen>
  )
}

/** AWS deletes a plan only once it selects nothing. */
async function removePlan(RestoreTestingPlanName: string): Promise<void> {
  const { RestoreTestingSelections = [] } = await backup.send(
    new ListRestoreTestingSelectionsCommand({ RestoreTestingPlanName, MaxResults: 1000 }),
  )
  for (const { RestoreTestingSelectionName } of RestoreTestingSelections)
    await backup.send(
      new DeleteRestoreTestingSelectionCommand({ RestoreTestingPlanName, RestoreTestingSelectionName }),
    )
  await backup.send(new DeleteRestoreTestingPlanCommand({ RestoreTestingPlanName }))
}

function CreatePlan({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { accountId } = useSession()
  const [name, setName] = useState('')
  const [plan, setPlan] = useState(NEW_PLAN)
  const [selection, setSelection] = useState(NEW_SELECTION)
  const selectionName = `${selection.resources === 'all' ? 'all' : 'chosen'}_${selection.type.toLowerCase()}`
  const RestoreTestingPlan = { ...planOfDraft(plan), RestoreTestingPlanName: name }
  return (
    <FormDialog
      title="Create restore testing plan"
      what="create this restore testing plan"
      action="Create restore testing plan"
      isReady={isName('testingPlan', name) && isPlanReady(plan) && isSelectionReady(selection)}
      command={`${awsCommand('backup', 'create-restore-testing-plan', { RestoreTestingPlan })}\n${selectionCommand(name, selectionName, selection, accountId)}`}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan }))
        let warnings: readonly string[]
        try {
          warnings = await createSelection(name, selectionName, selection, accountId)
        } catch (failure) {
          // What is wrong is mended in the form and tried again: under the same name.
          await removePlan(name)
          throw failure
        }
        notify(`Restore testing plan ${name} was created.`)
        for (const warning of warnings) notify(warning, 'warning')
      }}
    >
      <NameField kind="testingPlan" value={name} onChange={setName} />
      <PlanFields draft={plan} onChange={setPlan} />
      <SelectionFields draft={selection} onChange={setSelection} />
    </FormDialog>
  )
}
