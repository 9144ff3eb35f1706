import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'

/** A mixed tree from files that every development machine has: many small sources, binaries, archives. */
const SOURCES = [
  '../node_modules',
  '/usr/include',
  '/usr/lib/python3.11',
  '/usr/lib/python3',
  '/usr/bin',
  '/usr/share',
  '/usr/lib',
]
const LARGE_BYTES = 8 * 1024 * 1024
const EDITS = 10

export interface Corpus {
  readonly path: string
  readonly files: number
  readonly bytes: number
}

/** Copies files until there are `bytes` of them. Links are kept, everything else that is no file is left away. */
export function makeCorpus(path: string, bytes: number): Corpus {
  fs.mkdirSync(path)
  const made = { files: 0, bytes: 0 }
  const copy = (from: string, to: string): void => {
    fs.mkdirSync(to)
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
      if (made.bytes >= bytes) return
      const source = join(from, entry.name)
      const target = join(to, entry.name)
      if (entry.isDirectory()) copy(source, target)
      else if (entry.isSymbolicLink()) fs.symlinkSync(fs.readlinkSync(source), target)
      else if (entry.isFile()) {
        const { size } = fs.statSync(source)
        if (size > (bytes - made.bytes) * 1.05) continue
        fs.copyFileSync(source, target)
        made.files++
        made.bytes += size
      }
    }
  }
  for (const [i, source] of SOURCES.entries()) {
    const from = join(import.meta.dirname, source)
    const start = source.startsWith('/') ? source : from
    if (fs.existsSync(start) && made.bytes < bytes) copy(start, join(path, String(i)))
  }
  return { path, ...made }
}

/** Changes one file in a hundred by a line, and every large file in ten places that make up a hundredth of it. */
export function changeCorpus({ path }: Corpus): void {
  let seen = 0
  for (const entry of fs.readdirSync(path, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath, entry.name)
    const { size } = fs.statSync(file)
    if (size > LARGE_BYTES) fs.writeFileSync(file, editLarge(fs.readFileSync(file)))
    else if (++seen % 100 === 0) {
      const bytes = fs.readFileSync(file)
      const half = bytes.length >> 1
      fs.writeFileSync(
        file,
        Buffer.concat([bytes.subarray(0, half), Buffer.from('\none more line\n'), bytes.subarray(half)]),
      )
    }
  }
}

/** Half of the edits move what follows. */
function editLarge(bytes: Buffer): Buffer {
  const length = Math.floor(bytes.length / 1000)
  const parts: Buffer[] = []
  let from = 0
  for (let i = 0; i < EDITS; i++) {
    const at = Math.floor((bytes.length * (i + 0.5)) / EDITS)
    parts.push(bytes.subarray(from, at), randomBytes(i % 2 === 0 ? length : length + 13))
    from = at + length
  }
  return Buffer.concat([...parts, bytes.subarray(from)])
}
