import { ListBackupJobsCommand, ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { backup } from '../../api/backup.ts'
import type { Bandwidth, Pause } from '../../api/generated.ts'
import { untilRefused } from '../../api/queries.ts'
import { roleback } from '../../api/roleback.ts'
import { Facts } from '../../parts/facts.tsx'
import { ago, bytes, fromSeconds, nameOf, when } from '../../parts/format.ts'
import { Stack } from '../../parts/layout.tsx'
import { Link } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'
import { Problem } from '../../parts/problem.tsx'
import { VaultsHealth } from './vaults-health.tsx'
import { LockState } from '../vaults.tsx'

const FOLLOW_MS = 5_000
const MAX_COUNTED = 1_000
const WAITING = ['CREATED', 'PENDING', 'RUNNING'] as const
/** A job that waits longer than this waits for something that does not come by itself. */
const LONG_MS = 3_600_000

export function Health(): ReactNode {
  return (
    <Stack>
      <Queue />
      <VaultsHealth />
      <Limits />
      <Locks />
      <Pauses />
    </Stack>
  )
}

function Queue(): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['queue'],
    queryFn: async () =>
      await Promise.all(
        WAITING.map(
          async (ByState) =>
            await backup.send(new ListBackupJobsCommand({ ByState, MaxResults: MAX_COUNTED })),
        ),
      ),
    refetchInterval: untilRefused(FOLLOW_MS),
  })
  const counted = (at: number): ReactNode => {
    const page = data?.[at]
    if (page === undefined) return undefined
    const text = `${(page.BackupJobs?.length ?? 0).toLocaleString()}${page.NextToken === undefined ? '' : '+'}`
    return <Link to={`/jobs?state=${WAITING[at] ?? ''}`}>{text}</Link>
  }
  const waiting = [...(data?.[0]?.BackupJobs ?? []), ...(data?.[1]?.BackupJobs ?? [])]
  const oldest = waiting
    .map(({ CreationDate }) => CreationDate)
    .toSorted((a, b) => (a?.getTime() ?? 0) - (b?.getTime() ?? 0))[0]
  const isLong = oldest !== undefined && Date.now() - oldest.getTime() > LONG_MS
  return (
    <Container header={<Header variant="h2">Queue</Header>}>
      {error !== null && <Problem error={error} what="look at the queue" />}
      {data !== undefined && (
        <Facts
          of={[
            ['Created', counted(0)],
            ['Waiting', counted(1)],
            ['Running', counted(2)],
            [
              'Oldest that waits',
              <StatusIndicator key="oldest" type={isLong ? 'warning' : 'success'}>
                {oldest === undefined ? 'Nothing waits' : ago(oldest)}
              </StatusIndicator>,
            ],
          ]}
        />
      )}
    </Container>
  )
}

function Limits(): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['job limits'],
    queryFn: async () => await roleback('DescribeJobLimits', {}),
  })
  return (
    <Container
      header={
        <Header variant="h2" description="How many jobs work at a time. ./roleback job limits sets them.">
          Job limits
        </Header>
      }
    >
      {error !== null && <Problem error={error} what="see the limits of jobs" />}
      {data !== undefined && (
        <Facts
          of={[
            ['Over one connection', data.PerConnection],
            ['On one host', data.PerHost],
            ['On a server', data.PerServer ?? 'By its processors'],
            ['Bandwidth to databases and buckets', bandwidthOf(data.Bandwidth)],
          ]}
        />
      )}
    </Container>
  )
}

function bandwidthOf(limits: Bandwidth | undefined): string {
  if (limits === undefined) return 'No limit'
  const windows = limits.Windows.map(
    (one) => `${one.FromHour}–${one.ToHour} h: ${bytes(one.BytesPerSecond)}/s`,
  )
  return `${windows.join(', ')} (${limits.TimeZone})`
}

function Locks(): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['vaults and locks'],
    queryFn: async () => await backup.send(new ListBackupVaultsCommand({ MaxResults: MAX_COUNTED })),
  })
  const locked = (data?.BackupVaultList ?? []).filter(({ Locked }) => Locked === true)
  return (
    <Container header={<Header variant="h2">Locked vaults</Header>}>
      {error !== null && <Problem error={error} what="list backup vaults" />}
      {data !== undefined && locked.length === 0 && 'No vault is locked.'}
      {locked.length > 0 && (
        <Facts
          of={locked.map(
            (vault) =>
              [vault.BackupVaultName ?? '', <LockState key={vault.BackupVaultName} vault={vault} />] as const,
          )}
        />
      )}
    </Container>
  )
}

function Pauses(): ReactNode {
  const pages = usePages(['pauses'], async () => ({
    rows: (await roleback('ListPauses', {})).Pauses,
    next: undefined,
  }))
  return (
    <List<Pause>
      variant="container"
      title="Pauses"
      what="list pauses"
      pages={pages}
      idOf={({ TargetArn }) => TargetArn}
      empty="Nothing is paused."
      columns={[
        { id: 'what', header: 'What', isRowHeader: true, cell: ({ TargetArn }) => nameOf(TargetArn) },
        { id: 'until', header: 'Until', cell: ({ Until }) => when(fromSeconds(Until)) },
        { id: 'why', header: 'Why', cell: ({ Reason }) => Reason ?? '–' },
        { id: 'by', header: 'By', cell: ({ PausedBy }) => nameOf(PausedBy) },
      ]}
    />
  )
}
