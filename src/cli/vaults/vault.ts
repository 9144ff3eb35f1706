import { resolve } from 'node:path'
import type { Command } from 'commander'
import { clientFrom } from '../connect.ts'
import { finishJob } from '../jobs/finish-job.ts'
import { CommandUsageError } from '../report.ts'
import { collect } from '../option-values.ts'
import { readSecret } from '../secret-input.ts'
import { addVaultHeld } from './vault-held.ts'
import { addVaultStatus } from './vault-status.ts'
import { addVaultUsage } from './vault-usage.ts'
import { addVaultRebuild } from '../rebuild/vault-rebuild.ts'

interface Json {
  readonly json?: boolean
}

interface ExportOptions extends Json {
  readonly format: string
  readonly to: string
  readonly role: string
  readonly recoveryPoint?: readonly string[]
  readonly passwordFile?: string
}

export function addVault(program: Command): void {
  const vault = program.command('vault').description('look after the bytes of a backup vault')
  vault
    .command('verify <name>')
    .description(
      'check that every recovery point is whole: all blobs there and, by default, read and compared',
    )
    .option('--no-read-data', 'check that everything is there without reading it')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: Json & { readData: boolean }) => {
      const { call } = clientFrom(process.env)
      const { JobId } = await call('roleback', 'StartVerifyJob', {
        BackupVaultName: name,
        ReadData: options.readData,
      })
      await finishJob(call, JobId, `verify ${name}`, options)
    })
  vault
    .command('repair <name>')
    .description(
      'store again what is damaged, from what still opens and from recovery points in other vaults',
    )
    .requiredOption('--role <arn>', 'role that recovery points in other vaults are read under')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: Json & { role: string }) => {
      const { call } = clientFrom(process.env)
      const { JobId } = await call('roleback', 'StartRepairJob', {
        BackupVaultName: name,
        IamRoleArn: options.role,
      })
      await finishJob(call, JobId, `repair ${name}`, options)
    })
  vault
    .command('sweep <name>')
    .description('remove what no recovery point uses any more')
    .option('--json', 'print the result as JSON')
    .action(async (name: string, options: Json) => {
      const { call } = clientFrom(process.env)
      const { JobId } = await call('roleback', 'StartSweepJob', { BackupVaultName: name })
      await finishJob(call, JobId, `sweep ${name}`, options)
    })
  vault
    .command('export <name>')
    .description('write recovery points as a restic repository, under a role that you pass')
    .requiredOption('--to <dir>', "directory on the server's host for the repository")
    .requiredOption('--role <arn>', 'role that the recovery points are read under')
    .option('--format <format>', 'form of the export', 'restic')
    .option(
      '--recovery-point <arn>',
      'recovery point to export, may be given again; all of the vault where absent',
      collect,
    )
    .option('--password-file <file>', "file with the repository's password, - for standard input")
    .option('--json', 'print the result as JSON')
    .action(exportVault)
  addVaultHeld(vault)
  addVaultUsage(vault)
  addVaultStatus(vault)
  addVaultRebuild(vault)
}

async function exportVault(name: string, options: ExportOptions): Promise<void> {
  if (options.format !== 'restic') {
    throw new CommandUsageError(`--format "${options.format}" is not known: the one format is restic`)
  }
  const { call } = clientFrom(process.env)
  const { JobId } = await call('roleback', 'StartExportJob', {
    BackupVaultName: name,
    Format: 'restic',
    TargetPath: resolve(options.to),
    IamRoleArn: options.role,
    RecoveryPointArns: options.recoveryPoint,
    Password: await readSecret(options.passwordFile, "the repository's password", '--password-file'),
  })
  await finishJob(call, JobId, `export ${name}`, options)
}
