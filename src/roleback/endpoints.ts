import { lookup } from 'node:dns/promises'
import { BlockList, isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Context, OwnEndpoint } from '../context.ts'

/** Link-local addresses reach the host's own metadata services; never a backup source. */
const FORBIDDEN = new BlockList()
FORBIDDEN.addSubnet('169.254.0.0', 16, 'ipv4')
FORBIDDEN.addSubnet('fe80::', 10, 'ipv6')
FORBIDDEN.addAddress('fd00:ec2::254', 'ipv6')
FORBIDDEN.addAddress('0.0.0.0', 'ipv4')
FORBIDDEN.addAddress('::', 'ipv6')

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Why an endpoint cannot be registered; undefined where nothing speaks against its addresses. */
export async function ownOrForbidden(
  ctx: Context,
  member: string,
  host: string,
  port: number,
  database?: string,
): Promise<string | undefined> {
  const addresses = await addressesOf(member, host)
  if (addresses.some((address) => isIn(FORBIDDEN, address)))
    return 'link-local, unspecified and metadata addresses are never backed up'
  const { listen, ownEndpoints } = ctx.server
  const others = ownEndpoints.filter((own) => !isOtherDatabase(own, database))
  for (const own of [listen, ...others]) {
    if (own.port === port && (await isSameMachine(addresses, own.host)))
      return "it is the server's own address or database"
  }
  return undefined
}

/** The server of our database may hold others, which are nobody's but their owners'. */
function isOtherDatabase(own: OwnEndpoint, database: string | undefined): boolean {
  return own.database !== undefined && database !== undefined && own.database !== database
}

/** One machine has many names and addresses: any of them reaches what listens there. */
async function isSameMachine(addresses: readonly string[], own: string): Promise<boolean> {
  // A socket's path, or none, stands for a server beside this one.
  const isLocal = own === '' || own.startsWith('/')
  const theirs = isLocal ? ['127.0.0.1'] : await resolved(own)
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

async function addressesOf(member: string, host: string): Promise<readonly string[]> {
  const addresses = await resolved(host)
  if (addresses.length > 0) return addresses
  throw new InvalidParameterValueException(`Connection.${member} "${host}" does not resolve to an address`, {
    Context: `Connection.${member}`,
  })
}

async function resolved(host: string): Promise<readonly string[]> {
  const bare = host.replace(/^\[|\]$/g, '')
  if (isIP(bare) !== 0) return [bare]
  try {
    return (await lookup(bare, { all: true })).map(({ address }) => address)
  } catch {
    return []
  }
}
