import type { Command } from 'commander'
import type { RootKeyOptions } from './make-root-key.ts'

export function addRootKey(program: Command): void {
  program
    .command('root-key')
    .description("make another access key for an account's root user; the server must be stopped")
    .option('--account <id>', 'another account than the management account')
    .option(
      '--data-dir <dir>',
      'data directory of the server (default: $ROLEBACK_DATA_DIR or ./roleback-data)',
    )
    .option('--database-url-file <file>', 'as given to serve')
    .option('--server-key <source>', 'as given to serve')
    .action(async (options: RootKeyOptions) => {
      // The store is loaded by the commands that need it: the others start in half the time.
      const { makeRootKey } = await import('./make-root-key.ts')
      await makeRootKey(options)
    })
}
