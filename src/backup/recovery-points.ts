import { deletionAtSource } from '../access/point-deletion.ts'
import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  DeleteRecoveryPointInput,
  DescribeRecoveryPointInput,
  DescribeRecoveryPointOutput,
  GetRecoveryPointRestoreMetadataInput,
  GetRecoveryPointRestoreMetadataOutput,
  GetRestoreTestingInferredMetadataInput,
  GetRestoreTestingInferredMetadataOutput,
  Lifecycle,
  ListRecoveryPointsByBackupVaultInput,
  ListRecoveryPointsByBackupVaultOutput,
  ListRecoveryPointsByResourceInput,
  ListRecoveryPointsByResourceOutput,
  RecoveryPointByBackupVault,
  RecoveryPointCreator,
  UpdateRecoveryPointLifecycleInput,
  UpdateRecoveryPointLifecycleOutput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { inferredMetadata, restoreTestName } from '../kinds/restore-test.ts'
import { randomHex } from '../lib/ids.ts'
import { coldChangeProblem, noColdStorage, storedLifecycle } from '../plans/lifecycle.ts'
import { lifecycleChangeProblem, lockOf } from '../plans/vault-lock.ts'
import { indexedAmong } from '../store/points/point-index.ts'
import { queueAmendment } from '../store/points/amendments.ts'
import { insertJob, jobBasics } from '../store/jobs/jobs.ts'
import {
  findRecoveryPoint,
  isCold,
  listRecoveryPoints,
  RESTORABLE,
  setRecoveryPointStatus,
  updateLifecycle,
} from '../store/points/recovery-points.ts'
import type { RecoveryPointStatus, RecoveryPointTable, VaultTable } from '../store/schema.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { vaultArn } from './arns.ts'
import { statusMessages } from './damaged-points.ts'
import { kindOf } from './kind-of.ts'
import {
  checkLifecycle,
  deleteAt,
  invalidLifecycle,
  retentionCutAt,
  toCalculatedLifecycle,
  toLifecycle,
} from './lifecycle.ts'
import { nextToken, pageOf } from './paging.ts'
import { resourceNames } from './resource-names.ts'
import { keyTypeOf, vaultsShown } from './vault-keys.ts'
import { refuseProtected } from './vault-protection.ts'
import { checkVaultAccount, noSuchVault, vaultNamed } from './vaults.ts'

export async function describeRecoveryPoint(
  ctx: Context,
  input: DescribeRecoveryPointInput,
): Promise<DescribeRecoveryPointOutput> {
  checkVaultAccount(ctx, input)
  const { BackupVaultName: name, RecoveryPointArn: arn } = input
  const [point, vault] = await Promise.all([
    pointIn(ctx, name, arn),
    findVault(ctx.store.db, ctx.accountId, ctx.region, name),
  ])
  if (vault === undefined) throw noSuchVault(name)
  const facts = await factsOf(ctx, [point], vault)
  return {
    ...toPoint(ctx, point, facts, vault),
    StorageClass: isCold(point) ? 'COLD' : 'WARM',
  }
}

export async function listRecoveryPointsByBackupVault(
  ctx: Context,
  input: ListRecoveryPointsByBackupVaultInput,
): Promise<ListRecoveryPointsByBackupVaultOutput> {
  checkVaultAccount(ctx, input)
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const list = `ListRecoveryPointsByBackupVault ${vault.vault_id}`
  // Nothing here has a parent.
  if (input.ByParentRecoveryPointArn !== undefined) return { RecoveryPoints: [] }
  const { rows, next } = await listRecoveryPoints(
    ctx.store.db,
    {
      accountId: ctx.accountId,
      region: ctx.region,
      vaultName: vault.name,
      resourceArn: input.ByResourceArn,
      resourceType: input.ByResourceType,
      planId: input.ByBackupPlanId,
      createdAfter: input.ByCreatedAfter?.getTime(),
      createdBefore: input.ByCreatedBefore?.getTime(),
    },
    pageOf(ctx, list, input),
  )
  const facts = await factsOf(ctx, rows, vault)
  return {
    RecoveryPoints: rows.map((row) => toPoint(ctx, row, facts, vault)),
    NextToken: nextToken(ctx, list, next),
  }
}

export async function listRecoveryPointsByResource(
  ctx: Context,
  input: ListRecoveryPointsByResourceInput,
): Promise<ListRecoveryPointsByResourceOutput> {
  const list = `ListRecoveryPointsByResource ${input.ResourceArn}`
  const { rows, next } = await listRecoveryPoints(
    ctx.store.db,
    { accountId: ctx.accountId, region: ctx.region, resourceArn: input.ResourceArn },
    pageOf(ctx, list, input),
  )
  const facts = await factsOf(ctx, rows)
  const shown = await vaultsShown(
    ctx,
    rows.map((row) => vaultArn(ctx, row.vault_name)),
  )
  return {
    RecoveryPoints: rows.map((row) => {
      const { keyArn, type } = shown(vaultArn(ctx, row.vault_name))
      return {
        RecoveryPointArn: row.arn,
        CreationDate: new Date(row.created_at),
        Status: row.status,
        BackupSizeBytes: row.size_bytes,
        BackupVaultName: row.vault_name,
        IsParent: false,
        VaultType: type,
        ...(keyArn !== undefined && { EncryptionKeyArn: keyArn, EncryptionKeyType: keyTypeOf(keyArn) }),
        ...facts(row),
      }
    }),
    NextToken: nextToken(ctx, list, next),
  }
}

export async function getRecoveryPointRestoreMetadata(
  ctx: Context,
  input: GetRecoveryPointRestoreMetadataInput,
): Promise<GetRecoveryPointRestoreMetadataOutput> {
  checkVaultAccount(ctx, input)
  const point = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  return {
    BackupVaultArn: vaultArn(ctx, point.vault_name),
    RecoveryPointArn: point.arn,
    RestoreMetadata: JSON.parse(point.restore_metadata) as Record<string, string>,
    ResourceType: point.resource_type,
  }
}

/** What a restore test of the point would restore with; each call names another new place. */
export async function getRestoreTestingInferredMetadata(
  ctx: Context,
  input: GetRestoreTestingInferredMetadataInput,
): Promise<GetRestoreTestingInferredMetadataOutput> {
  checkVaultAccount(ctx, input)
  const point = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  const ofPoint = JSON.parse(point.restore_metadata) as Record<string, string>
  const name = restoreTestName(randomHex(16))
  return { InferredMetadata: inferredMetadata(kindOf(point.resource_type), ofPoint, name) }
}

export async function updateRecoveryPointLifecycle(
  ctx: Context,
  input: UpdateRecoveryPointLifecycleInput,
): Promise<UpdateRecoveryPointLifecycleOutput> {
  const point = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  if (!RESTORABLE.includes(point.status)) {
    throw new InvalidRequestException(`Cannot change the lifecycle of ${point.arn}: it is ${point.status}`)
  }
  const wanted = wantedLifecycle(point, input.Lifecycle)
  checkLifecycle(wanted, noColdStorage(await vaultNamed(ctx, point.vault_name)))
  const lifecycle = storedLifecycle(wanted)
  const coldAfterDays = lifecycle.coldAfterDays ?? null
  const problem = coldChangeProblem(point, coldAfterDays, ctx.now)
  if (problem !== undefined) throw invalidLifecycle(problem)
  const endsAt = deleteAt(point.copied_at ?? point.created_at, lifecycle)
  const change = {
    delete_after_days: lifecycle.deleteAfterDays,
    cold_after_days: coldAfterDays,
    delete_at: endsAt,
    retention_cut_at: retentionCutAt(point, endsAt, ctx.now),
  }
  await ctx.store.transaction(async (tx) => {
    const { name, ...vault } = await vaultNamed(ctx, point.vault_name, tx)
    const problem = lifecycleChangeProblem(lockOf(vault), point.delete_after_days, lifecycle.deleteAfterDays)
    if (problem !== undefined) {
      throw new InvalidRequestException(
        `Cannot change the lifecycle of ${point.arn} in backup vault ${name}: ${problem}`,
        { Context: point.arn },
      )
    }
    await updateLifecycle(tx, point, change)
    await queueAmendment(tx, ctx, point)
  })
  ctx.store.wake()
  const changed = { ...point, ...change }
  return {
    BackupVaultArn: vaultArn(ctx, point.vault_name),
    RecoveryPointArn: point.arn,
    Lifecycle: toLifecycle(changed),
    CalculatedLifecycle: toCalculatedLifecycle(changed),
  }
}

/** What says nothing of moving leaves a point that is cold already as it is. */
function wantedLifecycle(point: RecoveryPointTable, asked: Lifecycle | undefined): Lifecycle {
  const kept = isCold(point) ? (point.cold_after_days ?? undefined) : undefined
  return { ...asked, MoveToColdStorageAfterDays: asked?.MoveToColdStorageAfterDays ?? kept }
}

/** A point that a job is writing goes with the job. */
const DELETABLE: readonly RecoveryPointStatus[] = ['AVAILABLE', 'COMPLETED', 'PARTIAL', 'EXPIRED', 'STOPPED']

/**
 * A manual delete is decided for the caller: `backup:DeleteRecoveryPoint` on the point (by the gate) and, where the kind's
 * recovery points belong to the source's own service, that service's delete action with `aws:CalledVia`.
 */
export async function deleteRecoveryPoint(
  ctx: Context,
  input: DeleteRecoveryPointInput,
): Promise<Record<string, never>> {
  const point = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  if (point.status === 'DELETING') return {}
  const tags = await tagsOf(ctx.store.db, ctx.accountId, point.arn)
  for (const { action, resource, context } of deletionAtSource(kindOf(point.resource_type), point, tags))
    await ctx.authorize(action, resource, context)
  await ctx.store.transaction(async (tx) => {
    await refuseProtected(tx, await vaultNamed(ctx, point.vault_name, tx), point, 'delete')
    const isMarked = await setRecoveryPointStatus(tx, point, DELETABLE, { status: 'DELETING', message: null })
    if (!isMarked)
      throw new InvalidRequestException(
        `Cannot delete ${point.arn}: it is ${point.status}. Stop its backup job first`,
      )
    await insertJob(tx, {
      ...jobBasics(ctx, 'delete-point'),
      vault_name: point.vault_name,
      resource_arn: point.resource_arn,
      resource_type: point.resource_type,
      recovery_point_arn: point.arn,
      lock_key: `point ${point.point_id}`,
    })
  })
  ctx.store.wake()
  return {}
}

/** @throws {ResourceNotFoundException} Also for a point that lies in another vault. */
export async function pointIn(ctx: Context, vaultName: string, arn: string): Promise<RecoveryPointTable> {
  const point = await pointNamed(ctx, arn)
  if (point.vault_name !== vaultName) throw noSuchPoint(arn, ` in backup vault "${vaultName}"`)
  return point
}

export async function pointNamed(ctx: Context, arn: string): Promise<RecoveryPointTable> {
  if (!arn.startsWith('arn:')) {
    throw new InvalidParameterValueException(`"${arn}" is not the ARN of a recovery point`, {
      Context: 'RecoveryPointArn',
    })
  }
  const point = await findRecoveryPoint(ctx.store.db, ctx.accountId, arn)
  if (point === undefined || point.region !== ctx.region) throw noSuchPoint(arn, '')
  return point
}

function noSuchPoint(arn: string, where: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`Cannot find recovery point ${arn}${where}`, { Context: arn })
}

type PointFacts = Pick<RecoveryPointByBackupVault, 'ResourceName' | 'StatusMessage' | 'IndexStatus'>

/** What rows beside their own tell of recovery points. @param vault Of all of them, where it is one. */
async function factsOf(
  ctx: Context,
  points: readonly RecoveryPointTable[],
  vault?: VaultTable,
): Promise<(point: RecoveryPointTable) => PointFacts> {
  const nameOf = await resourceNames(ctx, points)
  const messages = await statusMessages(ctx.store.db, points, vault)
  const indexed = await indexedAmong(
    ctx.store.db,
    ctx.accountId,
    points.map(({ arn }) => arn),
  )
  return (point) => ({
    ResourceName: nameOf(point),
    StatusMessage: messages(point),
    // As soon as it is asked for it is there.
    ...(indexed.has(point.arn) && { IndexStatus: 'ACTIVE' }),
  })
}

function toPoint(
  ctx: Context,
  row: RecoveryPointTable,
  facts: (row: RecoveryPointTable) => PointFacts,
  vault: VaultTable,
): RecoveryPointByBackupVault {
  return {
    RecoveryPointArn: row.arn,
    BackupVaultName: row.vault_name,
    BackupVaultArn: vaultArn(ctx, row.vault_name),
    ResourceArn: row.resource_arn,
    ResourceType: row.resource_type,
    IamRoleArn: row.role_arn,
    CreatedBy: row.created_by === null ? undefined : (JSON.parse(row.created_by) as RecoveryPointCreator),
    Status: row.status,
    CreationDate: new Date(row.created_at),
    InitiationDate: new Date(row.copied_at ?? row.created_at),
    SourceBackupVaultArn: row.source_vault_arn ?? undefined,
    CompletionDate: row.completed_at === null ? undefined : new Date(row.completed_at),
    BackupSizeInBytes: row.size_bytes,
    Lifecycle: toLifecycle(row),
    CalculatedLifecycle: toCalculatedLifecycle(row),
    EncryptionKeyArn: vault.encryption_key_arn,
    IsEncrypted: true,
    LastRestoreTime: row.last_restore_at === null ? undefined : new Date(row.last_restore_at),
    IsParent: false,
    EncryptionKeyType: keyTypeOf(vault.encryption_key_arn),
    VaultType: vault.vault_type,
    ...facts(row),
  }
}
