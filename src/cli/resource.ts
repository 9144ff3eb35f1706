import { readFileSync, realpathSync } from 'node:fs'
import type { Command } from 'commander'
import type { RegisterResourceInput, Resource } from '../aws/generated/roleback.ts'
import { clientFrom } from './connect.ts'
import { factsOf, say, sayJson, tableOf } from './output.ts'
import { allResources, displayName, resourceArnOf, warn } from './registered.ts'
import { CommandUsageError } from './report.ts'
import { addResourceUpdate } from './resource-update.ts'
import { collect, portOf, tagsOf, tlsModeOf } from './resource-values.ts'
import { readSecret } from './secret-input.ts'

interface Common {
  readonly tag?: readonly string[]
  readonly json?: boolean
}

interface DirectoryOptions extends Common {
  readonly restoreRoot?: string
}

interface PostgresqlOptions extends Common {
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

interface S3Options extends Common {
  readonly endpoint: string
  readonly accessKeyId: string
  readonly bucket?: string
  readonly region?: string
  readonly secretFile?: string
}

const TAG = ['--tag <key=value>', 'tag of the resource; may be given again', collect] as const
const JSON_OPTION = ['--json', 'print the result as JSON'] as const

export function addResource(program: Command): void {
  const resource = program.command('resource').description('what can be backed up, and how it is reached')
  const add = resource.command('add').description('register something to back up')
  add
    .command('directory <name> <path>')
    .description("a directory on the server's host, as an EFS file system")
    .option('--restore-root <dir>', 'where restores make new directories (default: beside PATH)')
    .option(...TAG)
    .option(...JSON_OPTION)
    .action(addDirectory)
  add
    .command('postgresql <name>')
    .description('a PostgreSQL database, as an RDS instance')
    .requiredOption('--host <host>', 'host of the server')
    .option('--port <port>', 'port of the server', '5432')
    .option('--database <name>', 'name of the database (default: NAME)')
    .requiredOption('--user <user>', 'account to dump with')
    .option('--password-file <file>', 'file with its password, - for standard input')
    .option('--tls-mode <mode>', 'verify-full, require or disable (default: verify-full)')
    .option('--tls-ca-file <file>', "authority that signed the server's certificate, in PEM")
    .option('--restore-user <user>', 'account to restore with (default: the same)')
    .option('--restore-password-file <file>', 'file with its password, - for standard input')
    .option('--allow-superuser', 'accept a superuser as account')
    .option(...TAG)
    .option(...JSON_OPTION)
    .action(addPostgresql)
  add
    .command('s3 <bucket>')
    .description('a bucket on any S3-compatible server')
    .requiredOption('--endpoint <url>', 'URL of the server')
    .requiredOption('--access-key-id <id>', 'access key')
    .option('--secret-file <file>', 'file with its secret, - for standard input')
    .option('--region <region>', 'region that requests are signed for (default: us-east-1)')
    .option(...TAG)
    .option(...JSON_OPTION)
    .action(addBucket)
  resource
    .command('list')
    .description('everything that is registered')
    .option(...JSON_OPTION)
    .action(list)
  resource
    .command('show <arn-or-name>')
    .description('one resource with its connection, without its secret')
    .option(...JSON_OPTION)
    .action(show)
  addResourceUpdate(resource)
  resource
    .command('remove <arn-or-name>')
    .description('forget how it is reached; its recovery points stay')
    .option(...JSON_OPTION)
    .action(remove)
}

async function addDirectory(name: string, path: string, options: DirectoryOptions): Promise<void> {
  await register(
    {
      ResourceType: 'EFS',
      Name: name,
      Connection: {
        Path: realPath(path),
        RestoreRoot: options.restoreRoot === undefined ? undefined : realPath(options.restoreRoot),
      },
    },
    options,
  )
}

/** The server must be told the whole path; where it runs on another host, an absolute one is passed on as it is. */
function realPath(path: string): string {
  if (path.startsWith('/')) return path
  return realpathSync(path)
}

async function addPostgresql(name: string, options: PostgresqlOptions): Promise<void> {
  if (options.passwordFile === '-' && options.restorePasswordFile === '-') {
    throw new CommandUsageError('Standard input holds one password only: give the other one as a file')
  }
  await register(
    {
      ResourceType: 'RDS',
      Name: name,
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
    },
    options,
  )
}

async function addBucket(bucket: string, options: S3Options): Promise<void> {
  await register(
    {
      ResourceType: 'S3',
      Name: bucket,
      Connection: {
        Endpoint: options.endpoint,
        Bucket: bucket,
        AccessKeyId: options.accessKeyId,
        Region: options.region,
      },
      Secret: await readSecret(options.secretFile, `secret of ${options.accessKeyId}`, '--secret-file'),
    },
    options,
  )
}

async function register(input: RegisterResourceInput, options: Common): Promise<void> {
  const { call } = clientFrom(process.env)
  const made = await call('roleback', 'RegisterResource', { ...input, Tags: tagsOf(options.tag ?? []) })
  if (options.json === true) return sayJson(made)
  say(made.ResourceArn)
  warn(made.Warnings)
}

async function list(options: { json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const resources = await allResources(call)
  if (options.json === true) return sayJson(resources)
  if (resources.length === 0)
    return say('Nothing is registered yet. "roleback resource add --help" says how.')
  say(
    tableOf(
      ['NAME', 'TYPE', 'WHERE', 'ARN'],
      resources.map((one) => [displayName(one), one.ResourceType, placeOf(one), one.ResourceArn]),
    ),
  )
}

function placeOf({ Connection: at }: Resource): string {
  if (at?.Path !== undefined) return at.Path
  if (at?.Host !== undefined) return `${at.Host}:${at.Port ?? 5432}/${at.Database ?? ''}`
  return `${at?.Endpoint ?? ''}/${at?.Bucket ?? ''}`
}

async function show(name: string, options: { json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const { Resource: found } = await call('roleback', 'DescribeResource', {
    ResourceArn: await resourceArnOf(call, name),
  })
  if (options.json === true) return sayJson(found)
  say(
    factsOf({
      arn: found.ResourceArn,
      id: found.ResourceId,
      type: found.ResourceType,
      name: displayName(found),
      ...found.Connection,
      tags: found.Tags?.map((tag) => `${tag.Key}=${tag.Value}`).join(', '),
      'registered by': found.CreatedBy,
      'restored from': found.RestoredFrom,
    }),
  )
}

async function remove(name: string, options: { json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const arn = await resourceArnOf(call, name)
  await call('roleback', 'DeregisterResource', { ResourceArn: arn })
  if (options.json === true) sayJson({ ResourceArn: arn })
  else say(`${arn} is no longer registered; its recovery points stay`)
}
