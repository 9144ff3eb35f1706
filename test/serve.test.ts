import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { callerOf } from '../src/aws/client.ts'
import type { Credentials } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { parseProfiles } from '../src/cli/aws-profile.ts'
import { loadServerKey } from '../src/keyring/server-key.ts'
import { roleback, startRoleback } from './fixtures/command-line.ts'
import type { RunningCommand } from './fixtures/command-line.ts'
import { until } from './fixtures/world.ts'

const scratch = mkdtempSync(join(tmpdir(), 'roleback-serve-'))
after(() => rmSync(scratch, { recursive: true }))
const ON_ANY_PORT = ['--listen', '127.0.0.1:0'] as const

function rootKey(dataDir: string): Credentials {
  const profile = parseProfiles(readFileSync(join(dataDir, 'root-credentials'), 'utf8')).get('roleback')
  return {
    accessKeyId: profile?.['aws_access_key_id'] ?? '',
    secretAccessKey: profile?.['aws_secret_access_key'] ?? '',
  }
}

async function whoAmI(
  server: RunningCommand,
  credentials: Credentials,
  caFile?: string,
): Promise<string | undefined> {
  const call = callerOf(server.url, credentials, 'us-east-1', { caFile })
  return (await call('sts', 'GetCallerIdentity', {})).Arn
}

describe('a server on a new data directory', () => {
  const dataDir = join(scratch, 'first')
  const args = ['serve', ...ON_ANY_PORT, '--data-dir', dataDir]
  const keyFile = join(dataDir, 'server.key')
  let server: RunningCommand
  before(async () => {
    server = await startRoleback([...args, '--account-id', '111122223333'])
  })
  after(async () => void (await server.stop()))

  test('serve makes a root key that works, in a file of mode 0600, and prints no secret without a terminal', async () => {
    const key = rootKey(dataDir)
    assert.equal(statSync(join(dataDir, 'root-credentials')).mode & 0o777, 0o600)
    assert.equal(await whoAmI(server, key), 'arn:aws:iam::111122223333:root')
    const { stdout, stderr } = server.printed()
    assert.match(stdout, /^roleback ready http:\/\/127\.0\.0\.1:\d+$/m)
    assert.match(stdout, new RegExp(`root credentials: ${dataDir}/root-credentials`))
    assert.ok(!stdout.includes(key.secretAccessKey) && !stderr.includes(key.secretAccessKey))
    for (const file of ['recovery-kit.txt', 'recovery-passphrase.txt']) {
      assert.equal(statSync(join(`${dataDir}-recovery`, file)).mode & 0o777, 0o600)
    }
    const passphrase = readFileSync(join(`${dataDir}-recovery`, 'recovery-passphrase.txt'), 'utf8').trim()
    assert.ok(!stdout.includes(passphrase) && !stderr.includes(passphrase))
    const kit = readFileSync(join(`${dataDir}-recovery`, 'recovery-kit.txt'), 'utf8')
    const { scrypt } = JSON.parse(/^\{.*\}$/ms.exec(kit)?.[0] ?? '') as { scrypt: object }
    assert.deepEqual({ ...scrypt, salt: '' }, { N: 131_072, r: 8, p: 1, salt: '' })
  })

  test('a second serve on the same data directory refuses and names the first', async () => {
    const { code, stdout, stderr } = await roleback(args)
    assert.equal(code, 1)
    assert.equal(stdout, '')
    assert.match(
      stderr,
      new RegExp(`^roleback serve: Cannot use the data directory .*process ${server.pid} on .*\\n$`),
    )
  })

  test('serve ends cleanly at SIGTERM and SIGINT and is the same server when it comes back', async () => {
    const identity = await whoAmI(server, rootKey(dataDir))
    assert.equal((await server.stop('SIGINT')).code, 0)
    server = await startRoleback(args)
    assert.equal(await whoAmI(server, rootKey(dataDir)), identity)
    const { code, stdout } = await server.stop('SIGTERM')
    assert.equal(code, 0)
    assert.doesNotMatch(stdout, /root credentials/)
  })

  /** Starts it with a server key that has nothing to do with its database. */
  async function assertOtherKeyRefused(): Promise<void> {
    const aside = join(scratch, 'aside.key')
    renameSync(keyFile, aside)
    loadServerKey(keyFile)
    const { code, stderr } = await roleback(args)
    rmSync(keyFile)
    renameSync(aside, keyFile)
    assert.equal(code, 1)
    assert.match(
      stderr,
      /^roleback serve: Cannot start: the server key is not the one this database was made with/,
    )
  }

  test('serve refuses a database that was made with another server key', assertOtherKeyRefused)

  test('serve and root-key refuse a database whose server key is gone, and make no other', async () => {
    const key = readFileSync(keyFile)
    rmSync(keyFile)
    for (const [name, command] of [
      ['serve', args],
      ['root-key', ['root-key', '--data-dir', dataDir]],
    ] as const) {
      const { code, stderr } = await roleback(command)
      assert.equal(code, 1, name)
      assert.match(
        stderr,
        /: Cannot start: ".*server\.key" is missing, .* Bring it back from your copy/,
        name,
      )
      assert.equal(existsSync(keyFile), false, name)
    }
    writeFileSync(keyFile, key, { mode: 0o400 })
    server = await startRoleback(args)
    assert.match((await whoAmI(server, rootKey(dataDir))) ?? '', /:root$/)
  })

  test('serve tells another server key by its vaults, too, where nobody has an access key', async () => {
    const call = callerOf(server.url, rootKey(dataDir), 'us-east-1')
    await call('backup', 'CreateBackupVault', { BackupVaultName: 'kept' })
    await until('the vault', async () => {
      const { VaultState } = await call('backup', 'DescribeBackupVault', { BackupVaultName: 'kept' })
      return VaultState === 'AVAILABLE' ? true : undefined
    })
    await server.stop()
    const rows = new DatabaseSync(join(dataDir, 'roleback.db'))
    rows.exec('delete from iam_access_key')
    rows.close()
    await assertOtherKeyRefused()
    server = await startRoleback(args)
  })
})

describe('a server that is given its root key and its region', () => {
  const dataDir = join(scratch, 'given')
  const key = { accessKeyId: 'ops', secretAccessKey: 'chosen-by-the-operator' }
  let server: RunningCommand
  before(async () => {
    server = await startRoleback(
      ['serve', ...ON_ANY_PORT, '--data-dir', dataDir, '--region', 'eu-central-1'],
      {
        env: {
          ROLEBACK_ROOT_ACCESS_KEY_ID: key.accessKeyId,
          ROLEBACK_ROOT_SECRET_ACCESS_KEY: key.secretAccessKey,
        },
      },
    )
  })
  after(async () => void (await server.stop()))

  test('serve takes the root key of the environment at its first start, also a short one', async () => {
    assert.match((await whoAmI(server, key)) ?? '', /:root$/)
    assert.deepEqual(rootKey(dataDir), key)
  })

  test('a request signed for another region is refused with the region that this server serves', async () => {
    const elsewhere = callerOf(server.url, key, 'us-west-2')
    await assert.rejects(elsewhere('backup', 'ListBackupVaults', {}), (error) => {
      assert.ok(error instanceof AwsError)
      assert.match(error.message, /eu-central-1/)
      return true
    })
    // IAM and STS have one region in AWS, so clients sign for us-east-1 whatever they are set to.
    assert.match((await whoAmI(server, key)) ?? '', /:root$/)
  })
})

test('serve refuses to listen beyond loopback without TLS, before it makes anything', async () => {
  const dataDir = join(scratch, 'open')
  const { code, stderr } = await roleback(['serve', '--listen', '0.0.0.0:0', '--data-dir', dataDir])
  assert.equal(code, 2)
  assert.match(stderr, /^roleback serve: Cannot listen on 0\.0\.0\.0 without TLS: .*--insecure-http.*\n$/)
  assert.equal(existsSync(dataDir), false)
})

test('serve answers over TLS, and the command line trusts it by AWS_CA_BUNDLE only', async () => {
  const dataDir = join(scratch, 'tls')
  const [key, cert] = [join(scratch, 'tls.key'), join(scratch, 'tls.crt')]
  execFileSync(
    'openssl',
    // prettier-ignore
    ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=roleback', '-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', key, '-out', cert],
    { stdio: 'ignore' },
  )
  const server = await startRoleback([
    'serve',
    ...ON_ANY_PORT,
    '--data-dir',
    dataDir,
    '--tls-cert',
    cert,
    '--tls-key',
    key,
  ])
  try {
    assert.match(server.url, /^https:/)
    assert.match((await whoAmI(server, rootKey(dataDir), cert)) ?? '', /:root$/)
    const env = {
      AWS_ENDPOINT_URL: server.url,
      AWS_SHARED_CREDENTIALS_FILE: join(dataDir, 'root-credentials'),
      AWS_PROFILE: 'roleback',
    }
    const untrusted = await roleback(['resource', 'list'], { env })
    assert.equal(untrusted.code, 1)
    assert.match(untrusted.stderr, /^roleback resource list: Could not reach .*AWS_CA_BUNDLE.*\n$/)
    const trusted = await roleback(['resource', 'list', '--json'], { env: { ...env, AWS_CA_BUNDLE: cert } })
    assert.deepEqual([trusted.code, JSON.parse(trusted.stdout)], [0, []])
  } finally {
    await server.stop()
  }
})

test('R12 a first start beside vaults of an earlier server refuses and names vault rebuild and --new', async () => {
  const dataDir = join(scratch, 'foreign')
  mkdirSync(join(dataDir, 'vaults', 'aabbcc'), { recursive: true })
  const args = ['serve', ...ON_ANY_PORT, '--data-dir', dataDir]
  const { code, stderr } = await roleback(args)
  assert.equal(code, 1)
  assert.match(
    stderr,
    /^roleback serve: Cannot start fresh: .*roleback vault rebuild .*--kit FILE.*--new.*\n$/,
  )
  const server = await startRoleback([...args, '--new'])
  assert.equal((await server.stop()).code, 0)
  assert.ok(existsSync(join(dataDir, 'vaults', 'aabbcc')))
})

test('R12 the kit of an earlier server is never written over', async () => {
  const dataDir = join(scratch, 'kit')
  mkdirSync(`${dataDir}-recovery`)
  writeFileSync(join(`${dataDir}-recovery`, 'recovery-kit.txt'), 'earlier')
  const { code, stderr } = await roleback(['serve', ...ON_ANY_PORT, '--data-dir', dataDir])
  assert.equal(code, 1)
  assert.match(stderr, /recovery-kit\.txt of an earlier server is still there/)
  assert.equal(readFileSync(join(`${dataDir}-recovery`, 'recovery-kit.txt'), 'utf8'), 'earlier')
})

test('serve and root-key take the server key from a command, and leave none in the data directory', async () => {
  const dataDir = join(scratch, 'unwrapped')
  const wrapped = join(scratch, 'wrapped')
  const unwrap = join(scratch, 'unwrap')
  writeFileSync(wrapped, randomBytes(32).toString('base64').split('').reverse().join(''))
  writeFileSync(unwrap, '#!/bin/sh\nrev "$1"\n', { mode: 0o700 })
  const from = ['--data-dir', dataDir, '--server-key', `command:${unwrap} ${wrapped}`]
  const server = await startRoleback(['serve', ...ON_ANY_PORT, ...from])
  await server.stop()
  const { code, stderr } = await roleback(['root-key', ...from])
  assert.equal(code, 0, stderr)
  assert.equal(existsSync(join(dataDir, 'server.key')), false)
  // Without it the database is not opened, and no other key is made for it.
  const without = await roleback(['root-key', '--data-dir', dataDir])
  assert.match(without.stderr, /server\.key" is missing/)
  // A key left behind is what the command should keep from those who copy the directory.
  writeFileSync(join(dataDir, 'server.key'), 'left behind', { mode: 0o400 })
  const beside = await roleback(['serve', ...ON_ANY_PORT, ...from])
  assert.match(beside.stderr, /to come from the command ".*unwrap", but ".*server\.key" is still there/)
  rmSync(join(dataDir, 'server.key'))
  const again = await startRoleback(['serve', ...ON_ANY_PORT, ...from])
  assert.match((await whoAmI(again, rootKey(dataDir))) ?? '', /:root$/)
  await again.stop()
})

test('wrong use ends with 2, a failure with 1, and each says so in one line without a stack trace', async () => {
  const env = {
    AWS_ACCESS_KEY_ID: 'AKIAX',
    AWS_SECRET_ACCESS_KEY: 'x',
    AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
  }
  const cases: readonly (readonly [number, readonly string[]])[] = [
    [2, ['no-such-command']],
    [2, ['job', 'show']],
    [2, ['serve', '--listen', 'nonsense']],
    [2, ['resource', 'add', 's3', 'b', '--endpoint', 'http://127.0.0.1:1', '--access-key-id', 'a']],
    [2, ['quickstart', '/no/such/directory']],
    [2, ['quickstart', '--listen', '0.0.0.0:0', '--data-dir', join(scratch, 'never')]],
    [1, ['job', 'show', 'x']],
    [0, ['--version']],
    [0, ['vault', 'export', '--help']],
    [0, ['import', 'restic', '--help']],
    [2, ['import', 'restic', '/no/such', '--vault', 'v', '--resource', 'r']],
  ]
  for (const [expected, args] of cases) {
    const { code, stderr } = await roleback(args, { env, cwd: scratch })
    assert.equal(code, expected, `${args.join(' ')}: ${stderr}`)
    assert.doesNotMatch(stderr, /^\s+at /m)
    if (expected !== 0) assert.match(stderr, /^roleback/)
  }
})
