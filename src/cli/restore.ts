import type { Command } from 'commander'
import type { RestoreTest } from '../aws/generated/roleback.ts'
import { clientFrom } from './connect.ts'
import { say, sayJson, tableOf } from './output.ts'

export function addRestore(program: Command): void {
  const restore = program.command('restore').description('whether backups can be restored')
  const test = restore.command('test').description('restore tests, as restore testing plans run them')
  test
    .command('list')
    .description('each restore test, newest first: how it went, and how long the restore took')
    .option('--plan <name>', 'of one restore testing plan, with what became of its last run')
    .option('--resource <arn>', 'of one resource')
    .option('--json', 'print the result as JSON')
    .action(async (options: { plan?: string; resource?: string; json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const answer = await call('roleback', 'ListRestoreTests', {
        RestoreTestingPlanName: options.plan,
        ResourceArn: options.resource,
      })
      if (options.json === true) return sayJson(answer)
      const { Tests, LastRunAt, LastRunMessage, NextRunAt, NextToken } = answer
      if (LastRunAt !== undefined) say(`Last run ${LastRunAt.toISOString()}: ${LastRunMessage ?? ''}`)
      if (NextRunAt !== undefined) say(`Next run ${NextRunAt.toISOString()}`)
      if (Tests.length === 0) return say('No restore test was begun yet.')
      say(testTable(Tests))
      if (NextToken !== undefined) say(`These are the newest ${Tests.length}; ListRestoreTests has the rest.`)
    })
}

function testTable(tests: readonly RestoreTest[]): string {
  return tableOf(
    ['DUE', 'RESOURCE', 'RESTORE', 'SECONDS', 'VALIDATION', 'DELETION', 'PLAN', 'WHY'],
    tests.map((test) => [
      test.DueAt.toISOString(),
      test.ResourceArn,
      test.RestoreStatus,
      test.RecoverySeconds === undefined ? '-' : test.RecoverySeconds.toFixed(1),
      test.ValidationStatus ?? '-',
      test.DeletionStatus ?? '-',
      test.RestoreTestingPlanName,
      test.DeletionStatusMessage ?? test.ValidationStatusMessage ?? test.RestoreStatusMessage ?? '',
    ]),
  )
}
