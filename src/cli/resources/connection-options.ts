import { readFileSync, realpathSync } from 'node:fs'
import type { Command } from 'commander'
import type { Connection } from '../../aws/generated/roleback.ts'
import { CommandUsageError } from '../report.ts'
import { portOf, tlsModeOf } from '../option-values.ts'
import { readSecret } from '../secret-input.ts'

/** How a server is reached: the same options wherever a connection is given. */

export interface PostgresqlValues {
  readonly host: string
  readonly port: string
  readonly database?: string
  readonly user: string
  readonly tlsMode?: string
  readonly tlsCaFile?: string
  readonly allowSuperuser?: boolean
  readonly restoreUser?: string
  readonly passwordFile?: string
  readonly restorePasswordFile?: string
}

export interface S3Values {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly region?: string
  readonly secretFile?: string
}

/** A connection with the secrets that open it. */
export interface Access {
  readonly Connection: Connection
  readonly Secret: string
  readonly RestoreSecret?: string | undefined
}

export function withPostgresqlOptions(command: Command): Command {
  return command
    .requiredOption('--host <host>', 'host of the server')
    .option('--port <port>', 'port of the server', '5432')
    .requiredOption('--user <user>', 'account to dump with')
    .option('--password-file <file>', 'file with its password, - for standard input')
    .option('--tls-mode <mode>', 'verify-full, require or disable (default: verify-full)')
    .option('--tls-ca-file <file>', "authority that signed the server's certificate, in PEM")
    .option('--restore-user <user>', 'account to restore with (default: the same)')
    .option('--restore-password-file <file>', 'file with its password, - for standard input')
    .option('--allow-superuser', 'accept a superuser as account')
}

export function withS3Options(command: Command): Command {
  return command
    .requiredOption('--endpoint <url>', 'URL of the server')
    .requiredOption('--access-key-id <id>', 'access key')
    .option('--secret-file <file>', 'file with its secret, - for standard input')
    .option('--region <region>', 'region that requests are signed for (default: us-east-1)')
}

export async function postgresqlAccess(options: PostgresqlValues): Promise<Access> {
  if (options.passwordFile === '-' && options.restorePasswordFile === '-') {
    throw new CommandUsageError('Standard input holds one password only: give the other one as a file')
  }
  return {
    Connection: {
      Host: options.host,
      Port: portOf(options.port),
      Database: options.database,
      User: options.user,
      TlsMode: tlsModeOf(options.tlsMode),
      TlsCaPem: options.tlsCaFile === undefined ? undefined : readFileSync(options.tlsCaFile, 'utf8'),
      AllowSuperuser: options.allowSuperuser,
      RestoreUser: options.restoreUser,
    },
    Secret: await readSecret(options.passwordFile, `password of ${options.user}`, '--password-file'),
    RestoreSecret:
      options.restoreUser === undefined && options.restorePasswordFile === undefined
        ? undefined
        : await readSecret(
            options.restorePasswordFile,
            `password of ${options.restoreUser ?? options.user}`,
            '--restore-password-file',
          ),
  }
}

export async function s3Access(options: S3Values): Promise<Access> {
  return {
    Connection: {
      Endpoint: options.endpoint,
      AccessKeyId: options.accessKeyId,
      Region: options.region,
    },
    Secret: await readSecret(options.secretFile, `secret of ${options.accessKeyId}`, '--secret-file'),
  }
}

/** The server must be told the whole path; where it runs on another host, an absolute one is passed on as it is. */
export function realPath(path: string): string {
  if (path.startsWith('/')) return path
  return realpathSync(path)
}
