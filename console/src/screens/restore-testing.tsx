import { CreateRestoreTestingPlanCommand, ListRestoreTestingPlansCommand } from '@aws-sdk/client-backup'
import type { RestoreTestingPlanForList } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { NEW_PLAN, PlanFields, isPlanReady, planOfDraft } from './restore-testing-fields.tsx'
import { deletePlan, useTestingRows } from './restore-testing-rows.tsx'
import {
  SelectionFields,
  createSelection,
  isSelectionReady,
  selectionCommand,
  useSelectionDraft,
} from './restore-testing-selection.tsx'
import { RestoreTests } from './restore-tests.tsx'
import { backup } from '../api/backup.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { useFilters } from '../parts/filters.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { ago } from '../parts/format.ts'
import { Actions } from '../parts/layout.tsx'
import { Link } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { NoneYet } from '../parts/none-yet.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { Screen } from '../parts/screen.tsx'
import { zonedScheduleText } from '../parts/timetable.ts'
import { useSession } from '../session/session.ts'

/** Restores that are done to see that they can be, how long they took, and what was said of what they made. */
export function RestoreTesting(): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const { get, set } = useFilters()
  const plan = get('plan')
  const pages = usePages(['restore testing plans'], async (NextToken) => {
    const answer = await backup.send(new ListRestoreTestingPlansCommand({ MaxResults: 50, NextToken }))
    return { rows: answer.RestoreTestingPlans ?? [], next: answer.NextToken }
  })
  const { actionsOf, dialogs } = useTestingRows((deleted) => {
    if (deleted.plan === plan) set('plan', undefined)
    pages.refresh()
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
            cell: ({ ScheduleExpression, ScheduleExpressionTimezone }) =>
              zonedScheduleText(ScheduleExpression, ScheduleExpressionTimezone),
          },
          { id: 'last', header: 'Last run', cell: ({ LastExecutionTime }) => ago(LastExecutionTime) },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ RestoreTestingPlanName: name = '' }) => (
              <Actions>
                <Button
                  variant="inline-link"
                  ariaLabel={`Tests of ${name}`}
                  onClick={() => set('plan', name)}
                >
                  Tests
                </Button>
                {actionsOf({ plan: name })}
              </Actions>
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
      {dialogs}
    </Screen>
  )
}

function CreatePlan({ onClose }: { readonly onClose: () => void }): ReactNode {
  const { accountId } = useSession()
  const [name, setName] = useState('')
  const [plan, setPlan] = useState(NEW_PLAN)
  const [selection, setSelection] = useSelectionDraft(undefined)
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
          await deletePlan(name)
          throw failure
        }
        notify(`Restore testing plan ${name} was created.`)
        for (const warning of warnings) notify(warning, 'warning')
      }}
    >
      <NameField kind="testingPlan" value={name} onChange={setName} />
      <PlanFields draft={plan} onChange={setPlan} />
      <SelectionFields plan={undefined} draft={selection} onChange={setSelection} />
    </FormDialog>
  )
}
