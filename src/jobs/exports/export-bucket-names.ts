import { createHash } from 'node:crypto'
import { escapeName } from '../../restic/names.ts'
import type { ExportReader } from './export-source.ts'

/**
 * How keys of objects become paths of files. A key is split at its slashes, and each part becomes a name:
 *
 * | part | name |
 * |---|---|
 * | empty, `.`, `..`, or with `%` or NUL in it | as `escapeName` writes it (`%`, `%2E`, `%2E%2E`, `%25`, `%00`) |
 * | the object's own name, where other keys go on behind it with a slash (`a` beside `a/x`) | with `%` behind it: `a%` |
 * | `roleback-manifest.jsonl` at the top | `roleback-manifest%2Ejsonl`: the plain name is the manifest's |
 * | longer than 254 bytes once escaped | its first 200 bytes (fewer where a character would be cut), `%~` and 32 digits of its SHA-256 |
 * | everything else | itself |
 *
 * No two keys become one path: a `%` that ends a longer name, and `%~`, come from no other rule. The manifest has every key
 * beside its path, so nobody has to turn names back.
 */

export const MANIFEST_NAME = 'roleback-manifest.jsonl'

/** File systems take 255 bytes; one is left for the `%` of a name beside a directory. */
const MAX_NAME_BYTES = 254
const KEPT_BYTES = 200
const SLASH = 0x2f
const PERCENT = 0x25

/** @param isBesideDirectory Whether other keys begin with this one and a slash. */
export function pathOfKey(key: Uint8Array, isBesideDirectory: boolean): readonly Uint8Array[] {
  const path: Uint8Array[] = []
  let at = 0
  for (let end = 0; end <= key.length; end++) {
    if (end < key.length && key[end] !== SLASH) continue
    path.push(nameOf(key.subarray(at, end), path.length === 0))
    at = end + 1
  }
  if (isBesideDirectory) path.push(Buffer.concat([path.pop() as Uint8Array, Uint8Array.of(PERCENT)]))
  return path
}

function nameOf(part: Uint8Array, isTop: boolean): Uint8Array {
  if (isTop && Buffer.compare(part, Buffer.from(MANIFEST_NAME)) === 0) {
    return Buffer.from(MANIFEST_NAME.replace('.', '%2E'))
  }
  const name = escapeName(part)
  if (name.length <= MAX_NAME_BYTES) return name
  let kept = KEPT_BYTES
  while (kept > KEPT_BYTES - 4 && ((name[kept] as number) & 0xc0) === 0x80) kept--
  const digits = createHash('sha256').update(part).digest('hex').slice(0, 32)
  return Buffer.concat([name.subarray(0, kept), Buffer.from(`%~${digits}`)])
}

/** Keys (latin1) that other keys go on behind with a slash: their paths are directories, the objects need other names. */
export async function keysBesideDirectories(reader: ExportReader): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  /** Keys that begin the present one. In byte order all that begin with a key come right behind it. */
  const beginnings: string[] = []
  for await (const page of reader.items()) {
    for (const item of page) {
      const key = Buffer.from(item.key).toString('latin1')
      while (beginnings.length > 0 && !key.startsWith(beginnings.at(-1) as string)) beginnings.pop()
      for (const beginning of beginnings) if (key[beginning.length] === '/') found.add(beginning)
      beginnings.push(key)
    }
  }
  return found
}
