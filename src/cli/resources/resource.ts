import type { Command } from 'commander'
import type { RegisterResourceInput, Resource } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import {
  postgresqlAccess,
  realPath,
  s3Access,
  withPostgresqlOptions,
  withS3Options,
} from './connection-options.ts'
import type { PostgresqlValues, S3Values } from './connection-options.ts'
import { factsOf, say, sayJson, tableOf } from '../output.ts'
import { allResources, resourceArnOf, warn } from './registered.ts'
import { addResourceUpdate } from './resource-update.ts'
import { collect, tagsOf } from '../option-values.ts'

interface Common {
  readonly tag?: readonly string[]
  readonly json?: boolean
}

interface DirectoryOptions extends Common {
  readonly restoreRoot?: string
}

interface PostgresqlOptions extends Common, PostgresqlValues {}

interface S3Options extends Common, S3Values {}

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
  withPostgresqlOptions(
    add.command('postgresql <name>').description('a PostgreSQL database, as an RDS instance'),
  )
    .option('--database <name>', 'name of the database (default: NAME)')
    .option(...TAG)
    .option(...JSON_OPTION)
    .action(addPostgresql)
  withS3Options(add.command('s3 <bucket>').description('a bucket on any S3-compatible server'))
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
    .command('test <arn-or-name>')
    .description('reach it as a backup would, and say what it answers')
    .option(...JSON_OPTION)
    .action(test)
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

async function addPostgresql(name: string, options: PostgresqlOptions): Promise<void> {
  await register({ ResourceType: 'RDS', Name: name, ...(await postgresqlAccess(options)) }, options)
}

async function addBucket(bucket: string, options: S3Options): Promise<void> {
  const { Connection, Secret } = await s3Access(options)
  await register(
    { ResourceType: 'S3', Name: bucket, Connection: { ...Connection, Bucket: bucket }, Secret },
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
      resources.map((one) => [one.DisplayName, one.ResourceType, placeOf(one), one.ResourceArn]),
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
      name: found.DisplayName,
      ...found.Connection,
      tags: found.Tags?.map((tag) => `${tag.Key}=${tag.Value}`).join(', '),
      'registered by': found.CreatedBy,
      'restored from': found.RestoredFrom,
    }),
  )
}

async function test(name: string, options: { json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const tested = await call('roleback', 'TestResource', { ResourceArn: await resourceArnOf(call, name) })
  if (options.json === true) return sayJson(tested)
  say(`${tested.ResourceArn} was reached`)
  warn(tested.Warnings)
}

async function remove(name: string, options: { json?: boolean }): Promise<void> {
  const { call } = clientFrom(process.env)
  const arn = await resourceArnOf(call, name)
  await call('roleback', 'DeregisterResource', { ResourceArn: arn })
  if (options.json === true) sayJson({ ResourceArn: arn })
  else say(`${arn} is no longer registered; its recovery points stay`)
}
