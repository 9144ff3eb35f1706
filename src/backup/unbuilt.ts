import type { UnbuiltOperation } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { tieringConfigurationArn, vaultArn } from './arns.ts'

/**
 * Operations that AWS models and this server does not have: each is authorised on its resource and then answered with a
 * modelled 400. The resource is named by the input's members, as AWS's service authorization reference has it.
 */

interface Named {
  readonly BackupVaultName?: string | undefined
  readonly RecoveryPointArn?: string | undefined
  readonly TieringConfigurationName?: string | undefined
}

/** Takes any input: which members name the resource, the functions below say. */
type Unbuilt = UnbuiltOperation<Context, object>
type ResourceOf = (ctx: Context, input: Named) => string

const ON_VAULT = [
  'AssociateBackupVaultMpaApprovalTeam',
  'CreateRestoreAccessBackupVault',
  'DisassociateBackupVaultMpaApprovalTeam',
  'ListRestoreAccessBackupVaults',
  'RevokeRestoreAccessBackupVault',
  'StartScanJob',
] as const

const ON_POINT = [
  'DisassociateRecoveryPoint',
  'DisassociateRecoveryPointFromParent',
  'GetPITRMalwareScanResults',
] as const

const ON_TIERING = [
  'CreateTieringConfiguration',
  'DeleteTieringConfiguration',
  'GetTieringConfiguration',
  'UpdateTieringConfiguration',
] as const

const ON_ALL = [
  'DescribeScanJob',
  'ListScanJobSummaries',
  'ListScanJobs',
  'ListTieringConfigurations',
] as const

type UnbuiltName =
  | (typeof ON_VAULT)[number]
  | (typeof ON_POINT)[number]
  | (typeof ON_TIERING)[number]
  | (typeof ON_ALL)[number]

function all<Name extends string>(names: readonly Name[], resource: ResourceOf): Record<Name, Unbuilt> {
  return Object.fromEntries(
    names.map((name) => [name, { unbuilt: true, resource: resource as Unbuilt['resource'] }]),
  ) as Record<Name, Unbuilt>
}

export const unbuilt: Readonly<Record<UnbuiltName, Unbuilt>> = {
  ...all(ON_VAULT, (ctx, input) => vaultArn(ctx, input.BackupVaultName ?? '*')),
  ...all(ON_POINT, (_, input) => input.RecoveryPointArn ?? '*'),
  ...all(ON_TIERING, (ctx, input) => tieringConfigurationArn(ctx, input.TieringConfigurationName ?? '*')),
  ...all(ON_ALL, () => '*'),
}
