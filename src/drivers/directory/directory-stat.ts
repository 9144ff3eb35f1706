import { lstatSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { nativeFunctions } from '../../lib/native.ts'
import type { KeptStat } from './directory-meta.ts'
import { pathIn } from './directory-paths.ts'

/**
 * What stands under a name in an open folder. statx(2) takes the folder's descriptor itself: node:fs has only the way through
 * `/proc/self/fd`, which costs the kernel more than the question does. Where node:ffi is missing, and where statx() fails (it tells no
 * reason), node:fs is asked.
 */
export type EntryStat = KeptStat & Pick<BigIntStats, 'size' | 'blocks'>

const SIGNATURES = {
  statx: { arguments: ['i32', 'buffer', 'i32', 'u32', 'buffer'], return: 'i32' },
} as const
const MAX_NAME_BYTES = 255
const STATX_BYTES = 256
const BASIC_STATS = 0x7ff
/** AT_SYMLINK_NOFOLLOW and AT_NO_AUTOMOUNT: what lstat(2) does. */
const FLAGS = 0x100 | 0x800

type Status = (fd: number, name: string) => EntryStat | undefined

let native: Status | undefined | 'unknown' = 'unknown'

/**
 * @param name Latin1, one character a byte, without a slash. A link is not followed.
 * @returns Undefined where nothing has that name. @throws What node:fs throws.
 */
export function statAt(fd: number, name: string): EntryStat | undefined {
  if (native === 'unknown') native = nativeStatus()
  return native?.(fd, name) ?? nodeStatus(fd, name)
}

export const nodeStatus: Status = (fd, name) =>
  lstatSync(pathIn(fd, name), { bigint: true, throwIfNoEntry: false })

/** Undefined where it cannot be called; so answers also what it makes when it fails. */
export function nativeStatus(): Status | undefined {
  const calls = nativeFunctions(SIGNATURES)
  if (calls === undefined) return undefined
  const path = Buffer.alloc(MAX_NAME_BYTES + 1)
  const found = Buffer.alloc(STATX_BYTES)
  return (fd, name) => {
    if (name.length > MAX_NAME_BYTES || name.includes('\0')) return undefined
    path[path.write(name, 0, 'latin1')] = 0
    if (calls.statx(fd, path, FLAGS, BASIC_STATS, found) !== 0) return undefined
    if ((found.readUInt32LE(0) & BASIC_STATS) !== BASIC_STATS) return undefined
    return {
      nlink: BigInt(found.readUInt32LE(16)),
      uid: BigInt(found.readUInt32LE(20)),
      gid: BigInt(found.readUInt32LE(24)),
      mode: BigInt(found.readUInt16LE(28)),
      ino: found.readBigUInt64LE(32),
      size: found.readBigInt64LE(40),
      blocks: found.readBigInt64LE(48),
      ctimeNs: nanoseconds(found, 96),
      mtimeNs: nanoseconds(found, 112),
      rdev: deviceAt(found, 128),
      dev: deviceAt(found, 136),
    }
  }
}

const nanoseconds = (found: Buffer, at: number): bigint =>
  found.readBigInt64LE(at) * 1_000_000_000n + BigInt(found.readUInt32LE(at + 8))

/** Major and minor number, put together as the C library and node:fs do. */
function deviceAt(found: Buffer, at: number): bigint {
  const [major, minor] = [found.readUInt32LE(at), found.readUInt32LE(at + 4)]
  const low = ((major & 0xfff) << 8) | (minor & 0xff)
  const high = (BigInt((major & 0xfffff000) >>> 0) << 32n) | (BigInt((minor & 0xffffff00) >>> 0) << 12n)
  return high | BigInt(low)
}
