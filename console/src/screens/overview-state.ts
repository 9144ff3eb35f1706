import {
  ListBackupJobsCommand,
  ListProtectedResourcesCommand,
  ListRecoveryPointsByResourceCommand,
} from '@aws-sdk/client-backup'
import type { BackupJob, RecoveryPointByResource } from '@aws-sdk/client-backup'
import { backup } from '../api/backup.ts'
import type { DescribeOverviewOutput, OverviewDay, ResourceProtection } from '../api/generated.ts'
import { untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { isDamaged, isWholePoint } from '../parts/damage.ts'
import { ago, count, fromSeconds } from '../parts/format.ts'
import { daysBack } from '../parts/heatmap.tsx'
import type { DayState } from '../parts/heatmap.tsx'
import { resourcePath } from '../parts/link.tsx'

/** What the overview knows: numbers that the server counted, and a few of each kind to name. */

const DAY_MS = 86_400_000
export const DAYS = 30
/** How often what is shown is read anew where no job moved: time alone makes resources overdue. */
export const UNASKED_MS = 30_000
/** Whoever comes back sees how things stand now, and not how they stood when he left. */
export const ASKED_ANEW = { staleTime: 0, refetchInterval: untilRefused(UNASKED_MS) } as const
/** Failures that are named. */
const MAX_FAILURES = 5
/** Rows of the heatmap, each of which takes a call. */
export const MAX_ROWS = 25
const MAX_POINTS = 200

export interface Numbers {
  readonly numbers: DescribeOverviewOutput
  readonly strip: readonly DayState[]
}

/** Newest first, a few of them. */
export type Failures = readonly BackupJob[]

export interface HeatRow {
  readonly name: string
  readonly path: string
  readonly days: readonly DayState[]
}

export async function readNumbers(): Promise<Numbers> {
  const days = daysBack(DAYS)
  const DayStarts = days.map(({ from }) => from.getTime() / 1000)
  const numbers = await roleback('DescribeOverview', { DayStarts })
  return {
    numbers,
    strip: days.map(({ label }, index) => ({ label, ...healthOf(numbers.Days[index]) })),
  }
}

/** What a person stopped did not fail. */
const BAD = ['FAILED', 'EXPIRED'] as const

export async function readFailures(): Promise<Failures> {
  return (await failed(MAX_FAILURES))
    .toSorted((a, b) => (b.CreationDate?.getTime() ?? 0) - (a.CreationDate?.getTime() ?? 0))
    .slice(0, MAX_FAILURES)
}

/** So many of each state at most, of the last 24 hours. */
async function failed(MaxResults: number): Promise<readonly BackupJob[]> {
  const ByCreatedAfter = new Date(Date.now() - DAY_MS)
  const asked = BAD.map(async (ByState) => {
    const { BackupJobs = [] } = await backup.send(
      new ListBackupJobsCommand({ ByState, ByCreatedAfter, MaxResults }),
    )
    return BackupJobs
  })
  return (await Promise.all(asked)).flat()
}

/** One page of a list is what is counted where the server's numbers may not be seen; beyond it, "1,000+". */
const MAX_COUNTED = 1_000

const counted = (found: number, isMore: boolean): string => `${found.toLocaleString()}${isMore ? '+' : ''}`

export async function countFailed(): Promise<string> {
  const { length } = await failed(MAX_COUNTED)
  return counted(length, length >= MAX_COUNTED)
}

export async function countRunning(): Promise<string> {
  const { BackupJobs = [], NextToken } = await backup.send(
    new ListBackupJobsCommand({ ByState: 'RUNNING', MaxResults: MAX_COUNTED }),
  )
  return counted(BackupJobs.length, NextToken !== undefined)
}

export async function countProtected(): Promise<string> {
  const { Results = [], NextToken } = await backup.send(
    new ListProtectedResourcesCommand({ MaxResults: MAX_COUNTED }),
  )
  return counted(Results.length, NextToken !== undefined)
}

/** By ARN: what was backed up in part, and not whole since; of as many as are looked at. */
export async function readPartial(): Promise<readonly string[]> {
  const ByCreatedAfter = new Date(Date.now() - DAYS * DAY_MS)
  const asked = { ByState: 'PARTIAL', ByCreatedAfter, MaxResults: 100 } as const
  const { BackupJobs = [] } = await backup.send(new ListBackupJobsCommand(asked))
  const newest = new Map(BackupJobs.toReversed().map((job) => [job.ResourceArn ?? '', job]))
  const found = [...newest].slice(0, MAX_ROWS).map(async ([ByResourceArn, { CreationDate }]) => {
    const since = {
      ByResourceArn,
      ByState: 'COMPLETED',
      ByCreatedAfter: CreationDate,
      MaxResults: 1,
    } as const
    const whole = await backup.send(new ListBackupJobsCommand(since))
    return whole.BackupJobs?.length === 0 ? [ByResourceArn] : []
  })
  return (await Promise.all(found)).flat()
}

/** The resource that is worst off of those that are overdue, or else of those that are unprotected. */
export async function readWorst(Protection: 'OVERDUE' | 'UNPROTECTED'): Promise<ResourceProtection | null> {
  // A query's answer may not be undefined.
  return (await roleback('ListResourceProtection', { Protection, MaxResults: 1 })).Resources[0] ?? null
}

function healthOf(day: OverviewDay | undefined): Omit<DayState, 'label'> {
  const { BackupJobs: all = 0, FailedBackupJobs: bad = 0, RunningBackupJobs: running = 0 } = day ?? {}
  if (all === 0) return { health: 'none', text: 'no backups' }
  if (bad > 0) return { health: 'bad', text: `${bad} of ${count(all, 'backup')} failed` }
  if (running > 0) return { health: 'warning', text: `${count(running, 'backup')} running` }
  const isWarned = (day?.WarnedBackupJobs ?? 0) > 0
  return { health: isWarned ? 'warning' : 'good', text: count(all, 'backup') }
}

/** Those that are worst off first: never backed up, then the longest ago. Not what restores made and nobody backs up. */
export async function readHeat(): Promise<readonly HeatRow[]> {
  const asked = (['UNPROTECTED', 'PROTECTED'] as const).map(
    async (Protection) => await roleback('ListResourceProtection', { Protection, MaxResults: MAX_ROWS }),
  )
  const resources = (await Promise.all(asked)).flatMap(({ Resources }) => Resources)
  return await Promise.all(resources.slice(0, MAX_ROWS).map(heatOf))
}

interface MadePoint {
  readonly at: number
  readonly point: RecoveryPointByResource
}

const newerOf = (one: MadePoint | undefined, other: MadePoint): MadePoint =>
  one === undefined || other.at > one.at ? other : one

/** A day is good where its end had a whole recovery point that was as new as the resource's plan asks. */
async function heatOf(resource: ResourceProtection): Promise<HeatRow> {
  const { ResourceArn, Name: name, LastBackupTime: last } = resource
  const objective = resource.AllowedAgeSeconds * 1000
  const { RecoveryPoints = [] } =
    last === undefined
      ? {}
      : await backup.send(new ListRecoveryPointsByResourceCommand({ ResourceArn, MaxResults: MAX_POINTS }))
  const made = RecoveryPoints.filter(({ Status }) => Status === 'COMPLETED' || Status === 'PARTIAL').map(
    (point) => ({ at: point.CreationDate?.getTime() ?? 0, point }),
  )
  const days = daysBack(DAYS).map(({ to, label }): DayState => {
    const end = Math.min(to.getTime(), Date.now())
    const newest = made.filter(({ at }) => at <= end).reduce(newerOf, undefined)
    if (newest === undefined) return { label, health: 'none', text: 'no recovery point yet' }
    const { at, point } = newest
    const age = end - at
    const text = `newest was of ${ago(new Date(at), end)}`
    if (isDamaged(point.StatusMessage)) return { label, health: 'bad', text: `${text} and is damaged` }
    if (age <= objective && !isWholePoint(point))
      return { label, health: 'warning', text: `${text} and is partial` }
    if (age <= objective) return { label, health: 'good', text }
    return { label, health: age <= 2 * objective ? 'warning' : 'bad', text }
  })
  return { name, path: resourcePath(ResourceArn), days }
}

export const lastOf = ({ LastBackupTime }: ResourceProtection): Date | undefined =>
  fromSeconds(LastBackupTime)
