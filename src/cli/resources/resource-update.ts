import { readFileSync } from 'node:fs'
import type { Command } from 'commander'
import type { Connection } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { say, sayJson } from '../output.ts'
import { resourceArnOf, warn } from './registered.ts'
import { CommandUsageError } from '../report.ts'
import { portOf, tlsModeOf } from '../option-values.ts'
import { readSecret } from '../secret-input.ts'

interface UpdateOptions {
  readonly path?: string
  readonly restoreRoot?: string
  readonly host?: string
  readonly port?: string
  readonly database?: string
  readonly user?: string
  readonly tlsMode?: string
  /** False: none any more. */
  readonly tlsCaFile?: string | false
  readonly allowSuperuser?: boolean
  readonly restoreUser?: string
  readonly endpoint?: string
  readonly accessKeyId?: string
  readonly region?: string
  readonly pathStyle?: boolean
  readonly secretFile?: string
  readonly restoreSecretFile?: string
  readonly json?: boolean
}

export function addResourceUpdate(resource: Command): void {
  resource
    .command('update <arn-or-name>')
    .description('change how it is reached; whatever changes where the secret goes needs it again')
    .option('--path <dir>', 'directory: its path')
    .option('--restore-root <dir>', 'directory: where restores make new ones')
    .option('--host <host>', 'database: host of the server')
    .option('--port <port>', 'database: port of the server')
    .option('--database <name>', 'database: its name')
    .option('--user <user>', 'database: account to dump with')
    .option('--tls-mode <mode>', 'database: verify-full, require or disable')
    .option('--tls-ca-file <file>', "database: authority that signed the server's certificate, in PEM")
    .option('--no-tls-ca-file', 'database: trust those authorities again that everybody trusts')
    .option('--restore-user <user>', 'database: account to restore with')
    .option('--allow-superuser', 'database: accept a superuser as account')
    .option('--no-allow-superuser', 'database: refuse a superuser again')
    .option('--endpoint <url>', 'bucket: URL of the server')
    .option('--access-key-id <id>', 'bucket: access key')
    .option('--region <region>', 'bucket: region that requests are signed for')
    .option('--path-style', 'bucket: name it in the path')
    .option('--no-path-style', 'bucket: name it in the host name')
    .option('--secret-file <file>', 'file with the new password or secret, - for standard input')
    .option(
      '--restore-secret-file <file>',
      "file with the restoring account's password, - for standard input",
    )
    .option('--json', 'print the result as JSON')
    .action(update)
}

async function update(name: string, options: UpdateOptions): Promise<void> {
  const connection = changedConnection(options)
  const { secretFile, restoreSecretFile } = options
  if (secretFile === '-' && restoreSecretFile === '-') {
    throw new CommandUsageError('Standard input holds one secret only: give the other one as a file')
  }
  if (Object.keys(connection).length === 0 && secretFile === undefined) {
    throw new CommandUsageError('Nothing to change: give at least one option, see --help')
  }
  const { call } = clientFrom(process.env)
  const changed = await call('roleback', 'UpdateResource', {
    ResourceArn: await resourceArnOf(call, name),
    Connection: connection,
    Secret: secretFile === undefined ? undefined : await readSecret(secretFile, 'secret', '--secret-file'),
    RestoreSecret:
      restoreSecretFile === undefined
        ? undefined
        : await readSecret(restoreSecretFile, 'restore secret', '--restore-secret-file'),
  })
  if (options.json === true) return sayJson(changed)
  say(`${changed.ResourceArn} changed`)
  warn(changed.Warnings)
}

function caPemOf(file: string | false | undefined): string | undefined {
  if (file === undefined) return undefined
  return file === false ? '' : readFileSync(file, 'utf8')
}

/** Only what was given: what is absent stays as it is on the server. */
function changedConnection(options: UpdateOptions): Connection {
  const given = {
    Path: options.path,
    RestoreRoot: options.restoreRoot,
    Host: options.host,
    Port: options.port === undefined ? undefined : portOf(options.port),
    Database: options.database,
    User: options.user,
    TlsMode: tlsModeOf(options.tlsMode),
    TlsCaPem: caPemOf(options.tlsCaFile),
    AllowSuperuser: options.allowSuperuser,
    RestoreUser: options.restoreUser,
    Endpoint: options.endpoint,
    AccessKeyId: options.accessKeyId,
    Region: options.region,
    ForcePathStyle: options.pathStyle,
  }
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
}
