import type { Command } from 'commander'
import { loadConfig } from '../../config.ts'
import { addDoctorStorage } from './doctor-storage.ts'
import { runChecks } from './doctor-checks.ts'
import { say, sayJson } from '../output.ts'
import { CommandError } from '../report.ts'

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('look at this machine and the server: what is missing, old, full or out of step')
    .option(
      '--data-dir <dir>',
      "the server's data directory (default: $ROLEBACK_DATA_DIR or ./roleback-data)",
    )
    .option('--json', 'print the result as JSON')
    .action(doctor)
  addDoctorStorage(command)
}

async function doctor(options: { readonly dataDir?: string; readonly json?: boolean }): Promise<void> {
  const { dataDir } = loadConfig(
    options.dataDir === undefined ? {} : { dataDir: options.dataDir },
    process.env,
  )
  const checks = await runChecks(dataDir, process.env)
  if (options.json === true) sayJson(checks)
  else for (const { status, name, found } of checks) say(`${status.padEnd(5)} ${name.padEnd(14)} ${found}`)
  const bad = checks.filter((check) => check.status === 'bad')
  if (bad.length > 0) throw new CommandError(`not well: ${bad.map((check) => check.name).join(', ')}`)
}
