import { existsSync } from 'node:fs'
import { whyNoIam } from '../access/session.ts'
import type { DescribeServerOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { evaluate } from '../policy/evaluate.ts'
import { KIT_RIGHTS } from './recovery-kit.ts'

/**
 * Which account manages the server is for that account alone; whether the kit still lies on this server, and where, for those of it who
 * may issue one.
 */
export async function describeServer(ctx: Context): Promise<DescribeServerOutput> {
  const { serverId, version, managementAccountId, recoveryKitPath } = ctx.server
  const isManagement = ctx.accountId === managementAccountId
  const isHere = recoveryKitPath !== undefined && existsSync(recoveryKitPath)
  const mayKnow = isManagement && (await mayIssueKit(ctx))
  return {
    ServerId: serverId,
    Version: version,
    Region: ctx.region,
    AccountId: ctx.accountId,
    ManagementAccountId: isManagement ? managementAccountId : undefined,
    IsRecoveryKitHere: mayKnow ? isHere : undefined,
    RecoveryKitPath: mayKnow && isHere ? recoveryKitPath : undefined,
  }
}

/** A refusal is not recorded as a denial, since he asked for no kit; the rights that tell him of it are, like any that has an effect. */
async function mayIssueKit(ctx: Context): Promise<boolean> {
  if (whyNoIam(ctx.principal) !== undefined) return false
  for (const action of KIT_RIGHTS) {
    const asked = { action, resource: '*' }
    const { request, layers } = await ctx.preview.right(asked)
    if (!evaluate(request, layers).allowed || !(await ctx.ask(asked)).allowed) return false
  }
  return true
}
