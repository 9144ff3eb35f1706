import { addressesOf, isSameMachine, refusalOfAddresses } from '../egress/addresses.ts'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'

/** Why an endpoint cannot be registered; undefined where nothing speaks against its addresses. */
export async function ownOrForbidden(
  ctx: Context,
  member: string,
  host: string,
  port: number,
  database?: string,
): Promise<string | undefined> {
  const addresses = await addressesOf(host)
  if (addresses.length === 0) {
    throw new InvalidParameterValueException(
      `Connection.${member} "${host}" does not resolve to an address`,
      {
        Context: `Connection.${member}`,
      },
    )
  }
  const { listen, ownEndpoints } = ctx.server
  return await refusalOfAddresses(addresses, port, [listen, ...ownEndpoints], database)
}

/** What listens somewhere: a name or address, and a port. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** @param endpoint A URL that was checked. */
export function hostPortOf(endpoint: string): HostPort {
  const url = new URL(endpoint)
  return { host: url.hostname, port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80) }
}

/** Where requests for a bucket go: without path style to a host of the bucket's own. */
export function bucketHost(place: {
  readonly endpoint: string
  readonly bucket: string
  readonly forcePathStyle: boolean
}): HostPort {
  const { host, port } = hostPortOf(place.endpoint)
  return { host: place.forcePathStyle ? host : `${place.bucket}.${host}`, port }
}

/** However each is spelled: by the same name, or at an address that both have now. */
export async function isSameHost(one: HostPort, other: HostPort): Promise<boolean> {
  if (one.port !== other.port) return false
  return one.host === other.host || (await isSameMachine(await addressesOf(one.host), other.host))
}
