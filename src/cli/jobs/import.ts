import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import type { Command } from 'commander'
import { clientFrom } from '../connect.ts'
import { finishJob } from './finish-job.ts'
import { collect } from '../option-values.ts'
import { readSecret } from '../secret-input.ts'

interface ImportOptions {
  readonly vault: string
  readonly resource: string
  readonly role: string
  readonly snapshot?: readonly string[]
  readonly host?: string
  readonly path?: string
  readonly deleteAfterDays?: number
  readonly passwordFile?: string
  readonly json?: boolean
}

export function addImport(program: Command): void {
  program
    .command('import')
    .description('bring the backups of another program into a backup vault')
    .command('restic <repository>')
    .description("make a recovery point of each snapshot in a restic repository on the server's host")
    .requiredOption('--vault <name>', 'backup vault for the recovery points')
    .requiredOption('--resource <arn>', 'registered directory that the snapshots are of')
    .requiredOption('--role <arn>', 'role that the recovery points are written under')
    .option('--snapshot <id>', 'snapshot to import, may be given again; all where absent', collect)
    .option('--host <name>', 'only snapshots of this host')
    .option('--path <dir>', 'directory in the snapshots that becomes the root of the recovery points')
    .option('--delete-after-days <days>', "life of the recovery points from their snapshot's time on", days)
    .option('--password-file <file>', "file with the repository's password, - for standard input")
    .option('--json', 'print the result as JSON')
    .action(importRestic)
}

function days(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text)) return Number(text)
  throw new InvalidArgumentError('Write a whole number of days, 1 to 36500.')
}

async function importRestic(repository: string, options: ImportOptions): Promise<void> {
  const { call } = clientFrom(process.env)
  const { JobId } = await call('roleback', 'StartImportJob', {
    BackupVaultName: options.vault,
    ResourceArn: options.resource,
    Format: 'restic',
    SourcePath: resolve(repository),
    IamRoleArn: options.role,
    SnapshotIds: options.snapshot,
    Hostname: options.host,
    SnapshotPath: options.path,
    DeleteAfterDays: options.deleteAfterDays,
    Password: await readSecret(options.passwordFile, "the repository's password", '--password-file'),
  })
  await finishJob(call, JobId, `import into ${options.vault}`, options)
}
