import type { UnbuiltOperation } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { vaultArn } from './arns.ts'

/**
 * Operations that AWS models and this server does not have: each is authorised on its resource and then answered with a
 * modelled 400 that says why. The resource is named by the input's members, as AWS's service authorization reference has it.
 */

interface Named {
  readonly BackupVaultName?: string | undefined
  readonly RecoveryPointArn?: string | undefined
}

/** Takes any input: which members name the resource, the functions below say. */
type Unbuilt = UnbuiltOperation<Context, object>

function lacking(because: string, resource: (ctx: Context, input: Named) => string): Unbuilt {
  return { unbuilt: true, because, resource: resource as Unbuilt['resource'] }
}

const onVault = (ctx: Context, input: Named): string => vaultArn(ctx, input.BackupVaultName ?? '*')
const onPoint = (_: Context, input: Named): string => input.RecoveryPointArn ?? '*'

const NO_TEAMS = 'there are no approval teams (Multi-party approval is a service of AWS)'
const NO_SCANNER = 'there is no malware scanner (GuardDuty is a service of AWS)'

type UnbuiltName =
  | 'AssociateBackupVaultMpaApprovalTeam'
  | 'CreateRestoreAccessBackupVault'
  | 'DisassociateBackupVaultMpaApprovalTeam'
  | 'RevokeRestoreAccessBackupVault'
  | 'StartScanJob'
  | 'GetPITRMalwareScanResults'

export const unbuilt: Readonly<Record<UnbuiltName, Unbuilt>> = {
  AssociateBackupVaultMpaApprovalTeam: lacking(NO_TEAMS, onVault),
  CreateRestoreAccessBackupVault: lacking(NO_TEAMS, onVault),
  DisassociateBackupVaultMpaApprovalTeam: lacking(NO_TEAMS, onVault),
  RevokeRestoreAccessBackupVault: lacking(NO_TEAMS, onVault),
  StartScanJob: lacking(NO_SCANNER, onVault),
  GetPITRMalwareScanResults: lacking(NO_SCANNER, onPoint),
}
