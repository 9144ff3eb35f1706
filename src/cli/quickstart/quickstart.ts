import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Command } from 'commander'
import type { RunningServer } from '../../app.ts'
import { isLoopback, loadConfig } from '../../config.ts'
import { createLog } from '../../lib/log.ts'
import { awsCliWarning, findAwsCli } from '../aws-cli.ts'
import type { AwsCli } from '../aws-cli.ts'
import { credentialsFile, kitDirectory } from '../server/first-start.ts'
import { progressOutput } from '../jobs/follow-job.ts'
import { note, say, sayJson } from '../output.ts'
import { guideOf } from './quickstart-guide.ts'
import type { GuideFacts } from './quickstart-guide.ts'
import { makePrivateDirectory, placesOf } from './quickstart-places.ts'
import type { Places } from './quickstart-places.ts'
import { runDemonstration } from './quickstart-run.ts'
import type { Demonstration } from './quickstart-run.ts'
import { CommandUsageError } from '../report.ts'
import { loadServer, untilStopped } from '../server/serve.ts'

interface QuickstartOptions {
  readonly dataDir?: string
  readonly listen?: string
  readonly accountId?: string
  readonly region?: string
  readonly serve: boolean
  readonly json?: boolean
}

export function addQuickstart(program: Command): void {
  program
    .command('quickstart [path]')
    .description('start a server, back up PATH (default: a bundled sample), restore it beside, and compare')
    .option(
      '--data-dir <dir>',
      'where keys, database and vaults go (default: $ROLEBACK_DATA_DIR or ./roleback-data)',
    )
    .option(
      '--listen <host:port>',
      'address of the API on this machine; port 0 takes a free one',
      '127.0.0.1:8420',
    )
    .option('--account-id <id>', 'account id for the first start (default: a random one)')
    .option('--region <region>', 'region for the first start (default: us-east-1)')
    .option('--no-serve', 'stop the server at the end instead of leaving it running')
    .option('--json', 'print the result as JSON')
    .action(quickstart)
}

async function quickstart(path: string | undefined, options: QuickstartOptions): Promise<void> {
  const asked = loadConfig({ ...options }, process.env)
  if (!isLoopback(asked.host)) {
    throw new CommandUsageError(
      `--listen ${options.listen}: the quickstart listens on this machine only; "roleback serve" takes other addresses`,
    )
  }
  const places = placesOf(path, asked.dataDir)
  const cli = findAwsCli(process.env)
  const { startServer } = await loadServer()
  const server = await startServer({ ...asked, dataDir: places.dataDir }, fileLog(places.log))
  try {
    await demonstrate(server, places, { isJson: options.json === true, cli: await cli })
  } catch (error) {
    await server.stop()
    throw error
  }
  const tell = options.json === true ? note : say
  if (!options.serve) {
    await server.stop()
    return tell('\nThe server has been stopped (--no-serve). "roleback serve" starts it again.')
  }
  tell('')
  tell(`roleback ready ${server.url}`)
  tell(`It goes on running, with its log in ${places.log}. Ctrl-C ends it, "roleback serve" starts it again.`)
  await untilStopped(server)
}

async function demonstrate(
  server: RunningServer,
  places: Places,
  { isJson, cli }: { readonly isJson: boolean; readonly cli: AwsCli },
): Promise<void> {
  makePrivateDirectory(places.restored)
  const telling = { tell: isJson ? () => {} : say, progress: progressOutput(isJson) }
  const done = await runDemonstration(server, places, telling)
  const facts = guideFacts(server, places, done)
  if (isJson) sayJson({ ...facts, ...resultOf(done), warning: awsCliWarning(cli) })
  else for (const line of ['', ...guideOf(facts, cli, done.refusal)]) say(line)
}

/** Requests and jobs go to a file: the terminal is for the story. */
function fileLog(file: string): ReturnType<typeof createLog> {
  return createLog('json', (line) => appendFileSync(file, line, { mode: 0o600 }))
}

function guideFacts(server: RunningServer, places: Places, done: Demonstration): GuideFacts {
  const kit = kitDirectory(places.dataDir)
  return {
    endpoint: server.url,
    region: server.region,
    accountId: server.accountId,
    credentialsFile: places.credentials,
    rootCredentialsFile: credentialsFile(places.dataDir),
    kitFile: server.first?.kitFile ?? join(kit, 'recovery-kit.txt'),
    passphraseFile: server.first?.passphraseFile ?? join(kit, 'recovery-passphrase.txt'),
    vault: done.vault,
    resourceArn: done.resourceArn,
    defaultRoleArn: done.defaultRoleArn,
    recoveryPointArn: done.recoveryPointArn,
    backupJobId: done.backupJobId,
    restoreJobId: done.restoreJobId,
  }
}

function resultOf(done: Demonstration): Record<string, unknown> {
  return {
    source: done.source,
    restoredTo: done.restoredTo,
    files: done.comparison.files,
    bytes: done.comparison.bytes,
    isIdentical: done.comparison.differences.length === 0,
    refusal: done.refusal,
  }
}
