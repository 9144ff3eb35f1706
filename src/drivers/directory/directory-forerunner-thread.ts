import * as fs from 'node:fs'
import { workerData } from 'node:worker_threads'
import { pathIn } from './directory-paths.ts'
import type { ForerunnerSetup } from './directory-forerunner.ts'

/**
 * Lists all folders of a tree and looks at some of the files of large ones, several at a time, roughly in the order of their keys. It
 * opens no file and does not go where another file system is mounted. Nothing of what it sees is used, so a folder that
 * somebody swaps for a link meanwhile leads it to another listing at most.
 */

/** Twice as many as the pool of threads that asks for them has, so that each has its next. */
const AT_ONCE = 8
/** File systems read what they keep of files many at a time: asking for a folder brings its first files, too. */
const FILES_READ_TOGETHER = 32

const { root, from } = workerData as ForerunnerSetup
/** Keys (see directory-meta.ts), the next one last. */
const waiting = ['/']
const mounts = mountedIn(root)
let underWay = 0

/** Keys of the folders that other file systems are mounted at. */
function mountedIn(fd: number): ReadonlySet<string> {
  const path = fs.readlinkSync(`/proc/self/fd/${fd}`, 'latin1').replace(/\/$/, '')
  const mountPoints = fs
    .readFileSync('/proc/self/mountinfo', 'latin1')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .map((at) => at.replaceAll(/\\([0-7]{3})/g, (_, code: string) => String.fromCharCode(parseInt(code, 8))))
  return new Set(
    mountPoints.filter((at) => at.startsWith(`${path}/`)).map((at) => `${at.slice(path.length)}/`),
  )
}

function goOn(): void {
  while (underWay < AT_ONCE && waiting.length > 0) {
    underWay++
    const key = waiting.pop() as string
    if (key.endsWith('/')) list(key)
    else fs.lstat(pathIn(root, key.slice(1)), done)
  }
}

function done(): void {
  underWay--
  goOn()
}

function list(key: string): void {
  fs.readdir(pathIn(root, key.slice(1, -1)), { encoding: 'latin1', withFileTypes: true }, (_, entries) => {
    if (entries !== undefined) remember(key, entries)
    done()
  })
}

function remember(folder: string, entries: readonly fs.Dirent[]): void {
  const names = entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort()
  let files = 0
  const next = names.filter((name) => {
    const key = folder + name
    if (name.endsWith('/')) return (key >= from || from.startsWith(key)) && !mounts.has(key)
    return ++files % FILES_READ_TOGETHER === 0 && key >= from
  })
  for (const name of next.reverse()) waiting.push(folder + name)
}

goOn()
