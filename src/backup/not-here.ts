import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  BackupApi,
  DescribeScanJobInput,
  DisassociateRecoveryPointFromParentInput,
  DisassociateRecoveryPointInput,
  ListRestoreAccessBackupVaultsInput,
  ListRestoreAccessBackupVaultsOutput,
} from '../aws/generated/backup.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { vaultArn } from './arns.ts'
import { pageOf } from './paging.ts'
import { pointIn } from './recovery-points.ts'
import { vaultNamed } from './vaults.ts'

/**
 * What nobody can make here (see unbuilt.ts) is listed, described and taken away as what it is: not there. So a client that looks for
 * it before it does something else goes on.
 */

type NotHere =
  | 'DescribeScanJob'
  | 'DisassociateRecoveryPoint'
  | 'DisassociateRecoveryPointFromParent'
  | 'ListRestoreAccessBackupVaults'
  | 'ListScanJobSummaries'
  | 'ListScanJobs'

const all = (): string => '*'
const point = (_: Context, input: { readonly RecoveryPointArn: string }): string => input.RecoveryPointArn

export const notHere: Pick<Service<BackupApi, Context>, NotHere> = {
  DisassociateRecoveryPoint: { resource: point, handler: disassociateRecoveryPoint },
  DisassociateRecoveryPointFromParent: { resource: point, handler: disassociateFromParent },
  ListRestoreAccessBackupVaults: {
    resource: (ctx, input) => vaultArn(ctx, input.BackupVaultName),
    handler: listRestoreAccessBackupVaults,
  },
  DescribeScanJob: { resource: all, handler: describeScanJob },
  ListScanJobs: {
    resource: all,
    handler: async (ctx, input) => emptyPage(ctx, 'ListScanJobs', input, { ScanJobs: [] }),
  },
  ListScanJobSummaries: {
    resource: all,
    handler: async (ctx, input) =>
      emptyPage(ctx, 'ListScanJobSummaries', input, {
        ScanJobSummaries: [],
        AggregationPeriod: input.AggregationPeriod ?? 'FOURTEEN_DAYS',
      }),
  },
}

/** A NextToken is nobody's: no page of these lists has one. */
function emptyPage<Output>(
  ctx: Context,
  list: string,
  input: { readonly MaxResults?: number | undefined; readonly NextToken?: string | undefined },
  output: Output,
): Promise<Output> {
  pageOf(ctx, list, input)
  return Promise.resolve(output)
}

async function disassociateRecoveryPoint(
  ctx: Context,
  input: DisassociateRecoveryPointInput,
): Promise<Record<string, never>> {
  const { arn } = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  throw new InvalidRequestException(
    `Cannot disassociate ${arn}: it is not a continuous backup, and only these can be left to their resource's own service`,
    { Context: arn },
  )
}

async function disassociateFromParent(
  ctx: Context,
  input: DisassociateRecoveryPointFromParentInput,
): Promise<Record<string, never>> {
  const { arn } = await pointIn(ctx, input.BackupVaultName, input.RecoveryPointArn)
  throw new InvalidRequestException(
    `Cannot disassociate ${arn} from its parent: it is not part of a composite recovery point`,
    { Context: arn },
  )
}

async function listRestoreAccessBackupVaults(
  ctx: Context,
  input: ListRestoreAccessBackupVaultsInput,
): Promise<ListRestoreAccessBackupVaultsOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  if (vault.vault_type !== 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT')
    throw new InvalidParameterValueException(
      `Backup vault ${vault.name} is not logically air-gapped, and only these have restore access vaults`,
      { Context: vault.name },
    )
  return await emptyPage(ctx, 'ListRestoreAccessBackupVaults', input, { RestoreAccessBackupVaults: [] })
}

async function describeScanJob(_: Context, input: DescribeScanJobInput): Promise<never> {
  await Promise.resolve()
  throw new ResourceNotFoundException(`Cannot find scan job ${input.ScanJobId}`, { Context: input.ScanJobId })
}
