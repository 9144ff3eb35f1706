import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callerOf } from '../src/aws/client.ts'
import type { Call, Credentials } from '../src/aws/client.ts'
import { calibration } from './calibration.ts'
import { LAUNCHER_ENV, LAUNCHER_FLAGS } from './measure.ts'

/**
 * Whole requests against a whole server (SQLite on disk, every record durable before its answer), the load made by another process on
 * the same cores: what a machine of the size gives, signature and policies included. The caller is a user whose rights come from a
 * managed policy of AWS Backup's full size.
 */
const CONNECTIONS = 32
const SECONDS = 8
const TARGET_PER_SECOND = 2_500
const TARGET_P99_MS = 50
const ROOT: Credentials = {
  accessKeyId: 'AKIAROOTOFBENCH00001',
  secretAccessKey: 'root-secret-of-the-bench-1',
}
const REGION = 'us-east-1'
const MAIN = join(import.meta.dirname, '..', 'src', 'main.ts')

const LOADS = [
  {
    name: 'GetCallerIdentity',
    args: ['sts', 'POST', '/', 'Action=GetCallerIdentity&Version=2011-06-15'],
  },
  { name: 'DescribeBackupVault', args: ['backup', 'GET', '/backup-vaults/bench', ''] },
] as const

export async function run(): Promise<void> {
  say(calibration())
  const dataDir = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  const launched = [...LAUNCHER_FLAGS, MAIN, 'serve', '--data-dir', dataDir, '--listen', '127.0.0.1:0']
  const server = spawn(process.execPath, launched, {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: {
      ...process.env,
      ...LAUNCHER_ENV,
      ROLEBACK_ROOT_ACCESS_KEY_ID: ROOT.accessKeyId,
      ROLEBACK_ROOT_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
    },
  })
  try {
    const url = await readyUrl(server)
    const key = await makeCaller(callerOf(url, ROOT, REGION))
    const port = new URL(url).port
    for (const { name, args } of LOADS) {
      await load(port, key, 1, args)
      const before = cpuSeconds(server.pid as number)
      const { perSecond, p50, p99 } = await load(port, key, SECONDS, args)
      const cpuMicros = ((cpuSeconds(server.pid as number) - before) / (perSecond * SECONDS)) * 1e6
      say(
        `${name}: ${Math.round(perSecond)} requests/s (target at least ${TARGET_PER_SECOND}), p50 ${p50.toFixed(1)} ms, ` +
          `p99 ${p99.toFixed(1)} ms (target at most ${TARGET_P99_MS}), ${Math.round(cpuMicros)} µs of the server's CPU each`,
      )
    }
    say(`server: ${pssMib(server.pid as number)} MiB PSS`)
  } finally {
    server.kill()
    await new Promise((resolve) => server.once('exit', resolve))
    rmSync(dataDir, { recursive: true, force: true })
  }
}

async function readyUrl(server: ChildProcess): Promise<string> {
  let said = ''
  for await (const chunk of server.stdout as AsyncIterable<Buffer>) {
    said += chunk.toString()
    const url = /roleback ready (\S+)/.exec(said)?.[1]
    if (url !== undefined) return url
  }
  throw new Error(`The server ended before it was ready: ${said}`)
}

async function makeCaller(call: Call): Promise<Credentials> {
  await call('backup', 'CreateBackupVault', { BackupVaultName: 'bench' })
  await call('iam', 'CreateUser', { UserName: 'bench' })
  await call('iam', 'AttachUserPolicy', {
    UserName: 'bench',
    PolicyArn: 'arn:aws:iam::aws:policy/AWSBackupFullAccess',
  })
  const { AccessKey } = await call('iam', 'CreateAccessKey', { UserName: 'bench' })
  return { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey }
}

interface LoadResult {
  readonly perSecond: number
  readonly p50: number
  readonly p99: number
}

async function load(
  port: string,
  key: Credentials,
  seconds: number,
  args: readonly string[],
): Promise<LoadResult> {
  const script = join(import.meta.dirname, 'http-load.ts')
  const child = spawn(process.execPath, [script, port, String(CONNECTIONS), String(seconds), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, AWS_ACCESS_KEY_ID: key.accessKeyId, AWS_SECRET_ACCESS_KEY: key.secretAccessKey },
  })
  let said = ''
  for await (const chunk of child.stdout as AsyncIterable<Buffer>) said += chunk.toString()
  return JSON.parse(said) as LoadResult
}

/** User and system time of all its threads. */
function cpuSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  return (Number(fields[11]) + Number(fields[12])) / 100
}

function pssMib(pid: number): number {
  const kib = /^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1]
  return Math.round(Number(kib) / 1024)
}

const say = (line: string): void => void process.stdout.write(`${line}\n`)
