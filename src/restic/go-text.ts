/**
 * Go's spellings, byte for byte, since a tree's id is the hash of its text and restic re-encodes trees in `rewrite` and `repair`:
 * strconv.Quote, encoding/json's strings (with HTML escaping), time.RFC3339Nano.
 */

const PLAIN = /^[ !#-%'-;=?-[\]-~]*$/
/** unicode.IsPrint: letters, marks, numbers, punctuation, symbols and the ASCII space. */
const PRINTABLE = /^[\p{L}\p{M}\p{N}\p{P}\p{S} ]$/u

const QUOTED: ReadonlyMap<number, string> = new Map([
  [7, '\\a'],
  [8, '\\b'],
  [9, '\\t'],
  [10, '\\n'],
  [11, '\\v'],
  [12, '\\f'],
  [13, '\\r'],
  [0x22, '\\"'],
  [0x5c, '\\\\'],
])

/** Length in bytes of the UTF-8 sequence at `at`, 0 where it is not one (Go's utf8.DecodeRune, RFC 3629). */
function sequenceLength(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number
  if (first < 0x80) return 1
  if (first < 0xc2 || first > 0xf4) return 0
  const length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
  if (at + length > bytes.length) return 0
  const second = bytes[at + 1] as number
  const low = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80
  const high = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf
  if (second < low || second > high) return 0
  for (let i = 2; i < length; i++) if (((bytes[at + i] as number) & 0xc0) !== 0x80) return 0
  return length
}

/** Joins `spell` of each character; `spell` gets undefined and the byte for what is not UTF-8. */
function spellEach(
  bytes: Uint8Array,
  spell: (character: string | undefined, byte: number) => string,
): string {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let text = ''
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    text += spell(length === 0 ? undefined : view.toString('utf8', at, at + length), bytes[at] as number)
    at += length || 1
  }
  return text
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0')

function quoteCharacter(character: string | undefined, byte: number): string {
  if (character === undefined) return `\\x${hex(byte, 2)}`
  const code = character.codePointAt(0) as number
  const known = QUOTED.get(code)
  if (known !== undefined) return known
  if (PRINTABLE.test(character)) return character
  if (code < 0x20 || code === 0x7f) return `\\x${hex(code, 2)}`
  return code < 0x10000 ? `\\u${hex(code, 4)}` : `\\U${hex(code, 8)}`
}

/** strconv.Quote of raw bytes, without the quotation marks around it. */
export function goQuote(bytes: Uint8Array): string {
  const latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  return PLAIN.test(latin1) ? latin1 : spellEach(bytes, quoteCharacter)
}

function jsonCharacter(character: string | undefined): string {
  if (character === undefined) return '\\ufffd'
  const code = character.codePointAt(0) as number
  if (code === 0x22 || code === 0x5c) return `\\${character}`
  if (code === 8 || code === 9 || code === 10 || code === 12 || code === 13) return QUOTED.get(code) as string
  const isEscaped =
    code < 0x20 || code === 0x26 || code === 0x3c || code === 0x3e || code === 0x2028 || code === 0x2029
  return isEscaped ? `\\u${hex(code, 4)}` : character
}

/** encoding/json's string of raw bytes, with its quotation marks; what is not UTF-8 becomes U+FFFD, as Go does it. */
export function goJsonString(bytes: Uint8Array): string {
  const latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
  return `"${PLAIN.test(latin1) ? latin1 : spellEach(bytes, jsonCharacter)}"`
}

/** Whether encoding/json keeps the bytes as they are. */
export function isUtf8Text(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length;) {
    const length = sequenceLength(bytes, at)
    if (length === 0) return false
    at += length
  }
  return true
}

const SECOND_NS = 1_000_000_000n
/** Years 0 to 9999, all that RFC 3339 can write; restic clamps as well. */
const FIRST_SECOND = -62_167_219_200n
const LAST_SECOND = 253_402_300_799n

/** time.RFC3339Nano in UTC of nanoseconds since 1970; times out of years 0 to 9999 become the nearest one inside. */
export function goTime(ns: bigint): string {
  let fraction = ns % SECOND_NS
  if (fraction < 0n) fraction += SECOND_NS
  let seconds = (ns - fraction) / SECOND_NS
  if (seconds < FIRST_SECOND) [seconds, fraction] = [FIRST_SECOND, 0n]
  if (seconds > LAST_SECOND) [seconds, fraction] = [LAST_SECOND, 0n]
  const whole = new Date(Number(seconds) * 1000).toISOString().slice(0, 19)
  if (fraction === 0n) return `${whole}Z`
  return `${whole}.${fraction.toString().padStart(9, '0').replace(/0+$/, '')}Z`
}

const ESCAPES: ReadonlyMap<string, number> = new Map([
  ...[...QUOTED].map(([code, quoted]) => [quoted.slice(1), code] as const),
  ["'", 0x27],
])
/** `\xNN`, `\NNN` (octal), `\uNNNN`, `\UNNNNNNNN`, or one character behind the backslash. */
const ESCAPE = /^\\(?:x([0-9a-fA-F]{2})|([0-3][0-7]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))/s

/** What `goQuote` was given. @throws {RangeError} For what strconv.Unquote would not take either. */
export function goUnquote(text: string): Buffer {
  if (!text.includes('\\')) return Buffer.from(text)
  const parts: Buffer[] = []
  for (let at = 0; at < text.length;) {
    const next = text.indexOf('\\', at)
    const end = next === -1 ? text.length : next
    if (end > at) parts.push(Buffer.from(text.slice(at, end)))
    if (next === -1) break
    const found = ESCAPE.exec(text.slice(next, next + 10))
    parts.push(unescape(found))
    at = next + (found as RegExpExecArray)[0].length
  }
  return Buffer.concat(parts)
}

function unescape(found: RegExpExecArray | null): Buffer {
  const [, byte, octal, short, long, character] = found ?? []
  if (byte !== undefined) return Buffer.of(Number.parseInt(byte, 16))
  if (octal !== undefined) return Buffer.of(Number.parseInt(octal, 8))
  const code = short ?? long
  if (code !== undefined) return Buffer.from(String.fromCodePoint(Number.parseInt(code, 16)))
  const known = character === undefined ? undefined : ESCAPES.get(character)
  if (known === undefined) throw new RangeError('it holds an escape that Go does not know')
  return Buffer.of(known)
}

const TIME = /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9})\d*)?(?:Z|([+-])(\d{2}):(\d{2}))$/
const LAST_NS = 2n ** 63n - 1n

/** Nanoseconds since 1970 of a time in RFC 3339, the nearest that 64 bits hold; undefined for what is no time. */
export function parseGoTime(text: string): bigint | undefined {
  const found = TIME.exec(text)
  if (found === null) return undefined
  const [, year, month, day, hours, minutes, seconds, fraction = '', sign, zoneHours, zoneMinutes] = found
  const ms = Date.parse(`${year}-${month}-${day}T${hours}:${minutes}:${seconds}Z`)
  if (Number.isNaN(ms)) return undefined
  const zone = (Number(zoneHours ?? 0) * 60 + Number(zoneMinutes ?? 0)) * (sign === '-' ? -60 : 60)
  const ns = BigInt(ms / 1000 - zone) * SECOND_NS + BigInt(fraction.padEnd(9, '0'))
  if (ns > LAST_NS) return LAST_NS
  return ns < -LAST_NS ? -LAST_NS : ns
}
