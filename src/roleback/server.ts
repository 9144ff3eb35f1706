import type { DescribeServerOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'

/** Where the kit lies is for the management account alone. */
export async function describeServer(ctx: Context): Promise<DescribeServerOutput> {
  const { serverId, version, managementAccountId, recoveryKitPath } = ctx.server
  const isManagement = ctx.accountId === managementAccountId
  return {
    ServerId: serverId,
    Version: version,
    Region: ctx.region,
    AccountId: ctx.accountId,
    ManagementAccountId: managementAccountId,
    RecoveryKitPath: isManagement ? recoveryKitPath : undefined,
  }
}
