import { ListBackupJobsCommand, ListRecoveryPointsByResourceCommand } from '@aws-sdk/client-backup'
import type { BackupJob } from '@aws-sdk/client-backup'
import { backup } from '../api/backup.ts'
import type { DescribeOverviewOutput, OverviewDay, ResourceProtection } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { ago, count, fromSeconds } from '../parts/format.ts'
import { daysBack } from '../parts/heatmap.tsx'
import type { DayState } from '../parts/heatmap.tsx'
import { resourcePath } from '../parts/link.tsx'

/** What the overview knows: numbers that the server counted, and a few of each kind to name. */

const DAY_MS = 86_400_000
export const DAYS = 30
/** Failures that are named. */
const MAX_FAILURES = 5
/** Rows of the heatmap, each of which takes a call. */
export const MAX_ROWS = 25
const MAX_POINTS = 200

export interface OverviewState {
  readonly numbers: DescribeOverviewOutput
  readonly failures: readonly BackupJob[]
  /** The resource that is worst off of those that are overdue, or else of those that are unprotected. */
  readonly worst: ResourceProtection | undefined
  readonly strip: readonly DayState[]
}

export interface HeatRow {
  readonly name: string
  readonly path: string
  readonly days: readonly DayState[]
}

export async function readState(): Promise<OverviewState> {
  const days = daysBack(DAYS)
  const [numbers, ...bad] = await Promise.all([
    roleback('DescribeOverview', { DayStarts: days.map(({ from }) => from.getTime() / 1000) }),
    ...BAD.map(failuresOf),
  ])
  const failures = bad
    .flat()
    .toSorted((a, b) => (b.CreationDate?.getTime() ?? 0) - (a.CreationDate?.getTime() ?? 0))
    .slice(0, MAX_FAILURES)
  return {
    numbers,
    failures,
    worst: await worstOf(numbers),
    strip: days.map(({ label }, index) => ({ label, ...healthOf(numbers.Days[index]) })),
  }
}

const BAD = ['FAILED', 'EXPIRED', 'ABORTED'] as const

async function failuresOf(ByState: (typeof BAD)[number]): Promise<readonly BackupJob[]> {
  const ByCreatedAfter = new Date(Date.now() - DAY_MS)
  const asked = { ByState, ByCreatedAfter, MaxResults: MAX_FAILURES }
  return (await backup.send(new ListBackupJobsCommand(asked))).BackupJobs ?? []
}

async function worstOf(numbers: DescribeOverviewOutput): Promise<ResourceProtection | undefined> {
  const { OverdueResources: overdue, UnprotectedResources: unprotected } = numbers
  if (overdue === 0 && unprotected === 0) return undefined
  const Protection = overdue > 0 ? 'OVERDUE' : 'UNPROTECTED'
  return (await roleback('ListResourceProtection', { Protection, MaxResults: 1 })).Resources[0]
}

function healthOf(day: OverviewDay | undefined): Omit<DayState, 'label'> {
  const { BackupJobs: all = 0, FailedBackupJobs: bad = 0, RunningBackupJobs: running = 0 } = day ?? {}
  if (all === 0) return { health: 'none', text: 'no backups' }
  if (bad > 0) return { health: 'bad', text: `${bad} of ${count(all, 'backup')} failed` }
  if (running > 0) return { health: 'warning', text: `${count(running, 'backup')} running` }
  const isWarned = (day?.WarnedBackupJobs ?? 0) > 0
  return { health: isWarned ? 'warning' : 'good', text: count(all, 'backup') }
}

/** Those that are worst off first: never backed up, then the longest ago. */
export async function readHeat(): Promise<readonly HeatRow[]> {
  const { Resources } = await roleback('ListResourceProtection', { MaxResults: MAX_ROWS })
  return await Promise.all(Resources.map(heatOf))
}

/** A day is good where its end had a recovery point that was as new as the resource's plan asks. */
async function heatOf(resource: ResourceProtection): Promise<HeatRow> {
  const { ResourceArn, Name: name, LastBackupTime: last } = resource
  const objective = resource.AllowedAgeSeconds * 1000
  const { RecoveryPoints = [] } =
    last === undefined
      ? {}
      : await backup.send(new ListRecoveryPointsByResourceCommand({ ResourceArn, MaxResults: MAX_POINTS }))
  const made = RecoveryPoints.filter(({ Status }) => Status === 'COMPLETED').map(
    ({ CreationDate }) => CreationDate?.getTime() ?? 0,
  )
  const first = Math.min(...made)
  const days = daysBack(DAYS).map(({ to, label }): DayState => {
    const end = Math.min(to.getTime(), Date.now())
    const newest = Math.max(...made.filter((at) => at <= end))
    if (first > end || !Number.isFinite(newest))
      return { label, health: 'none', text: 'no recovery point yet' }
    const age = end - newest
    const text = `newest was of ${ago(new Date(newest), end)}`
    if (age <= objective) return { label, health: 'good', text }
    return { label, health: age <= 2 * objective ? 'warning' : 'bad', text }
  })
  return { name, path: resourcePath(ResourceArn), days }
}

export const lastOf = ({ LastBackupTime }: ResourceProtection): Date | undefined =>
  fromSeconds(LastBackupTime)
