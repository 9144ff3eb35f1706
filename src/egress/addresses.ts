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
FORBIDDEN.addSubnet('0.0.0.0', 8, 'ipv4')
// Metadata services of clouds that have them elsewhere: AWS, Google, Azure, Alibaba, Oracle.
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6')
FORBIDDEN.addAddress('fd20:ce::254', 'ipv6')
FORBIDDEN.addAddress('168.63.129.16', 'ipv4')
FORBIDDEN.addAddress('100.100.100.200', 'ipv4')
FORBIDDEN.addAddress('192.0.0.192', 'ipv4')
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
    if (found.some(({ address }) => isForbidden(address)))
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
  if (addresses.some(isForbidden)) return NEVER
  for (const endpoint of own) {
    if (isOtherDatabase(endpoint, database)) continue
    if (endpoint.port === port && (await isSameMachine(addresses, endpoint.host)))
      return "it is the server's own address or database"
  }
  return undefined
}

/** A loopback that lies behind a translator is another machine's. */
function isForbidden(address: string): boolean {
  return isIn(FORBIDDEN, address) || (isIn(LOOPBACK, address) && !isLoopbackAddress(address))
}

export function isLoopbackAddress(address: string): boolean {
  return LOOPBACK.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4')
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

/** An IPv4 address in IPv6's clothes is found, too: the list itself knows `::ffff:a.b.c.d`. */
function isIn(list: BlockList, address: string): boolean {
  if (isIP(address) !== 6) return list.check(address, 'ipv4')
  if (list.check(address, 'ipv6')) return true
  const inner = TRANSLATED.check(address, 'ipv6') ? embeddedIpv4(address) : undefined
  return inner !== undefined && list.check(inner, 'ipv4')
}

/** What networks translate or tunnel to IPv4: NAT64 (RFC 6052, RFC 8215), 6to4 (RFC 3056), IPv4-compatible addresses (RFC 4291). */
const TRANSLATED = new BlockList()
TRANSLATED.addSubnet('64:ff9b::', 96, 'ipv6')
TRANSLATED.addSubnet('64:ff9b:1::', 48, 'ipv6')
TRANSLATED.addSubnet('2002::', 16, 'ipv6')
TRANSLATED.addSubnet('::', 96, 'ipv6')

function embeddedIpv4(address: string): string | undefined {
  const bare = address.split('%')[0] as string
  // Written anew by the URL parser: lower case, hexadecimal groups only.
  const [before = '', after] = new URL(`http://[${bare}]`).hostname.slice(1, -1).split('::')
  const groupsOf = (part: string): number[] =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16))
  const [head, tail] = [groupsOf(before), groupsOf(after ?? '')]
  const groups = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => 0), ...tail]
  const [high = 0, low = 0] = groups[0] === 0x2002 ? groups.slice(1, 3) : groups.slice(6)
  // :: and ::1 are addresses of IPv6 alone.
  if (groups[0] === 0 && high === 0) return undefined
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}
