import type { Command } from 'commander'
import type { Storage } from '../../aws/generated/roleback.ts'
import { bandwidthFrom, bandwidthText } from '../bandwidth.ts'
import { clientFrom } from '../connect.ts'
import { note, say, sayJson, tableOf } from '../output.ts'
import { collect } from '../option-values.ts'
import { readSecret } from '../secret-input.ts'

interface PutOptions {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly secretFile?: string
  readonly keepSecret?: boolean
  readonly region?: string
  readonly virtualHosts?: boolean
  readonly newVaults?: boolean
  readonly account?: string
  readonly vaultRegion?: string
  readonly limit?: readonly string[]
  readonly timeZone?: string
}

export function addStorage(program: Command): void {
  const storage = program
    .command('storage')
    .description('buckets that vaults lie in, for all of the server; the management account sets them')
  storage
    .command('put <name> <location>')
    .description('add a bucket, or a prefix of one (s3://BUCKET/PREFIX), or change how it is reached')
    .requiredOption('--endpoint <url>', 'http(s)://HOST[:PORT] of the S3-compatible service')
    .requiredOption('--access-key-id <id>', 'access key that reads, writes, lists and deletes there')
    .option('--secret-file <file>', 'file with its secret access key, - for standard input')
    .option('--keep-secret', 'keep the secret that is there')
    .option('--region <region>', 'region that requests are signed for (default: us-east-1)')
    .option('--virtual-hosts', 'ask BUCKET.HOST instead of HOST/BUCKET')
    .option('--new-vaults', 'new vaults lie here')
    .option('--account <id>', 'new vaults of this account only')
    .option('--vault-region <region>', 'new vaults of this region only')
    .option(
      '--limit <hours=bytes>',
      'bytes a second in some hours of the day, e.g. 8-18=4194304; may be given again',
      collect,
    )
    .option('--time-zone <zone>', 'whose hours those are (default: UTC)')
    .action(putStorage)
  storage
    .command('list')
    .description('buckets that vaults lie in')
    .option('--json', 'print the result as JSON')
    .action(listStorages)
  storage
    .command('cold [vault-arn]')
    .description(
      'give a vault the store that its lifecycles move recovery points to: the directory of serve --cold-root, or a bucket; without a vault, which vaults have one',
    )
    .option('--storage <name>', 'a bucket of the list')
    .option('--json', 'print the result as JSON')
    .action(coldStorage)
  storage
    .command('remove <name>')
    .description('forget a bucket that no vault lies in any more; nothing in it is touched')
    .action(removeStorage)
}

/** With a vault, gives it cold storage; else tells which vaults have it. */
async function coldStorage(
  vaultArn: string | undefined,
  options: { readonly storage?: string; readonly json?: boolean },
): Promise<void> {
  const { call } = clientFrom(process.env)
  if (vaultArn !== undefined) {
    const { ColdStorage } = await call('roleback', 'PutVaultColdStorage', {
      BackupVaultArn: vaultArn,
      Storage: options.storage,
    })
    if (options.json === true) sayJson(ColdStorage)
    else note(`what lifecycles move out of ${vaultArn} lies in ${ColdStorage.Location}`)
    return
  }
  const { ColdStorages } = await call('roleback', 'ListVaultColdStorages', {})
  if (options.json === true) sayJson(ColdStorages)
  else if (ColdStorages.length === 0) say('No vault has cold storage.')
  else
    say(
      tableOf(
        ['VAULT', 'COLD STORAGE', 'RECOVERY POINTS THERE'],
        ColdStorages.map((one) => [one.BackupVaultArn, one.Location, String(one.RecoveryPoints)]),
      ),
    )
}

async function putStorage(name: string, location: string, options: PutOptions): Promise<void> {
  const { call } = clientFrom(process.env)
  const isForNew =
    options.newVaults === true || options.account !== undefined || options.vaultRegion !== undefined
  const Secret =
    options.keepSecret === true
      ? undefined
      : await readSecret(options.secretFile, 'secret access key', '--secret-file')
  await call('roleback', 'PutStorage', {
    Name: name,
    Location: location,
    Endpoint: options.endpoint,
    AccessKeyId: options.accessKeyId,
    Secret,
    Region: options.region,
    ForcePathStyle: options.virtualHosts === true ? false : undefined,
    NewVaults: isForNew ? { AccountId: options.account, Region: options.vaultRegion } : undefined,
    Bandwidth: bandwidthFrom(options.limit, options.timeZone),
  })
  note(isForNew ? `new vaults lie in ${location}` : `${location} is known as ${name}; no vault lies there`)
}

async function listStorages(options: { readonly json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const { Storages } = await call('roleback', 'ListStorages', {})
  if (options.json === true) sayJson(Storages)
  else if (Storages.length === 0) say("Vaults lie in the server's data directory.")
  else say(storageTable(Storages))
}

function storageTable(storages: readonly Storage[]): string {
  return tableOf(
    ['STORAGE', 'LOCATION', 'ENDPOINT', 'NEW VAULTS OF', 'VAULTS', 'LIMITS'],
    storages.map((one) => [
      one.Name,
      one.Location,
      one.Endpoint,
      newVaultsOf(one),
      String(one.Vaults),
      bandwidthText(one.Bandwidth),
    ]),
  )
}

function newVaultsOf({ NewVaults }: Storage): string {
  if (NewVaults === undefined) return 'none'
  return [NewVaults.AccountId, NewVaults.Region].filter((one) => one !== undefined).join(' ') || 'all'
}

async function removeStorage(name: string): Promise<void> {
  const { call } = clientFrom(process.env)
  await call('roleback', 'DeleteStorage', { Name: name })
  note(`storage ${name} is forgotten; nothing in it was touched`)
}
