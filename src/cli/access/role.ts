import type { Command } from 'commander'
import { clientFrom } from '../connect.ts'
import { say, sayJson } from '../output.ts'
import { addRolePolicy } from './role-policy.ts'
import { addRoleUnused } from './role-unused.ts'

export function addRole(program: Command): void {
  const role = program.command('role').description('service roles')
  addRolePolicy(role)
  addRoleUnused(role)
  role
    .command('create-default')
    .description('make the default service role with its two policies, where it is not there yet')
    .option('--json', 'print the result as JSON')
    .action(async (options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const made = await call('roleback', 'CreateDefaultServiceRole', {})
      if (options.json === true) sayJson(made)
      else say(`${made.RoleArn} ${made.Created ? 'made' : 'was there already; nothing was changed'}`)
    })
}
