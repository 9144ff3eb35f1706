import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Makes a directory's entries last through a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  await using handle = await open(path, 'r')
  await handle.sync()
}

/** Makes `path` (0700) if it is not there, lastingly; its parent must exist. */
export async function ensureDirectory(path: string): Promise<void> {
  const made = await mkdir(path, { recursive: true, mode: 0o700 })
  if (made !== undefined) await syncDirectory(dirname(path))
}

/** Writes a whole file (0400, as restic does) that is there completely or not at all; returns when it lasts. */
export async function writeDurably(directory: string, name: string, bytes: Uint8Array): Promise<void> {
  // restic leaves names that are no ids alone, so what a crash leaves behind does no harm.
  const temporary = join(directory, `${name}-tmp-${process.pid}`)
  try {
    {
      await using handle = await open(temporary, 'wx', 0o400)
      await handle.writeFile(bytes)
      await handle.sync()
    }
    await rename(temporary, join(directory, name))
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
  await syncDirectory(directory)
}
