import { ListBackupJobsCommand } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { Suspense, lazy, useEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import { DAYS, MAX_RESOURCES, overdueOf, readHeat, readState } from './overview-state.ts'
import type { OverviewState, Resource } from './overview-state.ts'
import { backup } from '../api/backup.ts'
import { queries } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { ago, count, fromSeconds, nameOf, when } from '../parts/format.ts'
import { DayScale, DayStrip, Heatmap } from '../parts/heatmap.tsx'
import { Link, jobPath } from '../parts/link.tsx'
import { Explain, Message, Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'

const FirstRun = lazy(async () => ({ default: (await import('./first-run.tsx')).FirstRun }))

const Growth = lazy(async () => ({ default: (await import('../parts/growth.tsx')).Growth }))

const LIVE_MS = 1_000
/** How often everything is read anew where no job moved: time alone makes resources overdue. */
const UNASKED_MS = 30_000

export function Overview(): ReactNode {
  const state = useQuery({ queryKey: ['overview'], queryFn: readState, refetchInterval: UNASKED_MS })
  const running = useRunning()
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
  if (data.resources.length === 0)
    return (
      <Suspense fallback={<Spinner size="large" />}>
        <FirstRun vaults={data.vaults} />
      </Suspense>
    )
  return (
    <Screen title="Overview">
      <Worst state={data} />
      <Tiles state={data} running={running} />
      <Container
        header={
          <Header variant="h2" description="Each square is a day; the worst that happened on it.">
            The last {DAYS} days
          </Header>
        }
      >
        <DayStrip days={data.strip} />
        <DayScale days={data.strip} />
      </Container>
      <Heat resources={data.resources} />
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

/** What is read anew, that first of which the other is made. */
const SHOWN = ['protected', 'overview', 'denials']

/** How many backups run. Two small questions a second tell whether any job moved; then all that is shown is read anew. */
function useRunning(): number {
  const { data } = useQuery({
    queryKey: ['running'],
    queryFn: async () => {
      const [running, newest] = await Promise.all([
        backup.send(new ListBackupJobsCommand({ ByState: 'RUNNING', MaxResults: 100 })),
        backup.send(new ListBackupJobsCommand({ MaxResults: 1 })),
      ])
      const jobs = running.BackupJobs ?? []
      const states = [...jobs, ...(newest.BackupJobs ?? [])].map(
        ({ BackupJobId = '', State = '' }) => `${BackupJobId} ${State}`,
      )
      return { count: jobs.length, moved: states.join() }
    },
    refetchInterval: LIVE_MS,
  })
  const moved = data?.moved
  const seen = useRef(moved)
  useEffect(() => {
    if (seen.current !== undefined && seen.current !== moved) {
      for (const about of SHOWN) void queries.invalidateQueries({ queryKey: [about] })
    }
    seen.current = moved
  }, [moved])
  return data?.count ?? 0
}

/** How things stand, in words; the worst comes first. */
function Worst({ state }: { readonly state: OverviewState }): ReactNode {
  const unprotected = state.resources.filter(({ last }) => last === undefined)
  const overdue = overdueOf(state.resources)
  if (state.failures.length > 0)
    return (
      <Alert
        type="error"
        header={`${state.failed} ${state.failed === '1' ? 'backup' : 'backups'} failed in the last 24 hours`}
      >
        <Message text={state.failures[0]?.StatusMessage} />
      </Alert>
    )
  if (overdue.length > 0)
    return (
      <Alert type="warning" header={`${count(overdue.length, 'resource is', 'resources are')} overdue`}>
        {overdue[0]?.name} was last backed up {ago(overdue[0]?.last)}.
      </Alert>
    )
  if (unprotected.length > 0)
    return (
      <Alert
        type="warning"
        header={`${count(unprotected.length, 'resource is', 'resources are')} not protected`}
      >
        There is no recovery point of {unprotected[0]?.name} yet.
      </Alert>
    )
  return (
    <Alert
      type={state.isWhole ? 'success' : 'info'}
      header={
        state.isWhole ? 'Everything is backed up' : `The first ${MAX_RESOURCES} resources are backed up`
      }
    >
      Each of {count(state.resources.length, 'resource')} has a recovery point as new as its plan asks;
      without a plan, of the last 36 hours.
      {state.isWhole ? '' : ' The others were not looked at here: see Resources.'}
    </Alert>
  )
}

function Tiles({ state, running }: { readonly state: OverviewState; readonly running: number }): ReactNode {
  const protectedCount = state.resources.filter(({ last }) => last !== undefined).length
  const more = state.isWhole ? '' : '+'
  const tiles: readonly (readonly [label: string, value: string, path: string])[] = [
    ['Protected', `${protectedCount}${more}`, '/resources?show=protected'],
    ['Unprotected', `${state.resources.length - protectedCount}${more}`, '/resources?show=unprotected'],
    ['Overdue', String(overdueOf(state.resources).length), '/resources?show=overdue'],
    ['Running', String(running), '/jobs?state=RUNNING'],
    ['Failed in 24 h', state.failed, '/jobs?state=FAILED&since=day'],
    [
      'Restore tests',
      state.tests.all === 0 ? '0' : `${state.tests.good} of ${state.tests.all}`,
      '/restore-testing',
    ],
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

function Heat({ resources }: { readonly resources: readonly Resource[] }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['heat', resources.map(({ arn, last }) => `${arn} ${last?.getTime() ?? ''}`).join(' ')],
    queryFn: async () => await readHeat(resources),
    placeholderData: (before) => before,
  })
  const more = resources.length - (data?.length ?? 0)
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
        <Box variant="small">{count(more, 'further resource')}: see Resources.</Box>
      )}
    </Container>
  )
}

function Failures({ state }: { readonly state: OverviewState }): ReactNode {
  const { failures: jobs, resources } = state
  const names = new Map(resources.map(({ arn, name }) => [arn, name]))
  return (
    <Container fitHeight header={<Header variant="h2">Failed in 24 hours</Header>}>
      {jobs.length === 0 ? (
        <Box>Nothing failed.</Box>
      ) : (
        <SpaceBetween size="s">
          {jobs.slice(0, 5).map((job) => (
            <div key={job.BackupJobId}>
              <Link to={jobPath('backup', job.BackupJobId ?? '')}>
                {names.get(job.ResourceArn ?? '') ?? nameOf(job.ResourceArn)}
              </Link>{' '}
              {when(job.CreationDate)}
              <Box variant="small">
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
    refetchInterval: 10_000,
  })
  return (
    <Container fitHeight header={<Header variant="h2">Denied lately</Header>}>
      {error !== null && <Problem error={error} what="look at the audit trail" />}
      {data?.length === 0 && <Box>Nothing was denied.</Box>}
      <SpaceBetween size="s">
        {(data ?? []).map((event) => (
          <div key={event.EventId}>
            <b>{nameOf(event.PrincipalArn)}</b> {event.EventName} {ago(fromSeconds(event.EventTime))}
            <Box variant="small">
              {event.Resource} <Explain id={event.AuthorizationId} />
            </Box>
          </div>
        ))}
      </SpaceBetween>
    </Container>
  )
}
