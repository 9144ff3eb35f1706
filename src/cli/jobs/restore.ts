import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { RestoreTest, Validator } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { CommandUsageError } from '../report.ts'

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
  addValidators(test)
}

interface ValidatorOptions {
  readonly set?: string
  readonly remove?: boolean
  readonly json?: boolean
}

function addValidators(test: Command): void {
  test
    .command('validators <plan> <selection>')
    .description('what the tests of a selection must find in what they restored; with an option, set it')
    .option('--set <file>', 'a JSON array of validators that takes the place of the present ones')
    .option('--remove', 'take all away')
    .option('--json', 'print them as --set reads them')
    .action(async (plan: string, selection: string, options: ValidatorOptions) => {
      const { call } = clientFrom(process.env)
      const names = { RestoreTestingPlanName: plan, RestoreTestingSelectionName: selection }
      const given =
        options.remove === true ? [] : options.set === undefined ? undefined : readFrom(options.set)
      if (given !== undefined) {
        const { Warnings = [] } = await call('roleback', 'PutRestoreTestValidators', {
          ...names,
          Validators: given,
        })
        for (const warning of Warnings) note(warning)
      }
      const { Validators } = await call('roleback', 'GetRestoreTestValidators', names)
      if (options.json === true) return sayJson(Validators)
      if (Validators.length === 0) return say('Its tests have no validators.')
      say(tableOf(['NAME', 'KIND', 'EXPECTS'], Validators.map(validatorRow)))
    })
}

/** What the server says of a member that is wrong is better than what could be said of it here. */
function readFrom(file: string): Validator[] {
  try {
    const given: unknown = JSON.parse(readFileSync(file, 'utf8'))
    if (Array.isArray(given)) return given as Validator[]
  } catch (error) {
    throw new CommandUsageError(`Cannot read validators from ${file}: ${(error as Error).message}`)
  }
  throw new CommandUsageError(`${file} holds no JSON array of validators`)
}

function validatorRow({ Name, ...kinds }: Validator): string[] {
  const [kind = '', expected] = Object.entries(kinds).find(([, value]) => value !== undefined) ?? []
  return [Name, kind, JSON.stringify(expected)]
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
