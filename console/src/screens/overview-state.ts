import {
  ListBackupJobsCommand,
  ListBackupVaultsCommand,
  ListRecoveryPointsByResourceCommand,
  ListRestoreJobsCommand,
} from '@aws-sdk/client-backup'
import type { BackupJob, ListBackupJobsCommandOutput, RestoreJobsListMember } from '@aws-sdk/client-backup'
import { backup } from '../api/backup.ts'
import { allPages, roleback } from '../api/roleback.ts'
import { ago, count, labelOf } from '../parts/format.ts'
import { daysBack } from '../parts/heatmap.tsx'
import type { DayState } from '../parts/heatmap.tsx'
import { lastBackups } from '../parts/last-backups.ts'
import { resourcePath } from '../parts/link.tsx'
import { DEFAULT_OBJECTIVE_MS, objectives } from '../parts/objectives.ts'

/** What the overview knows: bounded, however much there is. */

const DAY_MS = 86_400_000
export const DAYS = 30
/** Resources that are looked at. */
export const MAX_RESOURCES = 500
const MAX_JOBS = 5_000
/** Rows of the heatmap, each of which takes a call. */
const MAX_ROWS = 25
const MAX_POINTS = 200

export interface Resource {
  readonly arn: string
  readonly name: string
  readonly last: Date | undefined
  /** How old the newest recovery point may be, in milliseconds. */
  readonly objective: number
}

export interface OverviewState {
  readonly resources: readonly Resource[]
  /** Whether there are no others. */
  readonly isWhole: boolean
  readonly vaults: number
  readonly failures: readonly BackupJob[]
  /** How many, with a plus where there are more. */
  readonly failed: string
  readonly strip: readonly DayState[]
  /** Restore tests of these days: how many there were, and how many of them were good. */
  readonly tests: { readonly all: number; readonly good: number }
}

export interface HeatRow {
  readonly name: string
  readonly path: string
  readonly days: readonly DayState[]
}

export async function readState(): Promise<OverviewState> {
  const since = new Date(Date.now() - DAYS * DAY_MS)
  const [registered, promised, vaults, jobs, restores, ...bad] = await Promise.all([
    allPages(
      async (NextToken) =>
        await roleback('ListResources', { MaxResults: 500, ...(NextToken !== undefined && { NextToken }) }),
      (page) => page.Resources,
      MAX_RESOURCES,
    ),
    // Whoever may not see plans sees how things stand by the general rule.
    objectives().catch((): ReadonlyMap<string, number> => new Map()),
    backup.send(new ListBackupVaultsCommand({ MaxResults: 1000 })),
    allPages(
      async (NextToken) =>
        await backup.send(new ListBackupJobsCommand({ MaxResults: 1000, ByCreatedAfter: since, NextToken })),
      (page) => page.BackupJobs,
      MAX_JOBS,
    ),
    backup.send(new ListRestoreJobsCommand({ MaxResults: 1000, ByCreatedAfter: since })),
    ...BAD.map(async (ByState) => await failuresOf(ByState)),
  ])
  const lastOf = await lastBackups(registered.rows.map(({ ResourceArn }) => ResourceArn))
  const failures = bad
    .flatMap((page) => page.BackupJobs ?? [])
    .toSorted((a, b) => (b.CreationDate?.getTime() ?? 0) - (a.CreationDate?.getTime() ?? 0))
  return {
    resources: registered.rows.map((resource) => ({
      arn: resource.ResourceArn,
      name: labelOf(resource),
      last: lastOf.get(resource.ResourceArn),
      objective: promised.get(resource.ResourceArn) ?? DEFAULT_OBJECTIVE_MS,
    })),
    isWhole: registered.isWhole,
    vaults: vaults.BackupVaultList?.length ?? 0,
    failures,
    failed: `${failures.length}${bad.some(({ NextToken }) => NextToken !== undefined) ? '+' : ''}`,
    strip: stripOf(jobs.rows, jobs.isWhole),
    tests: testsOf(restores.RestoreJobs ?? []),
  }
}

/** A test that somebody found wanting is none that was good; one that still runs is not counted. */
function testsOf(restores: readonly RestoreJobsListMember[]): OverviewState['tests'] {
  const all = restores.filter(
    ({ CreatedBy, CompletionDate }) =>
      CreatedBy?.RestoreTestingPlanArn !== undefined && CompletionDate !== undefined,
  )
  const good = all.filter(
    ({ Status, ValidationStatus }) => Status === 'COMPLETED' && ValidationStatus !== 'FAILED',
  )
  return { all: all.length, good: good.length }
}

const BAD = ['FAILED', 'EXPIRED', 'ABORTED'] as const

function isBad(state: string | undefined): boolean {
  return BAD.some((one) => one === state)
}

async function failuresOf(ByState: (typeof BAD)[number]): Promise<ListBackupJobsCommandOutput> {
  const ByCreatedAfter = new Date(Date.now() - DAY_MS)
  return await backup.send(new ListBackupJobsCommand({ ByState, ByCreatedAfter, MaxResults: 100 }))
}

export function overdueOf(resources: readonly Resource[]): readonly Resource[] {
  return resources.filter(
    ({ last, objective }) => last !== undefined && Date.now() - last.getTime() > objective,
  )
}

function stripOf(jobs: readonly BackupJob[], isWhole: boolean): readonly DayState[] {
  const oldest = Math.min(...jobs.map(({ CreationDate }) => CreationDate?.getTime() ?? Infinity))
  return daysBack(DAYS).map(({ from, to, label }) => {
    if (!isWhole && from.getTime() < oldest)
      return { label, health: 'none', text: 'too many backups to be looked at here' }
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

/** Those that are worst off first: never backed up, then the longest ago. */
export async function readHeat(resources: readonly Resource[]): Promise<readonly HeatRow[]> {
  const rows = resources
    .toSorted((a, b) => (a.last?.getTime() ?? 0) - (b.last?.getTime() ?? 0))
    .slice(0, MAX_ROWS)
  return await Promise.all(rows.map(heatOf))
}

/** A day is good where its end had a recovery point that was as new as the resource's plan asks. */
async function heatOf({ arn, name, last, objective }: Resource): Promise<HeatRow> {
  const { RecoveryPoints = [] } =
    last === undefined
      ? {}
      : await backup.send(
          new ListRecoveryPointsByResourceCommand({ ResourceArn: arn, MaxResults: MAX_POINTS }),
        )
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
  return { name, path: resourcePath(arn), days }
}
