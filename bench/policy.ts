import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { contextOf, evaluate } from '../src/policy/evaluate.ts'
import type { AuthorizationRequest, PolicyLayers } from '../src/policy/evaluate.ts'
import { calibration } from './calibration.ts'
import { compile, policySet } from './policy-set.ts'

/**
 * Decisions a second against a role with two policies of the size AWS Backup's service role has (59 and 47
 * statements), the deciding statements included. A row of the workload is: Sid, actions by service, resources without
 * `arn:aws:`, conditions.
 */
type Row = readonly [sid: string, actions: string, resources: string, conditions: string]
type Workload = { readonly backup: readonly Row[]; readonly restores: readonly Row[] }

const ACCOUNT = '123456789012'
const REGIONAL = `us-east-1:${ACCOUNT}`
const REQUESTS: readonly (readonly [
  action: string,
  resource: string,
  context?: Record<string, string | string[]>,
])[] = [
  ['rds:CreateDBSnapshot', `rds:${REGIONAL}:db:orders`],
  ['rds:DeleteDBSnapshot', `rds:${REGIONAL}:snapshot:awsbackup:job-1`],
  ['rds:DeleteDBSnapshot', `rds:${REGIONAL}:snapshot:manual-1`],
  ['dynamodb:CreateBackup', `dynamodb:${REGIONAL}:table/orders`],
  ['backup:CopyIntoBackupVault', `backup:${REGIONAL}:backup-vault:prod`],
  ['backup:DeleteBackupVault', `backup:${REGIONAL}:backup-vault:prod`],
  ['s3:DeleteBucket', 's3:::prod-data'],
  [
    'ec2:ModifySnapshotAttribute',
    'ec2:us-east-1::snapshot/s',
    { 'aws:ResourceTag/aws:backup:source-resource': 'v' },
  ],
  ['ec2:ModifySnapshotAttribute', 'ec2:us-east-1::snapshot/s'],
  [
    'backup:TagResource',
    `backup:${REGIONAL}:recovery-point:r`,
    { 'aws:PrincipalAccount': ACCOUNT, 'aws:ResourceAccount': ACCOUNT },
  ],
  [
    'backup:TagResource',
    `backup:${REGIONAL}:recovery-point:r`,
    { 'aws:PrincipalAccount': ACCOUNT, 'aws:ResourceAccount': '9' },
  ],
  ['iam:PassRole', `iam::${ACCOUNT}:role/app`, { 'iam:PassedToService': 'ec2.amazonaws.com' }],
  ['iam:PassRole', `iam::${ACCOUNT}:role/app`, { 'iam:PassedToService': 'lambda.amazonaws.com' }],
  ['ec2:CreateTags', `ec2:${REGIONAL}:instance/i-1`, { 'aws:TagKeys': ['aws:backup:source-resource'] }],
  [
    'ec2:CreateTags',
    `ec2:${REGIONAL}:instance/i-1`,
    { 'aws:TagKeys': ['aws:backup:source-resource', 'Name'] },
  ],
  ['rds:RestoreDBInstanceFromDBSnapshot', `rds:${REGIONAL}:db:orders-restored`],
]
const ROUND_MS = 600
const ROUNDS = 5

/** Prints decisions a second with and without boundary and session policy, and what a compiled policy weighs. */
export async function run(): Promise<void> {
  const workload = JSON.parse(
    readFileSync(new URL('policy-workload.json', import.meta.url), 'utf8'),
  ) as Workload
  const texts = [documentOf(workload.backup), documentOf(workload.restores)]
  const identity = texts.map((text, i) => compile(text, `policy-${i}`))
  const all = (Action: string): string =>
    JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource: '*' }] })
  const limited: PolicyLayers = { identity, boundary: [compile(all('*'), 'boundary')], session: identity }
  print(calibration())
  print(`without layers: ${await measure({ identity })} (target at least 1,000,000)`)
  print(`with boundary and session: ${await measure(limited)} (target at least 500,000)`)
  const { big, mean } = weigh(texts)
  print(
    `a compiled policy: ${big.toFixed(0)} KiB for the big two, ${mean.toFixed(1)} KiB of 1,500 (target at most 200)`,
  )
  print(`1,500 policies compiled: ${compileAll().toFixed(2)} s (target at most 3)`)
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}

function documentOf(rows: readonly Row[]): string {
  const statements = rows.map(([Sid, actions, resources, conditions]) => ({
    Sid,
    Effect: 'Allow',
    Action: actions.split('; ').flatMap((group) => {
      const [service, names] = group.split(': ')
      return names!.split(' ').map((name) => `${service}:${name}`)
    }),
    Resource: resources.split(' ').map((name) => (name === '*' ? name : `arn:aws:${name}`)),
    ...(conditions === '' ? {} : { Condition: conditionsOf(conditions) }),
  }))
  return JSON.stringify({ Version: '2012-10-17', Statement: statements })
}

/** `Operator key=value/value; Operator key=value`; a value that is an ARN holds slashes of its own. */
function conditionsOf(written: string): Record<string, Record<string, string[]>> {
  const conditions: Record<string, Record<string, string[]>> = {}
  for (const part of written.split('; ')) {
    const [operator, rest] = part.split(' ') as [string, string]
    const equals = rest.lastIndexOf('=')
    const value = rest.slice(equals + 1)
    conditions[operator] ??= {}
    conditions[operator][rest.slice(0, equals)] = value.startsWith('arn:') ? [value] : value.split('/')
  }
  return conditions
}

async function measure(layers: PolicyLayers): Promise<string> {
  const principal = {
    kind: 'assumed-role',
    arn: `arn:aws:sts::${ACCOUNT}:assumed-role/Backup/job`,
    accountId: ACCOUNT,
    uniqueId: 'AROAEXAMPLEEXAMPLE01:job',
  } as const
  const requests = REQUESTS.map(([action, resource, context]): AuthorizationRequest => ({
    principal,
    action,
    resource: `arn:aws:${resource}`,
    context: contextOf(context ?? {}),
  }))
  const allowed = requests.filter((request) => evaluate(request, layers).allowed).length
  const rates: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    let decided = 0
    let statements = 0
    const started = performance.now()
    while (performance.now() - started < ROUND_MS) {
      for (let i = 0; i < 100; i++)
        for (const request of requests) statements += evaluate(request, layers).statements.length
      decided += 100 * requests.length
    }
    if (statements === 0) throw new Error('no statement decided anything: the workload is broken')
    rates.push(decided / ((performance.now() - started) / 1000))
    await new Promise(setImmediate)
  }
  const [best, median] = [Math.max(...rates), rates.toSorted((a, b) => a - b)[ROUNDS >> 1]!]
  return `${Math.round(median).toLocaleString('en')} decisions/s median, ${Math.round(best).toLocaleString('en')} best (${allowed} of ${requests.length} allowed)`
}

/** Seconds for the whole set, from text. */
function compileAll(): number {
  const set = policySet()
  const started = performance.now()
  for (const [i, text] of set.entries()) compile(text, `policy-${i}`)
  return (performance.now() - started) / 1000
}

/** Heap of a compiled policy in KiB, measured in a process that can collect its garbage when told. */
function weigh(texts: readonly string[]): { readonly big: number; readonly mean: number } {
  const script = join(import.meta.dirname, 'policy-memory.ts')
  const said = execFileSync(process.execPath, ['--expose-gc', script], { input: JSON.stringify(texts) })
  return JSON.parse(said.toString()) as { big: number; mean: number }
}
