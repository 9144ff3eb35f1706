import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { printable } from '../../lib/log.ts'

/**
 * How a directory tree lies in a recovery point.
 *
 * A key is the path from the root of the tree as raw bytes, beginning with `/`; a directory's key also ends with `/`, the root's
 * is `/`. Sorted by bytes, a directory then comes right before everything in it ("/a-b", "/a/", "/a/x", "/ab"), and a walk
 * that sorts each directory's names (directories with their slash) yields the keys in order. In memory a key is a string of
 * one character a byte (latin1), which compares as the bytes do.
 *
 * Metadata, version 1, little-endian:
 *
 * | at | bytes | what |
 * |---|---|---|
 * | 0 | 1 | version, 1 |
 * | 1 | 1 | flags: 1 = changed within 2 s before it was scanned; 2 = has holes; 4 = extended attributes not readable |
 * | 2 | 4 each | mode (with the type's bits), uid, gid, number of links |
 * | 18 | 8 each | mtime and ctime in ns since 1970, signed; inode; device it lies on; device that it is |
 * | 58 | 4 + n | link target of a symlink, or key of the first name of a hard link; its length first |
 * | then | 2 | number of extended attributes; each: 2 + n name, 4 + n value |
 *
 * The access time is not kept: reading changes it, and no two backups would agree.
 */
export const META_VERSION = 1
export const FIXED_BYTES = 58
export const LINKS_AT = 14
/** mtime, then ctime. */
export const TIMES_AT = 18
export const INODE_AT = 34
export const DEVICE_AT = 42

/** Kinds of items; stable for ever. */
export const DIRECTORY = 1
export const FILE = 2
export const SYMLINK = 3
/** A further name of a file whose first name, in key order, is an item of its own. */
export const HARD_LINK = 4
export const FIFO = 5
export const SOCKET = 6
export const CHARACTER_DEVICE = 7
export const BLOCK_DEVICE = 8

export const CHANGED_JUST_NOW = 1
export const HAS_HOLES = 2
export const WITHOUT_XATTRS = 4

/** A file changed less than this before its scan may change again without its times showing it. */
export const SETTLE_MS = 2000

export interface TreeMeta {
  readonly flags: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly links: number
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly inode: bigint
  readonly device: bigint
  /** The device that a device file stands for. */
  readonly rdev: bigint
  /** Latin1: target of a symlink, key of a hard link's first name; empty for others. */
  readonly target: string
  readonly xattrs: readonly Xattr[]
}

export interface Xattr {
  readonly name: string
  readonly value: Uint8Array
}

/** Attributes that are kept: users' own, file capabilities and POSIX ACLs. Others belong to the system that they were set on. */
export const KEPT_XATTR: RegExp = /^(?:user\..*|security\.capability|system\.posix_acl_(?:access|default))$/s

export const bytesOf = (latin1: string): Buffer => Buffer.from(latin1, 'latin1')
export const latin1Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')

/** A key or name for people: UTF-8 where it is, else every byte above ASCII as `\xNN`; nothing that a terminal would obey. */
export function displayKey(latin1: string): string {
  const bytes = bytesOf(latin1)
  if (isUtf8(bytes)) return printable(bytes.toString('utf8'))
  return printable(latin1).replaceAll(/[\u0080-\u00ff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`)
}

/** The kind of a file by its mode; undefined for what no Linux file system has. */
export function kindOfMode(mode: number): number | undefined {
  return KIND_OF_TYPE.get(mode & 0o170000)
}

const KIND_OF_TYPE: ReadonlyMap<number, number> = new Map([
  [0o040000, DIRECTORY],
  [0o100000, FILE],
  [0o120000, SYMLINK],
  [0o010000, FIFO],
  [0o140000, SOCKET],
  [0o020000, CHARACTER_DEVICE],
  [0o060000, BLOCK_DEVICE],
])

/** What of a file's status is kept. */
export type KeptStat = Pick<
  BigIntStats,
  'mode' | 'uid' | 'gid' | 'nlink' | 'mtimeNs' | 'ctimeNs' | 'ino' | 'dev' | 'rdev'
>

/** The fixed part of the metadata of `stat`, in a buffer that the next call overwrites. */
const scratch = Buffer.alloc(FIXED_BYTES)
export function fixedPart(stat: KeptStat, flags: number): Buffer {
  scratch[0] = META_VERSION
  scratch[1] = flags
  scratch.writeUInt32LE(Number(stat.mode), 2)
  scratch.writeUInt32LE(Number(stat.uid), 6)
  scratch.writeUInt32LE(Number(stat.gid), 10)
  scratch.writeUInt32LE(Number(stat.nlink), LINKS_AT)
  scratch.writeBigInt64LE(nearestTime(stat.mtimeNs), TIMES_AT)
  scratch.writeBigInt64LE(nearestTime(stat.ctimeNs), TIMES_AT + 8)
  scratch.writeBigUInt64LE(stat.ino, INODE_AT)
  scratch.writeBigUInt64LE(BigInt.asUintN(64, stat.dev), DEVICE_AT)
  scratch.writeBigUInt64LE(BigInt.asUintN(64, stat.rdev), 50)
  return scratch
}

const LATEST = 2n ** 63n - 1n

/** Times before 1677 and after 2262 become the last one that can be kept: bytes are worth more than the hour somebody gave them. */
function nearestTime(ns: bigint): bigint {
  if (ns > LATEST) return LATEST
  return ns < -LATEST ? -LATEST : ns
}

/** The same buffer, with flags. */
export function withFlags(fixed: Buffer, flags: number): Buffer {
  fixed[1] = flags
  return fixed
}

export const linksOf = (fixed: Buffer): number => fixed.readUInt32LE(LINKS_AT)
export const inodeOf = (fixed: Buffer): bigint => fixed.readBigUInt64LE(INODE_AT)
/** When it was last written to, and last changed at all: to be compared only. */
export const timesOf = (fixed: Buffer): string => fixed.toString('latin1', TIMES_AT, INODE_AT)
/** Whether two have the same bytes from `from` to `end`. */
export function areSame(one: Uint8Array, other: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (one[at] !== other[at]) return false
  return true
}
export const DEVICE_END: number = DEVICE_AT + 8
/** Inode and device: what tells one file from every other while it is there. A copy. */
export const identityOf = (fixed: Buffer): Buffer => Buffer.from(fixed.subarray(INODE_AT, DEVICE_AT + 8))

/** Whether it may have changed again since without a trace. */
export const isUnsettled = (fixed: Buffer): boolean => ((fixed[1] as number) & CHANGED_JUST_NOW) !== 0

/** A further name says nothing of when or how its file was seen: the first one does. */
export function withoutFlags(fixed: Buffer): Buffer {
  const bare = Buffer.from(fixed)
  bare[1] = 0
  return bare
}

/**
 * True where `fixed` and an older `meta` describe the same untouched file: all but the flags and the device it lies on, whose
 * number may change when the machine starts again.
 */
export function isUntouched(fixed: Buffer, meta: Uint8Array): boolean {
  if (meta.length < FIXED_BYTES || meta[0] !== META_VERSION) return false
  if (((meta[1] as number) & CHANGED_JUST_NOW) !== 0) return false
  return areSame(fixed, meta, 2, DEVICE_AT)
}

/**
 * An untouched file's metadata for the new recovery point: the older one's, with today's flags and device. Undefined where
 * the older scan could not read extended attributes and this one can.
 */
export function reusedMeta(fixed: Buffer, meta: Uint8Array): Uint8Array | undefined {
  if (((meta[1] as number) & WITHOUT_XATTRS) > ((fixed[1] as number) & WITHOUT_XATTRS)) return undefined
  const reused = Buffer.from(meta)
  fixed.copy(reused, 1, 1, 2)
  fixed.copy(reused, DEVICE_AT, DEVICE_AT, DEVICE_AT + 8)
  return reused
}

/** Encoded metadata: `fixed` (see fixedPart), then the parts of changing length. */
export function encodeMeta(fixed: Buffer, target = '', xattrs: readonly Xattr[] = []): Buffer {
  let length = FIXED_BYTES + 4 + target.length + 2
  for (const { name, value } of xattrs) length += 2 + name.length + 4 + value.length
  const meta = Buffer.allocUnsafe(length)
  fixed.copy(meta)
  let at = meta.writeUInt32LE(target.length, FIXED_BYTES)
  at += meta.write(target, at, 'latin1')
  at = meta.writeUInt16LE(xattrs.length, at)
  for (const { name, value } of xattrs) {
    at = meta.writeUInt16LE(name.length, at)
    at += meta.write(name, at, 'latin1')
    at = meta.writeUInt32LE(value.length, at)
    meta.set(value, at)
    at += value.length
  }
  return meta
}

/** @throws {RangeError} When the bytes are cut short or of a later version. */
export function decodeMeta(bytes: Uint8Array): TreeMeta {
  const meta = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (meta[0] !== META_VERSION) {
    throw new RangeError(
      `File metadata has version ${meta[0]}: this server reads ${META_VERSION}, use a later one`,
    )
  }
  if (meta.length < FIXED_BYTES) throw new RangeError('File metadata ends too early')
  let at = FIXED_BYTES
  const take = (length: number): Buffer => {
    if (at + length > meta.length) throw new RangeError('File metadata ends too early')
    at += length
    return meta.subarray(at - length, at)
  }
  const target = take(take(4).readUInt32LE()).toString('latin1')
  const xattrs: Xattr[] = []
  for (let left = take(2).readUInt16LE(); left > 0; left--) {
    const name = take(take(2).readUInt16LE()).toString('latin1')
    xattrs.push({ name, value: take(take(4).readUInt32LE()) })
  }
  return {
    flags: meta[1] as number,
    mode: meta.readUInt32LE(2),
    uid: meta.readUInt32LE(6),
    gid: meta.readUInt32LE(10),
    links: meta.readUInt32LE(14),
    mtimeNs: meta.readBigInt64LE(18),
    ctimeNs: meta.readBigInt64LE(26),
    inode: meta.readBigUInt64LE(34),
    device: meta.readBigUInt64LE(DEVICE_AT),
    rdev: meta.readBigUInt64LE(50),
    target,
    xattrs,
  }
}

/** The longest name that Linux file systems take, in bytes. */
export const MAX_NAME_BYTES = 255
/** Every key that a walk can have made, so that only the others are looked at part by part. */
// oxlint-disable-next-line no-control-regex -- NUL ends a name in C
const GOOD_KEY = /^\/(?:(?!\.{1,2}(?:\/|$))[^/\0]{1,255}(?:\/|$))*$/s

/**
 * Splits a key into its folder's key and its own name ('' for the root).
 * @throws {RangeError} For every key that a walk cannot have made: these never become a path.
 */
export function splitKey(
  key: string,
  isDirectory: boolean,
): { readonly folder: string; readonly name: string } {
  if (!GOOD_KEY.test(key) || key.endsWith('/') !== isDirectory) refuseKey(key, isDirectory)
  if (key === '/') return { folder: '', name: '' }
  const end = isDirectory ? key.length - 1 : key.length
  const cut = key.lastIndexOf('/', end - 1) + 1
  return { folder: key.slice(0, cut), name: key.slice(cut, end) }
}

function refuseKey(key: string, isDirectory: boolean): never {
  const refuse = (why: string): never => {
    throw new RangeError(`The name is refused: ${why}`)
  }
  if (!key.startsWith('/')) refuse('it does not begin with a slash')
  if (key.includes('\0')) refuse('it holds a NUL byte')
  if (key.endsWith('/') !== isDirectory) refuse('only the name of a directory ends with a slash')
  const path = isDirectory ? key.slice(1, -1) : key.slice(1)
  for (const part of path.split('/')) {
    if (part === '' || part === '.' || part === '..') refuse(`"${part}" is no name of a file`)
    if (part.length > MAX_NAME_BYTES) refuse(`a part of it is longer than ${MAX_NAME_BYTES} bytes`)
  }
  return refuse('no directory holds such a name')
}
