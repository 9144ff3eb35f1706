import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, constants, gzipSync } from 'node:zlib'
import { defineConfig } from 'vite'
import type { Plugin } from 'vite'

/** Files that are smaller are sent as they are. */
const COMPRESSED_FROM_BYTES = 1024

/** The server sends what lies there: compressing once here costs it nothing. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    enforce: 'post',
    writeBundle({ dir }) {
      const folder = dir ?? join(import.meta.dirname, 'dist')
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile() || !/\.(?:js|css|svg|html)$/.test(entry.name)) continue
        const file = join(entry.parentPath, entry.name)
        const content = readFileSync(file)
        if (content.length < COMPRESSED_FROM_BYTES) continue
        writeFileSync(`${file}.gz`, gzipSync(content, { level: 9 }))
        const params = { [constants.BROTLI_PARAM_QUALITY]: 9 }
        writeFileSync(`${file}.br`, brotliCompressSync(content, { params }))
      }
    },
  }
}

/** The services whose actions policies name here. Roleback's own are in its model. */
const SERVICES = [
  'backup',
  'backup-storage',
  'elasticfilesystem',
  'iam',
  'rds',
  'rds-db',
  's3',
  'sts',
  'tag',
] as const

interface Listed {
  readonly actions: Readonly<Record<string, string>>
}

/** `virtual:action-names`: what the policy editor completes, from what the server's linter knows. */
function actionNames(): Plugin {
  const name = 'virtual:action-names'
  const json = <T>(path: string): T =>
    JSON.parse(readFileSync(join(import.meta.dirname, '..', path), 'utf8')) as T
  return {
    name: 'action-names',
    resolveId: (id) => (id === name ? `\0${name}` : undefined),
    load(id) {
      if (id !== `\0${name}`) return undefined
      const listed = json<Readonly<Record<string, Listed>>>('src/access/service-reference.json')
      const own = json<{ readonly operations: object }>('models/roleback.json').operations
      const names = [
        ...SERVICES.flatMap((service) =>
          Object.values(listed[service]?.actions ?? {}).flatMap((some) =>
            some.split(' ').map((action) => `${service}:${action}`),
          ),
        ),
        ...Object.keys(own).map((action) => `roleback:${action}`),
      ]
      return `export const ACTION_NAMES = ${JSON.stringify([...new Set(names)].toSorted())}`
    },
  }
}

export default defineConfig({
  base: '/console/',
  plugins: [compressed(), actionNames()],
  // Nothing inline: the pages' policy allows scripts, styles and fonts from their own origin alone.
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    manifest: true,
  },
  worker: { format: 'es' },
})
