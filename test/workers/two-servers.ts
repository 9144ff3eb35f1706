import assert from 'node:assert/strict'
import { createCipheriv, hash } from 'node:crypto'
import { cpSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { globalAgent } from 'node:http'
import { join } from 'node:path'
import * as S3 from '@aws-sdk/client-s3'
import { downloadFrom, s3ClientOf, writeCredentials } from '../fixtures/bucket.ts'
import { serverProcess } from '../fixtures/server-process.ts'
import type { ServerProcess } from '../fixtures/server-process.ts'
import { listTree } from '../fixtures/small-tree.ts'
import { until } from '../fixtures/world.ts'
import type { RgwServer } from '../servers/ceph-rgw.ts'
import type { PostgresServer } from '../servers/postgres.ts'
import { runTool } from '../servers/run-tool.ts'

/**
 * Two servers, processes of their own, on one database and one vault: both back up into it while it is swept, and in each round one is
 * paused amidst a backup for longer than its lease, and goes on after the other one has swept.
 */

export interface TwoServers {
  readonly rounds: number
  /** Recovery points that were restored and compared. */
  readonly restored: number
  /** Jobs that the other server took over from the one that was paused. */
  readonly takenOver: number
  readonly sweeps: number
  /** Bytes that sweeps freed. */
  readonly freedBytes: number
}

interface Options {
  /** Made where it is not there; whoever calls removes it. */
  readonly dir: string
  readonly postgres: PostgresServer
  /** Name of a database that is not there yet. */
  readonly database: string
  /** Where vaults lie: absent, in a directory that both have. */
  readonly rgw?: RgwServer
  readonly rounds: number
}

/** Shorter than any pause here, so that the other server takes over. */
const LEASE_MS = 1000
const SMALL_FILES = 12
const LARGE_FILES = 16
const MAX_LARGE_FILES = 512
const LARGE_BYTES = 1024 * 1024
const RECOVER = join(import.meta.dirname, '..', '..', 'tools', 'recover.mjs')
const BackupVaultName = 'shared'
const BUCKET = 'shared-by-two'
const ENDED = ['COMPLETED', 'FAILED', 'ABORTED', 'EXPIRED', 'PARTIAL']

interface Tree {
  readonly arn: string
  readonly path: string
  readonly restoreRoot: string
}

export async function shareVault(options: Options): Promise<TwoServers> {
  const run = await TwoServersRun.start(options)
  try {
    for (let round = 0; round < options.rounds; round++) await run.round(round)
    return await run.end()
  } finally {
    await run.close()
  }
}

class TwoServersRun {
  readonly #options: Options
  readonly #servers: readonly [ServerProcess, ServerProcess]
  readonly #points = new Map<string, readonly string[]>()
  readonly #counts = { restored: 0, takenOver: 0, sweeps: 0, freedBytes: 0 }
  #role = ''
  #trees: { readonly large: Tree; readonly twin: Tree; readonly small: Tree } | undefined

  private constructor(options: Options, servers: readonly [ServerProcess, ServerProcess]) {
    this.#options = options
    this.#servers = servers
  }

  static async start(options: Options): Promise<TwoServersRun> {
    const { dir, postgres, database, rgw } = options
    await postgres.sql(`CREATE ROLE ${database} LOGIN PASSWORD 'of two'`)
    await postgres.sql(`CREATE DATABASE ${database} OWNER ${database}`)
    mkdirSync(dir, { recursive: true })
    const urlFile = join(dir, 'url')
    writeFileSync(urlFile, `postgres://${database}:of%20two@127.0.0.1:${postgres.port}/${database}`, {
      mode: 0o600,
    })
    const more = ['--database-url-file', urlFile, '--concurrent-jobs', '3']
    if (rgw !== undefined) more.push(...(await bucketArguments(dir, rgw)))
    const env = { ROLEBACK_LEASE_MS: String(LEASE_MS) }
    const [one, other] = [join(dir, 'one'), join(dir, 'other')]
    const servers = [
      await serverProcess(one, more, { env }),
      await serverProcess(other, more, { env }),
    ] as const
    const run = new TwoServersRun(options, servers)
    try {
      await servers[0].start()
      // As the documentation has it: the same key, and the same vaults under the same name.
      mkdirSync(other, { mode: 0o700 })
      cpSync(join(one, 'server.key'), join(other, 'server.key'))
      mkdirSync(join(one, 'vaults'), { recursive: true, mode: 0o700 })
      symlinkSync(join(one, 'vaults'), join(other, 'vaults'))
      await servers[1].start()
      await run.#prepare()
    } catch (error) {
      await run.close()
      throw error
    }
    return run
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      try {
        if (server.pid() > 0) process.kill(server.pid(), 'SIGCONT')
      } catch (error) {
        // It ended by itself, and why is in the error that led here.
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
      }
      await server.kill('SIGKILL')
    }
  }

  async #prepare(): Promise<void> {
    const { call } = this.#servers[0]
    this.#role = (await call('roleback', 'CreateDefaultServiceRole', {})).RoleArn
    await call('backup', 'CreateBackupVault', { BackupVaultName })
    await until('the vault', async () => {
      const { VaultState } = await call('backup', 'DescribeBackupVault', { BackupVaultName })
      return VaultState === 'AVAILABLE' ? true : undefined
    })
    const [large, twin, small] = [
      await this.#register('large'),
      await this.#register('twin'),
      await this.#register('small'),
    ]
    this.#trees = { large, twin, small }
  }

  async #register(name: string): Promise<Tree> {
    const path = join(this.#options.dir, 'trees', name)
    const restoreRoot = join(this.#options.dir, 'restored', name)
    for (const folder of [path, restoreRoot]) mkdirSync(folder, { recursive: true })
    const { ResourceArn: arn } = await this.#servers[0].call('roleback', 'RegisterResource', {
      ResourceType: 'EFS',
      Name: name,
      Connection: { Path: path, RestoreRoot: restoreRoot },
    })
    return { arn, path, restoreRoot }
  }

  async round(round: number): Promise<void> {
    const { large, twin, small } = this.#trees ?? assert.fail('no trees')
    for (let i = 0; i < SMALL_FILES; i++)
      writeFileSync(join(small.path, `file-${i}`), bytesOf(`small ${i} ${round % (i + 1)}`, 20_000))
    const { job, paused } = await this.#pausedBackup(round, [large, twin])
    const awake = this.#servers.find((one) => one !== paused) ?? assert.fail('no other server')
    try {
      const others = [twin, small].map(async (tree) => await this.#backedUp(awake, tree))
      await this.#deleteOne(awake)
      await this.#sweep(awake)
      await Promise.all(others)
      await until('the lease of the paused server to be over', async () =>
        (await this.#jobRow(job)).attempts > 1 ? true : undefined,
      )
      await this.#sweep(awake)
    } finally {
      process.kill(paused.pid(), 'SIGCONT')
      // Connections kept open to it were idle for too long.
      globalAgent.destroy()
    }
    this.#counts.takenOver++
    // It finds that it was too late, while backups and sweeps go on.
    await Promise.all([
      this.#ended(awake, job, large),
      this.#backedUp(paused, small),
      this.#backedUp(awake, twin),
      this.#sweep(paused),
    ])
  }

  /** The vault is whole, every recovery point is what was backed up, and the second reader says so, too. */
  async end(): Promise<TwoServers> {
    const [one, other] = this.#servers
    await this.#sweep(one)
    const { JobId } = await other.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
    assert.match(await this.#finished(other, JobId), /: no damage found/)
    // Two at a time on each server: one that is far back in a queue tells nothing by how long it waits.
    const arns = [...this.#points.keys()]
    const restoreOn = async (server: ServerProcess): Promise<void> => {
      for (let arn = arns.pop(); arn !== undefined; arn = arns.pop()) await this.#restore(server, arn)
    }
    await Promise.all([one, other, one, other].map(restoreOn))
    await this.#readSecond()
    return { rounds: this.#options.rounds, ...this.#counts }
  }

  async #startBackup(server: ServerProcess, { arn }: Tree): Promise<string> {
    const input = { BackupVaultName, ResourceArn: arn, IamRoleArn: this.#role }
    return (await server.call('backup', 'StartBackupJob', input)).BackupJobId ?? ''
  }

  async #backedUp(server: ServerProcess, tree: Tree): Promise<void> {
    await this.#ended(server, await this.#startBackup(server, tree), tree)
  }

  /** The tree is as it was when the job began: rounds change it. */
  async #ended(server: ServerProcess, BackupJobId: string, tree: Tree): Promise<void> {
    const job = await until(`backup job ${BackupJobId} to end`, async () => {
      const found = await server.call('backup', 'DescribeBackupJob', { BackupJobId })
      return ENDED.includes(found.State ?? '') ? found : undefined
    })
    assert.equal(job.State, 'COMPLETED', `${job.StatusMessage}`)
    this.#points.set(job.RecoveryPointArn ?? '', listTree(tree.path))
  }

  /** Starts a backup of the first tree, and pauses who runs it once it has stored something; of more, where it was over too soon. */
  async #pausedBackup(round: number, trees: readonly [Tree, Tree]): Promise<PausedBackup> {
    const [large] = trees
    for (let files = LARGE_FILES; files <= MAX_LARGE_FILES; files *= 2) {
      // Both have the same content at once; half of it comes back two rounds later, when a sweep may have taken it.
      for (const { path } of trees)
        for (let i = 0; i < files; i++)
          writeFileSync(
            join(path, `file-${i}`),
            bytesOf(`${i} ${i % 2 === 0 ? round : round % 2}`, LARGE_BYTES),
          )
      const server = this.#servers[round % 2] as ServerProcess
      const job = await this.#startBackup(server, large)
      const paused = await this.#pauseAmidst(job)
      if (paused !== undefined) return { job, paused }
      await this.#ended(server, job, large)
    }
    throw new Error(`A backup of ${MAX_LARGE_FILES} files was over before it could be paused`)
  }

  /** Stops the server that runs the job, once it has stored something of it; undefined where it was over before. */
  async #pauseAmidst(jobId: string): Promise<ServerProcess | undefined> {
    const row = await until('the backup to have begun', async () => {
      const found = await this.#jobRow(jobId)
      return ENDED.includes(found.state) || Number(found.bytes_done) > 0 ? found : undefined
    })
    const paused = this.#servers.find((one) => row.lease_owner?.includes(` ${one.pid()} `))
    if (paused === undefined) return undefined
    process.kill(paused.pid(), 'SIGSTOP')
    if (!ENDED.includes((await this.#jobRow(jobId)).state)) return paused
    process.kill(paused.pid(), 'SIGCONT')
    return undefined
  }

  async #jobRow(jobId: string): Promise<JobRow> {
    const { postgres, database } = this.#options
    const [row] = await postgres.sql<JobRow>(
      `select state, lease_owner, attempts, bytes_done from job where job_id = '${jobId}'`,
      database,
    )
    return row ?? assert.fail(`no job ${jobId}`)
  }

  async #deleteOne({ call }: ServerProcess): Promise<void> {
    const [arn] = this.#points.keys()
    if (arn === undefined || this.#points.size < 4) return
    this.#points.delete(arn)
    await call('backup', 'DeleteRecoveryPoint', { BackupVaultName, RecoveryPointArn: arn })
  }

  async #sweep(server: ServerProcess): Promise<void> {
    const { JobId } = await server.call('roleback', 'StartSweepJob', { BackupVaultName })
    const message = await this.#finished(server, JobId)
    this.#counts.sweeps++
    this.#counts.freedBytes += Number(/^Freed ([\d.]+) MiB/.exec(message)?.[1] ?? 0) * 1024 ** 2
  }

  async #finished({ call }: ServerProcess, JobId: string): Promise<string> {
    const { Job } = await until(`job ${JobId} to end`, async () => {
      const answer = await call('roleback', 'DescribeJob', { JobId })
      return ENDED.includes(answer.Job.State) ? answer : undefined
    })
    assert.equal(Job.State, 'COMPLETED', `${Job.StatusMessage}`)
    return Job.StatusMessage ?? ''
  }

  async #restore({ call }: ServerProcess, RecoveryPointArn: string): Promise<void> {
    const { ResourceArn = '' } = await call('backup', 'DescribeRecoveryPoint', {
      BackupVaultName,
      RecoveryPointArn,
    })
    const tree = Object.values(this.#trees ?? {}).find(({ arn }) => arn === ResourceArn)
    const CreationToken = `r${RecoveryPointArn.split(':').at(-1)}`
    const { RestoreJobId = '' } = await call('backup', 'StartRestoreJob', {
      RecoveryPointArn,
      IamRoleArn: this.#role,
      Metadata: { 'file-system-id': 'any', newFileSystem: 'true', CreationToken },
    })
    const job = await until('the restore to end', async () => {
      const found = await call('backup', 'DescribeRestoreJob', { RestoreJobId })
      return ENDED.includes(found.Status ?? '') ? found : undefined
    })
    assert.equal(job.Status, 'COMPLETED', `${job.StatusMessage}`)
    const restored = join(tree?.restoreRoot ?? '', CreationToken)
    assert.deepEqual(listTree(restored), this.#points.get(RecoveryPointArn), RecoveryPointArn)
    rmSync(restored, { recursive: true })
    this.#counts.restored++
  }

  async #readSecond(): Promise<void> {
    const { dir, rgw, postgres, database } = this.#options
    const [row] = await postgres.sql<{ vault_id: string }>(
      `select vault_id from vault where name = '${BackupVaultName}'`,
      database,
    )
    const id = row?.vault_id ?? ''
    const directory = rgw === undefined ? join(dir, 'one', 'vaults', id) : join(dir, 'copy')
    if (rgw !== undefined) await downloadFrom(rgw, BUCKET, `here/${id}/`, directory)
    const kit = join(dir, 'one-recovery')
    const opened = [
      '--kit',
      join(kit, 'recovery-kit.txt'),
      '--passphrase-file',
      join(kit, 'recovery-passphrase.txt'),
    ]
    // It ends with 1 when it finds anything wrong.
    await runTool(process.execPath, [RECOVER, 'verify', directory, ...opened])
    const listed = await runTool(process.execPath, [RECOVER, 'list', directory, ...opened])
    const rows = await postgres.sql<{ arn: string; point_id: string }>(
      'select arn, point_id from recovery_point',
      database,
    )
    const ids = rows.filter(({ arn }) => this.#points.has(arn)).map(({ point_id }) => point_id)
    assert.equal(ids.length, this.#points.size)
    for (const one of ids) assert.ok(listed.includes(one), `${one} is not in ${listed}`)
  }
}

interface PausedBackup {
  readonly job: string
  readonly paused: ServerProcess
}

interface JobRow {
  readonly state: string
  readonly lease_owner: string | null
  readonly attempts: number
  readonly bytes_done: string
}

async function bucketArguments(dir: string, rgw: RgwServer): Promise<readonly string[]> {
  const client = s3ClientOf(rgw)
  await client.send(new S3.CreateBucketCommand({ Bucket: BUCKET }))
  client.destroy()
  const credentials = join(dir, 'credentials')
  writeCredentials(credentials, rgw)
  const place = ['--storage', `s3://${BUCKET}/here`, '--storage-endpoint', rgw.endpoint]
  return [...place, '--storage-credentials-file', credentials]
}

/** The same for the same name; it does not compress. */
function bytesOf(name: string, bytes: number): Buffer {
  const key = hash('sha256', name, 'buffer').subarray(0, 16)
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes))
}
