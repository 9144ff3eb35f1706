import dns from 'node:dns'
import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import { networkInterfaces } from 'node:os'

/** Where connections of the server may not go, whoever asks for them. */

/** An address of the server's own: what it listens on, its database. */
export interface OwnEndpoint {
  readonly host: string
  readonly port: number
  /** Only this database there is the server's; undefined where nobody can tell. */
  readonly database?: string | undefined
}

/** Link-local addresses reach the host's own metadata services; nothing of a user's is there. */
const FORBIDDEN = new BlockList()
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4')
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6')
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6')
FORBIDDEN.addAddress('0.0.0.0', 'ipv4')
FORBIDDEN.addAddress('::', 'ipv6')

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Networks that nobody outside can reach (RFC 1918, RFC 4193, RFC 6598), and what stands for this host. */
const PRIVATE = new BlockList()
PRIVATE.addSubnet('10.0.0.0', 8, 'ipv4')
PRIVATE.addSubnet('172.16.0.0', 12, 'ipv4')
PRIVATE.addSubnet('192.168.0.0', 16, 'ipv4')
PRIVATE.addSubnet('100.64.0.0', 10, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('127.0.0.0', 8, 'ipv4')
PRIVATE.addAddress('::1', 'ipv6')

const NEVER = 'link-local, unspecified and metadata addresses are never connected to'

/**
 * For sockets of clients that look names up themselves: a name may mean another address than when it was judged. What is never
 * connected to is not connected to by its name either.
 */
export const judgedLookup: LookupFunction = (host, options, callback) => {
  dns.lookup(host, { ...options, all: true }, (error, found) => {
    if (error !== null) return callback(error, [])
    if (found.some(({ address }) => isIn(FORBIDDEN, address)))
      return callback(new Error(`Will not connect to ${host}: ${NEVER}`), [])
    const [first] = found
    if (options.all === true || first === undefined) callback(null, found)
    else callback(null, first.address, first.family)
  })
}

/** Why nobody may be reached at these addresses; undefined where nothing speaks against them. */
export async function refusalOfAddresses(
  addresses: readonly string[],
  port: number,
  own: readonly OwnEndpoint[],
  database?: string,
): Promise<string | undefined> {
  if (addresses.some((address) => isIn(FORBIDDEN, address))) return NEVER
  for (const endpoint of own) {
    if (isOtherDatabase(endpoint, database)) continue
    if (endpoint.port === port && (await isSameMachine(addresses, endpoint.host)))
      return "it is the server's own address or database"
  }
  return undefined
}

export function isLoopbackAddress(address: string): boolean {
  return isIn(LOOPBACK, address)
}

export function isPrivateAddress(address: string): boolean {
  return isIn(PRIVATE, address)
}

/** Every address of a host's name, or the address that it is; none where it does not resolve. */
export async function addressesOf(host: string): Promise<readonly string[]> {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0) return [bare]
  try {
    return (await lookup(bare, { all: true })).map(({ address }) => address)
  } catch {
    return []
  }
}

/** The server of our database may hold others, which are nobody's but their owners'. */
function isOtherDatabase(own: OwnEndpoint, database: string | undefined): boolean {
  return own.database !== undefined && database !== undefined && own.database !== database
}

/** One machine has many names and addresses: any of them reaches what listens there. */
export async function isSameMachine(addresses: readonly string[], own: string): Promise<boolean> {
  // A socket's path, or none, stands for a server beside this one.
  const isLocal = own === '' || own.startsWith('/')
  const theirs = isLocal ? ['127.0.0.1'] : await addressesOf(own)
  const isHere = theirs.some((address) => isIn(LOOPBACK, address) || isIn(FORBIDDEN, address))
  const isEverywhere = isLocal || theirs.some((address) => isIn(FORBIDDEN, address))
  return addresses.some(
    (address) =>
      theirs.includes(address) ||
      (isHere && isIn(LOOPBACK, address)) ||
      (isEverywhere && isIn(interfaces(), address)),
  )
}

function interfaces(): BlockList {
  const list = new BlockList()
  for (const { address, family } of Object.values(networkInterfaces()).flatMap((entries) => entries ?? []))
    list.addAddress(address, family === 'IPv6' ? 'ipv6' : 'ipv4')
  return list
}

/** An IPv4 address in IPv6's clothes is found, too. */
function isIn(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
}
