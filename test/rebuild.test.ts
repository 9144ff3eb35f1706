import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { startServer } from '../src/app.ts'
import { DiskBlobStore } from '../src/blobs/disk.ts'
import { callerOf } from '../src/aws/client.ts'
import { loadConfig } from '../src/config.ts'
import { loadServerKey } from '../src/keyring/server-key.ts'
import { openServerWrapping } from '../src/keyring/vault-key.ts'
import { createLog } from '../src/lib/log.ts'
import { openVault } from '../src/vault/vault.ts'
import { writeHead } from '../src/vault/points/heads.ts'
import { roleback } from './fixtures/command-line.ts'
import type { Ended } from './fixtures/command-line.ts'
import { kitOptionsOf, rebuildOf } from './fixtures/rebuild.ts'
import { fillSmallTree, listTree } from './fixtures/small-tree.ts'
import {
  backUpWell,
  jobEnd,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
  until,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** A server whose data directory is gone, brought back from its vaults and the recovery kit; then the lost one comes back. */

const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const VAULT = 'kept'

interface Rebuilt {
  readonly accountId: string
  readonly vaults: number
  readonly points: number
  readonly holds: number
  readonly problems: readonly string[]
  readonly ownKeyOnly: readonly { readonly vault: string; readonly keyArn: string }[]
  readonly underKeys: readonly { readonly vault: string; readonly keyArn: string; readonly name: string }[]
  readonly kitFile: string
  readonly passphraseFile: string
  readonly credentialsFile: string
}

describe('vault rebuild', () => {
  let world: World
  let role: string
  let tree: { arn: string; path: string; restoreRoot: string }
  let before_: Awaited<ReturnType<typeof catalogue>>
  let rebuilt: Rebuilt
  /** Of the keys that `empty-one` and `gapped` are made under; the rebuild is given the first. */
  const keyArns = { department: '', other: '' }
  const sourceOf = (name: 'department' | 'other'): string =>
    `${name}=command:/bin/echo ${Buffer.alloc(32, name).toString('base64')}`
  const withKey = ['--encryption-key', sourceOf('department')]
  let refusals: Readonly<Record<string, Ended>>

  const inScratch = (name: string): string => join(world.scratch, name)
  const storage = (): string => inScratch('storage')
  const kitFile = (): string => `${world.dataDir}-recovery/recovery-kit.txt`
  const passphraseFile = (): string => `${world.dataDir}-recovery/recovery-passphrase.txt`
  const rootEnv = (): Record<string, string> => ({
    ROLEBACK_ROOT_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    ROLEBACK_ROOT_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  })
  before(async () => {
    world = await openWorld({ serve: { encryptionKey: [sourceOf('department'), sourceOf('other')] } })
    await prepare()
    before_ = await catalogue(world)
    await world.offline(loseAndRebuild)
  })
  const loseAndRebuild = async (): Promise<void> => {
    cpSync(world.dataDir, inScratch('old'), { recursive: true })
    renameSync(join(world.dataDir, 'vaults'), storage())
    rmSync(world.dataDir, { recursive: true })
    rmSync(inScratch('old/vaults'), { recursive: true })
    symlinkSync(storage(), inScratch('old/vaults'))
    refusals = await refused()
    plantHostileHeads()
    await crashes()
    const ended = await rebuildOf(world, storage(), withKey)
    assert.equal(ended.code, 0, ended.stderr)
    rebuilt = JSON.parse(ended.stdout) as Rebuilt
  }
  after(() => world[Symbol.asyncDispose]())

  const prepare = async (): Promise<void> => {
    role = await makeRole(world, 'keeper', { managed: RIGHTS })
    await makeVault(world, VAULT)
    for (const name of ['department', 'other'] as const) {
      const { EncryptionKey } = await world.call('roleback', 'CreateEncryptionKey', { Name: name })
      keyArns[name] = EncryptionKey.KeyArn
    }
    await world.call('backup', 'CreateBackupVault', {
      BackupVaultName: 'empty-one',
      EncryptionKeyArn: keyArns.department,
    })
    await world.call('backup', 'CreateLogicallyAirGappedBackupVault', {
      BackupVaultName: 'gapped',
      EncryptionKeyArn: keyArns.other,
      MinRetentionDays: 7,
      MaxRetentionDays: 30,
    })
    await until('the air-gapped vault to be there', async () => {
      const { VaultState } = await world.call('backup', 'DescribeBackupVault', { BackupVaultName: 'gapped' })
      return VaultState === 'AVAILABLE' ? true : undefined
    })
    tree = await registerDirectory(world, 'letters', fillSmallTree)
    const input = { BackupVaultName: VAULT, ResourceArn: tree.arn, IamRoleArn: role }
    const first = await backUpWell(world, {
      ...input,
      RecoveryPointTags: { made: 'by hand', gone: 'soon' },
      Lifecycle: { DeleteAfterDays: 400 },
    })
    writeFileSync(join(tree.path, 'later'), 'later')
    await world.call('backup', 'CreateLegalHold', {
      Title: 'the letters case',
      Description: 'nothing of it may go',
      RecoveryPointSelection: { ResourceIdentifiers: [tree.arn], VaultNames: [VAULT] },
    })
    await backUpWell(world, input)
    await world.call('backup', 'UntagResource', { ResourceArn: first, TagKeyList: ['gone'] })
    await world.call('backup', 'TagResource', { ResourceArn: first, Tags: { changed: 'later' } })
    await world.call('backup', 'UpdateRecoveryPointLifecycle', {
      BackupVaultName: VAULT,
      RecoveryPointArn: first,
      Lifecycle: { DeleteAfterDays: 500 },
    })
    const over = await world.call('backup', 'CreateLegalHold', {
      Title: 'a case that is over',
      Description: 'its points are free again',
      RecoveryPointSelection: { VaultNames: [VAULT] },
    })
    await world.call('backup', 'CancelLegalHold', {
      LegalHoldId: over.LegalHoldId ?? '',
      CancelDescription: 'over',
    })
    await world.call('backup', 'PutBackupVaultLockConfiguration', {
      BackupVaultName: VAULT,
      MinRetentionDays: 7,
      MaxRetentionDays: 36_500,
    })
    await until('all that changed to be in the vault', () =>
      world.rows<{ left: number }>(
        `select count(*) as "left" from job where kind in ('amend-point', 'seal-vault') and state <> 'COMPLETED'`,
      )[0]?.left === 0
        ? true
        : undefined,
    )
  }

  /** What must not begin, tried while there is nothing to lose. */
  const refused = async (): Promise<Readonly<Record<string, Ended>>> => {
    const empty = inScratch('empty')
    const wrong = inScratch('wrong-passphrase')
    mkdirSync(empty, { recursive: true })
    writeFileSync(wrong, 'not it')
    const command = ['vault', 'rebuild']
    const given = kitOptionsOf(world)
    const at = (name: string): string[] => ['--data-dir', inScratch(`refused-${name}`)]
    mkdirSync(inScratch('headerless/vault/keys'), { recursive: true })
    writeFileSync(inScratch('headerless/vault/keys/server.json'), '')
    return {
      wrongPassphrase: await rebuildOf(world, storage(), ['--passphrase-file', wrong]),
      noVaults: await roleback([...command, empty, ...given, ...at('empty')]),
      headerless: await roleback([...command, inScratch('headerless'), ...given, ...at('empty')]),
      taken: await roleback([...command, storage(), ...given, '--data-dir', inScratch('old')]),
      freshStart: await freshStart(),
    }
  }

  /** R12 with the vaults where a server keeps them. */
  const freshStart = async (): Promise<Ended> => {
    const dataDir = inScratch('fresh')
    mkdirSync(dataDir)
    symlinkSync(storage(), join(dataDir, 'vaults'))
    const ended = await roleback(['serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir])
    assert.equal(
      existsSync(join(dataDir, 'server.key')),
      false,
      'a key was made for a server that did not start',
    )
    return ended
  }

  /** Heads that somebody with the vault's key wrote, who is not this server. */
  const plantHostileHeads = (): void => {
    planted.push([
      'foreign',
      { accountId: '999999999999', recoveryPointArn: point('999999999999', 'foreign') },
    ])
    planted.push(['stranger', { recoveryPointArn: point('999999999999', 'stranger') }])
    planted.push(['nothing', { recoveryPointArn: 7 }])
    planted.push(['kind', { resourceType: 'TARDIS' }])
    planted.push([
      'root',
      {
        recoveryPointArn: point(world.accountId, 'root'),
        resourceName: 'x',
        roleArn: `arn:aws:iam::${world.accountId}:role/administrator`,
        roleId: 'AROAADMINISTRATOR001',
        user: { name: 'mallory', policy: '{"Effect":"Allow"}' },
        policies: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
      },
    ])
  }
  const planted: [string, Record<string, unknown>][] = []
  const point = (accountId: string, id: string): string =>
    `arn:aws:backup:us-east-1:${accountId}:recovery-point:${id}`

  /** A rebuild that dies on its way, at each step that leaves something; the next one must finish it. */
  const crashes = async (): Promise<void> => {
    await writePlanted()
    for (const at of ['vault-key.added', 'vault-key.added', 'vault-key.wrapped:3']) {
      const ended = await rebuildOf(world, storage(), withKey, { ROLEBACK_CRASH_AT: at })
      assert.notEqual(ended.code, 0, `${at}: ${ended.stdout}`)
      assert.equal(ended.stdout, '', at)
    }
  }

  const writePlanted = async (): Promise<void> => {
    const directory = vaultDirectory('kept')
    const store = new DiskBlobStore(directory)
    const serverKey = loadServerKey(inScratch('old/server.key'))
    const bytes = readFileSync(join(directory, 'keys/server.json'))
    const { vaultId } = JSON.parse(
      readFileSync(join(directory, 'vault.json'), 'utf8').split('\n')[0] ?? '',
    ) as {
      vaultId: string
    }
    const vault = await openVault(store, openServerWrapping(serverKey, vaultId, 1, bytes).vaultKeys)
    const { points } = await vault.listPoints()
    const honest = points[0] as (typeof points)[number]
    for (const [pointId, record] of planted) {
      const arn = point(world.accountId, pointId)
      await writeHead(store, vault.keys, {
        ...honest,
        pointId,
        record: { ...honest.record, recoveryPointArn: arn, ...record },
      })
    }
  }

  const vaultDirectory = (name: string): string => {
    const id = vaultIds.get(name)
    assert.ok(id !== undefined, name)
    return join(storage(), id)
  }
  const vaultIds = new Map<string, string>()

  const catalogue = async (of: World) => {
    for (const { name, vault_id } of of.rows<{ name: string; vault_id: string }>(
      'select name, vault_id from vault',
    ))
      vaultIds.set(name, vault_id)
    const { RecoveryPoints = [] } = await of.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: VAULT,
    })
    const points = []
    for (const { RecoveryPointArn = '' } of RecoveryPoints) {
      if (RecoveryPointArn.endsWith(':root')) continue
      // Nobody knows what a resource is called before it is registered again.
      const { ResourceName: _, ...described } = await of.call('backup', 'DescribeRecoveryPoint', {
        BackupVaultName: VAULT,
        RecoveryPointArn,
      })
      const { Tags } = await of.call('backup', 'ListTags', { ResourceArn: RecoveryPointArn })
      const { RestoreMetadata } = await of.call('backup', 'GetRecoveryPointRestoreMetadata', {
        BackupVaultName: VAULT,
        RecoveryPointArn,
      })
      points.push({ described, Tags, RestoreMetadata })
    }
    const { LegalHolds = [] } = await of.call('backup', 'ListLegalHolds', {})
    const holds = []
    for (const { LegalHoldId = '', Status } of LegalHolds) {
      if (Status !== 'ACTIVE') continue
      holds.push(await of.call('backup', 'GetLegalHold', { LegalHoldId }))
    }
    const { Locked, MinRetentionDays, MaxRetentionDays, BackupVaultArn, CreationDate } = await of.call(
      'backup',
      'DescribeBackupVault',
      { BackupVaultName: VAULT },
    )
    const { BackupVaultList = [] } = await of.call('backup', 'ListBackupVaults', {})
    return {
      points,
      holds,
      vault: { Locked, MinRetentionDays, MaxRetentionDays, BackupVaultArn, CreationDate },
      vaults: BackupVaultList.map(({ BackupVaultName, VaultType, Locked, CreationDate }) => [
        BackupVaultName,
        VaultType,
        Locked,
        CreationDate,
      ]),
    }
  }

  test('every recovery point, its retention, tags, legal hold and lock are what they were', async () => {
    assert.equal(before_.points.length, 2)
    assert.deepEqual(
      { ...before_.points.find(({ Tags }) => Tags?.['changed'] !== undefined)?.Tags },
      {
        'aws:backup:source-resource': tree.arn,
        Name: 'letters',
        changed: 'later',
        made: 'by hand',
      },
    )
    assert.deepEqual(await catalogue(world), before_)
    assert.deepEqual([rebuilt.accountId, rebuilt.vaults, rebuilt.holds], [world.accountId, 3, 1])
    const { department, other } = keyArns
    assert.deepEqual(rebuilt.underKeys, [{ vault: 'empty-one', keyArn: department, name: 'department' }])
    assert.deepEqual(rebuilt.ownKeyOnly, [{ vault: 'gapped', keyArn: other }])
    const keysOf = async (BackupVaultName: string): Promise<unknown> =>
      (await world.call('backup', 'DescribeBackupVault', { BackupVaultName })).EncryptionKeyArn
    const own = `arn:aws:kms:${world.region}:${world.accountId}:alias/aws/backup`
    assert.deepEqual([await keysOf('empty-one'), await keysOf('gapped')], [department, own])
    const wrapped = world.rows<{ wrapped_key: string }>(
      `select wrapped_key from vault where name = 'empty-one'`,
    )
    assert.ok(wrapped[0]?.wrapped_key.startsWith(`${department.split('/')[1]}:`))
    const { EncryptionKeys } = await world.call('roleback', 'ListEncryptionKeys', {})
    assert.deepEqual(
      EncryptionKeys.map(({ Name, IsAvailable, KeyArn }) => [Name, IsAvailable, KeyArn]),
      [['department', true, department]],
    )
    const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName: 'empty-one' })
    assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')
  })

  test('a held and locked recovery point cannot be deleted after a rebuild either', async () => {
    const [held] = before_.points
    await assert.rejects(
      world.call('backup', 'DeleteRecoveryPoint', {
        BackupVaultName: VAULT,
        RecoveryPointArn: held?.described.RecoveryPointArn ?? '',
      }),
      /the letters case|locked/,
    )
  })

  test('R19 Names, owners and roles in manifest heads are data, never grants', async () => {
    assert.equal(rebuilt.points, 3)
    assert.equal(rebuilt.problems.length, 4)
    for (const [pointId] of planted)
      assert.equal(
        rebuilt.problems.some((problem) => problem.includes(`point ${pointId} in vault ${VAULT}`)),
        pointId !== 'root',
        pointId,
      )
    for (const table of [
      'iam_user',
      'iam_role',
      'iam_policy',
      'iam_inline_policy',
      'iam_attachment',
      'iam_group',
    ])
      assert.deepEqual(rowsAtFirst.get(table), [], table)
    assert.deepEqual(rowsAtFirst.get('account'), [{ account_id: world.accountId }])
    assert.deepEqual(rowsAtFirst.get('iam_access_key'), [{ account_id: world.accountId, user_id: null }])
  })
  const rowsAtFirst = new Map<string, readonly object[]>()
  before(() => {
    for (const table of [
      'iam_user',
      'iam_role',
      'iam_policy',
      'iam_inline_policy',
      'iam_attachment',
      'iam_group',
    ])
      rowsAtFirst.set(table, plain(world.rows(`select * from ${table}`)))
    rowsAtFirst.set('account', plain(world.rows('select account_id from account')))
    rowsAtFirst.set('iam_access_key', plain(world.rows('select account_id, user_id from iam_access_key')))
  })

  test('R12 and the rebuild refuse what would lose something, say why, and name the way', () => {
    const { wrongPassphrase, noVaults, headerless, taken, freshStart: fresh } = refusals
    assert.equal(wrongPassphrase?.code, 1)
    assert.match(wrongPassphrase.stderr, /the passphrase is not the one it was made with/)
    assert.equal(noVaults?.code, 1)
    assert.match(noVaults.stderr, /no vault lies there/)
    assert.equal(headerless?.code, 1)
    assert.match(
      headerless.stderr,
      /the vault in ".*headerless\/vault" has lost its vault\.json\. "node tools/,
    )
    assert.equal(taken?.code, 1)
    assert.match(taken.stderr, /it belongs to a server already \(account 123456789012\)/)
    assert.equal(fresh?.code, 1)
    assert.match(fresh.stderr, /Cannot start fresh: .*roleback vault rebuild .* --kit FILE.*--new/)
  })

  test('a rebuilt recovery point restores byte for byte, and the vault takes the next backup', async () => {
    const again = await makeRole(world, 'keeper', { managed: RIGHTS })
    const target = await registerDirectory(world, 'letters-again', () => undefined)
    const newest = before_.points[0] as (typeof before_.points)[number]
    const job = await restore(world, {
      RecoveryPointArn: newest.described.RecoveryPointArn ?? '',
      IamRoleArn: again,
      Metadata: {
        ...newest.RestoreMetadata,
        newFileSystem: 'false',
        'file-system-id': target.arn.split('/').at(-1) ?? '',
      },
    })
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    const restored = readdirSync(target.path)[0] ?? ''
    assert.match(restored, /^aws-backup-restore_/)
    assert.deepEqual(listTree(join(target.path, restored)), listTree(tree.path))
    const next = { BackupVaultName: VAULT, ResourceArn: target.arn, IamRoleArn: again }
    await backUpWell(world, { ...next, Lifecycle: { DeleteAfterDays: 30 } })
    assert.equal((await startAndEnd('StartVerifyJob')).State, 'COMPLETED')
  })

  const startAndEnd = async (operation: 'StartVerifyJob' | 'StartSweepJob') => {
    const { JobId } = await world.call('roleback', operation, { BackupVaultName: VAULT })
    return await jobEnd(world, JobId)
  }

  test('R7 the vaults that stayed where they were are nobody’s resource', async () => {
    for (const Path of [storage(), vaultDirectory(VAULT)])
      await assert.rejects(
        world.call('roleback', 'RegisterResource', {
          ResourceType: 'EFS',
          Name: 'thief',
          Connection: { Path },
        }),
        /vault|own/,
      )
  })

  test('the new kit opens everything without us, the one that was used what was written until then', () => {
    const list = (kit: string, passphrase: string): { code: number; ids: readonly string[] } => {
      const args = ['tools/recover.mjs', 'list', vaultDirectory(VAULT), '--json', '--kit', kit]
      try {
        const options = { encoding: 'utf8', stdio: 'pipe' } as const
        const text = execFileSync(process.execPath, [...args, '--passphrase-file', passphrase], options)
        return { code: 0, ids: idsIn(text) }
      } catch (error) {
        const { status, stdout } = error as { status: number; stdout: string }
        return { code: status, ids: idsIn(stdout) }
      }
    }
    const idsIn = (text: string): readonly string[] =>
      (JSON.parse(text) as { points: { id: string; resourceType: string }[] }).points
        .filter(({ resourceType }) => resourceType === 'EFS')
        .map(({ id }) => id)
    const all = list(rebuilt.kitFile, rebuilt.passphraseFile)
    const older = list(kitFile(), passphraseFile())
    assert.equal(all.code, 0)
    assert.equal(older.code, 1)
    assert.equal(all.ids.length, older.ids.length + 1)
    assert.equal(statSync(rebuilt.kitFile).mode & 0o777, 0o600)
  })

  test('R19 a new server epoch fences the old one: the lost server neither writes nor sweeps', async () => {
    const blobs = (): readonly string[] =>
      readdirSync(storage(), { recursive: true, encoding: 'utf8' }).toSorted()
    const lines: string[] = []
    const config = loadConfig({ dataDir: inScratch('old'), listen: '127.0.0.1:0' }, rootEnv())
    await until('jobs of the new server to end', () =>
      world.rows<{ left: number }>(
        `select count(*) as "left" from job where state in ('CREATED', 'PENDING', 'RUNNING')`,
      )[0]?.left === 0
        ? true
        : undefined,
    )
    const there = blobs()
    const old = await startServer(
      config,
      createLog('json', (line) => void lines.push(line)),
    )
    try {
      const call = callerOf(old.url, world.rootKey, world.region)
      const asOld: World = { ...world, call }
      for (const operation of ['StartSweepJob', 'StartVerifyJob'] as const) {
        const { JobId } = await call('roleback', operation, { BackupVaultName: VAULT })
        const job = await jobEnd(asOld, JobId)
        assert.equal(job.State, 'FAILED')
        assert.match(job.StatusMessage ?? '', /Another server has taken over the vault/)
      }
      const { BackupJobId = '' } = await call('backup', 'StartBackupJob', {
        BackupVaultName: VAULT,
        ResourceArn: tree.arn,
        IamRoleArn: role,
        Lifecycle: { DeleteAfterDays: 30 },
      })
      const backup = await until('the backup to end', async () => {
        const job = await call('backup', 'DescribeBackupJob', { BackupJobId })
        return ['CREATED', 'PENDING', 'RUNNING'].includes(job.State ?? '') ? undefined : job
      })
      assert.equal(backup.State, 'FAILED')
      assert.match(backup.StatusMessage ?? '', /Another server has taken over the vault/)
    } finally {
      await old.stop()
    }
    assert.deepEqual(blobs(), there)
  })
})

const plain = (rows: readonly unknown[]): readonly object[] =>
  rows.map((row) => ({ ...(row as Record<string, unknown>) }))
