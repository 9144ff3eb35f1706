import { randomFillSync } from 'node:crypto'
import * as fs from 'node:fs/promises'
import { join } from 'node:path'

/**
 * A file that holds nothing but room. On a disk that is full it goes first, so that recovery points can be deleted and swept, which
 * writes a little before it frees much.
 */

const NAME = 'reserve'
/** Enough for a dead list of 100,000 packs and the parts of an index that are written anew at a time. */
const RESERVE_BYTES: number = 16 * 1024 * 1024
/** On a small disk not more than one part in so many of what is free. */
const FREE_PARTS = 8
/** Written, not punched: a hole keeps nothing back. Random, since some file systems would compress it to nothing. */
const BLOCK_BYTES: number = 1024 * 1024

/** @param folder Exists. */
export async function keepReserve(folder: string): Promise<void> {
  const path = join(folder, NAME)
  const { bavail, bsize } = await fs.statfs(folder)
  const file = await fs.open(path, 'a', 0o600)
  try {
    let { size } = await file.stat()
    const wanted = Math.min(RESERVE_BYTES, Math.floor((bavail * bsize + size) / FREE_PARTS))
    if (size >= wanted) return
    const block = randomFillSync(Buffer.allocUnsafe(Math.min(BLOCK_BYTES, wanted - size)))
    while (size < wanted)
      size += (await file.write(block, 0, Math.min(block.length, wanted - size))).bytesWritten
  } catch (error) {
    if (!isFull(error)) throw error
    await fs.rm(path, { force: true })
  } finally {
    await file.close()
  }
}

export async function releaseReserve(folder: string): Promise<void> {
  await fs.rm(join(folder, NAME), { force: true })
}

/** Of a system call's error: neither blocks nor inodes, or none that this account may have. */
export function isFull(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'ENOSPC' || code === 'EDQUOT'
}
