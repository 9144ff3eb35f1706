import { createHmac, timingSafeEqual } from 'node:crypto'

/**
 * Time-based one-time passwords: HMAC-SHA-1 over the number of 30-second steps since 1970, six digits (RFC 6238, RFC 4226), which
 * is what every authenticator app does unless told otherwise.
 */

const STEP_MS = 30_000
const DIGITS = 6
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** The time step of a moment given in milliseconds since 1970. */
export function totpStep(at: number): number {
  return Math.floor(at / STEP_MS)
}

/** The code of one time step. */
export function totpCode(seed: Uint8Array, step: number): string {
  const counter = Buffer.alloc(8)
  counter.writeBigUInt64BE(BigInt(step))
  const mac = createHmac('sha1', seed).update(counter).digest()
  const at = (mac[mac.length - 1] as number) & 0x0f
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 10 ** DIGITS).padStart(DIGITS, '0')
}

/**
 * The step in `from..to` from which on the codes follow one another; the earliest one. Every step is tried, whichever matches, so
 * that the time taken does not tell how near a guess was. Undefined where there is none.
 */
export function findStep(
  seed: Uint8Array,
  codes: readonly string[],
  from: number,
  to: number,
): number | undefined {
  let found: number | undefined
  for (let step = to; step >= Math.max(from, 0); step--) {
    let isMatch = true
    for (const [i, code] of codes.entries()) isMatch = isSame(totpCode(seed, step + i), code) && isMatch
    if (isMatch) found = step
  }
  return found
}

function isSame(code: string, given: string): boolean {
  const bytes = Buffer.from(given)
  return bytes.length === DIGITS && timingSafeEqual(Buffer.from(code), bytes)
}

/** RFC 4648, without padding: bytes in fives, as seeds are. */
export function toBase32(bytes: Uint8Array): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = (value << 8) | byte
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >>> (bits - 5)) & 31]
    value &= 0xff
  }
  if (bits > 0) text += BASE32[(value << (5 - bits)) & 31]
  return text
}

/** The reverse, for upper-case text without padding. */
export function fromBase32(text: string): Buffer {
  const bytes: number[] = []
  let bits = 0
  let value = 0
  for (const letter of text) {
    const digit = BASE32.indexOf(letter)
    if (digit < 0) throw new RangeError('Cannot read base32: it has a character that is none of A-Z and 2-7')
    value = ((value << 5) | digit) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes.push((value >>> bits) & 0xff)
  }
  return Buffer.from(bytes)
}
