import assert from 'node:assert/strict'
import { randomFillSync } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { serverProcess } from '../fixtures/server-process.ts'
import type { ServerProcess } from '../fixtures/server-process.ts'
import { fillSmallTree, listTree } from '../fixtures/small-tree.ts'
import { until } from '../fixtures/world.ts'
import { runTool } from '../servers/run-tool.ts'

/** A server that is killed at any moment of a backup loses nothing that was there before, and finishes the job. */

const KILLS = 20
const KILLS_WITH_PACK = 15
const MAX_KILLS = 32
/** Three packs of 32 MiB. */
const FILES = 24
const FILE_BYTES = 4 * 1024 * 1024
/** The lease of a job that was running would be waited for by any server but the same one: longer than anything here waits. */
const LEASE_MS = 3_600_000

const RECOVER = join(import.meta.dirname, '..', '..', 'tools', 'recover.mjs')
const VAULT = { BackupVaultName: 'kills' }

interface JobRow {
  readonly state: string
  readonly attempts: number
  readonly status_message: string | null
}

describe('kill -9', () => {
  let scratch: string
  let dataDir: string
  let server: ServerProcess
  let role: string
  let vaultDir: string
  const small = { arn: '', path: '', point: '' }
  const large = { arn: '', path: '' }

  before(async () => {
    scratch = mkdtempSync(join(tmpdir(), 'roleback-kill-'))
    dataDir = join(scratch, 'data')
    server = await serverProcess(dataDir, [], { env: { ROLEBACK_LEASE_MS: String(LEASE_MS) } })
    await server.start()
    role = (await server.call('roleback', 'CreateDefaultServiceRole', {})).RoleArn
    await server.call('backup', 'CreateBackupVault', VAULT)
    Object.assign(small, await register('small'))
    fillSmallTree(small.path)
    Object.assign(large, await register('large'))
    rewriteLarge()
    small.point = await backedUp(small.arn)
    vaultDir = join(dataDir, 'vaults', readdirSync(join(dataDir, 'vaults'))[0] ?? '')
  })

  after(async () => {
    await server.kill('SIGKILL')
    await rm(scratch, { recursive: true, force: true })
  })

  async function register(name: string): Promise<{ arn: string; path: string }> {
    const [path, restoreRoot] = [join(scratch, name), join(scratch, `${name}-restored`)]
    for (const folder of [path, restoreRoot]) mkdirSync(folder)
    const { ResourceArn } = await server.call('roleback', 'RegisterResource', {
      ResourceType: 'EFS',
      Name: name,
      Connection: { Path: path, RestoreRoot: restoreRoot },
    })
    return { arn: ResourceArn, path }
  }

  /** New content that no vault has: every attempt has all of it to store. */
  function rewriteLarge(): void {
    const bytes = Buffer.alloc(FILE_BYTES)
    for (let i = 0; i < FILES; i++) writeFileSync(join(large.path, `file-${i}`), randomFillSync(bytes))
  }

  async function startBackup(ResourceArn: string): Promise<string> {
    const input = { ...VAULT, ResourceArn, IamRoleArn: role }
    return (await server.call('backup', 'StartBackupJob', input)).BackupJobId ?? ''
  }

  async function ended(BackupJobId: string): Promise<string> {
    const job = await until(`job ${BackupJobId} to end`, async () => {
      const one = await server.call('backup', 'DescribeBackupJob', { BackupJobId })
      return ['CREATED', 'RUNNING'].includes(one.State ?? '') ? undefined : one
    })
    assert.equal(job.State, 'COMPLETED', `${job.StatusMessage}`)
    return job.RecoveryPointArn ?? ''
  }

  const backedUp = async (arn: string): Promise<string> => await ended(await startBackup(arn))

  async function assertRestores(
    point: string,
    tree: { arn: string; path: string },
    name: string,
  ): Promise<void> {
    const { RestoreJobId = '' } = await server.call('backup', 'StartRestoreJob', {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: { 'file-system-id': tree.arn, newFileSystem: 'true', CreationToken: name },
    })
    const job = await until('the restore to end', async () => {
      const one = await server.call('backup', 'DescribeRestoreJob', { RestoreJobId })
      return ['PENDING', 'RUNNING'].includes(one.Status ?? '') ? undefined : one
    })
    assert.equal(job.Status, 'COMPLETED', `${job.StatusMessage}`)
    const restored = `${tree.path}-restored/${name}`
    assert.deepEqual(listTree(restored), listTree(tree.path))
    await rm(restored, { recursive: true })
  }

  /** The job's row as the disk has it, whether the server lives or not. */
  function rowOf(jobId: string): JobRow {
    const db = new DatabaseSync(join(dataDir, 'roleback.db'), { readOnly: true, timeout: 60_000 })
    try {
      return db
        .prepare('select state, attempts, status_message from job where job_id = ?')
        .get(jobId) as never
    } finally {
      db.close()
    }
  }

  /** Whole packs in the vault, by name and size. */
  function packs(): ReadonlySet<string> {
    const root = join(vaultDir, 'data')
    if (!existsSync(root)) return new Set()
    const files = readdirSync(root, { recursive: true, encoding: 'utf8' })
    return new Set(files.filter((file) => /[0-9a-f]{64}$/.test(file) && statSync(join(root, file)).isFile()))
  }

  /** Waits until an attempt has stored so many packs, or the job is over. */
  async function newPacks(jobId: string, before: ReadonlySet<string>, wanted: number): Promise<void> {
    await until('packs to be stored', () => {
      const stored = [...packs()].filter((name) => !before.has(name)).length
      return stored >= wanted || rowOf(jobId).state !== 'RUNNING' ? true : undefined
    })
  }

  test(`${KILLS} times during a backup: the job goes on at once, and nothing that was there is harmed`, async (t) => {
    // How long a job takes here and now, and the packs that its end leaves.
    const begin = performance.now()
    await backedUp(large.arn)
    const lengthMs = performance.now() - begin
    rewriteLarge()

    let jobId = await startBackup(large.arn)
    const counted = { kills: 0, withPack: 0, whileRunning: 0, ends: 0 }
    for (let kill = 0; kill < MAX_KILLS; kill++) {
      if (counted.kills >= KILLS && counted.withPack >= KILLS_WITH_PACK) break
      const packsBefore = packs()
      const attempt = rowOf(jobId).attempts
      await until('the job to run', () => (rowOf(jobId).state === 'RUNNING' ? true : undefined))
      // Every fifth in the first half by the clock, where nothing is stored yet; else when some packs are there.
      if (kill % 5 === 0) await pause((lengthMs * kill) / KILLS / 2)
      else await newPacks(jobId, packsBefore, 1 + (kill % 2))
      await server.kill('SIGKILL')
      counted.kills++
      const { state } = rowOf(jobId)
      const isNew = [...packs()].some((name) => !packsBefore.has(name))
      if (state === 'RUNNING') counted.whileRunning++
      if (state === 'RUNNING' && isNew) counted.withPack++

      await server.start()
      if (state === 'RUNNING') {
        await until('the job to be taken up again', () =>
          rowOf(jobId).attempts > attempt || rowOf(jobId).state === 'COMPLETED' ? true : undefined,
        )
      }
      if (rowOf(jobId).state === 'COMPLETED') {
        counted.ends++
        rewriteLarge()
        jobId = await startBackup(large.arn)
      }
      if (kill === 6 || kill === 13) await assertRestores(small.point, small, `after-${kill}`)
    }
    t.diagnostic(`a job takes ${Math.round(lengthMs)} ms; ${JSON.stringify(counted)}`)
    assert.ok(counted.kills >= KILLS)
    assert.ok(counted.withPack >= KILLS_WITH_PACK, JSON.stringify(counted))

    const lastPoint = await ended(jobId)
    await assertRestores(lastPoint, large, 'last')
    await assertRestores(small.point, small, 'last')
  })

  async function finished(JobId: string): Promise<string> {
    const { Job } = await until(`job ${JobId} to end`, async () => {
      const answer = await server.call('roleback', 'DescribeJob', { JobId })
      return ['CREATED', 'RUNNING'].includes(answer.Job.State) ? undefined : answer
    })
    assert.equal(Job.State, 'COMPLETED', `${Job.StatusMessage}`)
    return Job.StatusMessage ?? ''
  }

  test('afterwards a sweep frees what the dead left; a full verify and the second reader find nothing wrong', async () => {
    const sweep = await server.call('roleback', 'StartSweepJob', VAULT)
    assert.match(await finished(sweep.JobId), /^Freed [1-9]\d+\.\d MiB/)
    const verify = await server.call('roleback', 'StartVerifyJob', { ...VAULT, ReadData: true })
    assert.match(await finished(verify.JobId), /no damage found/)
    await assertRestores(small.point, small, 'swept')

    const opened = ['--kit', join(`${dataDir}-recovery`, 'recovery-kit.txt')]
    opened.push('--passphrase-file', join(`${dataDir}-recovery`, 'recovery-passphrase.txt'))
    // Each ends with 1 when it finds anything wrong.
    await runTool(process.execPath, [RECOVER, 'verify', vaultDir, ...opened])
    const target = join(scratch, 'recovered')
    await runTool(process.execPath, [RECOVER, 'restore', vaultDir, small.point, target, ...opened])
    assert.deepEqual(listTree(target), listTree(small.path))
  })

  test('SIGTERM during a backup ends the server well, and the job is done at the next start', async () => {
    rewriteLarge()
    const jobId = await startBackup(large.arn)
    await until('the job to run', () => (rowOf(jobId).state === 'RUNNING' ? true : undefined))
    assert.equal(await server.kill('SIGTERM'), 0)
    const row = rowOf(jobId)
    assert.equal(row.state, 'CREATED')
    assert.match(row.status_message ?? '', /^The server was stopped while the job ran; it begins again/)
    await server.start()
    await assertRestores(await ended(jobId), large, 'after-term')
  })
})
