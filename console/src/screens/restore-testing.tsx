import {
  CreateRestoreTestingPlanCommand,
  CreateRestoreTestingSelectionCommand,
  DeleteRestoreTestingPlanCommand,
  DeleteRestoreTestingSelectionCommand,
  ListRestoreTestingPlansCommand,
  ListRestoreTestingSelectionsCommand,
} from '@aws-sdk/client-backup'
import type { RestoreTestingPlanForList } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Select from '@cloudscape-design/components/select'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { EditValidators } from './restore-test-validators.tsx'
import { RestoreTests } from './restore-tests.tsx'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { awsCommand } from '../parts/aws-command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { useFilters } from '../parts/filters.ts'
import { FormDialog } from '../parts/form-dialog.tsx'
import { ago, typeName } from '../parts/format.ts'
import { List } from '../parts/list.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import type { ChosenRole } from '../parts/role-field.tsx'
import { Screen } from '../parts/screen.tsx'
import { Validators, areReady, validatorOf, validatorsCommand } from '../parts/validators.tsx'
import type { Draft } from '../parts/validators.tsx'
import { useSession } from '../session/session.ts'

const SCHEDULES = [
  { value: 'cron(0 3 ? * SUN *)', label: 'Each Sunday at 03:00 UTC' },
  { value: 'cron(0 3 * * ? *)', label: 'Daily at 03:00 UTC' },
  { value: 'cron(0 3 1 * ? *)', label: 'On the first of each month at 03:00 UTC' },
]
const TYPES = ['EFS', 'RDS', 'S3'].map((value) => ({ value, label: typeName(value) }))

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
        actions={
          <Button variant="primary" onClick={() => setCreating(true)}>
            Create restore testing plan
          </Button>
        }
        empty="Nothing is tested. A plan restores the newest recovery points each week, under a role of your choice."
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ RestoreTestingPlanName }) => RestoreTestingPlanName,
          },
          { id: 'when', header: 'When', cell: ({ ScheduleExpression }) => scheduleName(ScheduleExpression) },
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

const scheduleName = (expression: string | undefined): string =>
  SCHEDULES.find(({ value }) => value === expression)?.label ?? expression ?? '–'

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
  const session = useSession()
  const [name, setName] = useState('')
  const [schedule, setSchedule] = useState(SCHEDULES[0]?.value ?? '')
  const [type, setType] = useState('EFS')
  const [role, setRole] = useState<ChosenRole>('default')
  const [drafts, setDrafts] = useState<readonly Draft[]>([])
  const plan = {
    RestoreTestingPlanName: name,
    ScheduleExpression: schedule,
    RecoveryPointSelection: {
      Algorithm: 'LATEST_WITHIN_WINDOW' as const,
      IncludeVaults: ['*'],
      RecoveryPointTypes: ['SNAPSHOT' as const],
    },
  }
  const selection = {
    RestoreTestingSelectionName: `all_${type.toLowerCase()}`,
    ProtectedResourceType: type,
    ProtectedResourceArns: ['*'],
  }
  const command = [
    awsCommand('backup', 'create-restore-testing-plan', { RestoreTestingPlan: plan }),
    awsCommand('backup', 'create-restore-testing-selection', {
      RestoreTestingPlanName: name,
      RestoreTestingSelection: {
        ...selection,
        IamRoleArn: role === 'default' ? defaultRoleArn(session.accountId) : role,
      },
    }),
    ...(drafts.length === 0 ? [] : [validatorsCommand(name, selection.RestoreTestingSelectionName, drafts)]),
  ].join('\n')
  return (
    <FormDialog
      title="Create restore testing plan"
      what="create this restore testing plan"
      action="Create restore testing plan"
      isReady={isName('testingPlan', name) && role !== undefined && areReady(drafts)}
      command={command}
      onClose={onClose}
      onSubmit={async () => {
        const IamRoleArn = await ensureRole(role, session.accountId)
        await backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan }))
        try {
          await backup.send(
            new CreateRestoreTestingSelectionCommand({
              RestoreTestingPlanName: name,
              RestoreTestingSelection: { ...selection, IamRoleArn },
            }),
          )
          if (drafts.length > 0)
            await roleback('PutRestoreTestValidators', {
              RestoreTestingPlanName: name,
              RestoreTestingSelectionName: selection.RestoreTestingSelectionName,
              Validators: drafts.map(validatorOf),
            })
        } catch (failure) {
          // What is wrong is mended in the form and tried again: under the same name.
          await removePlan(name)
          throw failure
        }
        notify(`Restore testing plan ${name} was created.`)
      }}
    >
      <NameField kind="testingPlan" value={name} onChange={setName} />
      <FormField label="When">
        <Select
          selectedOption={SCHEDULES.find(({ value }) => value === schedule) ?? null}
          options={SCHEDULES}
          onChange={({ detail }) => setSchedule(detail.selectedOption.value ?? '')}
        />
      </FormField>
      <FormField label="What" description="The newest recovery point of each resource of this type.">
        <Select
          selectedOption={TYPES.find(({ value }) => value === type) ?? null}
          options={TYPES}
          onChange={({ detail }) => {
            setType(detail.selectedOption.value ?? '')
            setDrafts([])
          }}
        />
      </FormField>
      <RoleField label="Restore role" value={role} onChange={setRole} />
      <Validators type={type} drafts={drafts} onChange={setDrafts} />
    </FormDialog>
  )
}
