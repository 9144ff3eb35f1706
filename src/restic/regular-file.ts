import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

/** Where a file belongs lies something else: a link, a pipe, a device. */
export class NotRegularError extends Error {
  override name = 'NotRegularError'
}

/** Opens a file for reading, never what a symbolic link leads to, and never waiting for the writer of a pipe. */
export async function openRegular(
  path: string,
): Promise<{ readonly handle: FileHandle; readonly size: number }> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const stat = await handle.stat()
    if (!stat.isFile()) throw new NotRegularError(`"${path}" is no regular file`)
    return { handle, size: stat.size }
  } catch (error) {
    await handle.close()
    throw error
  }
}

/** A whole file. @throws {RangeError} When it has more than `maxBytes`. */
export async function readRegular(path: string, maxBytes: number): Promise<Buffer> {
  const { handle, size } = await openRegular(path)
  try {
    if (size > maxBytes)
      throw new RangeError(`"${path}" has ${size} bytes, more than the ${maxBytes} that are read`)
    return await handle.readFile()
  } finally {
    await handle.close()
  }
}
