import assert from 'node:assert/strict'
import { cpSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { callerOf } from '../src/aws/client.ts'
import type { Credentials } from '../src/aws/client.ts'
import { DiskBlobStore } from '../src/blobs/disk.ts'
import { loadServerKey, ServerKey } from '../src/keyring/server-key.ts'
import { openServerWrapping } from '../src/keyring/vault-key.ts'
import {
  identityFolder,
  listIdentityExports,
  readIdentityManifest,
  writeIdentityManifest,
} from '../src/vault/points/identity-exports.ts'
import { openVault, readHeader } from '../src/vault/vault.ts'
import type { Ended } from './fixtures/command-line.ts'
import { exportedNow } from './fixtures/identity-export.ts'
import { rebuildOf } from './fixtures/rebuild.ts'
import { fillSmallTree, listTree } from './fixtures/small-tree.ts'
import { makeTenant } from './fixtures/tenant.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  restore,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

function removeExports(storage: string, is: (number: number) => boolean): void {
  const system = readdirSync(storage).find((name) => name.startsWith('system-')) ?? ''
  for (const name of readdirSync(join(storage, system, 'identity')))
    if (is(Number(name.slice(0, 8)))) rmSync(join(storage, system, 'identity', name), { recursive: true })
}

/** The whole data directory is gone; a rebuild brings recovery points and, confirmed by number, who may do what with them. */

const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const VAULT = 'kept'

interface Rebuilt {
  readonly points: number
  readonly problems: readonly string[]
  readonly identity: {
    readonly number: number
    readonly rows: Readonly<Record<string, number>>
    readonly keys: readonly { readonly userName: string | null; readonly accessKeyId: string }[]
    readonly problems: readonly string[]
  }
}

describe('vault rebuild --with-identity', () => {
  let world: World
  let role: string
  let tree: Awaited<ReturnType<typeof registerDirectory>>
  let planId: string
  let operatorKey: Credentials
  let adminKey: Credentials
  let tenantId: string
  let first: number
  let newest: number
  let there: Awaited<ReturnType<typeof declared>>
  let rebuilt: Rebuilt
  let back: Awaited<ReturnType<typeof declared>>
  const ended = new Map<string, Ended>()

  const storage = (): string => join(world.scratch, 'storage')

  before(async () => {
    world = await openWorld()
    await prepare()
    there = await declared()
    await world.offline(loseAndRebuild)
    back = await declared()
  })
  after(() => world[Symbol.asyncDispose]())

  const prepare = async (): Promise<void> => {
    role = await makeRole(world, 'keeper', { managed: RIGHTS })
    await world.call('iam', 'TagRole', { RoleName: 'keeper', Tags: [{ Key: 'team', Value: 'letters' }] })
    const { Policy } = await world.call('iam', 'CreatePolicy', {
      PolicyName: 'operate',
      PolicyDocument: policy(allow('backup:List*')),
    })
    await world.call('iam', 'CreatePolicyVersion', {
      PolicyArn: Policy?.Arn ?? '',
      SetAsDefault: true,
      PolicyDocument: policy(
        allow([
          'backup:StartRestoreJob',
          'backup:DescribeRestoreJob',
          'backup:GetRecoveryPointRestoreMetadata',
        ]),
        allow('iam:PassRole', role),
        allow(['elasticfilesystem:ClientMount', 'elasticfilesystem:DescribeFileSystems']),
      ),
    })
    await world.call('iam', 'CreateGroup', { GroupName: 'operators' })
    await world.call('iam', 'AttachGroupPolicy', { GroupName: 'operators', PolicyArn: Policy?.Arn ?? '' })
    operatorKey = (await makeUser(world, 'operator')).key
    await world.call('iam', 'AddUserToGroup', { GroupName: 'operators', UserName: 'operator' })
    adminKey = (await makeUser(world, 'leaving', [allow('*')])).key
    tree = await registerDirectory(world, 'letters', fillSmallTree)
    await makeVault(world, VAULT)
    await world.call('backup', 'PutBackupVaultAccessPolicy', {
      BackupVaultName: VAULT,
      Policy: policy({ Effect: 'Deny', Principal: '*', Action: 'backup:DeleteRecoveryPoint', Resource: '*' }),
    })
    await world.call('backup', 'PutBackupVaultLockConfiguration', {
      BackupVaultName: VAULT,
      MinRetentionDays: 7,
    })
    await world.call('backup', 'CreateLegalHold', {
      Title: 'the letters case',
      Description: 'nothing of it may go',
      RecoveryPointSelection: { VaultNames: [VAULT] },
    })
    const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
      BackupPlan: {
        BackupPlanName: 'nightly',
        Rules: [
          {
            RuleName: 'night',
            TargetBackupVaultName: VAULT,
            ScheduleExpression: 'cron(0 5 ? * * *)',
            Lifecycle: { DeleteAfterDays: 35 },
          },
        ],
      },
    })
    planId = BackupPlanId
    await world.call('backup', 'CreateBackupSelection', {
      BackupPlanId,
      BackupSelection: { SelectionName: 'letters', IamRoleArn: role, Resources: [tree.arn] },
    })
    tenantId = (await makeTenant(world, 'far team')).accountId
    await backUpWell(world, backupOfTree())
    first = await exportedNow(world)
    await world.call('iam', 'DeleteUserPolicy', { UserName: 'leaving', PolicyName: 'own' })
    newest = await exportedNow(world)
    await backUpWell(world, backupOfTree())
  }

  const backupOfTree = () => ({
    BackupVaultName: VAULT,
    ResourceArn: tree.arn,
    IamRoleArn: role,
    Lifecycle: { DeleteAfterDays: 30 },
  })

  const loseAndRebuild = async (): Promise<void> => {
    const serverKey = loadServerKey(join(world.dataDir, 'server.key'))
    renameSync(join(world.dataDir, 'vaults'), storage())
    rmSync(world.dataDir, { recursive: true })
    // A server that is stopped exports what changed last; one that is lost does not come to it.
    removeExports(storage(), (number) => number > newest)
    await plantExport(serverKey)
    const putBack = join(world.scratch, 'put-back')
    cpSync(storage(), putBack, { recursive: true })
    removeExports(putBack, (number) => number === newest)
    const blobs = (): readonly string[] => readdirSync(storage(), { recursive: true, encoding: 'utf8' })
    const before = blobs()
    const elsewhere = join(world.scratch, 'refused')
    ended.set('unconfirmed', await rebuildOf(world, storage(), ['--data-dir', elsewhere, '--with-identity']))
    ended.set(
      'planted',
      await rebuildOf(world, storage(), ['--data-dir', elsewhere, '--with-identity', String(newest + 1)]),
    )
    ended.set('put back', await rebuildOf(world, putBack, ['--data-dir', elsewhere, '--with-identity']))
    assert.deepEqual(blobs(), before)
    ended.set(
      'older',
      await rebuildOf(world, putBack, [
        '--data-dir',
        join(world.scratch, 'older'),
        '--with-identity',
        String(first),
      ]),
    )
    const done = await rebuildOf(world, storage(), ['--with-identity', String(newest)])
    assert.equal(done.code, 0, done.stderr)
    rebuilt = JSON.parse(done.stdout) as Rebuilt
  }

  /** Who has the system vault's key, as a server that was replaced has it, writes a newer export that gives everything away. */
  const plantExport = async (serverKey: ServerKey): Promise<void> => {
    const name = readdirSync(storage()).find((one) => one.startsWith('system-')) ?? ''
    const store = new DiskBlobStore(join(storage(), name))
    const { vaultId } = await readHeader(store)
    const wrapping = await store.get('keys/server.json')
    const vault = await openVault(store, openServerWrapping(serverKey, vaultId, 1, wrapping).vaultKeys)
    const [last] = await listIdentityExports(store)
    const { manifest } = await readIdentityManifest(store, vault.keys, last ?? { folder: '', number: 0 })
    const stranger = new ServerKey(Buffer.alloc(32, 9))
    const number = newest + 1
    const folder = identityFolder(number, Date.now())
    const planted = { ...manifest, number, signer: stranger.identitySigner, parts: [] }
    await writeIdentityManifest(store, vault.keys, folder, planted, (text) => stranger.signIdentity(text))
  }

  /** What people declared, as the API tells it. */
  const declared = async () => {
    const details = await world.call('iam', 'GetAccountAuthorizationDetails', {})
    const { BackupPlan } = await world.call('backup', 'GetBackupPlan', { BackupPlanId: planId })
    const { BackupSelectionsList = [] } = await world.call('backup', 'ListBackupSelections', {
      BackupPlanId: planId,
    })
    const { Policy } = await world.call('backup', 'GetBackupVaultAccessPolicy', { BackupVaultName: VAULT })
    const { Locked, MinRetentionDays } = await world.call('backup', 'DescribeBackupVault', {
      BackupVaultName: VAULT,
    })
    const { LegalHolds } = await world.call('backup', 'ListLegalHolds', {})
    const { Resource } = await world.call('roleback', 'DescribeResource', { ResourceArn: tree.arn })
    const { Accounts } = await world.call('roleback', 'ListAccounts', {})
    const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: VAULT,
    })
    return {
      users: details.UserDetailList,
      groups: details.GroupDetailList,
      roles: details.RoleDetailList?.map((one) => ({ ...one, RoleLastUsed: undefined })),
      policies: details.Policies?.filter(({ Arn }) => Arn?.includes(':aws:policy/') === false),
      BackupPlan,
      BackupSelectionsList,
      Policy,
      lock: { Locked, MinRetentionDays },
      LegalHolds,
      connection: Resource.Connection,
      accounts: Accounts.map(({ AccountId, Name }) => [AccountId, Name]),
      points: RecoveryPoints.map(({ RecoveryPointArn }) => RecoveryPointArn),
    }
  }

  test('users, groups, roles with their ids, policies, plan, selection, connection, lock, hold and accounts are what they were', () => {
    assert.deepEqual(back, there)
    assert.equal(back.users?.length, 2)
    assert.equal(back.policies?.[0]?.PolicyVersionList?.length, 2)
    assert.match(back.roles?.find(({ RoleName }) => RoleName === 'keeper')?.RoleId ?? '', /^AROA/)
    assert.ok(back.accounts.some(([id]) => id === tenantId))
    assert.deepEqual([back.lock, back.points.length], [{ Locked: true, MinRetentionDays: 7 }, 2])
    assert.deepEqual([rebuilt.identity.number, rebuilt.problems, rebuilt.identity.problems], [newest, [], []])
  })

  test('R19 access keys come back inactive, and nobody signs with them until an administrator has said so', async () => {
    const names = rebuilt.identity.keys.map(({ userName }) => userName)
    for (const name of ['operator', 'leaving', 'tenant-admin']) assert.ok(names.includes(name), name)
    for (const key of [operatorKey, adminKey])
      await assert.rejects(callerOf(world.url, key, world.region)('sts', 'GetCallerIdentity', {}), {
        code: 'InvalidClientTokenId',
      })
  })

  test('the same caller, with the same key, restores under the same role, byte for byte', async () => {
    const { accessKeyId: AccessKeyId } = operatorKey
    await world.call('iam', 'UpdateAccessKey', { UserName: 'operator', AccessKeyId, Status: 'Active' })
    const call = callerOf(world.url, operatorKey, world.region)
    const RecoveryPointArn = back.points[0] ?? ''
    const { RestoreMetadata } = await call('backup', 'GetRecoveryPointRestoreMetadata', {
      BackupVaultName: VAULT,
      RecoveryPointArn,
    })
    const Metadata = { ...RestoreMetadata, newFileSystem: 'true', CreationToken: 'again' }
    const job = await restore(world, { RecoveryPointArn, IamRoleArn: role, Metadata }, call)
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    const { Resource } = await world.call('roleback', 'DescribeResource', {
      ResourceArn: job.CreatedResourceArn ?? '',
    })
    assert.deepEqual(listTree(Resource.Connection?.Path ?? ''), listTree(tree.path))
    await assert.rejects(call('backup', 'DeleteBackupVault', { BackupVaultName: VAULT }), {
      code: 'AccessDeniedException',
    })
    await backUpWell(world, backupOfTree())
  })

  test('R19 what was withdrawn before the loss stays withdrawn', async () => {
    const { accessKeyId: AccessKeyId } = adminKey
    await world.call('iam', 'UpdateAccessKey', { UserName: 'leaving', AccessKeyId, Status: 'Active' })
    const call = callerOf(world.url, adminKey, world.region)
    await assert.rejects(call('iam', 'ListUsers', {}), { code: 'AccessDenied' })
  })

  test('R19 an export is confirmed by its number, after date and contents were shown', () => {
    const { code, stderr } = ended.get('unconfirmed') as Ended
    assert.equal(code, 2, stderr)
    assert.match(stderr, new RegExp(`identity export\\s+${newest}, of \\d{4}-`))
    assert.match(stderr, /users\s+3/)
    assert.match(stderr, new RegExp(`since export ${first}: as many of each`))
    assert.match(stderr, new RegExp(`Nothing was changed. .*--with-identity ${newest}$`, 'm'))
  })

  test('R19 an export that another signed is never taken, however new it says that it is', () => {
    const { stderr: passed } = ended.get('unconfirmed') as Ended
    assert.match(passed, /is not signed by a server that is believed: it may have been planted/)
    const { code, stderr } = ended.get('planted') as Ended
    assert.equal(code, 1, stderr)
    assert.match(stderr, new RegExp(`export ${newest + 1} is not there, whole and signed`))
  })

  test('R19 where the newest export was taken away nobody confirms an older one unknowing', () => {
    const { code, stderr } = ended.get('put back') as Ended
    assert.equal(code, 1, stderr)
    assert.match(
      stderr,
      new RegExp(
        `newest export is number ${first}, and recovery points were made when there was number ${newest}`,
      ),
    )
    const older = ended.get('older') as Ended
    assert.equal(older.code, 0, older.stderr)
    const { identity } = JSON.parse(older.stdout) as Rebuilt
    assert.match(
      identity.problems[0] ?? '',
      new RegExp(`what was changed since export ${first}, rights that were withdrawn`),
    )
  })

  test('the next export has a greater number than all before, in the same system vault', async () => {
    const number = await until('the next export', () => {
      const [row] = world.rows<{ number: number; at: number | null }>(
        'select exported_number as "number", exported_at as "at" from identity_export',
      )
      return row?.at === null ? undefined : row?.number
    })
    assert.ok(number > newest, String(number))
    assert.equal(readdirSync(storage()).filter((name) => name.startsWith('system-')).length, 1)
  })
})
