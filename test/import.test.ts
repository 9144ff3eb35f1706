import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs'
import { symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { AwsError } from '../src/aws/error.ts'
import type { Call, InputOf } from '../src/aws/client.ts'
import { listing, nastyTree } from '../src/drivers/directory/directory.fixture.ts'
import { BlobWriter } from '../src/restic/packs.ts'
import { createRepository, saveSealed } from '../src/restic/repository.ts'
import { CHEAP_COSTS, makeKeysCheap, RESTIC_VERSION, WITHOUT_RESTIC } from '../src/restic/restic.fixture.ts'
import {
  allow,
  backUp,
  decisionsOf,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
} from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** Repositories that restic wrote, brought into a vault by a whole server, restored, and given back to restic. */

const PASSWORD = 'the planted password of an import'
const VAULT = 'imported'
const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores']
const VERSION = Number(/^restic 0\.(\d+)/.exec(RESTIC_VERSION ?? '')?.[1] ?? 0)

type ImportInput = Partial<InputOf<'roleback', 'StartImportJob'>>
type Job = Awaited<ReturnType<typeof jobEnd>> & { readonly StatusMessage: string }
type Snapshot = { readonly id: string; readonly time: string; readonly paths: readonly string[] }

/** What a recovery point holds does not tell the version that it came from: once is enough. */
const skips = (version: number): string | false => version === 1 && 'shown with version 2'

describe('An import job', () => {
  let world: World
  let role: string
  let passwordFile: string

  before(async () => {
    world = await openWorld()
    // Set-id bits, devices and capabilities are restored with this right alone.
    const statements = [allow('elasticfilesystem:ClientRootAccess')]
    role = await makeRole(world, 'importer', { managed: RIGHTS, statements })
    await makeVault(world, VAULT)
    passwordFile = join(world.scratch, 'password')
    writeFileSync(passwordFile, PASSWORD, { mode: 0o600 })
  })
  after(() => world[Symbol.asyncDispose]())

  const inScratch = (name: string): string => join(world.scratch, name)

  const restic = async (repository: string, ...args: readonly string[]): Promise<string> => {
    const all = ['--repo', repository, '--password-file', passwordFile, '--no-cache', ...args]
    const { stdout } = await promisify(execFile)('restic', all, { encoding: 'utf8', maxBuffer: 1 << 28 })
    return stdout
  }
  /** As restic makes it, but for what its password costs. */
  const init = async (repository: string, ...args: readonly string[]): Promise<void> => {
    await restic(repository, 'init', ...args)
    await makeKeysCheap(repository, PASSWORD)
  }
  const snapshotsIn = async (repository: string): Promise<readonly Snapshot[]> =>
    JSON.parse(await restic(repository, 'snapshots', '--json')) as Snapshot[]

  const start = async (
    SourcePath: string,
    input: ImportInput = {},
    call: Call = world.call,
  ): Promise<string> => {
    const { JobId } = await call('roleback', 'StartImportJob', {
      BackupVaultName: VAULT,
      ResourceArn: '',
      Format: 'restic',
      SourcePath,
      Password: PASSWORD,
      IamRoleArn: role,
      ...input,
    })
    return JobId
  }
  const run = async (source: string, input: ImportInput): Promise<Job> => {
    const job = await jobEnd(world, await start(source, input))
    return { ...job, StatusMessage: job.StatusMessage ?? '' }
  }
  const pointsOf = async (ByResourceArn: string): Promise<readonly Point[]> => {
    const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: VAULT,
      ByResourceArn,
    })
    return (RecoveryPoints as readonly Point[]).toSorted(
      (a, b) => Number(a.CreationDate) - Number(b.CreationDate),
    )
  }
  const restored = async (point: string): Promise<string> => {
    const CreationToken = `r${++restores}`
    const job = await restore(world, {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: {
        'file-system-id': point.slice(-8),
        newFileSystem: 'true',
        CreationToken,
        PerformanceMode: 'generalPurpose',
        Encrypted: 'false',
      },
    })
    assert.equal(job.Status, 'COMPLETED', job.StatusMessage ?? '')
    const [path] = readdirSync(inScratch('restored')).filter((name) =>
      existsSync(join(inScratch('restored'), name, CreationToken)),
    )
    return join(inScratch('restored'), path as string, CreationToken)
  }
  let restores = 0

  for (const version of VERSION < 14 ? [] : [1, 2]) {
    describe(`of a repository of version ${version}`, { skip: WITHOUT_RESTIC }, () => {
      const repository = (): string => inScratch(`v${version}`)
      let tree: { arn: string; path: string; restoreRoot: string }
      let first: readonly string[]
      let ids: readonly Snapshot[]

      before(async () => {
        tree = await registerDirectory(world, `tree-${version}`, (path) => {
          nastyTree(path)
          rmSync(join(path, 'sparse'))
          if (VERSION < 17) rmSync(join(path, 'link not UTF-8'))
          writeFileSync(join(path, 'holes'), 'behind it come 24 MiB of nothing')
          truncateSync(join(path, 'holes'), 24 * 1024 * 1024)
          mkdirSync(join(path, 'excluded'))
          writeFileSync(join(path, 'excluded', 'x'), '')
        })
        first = listing(tree.path).filter((line) => !line.startsWith('excluded'))
        await init(repository(), '--repository-version', `${version}`)
        const tags = ['--tag', 'nightly', '--tag', 'team=admin', '--host', 'nas']
        await restic(repository(), 'backup', ...tags, '--exclude', 'excluded', tree.path)
        rmSync(join(tree.path, 'excluded'), { recursive: true })
        writeFileSync(join(tree.path, 'changed'), 'after')
        await restic(repository(), 'backup', ...tags, tree.path)
        ids = await snapshotsIn(repository())
      })

      test('makes each snapshot a recovery point with its time, and restores the same trees', async () => {
        const job = await run(repository(), { ResourceArn: tree.arn, SnapshotPath: tree.path })
        assert.equal(job.State, 'COMPLETED', job.StatusMessage)
        assert.equal(job.Result?.['snapshots'], '2')
        const points = await pointsOf(tree.arn)
        assert.deepEqual(
          points.map(({ CreationDate }) => CreationDate.getTime()),
          ids.map(({ time }) => Math.floor(Date.parse(time))),
        )
        const { Tags = {} } = await world.call('backup', 'ListTags', {
          ResourceArn: points[0]?.RecoveryPointArn as string,
        })
        assert.equal(Tags['restic:snapshot'], ids[0]?.id)
        assert.deepEqual([Tags['restic:host'], Tags['restic:tags']], ['nas', 'nightly,team=admin'])
        assert.equal(Tags['team'], undefined)
        const older = await restored(points[0]?.RecoveryPointArn as string)
        assert.deepEqual(withoutSockets(listing(older)), sameTime(older, withoutSockets(first)))
        const newer = await restored(points[1]?.RecoveryPointArn as string)
        assert.deepEqual(withoutSockets(listing(newer)), withoutSockets(listing(tree.path)))
        assert.ok(statSync(join(newer, 'holes')).blocks * 512 < 8 * 1024 * 1024, 'holes stay holes')
      })

      test(
        'again makes nothing twice, and the next backup reads only what restic had not',
        { skip: skips(version) },
        async () => {
          const job = await run(repository(), { ResourceArn: tree.arn, SnapshotPath: tree.path })
          assert.equal(job.State, 'COMPLETED', job.StatusMessage)
          assert.match(job.StatusMessage, /2 snapshots had been imported before/)
          assert.equal((await pointsOf(tree.arn)).length, 2)
          const { BackupJobId } = await backUp(world, {
            BackupVaultName: VAULT,
            ResourceArn: tree.arn,
            IamRoleArn: role,
          })
          const { Result } = await jobEnd(world, BackupJobId as string)
          assert.ok(Number(Result?.['reusedItems']) > 15, JSON.stringify(Result))
        },
      )

      test(
        'and an export bring every snapshot back to restic as it was',
        { skip: skips(version) },
        async () => {
          const whole = await registerDirectory(world, `whole-${version}`, () => undefined)
          assert.equal((await run(repository(), { ResourceArn: whole.arn })).State, 'COMPLETED')
          const points = await pointsOf(whole.arn)
          const TargetPath = inScratch(`back-${version}`)
          const { JobId } = await world.call('roleback', 'StartExportJob', {
            BackupVaultName: VAULT,
            RecoveryPointArns: points.map(({ RecoveryPointArn }) => RecoveryPointArn),
            Format: 'restic',
            TargetPath,
            Password: PASSWORD,
            IamRoleArn: role,
          })
          const exported = await jobEnd(world, JobId)
          assert.equal(exported.State, 'COMPLETED', exported.StatusMessage ?? '')
          await makeKeysCheap(TargetPath, PASSWORD)
          assert.match(await restic(TargetPath, 'check', '--read-data'), /no errors were found/)
          const back = await snapshotsIn(TargetPath)
          assert.deepEqual(
            back.map(({ time }) => Date.parse(time)),
            ids.map(({ time }) => Date.parse(time)),
          )
          for (const [i, { id }] of back.entries()) {
            const original = ids[i]?.id as string
            assert.deepEqual(await listed(TargetPath, id), await listed(repository(), original))
            if (i === 0) continue
            const [one, other] = [inScratch(`one-${version}-${i}`), inScratch(`other-${version}-${i}`)]
            await restic(TargetPath, 'restore', id, '--target', one)
            await restic(repository(), 'restore', original, '--target', other)
            assert.deepEqual(listing(one).slice(1), listing(other).slice(1))
          }
        },
      )
    })
  }

  /** `restic ls` of a snapshot without its head and the times of access, which no recovery point has. */
  const listed = async (repository: string, id: string): Promise<readonly unknown[]> =>
    (await restic(repository, 'ls', '--json', id))
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter((line) => line['struct_type'] === 'node')
      .map((line) => ({ ...line, atime: undefined }))

  test(
    'leaves away what is older than its life, and imports what was asked for',
    { skip: WITHOUT_RESTIC },
    async () => {
      const repository = inScratch('old')
      const { arn, path } = await registerDirectory(world, 'old', (folder) =>
        writeFileSync(join(folder, 'a'), 'a'),
      )
      await init(repository)
      await restic(repository, 'backup', '--time', '2020-01-02 03:04:05', path)
      await restic(repository, 'backup', '--host', 'elsewhere', path)
      const [old, recent] = await snapshotsIn(repository)
      const job = await run(repository, { ResourceArn: arn, DeleteAfterDays: 30 })
      assert.equal(job.State, 'COMPLETED', job.StatusMessage)
      assert.match(job.StatusMessage, /1 snapshot left away: older than DeleteAfterDays already/)
      const [only, ...others] = await pointsOf(arn)
      assert.equal(others.length, 0)
      assert.equal(
        only?.CalculatedLifecycle?.DeleteAt?.getTime(),
        Date.parse(recent?.time ?? '') + 30 * 86_400_000,
      )
      const single = await run(repository, { ResourceArn: arn, SnapshotIds: [old?.id.slice(0, 8) ?? ''] })
      assert.equal(single.State, 'COMPLETED', single.StatusMessage)
      assert.equal((await pointsOf(arn))[0]?.CreationDate.getFullYear(), 2020)
      const none = await run(repository, { ResourceArn: arn, Hostname: 'nobody' })
      assert.deepEqual(
        [none.State, none.StatusMessage.includes('no snapshot of the host "nobody"')],
        ['FAILED', true],
      )
      const lost = await run(repository, { ResourceArn: arn, SnapshotPath: '/no/such' })
      assert.match(lost.StatusMessage, /no directory "\/no\/such" in 2 snapshots/)
      const unknown = await run(repository, { ResourceArn: arn, SnapshotIds: ['0123456789'] })
      assert.match(unknown.StatusMessage, /has no snapshot 0123456789/)
    },
  )

  test(
    'names what is damaged, imports the rest, and leaves no half recovery point',
    { skip: WITHOUT_RESTIC },
    async () => {
      const repository = inScratch('damaged')
      const { arn, path } = await registerDirectory(world, 'damaged', (folder) =>
        writeFileSync(join(folder, 'a'), 'a'),
      )
      await init(repository)
      await restic(repository, 'backup', path)
      const sound = new Set(packsIn(repository))
      writeFileSync(join(path, 'big'), randomBytes(300_000))
      await restic(repository, 'backup', path)
      const [pack = ''] = packsIn(repository)
        .filter((name) => !sound.has(name))
        .toSorted((one, other) => statSync(other).size - statSync(one).size)
      chmodSync(pack, 0o600)
      const bytes = readFileSync(pack)
      bytes[20] = (bytes[20] as number) ^ 1
      writeFileSync(pack, bytes)
      const job = await run(repository, { ResourceArn: arn, SnapshotPath: path })
      assert.equal(job.State, 'FAILED')
      assert.match(job.StatusMessage, /1 snapshot could not be imported: \w{8} of .*: "\/big": the data blob/)
      assert.ok(job.StatusMessage.includes(pack.slice(-64)), job.StatusMessage)
      assert.match(job.StatusMessage, /1 other snapshot was imported/)
      assert.equal((await pointsOf(arn)).length, 1)
      rmSync(pack)
      const missing = await run(repository, { ResourceArn: arn, SnapshotPath: path })
      assert.match(missing.StatusMessage, /the pack is missing/)
    },
  )

  test('R17 refuses a snapshot whose names lead elsewhere', async () => {
    const { arn } = await registerDirectory(world, 'hostile', () => undefined)
    const time = '2026-01-02T03:04:05Z'
    const directory = inScratch('hostile')
    const repository = await createRepository(directory, PASSWORD, CHEAP_COSTS)
    const blobs = await BlobWriter.open(repository)
    const node = { type: 'file', mtime: time, ctime: time, content: null }
    for (const name of ['../../etc/cron.d/x', 'sound']) {
      const tree = await blobs.put('tree', Buffer.from(JSON.stringify({ nodes: [{ ...node, name }] })))
      await saveSealed(
        repository,
        'snapshots',
        JSON.stringify({ time, tree, paths: ['/'], hostname: 'evil' }),
      )
    }
    await blobs.finish()
    const job = await run(directory, { ResourceArn: arn })
    assert.equal(job.State, 'FAILED')
    assert.match(job.StatusMessage, /the name "\.\.\/\.\.\/etc\/cron\.d\/x" is refused: it contains "\/"/)
    assert.match(job.StatusMessage, /1 other snapshot was imported/)
    assert.equal((await pointsOf(arn)).length, 1)
  })

  test('R17 refuses files that are links or under another name, and a wrong password', async () => {
    const { arn } = await registerDirectory(world, 'swapped', () => undefined)
    const directory = inScratch('swapped')
    const repository = await createRepository(directory, PASSWORD, CHEAP_COSTS)
    const saved = await saveSealed(repository, 'snapshots', '{"time":"2026-01-02T03:04:05Z","tree":"x"}')
    const snapshots = join(directory, 'snapshots')
    writeFileSync(join(snapshots, 'cd'.repeat(32)), readFileSync(join(snapshots, saved)))
    assert.match((await run(directory, { ResourceArn: arn })).StatusMessage, /its SHA-256 is not its name/)
    rmSync(join(snapshots, 'cd'.repeat(32)))
    symlinkSync('/etc/passwd', join(snapshots, 'ef'.repeat(32)))
    const linked = await run(directory, { ResourceArn: arn })
    assert.equal(linked.State, 'FAILED')
    assert.match(linked.StatusMessage, /ELOOP/)
    const wrong = await run(directory, { ResourceArn: arn, Password: 'not this one' })
    assert.match(wrong.StatusMessage, /check the password/)
    assert.match(
      (await run(inScratch('nothing'), { ResourceArn: arn })).StatusMessage,
      /its config cannot be read/,
    )
  })

  const refusedAs = (action: string) => (error: unknown) => {
    assert.ok(error instanceof AwsError, String(error))
    assert.ok(error.message.includes(`not authorized to perform: ${action}`), error.message)
    return true
  }

  test('R17 is refused to who may not fill the vault, may not pass the role, or names the server’s own data', async () => {
    const { arn, path } = await registerDirectory(world, 'refused', () => undefined)
    const input = { ResourceArn: arn }
    const filler = await makeUser(world, 'no-start', [allow(['roleback:*', 'iam:PassRole'])])
    await assert.rejects(start('/x', input, filler.call), refusedAs('backup:StartBackupJob'))
    const passer = await makeUser(world, 'no-pass', [allow(['roleback:*', 'backup:*'])])
    await assert.rejects(start('/x', input, passer.call), refusedAs('iam:PassRole'))
    await assert.rejects(start(world.dataDir, input), /own data directory/)
    symlinkSync(world.dataDir, inScratch('innocent'))
    assert.match((await run(inScratch('innocent'), input)).StatusMessage, /overlaps the server's own data/)
    assert.match((await run(path, input)).StatusMessage, /lies in a directory that is registered/)
  })

  test('R17 asks of the role what a backup of the directory asks, before the repository is opened', async () => {
    const { arn } = await registerDirectory(world, 'asked', () => undefined)
    const IamRoleArn = await makeRole(world, 'restore-only', {
      managed: ['AWSBackupServiceRolePolicyForRestores'],
    })
    const job = await run(inScratch('never opened'), { ResourceArn: arn, IamRoleArn })
    assert.equal(job.State, 'FAILED')
    assert.match(job.StatusMessage, /restore-only is not authorized to perform: /)
    const directory = inScratch('allowed')
    await createRepository(directory, PASSWORD, CHEAP_COSTS)
    const allowed = await run(directory, { ResourceArn: arn })
    assert.match(allowed.StatusMessage, /the repository has no snapshot/)
    const asked = (await decisionsOf(world, allowed.JobId)).map(({ Action }) => Action)
    assert.deepEqual(asked.toSorted(), [
      'backup:DescribeBackupVault',
      'backup:TagResource',
      'elasticfilesystem:Backup',
    ])
  })

  test('R9 keeps the repository’s password out of rows, log and record', () => {
    const rows = JSON.stringify(world.rows('SELECT * FROM job'))
    assert.ok(rows.includes('sourcePath'))
    assert.ok(!rows.includes(PASSWORD))
    assert.ok(!world.lines.join('\n').includes(PASSWORD))
  })
})

interface Point {
  readonly RecoveryPointArn: string
  readonly CreationDate: Date
  readonly CalculatedLifecycle?: { readonly DeleteAt?: Date }
}

const packsIn = (repository: string): readonly string[] =>
  readdirSync(join(repository, 'data'), { recursive: true, encoding: 'utf8' })
    .map((name) => join(repository, 'data', name))
    .filter((path) => statSync(path).isFile())

const withoutSockets = (lines: readonly string[]): readonly string[] =>
  lines.filter((line) => !line.includes(' | s | '))

/** `first` was taken while what the snapshot leaves away was there: the root's time is another. */
const sameTime = (path: string, first: readonly string[]): readonly string[] => [
  listing(path)[0] as string,
  ...first.slice(1),
]
