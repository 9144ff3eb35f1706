import { nativeFunctions } from '../../lib/native.ts'
import type { NativeFunctions } from '../../lib/native.ts'
import { cPathIn } from './directory-paths.ts'

/**
 * The calls of the C library that node:fs does not have: extended attributes, special files, times in nanoseconds, and asking for
 * a file's bytes before they are read. They go through node:ffi (Node 26): no native dependency, 1.7 µs a call, and, other than a
 * `getfattr` child, they never follow a link and never meet a name that a tool's text format cannot carry. Where node:ffi or a
 * symbol is missing, `libc()` is undefined: backups and restores work without these attributes and say so in the job's message.
 */
export interface Libc {
  /** Names of the attributes of what a path names (a link itself, not its target) or is open; undefined where it has none or may not say. */
  xattrNames(of: Buffer | number): string[] | undefined
  xattr(of: Buffer | number, name: string): Buffer | undefined
  /** Of an open file; one that it does not have is not missed. */
  removeXattr(fd: number, name: string): void
  /** The next three answer whether the system did it. `path` may be a link and is not followed. */
  setXattr(path: Buffer, name: string, value: Uint8Array): boolean
  makeNode(path: Buffer, mode: number, device: bigint): boolean
  setTimes(path: Buffer, mtimeNs: bigint): boolean
  /** As setTimes, for an open file. */
  setFileTimes(fd: number, mtimeNs: bigint): boolean
  /** The first `length` bytes of an open file will be read: a disk may begin to bring them. Waits for nothing. */
  willRead(fd: number, length: number): void
  /** How often this thread has given up the processor to wait for something: a disk, a network, another thread. */
  readonly waits: () => number
}

const NO_FOLLOW = 0x100
const FADV_WILLNEED = 3
/** Of getrusage(2): RUSAGE_THREAD, and where `ru_nvcsw` lies in `struct rusage` on 64-bit Linux. */
const OF_THIS_THREAD = 1
const USAGE_BYTES = 144
const WAITS_AT = 128
const AT_CWD = -100
/** The kernel's own limits of a list of names and of a value (xattr(7)). */
const MAX_XATTR_BYTES = 65_536
/** `tv_nsec` that means "leave it": the access time of what is restored is the time of the restore. */
const UTIME_NOW = 0x3fff_ffffn

const SIGNATURES = {
  llistxattr: { arguments: ['buffer', 'buffer', 'u64'], return: 'i64' },
  flistxattr: { arguments: ['i32', 'buffer', 'u64'], return: 'i64' },
  lgetxattr: { arguments: ['buffer', 'buffer', 'buffer', 'u64'], return: 'i64' },
  fgetxattr: { arguments: ['i32', 'buffer', 'buffer', 'u64'], return: 'i64' },
  lsetxattr: { arguments: ['buffer', 'buffer', 'buffer', 'u64', 'i32'], return: 'i32' },
  fremovexattr: { arguments: ['i32', 'buffer'], return: 'i32' },
  mknod: { arguments: ['buffer', 'u32', 'u64'], return: 'i32' },
  utimensat: { arguments: ['i32', 'buffer', 'buffer', 'i32'], return: 'i32' },
  futimens: { arguments: ['i32', 'buffer'], return: 'i32' },
  getrusage: { arguments: ['i32', 'buffer'], return: 'i32' },
  posix_fadvise: { arguments: ['i32', 'i64', 'i64', 'i32'], return: 'i32' },
} as const

/** By itself: C libraries from before 2018 lack it, and nothing else of the above. */
const RENAME = { renameat2: { arguments: ['i32', 'buffer', 'i32', 'buffer', 'u32'], return: 'i32' } } as const
const NO_REPLACE = 1

let loaded: Libc | undefined | 'unknown' = 'unknown'
let rename: NativeFunctions<typeof RENAME> | undefined | 'unknown' = 'unknown'

/** The C library of this process, or undefined where it cannot be called. Each thread loads its own once. */
export function libc(): Libc | undefined {
  if (loaded === 'unknown') loaded = load()
  return loaded
}

/**
 * Renames what is called `from` in the folder `parent`, taking the place of nothing, in one step. False where it was not done: something is
 * called `to`, nothing is called `from`, or the kernel or the file system (NFS, for one) has no such call.
 */
export function renameToNew(parent: number, from: string, to: string): boolean {
  if (rename === 'unknown') rename = nativeFunctions(RENAME)
  const answer = rename?.renameat2(AT_CWD, cPathIn(parent, from), AT_CWD, cPathIn(parent, to), NO_REPLACE)
  return answer === 0
}

function load(): Libc | undefined {
  const calls = nativeFunctions(SIGNATURES)
  return calls && wrap(calls)
}

const terminated = (text: string): Buffer => Buffer.from(`${text}\0`, 'latin1')

function wrap(calls: NativeFunctions<typeof SIGNATURES>): Libc {
  const answer = Buffer.alloc(MAX_XATTR_BYTES)
  const room = BigInt(MAX_XATTR_BYTES)
  const times = Buffer.alloc(32)
  const usage = Buffer.alloc(USAGE_BYTES)
  const timesOf = (mtimeNs: bigint): Buffer => {
    times.writeBigInt64LE(0n, 0)
    times.writeBigInt64LE(UTIME_NOW, 8)
    const rest = ((mtimeNs % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n
    times.writeBigInt64LE((mtimeNs - rest) / 1_000_000_000n, 16)
    times.writeBigInt64LE(rest, 24)
    return times
  }
  return {
    xattrNames(of) {
      const found =
        typeof of === 'number' ? calls.flistxattr(of, answer, room) : calls.llistxattr(of, answer, room)
      const length = Number(found)
      return length <= 0 ? undefined : answer.toString('latin1', 0, length - 1).split('\0')
    },
    xattr(of, name) {
      const key = terminated(name)
      const found =
        typeof of === 'number'
          ? calls.fgetxattr(of, key, answer, room)
          : calls.lgetxattr(of, key, answer, room)
      const length = Number(found)
      return length < 0 ? undefined : Buffer.from(answer.subarray(0, length))
    },
    setXattr(path, name, value) {
      const bytes = Buffer.from(value.length === 0 ? [0] : value)
      return calls.lsetxattr(path, terminated(name), bytes, BigInt(value.length), 0) === 0
    },
    removeXattr: (fd, name) => void calls.fremovexattr(fd, terminated(name)),
    makeNode: (path, mode, device) => calls.mknod(path, mode, device) === 0,
    setTimes: (path, mtimeNs) => calls.utimensat(AT_CWD, path, timesOf(mtimeNs), NO_FOLLOW) === 0,
    setFileTimes: (fd, mtimeNs) => calls.futimens(fd, timesOf(mtimeNs)) === 0,
    willRead: (fd, length) => void calls.posix_fadvise(fd, 0n, BigInt(length), FADV_WILLNEED),
    waits: () => (calls.getrusage(OF_THIS_THREAD, usage) === 0 ? Number(usage.readBigInt64LE(WAITS_AT)) : 0),
  }
}
