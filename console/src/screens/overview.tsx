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
import { Headline } from './overview-headline.tsx'
import {
  ASKED_ANEW,
  DAYS,
  MAX_ROWS,
  UNASKED_MS,
  readFailures,
  readHeat,
  readNumbers,
} from './overview-state.ts'
import type { Failures, Numbers } from './overview-state.ts'
import { Tiles } from './overview-tiles.tsx'
import { backup } from '../api/backup.ts'
import { isUnreached, queries, untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { ago, count, fromSeconds, nameOf, when } from '../parts/format.ts'
import { GivenUp } from '../parts/given-up.tsx'
import { DayScale, DayStrip, Heatmap } from '../parts/heatmap.tsx'
import { Link, jobPath } from '../parts/link.tsx'
import { Explain, Message, Problem, Refused, isDenied } from '../parts/problem.tsx'
import { ResourceName } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'

const FirstSteps = lazy(async () => ({ default: (await import('./first-steps.tsx')).FirstSteps }))

const Growth = lazy(async () => ({ default: (await import('../parts/growth.tsx')).Growth }))

/** With what the answers take, a job that moved shows within a second. */
const LIVE_MS = 700

/** Whether nothing was ever backed up here, nor tried of late. */
function isFresh({ numbers, strip }: Numbers): boolean {
  const never = numbers.UnprotectedResources + numbers.RestoredResources
  return never === numbers.Resources && strip.every(({ health }) => health === 'none')
}

export function Overview(): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['overview', 'numbers'],
    queryFn: readNumbers,
    staleTime: 0,
    // The server counts no more often than it can afford; what it counted before is asked for again soon.
    refetchInterval: untilRefused((known) => (known?.numbers.IsCurrent === false ? LIVE_MS : UNASKED_MS)),
  })
  const failures = useQuery({
    queryKey: ['overview', 'failures'],
    queryFn: readFailures,
    ...ASKED_ANEW,
  })
  const isSilent = useMoves()
  const isGone = isSilent || isUnreached(error)
  const refusal = isDenied(error) ? error : null
  // What was known stays in sight while the server is away.
  if (error !== null && refusal === null && !(isGone && data !== undefined))
    return (
      <Screen title="Overview">
        <Problem error={error} what="see how things stand" />
      </Screen>
    )
  if (data === undefined && error === null)
    return (
      <Screen title="Overview">
        <Spinner size="large" />
      </Screen>
    )
  const firstSteps = data?.numbers.FirstSteps === 'OPEN' && (
    <Suspense fallback={<Spinner size="large" />}>
      <FirstSteps hasResource={data.numbers.Resources > 0} />
    </Suspense>
  )
  if (firstSteps !== false && data !== undefined && isFresh(data))
    return (
      <Screen title="Overview" description="Nothing is backed up yet.">
        {firstSteps}
      </Screen>
    )
  return (
    <Screen title="Overview">
      {firstSteps}
      {isGone ? (
        <Alert type="error" header="The server does not answer">
          What is shown below is what it said last. It is asked again until it answers.
        </Alert>
      ) : (
        <Headline numbers={data?.numbers} error={refusal} failures={failures.data} />
      )}
      <GivenUp />
      <Tiles numbers={data?.numbers} refusal={refusal ?? undefined} />
      <Container
        header={
          <Header variant="h2" description="Each square is a day; the worst that happened on it.">
            The last {DAYS} days
          </Header>
        }
      >
        {refusal !== null && <Refused error={refusal} />}
        {data !== undefined && (
          <>
            <DayStrip label={`The last ${DAYS} days`} days={data.strip} />
            <DayScale days={data.strip} />
          </>
        )}
      </Container>
      <Heat of={data === undefined ? 0 : data.numbers.Resources - data.numbers.RestoredResources} />
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
        <FailedLately failures={failures.data} error={failures.error} />
        <Denials />
      </ColumnLayout>
    </Screen>
  )
}

/** What is read anew once a job moved. */
const SHOWN = ['overview', 'first steps', 'heat', 'denials', 'damage', 'growth']

/**
 * Two small questions a second tell whether any backup moved; then all that is shown is read anew.
 * @returns Whether the server does not answer: then nothing of what is shown is known to hold still.
 */
function useMoves(): boolean {
  const { data: moved, error } = useQuery({
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
  const isGone = isUnreached(error)
  const now = isGone ? 'gone' : moved
  const seen = useRef(now)
  useEffect(() => {
    if (!isGone && seen.current !== undefined && seen.current !== now) {
      for (const about of SHOWN) void queries.invalidateQueries({ queryKey: [about] })
    }
    seen.current = now
  }, [isGone, now])
  return isGone
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

function FailedLately({
  failures,
  error,
}: {
  readonly failures: Failures | undefined
  readonly error: Error | null
}): ReactNode {
  return (
    <Container fitHeight header={<Header variant="h2">Failed in 24 hours</Header>}>
      {error !== null && <Problem error={error} what="list backup jobs" />}
      {failures?.length === 0 && <Box>Nothing failed.</Box>}
      {failures !== undefined && failures.length > 0 && (
        <SpaceBetween size="s">
          {failures.map((job) => (
            <div key={job.BackupJobId}>
              <Link to={jobPath('backup', job.BackupJobId ?? '')}>
                <ResourceName arn={job.ResourceArn ?? ''} called={job.ResourceName} />
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
              {event.Resource !== '*' && event.Resource} <Explain id={event.AuthorizationId} />
            </Box>
          </div>
        ))}
      </SpaceBetween>
    </Container>
  )
}
