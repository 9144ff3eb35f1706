import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test } from 'node:test'
import type { OutputOf } from '../../src/aws/client.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { startOrders } from '../fixtures/orders.ts'
import { allow, makeRole, makeUser, makeVault, openWorld, setRights, until } from '../fixtures/world.ts'
import { postgresMissing } from '../servers/postgres.ts'

/** Rules that find new databases and directories; buckets are in operations-roleback-storages.test.ts, where a server of them runs. */

type Found = OutputOf<'roleback', 'ListDiscoveredResources'>['DiscoveredResources']

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

await makeVault(world, 'vault')
const REGISTRAR = [
  allow(['elasticfilesystem:DescribeFileSystems', 'rds:DescribeDBInstances', 'roleback:RegisterResource']),
]
const role = await makeRole(world, 'finder', { statements: REGISTRAR })
const parent = join(world.scratch, 'tenants')
const restoreRoot = join(world.scratch, 'restores')
for (const path of [parent, restoreRoot, join(parent, 'alpha'), join(parent, '.hidden')]) mkdirSync(path)
writeFileSync(join(parent, 'file'), 'no directory')
symlinkSync('/etc', join(parent, 'link'))

const DIRECTORIES = {
  Name: 'tenants',
  ResourceType: 'EFS',
  Connection: { Path: parent, RestoreRoot: restoreRoot },
  IamRoleArn: role,
} as const

const env = {
  AWS_ENDPOINT_URL: world.url,
  AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
  AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  AWS_REGION: world.region,
}

async function ruleNamed(Name: string) {
  const { DiscoveryRules } = await world.call('roleback', 'ListDiscoveryRules', {})
  return DiscoveryRules.find((rule) => rule.Name === Name)
}

/** Has a round run, and waits for its end. @returns What the rule says of it. */
async function look(Name: string): Promise<string> {
  const before = (await ruleNamed(Name))?.LastRunAt?.getTime()
  await world.call('roleback', 'StartDiscovery', { Name })
  return await until(`a round of ${Name}`, async () => {
    const rule = await ruleNamed(Name)
    const at = rule?.LastRunAt?.getTime()
    if (rule === undefined || at === undefined || at === before) return undefined
    return (rule.NextRunAt?.getTime() ?? 0) > at ? (rule.LastRunMessage ?? '') : undefined
  })
}

async function found(RuleName: string): Promise<Found> {
  const { DiscoveredResources } = await world.call('roleback', 'ListDiscoveredResources', { RuleName })
  return DiscoveredResources
}

const statuses = async (rule: string): Promise<Record<string, string>> =>
  Object.fromEntries((await found(rule)).map(({ Name, Status }) => [Name, Status]))

test('a rule offers the directories that lie directly in one, and no link, file or hidden one; one that is offered is registered by name', async () => {
  const { DiscoveryRule: made } = await world.call('roleback', 'PutDiscoveryRule', DIRECTORIES)
  assert.deepEqual(
    [made.Mode, made.Include, made.IntervalMinutes, made.NameTemplate],
    ['OFFER', ['*'], 60, '{name}'],
  )
  assert.equal(await look('tenants'), '1 found, 0 newly registered, 0 refused, 0 vanished')
  assert.deepEqual(await statuses('tenants'), { alpha: 'DISCOVERED' })
  const shown = await roleback(['discovery', 'found'], { env })
  assert.match(shown.stdout, /tenants +alpha +discovered, not registered/)
  const registered = await roleback(['discovery', 'register', 'tenants', 'alpha', '--tag', 'backup=daily'], {
    env,
  })
  assert.equal(registered.code, 0, registered.stderr)
  const { Resource } = await world.call('roleback', 'DescribeResource', {
    ResourceArn: registered.stdout.trim(),
  })
  assert.deepEqual(Resource.Connection, { Path: join(parent, 'alpha'), RestoreRoot: restoreRoot })
  assert.deepEqual(new Map(Resource.Tags?.map(({ Key, Value }) => [Key, Value])).get('backup'), 'daily')
  await assert.rejects(
    world.call('roleback', 'RegisterDiscoveredResource', { RuleName: 'tenants', Name: 'alpha' }),
    awsError('AlreadyExistsException', Resource.ResourceArn),
  )
})

test('in the mode REGISTER new ones are registered with tags under the role; what is gone is marked, what was deregistered stays so', async () => {
  const put = await roleback(
    ['discovery', 'put', 'directory', 'tenants', parent, '--restore-root', restoreRoot].concat([
      '--role',
      role,
      '--register',
      '--exclude',
      '*.tmp',
      '--tag',
      'backup=daily',
      '--every',
      '1',
    ]),
    { env },
  )
  assert.equal(put.code, 0, put.stderr)
  mkdirSync(join(parent, 'beta'))
  mkdirSync(join(parent, 'gamma.tmp'))
  assert.equal(await look('tenants'), '2 found, 1 newly registered, 0 refused, 0 vanished')
  const [alpha, beta] = await found('tenants')
  assert.deepEqual([alpha?.Status, beta?.Name, beta?.Status], ['REGISTERED', 'beta', 'REGISTERED'])
  const { Resource } = await world.call('roleback', 'DescribeResource', {
    ResourceArn: beta?.ResourceArn ?? '',
  })
  assert.match(Resource.CreatedBy ?? '', /:assumed-role\/finder\/AWSBackup-finder$/)
  assert.ok(Resource.Tags?.some(({ Key, Value }) => Key === 'backup' && Value === 'daily'))
  const asked = world.rows<{ action: string }>(
    `select action from audit where effect = 'Allow' and principal_arn like '%:assumed-role/finder/%'`,
  )
  for (const action of ['elasticfilesystem:DescribeFileSystems', 'roleback:RegisterResource'])
    assert.ok(
      asked.some((one) => one.action === action),
      action,
    )

  renameSync(join(parent, 'beta'), join(world.scratch, 'moved'))
  await world.call('roleback', 'DeregisterResource', { ResourceArn: alpha?.ResourceArn ?? '' })
  assert.equal(await look('tenants'), '1 found, 0 newly registered, 0 refused, 1 vanished')
  const [again, gone] = await found('tenants')
  assert.deepEqual([again?.Status, gone?.Status], ['DEREGISTERED', 'REGISTERED'])
  assert.ok(gone?.VanishedAt instanceof Date && again?.VanishedAt === undefined)
  await world.call('roleback', 'DescribeResource', { ResourceArn: beta?.ResourceArn ?? '' })
  // The interval: a round that nobody asked for.
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
  db.exec('update discovery_round set next_run_at = next_run_at - 60000')
  db.close()
  const before = (await ruleNamed('tenants'))?.LastRunAt?.getTime()
  await until('the next round', async () =>
    (await ruleNamed('tenants'))?.LastRunAt?.getTime() === before ? undefined : true,
  )
})

test('R7 what a rule finds is registered by the rules of every registration: own places and links in its way are refused', async () => {
  const Connection = { Path: world.scratch, RestoreRoot: restoreRoot }
  await world.call('roleback', 'PutDiscoveryRule', {
    ...DIRECTORIES,
    Name: 'all',
    Connection,
    Mode: 'REGISTER',
    Include: ['data*', 'moved'],
  })
  await look('all')
  const [data, kit, moved] = await found('all')
  assert.deepEqual(
    [data?.Name, data?.Status, kit?.Status, moved?.Name, moved?.Status],
    ['data', 'REFUSED', 'REFUSED', 'moved', 'REGISTERED'],
  )
  assert.match(data?.Message ?? '', /overlaps the server's own data/)
  await assert.rejects(
    world.call('roleback', 'PutDiscoveryRule', {
      ...DIRECTORIES,
      Name: 'own',
      Connection: { Path: join(world.dataDir, 'vaults') },
    }),
    awsError('InvalidParameterValueException', "overlaps the server's own data"),
  )
  // Put in the place of a directory between the look and the registration, or before somebody takes an offer up.
  mkdirSync(join(parent, 'delta'))
  await world.call('roleback', 'PutDiscoveryRule', DIRECTORIES)
  await look('tenants')
  rmSync(join(parent, 'delta'), { recursive: true })
  symlinkSync('/etc', join(parent, 'delta'))
  await assert.rejects(
    world.call('roleback', 'RegisterDiscoveredResource', { RuleName: 'tenants', Name: 'delta' }),
    awsError('InvalidParameterValueException', 'a symbolic link stands in its place'),
  )
  rmSync(join(parent, 'delta'))
})

test('nobody has things registered by a rule that he may not register himself, nor without the right to pass its role', async () => {
  const own = allow('roleback:PutDiscoveryRule')
  const pass = allow('iam:PassRole', role)
  const rule = { ...DIRECTORIES, Name: 'theirs', Mode: 'REGISTER' } as const
  const denied = (action: string) => awsError('AccessDeniedException', `not authorized to perform: ${action}`)
  const nobody = await makeUser(world, 'nobody')
  await assert.rejects(nobody.call('roleback', 'PutDiscoveryRule', rule), denied('roleback:PutDiscoveryRule'))
  const putter = await makeUser(world, 'putter', [own])
  await assert.rejects(putter.call('roleback', 'PutDiscoveryRule', rule), denied('iam:PassRole'))
  const passer = await makeUser(world, 'passer', [own, pass])
  await assert.rejects(passer.call('roleback', 'PutDiscoveryRule', rule), denied('roleback:RegisterResource'))
  // Where he may register in one place only, he may have nothing else looked at.
  const placed = { StringLike: { 'roleback:RestoreRoot': restoreRoot } }
  const limited = await makeUser(world, 'limited', [
    {
      ...own,
      Condition: { StringEquals: { 'roleback:Path': parent, 'roleback:DiscoveryMode': 'REGISTER' } },
    },
    pass,
    { ...allow('roleback:RegisterResource'), Condition: placed },
  ])
  await assert.rejects(
    limited.call('roleback', 'PutDiscoveryRule', { ...rule, Mode: 'OFFER' }),
    denied('roleback:PutDiscoveryRule'),
  )
  await limited.call('roleback', 'PutDiscoveryRule', rule)
  await world.call('roleback', 'DeleteDiscoveryRule', { Name: 'theirs' })
  assert.equal(await ruleNamed('theirs'), undefined)
})

test('a role that lost a right, or its trust, ends the round, and says so in the rule, the log and the metric', async () => {
  await setRights(world, 'finder', allow('roleback:*'))
  assert.match(await look('tenants'), /not authorized to perform: elasticfilesystem:DescribeFileSystems/)
  assert.equal((await ruleNamed('tenants'))?.LastRunFailed, true)
  assert.ok(world.lines.some((line) => line.includes('discovery failed') && line.includes('tenants')))
  await setRights(world, 'finder', allow('elasticfilesystem:DescribeFileSystems'))
  mkdirSync(join(parent, 'epsilon'))
  await world.call('roleback', 'PutDiscoveryRule', { ...DIRECTORIES, Mode: 'REGISTER' })
  await look('tenants')
  const epsilon = (await found('tenants')).find(({ Name }) => Name === 'epsilon')
  assert.equal(epsilon?.Status, 'REFUSED')
  assert.match(
    epsilon?.Message ?? '',
    /AWSBackup-finder is not authorized to perform: roleback:RegisterResource/,
  )
  await setRights(world, 'finder', ...REGISTRAR)
  await look('tenants')
  assert.equal((await statuses('tenants'))['epsilon'], 'REGISTERED')
  rmSync(parent, { recursive: true })
  const failed = await roleback(['discovery', 'run', 'tenants'], { env })
  assert.equal(failed.code, 1)
  assert.match(failed.stderr, /cannot be listed: .*it is not there/)
  mkdirSync(parent)
  // Told when rounds begin to fail and when they go well again, not each time.
  const told = await until('the events of the rule', () => {
    const rows = world.rows(
      "select detail from audit where action = 'roleback:DiscoveryStateChange' order by seq",
    )
    const details = (rows as readonly { readonly detail: string }[]).map(
      ({ detail }) => JSON.parse(detail) as Record<string, string>,
    )
    const theirs = details.filter(({ ruleName }) => ruleName === 'tenants')
    return theirs.length === 3 ? theirs : undefined
  })
  assert.deepEqual(
    told.map(({ state }) => state),
    ['FAILED', 'COMPLETED', 'FAILED'],
  )
  assert.match(
    told[0]?.['statusMessage'] ?? '',
    /not authorized to perform: elasticfilesystem:DescribeFileSystems/,
  )
})

test('a rule that cannot be meant is refused', async () => {
  for (const [input, message] of [
    [{ NameTemplate: 'same' }, 'must have {name} in it once'],
    [{ Include: [] }, 'an empty list means nothing'],
    [{ Tags: [{ Key: 'aws:x', Value: 'y' }] }, 'reserved'],
    [{ Connection: { Path: 'relative' } }, 'must be an absolute path'],
    [{ IamRoleArn: `${role}x` }, 'cannot be assumed by AWS Backup'],
  ] as const)
    await assert.rejects(
      world.call('roleback', 'PutDiscoveryRule', { ...DIRECTORIES, ...input } as never),
      awsError('InvalidParameterValueException', message),
    )
  await assert.rejects(
    world.call('roleback', 'StartDiscovery', { Name: 'none' }),
    awsError('ResourceNotFoundException', 'no discovery rule none'),
  )
})

describe('databases', { skip: postgresMissing() }, () => {
  test('a database that was made after the plan is backed up by the next scheduled run, by its tag', async () => {
    await using orders = await startOrders(world)
    const worker = await makeRole(world, 'worker', { statements: [allow('*')] })
    const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
      BackupPlan: { BackupPlanName: 'p', Rules: [{ RuleName: 'daily', TargetBackupVaultName: 'vault' }] },
    })
    await world.call('backup', 'CreateBackupSelection', {
      BackupPlanId,
      BackupSelection: {
        SelectionName: 'tagged',
        IamRoleArn: worker,
        ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'found', ConditionValue: 'yes' }],
      },
    })
    const passwordFile = join(world.scratch, 'password')
    writeFileSync(passwordFile, orders.password, { mode: 0o600 })
    const { Host, Port, User } = orders.connection
    const put = await roleback(
      [
        'discovery',
        'put',
        'postgresql',
        'servers',
        '--host',
        Host,
        '--port',
        String(Port),
        '--user',
        User,
      ].concat(
        ['--password-file', passwordFile, '--tls-mode', 'disable', '--role', role, '--register'],
        ['--exclude', 'postgres', '--name-template', 'shop-{name}', '--tag', 'found=yes'],
      ),
      { env },
    )
    assert.equal(put.code, 0, put.stderr)
    assert.equal(put.stdout.trim(), '1 found, 1 newly registered, 0 refused, 0 vanished')
    assert.ok(!(put.stdout + put.stderr + world.lines.join('\n')).includes(orders.password))
    await orders.server.sql('CREATE DATABASE "new shop" OWNER shop')
    await orders.server.sql('CREATE DATABASE "half" OWNER shop')
    await orders.server.sql(`COMMENT ON DATABASE "half" IS 'Restore job 0000-abcd is not done'`)
    await orders.server.sql('CREATE DATABASE "closed" OWNER shop ALLOW_CONNECTIONS false')
    assert.equal(await look('servers'), '2 found, 1 newly registered, 0 refused, 0 vanished')
    const arn = `arn:aws:rds:${world.region}:${world.accountId}:db:shop-new-shop`
    const { Resource } = await world.call('roleback', 'DescribeResource', { ResourceArn: arn })
    assert.equal(Resource.Connection?.Database, 'new shop')
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update backup_rule set next_run_at = ? where plan_id = ?').run(
      Date.now() - 1000,
      BackupPlanId,
    )
    db.close()
    await until('its backup', async () => {
      const { BackupJobs } = await world.call('backup', 'ListBackupJobs', { ByResourceArn: arn })
      const [job] = BackupJobs ?? []
      assert.ok(job?.State !== 'FAILED', job?.StatusMessage ?? '')
      return job?.State === 'COMPLETED' ? true : undefined
    })
    await assert.rejects(
      world.call('roleback', 'PutDiscoveryRule', {
        Name: 'servers',
        ResourceType: 'RDS',
        Connection: { ...orders.connection, Host: 'localhost' },
        IamRoleArn: role,
      }),
      awsError('InvalidRequestException', 'Changing host of discovery rule servers needs the secret again'),
    )
  })
})
