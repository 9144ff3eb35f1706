import type { Command } from 'commander'
import type { RunningServer } from '../../app.ts'
import { loadConfig } from '../../config.ts'
import type { ServeOptions } from '../../config.ts'
import { createLog } from '../../lib/log.ts'
import type { FirstStart } from './first-start.ts'
import { say } from '../output.ts'
import { collect } from '../option-values.ts'

export function addServe(program: Command): void {
  program
    .command('serve')
    .description('run the server: API, worker and housekeeping in one process')
    .option('--data-dir <dir>', 'keys, database and vaults (default: $ROLEBACK_DATA_DIR or ./roleback-data)')
    .option('--listen <host:port>', 'address of the API; port 0 takes a free one', '127.0.0.1:8420')
    .option('--account-id <id>', 'account id for the first start (default: a random one)')
    .option('--region <region>', 'region for the first start (default: us-east-1)')
    .option(
      '--region-root <region=dir>',
      'further region, and the directory that its vaults lie in; may be given again',
      collect,
    )
    .option(
      '--cold-root <region=dir>',
      'directory that cold storage of the region’s vaults may lie in; may be given again',
      collect,
    )
    .option(
      '--database-url-file <file>',
      'file with the URL of a PostgreSQL database to use instead of SQLite',
    )
    .option(
      '--server-key <source>',
      'where its key comes from: file:PATH, credential:NAME (systemd) or command:/PROGRAM ARGUMENTS (default: $ROLEBACK_SERVER_KEY, or server.key of the data directory)',
    )
    .option(
      '--encryption-key <name=source>',
      'key that vaults can be made under beside the server’s own, and where it comes from, as --server-key; may be given again',
      collect,
    )
    .option(
      '--host-name <name>',
      'name that browsers reach the console by, beside localhost and addresses; may be given again',
      collect,
    )
    .option(
      '--public-url <url>',
      'address that others reach it by, for links in what SNS endpoints are sent (default: the first --host-name, else where it listens)',
    )
    .option('--tls-cert <file>', 'certificate chain in PEM')
    .option('--tls-key <file>', 'its private key in PEM')
    .option('--insecure-http', 'listen beyond loopback without TLS, because something in front speaks it')
    .option('--allow-root <dir>', 'directory that other accounts may register; may be given again', collect)
    .option(
      '--allow-endpoint <host:port>',
      'server that other accounts may register; may be given again',
      collect,
    )
    .option(
      '--metrics-listen <host:port>',
      'give Prometheus /metrics there; without a token on loopback only',
    )
    .option('--metrics-token-file <file>', 'file with the bearer token that scrapers must show')
    .option('--storage <location>', 'bucket that new vaults lie in: s3://BUCKET/PREFIX')
    .option('--storage-endpoint <url>', 'http(s)://HOST[:PORT] of its S3-compatible service')
    .option('--storage-region <region>', 'region that requests to it are signed for (default: us-east-1)')
    .option('--storage-credentials-file <file>', 'file with its aws_access_key_id and aws_secret_access_key')
    .option('--concurrent-jobs <n>', 'jobs at the same time (default: 2)')
    .option(
      '--hold-percent <n>',
      'of a vault may expire at once after an edit or a clock that leapt; more is held (default: 25)',
    )
    .option(
      '--read-cache <dir>',
      'what is read of vaults in buckets is kept there (default: read-cache in the data directory)',
    )
    .option('--read-cache-mib <n>', 'at most so much of it, 0 for none (default: 1024)')
    .option('--log-format <format>', 'json, text or silent (default: text on a terminal, else json)')
    .option('--new', 'begin anew although vaults of an earlier server lie in the data directory')
    .action(serve)
}

async function serve(options: ServeOptions): Promise<void> {
  const config = loadConfig(options, process.env)
  const { startServer } = await loadServer()
  const server = await startServer(config, createLog(config.logFormat))
  if (server.first !== undefined) for (const line of firstStartLines(server.first, isTerminal())) say(line)
  if (server.metricsUrl !== undefined) say(`metrics ${server.metricsUrl}`)
  // Whoever reads that it is ready may stop it at once.
  const stopped = untilStopped(server)
  say(`roleback ready ${server.url}`)
  await stopped
}

/** The server's code is loaded by the commands that run one: the others start in half the time. */
export async function loadServer(): Promise<Pick<typeof import('../../app.ts'), 'startServer'>> {
  return await import('../../app.ts')
}

function isTerminal(): boolean {
  return process.stdout.isTTY === true
}

/** What the first start hands over. A secret is shown on a terminal only: elsewhere it would end up in a log. */
export function firstStartLines(first: FirstStart, isShown: boolean): readonly string[] {
  const key = isShown
    ? [
        "The root user's access key, shown this once:",
        `  aws_access_key_id      ${first.accessKeyId}`,
        `  aws_secret_access_key  ${first.secretAccessKey}`,
      ]
    : []
  return [
    ...key,
    `root credentials: ${first.credentialsFile} (profile roleback)`,
    `recovery kit: ${first.kitFile}`,
    `its passphrase: ${first.passphraseFile}`,
    'Move kit and passphrase off this machine, to two different places: together',
    'they open every vault without this server.',
  ]
}

/** Ends the server at SIGTERM or SIGINT; a second one ends the process at once. */
export async function untilStopped(server: RunningServer): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const onFirst = (): void => {
    process.on('SIGINT', atOnce)
    process.on('SIGTERM', atOnce)
    resolve()
  }
  process.once('SIGINT', onFirst)
  process.once('SIGTERM', onFirst)
  await promise
  await server.stop()
  process.removeListener('SIGINT', atOnce)
  process.removeListener('SIGTERM', atOnce)
}

function atOnce(): never {
  process.exit(1)
}
