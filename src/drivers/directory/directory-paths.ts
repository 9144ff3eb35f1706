import { closeSync, constants, openSync } from 'node:fs'
import { bytesOf, displayKey } from './directory-meta.ts'

/**
 * Paths by descriptor. Node has no openat(), but Linux resolves `/proc/self/fd/N/name` from the directory that descriptor N
 * holds, whatever became of its path meanwhile. Every folder is opened from its parent's descriptor without following links, so
 * swapping a folder for a link leads nowhere. Descriptors belong to the process: threads may use each other's.
 */

/** Linux's O_PATH: names a place without the right to read it. Not among node's constants. */
const O_PATH = 0o10000000
const FOLDER = constants.O_DIRECTORY | constants.O_NOFOLLOW
/** Opens a folder to work in it; needs only the right to pass through. */
export const PASS_FLAGS: number = O_PATH | FOLDER
/** Opens a folder to list it. */
export const LIST_FLAGS: number = constants.O_RDONLY | FOLDER

// oxlint-disable-next-line no-control-regex -- asks for ASCII, all of it
const ASCII = /^[\u0000-\u007f]*$/

/** `name` (latin1, one character a byte) in the folder that `fd` holds. A string where it can be: buffers are slower. */
export function pathIn(fd: number, name: string): string | Buffer {
  const path = `/proc/self/fd/${fd}/${name}`
  return ASCII.test(name) ? path : bytesOf(path)
}

/** The longest name that Linux file systems take, in bytes. */
const MAX_NAME_BYTES = 255

export const cNameRoom = (): Buffer => Buffer.alloc(MAX_NAME_BYTES + 1)

/**
 * Writes a name for the C library, with NUL behind it.
 * @param into From `cNameRoom`. @returns Whether it can be the name of something.
 */
export function writeCName(name: string, into: Buffer): boolean {
  if (name.length > MAX_NAME_BYTES) return false
  for (let i = 0; i < name.length; i++) {
    const byte = name.charCodeAt(i)
    if (byte === 0) return false
    into[i] = byte
  }
  into[name.length] = 0
  return true
}

/** The same for the C library: bytes that end with NUL. */
export const cPathIn = (fd: number, name: string): Buffer => bytesOf(`/proc/self/fd/${fd}/${name}\0`)

/**
 * Opens an absolute path given by the operator, every part of it without following links.
 * @returns A descriptor that the caller closes.
 */
export function openPath(path: string, flags: number): number {
  const parts = Buffer.from(path)
    .toString('latin1')
    .split('/')
    .filter((part) => part !== '')
  let fd = openSync('/', parts.length === 0 ? flags : PASS_FLAGS)
  for (const [at, part] of parts.entries()) {
    try {
      const next = openSync(pathIn(fd, part), at === parts.length - 1 ? flags : PASS_FLAGS)
      closeSync(fd)
      fd = next
    } catch (cause) {
      closeSync(fd)
      throw new Error(`Cannot open directory "${path}" at "${displayKey(part)}": ${reasonOf(cause)}`, {
        cause,
      })
    }
  }
  return fd
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOENT: 'it is not there',
  ENOTDIR: 'it is not a directory, or a symbolic link stands in its place',
  ELOOP: 'a symbolic link stands in its place',
  EEXIST: 'something of that name is there already',
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the quota is used up',
  EROFS: 'the file system is read-only',
  EMFILE: 'too many open files: raise the limit of the server (ulimit -n)',
  ENXIO: 'it cannot be opened for reading',
  ENAMETOOLONG: 'the name is too long for the file system',
}

export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : ''

/** Why a call of the file system failed, without the path. */
export function reasonOf(error: unknown): string {
  const code = codeOf(error)
  return REASONS[code] ?? (code === '' ? String(error) : code)
}

/** After these nothing more can be written: the whole job ends. */
export const isFatal = (error: unknown): boolean => ['ENOSPC', 'EDQUOT', 'EROFS'].includes(codeOf(error))
