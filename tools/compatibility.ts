/**
 * Writes docs/compatibility.md: every operation of every model, built or not, and where behaviour differs from AWS's
 * (tools/compatibility.notes.md). An operation is built when it has a handler and one of test/wire/operations-* calls it through a real
 * client; one that has a handler but no such test ends this with 1. `--check` compares instead of writing.
 */
import { globSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { SERVICE_NAMES, modelOf } from '../src/aws/model.ts'
import type { ServiceName } from '../src/aws/model.ts'
import { backup } from '../src/backup/operations.ts'
import { iam } from '../src/iam/operations.ts'
import { iamToolbox } from '../src/iam/toolbox.ts'
import { roleback } from '../src/roleback/operations.ts'
import { sts } from '../src/sts/operations.ts'
import { tagging } from '../src/tagging/operations.ts'

const FILE = new URL('../docs/compatibility.md', import.meta.url)
const NOTES = new URL('compatibility.notes.md', import.meta.url)
const ROOT = new URL('..', import.meta.url).pathname

const TABLES: Readonly<Record<ServiceName, object>> = {
  backup,
  iam,
  'iam-toolbox': iamToolbox,
  sts,
  tagging,
  roleback,
}

const TITLES: Readonly<Record<ServiceName, string>> = {
  backup: 'AWS Backup',
  iam: 'IAM',
  'iam-toolbox': 'IAM Toolbox (preview)',
  sts: 'STS',
  tagging: 'Resource Groups Tagging API',
  roleback: 'Roleback’s own',
}

/** The package whose commands count for a service. */
const SDK_PACKAGES: Readonly<Record<string, ServiceName>> = {
  '@aws-sdk/client-backup': 'backup',
  '@aws-sdk/client-iam': 'iam',
  '@aws-sdk/client-sts': 'sts',
  '@aws-sdk/client-resource-groups-tagging-api': 'tagging',
}

/**
 * `SERVICE:OPERATION` of everything that a test of the whole server calls: SDK commands that it imports and makes, and our own
 * client's. Other tests of test/wire talk to a server without handlers, and do not count.
 */
async function calledByTests(): Promise<ReadonlySet<string>> {
  const called = new Set<string>()
  for (const file of globSync('test/wire/operations-*.test.ts', { cwd: ROOT })) {
    const source = await readFile(`${ROOT}${file}`, 'utf8')
    for (const [, names = '', from = ''] of source.matchAll(/import \{([^}]*)\} from '([^']*)'/g)) {
      const service = SDK_PACKAGES[from]
      if (service === undefined) continue
      for (const [, operation = ''] of names.matchAll(/\b(\w+)Command\b/g)) {
        if (source.includes(`new ${operation}Command(`)) called.add(`${service}:${operation}`)
      }
    }
    for (const [, operation = ''] of source.matchAll(/\bcall\('iam-toolbox', '(\w+)'/g)) {
      called.add(`iam-toolbox:${operation}`)
    }
    if (!/\/operations-roleback[\w-]*\.test\.ts$/.test(file)) continue
    for (const [, operation = ''] of source.matchAll(/\bcall\(\s*'(?:roleback',\s*')?(\w+)'/g))
      called.add(`roleback:${operation}`)
  }
  return called
}

interface ServiceOperations {
  readonly service: ServiceName
  readonly built: readonly string[]
  readonly notBuilt: readonly string[]
}

function operationsOf(service: ServiceName): ServiceOperations {
  const table = TABLES[service] as Readonly<Record<string, object>>
  const names = Object.keys(modelOf(service).operations).toSorted()
  const isBuilt = (name: string): boolean => 'handler' in (table[name] ?? {})
  return { service, built: names.filter(isBuilt), notBuilt: names.filter((name) => !isBuilt(name)) }
}

function section({ service, built, notBuilt }: ServiceOperations): string {
  const { metadata } = modelOf(service)
  const rows = [...built, ...notBuilt]
    .toSorted()
    .map((name) => `| ${name} | ${built.includes(name) ? 'yes' : 'no'} |`)
  return `### ${TITLES[service]}

${built.length} of ${built.length + notBuilt.length} operations. Signing name \`${metadata.signingName}\`, actions \`${metadata.iamPrefix}:…\`.

| operation | built |
|---|---|
${rows.join('\n')}
`
}

async function page(services: readonly ServiceOperations[]): Promise<string> {
  const summary = services.map(
    ({ service, built, notBuilt }) =>
      `| ${TITLES[service]} | ${built.length} | ${notBuilt.length} | ${modelOf(service).metadata.protocol} |`,
  )
  return `<!-- Made by tools/compatibility.ts from the operation tables and tools/compatibility.notes.md; do not edit. -->
# Compatibility with AWS

${await readFile(NOTES, 'utf8')}
## Operations

Every operation that AWS models is routed, authorised (but the few that are not signed) and parsed. One that is not built answers, after authorisation, a 400 that
no client repeats: \`InvalidRequestException\`, for IAM and STS \`InvalidAction\`. *Built* means that a test calls it through the AWS
SDK for JavaScript (our own, and the toolbox, which that SDK does not have, through the typed client; the toolbox through boto3 too) and reads back what it changed.

| service | built | not built | protocol |
|---|---|---|---|
${summary.join('\n')}

${services.map(section).join('\n')}`
}

const called = await calledByTests()
const services = SERVICE_NAMES.map(operationsOf)
const untested = services.flatMap(({ service, built }) =>
  built.map((name) => `${service}:${name}`).filter((id) => !called.has(id)),
)
if (untested.length > 0) {
  process.stderr.write(`Built, but called by no test in test/wire/operations-*: ${untested.join(', ')}\n`)
  process.exit(1)
}
const wanted = await page(services)
if (!process.argv.includes('--check')) {
  await writeFile(FILE, wanted)
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write(
    'docs/compatibility.md is stale; run `node tools/compatibility.ts` and commit what it writes\n',
  )
  process.exitCode = 1
}
