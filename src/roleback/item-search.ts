import { guardHandOuts } from '../access/restore-guard.ts'
import { resourceTagKeys } from '../access/request-context.ts'
import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  ListItemSearchResultsInput,
  ListItemSearchResultsOutput,
  StartItemSearchJobInput,
  StartItemSearchJobOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { findJob, insertJob, jobBasics } from '../store/jobs/jobs.ts'
import { findRecoveryPoint, listRecoveryPoints, RESTORABLE } from '../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { vaultNamed } from './jobs.ts'
import { nextToken, pageOf } from './paging.ts'

/** One search looks into so many recovery points at most: the newest that the filters leave. */
const MAX_SEARCHED = 100
/** What a search found is kept so long, as AWS Backup keeps it; what a look into one folder found only while somebody looks about. */
const KEPT_MS = 7 * 86_400_000
const LOOK_KEPT_MS = 3_600_000
/** Longer names no file system and no bucket has. */
const MAX_PATTERN = 1024
/** More text than a folder's end ever has. */
const MAX_DELIMITER = 16

/**
 * Looks for files, objects and tables by name, size and time in the recovery points of a vault. What things are named is content, too: each
 * recovery point asks for the right and passes the restore guard.
 */
export async function startItemSearchJob(
  ctx: Context,
  input: StartItemSearchJobInput,
): Promise<StartItemSearchJobOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const pattern = checked(input)
  const points = await pointsToSearch(ctx, vault.name, input)
  const warnings = await mayKnow(ctx, points)
  const { row } = await insertJob(ctx.store.db, {
    ...jobBasics(ctx, 'search'),
    vault_name: vault.name,
    guard_warning: warnings.length === 0 ? null : warnings.join('\n'),
    kept_until: ctx.now + (input.Delimiter === undefined ? KEPT_MS : LOOK_KEPT_MS),
    input: JSON.stringify({
      recoveryPointArns: points.map(({ arn }) => arn),
      prefix: input.Prefix ?? '',
      pattern,
      minSize: input.MinSize ?? null,
      maxSize: input.MaxSize ?? null,
      modifiedAfter: input.ModifiedAfter?.getTime() ?? null,
      modifiedBefore: input.ModifiedBefore?.getTime() ?? null,
      delimiter: input.Delimiter,
      skip: input.Skip,
    }),
  })
  ctx.store.wake()
  return { JobId: row.job_id, RecoveryPointCount: points.length, Warnings: warnings }
}

/** Asked again by whoever reads the results, of the same recovery points: a job's id opens nothing. */
export async function listItemSearchResults(
  ctx: Context,
  input: ListItemSearchResultsInput,
): Promise<ListItemSearchResultsOutput> {
  const job = await findJob(ctx.store.db, ctx.accountId, input.JobId)
  if (job === undefined || job.kind !== 'search')
    throw new ResourceNotFoundException(
      `Cannot find item search ${input.JobId}: what was found is kept for seven days, in one folder for an hour`,
      { Context: input.JobId },
    )
  const { recoveryPointArns } = JSON.parse(job.input) as { recoveryPointArns: readonly string[] }
  const points: RecoveryPointTable[] = []
  for (const arn of recoveryPointArns) {
    const point = await findRecoveryPoint(ctx.store.db, ctx.accountId, arn)
    if (point !== undefined) points.push(point)
  }
  await mayKnow(ctx, points)
  const there = new Map(points.map((point) => [point.arn, point]))
  const { found = [], isTruncated = false } = JSON.parse(job.result) as Partial<Found>
  const list = `ListItemSearchResults ${job.job_id}`
  const page = pageOf(ctx, list, input)
  const from = Number(page.after?.[0] ?? 0)
  const end = from + page.limit
  return {
    State: job.state,
    StatusMessage: job.status_message ?? undefined,
    IsTruncated: isTruncated,
    Items: found.slice(from, end).flatMap((item) => {
      const point = there.get(item.recoveryPointArn)
      if (point === undefined) return []
      return {
        RecoveryPointArn: point.arn,
        ResourceArn: point.resource_arn,
        ResourceType: point.resource_type,
        CreationDate: new Date(point.created_at),
        Name: item.name,
        ItemType: item.type,
        Size: item.size,
        ModifiedAt: item.modifiedAt === undefined ? undefined : new Date(item.modifiedAt),
      }
    }),
    NextToken: nextToken(ctx, list, end < found.length ? [String(end)] : undefined),
  }
}

interface Found {
  readonly found: readonly {
    readonly recoveryPointArn: string
    readonly name: string
    readonly type: string
    readonly size?: number
    readonly modifiedAt?: number
  }[]
  readonly isTruncated: boolean
}

/** @throws The refusal of the first recovery point that the caller may not search. */
async function mayKnow(ctx: Context, points: readonly RecoveryPointTable[]): Promise<readonly string[]> {
  for (const point of points) {
    const tags = await tagsOf(ctx.store.db, ctx.accountId, point.arn)
    await ctx.authorize('roleback:StartItemSearchJob', point.arn, resourceTagKeys(tags))
  }
  const warnings = await guardHandOuts(
    ctx,
    points.map((point) => ({ point })),
  )
  for (const warning of warnings) ctx.warn(warning)
  return warnings
}

function checked(input: StartItemSearchJobInput): string | null {
  const { NamePattern, MinSize, MaxSize, ModifiedAfter, ModifiedBefore, Prefix, Delimiter, Skip } = input
  const refuse = (member: string, why: string): never => {
    throw new InvalidParameterValueException(`${member} ${why}`, { Context: member })
  }
  if (NamePattern !== undefined && (NamePattern === '' || NamePattern.length > MAX_PATTERN))
    refuse('NamePattern', `must have 1 to ${MAX_PATTERN} characters`)
  if ((Prefix?.length ?? 0) > MAX_PATTERN) refuse('Prefix', `must have at most ${MAX_PATTERN} characters`)
  if (Delimiter !== undefined && (Delimiter === '' || Delimiter.length > MAX_DELIMITER))
    refuse('Delimiter', `must have 1 to ${MAX_DELIMITER} characters`)
  if ((Skip ?? 0) < 0) refuse('Skip', 'must not be below 0')
  if ((MinSize ?? 0) < 0 || (MaxSize ?? 0) < 0) refuse('MinSize and MaxSize', 'must not be below 0')
  if (MinSize !== undefined && MaxSize !== undefined && MinSize > MaxSize)
    refuse('MinSize', 'must not be above MaxSize')
  if (ModifiedAfter !== undefined && ModifiedBefore !== undefined && ModifiedAfter > ModifiedBefore)
    refuse('ModifiedAfter', 'must not be after ModifiedBefore')
  return NamePattern ?? null
}

async function pointsToSearch(
  ctx: Context,
  vaultName: string,
  input: StartItemSearchJobInput,
): Promise<readonly RecoveryPointTable[]> {
  if (input.RecoveryPointArns !== undefined) {
    if (input.RecoveryPointArns.length > MAX_SEARCHED)
      throw new InvalidParameterValueException(`RecoveryPointArns must name at most ${MAX_SEARCHED}`, {
        Context: 'RecoveryPointArns',
      })
    const points: RecoveryPointTable[] = []
    for (const arn of input.RecoveryPointArns) {
      const point = await findRecoveryPoint(ctx.store.db, ctx.accountId, arn)
      if (
        point?.region !== ctx.region ||
        point.vault_name !== vaultName ||
        !RESTORABLE.includes(point.status)
      )
        throw new ResourceNotFoundException(
          `Cannot find recovery point ${arn} in backup vault "${vaultName}"`,
          { Context: arn },
        )
      points.push(point)
    }
    return points
  }
  const filter = {
    accountId: ctx.accountId,
    region: ctx.region,
    vaultName,
    statuses: RESTORABLE,
    resourceArn: input.ResourceArn,
    createdAfter: input.CreatedAfter?.getTime(),
    createdBefore: input.CreatedBefore?.getTime(),
  }
  const { rows } = await listRecoveryPoints(ctx.store.db, filter, { limit: MAX_SEARCHED })
  if (rows.length === 0)
    throw new InvalidRequestException(
      `Backup vault ${vaultName} holds no recovery point that these filters leave: widen them`,
    )
  return rows
}
