import { rmSync, writeFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Account } from '../../aws/generated/roleback.ts'
import { profileText } from '../aws-profile.ts'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { CommandUsageError } from '../report.ts'

interface CreateOptions {
  readonly alias?: string
  readonly accountId?: string
  readonly out?: string
  readonly json?: boolean
}

export function addAccount(program: Command): void {
  const account = program
    .command('account')
    .description('accounts of this server; for its management account alone')
  account
    .command('create <name>')
    .description('make an account and the key of its root user')
    .option('--alias <alias>', 'name that its people sign in with instead of the account id')
    .option('--account-id <id>', 'twelve digits, instead of some made by chance')
    .option(
      '--out <file>',
      'new file of mode 0600 for the root key, as AWS clients read it; needed where no terminal shows it',
    )
    .option('--json', 'print the account as JSON')
    .action(createAccount)
  account
    .command('list')
    .description('accounts with their names and aliases')
    .option('--json', 'print the result as JSON')
    .action(listAccounts)
}

/** R12: an initial secret goes to a terminal or into a file of mode 0600, and nowhere else. */
async function createAccount(Name: string, options: CreateOptions): Promise<void> {
  const { out, alias: Alias, accountId: AccountId } = options
  const isShown = out === undefined && options.json !== true && process.stdout.isTTY === true
  if (out === undefined && !isShown) {
    throw new CommandUsageError(
      'The key of the root user is not printed where no terminal shows it: give --out FILE',
    )
  }
  const { call, region } = clientFrom(process.env)
  // Made before the account is: a root key that could not be written down would be lost.
  if (out !== undefined) writeFileSync(out, '', { flag: 'wx', mode: 0o600 })
  const made = await call('roleback', 'CreateAccount', { Name, Alias, AccountId }).catch((error: unknown) => {
    if (out !== undefined) rmSync(out)
    throw error
  })
  const { Account: account, AccessKeyId, SecretAccessKey } = made
  const key = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey }
  const profile = profileText(`roleback-${account.AccountId}`, key, region)
  if (out === undefined) say(profile.trimEnd())
  else writeFileSync(out, profile, { flush: true })
  if (options.json === true) sayJson({ ...account, AccessKeyId })
  const where =
    out === undefined
      ? 'its secret is shown this once'
      : `written to ${out} (profile roleback-${account.AccountId})`
  note(`account ${account.AccountId}, key ${AccessKeyId} of its root user: ${where}`)
}

async function listAccounts(options: { readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const accounts: Account[] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListAccounts', { NextToken })
    accounts.push(...page.Accounts)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  if (options.json === true) sayJson(accounts)
  else say(accountTable(accounts))
}

function accountTable(accounts: readonly Account[]): string {
  return tableOf(
    ['ACCOUNT', 'NAME', 'ALIAS', 'CREATED'],
    accounts.map((one) => [
      one.AccountId,
      one.Management ? `${one.Name} (manages the server)` : one.Name,
      one.Alias ?? '-',
      one.CreateDate.toISOString(),
    ]),
  )
}
