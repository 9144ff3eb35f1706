import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** What the browser loads of JavaScript until the overview stands, from what Vite wrote of its own build. */

const dist = join(import.meta.dirname, '..', 'dist')

interface Chunk {
  readonly file: string
  readonly imports?: readonly string[]
}

/** The page itself, then what it asks for in turn: the way in, the frame, the first screen. */
const FIRST = [
  'index.html',
  'src/shell/sign-in.tsx',
  'src/shell/shell.tsx',
  'src/screens/overview.tsx',
] as const

/** Files and their sizes in bytes, compressed as the server sends them to whoever knows only gzip. */
export function firstLoad(): ReadonlyMap<string, number> {
  const manifest = JSON.parse(readFileSync(join(dist, '.vite', 'manifest.json'), 'utf8')) as Record<
    string,
    Chunk
  >
  const chunks = new Set<string>()
  const walk = (name: string): void => {
    const chunk = manifest[name]
    if (chunk === undefined) throw new Error(`The build has no ${name}`)
    if (chunks.has(chunk.file)) return
    chunks.add(chunk.file)
    for (const one of chunk.imports ?? []) walk(one)
  }
  for (const name of FIRST) walk(name)
  const worker = readdirSync(join(dist, 'assets')).find((file) => /^worker-[^.]*\.js$/.test(file))
  if (worker === undefined) throw new Error('The build has no worker')
  return new Map(
    [...chunks, `assets/${worker}`].map((file) => [
      file,
      gzipSync(readFileSync(join(dist, file)), { level: 9 }).length,
    ]),
  )
}
