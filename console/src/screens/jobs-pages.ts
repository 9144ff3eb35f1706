import {
  ListBackupJobsCommand,
  ListCopyJobsCommand,
  ListRestoreJobsByProtectedResourceCommand,
  ListRestoreJobsCommand,
} from '@aws-sdk/client-backup'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { copyState } from '../parts/copy-state.ts'
import { fromSeconds, percentOf } from '../parts/format.ts'
import type { JobKind } from '../parts/link.tsx'
import type { Page } from '../parts/pages.ts'

/** Pages of jobs, each kind from the list that AWS or this server has for it, as rows of one form. */

/** What the list shows of a job, whichever kind. */
export interface JobRow {
  readonly id: string
  readonly resourceArn: string | undefined
  /** What it is called, where the list says so. */
  readonly resourceName?: string | undefined
  /** Of upkeep, what it works on. */
  readonly vault?: string | undefined
  readonly type: string | undefined
  readonly state: string | undefined
  readonly message: string | undefined
  readonly percent: number | undefined
  readonly size: number | undefined
  readonly roleArn: string | undefined
  readonly created: Date | undefined
  /** Of a restore test whose restore is done: it goes on. */
  readonly isTesting?: boolean
}

interface Filter {
  readonly state: string | undefined
  readonly vault: string | undefined
  readonly resourceArn: string | undefined
  readonly type: string | undefined
  readonly since: Date | undefined
}

/** Tests are restores, and shown as such; their list is their own. */
export type ListedKind = JobKind | 'test' | 'upkeep'

/** @param NextToken Of the page before. */
export async function jobsPage(
  kind: ListedKind,
  filter: Filter,
  NextToken: string | undefined,
): Promise<Page<JobRow>> {
  if (filter.state === 'BAD') return await badPage(kind, filter, NextToken)
  if (kind === 'test') return await testsPage(filter, NextToken)
  if (kind === 'upkeep') return await upkeepPage(filter, NextToken)
  if (kind === 'restore') return await restoresPage(filter, NextToken)
  const asked = {
    MaxResults: 50,
    NextToken,
    ByState: filter.state as never,
    ByResourceArn: filter.resourceArn,
    ByResourceType: filter.type,
    ByCreatedAfter: filter.since,
  }
  if (kind === 'copy') {
    const ofState =
      filter.state === 'ABORTED' ? { ByState: 'FAILED' as never, ByMessageCategory: 'ABORTED' } : {}
    const answer = await backup.send(new ListCopyJobsCommand({ ...asked, ...ofState }))
    const rows = (answer.CopyJobs ?? []).map((job) => ({
      id: job.CopyJobId ?? '',
      resourceArn: job.ResourceArn,
      resourceName: job.ResourceName,
      type: job.ResourceType,
      state: copyState(job),
      message: job.StatusMessage,
      percent: undefined,
      size: job.BackupSizeInBytes,
      roleArn: job.IamRoleArn,
      created: job.CreationDate,
    }))
    return { rows, next: answer.NextToken }
  }
  const answer = await backup.send(new ListBackupJobsCommand(asked))
  const rows = (answer.BackupJobs ?? []).map((job) => ({
    id: job.BackupJobId ?? '',
    resourceArn: job.ResourceArn,
    resourceName: job.ResourceName,
    type: job.ResourceType,
    state: job.State,
    message: job.StatusMessage,
    percent: percentOf(job.PercentDone),
    size: job.BackupSizeInBytes,
    roleArn: job.IamRoleArn,
    created: job.CreationDate,
  }))
  return { rows, next: answer.NextToken }
}

const EXPIRED = 'EXPIRED '

/** What failed, and behind it what expired: only one state can be asked for at once. Only backups expire. */
async function badPage(kind: ListedKind, filter: Filter, token: string | undefined): Promise<Page<JobRow>> {
  const isBehind = token?.startsWith(EXPIRED) === true
  const failed = isBehind
    ? { rows: [], next: undefined }
    : await jobsPage(kind, { ...filter, state: 'FAILED' }, token)
  if (failed.next !== undefined || kind !== 'backup') return failed
  const expired = await jobsPage(
    kind,
    { ...filter, state: 'EXPIRED' },
    isBehind ? token.slice(EXPIRED.length) : undefined,
  )
  return {
    rows: [...failed.rows, ...expired.rows],
    next: expired.next === undefined ? undefined : EXPIRED + expired.next,
  }
}

/** Of one resource there is a list of its own, which knows no types and times. */
async function restoresPage(
  { state, resourceArn, type, since }: Filter,
  NextToken: string | undefined,
): Promise<Page<JobRow>> {
  const asked = { MaxResults: 50, NextToken, ByStatus: state as never }
  const answer =
    resourceArn === undefined
      ? await backup.send(
          new ListRestoreJobsCommand({ ...asked, ByResourceType: type, ByCreatedAfter: since }),
        )
      : await backup.send(
          new ListRestoreJobsByProtectedResourceCommand({ ...asked, ResourceArn: resourceArn }),
        )
  const rows = (answer.RestoreJobs ?? []).map((job) => ({
    id: job.RestoreJobId ?? '',
    resourceArn: job.SourceResourceArn ?? job.CreatedResourceArn,
    type: job.ResourceType,
    state: job.Status,
    // Where it restored to: no warning.
    message: undefined,
    percent: percentOf(job.PercentDone),
    size: job.BackupSizeInBytes,
    roleArn: job.IamRoleArn,
    created: job.CreationDate,
  }))
  return { rows, next: answer.NextToken }
}

/** A restore that went well, of something that was found wanting, is none that is green. */
async function testsPage({ resourceArn }: Filter, NextToken: string | undefined): Promise<Page<JobRow>> {
  const answer = await roleback('ListRestoreTests', {
    MaxResults: 50,
    ...(NextToken !== undefined && { NextToken }),
    ...(resourceArn !== undefined && { ResourceArn: resourceArn }),
  })
  const rows = answer.Tests.map((test) => ({
    id: test.RestoreJobId,
    resourceArn: test.ResourceArn,
    type: undefined,
    state: test.ValidationStatus === 'FAILED' ? 'FAILED' : test.RestoreStatus,
    message: undefined,
    percent: undefined,
    size: undefined,
    roleArn: undefined,
    created: fromSeconds(test.DueAt),
    isTesting: test.ValidationStatus === 'VALIDATING',
  }))
  return { rows, next: answer.NextToken }
}

async function upkeepPage(
  { state, type, vault, since }: Filter,
  NextToken: string | undefined,
): Promise<Page<JobRow>> {
  const answer = await roleback('ListJobs', {
    MaxResults: 50,
    ...(NextToken !== undefined && { NextToken }),
    ...(state !== undefined && { State: state as never }),
    ...(type !== undefined && { JobType: type as never }),
    ...(vault !== undefined && { BackupVaultName: vault }),
    ...(since !== undefined && { CreatedAfter: since.getTime() / 1000 }),
  })
  const rows = answer.Jobs.map((job) => ({
    id: job.JobId,
    resourceArn: job.ResourceArn,
    vault: job.BackupVaultName,
    type: job.JobType,
    state: job.State,
    // What it found: no warning.
    message: undefined,
    percent: percentOf(job.PercentDone?.toString()),
    size: job.BytesDone,
    roleArn: job.IamRoleArn,
    created: fromSeconds(job.CreationDate),
  }))
  return { rows, next: answer.NextToken }
}
