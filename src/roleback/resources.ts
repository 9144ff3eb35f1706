import {
  AlreadyExistsException,
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  Connection,
  DeregisterResourceInput,
  DescribeResourceInput,
  DescribeResourceOutput,
  ListResourcesInput,
  ListResourcesOutput,
  RegisterResourceInput,
  RegisterResourceOutput,
  Resource,
  Tag,
  TestResourceInput,
  TestResourceOutput,
  UpdateResourceInput,
  UpdateResourceOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { Kind } from '../kinds/kind.ts'
import { kindOfArn, kindOfType } from '../kinds/kinds.ts'
import { randomHex } from '../lib/ids.ts'
import {
  findResource,
  findResourcesByName,
  insertResource,
  listResources as listRows,
  removeResource,
  updateResource as updateRow,
} from '../store/resources/resources.ts'
import { tagsOver, twinKeys } from '../lib/tag-keys.ts'
import type { NewResource } from '../store/resources/resources.ts'
import type { ResourceTable } from '../store/schema.ts'
import { replaceTags, tagsOf, tagsOfAll } from '../store/identity/tags.ts'
import { resourcesOfPoints } from '../store/points/protection.ts'
import { checkConnection } from './connections.ts'
import type { Settings } from './connections.ts'
import { nextToken, pageOf } from './paging.ts'
import { resourceLabel } from '../store/resources/resource-label.ts'
import { testConnection } from './test-connection.ts'

/** The ARN a registration will have. A file system's id is made here; databases and buckets are called what they are called. */
export function arnToRegister(ctx: Context, input: RegisterResourceInput): string {
  return kindOf(input.ResourceType).resourceArn({
    ...placeOf(ctx),
    name: input.ResourceType === 'EFS' ? 'fs-*' : input.Name,
  })
}

function kindOf(type: string): Kind {
  const kind = kindOfType(type)
  if (kind === undefined)
    throw new InvalidParameterValueException(`Resource type "${type}" is not known`, {
      Context: 'ResourceType',
    })
  return kind
}

function placeOf(ctx: Context): { region: string; accountId: string } {
  return { region: ctx.region, accountId: ctx.accountId }
}

/** @param path Where given, the only directory that may be registered: a link put in its place meanwhile is refused. */
export async function registerResource(
  ctx: Context,
  input: RegisterResourceInput,
  path?: string,
): Promise<RegisterResourceOutput> {
  const kind = kindOf(input.ResourceType)
  const name = input.ResourceType === 'EFS' ? `fs-${randomHex(9).slice(0, 17)}` : input.Name
  const arn = kind.resourceArn({ ...placeOf(ctx), name })
  checkName(input, arn)
  const tags = tagsGiven(input)
  if ((await findResource(ctx.store.db, ctx.accountId, arn)) !== undefined) throw alreadyRegistered(arn)
  const settings = await checkConnection(ctx, input.ResourceType, input.Connection, input.Name, undefined)
  if (path !== undefined && settings['path'] !== path)
    throw new InvalidParameterValueException(
      `Cannot register "${path}": a symbolic link stands in its place, and leads to "${String(settings['path'])}"`,
      { Context: 'Connection.Path' },
    )
  const uniqueId = randomHex(16)
  const secret = sealedSecret(ctx, uniqueId, 1, input)
  const warnings = await testConnection(ctx, {
    uniqueId,
    version: 1,
    type: input.ResourceType,
    arn,
    settings,
    secret,
  })
  const row: NewResource = {
    account_id: ctx.accountId,
    region: ctx.region,
    arn,
    unique_id: uniqueId,
    type: input.ResourceType,
    name,
    settings: JSON.stringify(settings),
    secret,
    version: 1,
    created_at: ctx.now,
    created_by: ctx.principal.arn,
    restored_from: null,
    removed_at: null,
  }
  await ctx.store.transaction(async (tx) => {
    if (!(await insertResource(tx, row))) throw alreadyRegistered(arn)
    // Tags of an earlier registration under this ARN are not this one's.
    await replaceTags(tx, ctx.accountId, arn, tags)
  })
  return { ResourceArn: arn, ResourceId: uniqueId, Warnings: warnings }
}

/** The name becomes part of the ARN that policies are written for: nothing in it may bend that ARN's form. */
function checkName(input: RegisterResourceInput, arn: string): void {
  if (kindOfArn(arn)?.kind.type === input.ResourceType) return
  const real = input.ResourceType === 'RDS' ? 'Connection.Database' : 'Connection.Bucket'
  throw new InvalidParameterValueException(
    `Name ${JSON.stringify(input.Name.slice(0, 100))} cannot name a resource of type ${input.ResourceType}. ` +
      `Choose another, and give its real name as ${real}`,
    { Context: 'Name' },
  )
}

function alreadyRegistered(arn: string): AlreadyExistsException {
  return new AlreadyExistsException(
    `${arn} is registered already. Change it with "roleback resource update", or deregister it first`,
    { Context: arn },
  )
}

/** @throws {InvalidParameterValueException} For keys that are AWS's own, and those that differ only in case. */
export function tagsGiven(
  input: Pick<RegisterResourceInput, 'Tags' | 'ResourceType' | 'Name'>,
): Record<string, string> {
  const tags: Record<string, string> = {}
  for (const tag of input.Tags ?? []) {
    if (tag.Key.toLowerCase().startsWith('aws:')) {
      throw new InvalidParameterValueException(
        `Tag key "${tag.Key}" cannot be set: keys that begin with aws: are reserved`,
        { Context: 'Tags' },
      )
    }
    tags[tag.Key] = tag.Value
  }
  const [key, twin] = twinKeys(Object.keys(tags)) ?? []
  if (key !== undefined) {
    throw new InvalidParameterValueException(
      `Tag key "${key}" differs from "${twin}" only in case: policies could not tell them apart. Use one of them`,
      { Context: 'Tags' },
    )
  }
  return input.ResourceType === 'EFS' ? tagsOver({ Name: input.Name }, tags) : tags
}

/** Both secrets go under one seal, bound to the resource's unique id and the version of its settings. */
export function sealedSecret(
  ctx: Context,
  uniqueId: string,
  version: number,
  given: { readonly Secret?: string | undefined; readonly RestoreSecret?: string | undefined },
): string | null {
  if (given.Secret === undefined) return null
  const plain =
    given.RestoreSecret === undefined
      ? given.Secret
      : JSON.stringify({ password: given.Secret, restorePassword: given.RestoreSecret })
  return ctx.serverKey.seal('connection', `${uniqueId} ${version}`, Buffer.from(plain))
}

/** Settings whose change would send the stored secret somewhere else, under another name, or make it open something else. */
export const SECRET_GOES_WITH = [
  'host',
  'port',
  'database',
  'allowSuperuser',
  'user',
  'restoreUser',
  'tlsMode',
  'tlsCaPem',
  'endpoint',
  'bucket',
  'forcePathStyle',
  'accessKeyId',
] as const

export async function updateResource(
  ctx: Context,
  input: UpdateResourceInput,
): Promise<UpdateResourceOutput> {
  const row = await resourceNamed(ctx, input.ResourceArn)
  const before = JSON.parse(row.settings) as Settings
  const merged = { ...toConnection(row), ...input.Connection }
  const settings = await checkConnection(ctx, row.type as 'EFS' | 'RDS' | 'S3', merged, row.name, row.arn)
  const changed = SECRET_GOES_WITH.filter((key) => settings[key] !== before[key])
  if (changed.length > 0 && row.secret !== null && input.Secret === undefined) {
    throw new InvalidRequestException(
      `Changing ${changed.join(', ')} of ${row.arn} needs the secret again: the stored one was given for the old settings`,
    )
  }
  checkBothSecrets(ctx, row, input)
  const version = row.version + 1
  const secret =
    input.Secret === undefined
      ? resealed(ctx, row, version)
      : sealedSecret(ctx, row.unique_id, version, input)
  const warnings = await testConnection(ctx, {
    uniqueId: row.unique_id,
    version,
    type: row.type,
    arn: row.arn,
    settings,
    secret,
  })
  if (!(await updateRow(ctx.store.db, row, { settings: JSON.stringify(settings), secret }))) {
    throw new InvalidRequestException(
      `${row.arn} was changed by somebody else at the same time. Look at it and try again`,
    )
  }
  return { ResourceArn: row.arn, Warnings: warnings }
}

/** The secrets of the two users of a database are sealed together: one given alone would take the other away, or be none. */
function checkBothSecrets(ctx: Context, row: ResourceTable, input: UpdateResourceInput): void {
  if (input.Secret === undefined && input.RestoreSecret === undefined) return
  if (input.Secret !== undefined && (input.RestoreSecret !== undefined || !hasRestoreSecret(ctx, row))) return
  const [given, missing] =
    input.Secret === undefined ? ['RestoreSecret', 'Secret'] : ['Secret', 'RestoreSecret']
  throw new InvalidRequestException(
    `Cannot change ${given} of ${row.arn} alone: it is sealed together with ${missing}. Give both`,
    { Context: missing },
  )
}

function hasRestoreSecret(ctx: Context, row: ResourceTable): boolean {
  if (row.secret === null) return false
  const plain = ctx.serverKey.open('connection', `${row.unique_id} ${row.version}`, row.secret).toString()
  // A password alone begins with no brace.
  return plain.startsWith('{') && 'restorePassword' in (JSON.parse(plain) as object)
}

function resealed(ctx: Context, row: ResourceTable, version: number): string | null {
  if (row.secret === null) return null
  const plain = ctx.serverKey.open('connection', `${row.unique_id} ${row.version}`, row.secret)
  return ctx.serverKey.seal('connection', `${row.unique_id} ${version}`, plain)
}

/** Has a worker reach the resource as its jobs do, with what is stored. Nothing is changed. */
export async function testResource(ctx: Context, input: TestResourceInput): Promise<TestResourceOutput> {
  const row = await resourceNamed(ctx, input.ResourceArn)
  const warnings = await testConnection(ctx, {
    uniqueId: row.unique_id,
    version: row.version,
    type: row.type,
    arn: row.arn,
    settings: JSON.parse(row.settings) as Settings,
    secret: row.secret,
  })
  return { ResourceArn: row.arn, Warnings: warnings }
}

export async function describeResource(
  ctx: Context,
  input: DescribeResourceInput,
): Promise<DescribeResourceOutput> {
  const row = await resourceNamed(ctx, input.ResourceArn)
  const tags = await tagsOf(ctx.store.db, ctx.accountId, row.arn)
  return { Resource: toResource(row, tags, await sourcesOf(ctx, [row])) }
}

/** Resources looked through for one page of a search: nobody waits for it longer than a few hundredths of a second. */
const SEARCHED = 10_000

/** With `NameContains` a page may be short, or empty, and others follow. */
export async function listResources(ctx: Context, input: ListResourcesInput): Promise<ListResourcesOutput> {
  const page = pageOf(ctx, 'ListResources', input)
  const filter = { accountId: ctx.accountId, type: input.ResourceType }
  const { rows, next } =
    input.NameContains === undefined
      ? await listRows(ctx.store.db, filter, page)
      : await findResourcesByName(
          ctx.store.db,
          { ...filter, part: input.NameContains, atOnce: SEARCHED },
          page,
        )
  const tags = await tagsOfAll(
    ctx.store.db,
    ctx.accountId,
    rows.map((row) => row.arn),
  )
  const sources = await sourcesOf(ctx, rows)
  return {
    Resources: rows.map((row) => toResource(row, tags.get(row.arn) ?? {}, sources)),
    NextToken: nextToken(ctx, 'ListResources', next),
  }
}

export async function deregisterResource(
  ctx: Context,
  input: DeregisterResourceInput,
): Promise<Record<string, never>> {
  const row = await resourceNamed(ctx, input.ResourceArn)
  await removeResource(ctx.store.db, ctx.accountId, row.unique_id, ctx.now)
  return {}
}

async function resourceNamed(ctx: Context, arn: string): Promise<ResourceTable> {
  const row = await findResource(ctx.store.db, ctx.accountId, arn)
  if (row === undefined)
    throw new ResourceNotFoundException(`No resource is registered under ${arn}`, { Context: arn })
  return row
}

/** Of what each of these was a backup, by the recovery point that it was restored from. */
async function sourcesOf(ctx: Context, rows: readonly ResourceTable[]): Promise<ReadonlyMap<string, string>> {
  const points = rows.flatMap(({ restored_from: point }) => point ?? [])
  return await resourcesOfPoints(ctx.store.db, ctx.accountId, points)
}

function toResource(
  row: ResourceTable,
  tags: Readonly<Record<string, string>>,
  sources: ReadonlyMap<string, string>,
): Resource {
  return {
    ResourceArn: row.arn,
    ResourceId: row.unique_id,
    ResourceType: row.type as 'EFS' | 'RDS' | 'S3',
    Name: row.name,
    DisplayName: resourceLabel(row, tags),
    Connection: toConnection(row),
    Tags: Object.entries(tags).map(([Key, Value]): Tag => ({ Key, Value })),
    CreationDate: new Date(row.created_at),
    CreatedBy: row.created_by,
    RestoredFrom: row.restored_from ?? undefined,
    RestoredFromResource: sources.get(row.restored_from ?? ''),
  }
}

/** Stored settings under their names on the wire. */
export function toConnection(row: Pick<ResourceTable, 'settings'>): Connection {
  const settings = JSON.parse(row.settings) as Settings
  return Object.fromEntries(
    Object.entries(settings).map(([key, value]) => [key.charAt(0).toUpperCase() + key.slice(1), value]),
  )
}
