import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { callerOf, callService } from '../src/aws/client.ts'
import type { Call } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { shapeOf } from '../src/aws/model.ts'
import type { OperationModel, ServiceModel } from '../src/aws/model.ts'
import { fillWithCanaries } from './fixtures/canaries.ts'
import { EXPLAINED } from './fixtures/denials.ts'
import { makeTenant } from './fixtures/tenant.ts'
import type { Tenant } from './fixtures/tenant.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  until,
} from './fixtures/world.ts'
import { exampleInput } from './wire/example-input.ts'
import { EVERY, nameOf } from './wire/rights-matrix.ts'

/**
 * Accounts of one server: what is in the first stays closed to the second, whoever asks there and for whatever. Both are real; the
 * first has one of everything.
 */

const world = await openWorld({ isGuarded: true, allowedFolder: 'tenants' })
after(() => world[Symbol.asyncDispose]())
const FIRST = world.accountId

/** Members of inputs that name something, by service where that differs: of the first account's things. */
let named: Readonly<Record<string, unknown>>
/** What the answers to the second account must not hold. */
let secrets: readonly string[]
let tenant: Tenant

before(async () => {
  tenant = await makeTenant(world, 'second')
  ;({ named, secrets } = await fillWithCanaries(world, tenant.accountId))
})

/** An input of the least that is required, or with everything that can name a thing of the first account. */
function inputOf(model: ServiceModel, operation: OperationModel, isFull: boolean): Record<string, unknown> {
  if (operation.input === undefined) return {}
  const { members = {}, required = [] } = shapeOf(model, operation.input)
  const input = exampleInput(model, operation.input) as Record<string, unknown>
  const service = model.metadata.name
  for (const member of Object.keys(members)) {
    const keys = [`${service}.${operation.name}.${member}`, `${service}.${member}`, member]
    const key = keys.find((one) => one in named)
    const isWanted = isFull || required.includes(member) || members[member]?.location === 'uri'
    if (key !== undefined && isWanted && fits(model, members[member]!, named[key])) input[member] = named[key]
  }
  return input
}

/** Whether the member is a text or a list of texts as what names a thing is: some have structures under these names. */
function fits(model: ServiceModel, ref: { readonly shape: string }, value: unknown): boolean {
  const { type } = shapeOf(model, ref)
  return Array.isArray(value) ? type === 'list' : type === 'string'
}

/** What an answer says beside what the request said itself. */
function told(answer: unknown, input: Record<string, unknown>): string {
  let text = JSON.stringify(answer)
  for (const value of Object.values(input).flat()) {
    if (typeof value === 'string' && value.length > 3)
      text = text.replaceAll(JSON.stringify(value).slice(1, -1), '')
  }
  return text
}

async function attempt(call: (name: string) => Promise<unknown>, name: string): Promise<unknown> {
  try {
    return await call(name)
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    assert.ok(error.status < 500, `${name}: ${error.message}`)
    return { code: error.code, message: error.message, data: error.data }
  }
}

const isRefusal = (answer: unknown): answer is { readonly code: string; readonly message: string } =>
  typeof answer === 'object' && answer !== null && 'code' in answer && 'message' in answer

/** Everything that is kept of the first account, and what belongs to no account by itself; not what records decisions. */
function kept(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>()
  const tables = world.rows<{ name: string }>(
    `select name from sqlite_master where type = 'table' and name not like 'sqlite_%'`,
  )
  for (const { name } of tables) {
    // Events go once they are in the audit trail, changes of identities once they are exported, which counts the export on.
    if (/^(?:audit|denial|back_off|event$|identity_change$|identity_export$)/.test(name)) continue
    const columns = world.rows<{ name: string }>(`select name from pragma_table_info('${name}')`)
    const hasAccount = columns.some((column) => column.name === 'account_id')
    const rows = world.rows<object>(
      `select * from ${name}${hasAccount ? ` where account_id = '${FIRST}'` : ''}`,
    )
    found.set(name, rows.map((row) => JSON.stringify(row)).toSorted())
  }
  return found
}

test('every operation of the second account’s administrator shows and changes nothing of the first', async () => {
  await until('the first account’s own jobs to end', () =>
    world.rows(
      `select job_id from job where completed_at is null and (state not in ('CREATED', 'PENDING') or run_at <= ${Date.now()})`,
    ).length === 0
      ? true
      : undefined,
  )
  const earlier = kept()
  const leaks: string[] = []
  const answered = new Set<string>()
  for (const [model, operation] of EVERY) {
    for (const isFull of [false, true]) {
      const name = nameOf(model, operation)
      const input = inputOf(model, operation, isFull)
      const { name: service } = model.metadata
      const answer = await attempt(
        async () =>
          await callService(
            world.url,
            tenant.admin.key,
            world.region,
            service,
            operation.name as never,
            input as never,
          ),
        name,
      )
      if (!isRefusal(answer)) answered.add(name)
      // AWS tells anybody whose a key is, by its id.
      if (name === 'sts:GetAccessKeyInfo') continue
      // An account's own records name what it asked for itself; operations-roleback-audit.test.ts looks whose they are.
      if (name === 'roleback:LookupAuditEvents') continue
      const text = told(answer, input)
      const found = secrets.filter((secret) => text.includes(secret))
      if (found.length > 0)
        leaks.push(`${name} ${JSON.stringify(input)}: ${found.join()} in ${text.slice(0, 500)}`)
    }
  }
  assert.deepEqual(leaks, [])
  // What is asked for must get as far as the account's own things, or nothing was tried.
  assert.ok(answered.size > 60, `${answered.size} operations were answered`)
  const later = kept()
  for (const [table, rows] of earlier) {
    const now = new Set(later.get(table))
    assert.deepEqual(
      rows.filter((row) => !now.has(row)),
      [],
      `rows of ${table} are gone or changed`,
    )
  }
})

/** A name of the same form that nothing has: what is there is told like what is not. */
const ABSENT: readonly (readonly [RegExp, string])[] = [
  [/^arn:aws:backup:[^:]*:\d+:backup-vault:.*$/, 'arn:aws:backup:us-east-1:123456789012:backup-vault:absent'],
  [
    /^arn:aws:backup:[^:]*:\d+:recovery-point:.*$/,
    'arn:aws:backup:us-east-1:123456789012:recovery-point:absent',
  ],
  [
    /^arn:aws:elasticfilesystem:.*$/,
    'arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-00000000000000000',
  ],
  [/^arn:aws:iam::\d+:(user|role|policy)\/.*$/, 'arn:aws:iam::123456789012:$1/absent'],
  [/^arn:aws:iam::\d+:oidc-provider\/.*$/, 'arn:aws:iam::123456789012:oidc-provider/absent.example.com'],
  [/^arn:aws:iam::\d+:mfa\/.*$/, 'arn:aws:iam::123456789012:mfa/absent'],
  [/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, '00000000-0000-4000-8000-000000000000'],
  [/^[0-9a-f]{20}$/, '00000000000000000000'],
]

function absent(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(absent)
  const form = typeof value === 'string' ? ABSENT.find(([form]) => form.test(value)) : undefined
  return form === undefined ? value : (value as string).replace(...form)
}

/** A refusal without what the request said, and what is different in each. */
function generic(
  answer: { readonly code: string; readonly message: string },
  input: Record<string, unknown>,
): string {
  let text = `${answer.code} ${answer.message}`
  for (const value of Object.values(input).flat()) {
    if (typeof value === 'string' && value.length > 3) text = text.replaceAll(value, '…')
    const name = typeof value === 'string' ? value.slice(value.lastIndexOf('/') + 1) : ''
    if (name.length > 3) text = text.replaceAll(name, '…')
  }
  return text.replaceAll(/Authorization id: \w+ \(roleback explain \w+\)/g, '')
}

test('what the first account has is refused to the second like what nobody has', async () => {
  const differences: string[] = []
  let compared = 0
  for (const [model, operation] of EVERY) {
    const input = inputOf(model, operation, true)
    const other = Object.fromEntries(Object.entries(input).map(([key, value]) => [key, absent(value)]))
    if (JSON.stringify(other) === JSON.stringify(input) || operation.name === 'GetAccessKeyInfo') continue
    const name = nameOf(model, operation)
    const call = async (given: Record<string, unknown>): Promise<unknown> =>
      await attempt(
        async () =>
          await callService(
            world.url,
            tenant.admin.key,
            world.region,
            model.metadata.name,
            operation.name as never,
            given as never,
          ),
        name,
      )
    const [there, nowhere] = [await call(input), await call(other)]
    if (!isRefusal(there) && !isRefusal(nowhere)) continue
    compared++
    const texts = [[there, input] as const, [nowhere, other] as const].map(([answer, given]) =>
      isRefusal(answer) ? generic(answer, given) : 'answered',
    )
    if (texts[0] !== texts[1]) differences.push(`${name}: ${texts.join(' | ')}`)
  }
  assert.deepEqual(differences, [])
  assert.ok(compared > 60, `${compared} compared`)
})

test('an account’s role is assumed from another account where both allow it, and not otherwise', async () => {
  const { call } = world
  const trust = (...names: readonly string[]): string =>
    policy({ Effect: 'Allow', Principal: { AWS: names }, Action: 'sts:AssumeRole' })
  const made = async (RoleName: string, AssumeRolePolicyDocument: string): Promise<string> => {
    const { Role } = await call('iam', 'CreateRole', { RoleName, AssumeRolePolicyDocument })
    await call('iam', 'PutRolePolicy', {
      RoleName,
      PolicyName: 'own',
      PolicyDocument: policy(allow('backup:ListBackupVaults')),
    })
    return Role.Arn
  }
  const open = await made('open-to-second', trust(tenant.accountId))
  const closed = await made('closed-to-second', trust(FIRST))
  const helpless = await makeUser(tenant.world, 'helpless', [allow('backup:*')])
  const assume = async (by: Call, RoleArn: string): Promise<string> => {
    const { Credentials: got } = await by('sts', 'AssumeRole', { RoleArn, RoleSessionName: 's1' })
    const key = { accessKeyId: got?.AccessKeyId ?? '', secretAccessKey: got?.SecretAccessKey ?? '' }
    const session = callerOf(world.url, { ...key, sessionToken: got?.SessionToken }, world.region)
    const { BackupVaultList } = await session('backup', 'ListBackupVaults', {})
    return BackupVaultList?.map(({ BackupVaultName }) => BackupVaultName).join() ?? ''
  }
  assert.equal(await assume(tenant.admin.call, open), 'canary-vault')
  const refused = (error: unknown): boolean =>
    error instanceof AwsError && error.status === 403 && error.message.includes('sts:AssumeRole')
  await assert.rejects(assume(tenant.admin.call, closed), refused)
  await assert.rejects(assume(helpless.call, open), refused)
  await assert.rejects(assume(tenant.call, open), AwsError, 'root assumes no role')
})

test('R26 tenant roots cannot create accounts, set storage, register host paths, or read others’ records and the server’s facts', async () => {
  const { call } = tenant
  const own = join(world.scratch, 'of-the-tenant')
  mkdirSync(own)
  const refusals: readonly (readonly [string, () => Promise<unknown>, number, RegExp])[] = [
    [
      'CreateAccount',
      () => call('roleback', 'CreateAccount', { Name: 'mine' }),
      403,
      /management account of the server alone/,
    ],
    [
      'ListAccounts',
      () => call('roleback', 'ListAccounts', {}),
      403,
      /management account of the server alone/,
    ],
    [
      'PutStorage',
      () =>
        call('roleback', 'PutStorage', {
          Name: 'mine',
          Location: 's3://mine',
          Endpoint: 'http://127.0.0.1:1',
          AccessKeyId: 'AKIA',
          Secret: 'secret',
          NewVaults: {},
        }),
      403,
      /management account of the server alone/,
    ],
    [
      'ListStorages',
      () => call('roleback', 'ListStorages', {}),
      403,
      /management account of the server alone/,
    ],
    [
      'DeleteStorage',
      () => call('roleback', 'DeleteStorage', { Name: 'mine' }),
      403,
      /management account of the server alone/,
    ],
    [
      'RegisterResource of a path',
      () =>
        call('roleback', 'RegisterResource', {
          ResourceType: 'EFS',
          Name: 'x',
          Connection: { Path: own, RestoreRoot: own },
        }),
      400,
      /allow-root/,
    ],
    [
      'RegisterResource of a database',
      () =>
        call('roleback', 'RegisterResource', {
          ResourceType: 'RDS',
          Name: 'x',
          Connection: { Host: '127.0.0.1', Port: 5432, User: 'u' },
          Secret: 's',
        }),
      400,
      /Connection|allow-endpoint/,
    ],
    [
      'RegisterResource of a bucket',
      () =>
        call('roleback', 'RegisterResource', {
          ResourceType: 'S3',
          Name: 'bucket',
          Connection: { Endpoint: 'https://127.0.0.1:9', AccessKeyId: 'AKIA' },
          Secret: 's',
        }),
      400,
      /allow-endpoint|127\.0\.0\.1/,
    ],
    [
      'CreateOpenIDConnectProvider',
      () =>
        call('iam', 'CreateOpenIDConnectProvider', {
          Url: 'https://issuer.example.com',
          ThumbprintList: ['a'.repeat(40)],
        }),
      400,
      /allow-endpoint/,
    ],
    [
      'GetAuthorizationDetails',
      () =>
        call('roleback', 'GetAuthorizationDetails', { AuthorizationId: String(named['AuthorizationId']) }),
      400,
      /Cannot find the authorization/,
    ],
    [
      'ListJobDecisions',
      () => call('roleback', 'ListJobDecisions', { JobId: String(named['roleback.JobId']) }),
      400,
      /Cannot find|does not exist|no job/i,
    ],
  ]
  for (const [what, work, status, message] of refusals) {
    await assert.rejects(
      work(),
      (error: unknown) => {
        assert.ok(error instanceof AwsError, String(error))
        assert.deepEqual(
          [error.status, message.test(error.message)],
          [status, true],
          `${what}: ${error.message}`,
        )
        if (status === 403) assert.match(error.message, EXPLAINED)
        return true
      },
      what,
    )
  }
  const role = await makeRole(tenant.world, 'exporter', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
  await makeVault(tenant.world, 'of-the-tenant')
  const [Path, RestoreRoot] = ['tree', 'restored'].map((name) => join(world.scratch, 'tenants', name))
  for (const folder of [Path, RestoreRoot]) mkdirSync(folder ?? '', { recursive: true })
  writeFileSync(`${Path}/file`, 'y')
  const { ResourceArn: arn } = await call('roleback', 'RegisterResource', {
    ResourceType: 'EFS',
    Name: 'allowed',
    Connection: { Path, RestoreRoot },
  })
  await backUpWell(tenant.world, { BackupVaultName: 'of-the-tenant', ResourceArn: arn, IamRoleArn: role })
  await assert.rejects(
    call('roleback', 'StartExportJob', {
      BackupVaultName: 'of-the-tenant',
      Format: 'restic',
      TargetPath: own,
      IamRoleArn: role,
      Password: 'export-password-1',
    }),
    (error: unknown) => error instanceof AwsError && error.status === 400 && /allow-root/.test(error.message),
  )
  const facts = await call('roleback', 'DescribeServer', {})
  assert.deepEqual([facts.ManagementAccountId, facts.RecoveryKitPath], [undefined, undefined])
  assert.equal((await world.call('roleback', 'DescribeServer', {})).ManagementAccountId, FIRST)
})
