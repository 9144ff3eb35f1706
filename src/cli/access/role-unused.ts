import type { Command } from 'commander'
import type { ListUnusedPermissionsOutput } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { say, sayJson, tableOf } from '../output.ts'
import { roleArnOf } from './role-name.ts'

export function addRoleUnused(role: Command): void {
  role
    .command('unused <role>')
    .description('what a role (name or ARN; a user by ARN) was granted and never used')
    .option('--all', 'what was used, too')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: { all?: boolean; json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const PrincipalArn = await roleArnOf(call, name)
      const Include = options.all === true ? 'all' : 'unused'
      const found = await call('roleback', 'ListUnusedPermissions', { PrincipalArn, Include })
      if (options.json === true) sayJson(found)
      else say(report(found))
    })
}

function report({
  From,
  To,
  UnusedCount,
  PermissionCount,
  Permissions,
}: ListUnusedPermissionsOutput): string {
  const days = Math.ceil((To.getTime() - From.getTime()) / 86_400_000)
  const period = `since ${From.toISOString()} (${days} ${days === 1 ? 'day' : 'days'})`
  const head = `${UnusedCount} of ${PermissionCount} rights were never used ${period}`
  if (Permissions.length === 0) return head
  const rows = Permissions.map((one) => [
    one.Count === 0 ? 'never' : (one.LastUsedAt?.toISOString() ?? ''),
    String(one.Count),
    one.Action,
    one.StatementId,
    one.PolicyName,
  ])
  return `${head}\n\n${tableOf(['last used', 'times', 'action', 'statement', 'policy'], rows)}`
}
