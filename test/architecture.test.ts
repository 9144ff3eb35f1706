import assert from 'node:assert/strict'
import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { test } from 'node:test'

/** The import law of docs/architecture.md. Change both together, with a page in docs/adr. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  aws: ['lib'],
  policy: ['lib'],
  kinds: ['lib'],
  keyring: ['lib'],
  plans: ['lib'],
  store: ['lib'],
  egress: ['lib'],
  oidc: ['egress', 'lib'],
  events: ['egress', 'keyring', 'store', 'lib'],
  access: ['policy', 'kinds', 'store', 'keyring', 'lib'],
  compliance: ['policy', 'plans', 'store', 'lib'],
  blobs: ['lib'],
  vault: ['blobs', 'lib'],
  restic: ['blobs', 'lib'],
  drivers: ['egress', 'kinds', 'lib'],
  jobs: [
    'drivers',
    'vault',
    'restic',
    'blobs',
    'access',
    'compliance',
    'policy',
    'kinds',
    'plans',
    'keyring',
    'store',
    'lib',
  ],
  monitor: ['jobs', 'keyring', 'plans', 'store', 'lib'],
  'context.ts': ['access', 'store', 'keyring', 'policy', 'egress', 'oidc', 'lib'],
  backup: [
    'context.ts',
    'aws',
    'access',
    'compliance',
    'kinds',
    'plans',
    'keyring',
    'policy',
    'store',
    'lib',
  ],
  iam: ['context.ts', 'aws', 'access', 'egress', 'oidc', 'kinds', 'keyring', 'policy', 'store', 'lib'],
  sts: ['context.ts', 'aws', 'access', 'egress', 'oidc', 'kinds', 'keyring', 'policy', 'store', 'lib'],
  tagging: ['context.ts', 'aws', 'access', 'kinds', 'keyring', 'policy', 'store', 'lib'],
  roleback: [
    'context.ts',
    'aws',
    'access',
    'compliance',
    'egress',
    'events',
    'oidc',
    'kinds',
    'plans',
    'keyring',
    'policy',
    'store',
    'lib',
  ],
  http: [
    'context.ts',
    'events',
    'backup',
    'iam',
    'sts',
    'tagging',
    'roleback',
    'aws',
    'access',
    'oidc',
    'policy',
    'keyring',
    'store',
    'lib',
  ],
}
/** Wiring: may import everything, and nobody but themselves may import them. */
const WIRING = ['main.ts', 'cli', 'app.ts', 'config.ts']
/** Packages each folder may use. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  store: ['kysely', 'pg'],
  plans: ['croner'],
  access: ['kysely'],
  jobs: ['kysely'],
  oidc: ['jose'],
  egress: ['nodemailer'],
  drivers: ['pg', '@aws-sdk/client-s3'],
  blobs: ['@aws-sdk/client-s3'],
  cli: ['commander', 'yaml'],
  iam: ['qr'],
  'main.ts': ['commander'],
}

const root = join(import.meta.dirname, '..', 'src')

function sources(): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
}

const roomOf = (file: string): string => file.split('/')[0] as string

function* importsOf(file: string): Generator<string> {
  const text = readFileSync(join(root, file), 'utf8')
  for (const match of text.matchAll(
    /^(?:import|export)\s[^'"`]*?from\s+['"]([^'"]+)['"]|import\(\s*['"]([^'"]+)['"]\s*\)|^import\s+['"]([^'"]+)['"]/gm,
  )) {
    yield (match[1] ?? match[2] ?? match[3]) as string
  }
}

function breaches(file: string, spec: string): string | undefined {
  const from = roomOf(file)
  if (spec.startsWith('node:')) return undefined
  if (!spec.startsWith('.')) {
    const isTest = /\.(test|contract)\.ts$/.test(file)
    return isTest || (PACKAGES[from] ?? []).includes(spec) ? undefined : `${file} imports the package ${spec}`
  }
  const target = relative(root, join(root, dirname(file), spec))
  if (target.startsWith('..')) {
    return /\.(test|contract)\.ts$/.test(file) || target.endsWith('.json') || target === '../package.json'
      ? undefined
      : `${file} imports ${target} from outside src`
  }
  const to = roomOf(target)
  if (to === from || WIRING.includes(from)) return undefined
  if (WIRING.includes(to)) return `${file} imports ${target}: nobody imports the wiring`
  if (MAY_IMPORT[from] === undefined) return `${file} lies in no known folder`
  return MAY_IMPORT[from].includes(to) ? undefined : `${file} imports ${target}: ${from} may not import ${to}`
}

test('every import in src keeps to the import table', () => {
  const found = sources().flatMap((file) =>
    [...importsOf(file)].map((spec) => breaches(file, spec)).filter((b) => b !== undefined),
  )
  assert.deepEqual(found, [])
})

test('the law finds a planted breach', () => {
  assert.match(breaches('lib/arn.ts', '../store/store.ts') ?? '', /lib may not import store/)
  assert.match(breaches('vault/write/writer.ts', 'kysely') ?? '', /imports the package kysely/)
  assert.match(breaches('jobs/worker.ts', '../app.ts') ?? '', /nobody imports the wiring/)
})

test('there are no folders or files that hide their purpose', () => {
  const bad = sources().filter((file) =>
    /(^|\/)(utils?|helpers?|common|services?|managers?|index)(\/|\.ts$)/.test(file),
  )
  assert.deepEqual(bad, [])
})

test('no source file is longer than 450 lines', () => {
  const long = sources()
    .filter(
      (file) => !file.includes('generated/') && !file.endsWith('.test.ts') && !file.endsWith('-wasm.ts'),
    )
    .map((file) => [file, readFileSync(join(root, file), 'utf8').split('\n').length] as const)
    .filter(([, lines]) => lines > 450)
  assert.deepEqual(long, [])
})
