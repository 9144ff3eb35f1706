import type { DescribeServerOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'

/** Which account manages the server, and where the kit lies, is for that account alone. */
export async function describeServer(ctx: Context): Promise<DescribeServerOutput> {
  const { serverId, version, managementAccountId, recoveryKitPath } = ctx.server
  const isManagement = ctx.accountId === managementAccountId
  return {
    ServerId: serverId,
    Version: version,
    Region: ctx.region,
    AccountId: ctx.accountId,
    ManagementAccountId: isManagement ? managementAccountId : undefined,
    RecoveryKitPath: isManagement ? recoveryKitPath : undefined,
  }
}
