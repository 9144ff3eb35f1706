import * as fs from 'node:fs'
import { LIST_FLAGS, openPath } from './directory-paths.ts'
import { folderSetting } from './directory-settings.ts'
import { MAX_DISCOVERED } from '../driver.ts'
import type { Connection, Discovered } from '../driver.ts'

/** Directories that lie directly in `path`. What a symbolic link leads to is none of them; a name that is no UTF-8 has no path to register. */
export async function discoverDirectories(connection: Connection, signal: AbortSignal): Promise<Discovered> {
  const path = folderSetting(connection, 'path')
  const fd = openPath(path, LIST_FLAGS)
  const names: string[] = []
  try {
    const folder = await fs.promises.opendir(`/proc/self/fd/${fd}`)
    for await (const entry of folder) {
      signal.throwIfAborted()
      if (!entry.isDirectory() || entry.name.includes('\ufffd')) continue
      if (names.length === MAX_DISCOVERED) return { names, isCut: true }
      names.push(entry.name)
    }
  } finally {
    fs.closeSync(fd)
  }
  return { names, isCut: false }
}
