import {
  DeleteBackupPlanCommand,
  GetBackupPlanCommand,
  ListBackupSelectionsCommand,
} from '@aws-sdk/client-backup'
import type { BackupPlan, BackupSelectionsListMember } from '@aws-sdk/client-backup'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import Tabs from '@cloudscape-design/components/tabs'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams, useSearchParams } from 'react-router'
import { PlanDocuments } from './plan-documents.tsx'
import { PlanVersions } from './plan-versions.tsx'
import { RuleTable } from './rule-table.tsx'
import { DeleteAssignment } from '../assignments/delete-assignment.tsx'
import { backup } from '../../api/backup.ts'
import type { BackupPlanRun } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { Arn } from '../../parts/arn.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { fromSeconds, nameOf, ownZone, when } from '../../parts/format.ts'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import { Problem } from '../../parts/problem.tsx'
import { Screen } from '../../parts/screen.tsx'
import { TAB_WORDS } from '../../parts/tab-words.ts'

/** AWS's most. */
const NEXT_RUNS = 10

export function Plan(): ReactNode {
  const id = useParams()['id'] ?? ''
  const navigate = useNavigate()
  const [query, setQuery] = useSearchParams()
  const [isDeleting, setDeleting] = useState(false)
  const { data, error, isPending } = useQuery({
    queryKey: ['plan', id],
    queryFn: async () =>
      await backup.send(new GetBackupPlanCommand({ BackupPlanId: id, MaxScheduledRunsPreview: NEXT_RUNS })),
  })
  const plan = data?.BackupPlan
  return (
    <Screen
      title={plan?.BackupPlanName ?? id}
      above={[['Backup plans', '/plans']]}
      isLoading={isPending}
      actions={
        plan !== undefined && (
          <>
            <Button onClick={() => setDeleting(true)}>Delete</Button>
            <Button onClick={() => void navigate(`/plans/${encodeURIComponent(id)}/edit`)}>Edit</Button>
            <Button
              variant="primary"
              onClick={() => void navigate(`/plans/${encodeURIComponent(id)}/assign`)}
            >
              Assign resources
            </Button>
          </>
        )
      }
    >
      {error !== null && <Problem error={error} what="look at this backup plan" />}
      {plan !== undefined && (
        <>
          <RuleTable rules={plan.Rules ?? []} />
          <NextRuns plan={plan} runs={data?.ScheduledRunsPreview ?? []} />
          <Tabs
            i18nStrings={TAB_WORDS}
            ariaLabel="About this plan"
            activeTabId={query.get('tab') ?? 'resources'}
            onChange={({ detail }) => setQuery({ tab: detail.activeTabId }, { replace: true })}
            tabs={[
              { id: 'resources', label: 'Resource assignments', content: <Selections planId={id} /> },
              { id: 'runs', label: 'Runs', content: <Runs planId={id} /> },
              { id: 'versions', label: 'Versions', content: <PlanVersions planId={id} /> },
              { id: 'code', label: 'Show as', content: <PlanDocuments plan={plan} /> },
            ]}
          />
        </>
      )}
      {isDeleting && (
        <Confirm
          title="Delete backup plan"
          what="delete this backup plan"
          word="delete"
          action="Delete backup plan"
          command={['delete-backup-plan', { BackupPlanId: id }]}
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await backup.send(new DeleteBackupPlanCommand({ BackupPlanId: id }))
            notify('The backup plan was deleted.')
            await navigate('/plans')
          }}
        >
          Its recovery points stay. Its resource assignments must be deleted first.
        </Confirm>
      )}
    </Screen>
  )
}

function NextRuns({
  plan,
  runs,
}: {
  readonly plan: BackupPlan
  readonly runs: readonly {
    readonly ExecutionTime?: Date | undefined
    readonly RuleId?: string | undefined
  }[]
}): ReactNode {
  const names = new Map((plan.Rules ?? []).map(({ RuleId, RuleName }) => [RuleId, RuleName]))
  return (
    <Container
      header={
        <Header variant="h2" description={`Your own times, ${ownZone()}.`}>
          Next runs
        </Header>
      }
    >
      {runs.length === 0 ? (
        <Box>None: no rule has a schedule, or nothing is assigned.</Box>
      ) : (
        <ol>
          {runs.map((run) => (
            <li key={`${run.RuleId ?? ''} ${run.ExecutionTime?.getTime() ?? 0}`}>
              {when(run.ExecutionTime)}, {names.get(run.RuleId)}
            </li>
          ))}
        </ol>
      )}
    </Container>
  )
}

function Selections({ planId }: { readonly planId: string }): ReactNode {
  const pages = usePages(['selections', planId], async (NextToken) => {
    const answer = await backup.send(
      new ListBackupSelectionsCommand({ BackupPlanId: planId, MaxResults: 50, NextToken }),
    )
    return { rows: answer.BackupSelectionsList ?? [], next: answer.NextToken }
  })
  const [doomed, setDoomed] = useState<{ readonly id: string; readonly name: string }>()
  const path = `/plans/${encodeURIComponent(planId)}/assignments/`
  const list = (
    <List<BackupSelectionsListMember>
      variant="container"
      title="Resource assignments"
      what="list its resource assignments"
      pages={pages}
      idOf={({ SelectionId = '' }) => SelectionId}
      empty="Nothing is assigned: this plan backs nothing up yet."
      columns={[
        {
          id: 'name',
          header: 'Name',
          isRowHeader: true,
          cell: ({ SelectionId = '', SelectionName }) => (
            <Link to={path + encodeURIComponent(SelectionId)}>{SelectionName}</Link>
          ),
        },
        {
          id: 'role',
          header: 'Role',
          cell: ({ IamRoleArn }) => (
            <Link to={identityPath('role', nameOf(IamRoleArn))}>
              <Arn of={nameOf(IamRoleArn)} />
            </Link>
          ),
        },
        { id: 'created', header: 'Created', cell: (one) => when(one.CreationDate) },
        {
          id: 'do',
          header: 'Actions',
          cell: ({ SelectionId: id = '', SelectionName: name = '' }) => (
            <Button
              variant="inline-link"
              ariaLabel={`Delete ${name}`}
              onClick={() => setDoomed({ id, name })}
            >
              Delete
            </Button>
          ),
        },
      ]}
    />
  )
  return (
    <>
      {list}
      {doomed !== undefined && (
        <DeleteAssignment
          planId={planId}
          selection={doomed}
          onClose={() => setDoomed(undefined)}
          onDeleted={pages.refresh}
        />
      )}
    </>
  )
}

function Runs({ planId }: { readonly planId: string }): ReactNode {
  const pages = usePages(['runs', planId], async (NextToken) => {
    const answer = await roleback('ListBackupPlanRuns', {
      BackupPlanId: planId,
      MaxResults: 50,
      ...(NextToken !== undefined && { NextToken }),
    })
    return { rows: answer.Runs, next: answer.NextToken }
  })
  return (
    <List<BackupPlanRun>
      variant="container"
      title="Runs"
      what="list its runs"
      pages={pages}
      idOf={({ RuleId, DueAt }) => `${RuleId} ${DueAt}`}
      empty="It has not run yet."
      columns={[
        { id: 'due', header: 'Due', isRowHeader: true, cell: ({ DueAt }) => when(fromSeconds(DueAt)) },
        { id: 'rule', header: 'Rule', cell: ({ RuleName, RuleId }) => RuleName ?? RuleId },
        { id: 'outcome', header: 'Outcome', cell: ({ Outcome }) => Outcome },
        { id: 'jobs', header: 'Jobs', cell: ({ JobCount }) => JobCount },
        { id: 'why', header: 'Why', cell: ({ Message }) => Message ?? '–' },
      ]}
    />
  )
}
