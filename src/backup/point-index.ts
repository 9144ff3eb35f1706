import { InvalidRequestException } from '../aws/generated/backup.ts'
import type {
  GetRecoveryPointIndexDetailsInput,
  GetRecoveryPointIndexDetailsOutput,
  ListIndexedRecoveryPointsInput,
  ListIndexedRecoveryPointsOutput,
  UpdateRecoveryPointIndexSettingsInput,
  UpdateRecoveryPointIndexSettingsOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import {
  deletePointIndex,
  findPointIndex,
  listIndexedPoints,
  putPointIndex,
} from '../store/points/point-index.ts'
import type { PointIndexTable } from '../store/points/schema-point-index.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { vaultArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { passRole } from './pass-role.ts'
import { pointIn } from './recovery-points.ts'

/**
 * AWS's index of a recovery point. A manifest lists all items of its recovery point already and is what a search reads, so an index
 * is there as soon as it is asked for; what is kept is that it was, for whoever lists indexed recovery points.
 */

/** Kinds of which a recovery point lists things one by one: a database is one dump. */
const WITH_ITEMS: readonly string[] = ['EFS', 'S3']

export async function updateRecoveryPointIndexSettings(
  ctx: Context,
  input: UpdateRecoveryPointIndexSettingsInput,
): Promise<UpdateRecoveryPointIndexSettingsOutput> {
  const point = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  if (input.IamRoleArn !== undefined) await passRole(ctx, input.IamRoleArn, point.arn)
  const { db } = ctx.store
  if (input.Index === 'DISABLED') await deletePointIndex(db, ctx.accountId, point.arn)
  else {
    if (!WITH_ITEMS.includes(point.resource_type))
      throw new InvalidRequestException(
        `Cannot index recovery point ${point.arn}: backups of ${point.resource_type} list no files or objects, those of ${WITH_ITEMS.join(' and ')} do`,
        { Context: point.arn },
      )
    await putPointIndex(db, {
      account_id: ctx.accountId,
      region: ctx.region,
      recovery_point_arn: point.arn,
      role_arn: input.IamRoleArn ?? null,
      created_at: ctx.now,
    })
  }
  return {
    BackupVaultName: point.vault_name,
    RecoveryPointArn: point.arn,
    Index: input.Index,
    IndexStatus: input.Index === 'DISABLED' ? 'DELETING' : 'ACTIVE',
  }
}

export async function getRecoveryPointIndexDetails(
  ctx: Context,
  input: GetRecoveryPointIndexDetailsInput,
): Promise<GetRecoveryPointIndexDetailsOutput> {
  const point = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  const index = await findPointIndex(ctx.store.db, ctx.accountId, point.arn)
  return {
    RecoveryPointArn: point.arn,
    BackupVaultArn: vaultArn(ctx, point.vault_name),
    SourceResourceArn: point.resource_arn,
    ...(index !== undefined && statusOf(index, point)),
  }
}

function statusOf(
  index: PointIndexTable,
  point: RecoveryPointTable,
): Pick<
  GetRecoveryPointIndexDetailsOutput,
  'IndexStatus' | 'IndexCreationDate' | 'IndexCompletionDate' | 'TotalItemsIndexed'
> {
  const at = new Date(index.created_at)
  return {
    IndexStatus: 'ACTIVE',
    IndexCreationDate: at,
    IndexCompletionDate: at,
    TotalItemsIndexed: point.item_count,
  }
}

export async function listIndexedRecoveryPoints(
  ctx: Context,
  input: ListIndexedRecoveryPointsInput,
): Promise<ListIndexedRecoveryPointsOutput> {
  const list = 'ListIndexedRecoveryPoints'
  // All that there are are active.
  if (input.IndexStatus !== undefined && input.IndexStatus !== 'ACTIVE') return { IndexedRecoveryPoints: [] }
  const filter = {
    accountId: ctx.accountId,
    region: ctx.region,
    resourceArn: input.SourceResourceArn,
    resourceType: input.ResourceType,
    createdAfter: input.CreatedAfter?.getTime(),
    createdBefore: input.CreatedBefore?.getTime(),
  }
  const { rows, next } = await listIndexedPoints(ctx.store.db, filter, pageOf(ctx, list, input))
  return {
    IndexedRecoveryPoints: rows.map((row) => ({
      RecoveryPointArn: row.arn,
      SourceResourceArn: row.resource_arn,
      IamRoleArn: row.index_role_arn ?? undefined,
      BackupCreationDate: new Date(row.created_at),
      ResourceType: row.resource_type,
      IndexCreationDate: new Date(row.indexed_at),
      IndexStatus: 'ACTIVE',
      BackupVaultArn: vaultArn(ctx, row.vault_name),
    })),
    NextToken: nextToken(ctx, list, next),
  }
}
