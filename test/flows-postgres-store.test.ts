import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { AwsError } from '../src/aws/error.ts'
import { fillSmallTree, listTree } from './fixtures/small-tree.ts'
import {
  backUp,
  backUpWell,
  letVaultGo,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
  until,
} from './fixtures/world.ts'
import { postgresMissing, startPostgres } from './servers/postgres.ts'
import { shareVault } from './workers/two-servers.ts'

const VAULT = { BackupVaultName: 'rows' }

test(
  'a server that keeps its rows in PostgreSQL backs up, restores, deletes, restarts, and never backs up its own database',
  { skip: postgresMissing() ?? false },
  async () => {
    // The server of PostgreSQL takes this away with itself.
    const dir = mkdtempSync(join(tmpdir(), 'roleback-rows-'))
    const postgres = await startPostgres({ dir })
    try {
      await postgres.sql('CREATE ROLE keeper LOGIN CREATEDB PASSWORD $$of the rows$$')
      await postgres.sql('CREATE DATABASE rows OWNER keeper')
      const databaseUrlFile = join(dir, 'url')
      const url = `postgres://keeper:of%20the%20rows@127.0.0.1:${postgres.port}/rows`
      writeFileSync(databaseUrlFile, url, { mode: 0o600 })
      await using world = await openWorld({ databaseUrlFile })
      assert.ok(!readdirSync(world.dataDir).includes('roleback.db'))

      await makeVault(world, 'rows')
      const directory = await registerDirectory(world, 'files', fillSmallTree)
      const role = await makeRole(world, 'worker', {
        managed: ['AWSBackupServiceRolePolicyForEFSBackup', 'AWSBackupServiceRolePolicyForEFSRestore'],
      })
      const input = { ...VAULT, ResourceArn: directory.arn, IamRoleArn: role }
      const jobs = await Promise.all(Array.from({ length: 5 }, () => backUp(world, input)))
      assert.deepEqual(
        jobs.map(({ State, StatusMessage }) => StatusMessage ?? State),
        Array.from({ length: 5 }, () => 'COMPLETED'),
      )
      const times = jobs.map((job) => job.CompletionDate?.getTime() ?? 0)
      assert.equal(new Set(times).size, 5)

      await world.offline(async () => undefined)
      const point = await backUpWell(world, input)
      const job = await restore(world, {
        RecoveryPointArn: point,
        IamRoleArn: role,
        Metadata: { 'file-system-id': 'fs-1', newFileSystem: 'true', CreationToken: 'back' },
      })
      assert.equal(job.Status, 'COMPLETED', `${job.StatusMessage}`)
      assert.deepEqual(listTree(join(directory.restoreRoot, 'back')), listTree(directory.path))

      // R7: whoever could restore over the server's own rows could give himself every right.
      await assert.rejects(
        world.call('roleback', 'RegisterResource', {
          ResourceType: 'RDS',
          Name: 'rows',
          Connection: { Host: 'localhost', Port: postgres.port, User: 'keeper', TlsMode: 'disable' },
          Secret: 'of the rows',
        }),
        (error: unknown) => error instanceof AwsError && error.message.includes("the server's own"),
      )

      const { RecoveryPoints = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', VAULT)
      assert.equal(RecoveryPoints.length, 6)
      for (const { RecoveryPointArn = '' } of RecoveryPoints)
        await world.call('backup', 'DeleteRecoveryPoint', { ...VAULT, RecoveryPointArn })
      await until('the recovery points to go', async () => {
        const left = await world.call('backup', 'ListRecoveryPointsByBackupVault', VAULT)
        return left.RecoveryPoints?.length === 0 ? true : undefined
      })
      await letVaultGo(world, 'rows')
    } finally {
      await postgres.stop()
    }
  },
)

test(
  'two servers on one database and one vault, one of them paused amidst a backup and woken after a sweep, lose nothing',
  { skip: postgresMissing() ?? false },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'roleback-two-'))
    // The server of PostgreSQL is another user's process.
    chmodSync(dir, 0o755)
    const postgres = await startPostgres({ dir: join(dir, 'postgres') })
    try {
      const counts = await shareVault({ dir, postgres, database: 'two', rounds: 1 })
      t.diagnostic(JSON.stringify(counts))
      assert.ok(counts.takenOver > 0 && counts.restored >= 5)
    } finally {
      await postgres.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  },
)
