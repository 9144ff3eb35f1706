/**
 * Writes docs/condition-keys.md: which condition keys a policy meets in each decision. Nothing in it is copied by hand from the
 * code: each operation's and step's own functions are asked, over a store that holds one of everything, each with a tag `KEY`.
 * `--check` compares instead of writing.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { requestContext } from '../src/access/request-context.ts'
import type { Principal } from '../src/access/principal.ts'
import type { ServiceName } from '../src/aws/model.ts'
import { modelOf } from '../src/aws/model.ts'
import { backup } from '../src/backup/operations.ts'
import type { Context } from '../src/context.ts'
import { iam } from '../src/iam/operations.ts'
import { iamToolbox } from '../src/iam/toolbox.ts'
import type { Kind, Step, StepTarget } from '../src/kinds/kind.ts'
import { KINDS } from '../src/kinds/kinds.ts'
import { roleback } from '../src/roleback/operations.ts'
import { openStore } from '../src/store/store.ts'
import type { Store } from '../src/store/store.ts'
import { sts } from '../src/sts/operations.ts'
import { tagging } from '../src/tagging/operations.ts'
import { ACCOUNT, REGION, SAMPLES, fillStore } from './condition-keys.sample.ts'

const FILE = new URL('../docs/condition-keys.md', import.meta.url)
const NOTES = new URL('condition-keys.notes.md', import.meta.url)

type Keys = Readonly<Record<string, string | readonly string[]>>

interface Entry {
  readonly action?: string
  readonly decidedByHandler?: true
  readonly unsigned?: true
  readonly resource: (ctx: Context, input: object) => string | readonly string[] | Promise<string | string[]>
  readonly context?: (ctx: Context, input: object) => Keys | Promise<Keys>
  readonly handler?: unknown
}

const TABLES: readonly (readonly [ServiceName, string, object])[] = [
  ['backup', 'AWS Backup', backup],
  ['iam', 'IAM', iam],
  ['iam-toolbox', 'IAM Toolbox', iamToolbox],
  ['sts', 'STS', sts],
  ['tagging', 'Resource Groups Tagging API', tagging],
  ['roleback', 'Roleback’s own', roleback],
]

const code = (texts: readonly string[]): string =>
  texts.length === 0 ? '' : texts.map((text) => `\`${text}\``).join(', ')
const named = (arn: string): string =>
  arn
    .replaceAll(ACCOUNT, 'ACCOUNT')
    .replaceAll(REGION, 'REGION')
    .replaceAll(/AKIA\w+/g, 'KEY-ID')
const keysOf = (keys: Keys | undefined): string => code(Object.keys(keys ?? {}).toSorted())

function contextOver(store: Store): Context {
  const principal: Principal = {
    kind: 'root',
    accountId: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:root`,
    uniqueId: ACCOUNT,
    tags: {},
  }
  // What the tables' resource and context functions read; no handler runs.
  return { accountId: ACCOUNT, region: REGION, store, principal } as Context
}

async function operationRows(ctx: Context, service: ServiceName, table: object): Promise<string[]> {
  const model = modelOf(service)
  const rows: string[] = []
  for (const [name, entry] of Object.entries(table as Record<string, Entry>)) {
    if (entry.handler === undefined || entry.unsigned === true) continue
    const shape = model.shapes[model.operations[name]?.input?.shape ?? '']
    const members = Object.keys(shape?.members ?? {})
    const sample: Readonly<Record<string, unknown>> = SAMPLES[service]
    const input = Object.fromEntries(members.filter((key) => key in sample).map((key) => [key, sample[key]]))
    const arns = [await entry.resource(ctx, input)].flat().map(named)
    const action = entry.action ?? `${model.metadata.iamPrefix}:${name}`
    const keys = entry.decidedByHandler === true ? 'see above' : keysOf(await contextOf(ctx, entry, input))
    rows.push(`| \`${action}\` | ${code(arns)} | ${keys} |`)
  }
  return rows.toSorted()
}

/** What some resource type or other adds: connections have other members for each. */
async function contextOf(
  ctx: Context,
  entry: Entry,
  input: Readonly<Record<string, unknown>>,
): Promise<Keys> {
  const keys: Record<string, string | readonly string[]> = { ...(await entry.context?.(ctx, input)) }
  if (!('Connection' in input)) return keys
  for (const kind of KINDS) {
    const ResourceArn = kind.resourceArn({
      region: REGION,
      accountId: ACCOUNT,
      name: kind.type === 'EFS' ? 'fs-0sample' : 'sample',
    })
    Object.assign(keys, await entry.context?.(ctx, { ...input, ResourceType: kind.type, ResourceArn }))
  }
  return keys
}

/** Words in the place of ARNs, so that the table says which one is meant. */
const TARGET: StepTarget = {
  resourceArn: 'resource',
  resourceTags: { KEY: 'VALUE' },
  recoveryPointArn: 'recovery point',
  backupVaultArn: 'vault',
  targetArn: 'restored resource',
  targetTags: { KEY: 'VALUE' },
  objectArn: 'object',
  requestTags: { KEY: 'VALUE' },
}

function stepRows(kind: Kind): string {
  const rowOf = (phase: string, step: Step): string =>
    `| ${phase} | ${step.name}${step.optional === true ? ' (optional)' : ''} | \`${step.action}\` | ${step.arns(TARGET).join(', ')} | ${keysOf(step.context?.(TARGET))} |`
  return (['backup', 'restore', 'remove'] as const)
    .flatMap((phase) => Object.values(kind[phase]).map((step) => rowOf(phase, step)))
    .join('\n')
}

function kindSection(kind: Kind): string {
  const place = { region: 'REGION', accountId: 'ACCOUNT' }
  const resource = kind.resourceArn({ ...place, name: 'NAME' })
  return `### ${kind.type}

Resources are \`${resource}\`.

| phase | step | action | decided on | keys of the step |
|---|---|---|---|---|
${stepRows(kind)}
`
}

/** What each global key holds. A key that requestContext() fills in and this leaves out ends the tool. */
const GLOBAL: Readonly<Record<string, string>> = {
  'aws:CurrentTime': 'time of the decision, ISO 8601',
  'aws:EpochTime': 'the same in seconds',
  'aws:MultiFactorAuthAge': 'seconds since the second factor was given; users’ sessions that have one',
  'aws:MultiFactorAuthPresent':
    'sessions only: `true` or `false` (always `false` in a role’s own calls); absent for long-term keys',
  'aws:FederatedProvider': 'sessions made with a token: ARN of the identity provider',
  'aws:PrincipalAccount': 'account of the principal',
  'aws:PrincipalArn':
    'ARN of user, federated user or root; of a role’s session, the role’s ARN with the path',
  'aws:PrincipalIsAWSService': '`false`; `true` for a service itself',
  'aws:PrincipalTag/KEY': 'tags of user or role, and of the session over them',
  'aws:PrincipalType': '`Account` (root), `User`, `AssumedRole`, `FederatedUser` or `Service`',
  'aws:RequestedRegion': 'region of this server',
  'aws:ResourceAccount': 'account in the resource’s ARN, else the caller’s',
  'aws:SecureTransport': 'API calls only: whether they came by TLS',
  'aws:SourceIdentity': 'sessions that have one',
  'aws:SourceIp': 'API calls only: address of the client',
  'aws:TokenIssueTime': 'sessions only: when they were made',
  'aws:UserAgent': 'API calls only: what the client calls itself; it proves nothing',
  'aws:ViaAWSService': '`false`, but where an operation asks for a right on your behalf',
  'aws:userid':
    'account id of root, `AIDA…` of users, `AROA…:SESSION` of role sessions, `ACCOUNT:NAME` of federated users',
  'aws:username': 'users only',
  'roleback:FederatedBy': 'federated users only: `AIDA…` of the user behind them; absent where it is root',
}

function globalRows(): string {
  const principal: Principal = {
    kind: 'user',
    accountId: ACCOUNT,
    arn: `arn:aws:iam::${ACCOUNT}:user/USER`,
    uniqueId: 'AIDA',
    userName: 'USER',
    identityId: 'AIDA',
    userArn: `arn:aws:iam::${ACCOUNT}:user/USER`,
    tags: { KEY: 'VALUE' },
    session: {
      name: 'S',
      issuedAt: 0,
      expiresAt: 0,
      mfaAuthenticated: true,
      mfaAt: 0,
      sourceIdentity: 'ID',
      federated: { provider: 'ARN', keys: {} },
    },
  }
  const facts = { region: REGION, now: 0, resourceAccountId: ACCOUNT }
  const request = { ...facts, sourceIp: '127.0.0.1', isSecure: true, userAgent: 'A' }
  const found = Object.keys(requestContext(principal, request)).toSorted()
  const wrong = [
    ...found.filter((key) => !(key in GLOBAL)),
    ...Object.keys(GLOBAL).filter((key) => !found.includes(key)),
  ]
  if (wrong.length > 0) throw new Error(`GLOBAL in tools/condition-keys.ts does not fit: ${wrong.join(', ')}`)
  return found.map((key) => `| \`${key}\` | ${GLOBAL[key]} |`).join('\n')
}

async function page(ctx: Context): Promise<string> {
  const sections: string[] = []
  for (const [service, title, table] of TABLES) {
    const rows = await operationRows(ctx, service, table)
    sections.push(
      `### ${title}\n\n| action | decided on | keys beside the global ones |\n|---|---|---|\n${rows.join('\n')}\n`,
    )
  }
  return `<!-- Made by tools/condition-keys.ts from the operation tables, src/kinds and tools/condition-keys.notes.md; do not edit. -->
# Condition keys

A policy's \`Condition\` is compared with what is known of the request. This page lists what is known in each decision: of API
calls, of the calls that a job makes, and of the service when it takes on a role. A key that is not listed for a decision is
absent from it: an operator without \`IfExists\` does not match then, a negated one does.

\`KEY\` stands for a tag's key. Keys are compared without regard to case, tag keys in them too; values with it, unless the operator
says otherwise. So nothing gets two tags whose keys differ only in case, as AWS allows outside of IAM: a condition would see one of them.

## In every decision

| key | holds |
|---|---|
${globalRows()}

${await readFile(NOTES, 'utf8')}
## In API calls

What the gate decides before an operation runs. Operations that AWS models and this server does not have are decided on their
resource with the global keys. A row with two ARNs needs the action on both.

${sections.join('\n')}
## In the calls of a job

Each call of a driver is decided for the job's session before it happens. Beside its own keys a step has \`aws:ResourceTag/KEY\` of
what it is decided on (the recovery point has the resource's tags and \`aws:backup:source-resource\`), and, where it sets tags,
\`aws:RequestTag/KEY\` and \`aws:TagKeys\`. Without an optional step's right the job goes on and does without it, as
[compatibility.md](compatibility.md) says under restores. *Object* is the object's own ARN in the bucket.

${KINDS.map(kindSection).join('\n')}`
}

const store = await openStore({ kind: 'sqlite', file: ':memory:' })
await fillStore(store)
const wanted = await page(contextOver(store))
await store.close()
if (!process.argv.includes('--check')) {
  await writeFile(FILE, wanted)
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write(
    'docs/condition-keys.md is stale; run `node tools/condition-keys.ts` and commit what it writes\n',
  )
  process.exitCode = 1
}
