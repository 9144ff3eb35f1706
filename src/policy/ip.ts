/** An IP address as a number; 32 bits or 128. */
export type Address = { readonly bits: 32 | 128; readonly value: bigint }

/** A CIDR block; a single address has the full prefix. */
export type Block = Address & { readonly prefix: number }

/** Reads an IPv4 or IPv6 address; an IPv4-mapped one (::ffff:a.b.c.d) is the IPv4 address. Undefined if it is none. */
export function parseAddress(text: string): Address | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text)
}

/**
 * Reads an address or a CIDR block; bits beyond the prefix are ignored. The block of an IPv4-mapped address holds IPv4 addresses
 * from a prefix of 96 on, where the mapping ends (RFC 4291, 2.5.5.2): `::ffff:10.0.0.0/120` is `10.0.0.0/24`. Undefined if it is neither.
 */
export function parseBlock(text: string): Block | undefined {
  const slash = text.indexOf('/')
  const address = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (address === undefined) return undefined
  if (slash < 0) return { ...address, prefix: address.bits }
  const length = text.slice(slash + 1)
  if (!/^\d{1,3}$/.test(length)) return undefined
  const prefix = Number(length)
  if (address.bits === 128 || !text.includes(':')) {
    return prefix > address.bits ? undefined : { ...address, prefix }
  }
  if (prefix > 128) return undefined
  if (prefix >= MAPPING_BITS) return { ...address, prefix: prefix - MAPPING_BITS }
  return { bits: 128, value: (MAPPING << 32n) | address.value, prefix }
}

/** What stands before an IPv4 address that is mapped into IPv6. */
const MAPPING = 0xffffn
const MAPPING_BITS = 96

function parseV4(text: string): Address | undefined {
  const octets = text.split('.')
  if (octets.length !== 4) return undefined
  let value = 0n
  for (const octet of octets) {
    // A leading zero is octal to some readers and decimal to others, so it is no address.
    if (!/^(?:0|[1-9]\d{0,2})$/.test(octet) || Number(octet) > 255) return undefined
    value = (value << 8n) | BigInt(octet)
  }
  return { bits: 32, value }
}

function parseV6(text: string): Address | undefined {
  const halves = text.split('::')
  // Only the very last group may be a dotted IPv4 address.
  if (halves.length > 2 || (halves.length === 2 && halves[0]!.includes('.'))) return undefined
  const groups = halves.map(parseGroups)
  const [head, tail] = groups
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined
  const after = tail ?? []
  const missing = 8 - head.length - after.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const all = [...head, ...Array.from({ length: missing }, () => 0), ...after]
  const value = all.reduce((sum, group) => (sum << 16n) | BigInt(group), 0n)
  if (value >> 32n === MAPPING) return { bits: 32, value: value & 0xffffffffn }
  return { bits: 128, value }
}

/** Sixteen-bit groups of one side of `::`; the last may be a dotted IPv4 address. */
function parseGroups(text: string): readonly number[] | undefined {
  if (text === '') return []
  const groups: number[] = []
  const pieces = text.split(':')
  for (const [i, piece] of pieces.entries()) {
    if (piece.includes('.') && i === pieces.length - 1) {
      const dotted = parseV4(piece)
      if (dotted === undefined) return undefined
      groups.push(Number(dotted.value >> 16n), Number(dotted.value & 0xffffn))
    } else if (/^[0-9A-Fa-f]{1,4}$/.test(piece)) groups.push(Number.parseInt(piece, 16))
    else return undefined
  }
  return groups
}
