import { fstatSync, lstatSync } from 'node:fs'
import type { BigIntStats } from 'node:fs'
import { nativeFunctions } from '../../lib/native.ts'
import {
  DEVICE_AT,
  FIXED_BYTES,
  INODE_AT,
  LINKS_AT,
  META_VERSION,
  TIMES_AT,
  fixedPart,
} from './directory-meta.ts'
import { cNameRoom, pathIn, writeCName } from './directory-paths.ts'

/**
 * What stands under a name in an open folder, or is open itself. statx(2) takes the folder's descriptor: node:fs has only the way
 * through `/proc/self/fd`, which costs the kernel more than the question does, and gives an object of many big integers where bytes
 * are wanted. Where node:ffi is missing, and where statx() fails (it tells no reason), node:fs is asked.
 */
export interface Status {
  /** The fixed part of its metadata (directory-meta.ts) without flags, which the next look of this thread overwrites. */
  readonly fixed: Buffer
  readonly mode: number
  readonly sizeBytes: number
  /** Of 512 bytes, that it takes. */
  readonly blocks: number
  /** When it was changed last, in milliseconds since 1970. */
  readonly ctimeMs: number
}

/** `name` empty: what `fd` holds. */
type Look = (fd: number, name: string) => Status | undefined

const SIGNATURES = {
  statx: { arguments: ['i32', 'buffer', 'i32', 'u32', 'buffer'], return: 'i32' },
} as const
const STATX_BYTES = 256
const BASIC_STATS = 0x7ff
/** AT_SYMLINK_NOFOLLOW and AT_NO_AUTOMOUNT: what lstat(2) does. */
const FLAGS = 0x100 | 0x800
/** AT_EMPTY_PATH. */
const OF_DESCRIPTOR = 0x1000
/** Times beyond these seconds do not go into 64 bits of nanoseconds. */
const MAX_SECONDS = 9e9
const WORD = 2 ** 32
const HALF_WORD = 2 ** 16

let native: Look | undefined | 'unknown' = 'unknown'

/**
 * @param name Latin1, one character a byte, without a slash. A link is not followed.
 * @returns Undefined where nothing has that name. @throws What node:fs throws.
 */
export function statAt(fd: number, name: string): Status | undefined {
  if (native === 'unknown') native = nativeLook()
  return native?.(fd, name) ?? nodeLook(fd, name)
}

/** Of what is open. @throws What node:fs throws. */
export function statOf(fd: number): Status {
  return statAt(fd, '') as Status
}

export const nodeLook: Look = (fd, name) => {
  const stat =
    name === ''
      ? fstatSync(fd, { bigint: true })
      : lstatSync(pathIn(fd, name), { bigint: true, throwIfNoEntry: false })
  return stat && statusOf(stat)
}

const BILLION = 1_000_000_000n

const statusOf = (stat: BigIntStats): Status => ({
  fixed: fixedPart(stat, 0),
  mode: Number(stat.mode),
  sizeBytes: Number(stat.size),
  blocks: Number(stat.blocks),
  ctimeMs: Number(stat.ctimeNs / BILLION) * 1000 + Number(stat.ctimeNs % BILLION) / 1e6,
})

/** Undefined where it cannot be called; so answers also what it makes when it fails. */
export function nativeLook(): Look | undefined {
  const calls = nativeFunctions(SIGNATURES)
  if (calls === undefined) return undefined
  const path = cNameRoom()
  const answer = Buffer.alloc(STATX_BYTES)
  const found = viewOf(answer)
  const fixed = Buffer.alloc(FIXED_BYTES)
  const into = viewOf(fixed)
  const status = { fixed, mode: 0, sizeBytes: 0, blocks: 0, ctimeMs: 0 }
  return (fd, name) => {
    if (!writeCName(name, path)) return undefined
    const flags = name === '' ? FLAGS | OF_DESCRIPTOR : FLAGS
    if (calls.statx(fd, path, flags, BASIC_STATS, answer) !== 0) return undefined
    if ((found.getUint32(0, true) & BASIC_STATS) !== BASIC_STATS) return undefined
    if (!writeFixed(found, into)) return undefined
    status.mode = found.getUint16(28, true)
    status.sizeBytes = numberAt(found, 40)
    status.blocks = numberAt(found, 48)
    status.ctimeMs = numberAt(found, 96) * 1000 + found.getUint32(104, true) / 1e6
    return status
  }
}

const viewOf = ({ buffer, byteOffset, length }: Buffer): DataView => new DataView(buffer, byteOffset, length)

/** From a `struct statx`. @returns False where a time does not go into its place. */
function writeFixed(found: DataView, into: DataView): boolean {
  into.setUint8(0, META_VERSION)
  into.setUint8(1, 0)
  into.setUint32(2, found.getUint16(28, true), true)
  into.setUint32(6, found.getUint32(20, true), true)
  into.setUint32(10, found.getUint32(24, true), true)
  into.setUint32(LINKS_AT, found.getUint32(16, true), true)
  into.setUint32(INODE_AT, found.getUint32(32, true), true)
  into.setUint32(INODE_AT + 4, found.getUint32(36, true), true)
  writeDevice(found, 136, into, DEVICE_AT)
  writeDevice(found, 128, into, DEVICE_AT + 8)
  return writeTime(found, 112, into, TIMES_AT) && writeTime(found, 96, into, TIMES_AT + 8)
}

/** A signed number of 64 bits, exact below 2^53. */
const numberAt = (found: DataView, at: number): number =>
  found.getInt32(at + 4, true) * WORD + found.getUint32(at, true)

/** Seconds and nanoseconds become nanoseconds: 64 bits, in halves that numbers hold exactly. */
function writeTime(found: DataView, at: number, into: DataView, to: number): boolean {
  const seconds = numberAt(found, at)
  if (Math.abs(seconds) > MAX_SECONDS) return false
  const high = Math.floor(seconds / HALF_WORD)
  const highNs = high * 1e9
  const lowNs = (seconds - high * HALF_WORD) * 1e9 + found.getUint32(at + 8, true)
  const upper = Math.floor(highNs / HALF_WORD)
  const lower = (highNs - upper * HALF_WORD) * HALF_WORD + lowNs
  into.setUint32(to, lower % WORD, true)
  into.setInt32(to + 4, upper + Math.floor(lower / WORD), true)
  return true
}

/** Major and minor number, put together as the C library and node:fs do. */
function writeDevice(found: DataView, at: number, into: DataView, to: number): void {
  const major = found.getUint32(at, true)
  const minor = found.getUint32(at + 4, true)
  into.setUint32(to, (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12), true)
  into.setUint32(to + 4, (major & 0xfffff000) | (minor >>> 20), true)
}
