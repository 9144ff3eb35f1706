import * as fs from 'node:fs'
import { workerData } from 'node:worker_threads'
import { pathIn } from './directory-paths.ts'
import type { ForerunnerSetup } from './directory-forerunner.ts'

/**
 * Looks at all folders of a tree, and at some of the files of each, several at a time, roughly in the order of their keys. It opens
 * no file and does not go where another file system is mounted.
 */

/** As many as the pool of threads that asks for them has. */
const AT_ONCE = 4
/** File systems read what they keep of files many at a time: asking for a folder brings its first files, too. */
const FILES_READ_TOGETHER = 32

const { root, device, from } = workerData as ForerunnerSetup
/** Keys (see directory-meta.ts), the next one last. */
const waiting = ['/']
let underWay = 0

function goOn(): void {
  while (underWay < AT_ONCE && waiting.length > 0) {
    underWay++
    const key = waiting.pop() as string
    if (key.endsWith('/')) lookInto(key)
    else fs.lstat(pathIn(root, key.slice(1)), done)
  }
}

function done(): void {
  underWay--
  goOn()
}

function lookInto(key: string): void {
  const path = pathIn(root, key.slice(1, -1))
  fs.lstat(path, (error, stat) => {
    if (error !== null || !stat.isDirectory() || stat.dev !== device) return done()
    fs.readdir(path, { encoding: 'latin1', withFileTypes: true }, (_, entries) => {
      if (entries !== undefined) remember(key, entries)
      done()
    })
  })
}

function remember(folder: string, entries: readonly fs.Dirent[]): void {
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
  let files = 0
  const next = names.filter((name) => {
    const key = folder + name
    if (name.endsWith('/')) return key >= from || from.startsWith(key)
    return ++files % FILES_READ_TOGETHER === 0 && key >= from
  })
  for (const name of next.reverse()) waiting.push(folder + name)
}

goOn()
