import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { postgresMissing, startPostgres } from '../test/servers/postgres.ts'

/** Data sets from what every development machine has, each of about as many bytes as asked for. */
export type SetName = 'mixed' | 'small' | 'large'

const SOURCES = [
  '../node_modules',
  '/usr/include',
  '/usr/lib/python3.11',
  '/usr/lib/python3',
  '/usr/bin',
  '/usr/share',
  '/usr/lib',
]
const SMALL_BYTES = 512 * 1024
const LARGE_BYTES = 8 * 1024 * 1024
const EDITS = 10
/** Sizes of the files that a set takes. */
const SIZES: Readonly<Record<SetName, readonly [least: number, most: number]>> = {
  mixed: [0, Infinity],
  small: [0, SMALL_BYTES],
  large: [LARGE_BYTES, Infinity],
}

export interface Corpus {
  readonly path: string
  readonly files: number
  readonly bytes: number
  /** Some small file in its middle, below `path`. */
  readonly oneFile: string
}

export async function makeCorpus(name: SetName, path: string, bytes: number): Promise<Corpus> {
  fs.mkdirSync(path)
  if (name === 'large') await dumpDatabase(join(path, 'database.sql'))
  const [least, most] = SIZES[name]
  const made = { files: 0, bytes: sizeOf(path) }
  const kept: string[] = []
  const copy = (from: string, to: string): void => {
    if (least === 0) fs.mkdirSync(to)
    for (const entry of fs.readdirSync(from, { withFileTypes: true })) {
      if (made.bytes >= bytes) return
      const [source, target] = [join(from, entry.name), join(to, entry.name)]
      if (entry.isDirectory()) copy(source, target)
      else if (entry.isSymbolicLink() && least === 0) fs.symlinkSync(fs.readlinkSync(source), target)
      else if (entry.isFile()) {
        const { size } = fs.statSync(source)
        if (size < least || size > most || size > (bytes - made.bytes) * 1.05) continue
        fs.mkdirSync(to, { recursive: true })
        fs.copyFileSync(source, target)
        made.files++
        made.bytes += size
        kept.push(target.slice(path.length))
      }
    }
  }
  for (const [i, source] of SOURCES.entries()) {
    const start = source.startsWith('/') ? source : join(import.meta.dirname, source)
    if (fs.existsSync(start) && made.bytes < bytes) copy(start, join(path, String(i)))
  }
  return { path, ...made, oneFile: kept[kept.length >> 1] as string }
}

function sizeOf(path: string): number {
  return fs.readdirSync(path).reduce((sum, name) => sum + fs.statSync(join(path, name)).size, 0)
}

/** A plain dump of a database of some 400 MB: accounts of pgbench, and a table of text that compresses as text does. */
async function dumpDatabase(file: string): Promise<void> {
  const missing = postgresMissing()
  if (missing !== undefined) throw new Error(`Cannot make the large data set: ${missing}`)
  const dir = fs.mkdtempSync('/tmp/roleback-bench-pg-')
  fs.chmodSync(dir, 0o755)
  const server = await startPostgres({ dir: join(dir, 'server') })
  try {
    const { host, port, superuser, password, toolsDir } = server
    const options = { env: { ...process.env, PGPASSWORD: password }, stdio: 'ignore' } as const
    const place = ['-h', host, '-p', String(port), '-U', superuser]
    execFileSync(join(toolsDir, 'pgbench'), [...place, '-i', '-q', '-s', '20', 'postgres'], options)
    await server.sql(`CREATE TABLE notes AS SELECT i, md5(i::text) AS mark,
      (SELECT string_agg(md5((i * 7 + w % 5)::text) || ' and the order of ' || w, ' ') FROM generate_series(1, 8) w) AS body
      FROM generate_series(1, 400000) i`)
    execFileSync(join(toolsDir, 'pg_dump'), [...place, '-f', file, 'postgres'], options)
  } finally {
    await server.stop()
    fs.rmSync(dir, { recursive: true, force: true })
  }
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
