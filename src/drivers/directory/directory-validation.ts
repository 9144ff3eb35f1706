import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { validationStep } from '../../kinds/restore-test.ts'
import { FILE, displayKey, latin1Of, splitKey } from './directory-meta.ts'
import { OpenFolders } from './directory-folders.ts'
import { LIST_FLAGS, PASS_FLAGS, openPath, pathIn, reasonOf } from './directory-paths.ts'
import { parseItemsToRestore, select } from './directory-selection.ts'
import { folderSetting } from './directory-settings.ts'
import { ItemError, QueryRefusedError } from '../driver.ts'
import type { DriverValidation, FileDigest, RestoredThing } from '../driver.ts'

/** Reads the directory that a restore test made below the restore root, following no link. */
export const directoryValidation: DriverValidation = {
  content: (thing) => ({
    count: () => inRestored(thing, (root) => countEntries(root, thing.session.signal)),
    digest: (item) => inRestored(thing, (root) => digestFile(root, latin1Of(item.key), thing.session.signal)),
    query: () => Promise.reject(new QueryRefusedError('A directory answers no query')),
  }),
  items: (point, metadata) => select(point, parseItemsToRestore(metadata['ItemsToRestore'])).items,
  isFile: ({ kind }) => kind === FILE,
  keyOf: (path) => {
    const key = `/${path.replace(/^\/+/, '')}`
    try {
      splitKey(latin1Of(Buffer.from(key)), false)
    } catch (cause) {
      throw new ItemError(`${JSON.stringify(path)} is no path of a file: ${(cause as Error).message}`, {
        cause,
      })
    }
    return Buffer.from(key)
  },
}

/** Decides, and gives the work a descriptor of the restored directory. */
async function inRestored<Result>(
  { session, targetArn, name }: RestoredThing,
  work: (root: number) => Promise<Result>,
): Promise<Result> {
  const target = { resourceArn: session.resource.arn, targetArn }
  return await session.call(validationStep('EFS', 'ReadFileSystem'), target, async (connection) => {
    const root = openPath(`${folderSetting(connection, 'restoreRoot')}/${name}`, PASS_FLAGS)
    try {
      return await work(root)
    } finally {
      fs.closeSync(root)
    }
  })
}

const BLOCK_MS = 8

/** All that lies in the tree, and its root. */
async function countEntries(root: number, signal: AbortSignal): Promise<number> {
  let count = 1
  let pausedAt = performance.now()
  const look = async (parent: number, name: string): Promise<void> => {
    const folder = fs.openSync(pathIn(parent, name), LIST_FLAGS)
    try {
      for (const entry of fs.readdirSync(`/proc/self/fd/${folder}`, {
        encoding: 'latin1',
        withFileTypes: true,
      })) {
        count++
        if (entry.isDirectory()) await look(folder, entry.name)
        if (performance.now() - pausedAt < BLOCK_MS) continue
        await new Promise((resolve) => setImmediate(resolve))
        signal.throwIfAborted()
        pausedAt = performance.now()
      }
    } finally {
      fs.closeSync(folder)
    }
  }
  await look(root, '.')
  return count
}

async function digestFile(root: number, key: string, signal: AbortSignal): Promise<FileDigest> {
  const file = openFile(root, key)
  const hash = createHash('sha256')
  let size = 0
  try {
    for await (const bytes of fs.createReadStream('', { fd: file, signal }) as AsyncIterable<Buffer>) {
      hash.update(bytes)
      size += bytes.length
    }
  } catch (cause) {
    signal.throwIfAborted()
    throw new ItemError(`${displayKey(key)} cannot be read: ${reasonOf(cause)}`, { cause })
  }
  return { sha256: hash.digest('hex'), size }
}

/** @returns A descriptor of the regular file, which its reader closes. */
function openFile(root: number, key: string): number {
  // It takes over a descriptor of its own.
  const folders = new OpenFolders(fs.openSync(pathIn(root, '.'), PASS_FLAGS))
  try {
    const { folder, name } = splitKey(key, false)
    const flags = fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW | fs.constants.O_NONBLOCK
    const file = fs.openSync(pathIn(folders.enter(folder), name), flags)
    if (fs.fstatSync(file).isFile()) return file
    fs.closeSync(file)
  } catch (cause) {
    throw new ItemError(`${displayKey(key)} cannot be opened: ${reasonOf(cause)}`, { cause })
  } finally {
    folders.close()
  }
  throw new ItemError(`${displayKey(key)} is no file`)
}
