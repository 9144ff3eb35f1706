import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, test } from 'node:test'
import { promisify } from 'node:util'
import { startServer } from '../src/app.ts'
import { callerOf } from '../src/aws/client.ts'
import type { Call } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { loadConfig } from '../src/config.ts'
import { createLog } from '../src/lib/log.ts'
import { roleback } from './fixtures/command-line.ts'
import { preflightOf } from './fixtures/preflight.ts'
import { KIT_COST } from './fixtures/kit-cost.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** Regions are names with storage of their own: what lies in one is not in the other, and copies go between them. */

const FAR = 'eu-west-1'
const TOOL = join(import.meta.dirname, '..', 'tools', 'recover.mjs')

let world: World
/** The root user, signing for the far region. */
let far: Call
let role: string
let point: string
let tree: Awaited<ReturnType<typeof registerDirectory>>

before(async () => {
  world = await openWorld({ regions: [FAR] })
  far = callerOf(world.url, world.rootKey, FAR)
  role = await makeRole(world, 'AWSBackup-regions', {
    managed: ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'],
  })
  await makeVault(world, 'vault')
  await makeVault({ ...world, call: far } as World, 'vault')
  tree = await registerDirectory(world, 'docs', (path) =>
    writeFileSync(join(path, 'a'), 'content\n'.repeat(999)),
  )
  point = await backUpWell(world, { BackupVaultName: 'vault', ResourceArn: tree.arn, IamRoleArn: role })
})
after(async () => await world[Symbol.asyncDispose]())

const vaultArn = (region: string): string => `arn:aws:backup:${region}:${world.accountId}:backup-vault:vault`
const refused =
  (code: string, text: string | RegExp) =>
  (error: unknown): boolean => {
    assert.ok(error instanceof AwsError, String(error))
    assert.equal(error.code, code, error.message)
    assert.match(error.message, new RegExp(text))
    return true
  }

async function copied(): Promise<string> {
  const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
    RecoveryPointArn: point,
    SourceBackupVaultName: 'vault',
    DestinationBackupVaultArn: vaultArn(FAR),
    IamRoleArn: role,
  })
  const job = await until('the copy to end', async () => {
    const { CopyJob } = await world.call('backup', 'DescribeCopyJob', { CopyJobId })
    return ['CREATED', 'RUNNING'].includes(CopyJob?.State ?? '') ? undefined : CopyJob
  })
  assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
  return job.DestinationRecoveryPointArn ?? ''
}

test('vaults of one name in two regions are two, each in its region’s storage', async () => {
  for (const [call, region] of [
    [world.call, world.region],
    [far, FAR],
  ] as const) {
    const { BackupVaultList = [] } = await call('backup', 'ListBackupVaults', {})
    assert.deepEqual(
      BackupVaultList.map(({ BackupVaultArn }) => BackupVaultArn),
      [vaultArn(region)],
    )
  }
  const [vault] = world.rows<{ vault_id: string }>('select vault_id from vault where region = ?', FAR)
  assert.ok(existsSync(join(world.scratch, FAR, vault?.vault_id ?? '', 'vault.json')))
  assert.ok(!existsSync(join(world.dataDir, 'vaults', vault?.vault_id ?? '')))
})

test('a copy goes into another region, is seen there and not here, and restores there', async () => {
  const copy = await copied()
  assert.match(copy, /^arn:aws:backup:eu-west-1:/)
  const here = { BackupVaultName: 'vault', RecoveryPointArn: copy }
  await assert.rejects(
    world.call('backup', 'DescribeRecoveryPoint', here),
    refused('ResourceNotFoundException', 'Cannot find recovery point'),
  )
  await assert.rejects(
    far('backup', 'DescribeRecoveryPoint', { BackupVaultName: 'vault', RecoveryPointArn: point }),
    refused('ResourceNotFoundException', 'Cannot find recovery point'),
  )
  const found = await far('backup', 'DescribeRecoveryPoint', here)
  assert.deepEqual([found.Status, found.SourceBackupVaultArn], ['COMPLETED', vaultArn(world.region)])
  const { RestoreJobId = '' } = await far('backup', 'StartRestoreJob', {
    RecoveryPointArn: copy,
    IamRoleArn: role,
    Metadata: { 'file-system-id': 'docs', newFileSystem: 'true' },
  })
  await assert.rejects(
    world.call('backup', 'DescribeRestoreJob', { RestoreJobId }),
    refused('ResourceNotFoundException', 'Cannot find restore job'),
  )
  const restored = await until('the restore to end', async () => {
    const job = await far('backup', 'DescribeRestoreJob', { RestoreJobId })
    return ['PENDING', 'RUNNING'].includes(job.Status ?? '') ? undefined : job
  })
  assert.equal(restored.Status, 'COMPLETED', restored.StatusMessage ?? '')
  const made = restored.CreatedResourceArn ?? ''
  assert.match(made, /^arn:aws:elasticfilesystem:eu-west-1:/)
  const { Resource } = await far('roleback', 'DescribeResource', { ResourceArn: made })
  const back = readFileSync(join(Resource.Connection?.Path ?? '', 'a'))
  assert.deepEqual(back, readFileSync(join(tree.path, 'a')))
})

test('the second reader lists, verifies and restores a copy with the kit alone', async () => {
  const copy = await copied()
  const [vault] = world.rows<{ vault_id: string }>('select vault_id from vault where region = ?', FAR)
  const at = join(world.scratch, FAR, vault?.vault_id ?? '')
  const kit = `${world.dataDir}-recovery`
  const recover = async (...args: readonly string[]): Promise<unknown> => {
    const keys = ['--kit', join(kit, 'recovery-kit.txt')]
    const passphrase = ['--passphrase-file', join(kit, 'recovery-passphrase.txt')]
    const { stdout } = await promisify(execFile)(process.execPath, [
      TOOL,
      ...args,
      ...keys,
      ...passphrase,
      '--json',
    ])
    return JSON.parse(stdout)
  }
  const { points } = (await recover('list', at)) as { points: readonly Record<string, unknown>[] }
  const mine = points.find(({ recoveryPointArn }) => recoveryPointArn === copy)
  assert.deepEqual([mine?.['items'], mine?.['damage']], [2, []])
  const { isWhole } = (await recover('verify', at)) as { isWhole: boolean }
  assert.equal(isWhole, true)
  const to = join(world.scratch, 'recovered')
  await recover('restore', at, String(mine?.['id']), to)
  assert.deepEqual(readFileSync(join(to, 'a')), readFileSync(join(tree.path, 'a')))
})

test('`roleback preflight copy` tests both sides beforehand, also where they are of two regions', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const args = ['preflight', 'copy', point, '--to', vaultArn(FAR), '--delete-after-days', '9', '--role']
  const good = await roleback([...args, 'AWSBackup-regions'], { env })
  assert.equal(good.code, 0, good.stdout + good.stderr)
  assert.match(good.stdout, /^Nothing is missing: 6 checks for 1 resource$/m)
  await makeRole(world, 'halfway', { statements: [allow('backup:CopyFromBackupVault')] })
  const half = await roleback([...args, 'halfway'], { env })
  assert.equal(half.code, 1, half.stderr)
  assert.match(
    half.stdout,
    /^MISSING +job +CopyIntoBackupVault +backup:CopyIntoBackupVault +arn:aws:backup:eu-west-1:/m,
  )
  assert.match(
    half.stdout,
    /^MISSING +expiry +DeleteRecoveryPoint +backup:DeleteRecoveryPoint +arn:aws:backup:eu-west-1:/m,
  )
})

test('a rule may name a vault of another region', async () => {
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'far',
      Rules: [
        {
          RuleName: 'r',
          TargetBackupVaultName: 'vault',
          CopyActions: [{ DestinationBackupVaultArn: vaultArn(FAR) }],
        },
      ],
    },
  })
  const { BackupPlan } = await world.call('backup', 'GetBackupPlan', { BackupPlanId })
  assert.equal(BackupPlan?.Rules?.[0]?.CopyActions?.[0]?.DestinationBackupVaultArn, vaultArn(FAR))
})

test('a region that is not served is no destination, and no region to sign for', async () => {
  const nowhere = vaultArn('ap-south-1')
  const input = {
    RecoveryPointArn: point,
    SourceBackupVaultName: 'vault',
    DestinationBackupVaultArn: nowhere,
    IamRoleArn: role,
  }
  await assert.rejects(
    world.call('backup', 'StartCopyJob', input),
    refused('InvalidParameterValueException', 'no region ap-south-1. It serves us-east-1, eu-west-1'),
  )
  const asked = { Operation: 'StartCopyJob', IamRoleArn: role, RecoveryPointArns: [point] } as const
  const found = await preflightOf(world, { ...asked, DestinationBackupVaultArn: nowhere })
  assert.deepEqual(
    found.Findings.map(({ Code }) => Code),
    ['NoSuchVault'],
  )
  await assert.rejects(
    callerOf(world.url, world.rootKey, 'ap-south-1')('backup', 'ListBackupVaults', {}),
    refused(
      'InvalidSignatureException',
      "serves 'us-east-1', 'eu-west-1', the request is signed for 'ap-south-1'",
    ),
  )
})

test('a resource of one region is not backed up in another', async () => {
  await assert.rejects(
    far('backup', 'StartBackupJob', { BackupVaultName: 'vault', ResourceArn: tree.arn, IamRoleArn: role }),
    refused('ResourceNotFoundException', 'registered in this account and region'),
  )
})

test('R7 the storage of a region is no resource', async () => {
  await assert.rejects(
    world.call('roleback', 'RegisterResource', {
      ResourceType: 'EFS',
      Name: 'vaults',
      Connection: { Path: join(world.scratch, FAR) },
    }),
    refused('InvalidParameterValueException', "overlaps the server's own data"),
  )
})

test('a vault that is deleted while its region’s storage is not mounted is removed once that is back', async () => {
  await makeVault({ ...world, call: far } as World, 'leaving')
  const [vault = assert.fail('no row')] = world.rows<{ vault_id: string }>(
    `select vault_id from vault where name = 'leaving'`,
  )
  const root = join(world.scratch, FAR)
  renameSync(root, `${root}-unmounted`)
  await far('backup', 'DeleteBackupVault', { BackupVaultName: 'leaving' })
  const job = () =>
    world.rows<{ job_id: string; state: string; status_message: string | null }>(
      `select job_id, state, status_message from job where kind = 'delete-vault' and input like '%"leaving"%'`,
    )[0]
  const waiting = await until('the deletion to wait', () => {
    const row = job()
    return row?.status_message == null ? undefined : row
  })
  assert.match(
    `${waiting.state} ${waiting.status_message}`,
    /^CREATED The storage of backup vault leaving \([0-9a-f]+\) is away: /,
  )
  renameSync(`${root}-unmounted`, root)
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'), { timeout: 60_000 })
  db.prepare('update job set run_at = 0 where job_id = ?').run(waiting.job_id)
  db.close()
  await until('the deletion to end', () => (job()?.state === 'COMPLETED' ? true : undefined))
  assert.ok(!existsSync(join(root, vault.vault_id)))
})

test('R12 a region’s storage that holds vaults of an earlier server, or that nobody names, stops the start', async () => {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-regions-'))
  try {
    const start = async (...regionRoot: string[]): Promise<void> => {
      const options = { dataDir: join(scratch, 'data'), listen: '127.0.0.1:0', regionRoot }
      const server = await startServer(loadConfig(options, {}), createLog('silent'), { kitCost: KIT_COST })
      try {
        if (regionRoot.length === 0) return
        const text = readFileSync(join(scratch, 'data', 'root-credentials'), 'utf8')
        const [, accessKeyId = '', secretAccessKey = ''] =
          /aws_access_key_id = (.*)\naws_secret_access_key = (.*)\n/.exec(text) ?? []
        const call = callerOf(server.url, { accessKeyId, secretAccessKey }, FAR)
        await makeVault({ call } as unknown as World, 'vault').catch((error: unknown) => {
          if (!(error instanceof AwsError && error.code === 'AlreadyExistsException')) throw error
        })
      } finally {
        await server.stop()
      }
    }
    const root = `${FAR}=${join(scratch, 'far')}`
    mkdirSync(join(scratch, 'far', 'old'), { recursive: true })
    await assert.rejects(start(root), /far holds vaults of an earlier server/)
    rmSync(join(scratch, 'far', 'old'), { recursive: true })
    await start(root)
    assert.equal(readdirSync(join(scratch, 'far')).length, 1)
    await assert.rejects(start(), /vaults lie in region eu-west-1.*Give --region-root eu-west-1=DIRECTORY/)
    await assert.rejects(start(root, `us-east-1=${scratch}/x`), /names us-east-1, the server's own region/)
    await assert.rejects(start(root, `us-west-2=${scratch}/far/b`), /overlaps/)
    await assert.rejects(start(root, `us-west-2=${scratch}/data/b`), /overlaps/)
    await start(root)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
})
