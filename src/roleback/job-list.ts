import type { ListJobsInput, ListJobsOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { listJobs as listRows } from '../store/jobs/jobs.ts'
import type { JobKind, JobState } from '../store/schema.ts'
import { toJob } from './jobs.ts'
import { nextToken, pageOf } from './paging.ts'

/** What is done to vaults as a whole. Of recovery points' own jobs there are as many as points: they are listed where asked for. */
const UPKEEP: readonly JobKind[] = ['verify', 'repair', 'sweep', 'import', 'export', 'rotate-key']

/** Jobs beside backups, copies and restores, the newest first. */
export async function listJobs(ctx: Context, input: ListJobsInput): Promise<ListJobsOutput> {
  const { JobType, State, BackupVaultName, CreatedAfter } = input
  // Not since when: a list of the last hour goes on a minute later.
  const list = `ListJobs ${JSON.stringify([JobType, State, BackupVaultName])}`
  const { rows, next } = await listRows(
    ctx.store.db,
    {
      accountId: ctx.accountId,
      region: ctx.region,
      kinds: JobType === undefined ? UPKEEP : [JobType],
      states: State === undefined ? undefined : [State as JobState],
      vaultName: BackupVaultName,
      createdAfter: CreatedAfter?.getTime(),
    },
    pageOf(ctx, list, input),
  )
  return {
    // Results name what is in vaults: DescribeJob tells them, to those who may know.
    Jobs: rows.map((row) => toJob(row, {})),
    NextToken: nextToken(ctx, list, next),
  }
}
