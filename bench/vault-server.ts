import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { callerOf } from '../src/aws/client.ts'
import type { Call } from '../src/aws/client.ts'
import { cpuOf, machine, pssMibOf, say } from './measure.ts'
import { makeCorpus } from './vault-corpus.ts'

/**
 * The whole product at work: `./roleback serve` with its embedded worker, one process, told through the API to back a mixed tree of
 * 1 GiB up and to restore it. Its memory at rest and at most, the jobs' time as a client sees it.
 */
const CORPUS_BYTES = 2 ** 30
const PSS_MIB = 400
const SAMPLE_MS = 100
const ROOT_KEY = { accessKeyId: 'AKIABENCHBENCHBENCH1', secretAccessKey: 'root-secret-of-the-bench' }
const RUNNING = ['CREATED', 'PENDING', 'RUNNING']

export async function run(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  const memory = mkdtempSync('/dev/shm/roleback-bench-')
  const server = await startServer(join(scratch, 'data'))
  try {
    const corpus = await makeCorpus('mixed', join(scratch, 'corpus'), CORPUS_BYTES)
    say(`server: ${corpus.files} files, ${Math.round(corpus.bytes / 2 ** 20)} MiB, ${machine()}`)
    say(`server at rest: ${pssMibOf(server.pid)} MiB PSS`)
    await playJobs(server, corpus.path, memory)
  } finally {
    server.child.kill('SIGTERM')
    await new Promise((resolve) => server.child.once('exit', resolve))
    rmSync(scratch, { recursive: true, force: true })
    rmSync(memory, { recursive: true, force: true })
  }
}

interface Server {
  readonly child: ChildProcess
  readonly pid: number
  readonly call: Call
}

async function startServer(dataDir: string): Promise<Server> {
  const child = spawn(
    join(import.meta.dirname, '..', 'roleback'),
    ['serve', '--data-dir', dataDir, '--listen', '127.0.0.1:0', '--log-format', 'silent'],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        ...process.env,
        ROLEBACK_ROOT_ACCESS_KEY_ID: ROOT_KEY.accessKeyId,
        ROLEBACK_ROOT_SECRET_ACCESS_KEY: ROOT_KEY.secretAccessKey,
      },
    },
  )
  let printed = ''
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`The server ended with code ${code}: ${printed}`)))
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      printed += text
      const found = /roleback ready (\S+)/.exec(printed)?.[1]
      if (found !== undefined) resolve(found)
    })
  })
  return { child, pid: child.pid as number, call: callerOf(url, ROOT_KEY, 'us-east-1') }
}

async function playJobs(server: Server, path: string, restoreRoot: string): Promise<void> {
  const { call } = server
  const trust = {
    Effect: 'Allow',
    Principal: { Service: 'backup.amazonaws.com' },
    Action: 'sts:AssumeRole',
  }
  const { Role } = await call('iam', 'CreateRole', {
    RoleName: 'bench',
    AssumeRolePolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [trust] }),
  })
  const rights = [{ Effect: 'Allow', Action: '*', Resource: '*' }]
  await call('iam', 'PutRolePolicy', {
    RoleName: 'bench',
    PolicyName: 'own',
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: rights }),
  })
  await call('backup', 'CreateBackupVault', { BackupVaultName: 'bench' })
  await ended(async () => {
    const { VaultState } = await call('backup', 'DescribeBackupVault', { BackupVaultName: 'bench' })
    return VaultState === 'CREATING' ? 'CREATED' : (VaultState ?? '')
  })
  mkdirSync(restoreRoot, { recursive: true })
  const { ResourceArn } = await call('roleback', 'RegisterResource', {
    ResourceType: 'EFS',
    Name: 'bench',
    Connection: { Path: path, RestoreRoot: restoreRoot },
  })
  const backup = async (): Promise<string> => {
    const input = { BackupVaultName: 'bench', ResourceArn, IamRoleArn: Role.Arn }
    const { BackupJobId } = await call('backup', 'StartBackupJob', input)
    await ended(
      async () => (await call('backup', 'DescribeBackupJob', { BackupJobId: BackupJobId ?? '' })).State ?? '',
    )
    const { State, StatusMessage, RecoveryPointArn } = await call('backup', 'DescribeBackupJob', {
      BackupJobId: BackupJobId ?? '',
    })
    if (State !== 'COMPLETED') throw new Error(`The backup ended ${State}: ${StatusMessage}`)
    return RecoveryPointArn ?? ''
  }
  const restore = async (RecoveryPointArn: string): Promise<void> => {
    const { RestoreJobId } = await call('backup', 'StartRestoreJob', {
      RecoveryPointArn,
      IamRoleArn: Role.Arn,
      Metadata: {
        'file-system-id': ResourceArn.split('/').at(-1) ?? '',
        newFileSystem: 'true',
        CreationToken: 'restored',
      },
    })
    const ask = async () => await call('backup', 'DescribeRestoreJob', { RestoreJobId: RestoreJobId ?? '' })
    await ended(async () => (await ask()).Status ?? '')
    const { Status, StatusMessage } = await ask()
    if (Status !== 'COMPLETED') throw new Error(`The restore ended ${Status}: ${StatusMessage}`)
  }
  let point = ''
  const peaks = [
    await watched(server, 'first', async () => void (point = await backup())),
    await watched(server, 'unchanged', async () => void (point = await backup())),
    await watched(server, 'restore', () => restore(point)),
  ]
  const peak = Math.max(...peaks)
  say(`server peak PSS: ${peak} MiB (target at most ${PSS_MIB}${peak <= PSS_MIB ? '' : ': MISSED'})`)
}

async function ended(stateOf: () => Promise<string>): Promise<void> {
  while (RUNNING.includes(await stateOf())) await pause(50)
}

/** @returns The most memory at once meanwhile. */
async function watched({ pid }: Server, what: string, work: () => Promise<void>): Promise<number> {
  let peak = 0
  const sample = setInterval(() => (peak = Math.max(peak, pssMibOf(pid))), SAMPLE_MS)
  const [start, cpu] = [performance.now(), cpuOf(pid).own]
  try {
    await work()
  } finally {
    clearInterval(sample)
  }
  const seconds = (performance.now() - start) / 1000
  const cpuSeconds = cpuOf(pid).own - cpu
  say(
    `server, ${what}: ${seconds.toFixed(2)} s, CPU ${cpuSeconds.toFixed(2)} s, peak ${peak} MiB, ${machine()}`,
  )
  return peak
}
