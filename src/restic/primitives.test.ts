import assert from 'node:assert/strict'
import { createCipheriv, createHash, randomBytes } from 'node:crypto'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { BlobSet } from './blob-set.ts'
import { createChunker } from './chunks.ts'
import { goJsonString, goQuote, goTime } from './go-text.ts'
import { escapeName, nameProblem, unescapeName } from './names.ts'
import { goFileMode } from './node.ts'
import { poly1305 } from './poly1305.ts'
import { isIrreducible, randomPolynomial } from './polynomial.ts'
import { keysFrom, poly1305Aes, seal, SealBrokenError, unseal } from './sealing.ts'

const bytes = (hex: string): Buffer => Buffer.from(hex.replaceAll(' ', ''), 'hex')
const toHex = (data: Uint8Array): string => Buffer.from(data).toString('hex')

/** Poly1305 as the paper's formula writes it, for comparison. */
function slowPoly1305(key: Uint8Array, message: Uint8Array): string {
  const number = (part: Uint8Array): bigint => BigInt(`0x${toHex(Uint8Array.from(part).toReversed()) || '0'}`)
  const r = number(key.subarray(0, 16)) & 0x0ffffffc0ffffffc0ffffffc0fffffffn
  let sum = 0n
  for (let at = 0; at < message.length; at += 16) {
    const block = number(Uint8Array.of(...message.subarray(at, at + 16), 1))
    sum = ((sum + block) * r) % ((1n << 130n) - 5n)
  }
  const tag = BigInt.asUintN(128, sum + number(key.subarray(16)))
  return toHex(Uint8Array.from(bytes(tag.toString(16).padStart(32, '0'))).toReversed())
}

describe('poly1305()', () => {
  const vectors: readonly (readonly [name: string, key: string, message: string, tag: string])[] = [
    [
      'RFC 8439, 2.5.2',
      '85d6be7857556d337f4452fe42d506a80103808afb0db2fd4abff6af4149f51b',
      toHex(Buffer.from('Cryptographic Forum Research Group')),
      'a8061dc1305136c6c22b8baf0c0127a9',
    ],
    ['RFC 8439, A.3 #1', '00'.repeat(32), '00'.repeat(64), '00'.repeat(16)],
    ['RFC 8439, A.3 #7', `02${'00'.repeat(31)}`, 'ff'.repeat(16), `03${'00'.repeat(15)}`],
    [
      'RFC 8439, A.3 #8',
      `02${'00'.repeat(15)}${'ff'.repeat(16)}`,
      `02${'00'.repeat(15)}`,
      `03${'00'.repeat(15)}`,
    ],
    [
      'RFC 8439, A.3 #9',
      `01${'00'.repeat(31)}`,
      `${'ff'.repeat(16)}f0${'ff'.repeat(15)}11${'00'.repeat(15)}`,
      `05${'00'.repeat(15)}`,
    ],
    [
      'RFC 8439, A.3 #10',
      `01${'00'.repeat(31)}`,
      `${'ff'.repeat(16)}fb${'fe'.repeat(15)}${'01'.repeat(16)}`,
      '00'.repeat(16),
    ],
    ['RFC 8439, A.3 #11', `02${'00'.repeat(31)}`, `fd${'ff'.repeat(15)}`, `fa${'ff'.repeat(15)}`],
  ]
  for (const [name, key, message, tag] of vectors) {
    it(`agrees with ${name}`, () => assert.equal(toHex(poly1305(bytes(key), bytes(message))), tag))
  }

  it('agrees with the formula on any key and message', () => {
    const data = (maxLength: number) => fc.uint8Array({ minLength: 0, maxLength })
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), data(200), (key, message) => {
        assert.equal(toHex(poly1305(key, message)), slowPoly1305(key, message))
      }),
    )
  })

  it('agrees with the formula across its buffer of 64 KiB', () => {
    const key = randomBytes(32)
    for (const length of [65_535, 65_536, 65_537, 131_072, 150_001]) {
      const message = randomBytes(length)
      assert.equal(toHex(poly1305(key, message)), slowPoly1305(key, message), `${length} bytes`)
    }
  })
})

describe('poly1305Aes()', () => {
  // Appendix B of "The Poly1305-AES message-authentication code": r, k, nonce, message, tag.
  const vectors: readonly (readonly [r: string, k: string, nonce: string, message: string, tag: string])[] = [
    [
      '851fc40c3467ac0be05cc20404f3f700',
      'ec074c835580741701425b623235add6',
      'fb447350c4e868c52ac3275cf9d4327e',
      'f3f6',
      'f4c633c3044fc145f84f335cb81953de',
    ],
    [
      'a0f3080000f46400d0c7e9076c834403',
      '75deaa25c09f208e1dc4ce6b5cad3fbf',
      '61ee09218d29b0aaed7e154a2c5509cc',
      '',
      'dd3fab2251f11ac759f0887129cc2ee7',
    ],
    [
      '48443d0bb0d21109c89a100b5ce2c208',
      '6acb5f61a7176dd320c5c1eb2edcdc74',
      'ae212a55399729595dea458bc621ff0e',
      '663cea190ffb83d89593f3f476b6bc24d7e679107ea26adb8caf6652d0656136',
      '0ee1c16bb73f0f4fd19881753c01cdbe',
    ],
  ]
  for (const [r, k, nonce, message, tag] of vectors) {
    it(`agrees with the paper on ${message.length / 2} bytes`, () => {
      const keys = keysFrom(Buffer.concat([Buffer.alloc(32), bytes(k), bytes(r)]))
      assert.equal(toHex(poly1305Aes(keys, bytes(nonce), bytes(message))), tag)
    })
  }
})

describe('seal()', () => {
  const keys = keysFrom(randomBytes(64))

  it('is undone by unseal(), whatever the length', () => {
    fc.assert(
      fc.property(fc.uint8Array(), (plain) =>
        assert.equal(toHex(unseal(keys, seal(keys, plain))), toHex(plain)),
      ),
    )
  })

  it('makes every changed byte and every cut show', () => {
    const sealed = seal(keys, Buffer.from('some content'))
    for (let at = 0; at < sealed.length; at++) {
      const changed = Buffer.from(sealed)
      changed[at] = (changed[at] as number) ^ 1
      assert.throws(() => unseal(keys, changed), SealBrokenError, `byte ${at}`)
      assert.throws(() => unseal(keys, sealed.subarray(0, at)), SealBrokenError, `cut at ${at}`)
    }
  })
})

/** Go's strconv.Unquote of what stands between quotation marks. */
function goUnquote(text: string): Buffer {
  const simple: Readonly<Record<string, number>> = {
    a: 7,
    b: 8,
    f: 12,
    n: 10,
    r: 13,
    t: 9,
    v: 11,
    '\\': 92,
    '"': 34,
  }
  const parts = text.match(/\\x..|\\u.{4}|\\U.{8}|\\.|[^\\]/gsu) ?? []
  return Buffer.concat(
    parts.map((part) => {
      if (part.startsWith('\\x')) return Buffer.of(Number.parseInt(part.slice(2), 16))
      if (/^\\[uU]/.test(part)) return Buffer.from(String.fromCodePoint(Number.parseInt(part.slice(2), 16)))
      return part.startsWith('\\') ? Buffer.of(simple[part.slice(1)] as number) : Buffer.from(part)
    }),
  )
}

describe('goQuote()', () => {
  const cases: readonly (readonly [hex: string, quoted: string])[] = [
    ['61', 'a'],
    ['22', '\\"'],
    ['5c', '\\\\'],
    ['07080c0a0d090b', '\\a\\b\\f\\n\\r\\t\\v'],
    ['001b7f', '\\x00\\x1b\\x7f'],
    ['c3a4', 'ä'],
    ['e282ac', '€'],
    ['f09f9880', '😀'],
    ['ff', '\\xff'],
    ['c3', '\\xc3'],
    ['e282', '\\xe2\\x82'],
    ['c080', '\\xc0\\x80'],
    ['eda080', '\\xed\\xa0\\x80'],
    ['f4908080', '\\xf4\\x90\\x80\\x80'],
    ['c2a0', '\\u00a0'],
    ['e280a8', '\\u2028'],
    ['efbfbd', '\ufffd'],
    ['f3a08081', '\\U000e0001'],
  ]
  for (const [hex, quoted] of cases)
    it(`spells ${hex} as ${quoted}`, () => assert.equal(goQuote(bytes(hex)), quoted))

  it('is undone by Unquote for every byte and every pair of bytes', () => {
    for (let first = 0; first < 256; first++) {
      for (let second = -1; second < 256; second++) {
        const name = second < 0 ? Buffer.of(first) : Buffer.of(first, second)
        assert.deepEqual(goUnquote(goQuote(name)), name)
      }
    }
  })

  it('is undone by Unquote for any bytes and any text', () => {
    const text = fc.string({ unit: 'binary' }).map((value) => Buffer.from(value))
    const raw = fc.uint8Array().map((value) => Buffer.from(value))
    fc.assert(fc.property(fc.oneof(text, raw), (name) => assert.deepEqual(goUnquote(goQuote(name)), name)))
  })
})

describe('goJsonString()', () => {
  it('escapes as encoding/json does, HTML included', () => {
    assert.equal(
      goJsonString(Buffer.from('<a&b>"\\\n\u0001\u2028ä')),
      '"\\u003ca\\u0026b\\u003e\\"\\\\\\n\\u0001\\u2028ä"',
    )
    assert.equal(goJsonString(bytes('61ff62')), '"a\\ufffdb"')
  })

  it('is JSON of the same text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(JSON.parse(goJsonString(Buffer.from(text))), text.toWellFormed())
      }),
    )
  })
})

describe('goTime()', () => {
  const cases: readonly (readonly [ns: bigint, text: string])[] = [
    [0n, '1970-01-01T00:00:00Z'],
    [1n, '1970-01-01T00:00:00.000000001Z'],
    [1_500_000_000n, '1970-01-01T00:00:01.5Z'],
    [-1n, '1969-12-31T23:59:59.999999999Z'],
    [10n ** 24n, '9999-12-31T23:59:59Z'],
    [-(10n ** 24n), '0000-01-01T00:00:00Z'],
  ]
  for (const [ns, text] of cases) it(`writes ${ns} ns as ${text}`, () => assert.equal(goTime(ns), text))
})

describe('goFileMode()', () => {
  it("moves POSIX's special bits to Go's places", () => {
    assert.equal(goFileMode('dir', 0o40755), 2147484141)
    assert.equal(goFileMode('symlink', 0o120777), 134218239)
    assert.equal(goFileMode('fifo', 0o644), 33554852)
    assert.equal(goFileMode('file', 0o107644), 0o644 + 2 ** 23 + 2 ** 22 + 2 ** 20)
  })
})

describe('escapeName()', () => {
  const cases = {
    '': '%',
    '.': '%2E',
    '..': '%2E%2E',
    'a/b': 'a%2Fb',
    '%': '%25',
    'a.b': 'a.b',
    '%2F': '%252F',
  }
  for (const [name, escaped] of Object.entries(cases)) {
    it(`writes "${name}" as "${escaped}"`, () =>
      assert.equal(Buffer.from(escapeName(Buffer.from(name))).toString(), escaped))
  }

  it('gives names that restic restores, and unescapeName() undoes it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 6 }), (name) => {
        const escaped = escapeName(name)
        assert.equal(nameProblem(escaped), undefined)
        assert.equal(toHex(unescapeName(escaped)), toHex(name))
      }),
    )
  })
})

describe('randomPolynomial()', () => {
  it('is of degree 53 and irreducible', () => {
    const polynomial = randomPolynomial()
    assert.equal(polynomial.toString(2).length, 54)
    assert.ok(isIrreducible(polynomial))
  })

  it("takes restic's and refuses products", () => {
    assert.ok(isIrreducible(0x3da3358b4dc173n), "from restic's chunker tests")
    assert.ok(!isIrreducible((1n << 53n) | 1n), 'x^53 + 1 has the root 1')
    // (x^2 + x + 1)(x^51 + x^6 + x^3 + x + 1): no factor of degree 1.
    const cofactor = (1n << 51n) | 0b1001011n
    assert.ok(!isIrreducible((cofactor << 2n) ^ (cofactor << 1n) ^ cofactor))
  })
})

describe('BlobSet', () => {
  it('knows what was added and nothing else, while it grows', () => {
    const set = new BlobSet()
    const id = (n: number): Buffer => createHash('sha256').update(String(n)).digest()
    for (let n = 0; n < 5000; n++) assert.equal(set.add(id(n)), true)
    for (let n = 0; n < 5000; n++) assert.equal(set.add(id(n)), false)
    for (let n = 5000; n < 10_000; n++) assert.equal(set.has(id(n)), false)
  })
})

describe('createChunker()', () => {
  const gear = new Uint32Array(randomBytes(1024).buffer.slice(0, 1024))
  const random = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16)).update(
    Buffer.alloc(24 << 20),
  )

  async function chunksOf(content: Uint8Array, partBytes: number): Promise<readonly Buffer[]> {
    const chunks: Buffer[] = []
    const parts = (async function* () {
      for (let at = 0; at < content.length; at += partBytes) yield content.subarray(at, at + partBytes)
    })()
    for await (const chunk of createChunker(gear)(parts)) chunks.push(Buffer.from(chunk))
    return chunks
  }

  it('gives the content back, in the same chunks however it comes', async () => {
    const chunks = await chunksOf(random, 1_000_003)
    assert.ok(Buffer.concat(chunks).equals(random))
    const others = await chunksOf(random, 9 << 20)
    assert.deepEqual(others.map(toHash), chunks.map(toHash))
  })

  it('finds the same boundaries after an insertion', async () => {
    const before = new Set((await chunksOf(random, 1 << 20)).map(toHash))
    const after = await chunksOf(Buffer.concat([Buffer.from('inserted'), random]), 1 << 20)
    const isNew = after.filter((chunk) => !before.has(toHash(chunk)))
    assert.ok(isNew.length <= 3, `${isNew.length} of ${after.length} chunks are new`)
  })

  it('cuts what has no boundary at 4 MiB', async () => {
    const sizes = (await chunksOf(Buffer.alloc(9 << 20, 7), 1 << 20)).map((chunk) => chunk.length)
    assert.ok(sizes.every((size) => size <= 4 << 20))
    assert.equal(
      sizes.reduce((sum, size) => sum + size),
      9 << 20,
    )
  })

  const toHash = (chunk: Uint8Array): string => createHash('sha256').update(chunk).digest('hex')
})
