import type { Command } from 'commander'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson, tableOf } from '../output.ts'

export function addEncryptionKey(program: Command): void {
  const key = program
    .command('encryption-key')
    .description(
      'keys that vaults can be made under beside the server’s own; the management account sets them',
    )
  key
    .command('create <name>')
    .description('make a key known that the server was started with (serve --encryption-key NAME=SOURCE)')
    .option('--account <id>', 'account whose vaults may be under it (default: the caller’s)')
    .option('--key-region <region>', 'region of these vaults (default: that of the call)')
    .option('--json', 'print the result as JSON')
    .action(createKey)
  key
    .command('list')
    .description('keys, whether they are at hand now, and the vaults under them')
    .option('--json', 'print the result as JSON')
    .action(listKeys)
  key
    .command('remove <name>')
    .description('forget a key that no vault is under any more; the key itself stays where it is')
    .action(removeKey)
}

async function createKey(
  Name: string,
  options: { readonly account?: string; readonly keyRegion?: string; readonly json?: boolean },
): Promise<void> {
  const { call } = clientFrom(process.env)
  const { EncryptionKey } = await call('roleback', 'CreateEncryptionKey', {
    Name,
    AccountId: options.account,
    Region: options.keyRegion,
  })
  if (options.json === true) {
    sayJson(EncryptionKey)
    return
  }
  say(EncryptionKey.KeyArn)
  note(
    `account ${EncryptionKey.AccountId} may make vaults under it in ${EncryptionKey.Region}. Keep a copy of the key away from this server: without it they are opened by the recovery kit only`,
  )
}

async function listKeys(options: { readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const { EncryptionKeys } = await call('roleback', 'ListEncryptionKeys', {})
  if (options.json === true) sayJson(EncryptionKeys)
  else if (EncryptionKeys.length === 0) say('Vaults are under the server’s own key.')
  else {
    say(
      tableOf(
        ['KEY', 'ARN', 'AT HAND', 'VAULTS'],
        EncryptionKeys.map((one) => [
          one.Name,
          one.KeyArn,
          one.IsAvailable ? 'yes' : 'no',
          one.BackupVaultArns.map((arn) => arn.split(':').at(-1)).join(', '),
        ]),
      ),
    )
    for (const { Problem } of EncryptionKeys) if (Problem !== undefined) note(Problem)
  }
}

async function removeKey(name: string): Promise<void> {
  const { call } = clientFrom(process.env)
  await call('roleback', 'DeleteEncryptionKey', { Name: name })
  note(`encryption key ${name} is forgotten; the key itself is where it was`)
}
