/** What texts mean to conditions, said once more without any reading of them: the reference looks them up. */

/** Numbers; what is missing here is none. */
export const NUMBERS: Readonly<Record<string, number>> = {
  '5': 5,
  '05': 5,
  '5.0': 5,
  '+5': 5,
  '50e-1': 5,
  '6': 6,
  '-3': -3,
  '.5': 0.5,
  '12': 12,
  '2026': 2026,
  '1767323045': 1_767_323_045,
  '-20000': -20_000,
}
/** Not a number to anybody, though some readers would take them for one. */
export const NO_NUMBERS: readonly string[] = ['five', '', ' 5', '0x5', 'Infinity', '5,0', '5e']

/** Seconds since 1970. */
export const DATES: Readonly<Record<string, number>> = {
  '2026-01-02T03:04:05Z': 1_767_323_045,
  '2026-01-02T04:04:05+01:00': 1_767_323_045,
  '2026-01-02T03:04:05': 1_767_323_045,
  '2026-01-02T03:04:05.000Z': 1_767_323_045,
  '1767323045': 1_767_323_045,
  '2026-01-02': 1_767_312_000,
  '2026-01-02T00:00Z': 1_767_312_000,
  '2026-01': 1_767_225_600,
  '2026': 1_767_225_600,
  '-20000': -20_000,
}
export const NO_DATES: readonly string[] = [
  'yesterday',
  '2026-13-01',
  '12',
  '2026-01-02 03:04:05',
  '2026-1-2',
]

const binary = (hex: string): string =>
  hex
    .replaceAll(/[0-9a-f]/g, (digit) => Number.parseInt(digit, 16).toString(2).padStart(4, '0'))
    .replaceAll(' ', '')
/** Addresses as bits behind the number of their family, so that no block of one begins an address of the other. */
const v4 = (hex: string, prefix?: number): string => `4:${binary(hex).slice(0, prefix)}`
const v6 = (hex: string, prefix?: number): string => `6:${binary(hex).slice(0, prefix)}`

/** An IPv4 address and the same one mapped into IPv6 are one. */
export const ADDRESSES: Readonly<Record<string, string>> = {
  '10.0.0.1': v4('0a000001'),
  '::ffff:10.0.0.1': v4('0a000001'),
  '10.0.1.1': v4('0a000101'),
  '192.168.0.1': v4('c0a80001'),
  '2001:db8::1': v6('2001 0db8 0000 0000 0000 0000 0000 0001'),
  '2001:DB8:0:0:0:0:0:1': v6('2001 0db8 0000 0000 0000 0000 0000 0001'),
  '2001:db8:1::': v6('2001 0db8 0001 0000 0000 0000 0000 0000'),
}
export const NO_ADDRESSES: readonly string[] = ['10.0.0.01', 'localhost', '10.0.0', '2001:db8', '10.0.0.256']

/** Blocks as the bits that count. */
export const BLOCKS: Readonly<Record<string, string>> = {
  '10.0.0.0/24': v4('0a000000', 24),
  '10.0.0.9/28': v4('0a000009', 28),
  '10.0.0.1': v4('0a000001'),
  '10.0.0.1/32': v4('0a000001'),
  '::ffff:10.0.0.0/120': v4('0a000000', 24),
  '::ffff:a00:9/124': v4('0a000009', 28),
  '::ffff:0:0/96': v4('', 0),
  '::ffff:10.0.0.1/95': v6('0000 0000 0000 0000 0000 fffe', 95),
  '2001:db8::/32': v6('20010db8', 32),
  '2001:db8::/47': v6('2001 0db8 0000', 47),
  '2001:db8::1': v6('2001 0db8 0000 0000 0000 0000 0000 0001'),
  '0.0.0.0/0': v4('', 0),
  '::/0': v6('', 0),
}
export const NO_BLOCKS: readonly string[] = [
  '10.0.0.0/33',
  '10.0.0.0/',
  '2001:db8::/129',
  'all',
  '10.0.0.0/2x',
]
