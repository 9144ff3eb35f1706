import { GetBackupPlanCommand, UpdateBackupPlanCommand } from '@aws-sdk/client-backup'
import type { BackupPlan } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Header from '@cloudscape-design/components/header'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { changesBetween } from './plan-changes.ts'
import type { Change } from './plan-changes.ts'
import { PlanDocuments, inputOf } from './plan-documents.tsx'
import { RuleTable } from './rule-table.tsx'
import { backup } from '../../api/backup.ts'
import { queries } from '../../api/queries.ts'
import { awsCommand } from '../../parts/aws-command.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { when } from '../../parts/format.ts'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Screen } from '../../parts/screen.tsx'
import { Sideways } from '../../parts/sideways.tsx'

/** A plan as one of its versions had it: what is different now, and the way back to it. */
export function PlanVersion(): ReactNode {
  const { id = '', version = '' } = useParams()
  const navigate = useNavigate()
  const [isRestoring, setRestoring] = useState(false)
  const present = useQuery({
    queryKey: ['plan now', id],
    queryFn: async () => await backup.send(new GetBackupPlanCommand({ BackupPlanId: id })),
  })
  const { data, error, isPending } = useQuery({
    queryKey: ['plan version', id, version],
    queryFn: async () =>
      await backup.send(new GetBackupPlanCommand({ BackupPlanId: id, VersionId: version })),
  })
  const planPath = `/plans/${encodeURIComponent(id)}`
  const then = data?.BackupPlan
  const now = present.data?.BackupPlan
  const isPresent = present.data?.VersionId === version
  const canRestore =
    then !== undefined && now !== undefined && !isPresent && present.data?.DeletionDate === undefined
  const failure = error ?? present.error
  return (
    <Screen
      title={data === undefined ? 'Version' : `Version of ${when(data.CreationDate)}`}
      description={isPresent ? 'The plan as it is now.' : 'The plan as it was.'}
      above={[
        ['Backup plans', '/plans'],
        [now?.BackupPlanName ?? id, planPath],
        ['Versions', `${planPath}?tab=versions`],
      ]}
      isLoading={isPending || present.isPending}
      actions={
        canRestore && (
          <Button variant="primary" onClick={() => setRestoring(true)}>
            Restore this version
          </Button>
        )
      }
    >
      {failure !== null && <Problem error={failure} what="look at this version" />}
      {then !== undefined && now !== undefined && (
        <>
          {isPresent ? (
            <Alert type="info">This version is in use: nothing is different now.</Alert>
          ) : (
            <Changes of={changesBetween(then, now)} />
          )}
          <RuleTable rules={then.Rules ?? []} />
          <PlanDocuments plan={then} />
        </>
      )}
      {isRestoring && then !== undefined && (
        <Restore
          planId={id}
          plan={then}
          onClose={() => setRestoring(false)}
          onRestored={async () => {
            notify('The version was restored: it is the plan’s newest.')
            await queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey.includes(id) })
            await navigate(`${planPath}?tab=versions`)
          }}
        />
      )}
    </Screen>
  )
}

function Changes({ of }: { readonly of: readonly Change[] }): ReactNode {
  return (
    <Sideways isEmpty={of.length === 0}>
      {(words) => (
        <Table<Change>
          variant="container"
          wrapLines
          header={<Header variant="h2">What is different now</Header>}
          items={of}
          filter={words}
          ariaLabels={{ tableLabel: 'What is different now' }}
          empty="Nothing: it says the same as the version in use."
          columnDefinitions={[
            { id: 'rule', header: 'Rule', cell: ({ rule }) => rule ?? 'The plan' },
            { id: 'what', header: 'What', isRowHeader: true, cell: ({ what }) => what },
            { id: 'before', header: 'In this version', cell: ({ before }) => before },
            { id: 'now', header: 'Now', cell: ({ now }) => now },
          ]}
        />
      )}
    </Sideways>
  )
}

function Restore({
  planId,
  plan,
  onClose,
  onRestored,
}: {
  readonly planId: string
  readonly plan: BackupPlan
  readonly onClose: () => void
  readonly onRestored: () => Promise<void>
}): ReactNode {
  const input = { BackupPlanId: planId, BackupPlan: inputOf(plan) }
  return (
    <FormDialog
      title="Restore this version"
      what="restore this version"
      action="Restore as a new version"
      isReady
      command={awsCommand('backup', 'update-backup-plan', input)}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new UpdateBackupPlanCommand(input))
        await onRestored()
      }}
    >
      <Box>
        The plan is written once more as this version says, and runs so from now on. Every version stays, so
        this can be taken back. What is assigned, the plan’s tags, and retention counts of rules that keep
        their name stay as they are.
      </Box>
    </FormDialog>
  )
}
