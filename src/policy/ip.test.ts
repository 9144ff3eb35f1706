import assert from 'node:assert/strict'
import { isIP } from 'node:net'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseAddress, parseBlock } from './ip.ts'

const hex = (text: string): string | undefined => {
  const address = parseAddress(text)
  return address && `${address.bits}:${address.value.toString(16)}`
}

test('parseAddress() reads the spellings of one address alike', () => {
  const cases: readonly (readonly [text: string, address: string])[] = [
    ['0.0.0.0', '32:0'],
    ['10.0.0.1', '32:a000001'],
    ['255.255.255.255', '32:ffffffff'],
    ['::', '128:0'],
    ['::1', '128:1'],
    ['1::', '128:10000000000000000000000000000'],
    ['2001:db8::ff00:42:8329', '128:20010db8000000000000ff0000428329'],
    ['2001:0DB8:0:0:0:FF00:0042:8329', '128:20010db8000000000000ff0000428329'],
    ['1:2:3:4:5:6:7:8', '128:10002000300040005000600070008'],
    ['1:2:3:4:5:6:7::', '128:10002000300040005000600070000'],
    ['::2:3:4:5:6:7:8', '128:2000300040005000600070008'],
    ['1:2:3:4:5:6:1.2.3.4', '128:10002000300040005000601020304'],
    ['64:ff9b::192.0.2.33', '128:64ff9b0000000000000000c0000221'],
    ['::ffff:10.0.0.1', '32:a000001'],
    ['::ffff:a00:1', '32:a000001'],
    ['0:0:0:0:0:ffff:10.0.0.1', '32:a000001'],
    ['::fffe:10.0.0.1', '128:fffe0a000001'],
    ['1::ffff:10.0.0.1', '128:10000000000000000ffff0a000001'],
  ]
  for (const [text, address] of cases) assert.equal(hex(text), address, text)
})

test('parseAddress() takes nothing that is no address', () => {
  const none = [
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '01.2.3.4',
    '1.2.3.256',
    '1.2.3.-4',
    '1.2.3.4 ',
    '1.2.3.4/8',
    '1..3.4',
    'a.b.c.d',
    ':',
    ':::',
    '1:2:3:4:5:6:7',
    '1:2:3:4:5:6:7:8:9',
    '1::2::3',
    '12345::',
    'g::',
    '::1:2:3:4:5:6:7:8',
    '1:2:3:4::5:6:7:8',
    '::1.2.3',
    '::1.2.3.256',
    '1.2.3.4::',
    '::1.2.3.4:5',
    '1:2:3:4:5:6:7:1.2.3.4',
    '::+1',
    '::-1',
    ':1',
    '1:',
    'x1::',
    '::1x',
  ]
  for (const text of none) assert.equal(parseAddress(text), undefined, text)
})

test('parseAddress() takes what Node takes for an address', () => {
  const group = fc.oneof(
    fc.stringMatching(/^[0-9a-fA-F]{1,4}$/),
    fc.constantFrom('', '0', 'ffff', '1.2.3.4', '01.2.3.4'),
  )
  const text = fc.oneof(
    fc.array(group, { minLength: 1, maxLength: 9 }).map((groups) => groups.join(':')),
    fc
      .array(fc.integer({ min: 0, max: 300 }), { minLength: 3, maxLength: 5 })
      .map((octets) => octets.join('.')),
    fc.ipV6(),
    fc.ipV4(),
  )
  fc.assert(
    fc.property(text, (written) => {
      assert.equal(parseAddress(written) !== undefined, isIP(written) !== 0, written)
    }),
    { numRuns: 5_000 },
  )
})

test('parseBlock() reads prefixes of the address’s own family', () => {
  const prefixOf = (text: string): number | undefined => parseBlock(text)?.prefix
  assert.deepEqual(
    ['10.0.0.0/8', '10.0.0.0/0', '10.0.0.0/32', '10.0.0.1', '::/128', '::1', '::/0', '2001:db8::/032'].map(
      prefixOf,
    ),
    [8, 0, 32, 32, 128, 128, 0, 32],
  )
  // Of an IPv4-mapped one the prefix counts the 96 bits before the IPv4 address, too.
  const block = (text: string): unknown => {
    const parsed = parseBlock(text)
    return parsed && [parsed.bits, parsed.value >> BigInt(parsed.bits - parsed.prefix), parsed.prefix]
  }
  assert.deepEqual(
    ['::ffff:10.0.0.0/120', '::ffff:a00:1/128', '::ffff:10.0.0.1', '::ffff:0:0/96', '::ffff:10.0.0.1/80'].map(
      block,
    ),
    [
      [32, 0x0a0000n, 24],
      [32, 0x0a000001n, 32],
      [32, 0x0a000001n, 32],
      [32, 0n, 0],
      [128, 0n, 80],
    ],
  )
  const none = [
    '::ffff:10.0.0.0/129',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/-1',
    '10.0.0.0/8x',
    '10.0.0.0/x8',
    '10.0.0.0/8/8',
    '/8',
    '/',
  ]
  for (const text of [...none, '10.0.0.0/0008', '10.0/8', 'x']) assert.equal(prefixOf(text), undefined, text)
})
