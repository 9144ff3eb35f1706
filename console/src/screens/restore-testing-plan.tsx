import {
  GetRestoreTestingPlanCommand,
  GetRestoreTestingSelectionCommand,
  ListRestoreTestingSelectionsCommand,
  UpdateRestoreTestingPlanCommand,
} from '@aws-sdk/client-backup'
import type { RestoreTestingPlanForGet, RestoreTestingSelectionForList } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useParams } from 'react-router'
import { RestoreTests } from './restore-tests.tsx'
import {
  ALGORITHMS,
  PlanFields,
  draftOfPlan,
  isAllVaults,
  isPlanReady,
  planOfDraft,
} from './restore-testing-fields.tsx'
import { useTestingRows } from './restore-testing-rows.tsx'
import { AddSelection } from './restore-testing-selection.tsx'
import { backup } from '../api/backup.ts'
import { Arn } from '../parts/arn.tsx'
import { awsCommand } from '../parts/aws-command.tsx'
import { Facts } from '../parts/facts.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { ago, count, nameOf, typeName, when } from '../parts/format.ts'
import { Link, identityPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { NamedArn } from '../parts/named-arn.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'
import { zonedScheduleText } from '../parts/timetable.ts'

/** What one restore testing plan tests, when, under which roles, and how its tests went. */
export function RestoreTestingPlan(): ReactNode {
  const name = useParams()['name'] ?? ''
  const [isEditing, setEditing] = useState(false)
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['restore testing plan', name],
    queryFn: async () =>
      (await backup.send(new GetRestoreTestingPlanCommand({ RestoreTestingPlanName: name })))
        .RestoreTestingPlan,
  })
  return (
    <Screen title={name} above={[['Restore testing', '/restore-testing']]} isLoading={isPending}>
      {error !== null && <Problem error={error} what="look at this restore testing plan" />}
      {data !== undefined && (
        <>
          <Container
            header={
              <Header variant="h2" actions={<Button onClick={() => setEditing(true)}>Edit</Button>}>
                Plan
              </Header>
            }
          >
            <Facts of={factsOf(data)} />
          </Container>
          <Selections plan={name} arn={data.RestoreTestingPlanArn} />
          <RestoreTests plan={name} />
        </>
      )}
      {isEditing && data !== undefined && (
        <EditPlan
          plan={data}
          onClose={() => {
            setEditing(false)
            void refetch()
          }}
        />
      )}
    </Screen>
  )
}

function factsOf(plan: RestoreTestingPlanForGet): readonly (readonly [label: string, value: ReactNode])[] {
  const {
    IncludeVaults = [],
    ExcludeVaults = [],
    Algorithm,
    SelectionWindowDays,
  } = plan.RecoveryPointSelection ?? {}
  const which = ALGORITHMS.find(({ value }) => value === Algorithm)?.label ?? Algorithm
  return [
    ['When', zonedScheduleText(plan.ScheduleExpression, plan.ScheduleExpressionTimezone)],
    ['Recovery point', `${which ?? ''} of the last ${count(SelectionWindowDays ?? 0, 'day')}`],
    ['From the vaults', <Vaults key="vaults" of={IncludeVaults} />],
    ...(ExcludeVaults.length === 0
      ? []
      : [['But not from', <Vaults key="excluded" of={ExcludeVaults} />] as const]),
    ['Start within', count(plan.StartWindowHours ?? 0, 'hour')],
    ['Last run', ago(plan.LastExecutionTime)],
    ['Created', when(plan.CreationTime)],
  ]
}

function Vaults({ of }: { readonly of: readonly string[] }): ReactNode {
  if (isAllVaults(of)) return 'All'
  return of.map((arn) => (
    <div key={arn}>
      <NamedArn of={arn} />
    </div>
  ))
}

interface SelectionsProps {
  readonly plan: string
  /** Of the plan. */
  readonly arn: string | undefined
}

function Selections({ plan, arn }: SelectionsProps): ReactNode {
  const [isAdding, setAdding] = useState(false)
  const pages = usePages(['restore testing selections', plan, 'list'], async (NextToken) => {
    const answer = await backup.send(
      new ListRestoreTestingSelectionsCommand({ RestoreTestingPlanName: plan, MaxResults: 50, NextToken }),
    )
    return { rows: answer.RestoreTestingSelections ?? [], next: answer.NextToken }
  })
  const { actionsOf, dialogs } = useTestingRows(() => pages.refresh())
  return (
    <>
      <List<RestoreTestingSelectionForList>
        variant="container"
        title="What is tested"
        what="list what this plan selects"
        pages={pages}
        idOf={({ RestoreTestingSelectionName = '' }) => RestoreTestingSelectionName}
        actions={<Button onClick={() => setAdding(true)}>Add resources</Button>}
        empty="This plan selects nothing, and so tests nothing."
        columns={[
          {
            id: 'name',
            header: 'Name',
            isRowHeader: true,
            cell: ({ RestoreTestingSelectionName }) => RestoreTestingSelectionName,
          },
          {
            id: 'type',
            header: 'Type',
            cell: ({ ProtectedResourceType }) => typeName(ProtectedResourceType),
          },
          {
            id: 'resources',
            header: 'Resources',
            cell: ({ RestoreTestingSelectionName: name = '' }) => <Selected plan={plan} selection={name} />,
          },
          {
            id: 'role',
            header: 'Restore role',
            cell: ({ IamRoleArn = '' }) => (
              <Link to={identityPath('role', nameOf(IamRoleArn))}>
                <Arn of={nameOf(IamRoleArn)} />
              </Link>
            ),
          },
          {
            id: 'kept',
            header: 'What it made stays',
            cell: ({ ValidationWindowHours: hours = 0 }) =>
              hours === 0 ? 'Until there is a verdict' : count(hours, 'hour'),
          },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ RestoreTestingSelectionName: selection = '' }) => actionsOf({ plan, selection }),
          },
        ]}
      />
      {isAdding && (
        <AddSelection
          plan={plan}
          arn={arn}
          onClose={() => {
            setAdding(false)
            pages.refresh()
          }}
        />
      )}
      {dialogs}
    </>
  )
}

/** The list has no word of them. */
function Selected({ plan, selection }: { readonly plan: string; readonly selection: string }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['restore testing selection', plan, selection],
    queryFn: async () =>
      (
        await backup.send(
          new GetRestoreTestingSelectionCommand({
            RestoreTestingPlanName: plan,
            RestoreTestingSelectionName: selection,
          }),
        )
      ).RestoreTestingSelection,
  })
  if (data === undefined) return error === null ? '' : '–'
  const { ProtectedResourceArns: arns = [], ProtectedResourceConditions: conditions } = data
  const { StringEquals = [], StringNotEquals = [] } = conditions ?? {}
  const tags = [
    ...StringEquals.map(({ Key, Value }) => `tag ${tagOf(Key)} is ${Value ?? ''}`),
    ...StringNotEquals.map(({ Key, Value }) => `tag ${tagOf(Key)} is not ${Value ?? ''}`),
  ]
  return (
    <>
      {arns.includes('*') || arns.length === 0
        ? 'All'
        : arns.map((arn) => (
            <div key={arn}>
              <NamedArn of={arn} />
            </div>
          ))}
      {tags.map((tag) => (
        <div key={tag}>{tag}</div>
      ))}
    </>
  )
}

const tagOf = (key: string | undefined): string => (key ?? '').replace(/^aws:ResourceTag\//, '')

function EditPlan({
  plan,
  onClose,
}: {
  readonly plan: RestoreTestingPlanForGet
  readonly onClose: () => void
}): ReactNode {
  const [draft, setDraft] = useState(() => draftOfPlan(plan))
  const input = {
    RestoreTestingPlanName: plan.RestoreTestingPlanName,
    RestoreTestingPlan: planOfDraft(draft),
  }
  return (
    <FormDialog
      title={`Edit ${plan.RestoreTestingPlanName ?? ''}`}
      what="change this restore testing plan"
      action="Save"
      isReady={isPlanReady(draft)}
      command={awsCommand('backup', 'update-restore-testing-plan', input)}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new UpdateRestoreTestingPlanCommand(input))
        notify('The restore testing plan was changed. Tests that have begun go on.')
      }}
    >
      <PlanFields draft={draft} onChange={setDraft} />
    </FormDialog>
  )
}
