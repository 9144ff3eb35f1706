import { closeSync, constants, openSync } from 'node:fs'
import { forgetDescriptor, mayOpen, notes } from '../../lib/descriptors.ts'
import { nativeFunctions } from '../../lib/native.ts'
import type { NativeFunctions } from '../../lib/native.ts'
import { cNameRoom, codeOf, pathIn, writeCName } from './directory-paths.ts'

/**
 * Opens what stands under a name in an open folder. openat(2) takes the folder's descriptor itself: node:fs has only the way through
 * `/proc/self/fd`, which costs the kernel as much as opening a file. Where node:ffi is missing, and where openat() fails (it tells no
 * reason), node:fs is asked.
 */
const SIGNATURES = {
  openat: { arguments: ['i32', 'buffer', 'i32'], return: 'i32' },
  close: { arguments: ['i32'], return: 'i32' },
} as const
/** Linux's O_CLOEXEC, which node:fs gives by itself: no child gets what is open here. */
const CLOSE_ON_EXEC = 0o2000000

/**
 * With this flag reading leaves the access time as it was: people look there for what is in use. Only root and the owner may ask
 * for it; for others openAt goes without.
 */
export const KEEP_ATIME: number = constants.O_NOATIME

let calls: NativeFunctions<typeof SIGNATURES> | undefined | 'unknown' = 'unknown'
/** Opens of this thread that go without KEEP_ATIME, since it was refused: among what belongs to others, asking each time takes long. */
let opensWithout = 0
const OPENS_WITHOUT = 1024
const path = cNameRoom()

/**
 * @param name Latin1, one character a byte, without a slash.
 * @param flags Nothing is made: without O_CREAT. May hold KEEP_ATIME.
 * @returns A descriptor that this thread closes with `closeAt`. @throws What node:fs throws.
 */
export function openAt(folder: number, name: string, flags: number): number {
  if (calls === 'unknown') calls = nativeFunctions(SIGNATURES)
  const wanted = opensWithout > 0 ? flags & ~KEEP_ATIME : flags
  if (opensWithout > 0) opensWithout--
  const native = mayOpen() && writeCName(name, path) ? calls : undefined
  if (native !== undefined) {
    const fd = native.openat(folder, path, wanted | CLOSE_ON_EXEC)
    if (fd >= 0) {
      if (notes.memory !== undefined) notes.memory[notes.held++] = fd + 1
      return fd
    }
  }
  try {
    return openSync(pathIn(folder, name), wanted)
  } catch (error) {
    if (codeOf(error) !== 'EPERM' || (wanted & KEEP_ATIME) === 0) throw error
    opensWithout = OPENS_WITHOUT
    return openSync(pathIn(folder, name), wanted & ~KEEP_ATIME)
  }
}

/** Closes what openAt or node:fs opened in this thread. */
export function closeAt(fd: number): void {
  if (calls !== undefined && calls !== 'unknown' && forgetDescriptor(fd)) calls.close(fd)
  else closeSync(fd)
}
