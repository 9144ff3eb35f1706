/**
 * What a name in a tree may be, and how keys that are no such names (of S3 objects: `a//b`, `../x`, a trailing `/`) become some.
 *
 * | escaped | becomes |
 * |---|---|
 * | empty name | `%` |
 * | name `.`, `..` | `%2E`, `%2E%2E` |
 * | `%`, `/` and NUL inside a name | `%25`, `%2F`, `%00` |
 * | everything else | itself |
 *
 * It is reversible: a lone `%` comes from nothing else.
 */

const PERCENT = 0x25
const SLASH = 0x2f
const DOT = 0x2e

const isDots = (name: Uint8Array): boolean =>
  (name.length === 1 || name.length === 2) && name.every((byte) => byte === DOT)

/** One component of a key as a name that restic restores; see the table above. */
export function escapeName(component: Uint8Array): Uint8Array {
  if (component.length === 0) return Uint8Array.of(PERCENT)
  const escapesDots = isDots(component)
  const parts: number[] = []
  for (const byte of component) {
    const isEscaped = byte === PERCENT || byte === SLASH || byte === 0 || escapesDots
    if (isEscaped) parts.push(...Buffer.from(`%${byte.toString(16).toUpperCase().padStart(2, '0')}`))
    else parts.push(byte)
  }
  return Uint8Array.from(parts)
}

/** What `escapeName` was given. @throws {RangeError} For what it cannot have answered. */
export function unescapeName(name: Uint8Array): Uint8Array {
  if (name.length === 1 && name[0] === PERCENT) return new Uint8Array(0)
  const bytes: number[] = []
  for (let at = 0; at < name.length; at++) {
    const byte = name[at] as number
    if (byte !== PERCENT) {
      bytes.push(byte)
      continue
    }
    const digits = Buffer.from(name.subarray(at + 1, at + 3)).toString('latin1')
    if (!/^(00|25|2E|2F)$/.test(digits)) {
      throw new RangeError(`"%${digits}" is not an escape that names are written with`)
    }
    bytes.push(Number.parseInt(digits, 16))
    at += 2
  }
  return Uint8Array.from(bytes)
}

/** Why restic would refuse to restore the name; undefined when it is good. */
export function nameProblem(name: Uint8Array): string | undefined {
  if (name.length === 0) return 'it is empty'
  if (isDots(name)) return 'it is "." or ".."'
  if (name.includes(SLASH)) return 'it contains "/"'
  if (name.includes(0)) return 'it contains a NUL byte'
  return undefined
}
