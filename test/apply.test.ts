import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { IDENTITY_TABLES } from '../src/store/identity/identity-rows.ts'
import { roleback } from './fixtures/command-line.ts'
import type { Ended } from './fixtures/command-line.ts'
import { startOrders } from './fixtures/orders.ts'
import { allow, makeUser, openWorld, until } from './fixtures/world.ts'
import { postgresMissing } from './servers/postgres.ts'

/** `roleback apply`, as somebody runs it who keeps his backups in a file: the example of the documentation, and what may be wrong. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const EXAMPLE = join(import.meta.dirname, '..', 'docs', 'examples', 'apply.yaml')
const place = join(world.scratch, 'srv')
for (const name of ['documents', 'restored', 'tenants', 'tenants/acme', 'tenants/gone.old'])
  mkdirSync(join(place, name), { recursive: true })
const example = readFileSync(EXAMPLE, 'utf8').replaceAll('/srv/', `${place}/`)

const file = join(world.scratch, 'apply.yaml')

async function apply(
  text: string,
  args: readonly string[] = [],
  more: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  writeFileSync(file, text)
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    AWS_REGION: world.region,
    ...more,
  }
  return await roleback(['apply', '-f', file, ...args], { env })
}

/** The rule that was declared has had its round, which registers what it finds. */
async function settled(): Promise<void> {
  await until('the round of the declared rule', async () => {
    const { DiscoveryRules } = await world.call('roleback', 'ListDiscoveryRules', {})
    return DiscoveryRules.every(({ NextRunAt }) => (NextRunAt?.getTime() ?? 0) > Date.now())
      ? true
      : undefined
  })
}

/** Every declared row of the server, as the identity export has it; when something was used last is no declaration. */
function state(): unknown {
  const used = /^(?:last_used_|password_last_used_at$|root_last_used_at$)/
  return IDENTITY_TABLES.map(({ name }) =>
    world
      .rows<Record<string, unknown>>(`select * from ${name} order by rowid`)
      .map((row) => Object.fromEntries(Object.entries(row).filter(([column]) => !used.test(column)))),
  )
}

test('a dry run says what would be made and makes nothing; applied it is there; applied again nothing changes', async () => {
  const before = state()
  const dry = await apply(example, ['--dry-run'])
  assert.equal(dry.code, 0, dry.stderr)
  assert.match(dry.stdout, /^\+ role company-backup: create$/m)
  assert.match(
    dry.stdout,
    /^9 to create, 0 to update, 0 unchanged\. Nothing was changed: this was a dry run$/m,
  )
  assert.deepEqual(state(), before)

  const first = await apply(example)
  assert.equal(first.code, 0, first.stderr)
  assert.match(first.stdout, /^created plan daily$/m)
  const { BackupPlansList } = await world.call('backup', 'ListBackupPlans', {})
  const BackupPlanId = BackupPlansList?.[0]?.BackupPlanId ?? ''
  const { Matches } = await world.call('roleback', 'PreviewBackupSelection', { BackupPlanId })
  assert.ok(Matches.length > 0 && Matches.every(({ Selected }) => Selected))
  const { Groups } = await world.call('iam', 'ListGroupsForUser', { UserName: 'olga' })
  assert.deepEqual(
    Groups.map(({ GroupName }) => GroupName),
    ['operators'],
  )

  await settled()
  const after = state()
  const second = await apply(example)
  assert.deepEqual(
    [second.code, second.stdout.trim().split('\n').at(-1)],
    [0, 'no changes: 9 unchanged'],
    second.stderr,
  )
  assert.deepEqual(state(), after)
})

test('a changed file tells each value from and to, changes these alone, and takes away nothing', async () => {
  const changed = example
    .replace('DeleteAfterDays: 35', 'DeleteAfterDays: 70')
    .replace('        StartWindowMinutes: 120\n', '')
    .replace('Backs up what is tagged', 'Backs up')
    .replace('Action: backup:DeleteRecoveryPoint', 'Action: backup:UpdateRecoveryPointLifecycle')
    .replace('ConditionValue: daily', 'ConditionValue: nightly')
    .replace("Exclude: ['*.old']", 'IntervalMinutes: 5')
    .replace('      - arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores\n', '')
  const dry = await apply(changed, ['--dry-run'])
  const told = dry.stdout.split('\n').filter((line) => line.startsWith('    '))
  assert.deepEqual(
    told.map((line) => line.trim()),
    [
      'Description: "Backs up what is tagged" -> "Backs up"',
      'AccessPolicy.Statement[0].Action: "backup:DeleteRecoveryPoint" -> "backup:UpdateRecoveryPointLifecycle"',
      'Exclude: ["*.old"] -> []',
      'IntervalMinutes: 60 -> 5',
      'Rules[0].Lifecycle.DeleteAfterDays: 35 -> 70',
      'Rules[0].StartWindowMinutes: 120 -> none',
      'Selections.tagged.ListOfTags[0].ConditionValue: "daily" -> "nightly"',
    ],
  )
  const ended = await apply(changed)
  assert.equal(ended.code, 0, ended.stderr)
  assert.match((await apply(changed)).stdout, /^no changes: 9 unchanged$/m)
  const { AttachedPolicies } = await world.call('iam', 'ListAttachedRolePolicies', {
    RoleName: 'company-backup',
  })
  assert.equal(AttachedPolicies?.length, 2, 'what is no longer declared stays')
  await settled()
})

test('a selection that cannot be made again as declared is there as it was', async () => {
  const { BackupPlansList } = await world.call('backup', 'ListBackupPlans', {})
  const BackupPlanId = BackupPlansList?.[0]?.BackupPlanId ?? ''
  const selected = async () => {
    const { BackupSelectionsList = [] } = await world.call('backup', 'ListBackupSelections', { BackupPlanId })
    const all = await Promise.all(
      BackupSelectionsList.map(async ({ SelectionId = '' }) => {
        const found = await world.call('backup', 'GetBackupSelection', { BackupPlanId, SelectionId })
        return found.BackupSelection
      }),
    )
    return all.toSorted((a, b) => String(a?.SelectionName).localeCompare(String(b?.SelectionName)))
  }
  const before = await selected()
  assert.ok(before.length > 0)
  const declared = "role/company-backup'\n        ListOfTags"
  assert.ok(example.includes(declared))
  const ended = await apply(example.replace(declared, declared.replace('-backup', '-absent')))
  assert.equal(ended.code, 1)
  assert.match(ended.stderr, /Cannot update plan daily .*company-absent cannot be assumed/)
  assert.deepEqual(await selected(), before)
})

test('an account that is refused leaves no key file in the way, and a tag may be called as what every object has', async () => {
  const key = join(world.scratch, 'second.key')
  const account = (alias: string) =>
    `Version: 1\nAccounts: [{ Name: second, Alias: ${alias}, KeyFile: ./second.key }]\nUsers: [{ UserName: eve }]`
  const refused = await apply(account('NO_ALIAS'))
  assert.notEqual(refused.code, 0)
  assert.match(refused.stderr, /Cannot create account second/)
  assert.equal(existsSync(key), false)
  const made = await apply(account('second'))
  assert.equal(made.code, 0, made.stderr)
  assert.match(readFileSync(key, 'utf8'), /aws_secret_access_key = ./)
  const tagged = await apply('Version: 1\nUsers: [{ UserName: eve, Tags: { constructor: us } }]')
  assert.equal(tagged.code, 0, tagged.stderr)
  assert.match(tagged.stdout, /Tags\.constructor: none -> "us"/)
})

test('what the file says wrongly is told by line and column, all at once, and nothing is changed', async () => {
  const before = state()
  const wrong = [
    'Version: 2',
    'Roles:',
    '  - RoleName: 7',
    '    Trust: {}',
    'Plans:',
    '  - BackupPlanName: p',
    '    Rules:',
    '      - RuleName: r',
    '        TargetBackupVaultName: "${AWS::Vault}"',
    '        StartWindowMinutes: soon',
    'Resources:',
    '  - ResourceType: EBS',
    '    Name: n',
    '    Connection: { Port: 99999 }',
    '    Secret: hunter2-hunter2',
    'Users: { UserName: u }',
  ].join('\n')
  const ended = await apply(wrong)
  assert.equal(ended.code, 2)
  const lines = ended.stderr
    .trim()
    .split('\n')
    .map((line) => line.replace(`${file}:`, ''))
  assert.deepEqual(lines.slice(0, -1), [
    '1:10: Version must be 1, not 2',
    '3:15: Roles[0].RoleName must be text: put it in quotes, not 7',
    lines[2] ?? '',
    '3:5: Roles[0] lacks AssumeRolePolicyDocument',
    '9:32: ${AWS::Vault} is not known: there are ${AWS::AccountId} and ${AWS::Region}',
    '10:29: Plans[0].Rules[0].StartWindowMinutes must be a number, not "soon"',
    '12:19: Resources[0].ResourceType must be one of EFS, RDS, S3, not "EBS"',
    '14:25: Resources[0].Connection.Port must be a number from 1 to 65535, not 99999',
    '15:13: Resources[0].Secret must be {File: PATH} or {Environment: NAME}: a secret is never written here itself',
    '16:8: Users must be a list, not a mapping',
  ])
  assert.match(lines[2] ?? '', /^4:5: "Trust" is not known here: there are Path, RoleName, /)
  assert.match(lines.at(-1) ?? '', /nothing was changed/)
  assert.ok(!ended.stderr.includes('hunter2'))
  const broken = await apply('Version: 1\nRoles: [\n')
  assert.equal(broken.code, 2)
  assert.match(broken.stderr, /apply\.yaml:\d:\d+: /)
  const twice = await apply('{"Version": 1, "Groups": [{"GroupName": "g"}, {"GroupName": "g"}]}')
  assert.match(twice.stderr, /declares group g twice: nothing was changed/)
  assert.deepEqual(state(), before)
})

test('a file that nests without end is refused at its line, however it nests', async () => {
  const levels = 20_000
  const deep = [
    ['['.repeat(levels), 2],
    [`${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`, 2],
    ['- '.repeat(levels), 2],
    [Array.from({ length: 300 }, (_, at) => `${' '.repeat(at)}a:\n`).join(''), 102],
  ] as const
  for (const [nested, line] of deep) {
    const ended = await apply(`Version: 1\n${nested}`)
    assert.equal(ended.code, 2, ended.stderr)
    const [first, second] = ended.stderr.trim().split('\n')
    assert.equal(first, `${file}:${line}: nests more than 100 lists and mappings in each other`)
    assert.match(second ?? '', /nothing was changed/)
  }
})

test('it acts as its caller: at the first refusal it stops, and says what was done and what was not', async () => {
  const user = await makeUser(world, 'limited', [
    allow(['iam:Get*', 'iam:List*', 'iam:CreateGroup', 'backup:List*']),
  ])
  const key = {
    AWS_ACCESS_KEY_ID: user.key.accessKeyId,
    AWS_SECRET_ACCESS_KEY: user.key.secretAccessKey,
  }
  const groups = 'Groups: [{ GroupName: first }]\n'
  const users = 'Users: [{ UserName: second }]\nVaults: [{ BackupVaultName: third }]\n'
  const ended = await apply(`Version: 1\n${groups}${users}`, [], key)
  assert.equal(ended.code, 1)
  assert.match(ended.stdout, /^created group first$/m)
  assert.match(
    ended.stderr,
    /Cannot create user second: AccessDenied: .*not authorized to perform: iam:CreateUser/,
  )
  assert.match(ended.stderr, /Before it 1 of 3 were done; not done: user second, vault third/)
  await world.call('iam', 'GetGroup', { GroupName: 'first' })
  const blind = await apply(
    'Version: 1\nDiscoveryRules: []\nStorages:\n  - { Name: s, Location: "s3://abc", Endpoint: "http://127.0.0.1:1", AccessKeyId: A, Secret: { Environment: NONE } }\n',
    [],
    key,
  )
  assert.equal(blind.code, 1)
  assert.match(blind.stderr, /not authorized to perform: roleback:ListStorages/)
})

describe('a database', { skip: postgresMissing() }, () => {
  test('secrets come from a file or the environment, are asked for before the first change, and are shown nowhere', async () => {
    await using orders = await startOrders(world)
    const { Host, Port, User } = orders.connection
    const text = (secret: string, user: string = User): string =>
      [
        'Version: 1',
        `Accounts: [{ Name: tenant, Alias: tenant, KeyFile: ./tenant-${secret.length}.key }]`,
        'Resources:',
        '  - ResourceType: RDS',
        '    Name: orders',
        `    Connection: { Host: "${Host}", Port: ${Port}, User: ${user}, TlsMode: disable }`,
        `    Secret: ${secret}`,
      ].join('\n')
    const before = state()
    const absent = await apply(text('{ Environment: NOT_SET }'))
    assert.equal(absent.code, 2)
    assert.match(absent.stderr, /No secret of resource orders: the variable NOT_SET is not set/)
    assert.deepEqual(state(), before)
    const ended = await apply(text('{ Environment: DATABASE_PASSWORD }'), [], {
      DATABASE_PASSWORD: orders.password,
    })
    assert.equal(ended.code, 0, ended.stderr)
    const keyFile = join(world.scratch, `tenant-${'{ Environment: DATABASE_PASSWORD }'.length}.key`)
    assert.match(readFileSync(keyFile, 'utf8'), /aws_secret_access_key = \S{20,}/)
    writeFileSync(join(world.scratch, 'password'), `${orders.password}\n`, { mode: 0o600 })
    const again = await apply(text('{ File: password }'))
    assert.match(again.stdout, /^no changes: 2 unchanged$/m, again.stderr)
    await orders.server.sql(`CREATE ROLE other LOGIN PASSWORD '${orders.password}'`)
    const moved = await apply(text('{ File: password }', 'other'))
    assert.match(moved.stdout, /Connection\.User: "shop" -> "other"/, moved.stderr)
    assert.equal(moved.code, 0, moved.stderr)
    for (const one of [absent, ended, again, moved])
      assert.ok(!(one.stdout + one.stderr).includes(orders.password))
  })
})
