import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import pg from 'pg'
import { callService, callerOf } from '../src/aws/client.ts'
import { followJob } from '../src/cli/jobs/follow-job.ts'
import { roleback, startRoleback } from './fixtures/command-line.ts'
import type { Ended } from './fixtures/command-line.ts'
import { postgresMissing, startPostgres } from './servers/postgres.ts'

/** Planted secrets: none of them may be found anywhere but in the file that it came from. */
const CANARIES = {
  database: 'canary-Database-7f3a91',
  bucket: 'canary-Bucket-19c2e8d4',
  repository: 'canary-Repository-55b0',
  root: 'canary-Root-e02d7c6611',
  person: 'canary-Person-4b8e21',
} as const

const scratch = mkdtempSync(join(tmpdir(), 'roleback-secrets-'))
// The PostgreSQL server runs as another account and must get through.
chmodSync(scratch, 0o755)
after(() => rmSync(scratch, { recursive: true }))

/** The canaries in `bytes`, plain or encoded as people and programs would. */
function leaksIn(bytes: Buffer, where: string): string[] {
  return Object.entries(CANARIES).flatMap(([name, secret]) =>
    [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64').slice(0, -4)]
      .filter((form) => bytes.includes(form))
      .map(() => `${name} secret in ${where}`),
  )
}

function leaksBelow(folder: string, except: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !except.includes(entry.name))
    .flatMap((entry) => {
      const file = join(entry.parentPath, entry.name)
      return leaksIn(readFileSync(file), file)
    })
}

interface SeenProcess {
  readonly pid: number
  readonly name: string
  readonly commandLine: Buffer
  readonly environment: Buffer
}

/** The processes below `pid`, as anybody with the same account could see them. */
function descendantsOf(pid: number): SeenProcess[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child.pid)])
}

function childrenOf(pid: number): SeenProcess[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  const pids = threads.flatMap((thread) =>
    readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8').split(' ').filter(Boolean).map(Number),
  )
  return pids.map((child) => ({
    pid: child,
    name: readFileSync(`/proc/${child}/comm`, 'utf8').trim(),
    commandLine: readFileSync(`/proc/${child}/cmdline`),
    environment: readFileSync(`/proc/${child}/environ`),
  }))
}

/**
 * Waits until the server runs a child of this name with this variable. One that only prints its version has no such variable,
 * and one that is just starting has no environment yet.
 */
async function childWith(pid: number, name: string, variable: string): Promise<SeenProcess> {
  for (let tries = 0; tries < 1500; tries++) {
    try {
      const found = descendantsOf(pid).find(
        (child) => child.name === name && child.environment.includes(`${variable}=`),
      )
      if (found !== undefined) return found
    } catch (error) {
      // A process that ended while it was looked at.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
    }
    await pause(20)
  }
  throw new Error(`no child ${name} of process ${pid} with ${variable} was seen`)
}

function secretFile(name: keyof typeof CANARIES): string {
  const file = join(scratch, `${name}.secret`)
  writeFileSync(file, `${CANARIES[name]}\n`, { mode: 0o600 })
  return file
}

test(
  'R9 planted secrets are in no argument, no child’s environment, no answer, no log and no file',
  { skip: postgresMissing() ?? false },
  async () => {
    const postgres = await startPostgres({ dir: join(scratch, 'postgres') })
    await postgres.sql(`create role app login password '${CANARIES.database}'`)
    await postgres.sql('create database orders owner app')
    await postgres.sql(
      'create table orders (id int); insert into orders values (1); alter table orders owner to app',
      'orders',
    )
    const [dataDir, temporary] = [join(scratch, 'data'), join(scratch, 'tmp')]
    mkdirSync(temporary)
    const rootKey = { accessKeyId: 'AKIAROOTOFTHISTEST01', secretAccessKey: CANARIES.root }
    const server = await startRoleback(['serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir], {
      env: {
        TMPDIR: temporary,
        ROLEBACK_ROOT_ACCESS_KEY_ID: rootKey.accessKeyId,
        ROLEBACK_ROOT_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
      },
    })
    const lock = new pg.Client({
      host: postgres.host,
      port: postgres.port,
      user: postgres.superuser,
      password: postgres.password,
      database: 'orders',
    })
    const told: Ended[] = []
    const command = async (line: string, input = ''): Promise<Ended> => {
      const env = {
        AWS_ENDPOINT_URL: server.url,
        AWS_SHARED_CREDENTIALS_FILE: join(dataDir, 'root-credentials'),
        AWS_PROFILE: 'roleback',
      }
      const ended = await roleback(line.split(' '), { env, input })
      told.push(ended)
      return ended
    }
    const leaks: string[] = []
    try {
      const call = callerOf(server.url, rootKey, 'us-east-1')
      const added = await command(
        `resource add postgresql orders --host ${postgres.host} --port ${postgres.port} --user app --tls-mode disable --password-file ${secretFile('database')} --json`,
      )
      assert.equal(added.code, 0, added.stderr)
      // Nobody answers there: the refusal must not repeat what it was given.
      const refused = await command(
        'resource add s3 bucket --endpoint http://127.0.0.1:1 --access-key-id AKIAS3 --secret-file -',
        CANARIES.bucket,
      )
      assert.equal(refused.code, 1)
      assert.equal((await command('resource show orders --json')).code, 0)

      const { RoleArn } = await call('roleback', 'CreateDefaultServiceRole', {})
      await call('backup', 'CreateBackupVault', { BackupVaultName: 'orders' })
      await lock.connect()
      await lock.query('begin; lock table orders in access exclusive mode')
      const { BackupJobId } = await call('backup', 'StartBackupJob', {
        BackupVaultName: 'orders',
        ResourceArn: (JSON.parse(added.stdout) as { ResourceArn: string }).ResourceArn,
        IamRoleArn: RoleArn,
      })
      // It waits for the lock, so there is time to look at it.
      const dump = await childWith(server.pid, 'pg_dump', 'PGPASSFILE')
      leaks.push(...leaksIn(dump.commandLine, "pg_dump's arguments"))
      leaks.push(...leaksIn(dump.environment, "pg_dump's environment"))
      await lock.query('rollback')
      const job = await followJob(call, BackupJobId as string, 'backup', undefined)
      assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
      assert.equal((await command(`job decisions ${job.JobId}`)).code, 0)

      const exported = await command(
        `vault export orders --to ${join(scratch, 'exported')} --role ${RoleArn} --password-file ${secretFile('repository')}`,
      )
      assert.equal(exported.code, 0, exported.stderr)
    } finally {
      await lock.end()
      told.push(await server.stop())
      await postgres.stop()
    }
    for (const { stdout, stderr } of told)
      leaks.push(...leaksIn(Buffer.from(stdout + stderr), 'what was printed'))
    leaks.push(...leaksBelow(dataDir, ['root-credentials']))
    leaks.push(...leaksBelow(temporary, []), ...leaksBelow(join(scratch, 'exported'), []))
    assert.deepEqual(leaks, [])
    assert.deepEqual(readdirSync(temporary), [], 'files with passwords are removed')
    assert.deepEqual(
      leaksBelow(scratch, [])
        .map((leak) => basename(leak))
        .toSorted(),
      ['database.secret', 'repository.secret', 'root-credentials'],
    )
  },
)

test('R9 passwords and seeds of people are in no file, no log and no answer but the one that gave them', async () => {
  const dataDir = join(scratch, 'people')
  const rootKey = { accessKeyId: 'AKIAROOTOFTHISTEST02', secretAccessKey: CANARIES.root }
  const server = await startRoleback(['serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir], {
    env: {
      ROLEBACK_ROOT_ACCESS_KEY_ID: rootKey.accessKeyId,
      ROLEBACK_ROOT_SECRET_ACCESS_KEY: rootKey.secretAccessKey,
    },
  })
  let seed = ''
  let ended: Ended
  const errors: string[] = []
  try {
    const call = callerOf(server.url, rootKey, 'us-east-1')
    const { Account = '' } = await call('sts', 'GetCallerIdentity', {})
    const UserName = 'anna'
    await call('iam', 'CreateUser', { UserName })
    await call('iam', 'CreateLoginProfile', { UserName, Password: CANARIES.person })
    const { VirtualMFADevice } = await call('iam', 'CreateVirtualMFADevice', { VirtualMFADeviceName: 'anna' })
    seed = Buffer.from(VirtualMFADevice.Base32StringSeed ?? []).toString()
    const enter = async (given: object): Promise<void> => {
      const PasswordCredentials = { Account, UserName, Password: CANARIES.person, ...given }
      const anybody = callService(server.url, undefined, 'us-east-1', 'roleback', 'SignIn', {
        PasswordCredentials,
      })
      await anybody.catch((error: unknown) => errors.push(String(error)))
    }
    await enter({})
    // Into the wrong field, too short for the policy, and of characters that no password has.
    await enter({ UserName: CANARIES.person })
    await enter({ Account: CANARIES.person })
    await enter({ Password: `${CANARIES.person}\u{1f512}` })
    await enter({ MfaCode: CANARIES.person })
    await enter({ NewPassword: CANARIES.person })
    assert.equal(errors.length, 5)
    await call('iam', 'GenerateCredentialReport', {})
  } finally {
    ended = await server.stop()
  }
  const told = Buffer.from([ended.stdout, ended.stderr, ...errors].join('\n'))
  assert.deepEqual(leaksIn(told, 'what was said'), [])
  assert.deepEqual(leaksBelow(dataDir, ['root-credentials']), [])
  assert.match(seed, /^[A-Z2-7]{64}$/)
  assert.ok(!told.includes(seed))
  for (const entry of readdirSync(dataDir, { withFileTypes: true }))
    if (entry.isFile()) assert.ok(!readFileSync(join(dataDir, entry.name)).includes(seed), entry.name)
})

test('R9 a secret given as an argument is refused as an unknown option', async () => {
  const args = ['resource', 'add', 's3', 'b', '--endpoint', 'http://127.0.0.1:1', '--access-key-id', 'A']
  for (const option of ['--secret', '--password', '--secret-access-key']) {
    const { code, stderr } = await roleback([...args, option, 'x'])
    assert.equal(code, 2)
    assert.match(stderr, new RegExp(`unknown option '${option}'`))
  }
})
