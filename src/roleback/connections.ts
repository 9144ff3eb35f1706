import { lookup } from 'node:dns/promises'
import { realpathSync } from 'node:fs'
import { BlockList, isIP } from 'node:net'
import { dirname, isAbsolute, relative, resolve } from 'node:path'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Connection } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { allResourcesOfType } from '../store/resources.ts'

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
      return await databaseSettings(ctx, connection, name)
    case 'S3':
      return await bucketSettings(ctx, connection, name)
  }
}

async function directorySettings(
  ctx: Context,
  connection: Connection,
  exceptArn: string | undefined,
): Promise<Settings> {
  const path = existingDirectory('Path', connection.Path)
  const restoreRoot = existingDirectory('RestoreRoot', connection.RestoreRoot ?? dirname(path))
  for (const [member, folder] of [
    ['Path', path],
    ['RestoreRoot', restoreRoot],
  ] as const) {
    if (overlaps(folder, ctx.server.dataDir) && (member === 'Path' || isInside(folder, ctx.server.dataDir))) {
      throw refused(
        member,
        folder,
        `it overlaps the server's own data in ${ctx.server.dataDir}, which holds keys and vaults`,
      )
    }
    if (!isManagement(ctx) && !ctx.server.allowedRoots.some((root) => isInside(folder, root))) {
      throw refused(
        member,
        folder,
        'only the management account may register it. The operator can allow it with serve --allow-root',
      )
    }
  }
  if (isInside(restoreRoot, path))
    throw refused('RestoreRoot', restoreRoot, `it lies inside the resource itself (${path})`)
  for (const other of await allResourcesOfType(ctx.store.db, 'EFS')) {
    const theirs = (JSON.parse(other.settings) as { path: string }).path
    if (other.arn !== exceptArn && overlaps(path, theirs)) {
      throw refused(
        'Path',
        path,
        other.account_id === ctx.accountId
          ? `it overlaps ${other.arn} (${theirs})`
          : 'it overlaps a resource of another account',
      )
    }
  }
  return { path, restoreRoot }
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
      `Connection.${member} "${given}" cannot be opened on the server's host (${code})`,
      { Context: member },
    )
  }
}

function isInside(inner: string, outer: string): boolean {
  const way = relative(outer, inner)
  return way === '' || (!way.startsWith('..') && !isAbsolute(way))
}

function overlaps(a: string, b: string): boolean {
  return isInside(a, b) || isInside(b, a)
}

function isManagement(ctx: Context): boolean {
  return ctx.accountId === ctx.server.managementAccountId
}

function refused(member: string, value: string, reason: string): InvalidParameterValueException {
  return new InvalidParameterValueException(`Cannot register "${value}": ${reason}`, {
    Context: `Connection.${member}`,
  })
}

async function databaseSettings(ctx: Context, connection: Connection, name: string): Promise<Settings> {
  const host = required('Host', connection.Host)
  const port = connection.Port ?? 5432
  await checkEndpoint(ctx, 'Host', host, port)
  return {
    host,
    port,
    database: connection.Database ?? name,
    user: required('User', connection.User),
    tlsMode: connection.TlsMode ?? 'verify-full',
    ...(connection.TlsCaPem !== undefined && { tlsCaPem: connection.TlsCaPem }),
    ...(connection.AllowSuperuser !== undefined && { allowSuperuser: connection.AllowSuperuser }),
    ...(connection.RestoreUser !== undefined && { restoreUser: connection.RestoreUser }),
  }
}

async function bucketSettings(ctx: Context, connection: Connection, name: string): Promise<Settings> {
  const endpoint = required('Endpoint', connection.Endpoint)
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined
  if (url === undefined || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new InvalidParameterValueException(
      `Connection.Endpoint "${endpoint}" must be an http or https URL without a user in it`,
      { Context: 'Endpoint' },
    )
  }
  await checkEndpoint(
    ctx,
    'Endpoint',
    url.hostname,
    Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
  )
  return {
    endpoint: url.origin,
    bucket: connection.Bucket ?? name,
    region: connection.Region ?? 'us-east-1',
    accessKeyId: required('AccessKeyId', connection.AccessKeyId),
    forcePathStyle: connection.ForcePathStyle ?? true,
  }
}

function required(member: string, value: string | undefined): string {
  if (value === undefined || value === '') {
    throw new InvalidParameterValueException(`Connection.${member} is needed for this resource type`, {
      Context: `Connection.${member}`,
    })
  }
  return value
}

/** Link-local addresses reach the host's own metadata services; never a backup source. */
const FORBIDDEN = new BlockList()
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4')
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6')
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6')
FORBIDDEN.addAddress('0.0.0.0', 'ipv4')
FORBIDDEN.addAddress('::', 'ipv6')

async function checkEndpoint(ctx: Context, member: string, host: string, port: number): Promise<void> {
  const bare = host.replace(/^\[|\]$/g, '')
  const addresses = await addressesOf(member, bare)
  if (addresses.some((address) => FORBIDDEN.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'))) {
    throw refused(member, host, 'link-local, unspecified and metadata addresses are never backed up')
  }
  const isOwn =
    port === ctx.server.listen.port &&
    addresses.some(
      (address) => address === '::1' || address.startsWith('127.') || address === ctx.server.listen.host,
    )
  if (
    isOwn ||
    ctx.server.ownEndpoints.some(
      (own) => own.port === port && (own.host === bare || addresses.includes(own.host)),
    )
  ) {
    throw refused(member, `${host}:${port}`, "it is the server's own address or database")
  }
  if (!isManagement(ctx) && !ctx.server.allowedEndpoints.includes(`${host}:${port}`)) {
    throw refused(
      member,
      `${host}:${port}`,
      'only the management account may register it. The operator can allow it with serve --allow-endpoint',
    )
  }
}

async function addressesOf(member: string, host: string): Promise<readonly string[]> {
  if (isIP(host) !== 0) return [mapped(host)]
  try {
    return (await lookup(host, { all: true })).map(({ address }) => mapped(address))
  } catch {
    throw new InvalidParameterValueException(
      `Connection.${member} "${host}" does not resolve to an address`,
      { Context: `Connection.${member}` },
    )
  }
}

/** An IPv4 address may come in IPv6's clothes. */
function mapped(address: string): string {
  return /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)?.[1] ?? address
}
