import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { callerOf } from '../../src/aws/client.ts'
import type { Credentials } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { makeTenant } from '../fixtures/tenant.ts'
import { openWorld } from '../fixtures/world.ts'

/** Making and listing accounts; tenant-account.test.ts has what keeps them apart. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const FIRST = world.accountId
const tenant = await makeTenant(world, 'second')

const envOf = (key: Credentials): Record<string, string> => ({
  AWS_ENDPOINT_URL: world.url,
  AWS_ACCESS_KEY_ID: key.accessKeyId,
  AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
})

test('an account is made with a root key of its own, and listed; its id and its alias are its own', async () => {
  const { call } = world
  const made = await call('roleback', 'CreateAccount', {
    Name: 'Third',
    Alias: 'third-one',
    AccountId: '300000000003',
  })
  assert.deepEqual(
    [made.Account.AccountId, made.Account.Name, made.Account.Alias, made.Account.Management],
    ['300000000003', 'Third', 'third-one', false],
  )
  const key = { accessKeyId: made.AccessKeyId, secretAccessKey: made.SecretAccessKey }
  const root = callerOf(world.url, key, world.region)
  assert.equal((await root('sts', 'GetCallerIdentity', {})).Arn, 'arn:aws:iam::300000000003:root')
  assert.deepEqual((await root('iam', 'ListAccountAliases', {})).AccountAliases, ['third-one'])
  assert.equal((await root('roleback', 'GetRestoreGuard', {})).RestoreGuard, 'enforce')
  const { Accounts } = await call('roleback', 'ListAccounts', {})
  assert.deepEqual(
    Accounts.map(({ AccountId, Management }) => [AccountId, Management]),
    [
      [FIRST, true],
      ['300000000003', false],
      [tenant.accountId, false],
    ].toSorted(([a], [b]) => String(a).localeCompare(String(b))),
  )
  const first = await call('roleback', 'ListAccounts', { MaxResults: 1 })
  const second = await call('roleback', 'ListAccounts', { MaxResults: 2, NextToken: first.NextToken })
  assert.deepEqual([...first.Accounts, ...second.Accounts], Accounts)
  const fails = (code: string) => (error: unknown) => error instanceof AwsError && error.code === code
  for (const [input, code] of [
    [{ AccountId: '300000000003' }, 'AlreadyExistsException'],
    [{ AccountId: FIRST }, 'AlreadyExistsException'],
    [{ Alias: 'third-one' }, 'AlreadyExistsException'],
    [{ Alias: '123456789099' }, 'InvalidParameterValueException'],
    [{ AccountId: '1' }, 'InvalidParameterValueException'],
  ] as const)
    await assert.rejects(
      call('roleback', 'CreateAccount', { Name: 'x', ...input }),
      fails(code),
      JSON.stringify(input),
    )
  const recorded = world.rows<{ reason: string }>(
    `select reason from audit where account_id = ? and resource = 'arn:aws:iam::300000000003:root'`,
    FIRST,
  )
  assert.deepEqual(
    recorded.map(({ reason }) => reason),
    [`key ${key.accessKeyId} of the root user of the new account "Third"`],
  )
  assert.ok(!world.lines.join('').includes(key.secretAccessKey))
})

test('`roleback account create` writes the root key into a file that only its owner reads, and `list` names the accounts', async () => {
  const env = envOf(world.rootKey)
  const out = join(world.scratch, 'fourth-root')
  const made = await roleback(
    ['account', 'create', 'Fourth', '--alias', 'fourth-one', '--account-id', '400000000004', '--out', out],
    { env },
  )
  assert.equal(made.code, 0, made.stderr)
  assert.equal(statSync(out).mode & 0o777, 0o600)
  const [, secret = ''] = /aws_secret_access_key = (\S+)/.exec(readFileSync(out, 'utf8')) ?? []
  assert.match(readFileSync(out, 'utf8'), new RegExp(`^region = ${world.region}$`, 'm'))
  assert.ok(secret.length > 30 && !made.stdout.includes(secret) && !made.stderr.includes(secret))
  const [, accessKeyId = ''] = /aws_access_key_id = (\S+)/.exec(readFileSync(out, 'utf8')) ?? []
  const root = callerOf(world.url, { accessKeyId, secretAccessKey: secret }, world.region)
  assert.equal((await root('sts', 'GetCallerIdentity', {})).Account, '400000000004')
  const listed = await roleback(['account', 'list'], { env })
  assert.match(listed.stdout, /^123456789012 +management \(manages the server\) +- /m)
  assert.match(listed.stdout, /^400000000004 +Fourth +fourth-one /m)
  // No terminal shows it, and no file takes it: nothing is made.
  const nowhere = await roleback(['account', 'create', 'Fifth'], { env })
  assert.deepEqual([nowhere.code, /--out FILE/.test(nowhere.stderr)], [2, true])
  const refused = await roleback(['account', 'list'], { env: envOf(tenant.rootKey) })
  assert.deepEqual([refused.code, /management account/.test(refused.stderr)], [1, true])
  const { Accounts } = await world.call('roleback', 'ListAccounts', {})
  assert.ok(!Accounts.some(({ Name }) => Name === 'Fifth'))
})

test('`roleback root-key --account` makes a root key of another account, by local access alone', async () => {
  const { accountId } = tenant
  await world.offline(async () => {
    const made = await roleback(['root-key', '--account', accountId, '--data-dir', world.dataDir])
    assert.equal(made.code, 0, made.stderr)
    assert.match(made.stdout, new RegExp(`root-credentials-${accountId} \\(profile roleback-${accountId}\\)`))
    const absent = await roleback(['root-key', '--account', '999999999999', '--data-dir', world.dataDir])
    assert.deepEqual([absent.code, /no account 999999999999/.test(absent.stderr)], [1, true])
  })
  const file = join(world.dataDir, `root-credentials-${accountId}`)
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const [, accessKeyId = '', secretAccessKey = ''] =
    /aws_access_key_id = (\S+)\naws_secret_access_key = (\S+)/.exec(readFileSync(file, 'utf8')) ?? []
  for (const one of [file, join(world.dataDir, 'root-credentials')])
    assert.match(readFileSync(one, 'utf8'), new RegExp(`^region = ${world.region}$`, 'm'))
  const root = callerOf(world.url, { accessKeyId, secretAccessKey }, world.region)
  assert.equal((await root('sts', 'GetCallerIdentity', {})).Arn, `arn:aws:iam::${accountId}:root`)
})

test('the health of the system vault is told to the management account alone', async () => {
  const { SystemVault } = await world.call('roleback', 'ListVaultHealth', {})
  assert.deepEqual([SystemVault?.DamagedObjectCount, SystemVault?.Problem], [0, undefined])
  assert.match(SystemVault?.VaultId ?? '', /^[0-9a-f]{32}$/)
  assert.equal((await tenant.call('roleback', 'ListVaultHealth', {})).SystemVault, undefined)
  const status = await roleback(['vault', 'status'], { env: envOf(world.rootKey) })
  assert.match(status.stdout, /^System vault [0-9a-f]{32} \(.*no damage known$/m)
})
