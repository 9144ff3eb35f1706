import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { callerOf } from '../../src/aws/client.ts'
import type { Credentials } from '../../src/aws/client.ts'
import { makeRecoveryKit } from '../../src/keyring/recovery-kit.ts'
import { fromBase32, totpCode, totpStep } from '../../src/lib/totp.ts'
import { roleback } from '../fixtures/command-line.ts'
import { fillSmallTree } from '../fixtures/small-tree.ts'
import {
  allow,
  backUpWell,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  until,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/** Another recovery kit, and with it the next key of every vault. */

let world: World
/** Has the right, but no MFA. */
let plain: Credentials
let signedIn: Credentials

const inScratch = (name: string): string => join(world.scratch, name)
const vaultDirectory = (): string => {
  const [row] = world.rows<{ vault_id: string }>(`select vault_id from vault where name = 'turned'`)
  return join(world.dataDir, 'vaults', row?.vault_id ?? '')
}

before(async () => {
  world = await openWorld({ isGuarded: true })
  const user = await makeUser(world, 'keeper', [
    allow(['roleback:IssueRecoveryKit', 'roleback:RestoreUnreadable', 'iam:CreateAccessKey', 'sts:*']),
  ])
  plain = user.key
  const device = await world.call('iam', 'CreateVirtualMFADevice', { VirtualMFADeviceName: 'keeper' })
  const { SerialNumber, Base32StringSeed } = device.VirtualMFADevice
  const seed = fromBase32(Buffer.from(Base32StringSeed ?? new Uint8Array()).toString())
  const step = totpStep(Date.now())
  await world.call('iam', 'EnableMFADevice', {
    UserName: 'keeper',
    SerialNumber,
    AuthenticationCode1: totpCode(seed, step - 1),
    AuthenticationCode2: totpCode(seed, step),
  })
  const { Credentials: given } = await user.call('sts', 'GetSessionToken', {
    SerialNumber,
    TokenCode: totpCode(seed, step + 1),
  })
  assert.ok(given !== undefined)
  signedIn = {
    accessKeyId: given.AccessKeyId,
    secretAccessKey: given.SecretAccessKey,
    sessionToken: given.SessionToken,
  }
})
after(() => world[Symbol.asyncDispose]())

async function issue(credentials: Credentials, PublicKey: string): Promise<void> {
  const call = callerOf(world.url, credentials, world.region)
  await call('roleback', 'IssueRecoveryKit', { PublicKey })
}

const idsOpenedBy = (kit: string, passphrase: string): readonly string[] => {
  const args = ['tools/recover.mjs', 'list', vaultDirectory(), '--json', '--kit', kit]
  let text: string
  try {
    const all = [...args, '--passphrase-file', passphrase]
    text = execFileSync(process.execPath, all, { encoding: 'utf8', stdio: 'pipe' })
  } catch (error) {
    text = (error as { stdout: string }).stdout
  }
  return (JSON.parse(text) as { points: { id: string; resourceType: string }[] }).points
    .filter(({ resourceType }) => resourceType === 'EFS')
    .map(({ id }) => id)
}

test('R20 issuing a recovery kit takes a right of its own and MFA, whatever else somebody may', async () => {
  const { publicKey } = makeRecoveryKit('not used', { cost: 1024 })
  const other = await makeUser(world, 'without', [allow(['iam:*', 'backup:*'])])
  await assert.rejects(issue(other.key, publicKey), /not authorized to perform: roleback:IssueRecoveryKit/)
  for (const credentials of [plain, world.rootKey])
    await assert.rejects(
      issue(credentials, publicKey),
      /because a recovery kit is issued to somebody with MFA alone/,
    )
  assert.deepEqual(world.rows(`select job_id from job where kind = 'rotate-key'`), [])
})

test('R16 a recovery kit opens what its caller could not read: it takes roleback:RestoreUnreadable on everything', async () => {
  const { publicKey } = makeRecoveryKit('not used', { cost: 1024 })
  const blind = await makeUser(world, 'blind', [allow(['roleback:IssueRecoveryKit', 'iam:CreateAccessKey'])])
  await assert.rejects(
    issue(blind.key, publicKey),
    /not authorized to perform: roleback:RestoreUnreadable on resource: \*.* The restore guard asks for it: a recovery kit opens every vault of the server/,
  )
})

test('R20 a kit whose answer was lost is kept, since the server may have taken it; a refused one is not', async () => {
  const files = (name: string): readonly [string, string] => [
    inScratch(`${name}-kit`),
    inScratch(`${name}-words`),
  ]
  const run = async (name: string, url: string): Promise<{ code: number | null; stderr: string }> => {
    const [kit, words] = files(name)
    return await roleback(['kit', 'issue', '--out', kit, '--passphrase-out', words], {
      env: {
        AWS_ENDPOINT_URL: url,
        AWS_ACCESS_KEY_ID: plain.accessKeyId,
        AWS_SECRET_ACCESS_KEY: plain.secretAccessKey,
      },
    })
  }
  const refused = await run('refused', world.url)
  assert.notEqual(refused.code, 0)
  assert.deepEqual(
    files('refused').map((file) => existsSync(file)),
    [false, false],
  )
  const silent = createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  const lost = await run('lost', `http://127.0.0.1:${(silent.address() as AddressInfo).port}`)
  silent.close()
  assert.notEqual(lost.code, 0)
  assert.match(lost.stderr, /is not known: keep/)
  assert.deepEqual(
    files('lost').map((file) => existsSync(file)),
    [true, true],
  )
})

test('what is no public key, or one that makes shared secrets known to everybody, is refused', async () => {
  for (const PublicKey of ['', 'AAAA', Buffer.alloc(32).toString('base64'), `${'A'.repeat(43)}=\n`])
    await assert.rejects(issue(signedIn, PublicKey), /PublicKey/)
})

test('R20 a kit that is issued re-wraps under a new key for new data, is announced, and says which kit it replaces', async () => {
  const role = await makeRole(world, 'keeper-role', {
    managed: ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'],
  })
  await makeVault(world, 'turned')
  const tree = await registerDirectory(world, 'tree', fillSmallTree)
  const input = { BackupVaultName: 'turned', ResourceArn: tree.arn, IamRoleArn: role }
  await backUpWell(world, input)
  const kit = inScratch('new-kit.txt')
  const passphrase = inScratch('new-passphrase.txt')
  const issued = await roleback(['kit', 'issue', '--out', kit, '--passphrase-out', passphrase, '--json'], {
    env: {
      AWS_ENDPOINT_URL: world.url,
      AWS_ACCESS_KEY_ID: signedIn.accessKeyId,
      AWS_SECRET_ACCESS_KEY: signedIn.secretAccessKey,
      AWS_SESSION_TOKEN: signedIn.sessionToken ?? '',
    },
  })
  assert.equal(issued.code, 0, issued.stderr)
  const { KitId, PreviousKitId, JobIds } = JSON.parse(issued.stdout) as {
    KitId: string
    PreviousKitId: string
    JobIds: string[]
  }
  for (const jobId of JobIds) assert.equal((await jobEnd(world, jobId)).State, 'COMPLETED')
  for (const file of [kit, passphrase]) assert.equal(statSync(file).mode & 0o777, 0o600)
  const oldKit = `${world.dataDir}-recovery/recovery-kit.txt`
  const oldPassphrase = `${world.dataDir}-recovery/recovery-passphrase.txt`
  assert.ok(readFileSync(oldKit, 'utf8').includes(PreviousKitId))
  assert.deepEqual(
    readdirSync(join(vaultDirectory(), 'keys')).toSorted(),
    [
      `kit-${KitId}-0002.json`,
      `kit-${KitId}.json`,
      `kit-${PreviousKitId}.json`,
      'server-0002.json',
      'server.json',
    ].toSorted(),
  )
  assert.ok(world.lines.some((line) => line.includes('a recovery kit was issued') && line.includes(KitId)))
  const audited = world.rows<{ effect: string }>(
    `select effect from audit where action = 'roleback:IssueRecoveryKit' and effect = 'Allow'`,
  )
  assert.ok(audited.length > 0)

  writeFileSync(join(tree.path, 'after'), 'after')
  await backUpWell(world, input)
  assert.equal(idsOpenedBy(kit, passphrase).length, 2)
  assert.equal(idsOpenedBy(oldKit, oldPassphrase).length, 1)
  const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName: 'turned' })
  assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')

  await makeVault(world, 'made-later')
  const [later] = world.rows<{ vault_id: string }>(`select vault_id from vault where name = 'made-later'`)
  assert.ok(existsSync(join(world.dataDir, 'vaults', later?.vault_id ?? '', `keys/kit-${KitId}.json`)))
  const secret = readFileSync(passphrase, 'utf8').trim()
  assert.ok(world.lines.every((line) => !line.includes(secret)))
  await until('nothing of the kit to lie in the data directory', () => {
    const files = readdirSync(world.dataDir, { recursive: true, withFileTypes: true }).filter((file) =>
      file.isFile(),
    )
    const found = files.find((file) => readFileSync(join(file.parentPath, file.name)).includes(secret))
    assert.equal(found, undefined)
    return true
  })
})

test('R20 a vault whose storage fails gets its next key once the storage is back, and under the kit of then', async () => {
  const keys = join(vaultDirectory(), 'keys')
  const [before] = readdirSync(keys)
    .filter((name) => name.startsWith('server-'))
    .toSorted()
    .reverse()
  renameSync(keys, `${keys}-away`)
  writeFileSync(keys, '')
  const call = callerOf(world.url, signedIn, world.region)
  const issueAnother = async (): Promise<{ readonly KitId: string; readonly JobIds: readonly string[] }> =>
    await call('roleback', 'IssueRecoveryKit', {
      PublicKey: makeRecoveryKit('not used', { cost: 1024 }).publicKey,
    })
  const first = await issueAnother()
  const waiting = (id: string): boolean =>
    world.rows(
      `select state from job where state = 'CREATED' and status_message like '%next key%' and job_id = ?`,
      id,
    ).length > 0

  await until('a job to be put back', () => first.JobIds.some(waiting) || undefined)
  const second = await issueAnother()
  rmSync(keys)
  renameSync(`${keys}-away`, keys)
  for (const jobId of [...first.JobIds, ...second.JobIds])
    assert.equal((await jobEnd(world, jobId)).State, 'COMPLETED')
  const names = readdirSync(keys).toSorted()
  const newest = names.filter((name) => name.startsWith('server-')).at(-1) ?? ''
  assert.ok(newest > (before ?? ''), newest)
  assert.ok(names.includes(newest.replace('server-', `kit-${second.KitId}-`)), names.join(' '))
})
