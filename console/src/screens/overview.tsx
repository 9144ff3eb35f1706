import {
  ListBackupJobsCommand,
  ListBackupVaultsCommand,
  ListProtectedResourcesCommand,
} from '@aws-sdk/client-backup'
import type { BackupJob, ListBackupJobsCommandOutput } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { Suspense, lazy } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { allPages, roleback } from '../api/roleback.ts'
import { ago, count, fromSeconds, labelOf, nameOf, when } from '../parts/format.ts'
import { DayStrip, Heatmap, daysBack } from '../parts/heatmap.tsx'
import type { DayState } from '../parts/heatmap.tsx'
import { Link, jobPath, resourcePath } from '../parts/link.tsx'
import { Message, Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'

const FirstRun = lazy(async () => ({ default: (await import('./first-run.tsx')).FirstRun }))

const DAY_MS = 86_400_000
const DAYS = 30
const LIVE_MS = 1_000
/** What is older than a day and a half is overdue, where no plan says otherwise. */
const OVERDUE_MS = 36 * 3_600_000
const MAX_RESOURCES = 500
const MAX_JOBS = 5_000
const SHOWN = 25

export function Overview(): ReactNode {
  const state = useQuery({ queryKey: ['overview'], queryFn: readState, refetchInterval: 10_000 })
  const running = useQuery({
    queryKey: ['running'],
    queryFn: async () =>
      (await backup.send(new ListBackupJobsCommand({ ByState: 'RUNNING', MaxResults: 100 }))).BackupJobs ??
      [],
    refetchInterval: LIVE_MS,
  })
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
      <Tiles state={data} running={running.data?.length ?? 0} />
      <Container
        header={
          <Header variant="h2" description="Each square is a day; the worst that happened on it.">
            The last {DAYS} days
          </Header>
        }
      >
        <DayStrip days={data.strip} />
      </Container>
      <Container
        header={
          <Header
            variant="h2"
            description="Whether each resource had a recovery point of the last 36 hours on each day."
          >
            Recovery points by resource and day
          </Header>
        }
      >
        <Heatmap rows={data.heat.slice(0, SHOWN)} />
        {data.heat.length > SHOWN && (
          <Box variant="small">{count(data.heat.length - SHOWN, 'further resource')}: see Resources.</Box>
        )}
      </Container>
      <ColumnLayout columns={2}>
        <Failures state={data} />
        <Denials />
      </ColumnLayout>
    </Screen>
  )
}

interface Resource {
  readonly arn: string
  readonly name: string
  readonly last: Date | undefined
}

interface OverviewState {
  readonly resources: readonly Resource[]
  readonly isWhole: boolean
  readonly vaults: number
  readonly failures: readonly BackupJob[]
  /** How many, with a plus where there are more. */
  readonly failed: string
  readonly strip: readonly DayState[]
  readonly heat: readonly {
    readonly name: string
    readonly path: string
    readonly days: readonly DayState[]
  }[]
}

async function readState(): Promise<OverviewState> {
  const since = new Date(Date.now() - DAYS * DAY_MS)
  const [registered, known, vaults, jobs, ...bad] = await Promise.all([
    allPages(
      async (NextToken) =>
        await roleback('ListResources', { MaxResults: 500, ...(NextToken !== undefined && { NextToken }) }),
      (page) => page.Resources,
      MAX_RESOURCES,
    ),
    allPages(
      async (NextToken) =>
        await backup.send(new ListProtectedResourcesCommand({ MaxResults: 1000, NextToken })),
      (page) => page.Results,
      20_000,
    ),
    backup.send(new ListBackupVaultsCommand({ MaxResults: 1000 })),
    allPages(
      async (NextToken) =>
        await backup.send(new ListBackupJobsCommand({ MaxResults: 1000, ByCreatedAfter: since, NextToken })),
      (page) => page.BackupJobs,
      MAX_JOBS,
    ),
    ...BAD.map(async (ByState) => await failuresOf(ByState)),
  ])
  const lastOf = new Map(known.rows.map((one) => [one.ResourceArn, one.LastBackupTime]))
  const resources = registered.rows.map((resource) => ({
    arn: resource.ResourceArn,
    name: labelOf(resource),
    last: lastOf.get(resource.ResourceArn),
  }))
  const failures = bad
    .flatMap((page) => page.BackupJobs ?? [])
    .toSorted((a, b) => (b.CreationDate?.getTime() ?? 0) - (a.CreationDate?.getTime() ?? 0))
  return {
    resources,
    isWhole: registered.isWhole,
    vaults: vaults.BackupVaultList?.length ?? 0,
    failures,
    failed: `${failures.length}${bad.some(({ NextToken }) => NextToken !== undefined) ? '+' : ''}`,
    strip: stripOf(jobs.rows),
    heat: resources.map((resource) => heatOf(resource, jobs.rows)),
  }
}

const BAD = ['FAILED', 'EXPIRED', 'ABORTED'] as const

function isBad(state: string | undefined): boolean {
  return BAD.some((one) => one === state)
}

async function failuresOf(ByState: (typeof BAD)[number]): Promise<ListBackupJobsCommandOutput> {
  const ByCreatedAfter = new Date(Date.now() - DAY_MS)
  return await backup.send(new ListBackupJobsCommand({ ByState, ByCreatedAfter, MaxResults: 100 }))
}

function stripOf(jobs: readonly BackupJob[]): readonly DayState[] {
  return daysBack(DAYS).map(({ from, to, label }) => {
    const own = jobs.filter(({ CreationDate: at }) => at !== undefined && at >= from && at < to)
    const bad = own.filter(({ State }) => isBad(State)).length
    const running = own.filter(({ State }) => State === 'RUNNING').length
    if (own.length === 0) return { label, health: 'none', text: 'no backups' }
    if (bad > 0) return { label, health: 'bad', text: `${bad} of ${count(own.length, 'backup')} failed` }
    if (running > 0) return { label, health: 'warning', text: `${count(running, 'backup')} running` }
    const isWarned = own.some(
      ({ State, StatusMessage }) => State !== 'COMPLETED' || (StatusMessage ?? '') !== '',
    )
    return { label, health: isWarned ? 'warning' : 'good', text: count(own.length, 'backup') }
  })
}

/** A day is good where its end had a recovery point that was not overdue. */
function heatOf(resource: Resource, jobs: readonly BackupJob[]): OverviewState['heat'][number] {
  const done = jobs
    .filter(({ ResourceArn, State }) => ResourceArn === resource.arn && State === 'COMPLETED')
    .map(({ CompletionDate, CreationDate }) => (CompletionDate ?? CreationDate ?? new Date(0)).getTime())
  const first = Math.min(...done)
  const days = daysBack(DAYS).map(({ to, label }): DayState => {
    const end = Math.min(to.getTime(), Date.now())
    const newest = Math.max(...done.filter((at) => at <= end))
    if (first > end || !Number.isFinite(newest))
      return { label, health: 'none', text: 'no recovery point yet' }
    const age = end - newest
    const text = `newest was of ${ago(new Date(newest), end)}`
    if (age <= OVERDUE_MS) return { label, health: 'good', text }
    return { label, health: age <= 2 * OVERDUE_MS ? 'warning' : 'bad', text }
  })
  return { name: resource.name, path: resourcePath(resource.arn), days }
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
      Each of {count(state.resources.length, 'resource')} has a recovery point of the last 36 hours.
      {state.isWhole ? '' : ' The others were not looked at here: see Resources.'}
    </Alert>
  )
}

function overdueOf(resources: readonly Resource[]): readonly Resource[] {
  return resources.filter(({ last }) => last !== undefined && Date.now() - last.getTime() > OVERDUE_MS)
}

function Tiles({ state, running }: { readonly state: OverviewState; readonly running: number }): ReactNode {
  const protectedCount = state.resources.filter(({ last }) => last !== undefined).length
  const more = state.isWhole ? '' : '+'
  const tiles: readonly (readonly [label: string, value: string, path: string])[] = [
    ['Protected', `${protectedCount}${more}`, '/resources?show=protected'],
    ['Unprotected', `${state.resources.length - protectedCount}${more}`, '/resources?show=unprotected'],
    ['Overdue', String(overdueOf(state.resources).length), '/resources'],
    ['Running', String(running), '/jobs?state=RUNNING'],
    ['Failed in 24 hours', state.failed, '/jobs?state=FAILED'],
    ['Backup vaults', String(state.vaults), '/vaults'],
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
            <Box variant="small">{event.Resource}</Box>
          </div>
        ))}
      </SpaceBetween>
    </Container>
  )
}
