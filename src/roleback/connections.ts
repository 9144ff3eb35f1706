import { realpathSync } from 'node:fs'
import { dirname, isAbsolute, resolve } from 'node:path'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Connection } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { allResourcesOfType } from '../store/resources/resources.ts'
import { listStorages, storageSettings } from '../store/vaults/storages.ts'
import { hostPortOf, isSameHost, ownOrForbidden } from './endpoints.ts'
import type { HostPort } from './endpoints.ts'
import { holds, isInside, liesIn, overlaps, ownPlaces } from './own-places.ts'

/** Settings of a connection as they are stored: no secret among them. */
export type Settings = Readonly<Record<string, string | number | boolean>>

type ResourceType = 'EFS' | 'RDS' | 'S3'

/**
 * Registering a connection grants the jobs of this account a way to the thing behind it, so it is checked before anything is
 * touched: what is always refused, what only the management account may reach, and what another resource has already.
 *
 * @param exceptArn The resource that is being changed.
 */
export async function checkConnection(
  ctx: Context,
  type: ResourceType,
  connection: Connection,
  name: string,
  exceptArn: string | undefined,
): Promise<Settings> {
  switch (type) {
    case 'EFS':
      return await directorySettings(ctx, connection, exceptArn)
    case 'RDS':
      return await onlyOne(ctx, type, exceptArn, await databaseSettings(ctx, connection, name))
    case 'S3':
      return await onlyOne(ctx, type, exceptArn, await bucketSettings(ctx, connection, name))
  }
}

/**
 * The same for a connection that leads to no resource yet, but to a server of databases or buckets, or to a directory of directories;
 * what is found there is checked when it is registered.
 */
export async function checkServer(
  ctx: Context,
  type: ResourceType,
  connection: Connection,
): Promise<Settings> {
  switch (type) {
    case 'EFS': {
      const path = existingDirectory('Path', connection.Path)
      const restoreRoot = existingDirectory('RestoreRoot', connection.RestoreRoot ?? path)
      refuseOwnPlaces(ctx, [
        ['Path', path],
        ['RestoreRoot', restoreRoot],
      ])
      return { path, restoreRoot }
    }
    case 'RDS':
      return await databaseSettings(ctx, connection, 'postgres')
    case 'S3':
      return (await endpointSettings(ctx, connection)).settings
  }
}

async function directorySettings(
  ctx: Context,
  connection: Connection,
  exceptArn: string | undefined,
): Promise<Settings> {
  const path = existingDirectory('Path', connection.Path)
  const restoreRoot = existingDirectory('RestoreRoot', connection.RestoreRoot ?? dirname(path))
  refuseOwnPlaces(ctx, [
    ['Path', path],
    ['RestoreRoot', restoreRoot],
  ])
  const held = ownPlaces(ctx.server).find((place) => holds(path, place))
  if (held !== undefined) throw refusedOwn('Path', path, held)
  if (isInside(restoreRoot, path))
    throw refused('RestoreRoot', restoreRoot, `it lies inside the resource itself (${path})`)
  for (const other of await allResourcesOfType(ctx.store.db, 'EFS')) {
    const theirs = (JSON.parse(other.settings) as { path: string }).path
    const isOther = other.arn !== exceptArn || other.account_id !== ctx.accountId
    const [member, folder] = overlaps(path, theirs) ? ['Path', path] : ['RestoreRoot', restoreRoot]
    // Restores into another resource would be decided on the new file system's ARN alone.
    if (isOther && (member === 'Path' || isInside(restoreRoot, theirs))) {
      throw refused(
        member,
        folder,
        other.account_id === ctx.accountId
          ? `it overlaps ${other.arn} (${theirs})`
          : 'it overlaps a resource of another account',
      )
    }
  }
  return { path, restoreRoot }
}

/** Nothing of the server's own, and of tenants nothing that the operator has not allowed. */
function refuseOwnPlaces(
  ctx: Context,
  folders: readonly (readonly [member: string, folder: string])[],
): void {
  for (const [member, folder] of folders) {
    const own = ownPlaces(ctx.server).find((place) => liesIn(folder, place))
    if (own !== undefined) throw refusedOwn(member, folder, own)
    if (!isManagement(ctx) && !ctx.server.allowedRoots.some((root) => isInside(folder, root))) {
      throw refused(
        member,
        folder,
        'only the management account may register it. The operator can allow it with serve --allow-root',
      )
    }
  }
}

function refusedOwn(member: string, folder: string, place: string): InvalidParameterValueException {
  return refused(member, folder, `it overlaps the server's own data in ${place}, which holds keys and vaults`)
}

const UNOPENED: Readonly<Record<string, string>> = {
  ENOENT: 'it is not there',
  EACCES: "the server's account may not enter it",
  ENOTDIR: 'a part of its path is no directory',
}

/** The real path: a link in it could be pointed elsewhere later. */
function existingDirectory(member: string, given: string | undefined): string {
  if (given === undefined || !isAbsolute(given) || given.includes('\0')) {
    throw new InvalidParameterValueException(
      `Connection.${member} must be an absolute path, not "${given ?? ''}"`,
      { Context: member },
    )
  }
  try {
    return realpathSync(resolve(given))
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown error'
    throw new InvalidParameterValueException(
      `Connection.${member} "${given}" cannot be opened on the server's host: ${UNOPENED[code] ?? code}`,
      { Context: member },
    )
  }
}

function isManagement(ctx: Context): boolean {
  return ctx.accountId === ctx.server.managementAccountId
}

function refused(member: string, value: string, reason: string): InvalidParameterValueException {
  return new InvalidParameterValueException(`Cannot register "${value}": ${reason}`, {
    Context: `Connection.${member}`,
  })
}

/** What makes a database or bucket the same one, whoever connects to it. */
const IDENTITY = { RDS: ['host', 'port', 'database'], S3: ['endpoint', 'bucket'] } as const

/** Under a second ARN the policies that name the first would not hold. */
async function onlyOne(
  ctx: Context,
  type: 'RDS' | 'S3',
  exceptArn: string | undefined,
  settings: Settings,
): Promise<Settings> {
  for (const other of await allResourcesOfType(ctx.store.db, type)) {
    if (other.arn === exceptArn && other.account_id === ctx.accountId) continue
    const theirs = JSON.parse(other.settings) as Settings
    if (!IDENTITY[type].every((key) => theirs[key] === settings[key])) continue
    throw refused(
      type === 'RDS' ? 'Database' : 'Bucket',
      IDENTITY[type].map((key) => settings[key]).join(' '),
      other.account_id === ctx.accountId
        ? `it is registered already as ${other.arn}`
        : 'it is a resource of another account',
    )
  }
  return settings
}

async function databaseSettings(ctx: Context, connection: Connection, name: string): Promise<Settings> {
  const host = required('Host', connection.Host).toLowerCase()
  const port = connection.Port ?? 5432
  const database = connection.Database ?? name
  await checkEndpoint(ctx, 'Host', host, port, database)
  return {
    host,
    port,
    database,
    user: required('User', connection.User),
    tlsMode: connection.TlsMode ?? 'verify-full',
    // Empty: what was there before is taken away.
    ...(connection.TlsCaPem !== undefined && connection.TlsCaPem !== '' && { tlsCaPem: connection.TlsCaPem }),
    ...(connection.AllowSuperuser !== undefined && { allowSuperuser: connection.AllowSuperuser }),
    ...(connection.RestoreUser !== undefined && { restoreUser: connection.RestoreUser }),
  }
}

async function bucketSettings(ctx: Context, connection: Connection, name: string): Promise<Settings> {
  const { at, settings } = await endpointSettings(ctx, connection)
  const bucket = connection.Bucket ?? name
  const holder = await storageAt(ctx, at, bucket)
  if (holder !== undefined)
    throw refused(
      'Bucket',
      `${String(settings['endpoint'])} ${bucket}`,
      `vaults lie in it (storage ${holder})`,
    )
  // Without path style it is this host that requests go to.
  if (connection.ForcePathStyle === false) {
    const reason = await ownOrForbidden(ctx, 'Bucket', `${bucket}.${at.host}`, at.port)
    if (reason !== undefined) throw refused('Bucket', `${bucket}.${at.host}:${at.port}`, reason)
  }
  return { ...settings, bucket }
}

/** How a server of buckets is reached. */
async function endpointSettings(
  ctx: Context,
  connection: Connection,
): Promise<{ readonly at: ReturnType<typeof hostPortOf>; readonly settings: Settings }> {
  const endpoint = required('Endpoint', connection.Endpoint)
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new InvalidParameterValueException(
      `Connection.Endpoint "${endpoint}" must be an http or https URL without a user in it`,
      { Context: 'Endpoint' },
    )
  }
  const at = hostPortOf(endpoint)
  await checkEndpoint(ctx, 'Endpoint', at.host, at.port)
  const settings = {
    endpoint: url.origin,
    region: connection.Region ?? 'us-east-1',
    accessKeyId: required('AccessKeyId', connection.AccessKeyId),
    forcePathStyle: connection.ForcePathStyle ?? true,
  }
  return { at, settings }
}

/** Name of the storage that a bucket is, however its service is called: what vaults lie in is never a resource (R7). */
async function storageAt(ctx: Context, at: HostPort, bucket: string): Promise<string | undefined> {
  for (const row of await listStorages(ctx.store.db)) {
    const settings = storageSettings(row)
    if (settings.bucket === bucket && (await isSameHost(at, hostPortOf(settings.endpoint)))) return row.name
  }
  return undefined
}

function required(member: string, value: string | undefined): string {
  if (value === undefined || value === '') {
    throw new InvalidParameterValueException(`Connection.${member} is needed for this resource type`, {
      Context: `Connection.${member}`,
    })
  }
  return value
}

async function checkEndpoint(
  ctx: Context,
  member: string,
  host: string,
  port: number,
  database?: string,
): Promise<void> {
  const reason = await ownOrForbidden(ctx, member, host, port, database)
  if (reason !== undefined) throw refused(member, `${host}:${port}`, reason)
  if (!isManagement(ctx) && !ctx.server.allowedEndpoints.includes(`${host}:${port}`)) {
    throw refused(
      member,
      `${host}:${port}`,
      'only the management account may register it. The operator can allow it with serve --allow-endpoint',
    )
  }
}
