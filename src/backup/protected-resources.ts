import { ResourceNotFoundException } from '../aws/generated/backup.ts'
import type {
  DescribeProtectedResourceInput,
  DescribeProtectedResourceOutput,
  ListProtectedResourcesByBackupVaultInput,
  ListProtectedResourcesByBackupVaultOutput,
  ListProtectedResourcesInput,
  ListProtectedResourcesOutput,
  ProtectedResource,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { latestRestore } from '../store/jobs/jobs.ts'
import type { LatestRestore } from '../store/jobs/jobs.ts'
import { listRecoveryPoints, RESTORABLE } from '../store/points/recovery-points.ts'
import { listProtectedResources as latestPoints } from '../store/points/protected-resources.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { vaultArn } from './arns.ts'
import { nextToken, pageOf } from './paging.ts'
import { resourceNames } from './resource-names.ts'
import { checkVaultAccount, vaultNamed } from './vaults.ts'

const MINUTE = 60_000

/** A resource is protected while it has a recovery point. */
export async function listProtectedResources(
  ctx: Context,
  input: ListProtectedResourcesInput,
): Promise<ListProtectedResourcesOutput> {
  const list = 'ListProtectedResources'
  const { rows, next } = await latestPoints(
    ctx.store.db,
    { accountId: ctx.accountId, region: ctx.region },
    pageOf(ctx, list, input),
  )
  return { Results: await toProtected(ctx, rows), NextToken: nextToken(ctx, list, next) }
}

export async function listProtectedResourcesByBackupVault(
  ctx: Context,
  input: ListProtectedResourcesByBackupVaultInput,
): Promise<ListProtectedResourcesByBackupVaultOutput> {
  checkVaultAccount(ctx, input)
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const list = `ListProtectedResourcesByBackupVault ${vault.vault_id}`
  const { rows, next } = await latestPoints(
    ctx.store.db,
    { accountId: ctx.accountId, region: ctx.region, vaultName: vault.name },
    pageOf(ctx, list, input),
  )
  return { Results: await toProtected(ctx, rows), NextToken: nextToken(ctx, list, next) }
}

export async function describeProtectedResource(
  ctx: Context,
  input: DescribeProtectedResourceInput,
): Promise<DescribeProtectedResourceOutput> {
  const { rows } = await listRecoveryPoints(
    ctx.store.db,
    { accountId: ctx.accountId, region: ctx.region, resourceArn: input.ResourceArn, statuses: RESTORABLE },
    { limit: 1 },
  )
  const row = rows[0]
  if (row === undefined) {
    throw new ResourceNotFoundException(
      `${input.ResourceArn} is not protected: it has no recovery point in this account`,
      {
        Context: input.ResourceArn,
      },
    )
  }
  const restore = await latestRestore(ctx.store.db, ctx, {
    arn: row.resource_arn,
    unique_id: row.resource_unique_id,
  })
  const [shown] = await toProtected(ctx, [row])
  return { ...shown, ...(restore !== undefined && toLatestRestore(restore)) }
}

function toLatestRestore({
  createdAt,
  startedAt,
  completedAt,
  pointCreatedAt,
}: LatestRestore): Partial<DescribeProtectedResourceOutput> {
  return {
    LatestRestoreExecutionTimeMinutes: Math.ceil((completedAt - startedAt) / MINUTE),
    LatestRestoreJobCreationDate: new Date(createdAt),
    ...(pointCreatedAt !== null && { LatestRestoreRecoveryPointCreationDate: new Date(pointCreatedAt) }),
  }
}

async function toProtected(ctx: Context, rows: readonly RecoveryPointTable[]): Promise<ProtectedResource[]> {
  const nameOf = await resourceNames(ctx, rows)
  return rows.map((row) => ({
    ResourceArn: row.resource_arn,
    ResourceType: row.resource_type,
    ResourceName: nameOf(row),
    LastBackupTime: new Date(row.created_at),
    LastBackupVaultArn: vaultArn(ctx, row.vault_name),
    LastRecoveryPointArn: row.arn,
  }))
}
