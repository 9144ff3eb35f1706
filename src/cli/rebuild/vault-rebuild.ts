import type { Command } from 'commander'
import { collect } from '../option-values.ts'
import type { RebuildOptions } from './rebuild-server.ts'

export function addVaultRebuild(vault: Command): void {
  vault
    .command('rebuild <storage>')
    .description(
      'bring a lost server back from its vaults in a directory or at s3://BUCKET/PREFIX: every recovery point with retention, lock, holds and tags, into an empty data directory',
    )
    .requiredOption('--kit <file>', 'the recovery kit')
    .option('--passphrase-file <file>', 'its passphrase, - for standard input; asked for where absent')
    .option(
      '--data-dir <dir>',
      'empty data directory of the new server (default: $ROLEBACK_DATA_DIR or ./roleback-data)',
    )
    .option('--database-url-file <file>', 'as given to serve')
    .option('--server-key <source>', 'as given to serve')
    .option(
      '--encryption-key <name=source>',
      'as given to serve: vaults that were made under it stay under it; may be given again',
      collect,
      [],
    )
    .option('--storage-endpoint <url>', 'of a bucket: http(s)://HOST[:PORT] of its S3-compatible service')
    .option(
      '--storage-region <region>',
      'of a bucket: region that requests are signed for (default: us-east-1)',
    )
    .option(
      '--storage-credentials-file <file>',
      'of a bucket: file with its aws_access_key_id and aws_secret_access_key',
    )
    .option(
      '--cold <storage>',
      'where cold storage lies now, a directory or s3://BUCKET/PREFIX, if not where the vaults say; "none" goes on without what is in it',
    )
    .option('--cold-endpoint <url>', 'of its bucket, if not the one the vaults name')
    .option('--cold-credentials-file <file>', 'of its bucket, if not those of --storage-credentials-file')
    .option('--account-id <id>', 'the management account, where the vaults are of several accounts')
    .option('--region <region>', 'region of the new server (default: that of the vaults)')
    .option(
      '--with-identity [number]',
      'also users, roles, policies, plans and settings, of the newest export or that with this number, which confirms it',
    )
    .option('--json', 'print the result as JSON')
    .action(async (storage: string, options: RebuildOptions) => {
      // The engine is loaded by the commands that need it: the others start in half the time.
      const { rebuildServer } = await import('./rebuild-server.ts')
      await rebuildServer(storage, options)
    })
}
