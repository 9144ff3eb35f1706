import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setImmediate as nextTurn } from 'node:timers/promises'
import * as S3 from '@aws-sdk/client-s3'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import { nastyTree } from '../../src/drivers/directory/directory.fixture.ts'
import { loadServerKey } from '../../src/keyring/server-key.ts'
import { openServerWrapping } from '../../src/keyring/vault-key.ts'
import { writeDeadList } from '../../src/vault/chunks/dead-list.ts'
import { openVault, readHeader } from '../../src/vault/vault.ts'
import { fillBucket, registerBucket, s3ClientOf } from '../fixtures/bucket.ts'
import { registerOrders, startOrders } from '../fixtures/orders.ts'
import { backUpWell, jobEnd, makeRole, makeVault, openWorld, registerDirectory } from '../fixtures/world.ts'
import { restore, until } from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'
import { rgwMissing, startRgw } from '../servers/ceph-rgw.ts'
import type { RgwServer } from '../servers/ceph-rgw.ts'
import { postgresMissing } from '../servers/postgres.ts'
import { assertSameShape, shapeOf } from './shape.ts'
import type { Shape } from './shape.ts'
import { manifestOf, recoverWith, TOOL } from './tool.ts'
import type { Listed, Reader, Restored, Verified } from './tool.ts'

/** The second reader against vaults that a whole server wrote. */

const RIGHTS = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'].concat(
  ['AWSBackupServiceRolePolicyForS3Backup', 'AWSBackupServiceRolePolicyForS3Restore'].map(
    (name) => `arn:aws:iam::aws:policy/${name}`,
  ),
)

let world: World
let role: string
let kitFile: string
let passphraseFile: string
const { recover, recoverJson } = recoverWith(() => ({ kit: kitFile, passphrase: passphraseFile }))
/** It takes its time to start, which the other tests need not wait for. */
let rgwStarting: Promise<RgwServer> | undefined
const inScratch = (name: string): string => join(world.scratch, name)

before(async () => {
  world = await openWorld()
  kitFile = join(`${world.dataDir}-recovery`, 'recovery-kit.txt')
  passphraseFile = join(`${world.dataDir}-recovery`, 'recovery-passphrase.txt')
  if (rgwMissing() === undefined) rgwStarting = startRgw({ dir: inScratch('rgw') })
  role = await makeRole(world, 'recoverer', { managed: RIGHTS })
})
after(async () => {
  await (await rgwStarting)?.stop()
  await world[Symbol.asyncDispose]()
})

const backUp = (vault: string, ResourceArn: string): Promise<string> =>
  backUpWell(world, { BackupVaultName: vault, ResourceArn, IamRoleArn: role })

/** The directory of the vault that was made last. */
async function newVault(name: string): Promise<string> {
  const vaults = join(world.dataDir, 'vaults')
  const known = new Set(fs.existsSync(vaults) ? fs.readdirSync(vaults) : [])
  await makeVault(world, name)
  const id = fs.readdirSync(vaults).find((entry) => !known.has(entry))
  return join(vaults, id ?? assert.fail('the vault has no directory'))
}

/** Deletes a recovery point and waits until a sweep has freed what only it used. */
async function deleteAndSweep(vault: string, RecoveryPointArn: string): Promise<void> {
  await world.call('backup', 'DeleteRecoveryPoint', { BackupVaultName: vault, RecoveryPointArn })
  await until('the recovery point to go', async () => {
    const { RecoveryPoints } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
      BackupVaultName: vault,
    })
    return RecoveryPoints?.some((point) => point.RecoveryPointArn === RecoveryPointArn) === true
      ? undefined
      : true
  })
  const { JobId } = await world.call('roleback', 'StartSweepJob', { BackupVaultName: vault })
  assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')
}

const BIG = 80 * 1024 * 1024

describe('recover.mjs', () => {
  let vault: string
  let firstPoint: string
  let point: string
  let expected: ReadonlyMap<string, Shape>
  let tree: { arn: string; path: string; restoreRoot: string }

  before(async () => {
    vault = await newVault('trees')
    tree = await registerDirectory(world, 'nasty', (path) => {
      nastyTree(path)
      // What only a role with ClientRootAccess brings back, and a GiB that takes its time.
      for (const name of ['sparse', 'setuid', 'setgid', 'char device', 'block device', 'socket', 'capable']) {
        fs.rmSync(join(path, name), { force: true })
      }
      fs.writeFileSync(join(path, 'big'), randomBytes(BIG))
      fs.writeFileSync(join(path, 'holes'), '')
      fs.truncateSync(join(path, 'holes'), 8 * 1024 * 1024 + 3)
      fs.mkdirSync(join(path, 'many'))
      for (let n = 0; n < 1500; n++) fs.writeFileSync(join(path, 'many', `${n}`), `file ${n} `.repeat(n % 90))
    })
    firstPoint = await backUp('trees', tree.arn)
    const big = fs.openSync(join(tree.path, 'big'), 'r+')
    fs.writeSync(big, randomBytes(300_000), 0, 300_000, BIG / 2)
    fs.closeSync(big)
    fs.writeFileSync(join(tree.path, 'changed'), 'other content')
    fs.renameSync(join(tree.path, 'many'), join(tree.path, 'many, renamed'))
    fs.rmSync(join(tree.path, 'grüße'))
    expected = shapeOf(tree.path)
    point = await backUp('trees', tree.arn)
  })

  test('its SHA-256 is printed in the kit and is that of the copy in every vault', () => {
    const hash = createHash('sha256').update(fs.readFileSync(TOOL)).digest('hex')
    const kit = fs.readFileSync(kitFile, 'utf8')
    assert.ok(kit.includes(`\n    ${hash}\n`), kit)
    assert.ok(kit.includes(`"recoverSha256": "${hash}"`), kit)
    assert.deepEqual(fs.readFileSync(join(vault, 'recover.mjs')), fs.readFileSync(TOOL))
  })

  test('list names the recovery points, verify finds the vault whole', async () => {
    const { points } = await recoverJson<Listed>(['list', vault])
    assert.deepEqual(
      points.map(({ recoveryPointArn, resourceType }) => [recoveryPointArn, resourceType]),
      [firstPoint, point].map((arn) => [arn, 'EFS']),
    )
    assert.equal(points[1]?.items, expected.size)
    const verified = await recoverJson<Verified>(['verify', vault])
    assert.deepEqual(verified.damage, [])
    assert.equal(verified.points, 2)
    assert.ok(verified.packs >= 4)
    assert.match(
      (await recover(['list', vault])).stdout,
      /^POINT +TYPE +CREATED +SIZE +ITEMS +RESOURCE\n\S+ +EFS +20/,
    )
  })

  test('it restores the tree as it was and as the server restores it, with the copy that lies in the vault', async () => {
    const target = inScratch('by-hand')
    const answer = await recover(['restore', vault, point, target], { tool: join(vault, 'recover.mjs') })
    assert.equal(answer.code, 0, answer.stdout + answer.stderr)
    assertSameShape(shapeOf(target), expected)
    assert.ok(fs.statSync(join(target, 'holes')).blocks < 1000, 'holes stay holes')
    const job = await restore(world, {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: {
        'file-system-id': tree.arn.split('/').at(-1) ?? '',
        newFileSystem: 'true',
        CreationToken: 'by-server',
      },
    })
    assert.equal(job.Status, 'COMPLETED', `${job.StatusMessage}`)
    assertSameShape(shapeOf(target), shapeOf(join(tree.restoreRoot, 'by-server')))
  })

  test('it never writes into what exists, and says what it cannot begin with', async () => {
    const existing = await recover(['restore', vault, point, world.scratch])
    assert.deepEqual([existing.code, existing.stdout], [2, ''])
    assert.match(existing.stderr, /^recover: ".*" exists already: name a new directory\n$/)
    const noPoint = await recover(['restore', vault, 'nope', inScratch('nothing')])
    assert.equal(noPoint.code, 2)
    assert.match(noPoint.stderr, /There is no recovery point "nope"/)
    assert.ok(!fs.existsSync(inScratch('nothing')))
    const noVault = await recover(['list', world.scratch])
    assert.equal(noVault.code, 2)
    assert.match(noVault.stderr, /is no vault: vault.json cannot be read \(ENOENT\)/)
    assert.equal((await recover(['mend', vault])).code, 2)
  })

  test('a vault whose header is lost or damaged opens by its id, which the wrapping proves', async () => {
    const id = vault.split('/').at(-1) ?? ''
    const copy = inScratch('no-header')
    fs.cpSync(vault, copy, { recursive: true })
    const header = join(copy, 'vault.json')
    const whole = fs.readFileSync(header)
    const newer = Buffer.from(whole.toString().replace('"version":1', '"version":7'))
    const longer = Buffer.from(whole.toString().replace('"min":', '"min":1'))
    const states: readonly (readonly [Buffer | undefined, string])[] = [
      [undefined, 'it cannot be read (ENOENT)'],
      [Buffer.alloc(0), 'it is not a line of JSON and a line with a checksum'],
      [whole.subarray(0, 40), 'it is not a line of JSON and a line with a checksum'],
      [newer, 'it is of format "roleback-vault", version 7'],
      [longer, 'it was changed: its checksum under the vault key is wrong'],
    ]
    const reader = (await import(TOOL)) as Reader
    const kit = openKit(reader)
    for (const [bytes, why] of states) {
      fs.rmSync(header, { force: true })
      if (bytes !== undefined) fs.writeFileSync(header, bytes)
      if (bytes !== longer) assert.throws(() => reader.openVault(copy, kit), /vault\.json/)
      const { damage, points } = reader.verifyVault(reader.openVault(copy, kit, id))
      assert.deepEqual([damage.length, points > 0], [1, true], why)
      assert.ok(damage[0]?.blob === 'vault.json' && damage[0].reason.startsWith(why), why)
      if (bytes !== longer)
        assert.throws(() => reader.openVault(copy, kit, 'another'), /Give the vault's id with --vault-id/)
    }
    // Called as the server calls it.
    const named = join(inScratch('named'), id)
    fs.mkdirSync(inScratch('named'))
    fs.renameSync(copy, named)
    fs.rmSync(join(named, 'vault.json'))
    assert.equal((await recover(['header', named])).stdout, whole.toString())
    const target = inScratch('without-header')
    const restored = await recover(['restore', named, point, target])
    assert.equal(restored.code, 0, restored.stderr)
    assertSameShape(shapeOf(target), shapeOf(tree.path))
  })

  test('R20 it opens nothing with a wrong passphrase, and says which kit a vault wants', async () => {
    const passphrase = inScratch('wrong-passphrase')
    fs.writeFileSync(passphrase, 'we5u3-quqnj-59rqn-pte7d-x9zc8-m3trt\n')
    const wrong = await recover(['list', vault], { passphrase })
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''])
    assert.match(wrong.stderr, /^recover: The passphrase does not open recovery kit [0-9a-f]{16}: /)
    const spaced = inScratch('spaced-passphrase')
    fs.writeFileSync(spaced, `\r\n  ${fs.readFileSync(passphraseFile, 'utf8').trim()}\r\n`)
    assert.equal((await recover(['list', vault], { passphrase: spaced })).code, 0)
    // With a kit as users get it, which costs what recover.mjs must be able to pay.
    await using other = await openWorld({ kitCost: 131_072 })
    const folder = `${other.dataDir}-recovery`
    const kit = join(folder, 'recovery-kit.txt')
    const foreign = await recover(['list', vault], {
      kit,
      passphrase: join(folder, 'recovery-passphrase.txt'),
    })
    assert.equal(foreign.code, 2)
    const [, own] = /ROLEBACK RECOVERY KIT (\w+)/.exec(fs.readFileSync(kitFile, 'utf8')) ?? []
    assert.match(
      foreign.stderr,
      new RegExp(`does not open this vault: .*is opened by recovery kit ${own}\\n$`),
    )
    const cut = inScratch('cut-kit')
    fs.writeFileSync(cut, fs.readFileSync(kitFile, 'utf8').slice(0, -60))
    assert.match(
      (await recover(['list', vault], { kit: cut })).stderr,
      /^recover: The recovery kit cannot be read: it has no lines/,
    )
  })

  test('a missing pack, a pack cut off and a lost head are named, and the rest is restored', async () => {
    const copy = inScratch('damaged')
    fs.cpSync(vault, copy, { recursive: true })
    const packs = filesBelow(join(copy, 'data')).toSorted((a, b) => fs.statSync(a).size - fs.statSync(b).size)
    const lost = packs.at(-1) as string
    const shorter = packs.at(-2) as string
    fs.rmSync(lost)
    fs.truncateSync(shorter, fs.statSync(shorter).size - 5)
    const { damage } = await recoverJson<Verified>(['verify', copy], 1)
    const cutOff = damage.find(({ blob }) => blob === shorter.slice(copy.length + 1))
    assert.match(cutOff?.reason ?? '', /it does not end as packs do: it was cut off or changed/)
    assert.ok(
      damage.some(({ reason }) =>
        /item "\/big" cannot be restored: .* chunk [0-9a-f]{64} lies in no pack/.test(reason),
      ),
    )
    const target = inScratch('from-damaged')
    const { problems } = await recoverJson<Restored>(['restore', copy, point, target], 1)
    const missing = new Set(problems.map(({ item }) => item))
    assert.ok(missing.has('/big') && !fs.existsSync(join(target, 'big')))
    const found = shapeOf(target)
    assert.ok(found.size >= 1500, 'small files lie in another pack, whose directory the index has, too')
    for (const [name, { facts }] of found) assert.equal(facts, expected.get(name)?.facts, name)
    for (const name of expected.keys()) assert.ok(found.has(name) || problems.length > 0, name)
    const [head = ''] = filesBelow(join(copy, 'points')).filter((file) => file.endsWith('/head'))
    fs.truncateSync(head, 100)
    const twin = join(copy, 'twins', head.slice(copy.length + 1))
    const hurtPoints = async (exit: number): Promise<number> =>
      (await recoverJson<Listed>(['list', copy], exit)).points.filter(({ damage: own }) => own.length > 0)
        .length
    assert.equal(await hurtPoints(0), 0, 'its twin stands for it')
    const { damage: named } = await recoverJson<Verified>(['verify', copy], 1)
    assert.ok(named.some(({ blob }) => blob === head.slice(copy.length + 1)))
    fs.truncateSync(twin, 100)
    assert.equal(await hurtPoints(1), 1)
  })

  test('after a deletion and a sweep the other point is whole and the deleted one is gone', async () => {
    await deleteAndSweep('trees', firstPoint)
    const { points } = await recoverJson<Listed>(['list', vault])
    assert.deepEqual(
      points.map(({ recoveryPointArn }) => recoveryPointArn),
      [point],
    )
    assert.deepEqual((await recoverJson<Verified>(['verify', vault])).damage, [])
    const target = inScratch('after-sweep')
    await recoverJson(['restore', vault, point, target])
    assertSameShape(shapeOf(target), expected)
  })
})

function filesBelow(folder: string): string[] {
  return fs
    .readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted()
}

/** Numbers below `limit`, the same in every run. */
function numbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * limit)
  }
}

const openKit = (reader: Reader): object =>
  reader.openKit(reader.parseKit(fs.readFileSync(kitFile, 'utf8')), fs.readFileSync(passphraseFile, 'utf8'))

/** Adds by the engine's own hand what a server seldom leaves behind: an amendment, a dead list and a vault record. */
async function amendAndList(copy: string): Promise<void> {
  const store = new DiskBlobStore(copy)
  const { vaultId } = await readHeader(store)
  const serverKey = loadServerKey(join(world.dataDir, 'server.key'))
  const key = openServerWrapping(
    serverKey,
    vaultId,
    1,
    fs.readFileSync(join(copy, 'keys/server.json')),
  ).vaultKeys
  const vault = await openVault(store, key)
  const { points } = await vault.listPoints()
  for (const { pointId } of points) await vault.amend(pointId, { deleteAfterDays: 400 })
  await writeDeadList(store, vault.keys, { generation: 3, createdAtMs: 1, blobs: [] })
  await vault.addRecord(() => ({ lock: { mode: 'governance' } }))
}

/** Small, so that thousands of runs are quick. */
function fillTinyTree(path: string): void {
  fs.mkdirSync(join(path, 'deep', 'er'), { recursive: true })
  fs.writeFileSync(join(path, 'deep', 'er', 'text'), 'line\n'.repeat(300))
  fs.writeFileSync(join(path, 'noise'), randomBytes(1500))
  fs.writeFileSync(join(path, 'nothing'), '')
  fs.symlinkSync('deep/er/text', join(path, 'link'))
}

const FLIPS = 2100

describe('recover.mjs and single flipped bits', () => {
  /** What verify cannot answer for: it says so in notes, or nobody's reading depends on it. */
  const LOOSE = /^(README\.txt|recover\.mjs|keys\/server\.json)$/

  test(`every one of ${FLIPS} is found, or the restore gives exact bytes; none gives wrong ones`, async () => {
    const reader = (await import(TOOL)) as Reader
    const original = await newVault('flips')
    const tree = await registerDirectory(world, 'flips', fillTinyTree)
    const deleted = await backUp('flips', tree.arn)
    fs.writeFileSync(join(tree.path, 'more'), 'another one\n'.repeat(90))
    const point = await backUp('flips', tree.arn)
    const expected = shapeOf(tree.path)
    await deleteAndSweep('flips', deleted)
    const copy = inScratch('flipped')
    fs.cpSync(original, copy, { recursive: true })
    // No part of the vault: what lies there is never read.
    fs.rmSync(join(copy, 'tmp'), { recursive: true })
    await amendAndList(copy)
    const kit = openKit(reader)
    assert.deepEqual(reader.verifyVault(reader.openVault(copy, kit)).damage, [])

    const files = filesBelow(copy)
    const kinds = new Set(
      files.map((file) =>
        file
          .slice(copy.length + 1)
          .replace(/\/.*\//, '/*/')
          .replace(/[0-9a-f]{32,}/, '*'),
      ),
    )
    for (const kind of [
      'vault.json',
      'data/*/*',
      'meta/*/*',
      'index/*',
      'points/*/head',
      'points/*/amendment-00000001',
      'points/*/deleted',
      'records/00000001',
      'dead/*',
    ]) {
      assert.ok(kinds.has(kind), `${kind} is among ${[...kinds].join(' ')}`)
    }
    const next = numbers(20261124)
    const unfound: string[] = []
    let restores = 0
    const sealed = files.filter((file) => !LOOSE.test(file.slice(copy.length + 1)))
    for (let n = 0; n < FLIPS; n++) {
      const among = n < 100 ? files : sealed
      const file = among[n % among.length] as string
      const name = file.slice(copy.length + 1)
      const bit = next(fs.statSync(file).size * 8)
      flip(file, bit)
      const isFound = findsDamage(reader, copy, kit)
      // Some that were found are restored, too: what comes back must be right or be missed with a reason.
      if (!isFound || n % 40 === 0) {
        restores++
        const target = inScratch('from-flipped')
        const problems = restoreProblems(reader, copy, { kit, point, target })
        assertNothingWrong(target, expected, problems, `${name} bit ${bit}`)
        fs.rmSync(target, { recursive: true, force: true })
        if (!isFound) assert.deepEqual(problems, [], `${name} bit ${bit} harms and is not found`)
      }
      if (!isFound && !LOOSE.test(name)) unfound.push(`${name} bit ${bit}`)
      flip(file, bit)
      // The server in this process wants to live, too.
      if (n % 20 === 0) await nextTurn()
    }
    assert.deepEqual(unfound, [])
    assert.ok(restores > 60)
  })
})

/** Inverts one bit of a file in place; doing it again gives the file back. */
function flip(file: string, bit: number): void {
  const fd = fs.openSync(file, 'r+')
  const byte = Buffer.alloc(1)
  fs.readSync(fd, byte, 0, 1, bit >> 3)
  byte[0] = (byte[0] as number) ^ (1 << (bit & 7))
  fs.writeSync(fd, byte, 0, 1, bit >> 3)
  fs.closeSync(fd)
}

function findsDamage(reader: Reader, vault: string, kit: object): boolean {
  try {
    return !reader.verifyVault(reader.openVault(vault, kit)).isWhole
  } catch (error) {
    assert.match((error as Error).name, /^(Damage|CannotBegin)$/, String(error))
    return true
  }
}

function restoreProblems(
  reader: Reader,
  vault: string,
  { kit, point, target }: { kit: object; point: string; target: string },
): readonly string[] {
  try {
    return reader
      .restorePoint(reader.openVault(vault, kit), point, target)
      .problems.map(({ reason }) => reason)
  } catch (error) {
    assert.match((error as Error).name, /^(Damage|CannotBegin)$/, String(error))
    return [(error as Error).message]
  }
}

function assertNothingWrong(
  target: string,
  expected: ReadonlyMap<string, Shape>,
  problems: readonly string[],
  what: string,
): void {
  const found: ReadonlyMap<string, Shape> = fs.existsSync(target) ? shapeOf(target) : new Map()
  for (const [name, { facts }] of found) {
    const isRootUntouched = name === '' && problems.length > 0
    if (!isRootUntouched) assert.equal(facts, expected.get(name)?.facts, `${what}: ${name}`)
  }
  if (found.size < expected.size)
    assert.ok(problems.length > 0, `${what}: something is missing without a word`)
}

describe('recover.mjs and a database', { skip: postgresMissing() }, () => {
  test('the dump is one that pg_restore loads, and the facts lie beside it', async () => {
    await using orders = await startOrders(world)
    const vault = await newVault('databases')
    const point = await backUp('databases', await registerOrders(orders, world.call))
    const target = inScratch('database')
    const { problems } = await recoverJson<Restored>(['restore', vault, point, target])
    assert.deepEqual(problems, [])
    assert.deepEqual(fs.readdirSync(target).toSorted(), ['orders.dump', 'orders.json'])
    const { owner } = JSON.parse(fs.readFileSync(join(target, 'orders.json'), 'utf8')) as { owner: string }
    assert.equal(owner, 'shop')
    const { server } = orders
    await server.sql('CREATE DATABASE by_hand OWNER shop')
    const args = [
      '--no-owner',
      '--host',
      server.host,
      '--port',
      `${server.port}`,
      '--username',
      server.superuser,
    ]
    const env = { PATH: process.env['PATH'], PGPASSWORD: server.password }
    execFileSync('pg_restore', [...args, '--dbname', 'by_hand', join(target, 'orders.dump')], { env })
    assert.equal(await orders.content('by_hand'), await orders.content('orders'))
  })
})

/** Keys that would lead outside, or that no file system holds beside each other. */
const OBJECTS: Readonly<Record<string, string>> = {
  '../outside': 'up',
  a: 'beside a directory',
  'a-b': 'sorts between',
  'a/': 'named as the directory',
  'a/../../b': 'up from within',
  'a/x': 'in the directory',
  'a%d/x': 'named as our own escape',
  '%2E%2E': 'percent',
  'deep//empty/': 'empty parts',
  'line\nbreak': 'newline',
  'grüße/ünï': 'umlauts',
  [`long/${'ß'.repeat(400)}`]: 'longer than names may be',
}

describe('recover.mjs and a bucket', { skip: rgwMissing() }, () => {
  test('every object is a file below objects/, and the manifest has its key and metadata', async () => {
    const rgw = (await rgwStarting) as RgwServer
    const client = s3ClientOf(rgw)
    await fillBucket(client, 'odd-keys', OBJECTS)
    await client.send(
      new S3.PutObjectCommand({ Bucket: 'odd-keys', Key: 'big', Body: randomBytes(3_000_000) }),
    )
    client.destroy()
    const vault = await newVault('buckets')
    const point = await backUp('buckets', await registerBucket(rgw, 'odd-keys', world.call))
    const target = inScratch(join('bucket', 'restored'))
    fs.mkdirSync(dirname(target))
    const { problems } = await recoverJson<Restored>(['restore', vault, point, target])
    assert.deepEqual(problems, [])
    assert.deepEqual(fs.readdirSync(dirname(target)), ['restored'])
    assert.deepEqual(fs.readdirSync(target).toSorted(), ['manifest.jsonl', 'objects'])
    const entries = manifestOf(target)
    assert.deepEqual(entries.map(({ key }) => key).toSorted(), [...Object.keys(OBJECTS), 'big'].toSorted())
    assert.equal(filesBelow(join(target, 'objects')).length, entries.length)
    for (const { key, file, metadata } of entries) {
      if (key === 'big') continue
      assert.equal(fs.readFileSync(join(target, file), 'utf8'), OBJECTS[key])
      assert.deepEqual(metadata?.tags, { team: 'orders' })
    }
  })
})
