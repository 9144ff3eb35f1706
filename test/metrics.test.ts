import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { AwsError } from '../src/aws/error.ts'
import { ConfigError, loadConfig } from '../src/config.ts'
import { exposition } from '../src/monitor/exposition.ts'
import { fillSmallTree } from './fixtures/small-tree.ts'
import {
  allow,
  backUp,
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  restore,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** `/metrics` as Prometheus reads it, of a whole server with real backups behind it. */

const scratch = mkdtempSync(join(tmpdir(), 'roleback-metrics-'))
after(() => rmSync(scratch, { recursive: true }))
const TOKEN = 'a-token-of-the-tests-0123456789'

interface Answer {
  readonly status: number
  readonly type: string
  readonly text: string
}

async function get(url: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  return await new Promise((resolve, reject) => {
    const asked = request(url, { headers, method, agent: false }, (incoming) => {
      let text = ''
      incoming.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      incoming.on('end', () =>
        resolve({ status: incoming.statusCode ?? 0, type: incoming.headers['content-type'] ?? '', text }),
      )
    })
    asked.on('error', reject).end()
  })
}

interface Series {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

/** Reads the whole format by its grammar; anything that is not of it throws. */
function parse(text: string): readonly Series[] {
  const types = new Map<string, string>()
  const found: Series[] = []
  for (const line of text.split('\n').slice(0, -1)) {
    const comment = /^# (HELP|TYPE) ([a-z_]+) (.+)$/.exec(line)
    if (comment !== null) {
      if (comment[1] === 'TYPE') types.set(comment[2] as string, comment[3] as string)
      continue
    }
    const sample = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\S+)$/.exec(line)
    assert.ok(sample, `no line of the format: ${line}`)
    const [, name = '', inside = '', value = ''] = sample
    assert.ok(types.has(name), `${name} has no type before it`)
    assert.equal(types.get(name) === 'counter', name.endsWith('_total'), name)
    assert.ok(Number.isFinite(Number(value)), line)
    const labels = Object.fromEntries(
      [...inside.matchAll(/([a-z_]+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text = '']) => [
        label,
        text.replaceAll(/\\([\\"n])/g, (_, c: string) => (c === 'n' ? '\n' : c)),
      ]),
    )
    found.push({ name, labels, value: Number(value) })
  }
  assert.ok(text.endsWith('\n'))
  const keys = found.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)
  assert.equal(new Set(keys).size, keys.length, 'a series twice')
  return found
}

test('exposition() escapes what would end a label value or a line', () => {
  const value = 'a"b\\c\nd'
  const text = exposition([
    {
      name: 'roleback_jobs',
      type: 'gauge',
      help: 'One\ntwo',
      samples: [{ labels: { kind: value }, value: 3 }],
    },
    { name: 'roleback_none', type: 'gauge', help: 'Nothing', samples: [] },
  ])
  assert.deepEqual(parse(text), [{ name: 'roleback_jobs', labels: { kind: value }, value: 3 }])
  assert.ok(!text.includes('roleback_none'))
})

/** What recovery points put into a vault: packs, their index, and heads twice. */
function bytesOnDisk(world: World, vault: string): number {
  const [row] = world.rows<{ vault_id: string }>('select vault_id from vault where name = ?', vault)
  let bytes = 0
  for (const folder of ['data', 'meta', 'index', 'points', 'twins/points']) {
    const path = join(world.dataDir, 'vaults', row?.vault_id ?? '', folder)
    for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }))
      if (entry.isFile()) bytes += statSync(join(entry.parentPath, entry.name)).size
  }
  return bytes
}

/** How many of so many costly calls of one principal at once the server has no room for, and says so in AWS's words. */
async function throttledOf({ call }: World, count: number): Promise<number> {
  const asked = { PolicyDocument: policy(allow('*')), PolicyType: 'IDENTITY' } as const
  const all = await Promise.allSettled(
    Array.from({ length: count }, () => call('roleback', 'ValidatePolicy', asked)),
  )
  const refusals = all.flatMap((one) => (one.status === 'rejected' ? [one.reason as unknown] : []))
  for (const error of refusals) {
    assert.ok(error instanceof AwsError)
    assert.deepEqual([error.code, error.status, error.message], ['ThrottlingException', 400, 'Rate exceeded'])
  }
  return refusals.length
}

test('R23 metrics tell of jobs, resources, vaults and broken objectives, and of no secret', async () => {
  await using world = await openWorld({ metricsListen: '127.0.0.1:0' })
  const role = await makeRole(world, 'metrics-role', {
    managed: ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'],
  })
  await makeVault(world, 'metered')
  const good = await registerDirectory(world, 'good', fillSmallTree)
  const never = await registerDirectory(world, 'never', fillSmallTree)
  const input = { BackupVaultName: 'metered', IamRoleArn: role }
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'hourly',
      Rules: [
        {
          RuleName: 'r',
          TargetBackupVaultName: 'metered',
          ScheduleExpression: 'cron(0 * ? * * *)',
          StartWindowMinutes: 60,
        },
      ],
    },
  })
  await world.call('backup', 'CreateBackupSelection', {
    BackupPlanId,
    BackupSelection: { SelectionName: 's', IamRoleArn: role, Resources: [good.arn, never.arn] },
  })
  // As if plan, selection and resources had been there for two days.
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    const back = 2 * 86_400_000
    db.exec(`update backup_rule set written_at = written_at - ${back};
      update backup_selection set created_at = created_at - ${back}; update resource set created_at = created_at - ${back}`)
    db.close()
  })
  const RecoveryPointArn = await backUpWell(world, { ...input, ResourceArn: good.arn })
  assert.equal(
    (
      await backUp(world, {
        ...input,
        ResourceArn: never.arn,
        IamRoleArn: await makeRole(world, 'powerless', {}),
      })
    ).State,
    'FAILED',
  )
  const restored = await restore(world, {
    RecoveryPointArn,
    IamRoleArn: role,
    Metadata: { 'file-system-id': 'good', newFileSystem: 'true' },
  })
  assert.equal(restored.Status, 'COMPLETED', restored.StatusMessage ?? '')
  const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
    RecoveryPointArn,
    SourceBackupVaultName: 'metered',
    DestinationBackupVaultArn: await makeVault(world, 'second'),
    IamRoleArn: role,
  })
  await until('the copy to end', async () => {
    const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
    return CopyJob?.State === 'COMPLETED' ? true : undefined
  })
  await world.call('roleback', 'PutEventTarget', {
    Name: 'away',
    Type: 'SLACK',
    Url: 'https://127.0.0.1:1/secret-of-the-chat',
    EventPattern: '{"detail-type":["Backup Pause State Change"]}',
  })
  await world.call('roleback', 'PauseBackups', { Until: new Date(Date.now() + 60_000) })
  const owed = async (): Promise<number | undefined> =>
    parse((await get(world.metricsUrl)).text).find(
      ({ name, labels }) => name === 'roleback_event_target_owed_messages' && labels['target'] === 'away',
    )?.value
  await world.call('roleback', 'PutDiscoveryRule', {
    Name: 'blind',
    ResourceType: 'EFS',
    Connection: { Path: world.scratch },
    IamRoleArn: await makeRole(world, 'blind', {}),
  })
  const refused = await throttledOf(world, 300)
  const isBlind = async (): Promise<boolean> =>
    parse((await get(world.metricsUrl)).text).some(
      ({ name, labels, value }) =>
        name === 'roleback_discovery_failed' && labels['rule'] === 'blind' && value === 1,
    )
  await until('a failed round of discovery to be counted', async () => ((await isBlind()) ? true : undefined))
  await until('what the target is owed to be counted', async () => ((await owed()) === 1 ? true : undefined))
  const { status, type, text } = await get(world.metricsUrl)
  assert.ok(!text.includes('secret-of-the-chat'))
  assert.deepEqual([status, type], [200, 'text/plain; version=0.0.4; charset=utf-8'])
  const series = parse(text)
  const value = (name: string, labels: Record<string, string> = {}): number | undefined =>
    series.find(
      (one) => one.name === name && Object.entries(labels).every(([key, text]) => one.labels[key] === text),
    )?.value
  assert.equal(value('roleback_jobs', { kind: 'backup', state: 'COMPLETED' }), 1)
  assert.equal(value('roleback_jobs', { kind: 'backup', state: 'FAILED' }), 1)
  const last = value('roleback_resource_last_success_timestamp_seconds', { resource_arn: good.arn })
  assert.ok(Math.abs((last ?? 0) - Date.now() / 1000) < 60, `${last}`)
  assert.equal(value('roleback_resource_last_success_timestamp_seconds', { resource_arn: never.arn }), 0)
  assert.equal(value('roleback_resource_rpo_breached', { resource_arn: good.arn }), 0)
  assert.equal(value('roleback_resource_rpo_breached', { resource_arn: never.arn }), 1)
  assert.equal(value('roleback_vault_recovery_points', { vault: 'metered' }), 1)
  const content = 300_000 + 'line\n'.length * 3000
  for (const kind of ['backup', 'restore', 'copy'])
    assert.equal(value(`roleback_${kind}_bytes_total`), content, kind)
  for (const vault of ['metered', 'second'])
    assert.equal(value('roleback_vault_stored_bytes', { vault }), bytesOnDisk(world, vault), vault)
  assert.equal(value('roleback_oldest_queued_job_age_seconds'), 0)
  assert.equal(value('roleback_events_set_aside'), 0)
  const throttled = { account_id: world.accountId, kind: 'costly' }
  assert.deepEqual([value('roleback_requests_throttled_total', throttled), refused > 0], [refused, true])
  assert.equal(value('roleback_plan_last_run_timestamp_seconds', { plan: 'hourly' }), 0)
  for (const secret of [world.rootKey.secretAccessKey, world.rootKey.accessKeyId, world.dataDir, good.path])
    assert.ok(!text.includes(secret), secret)
  const { status: other, text: said } = await get(`${new URL(world.metricsUrl).origin}/debug`)
  assert.deepEqual([other, said.length < 100], [404, true])
  assert.equal((await get(world.metricsUrl, {}, 'POST')).status, 405)
  assert.equal((await get(world.metricsUrl, { host: 'rebound.example' })).status, 421, 'a name of the web')
})

test('R23 /metrics asks for its token where there is one, and says nothing without', async () => {
  const file = join(scratch, 'token')
  writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 })
  await using world = await openWorld({ metricsListen: '127.0.0.1:0', metricsTokenFile: file })
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: `Basic ${TOKEN}` }]) {
    for (const path of ['/metrics', '/nothing']) {
      const { status, text } = await get(new URL(path, world.metricsUrl).href, headers)
      assert.deepEqual([status, text], [401, 'A bearer token is needed\n'])
    }
  }
  const { status, text } = await get(world.metricsUrl, { authorization: `Bearer ${TOKEN}` })
  assert.equal(status, 200)
  assert.ok(!text.includes(TOKEN))
  assert.ok(!world.lines.some((line) => line.includes(TOKEN)), 'the log holds the token')
})

test('R23 metrics beyond loopback are refused without a token, and without TLS', () => {
  const file = join(scratch, 'open')
  writeFileSync(file, `${TOKEN}\n`, { mode: 0o600 })
  const refused = (options: Parameters<typeof loadConfig>[0], text: RegExp): void =>
    assert.throws(
      () => loadConfig(options, {}),
      (error: unknown) => error instanceof ConfigError && text.test(error.message),
    )
  refused({ metricsListen: '0.0.0.0:9464' }, /Cannot give metrics on 0\.0\.0\.0 to whoever asks/)
  refused({ metricsListen: '0.0.0.0:9464', metricsTokenFile: file }, /without TLS/)
  refused({ metricsTokenFile: file }, /with --metrics-listen only/)
  chmodSync(file, 0o644)
  refused({ metricsListen: '127.0.0.1:9464', metricsTokenFile: file }, /others may read it/)
  chmodSync(file, 0o600)
  writeFileSync(file, 'short')
  refused({ metricsListen: '127.0.0.1:9464', metricsTokenFile: file }, /16 to 256/)
})
