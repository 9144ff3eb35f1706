import type { Command } from 'commander'
import type { Call } from '../../aws/client.ts'
import type { HeldDeletion } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { say, sayJson, tableOf } from '../output.ts'
import { CommandUsageError } from '../report.ts'

/** Recovery points that one call approves. */
const BATCH = 100

export function addVaultHeld(vault: Command): void {
  vault
    .command('held [name]')
    .description('recovery points past their retention that stay until somebody approves, and why')
    .option('--json', 'print the result as JSON')
    .action(async (name: string | undefined, options: { json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const held = await heldIn(call, name)
      if (options.json === true) return sayJson(held)
      if (held.length === 0) return say('No recovery point is held.')
      say(
        tableOf(
          ['VAULT', 'CREATED', 'RECOVERY POINT', 'APPROVED BY', 'BECAUSE'],
          held.map((one) => [
            one.BackupVaultName,
            one.CreationDate.toISOString(),
            one.RecoveryPointArn,
            one.ApprovedBy ?? '',
            one.Reason,
          ]),
        ),
      )
    })
  vault
    .command('approve <name>')
    .description('let held recovery points of a vault be deleted: those named, or all that are held now')
    .argument('[arn...]', 'recovery points')
    .option('--all', 'all that are held in the vault now')
    .action(async (name: string, arns: readonly string[], options: { all?: boolean }) => {
      if (arns.length > 0 === (options.all === true))
        throw new CommandUsageError(
          'say which recovery points may go: their ARNs, or --all for what "roleback vault held" shows',
        )
      const { call } = clientFrom(process.env)
      const named = options.all === true ? (await heldIn(call, name)).filter(isWaiting).map(arnOf) : arns
      for (let from = 0; from < named.length; from += BATCH) {
        const RecoveryPointArns = named.slice(from, from + BATCH)
        await call('roleback', 'ApproveHeldDeletions', { BackupVaultName: name, RecoveryPointArns })
      }
      say(
        named.length === 0
          ? 'No recovery point of this vault waits for approval.'
          : `approved: ${named.length} recovery points of ${name} go as their roles, locks and legal holds let them`,
      )
    })
}

const isWaiting = ({ ApprovedAt }: HeldDeletion): boolean => ApprovedAt === undefined
const arnOf = ({ RecoveryPointArn }: HeldDeletion): string => RecoveryPointArn

async function heldIn(call: Call, name: string | undefined): Promise<readonly HeldDeletion[]> {
  const held: HeldDeletion[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListHeldDeletions', { BackupVaultName: name, NextToken })
    held.push(...page.HeldDeletions)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return held
}
