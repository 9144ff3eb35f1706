import Box from '@cloudscape-design/components/box'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import type { RestoreTest, ValidatorResult } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { duration, fromSeconds, when } from '../parts/format.ts'
import { Link, jobPath, restorePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import { Message } from '../parts/problem.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { State } from '../parts/state.tsx'

const FOLLOW_MS = 5_000

/** How restore tests went, how long each restore took, and what was found in what it made. */
export function RestoreTests({ plan }: { readonly plan: string | undefined }): ReactNode {
  const pages = usePages(
    ['restore tests', plan],
    async (NextToken) => {
      const answer = await roleback('ListRestoreTests', {
        MaxResults: 50,
        RestoreTestingPlanName: plan,
        NextToken,
      })
      return { rows: answer.Tests, next: answer.NextToken }
    },
    FOLLOW_MS,
  )
  return (
    <List<RestoreTest>
      variant="container"
      title="Tests"
      what="list restore tests"
      pages={pages}
      idOf={({ RestoreJobId }) => RestoreJobId}
      empty="No test has run yet."
      columns={[
        {
          id: 'when',
          header: 'When',
          minWidth: 120,
          isRowHeader: true,
          cell: ({ RestoreJobId: id, DueAt }) => (
            <Link to={jobPath('restore', id)}>{when(fromSeconds(DueAt))}</Link>
          ),
        },
        { id: 'resource', header: 'Resource', cell: (test) => <Restored of={test} /> },
        { id: 'restore', header: 'Restore', minWidth: 190, cell: (test) => <Recovery of={test} /> },
        {
          id: 'verdict',
          header: 'Verdict and findings',
          minWidth: 280,
          cell: (test) => (
            <>
              <Verdict of={test} />
              <Findings of={test.ValidatorResults ?? []} />
            </>
          ),
        },
        { id: 'gone', header: 'What it made', cell: (test) => <Remains of={test} /> },
      ]}
    />
  )
}

/** How the restore ended, and how long one would wait for it. */
function Recovery({
  of: { RestoreStatus, RecoverySeconds: seconds },
}: {
  readonly of: RestoreTest
}): ReactNode {
  return (
    <>
      <State state={RestoreStatus} />
      {seconds !== undefined && (
        <Box variant="small" display="block">
          Recovery time {duration(seconds * 1000)}
        </Box>
      )}
    </>
  )
}

function Findings({ of }: { readonly of: readonly ValidatorResult[] }): ReactNode {
  return of.map(({ Name, Status, Message: text }) => (
    <div key={Name}>
      <StatusIndicator type={Status === 'SUCCESSFUL' ? 'success' : 'error'}>{Name}</StatusIndicator>
      <Box variant="small" display="block">
        <Message text={text} />
      </Box>
    </div>
  ))
}

/** Which resource, and the recovery point of it that was restored, as long as that is there. */
function Restored({
  of: { ResourceArn, RecoveryPointArn: point, RecoveryPointCreationDate: created, BackupVaultName: vault },
}: {
  readonly of: RestoreTest
}): ReactNode {
  return (
    <>
      <ResourceLink arn={ResourceArn} />
      {created !== undefined && point !== undefined && vault !== undefined && (
        <Box variant="small" display="block">
          as of <Link to={restorePath(vault, point)}>{when(fromSeconds(created))}</Link>
        </Box>
      )}
    </>
  )
}

/** What the restore made, as long as it is there. */
function Remains({ of }: { readonly of: RestoreTest }): ReactNode {
  if (of.DeletionStatus === 'SUCCESSFUL') return 'Deleted'
  if (of.DeletionStatus === 'FAILED')
    return (
      <StatusIndicator type="error">
        <Message text={of.DeletionStatusMessage ?? 'Could not be deleted'} />
      </StatusIndicator>
    )
  if (of.CreatedResourceArn === undefined) return '–'
  return (
    <>
      <ResourceLink arn={of.CreatedResourceArn} />
      {of.DeletionStatus === 'DELETING' && ', being deleted'}
    </>
  )
}

function Verdict({
  of: { ValidationStatus, ValidationStatusMessage, RestoreStatus, RestoreStatusMessage },
}: {
  readonly of: RestoreTest
}): ReactNode {
  if (RestoreStatus === 'FAILED' || RestoreStatus === 'ABORTED')
    return (
      <StatusIndicator type="error">
        <Message text={RestoreStatusMessage ?? 'Not restored'} />
      </StatusIndicator>
    )
  if (ValidationStatus === 'SUCCESSFUL') return <StatusIndicator type="success">Good</StatusIndicator>
  if (ValidationStatus === 'FAILED')
    return (
      <StatusIndicator type="error">
        <Message text={ValidationStatusMessage ?? 'Not good'} />
      </StatusIndicator>
    )
  if (ValidationStatus === 'TIMED_OUT')
    return <StatusIndicator type="warning">Nobody judged in time</StatusIndicator>
  return <StatusIndicator type="pending">Not judged</StatusIndicator>
}
