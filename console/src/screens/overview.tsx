import { ListBackupJobsCommand } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { Suspense, lazy, useEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import { DAYS, MAX_ROWS, lastOf, readHeat, readState } from './overview-state.ts'
import type { OverviewState } from './overview-state.ts'
import { backup } from '../api/backup.ts'
import type { VaultHealth } from '../api/generated.ts'
import { queries, untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { useDamage } from '../parts/damage.ts'
import { ago, count, fromSeconds, nameOf, when } from '../parts/format.ts'
import { DayScale, DayStrip, Heatmap } from '../parts/heatmap.tsx'
import { Link, jobPath, vaultPath } from '../parts/link.tsx'
import { Explain, Message, Problem } from '../parts/problem.tsx'
import { ResourceName } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'

const FirstRun = lazy(async () => ({ default: (await import('./first-run.tsx')).FirstRun }))

const Growth = lazy(async () => ({ default: (await import('../parts/growth.tsx')).Growth }))

/** With what the answers take, a job that moved shows within a second. */
const LIVE_MS = 700
/** How often everything is read anew where no job moved: time alone makes resources overdue. */
const UNASKED_MS = 30_000
const MAX_NAMED_VAULTS = 5

/** Whether nothing was ever backed up here, nor tried of late. */
function isFresh({ numbers, strip }: OverviewState): boolean {
  return numbers.UnprotectedResources === numbers.Resources && strip.every(({ health }) => health === 'none')
}

export function Overview(): ReactNode {
  const state = useQuery({
    queryKey: ['overview'],
    queryFn: readState,
    // The server counts no more often than it can afford; what it counted before is asked for again soon.
    refetchInterval: untilRefused((data) => (data?.numbers.IsCurrent === false ? LIVE_MS : UNASKED_MS)),
  })
  useMoves()
  if (state.error !== null)
    return (
      <Screen title="Overview">
        <Problem error={state.error} what="see how things stand" />
      </Screen>
    )
  if (state.data === undefined)
    return (
      <Screen title="Overview">
        <Spinner size="large" />
      </Screen>
    )
  const { data } = state
  if (isFresh(data))
    return (
      <Suspense fallback={<Spinner size="large" />}>
        <FirstRun hasResource={data.numbers.Resources > 0} />
      </Suspense>
    )
  return (
    <Screen title="Overview">
      <Worst state={data} />
      <Tiles state={data} />
      <Container
        header={
          <Header variant="h2" description="Each square is a day; the worst that happened on it.">
            The last {DAYS} days
          </Header>
        }
      >
        <DayStrip label={`The last ${DAYS} days`} days={data.strip} />
        <DayScale days={data.strip} />
      </Container>
      <Heat of={data.numbers.Resources} />
      <Container
        header={
          <Header
            variant="h2"
            description="Each recovery point counted in full, in all vaults of this region."
          >
            Growth
          </Header>
        }
      >
        <Suspense fallback={<Spinner />}>
          <Growth />
        </Suspense>
      </Container>
      <ColumnLayout columns={2}>
        <Failures state={data} />
        <Denials />
      </ColumnLayout>
    </Screen>
  )
}

/** What is read anew once a job moved. */
const SHOWN = ['overview', 'heat', 'denials', 'damage']

/** Two small questions a second tell whether any backup moved; then all that is shown is read anew. */
function useMoves(): void {
  const { data: moved } = useQuery({
    queryKey: ['moves'],
    queryFn: async () => {
      const [running, newest] = await Promise.all([
        backup.send(new ListBackupJobsCommand({ ByState: 'RUNNING', MaxResults: 100 })),
        backup.send(new ListBackupJobsCommand({ MaxResults: 1 })),
      ])
      return [...(running.BackupJobs ?? []), ...(newest.BackupJobs ?? [])]
        .map(({ BackupJobId = '', State = '' }) => `${BackupJobId} ${State}`)
        .join()
    },
    refetchInterval: untilRefused(LIVE_MS),
  })
  const seen = useRef(moved)
  useEffect(() => {
    if (seen.current !== undefined && seen.current !== moved) {
      for (const about of SHOWN) void queries.invalidateQueries({ queryKey: [about] })
    }
    seen.current = moved
  }, [moved])
}

/** How things stand, in words; the worst comes first. */
function Worst({
  state: { numbers, failures, worst, partial },
}: {
  readonly state: OverviewState
}): ReactNode {
  const damaged = useDamage()
  const { FailedBackupJobs: failed, OverdueResources: overdue, UnprotectedResources: unprotected } = numbers
  if (damaged.length > 0) return <Damage vaults={damaged} />
  if (failed > 0)
    return (
      <Alert type="error" header={`${count(failed, 'backup')} failed in the last 24 hours`}>
        <Message text={failures[0]?.StatusMessage} />
      </Alert>
    )
  if (overdue > 0)
    return (
      <Alert type="warning" header={`${count(overdue, 'resource is', 'resources are')} overdue`}>
        {worst?.Name} was last backed up {worst !== undefined && ago(lastOf(worst))}.
      </Alert>
    )
  if (unprotected > 0)
    return (
      <Alert type="warning" header={`${count(unprotected, 'resource is', 'resources are')} not protected`}>
        There is no recovery point of {worst?.Name} yet.
      </Alert>
    )
  if (partial.length > 0)
    return (
      <Alert type="warning" header={`The newest backup of ${count(partial.length, 'resource')} is partial`}>
        Something of <ResourceName arn={partial[0] ?? ''} /> could not be backed up: see the{' '}
        <Link to="/jobs?state=PARTIAL&since=month">partial backups</Link>.
      </Alert>
    )
  return (
    <Alert type="success" header="Everything is backed up">
      Each of {count(numbers.Resources, 'resource')} has a recovery point as new as its plan asks; without a
      plan, of the last 36 hours.
    </Alert>
  )
}

function Damage({ vaults }: { readonly vaults: readonly VaultHealth[] }): ReactNode {
  const points = vaults.reduce((all, { DamagedRecoveryPointCount: some }) => all + some, 0)
  return (
    <Alert
      type="error"
      header={
        points > 0
          ? `${count(points, 'recovery point is', 'recovery points are')} damaged`
          : 'Stored data is damaged'
      }
    >
      What is stored in{' '}
      {vaults.slice(0, MAX_NAMED_VAULTS).map(({ BackupVaultName: name }, index) => (
        <span key={name}>
          {index > 0 && ', '}
          <Link to={`${vaultPath(name)}?tab=health`}>{name}</Link>
        </span>
      ))}{' '}
      is not as it was written, and may not restore as backed up. See{' '}
      <Link to="/settings?tab=health">Health</Link>.
    </Alert>
  )
}

function Tiles({ state: { numbers } }: { readonly state: OverviewState }): ReactNode {
  const { Resources: all, UnprotectedResources: unprotected, RestoreTests: tests } = numbers
  const tiles: readonly (readonly [label: string, value: string, path: string])[] = [
    ['Protected', (all - unprotected).toLocaleString(), '/resources?show=protected'],
    ['Unprotected', unprotected.toLocaleString(), '/resources?show=unprotected'],
    ['Overdue', numbers.OverdueResources.toLocaleString(), '/resources?show=overdue'],
    ['Running', numbers.RunningBackupJobs.toLocaleString(), '/jobs?state=RUNNING'],
    ['Failed in 24 h', numbers.FailedBackupJobs.toLocaleString(), '/jobs?state=BAD&since=day'],
    ['Restore tests', tests === 0 ? '0' : `${numbers.GoodRestoreTests} of ${tests}`, '/restore-testing'],
  ]
  return (
    <Container>
      <div className="tiles">
        {tiles.map(([label, value, path]) => (
          <div key={label}>
            <Box variant="awsui-key-label">{label}</Box>
            <Link to={path} isLarge>
              {value}
            </Link>
          </div>
        ))}
      </div>
    </Container>
  )
}

function Heat({ of }: { readonly of: number }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['heat'],
    queryFn: readHeat,
    placeholderData: keepPreviousData,
    refetchInterval: untilRefused(UNASKED_MS),
  })
  const more = of - MAX_ROWS
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Whether the newest recovery point was as new as the resource’s plan asks (without a plan: of the last 36 hours). The worst off come first."
        >
          Recovery points by resource and day
        </Header>
      }
    >
      {error !== null && <Problem error={error} what="see the recovery points of resources" />}
      {data === undefined && error === null && <Spinner />}
      {data !== undefined && <Heatmap rows={data} />}
      {data !== undefined && more > 0 && (
        <Box variant="small">
          {count(more, 'further resource')}: see <Link to="/resources">Resources</Link>.
        </Box>
      )}
    </Container>
  )
}

function Failures({ state: { failures: jobs } }: { readonly state: OverviewState }): ReactNode {
  return (
    <Container fitHeight header={<Header variant="h2">Failed in 24 hours</Header>}>
      {jobs.length === 0 ? (
        <Box>Nothing failed.</Box>
      ) : (
        <SpaceBetween size="s">
          {jobs.map((job) => (
            <div key={job.BackupJobId}>
              <Link to={jobPath('backup', job.BackupJobId ?? '')}>
                <ResourceName arn={job.ResourceArn ?? ''} />
              </Link>{' '}
              {when(job.CreationDate)}
              <Box variant="small" display="block">
                <Message text={job.StatusMessage} />
              </Box>
            </div>
          ))}
        </SpaceBetween>
      )}
    </Container>
  )
}

function Denials(): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['denials'],
    queryFn: async () => (await roleback('LookupAuditEvents', { Effect: 'Deny', MaxResults: 5 })).Events,
    refetchInterval: untilRefused(10_000),
  })
  return (
    <Container fitHeight header={<Header variant="h2">Denied lately</Header>}>
      {error !== null && <Problem error={error} what="look at the audit trail" />}
      {data?.length === 0 && <Box>Nothing was denied.</Box>}
      <SpaceBetween size="s">
        {(data ?? []).map((event) => (
          <div key={event.EventId}>
            <b>{nameOf(event.PrincipalArn)}</b> {event.EventName} {ago(fromSeconds(event.EventTime))}
            <Box variant="small" display="block">
              {event.Resource} <Explain id={event.AuthorizationId} />
            </Box>
          </div>
        ))}
      </SpaceBetween>
    </Container>
  )
}
