import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import {
  DIRECTORY,
  FILE,
  HARD_LINK,
  SYMLINK,
  encodeMeta,
  fixedPart,
} from '../../src/drivers/directory/directory-meta.ts'
import { makeRecoveryKit } from '../../src/keyring/recovery-kit.ts'
import { wrapForKit } from '../../src/keyring/vault-key.ts'
import { FIXTURE_ID, FIXTURE_KEY, makeVault, preparePoint, putPoint } from '../../src/vault/vault.fixture.ts'
import { KIT_COST } from '../fixtures/kit-cost.ts'
import { manifestOf, recoverWith } from './tool.ts'
import type { Restored, Verified } from './tool.ts'

/** The second reader against vaults that no server of today wrote. */

const scratch = fs.mkdtempSync(join(tmpdir(), 'roleback-recover-'))
after(() => fs.rmSync(scratch, { recursive: true }))
const inScratch = (name: string): string => join(scratch, name)
const PASSPHRASE = 'of the tests of the second reader'
const kit = makeRecoveryKit(PASSPHRASE, { cost: KIT_COST })
const files = { kit: inScratch('recovery-kit'), passphrase: inScratch('recovery-passphrase') }
fs.writeFileSync(files.kit, kit.kitText)
fs.writeFileSync(files.passphrase, PASSPHRASE)
const { recover, recoverJson } = recoverWith(() => files)

/** Makes a vault that knows nothing of servers one that this kit opens. */
function wrapVault(directory: string, vaultId: string, vaultKey: Uint8Array): void {
  const { name, bytes } = wrapForKit(kit.publicKey, vaultId, vaultKey)
  fs.mkdirSync(join(directory, 'keys'), { recursive: true })
  fs.writeFileSync(join(directory, name), bytes)
}

interface Golden {
  readonly vaultId: string
  readonly vaultKey: string
  readonly blobs: Readonly<Record<string, string>>
  readonly points: Readonly<Record<string, Readonly<Record<string, string>>>>
}

/** Writes a golden vault as an earlier version left it. */
function writeGolden<T extends Golden = Golden>(name: string, directory: string): T {
  const file = join(import.meta.dirname, '../golden', name)
  const golden = JSON.parse(fs.readFileSync(file, 'utf8')) as T
  for (const [blob, bytes] of Object.entries(golden.blobs)) {
    fs.mkdirSync(dirname(join(directory, blob)), { recursive: true })
    fs.writeFileSync(join(directory, blob), Buffer.from(bytes, 'base64'))
  }
  return golden
}

test('R19 names and links of a hostile manifest lead nowhere outside the target', async () => {
  const directory = inScratch('hostile')
  const outside = inScratch('outside')
  for (const path of [directory, outside]) fs.mkdirSync(path)
  fs.writeFileSync(join(outside, 'secret'), 'not to be linked')
  const vault = await makeVault(new DiskBlobStore(directory))
  const point = await preparePoint(vault, 'hostile', {})
  const add = (key: string, kind: number, target = ''): void => {
    const meta = encodeMeta(fixedPart(fs.lstatSync(directory, { bigint: true }), 0), target)
    point.add({ key: Buffer.from(key), kind, meta, size: 0, depth: 0, ids: Buffer.alloc(0) })
  }
  add('/', DIRECTORY)
  add('/../out/', DIRECTORY)
  add('/./x', FILE)
  add('//x', FILE)
  add('/a\0b', FILE)
  add('/hard', HARD_LINK, `/../../${outside}/secret`)
  add('/link', SYMLINK, outside)
  add('/link/', DIRECTORY)
  add('/link/in', FILE)
  add('/link2', HARD_LINK, '/link')
  add('/ok', FILE)
  add('x', FILE)
  await point.commit({ resourceType: 'EFS' })
  wrapVault(directory, FIXTURE_ID, FIXTURE_KEY)
  const target = inScratch('hostile-restored')
  const { problems } = await recoverJson<Restored>(['restore', directory, 'hostile', target], 1)
  assert.deepEqual(
    problems.map(({ item }) => item),
    ['/../out/', '/./x', '//x', '/a\\u{0}b', '/hard', '/link/', '/link/in', '/link2', 'x'],
  )
  assert.deepEqual(fs.readdirSync(target).toSorted(), ['link', 'ok'])
  assert.deepEqual(fs.readdirSync(outside), ['secret'])
  assert.equal(fs.statSync(join(outside, 'secret')).nlink, 1)
})

test('the golden vault of version 1 is whole, and each of its points has the bytes it had', async () => {
  const vault = inScratch('golden')
  const golden = writeGolden('version-1.json', vault)
  wrapVault(vault, golden.vaultId, Buffer.from(golden.vaultKey, 'base64'))
  assert.deepEqual((await recoverJson<Verified>(['verify', vault])).damage, [])
  for (const [point, expected] of Object.entries(golden.points)) {
    const target = inScratch(`golden-${point}`)
    assert.deepEqual((await recoverJson<Restored>(['restore', vault, point, target])).problems, [])
    const found = manifestOf(target).map(({ key, file: place }) => [
      key,
      fs.readFileSync(join(target, place)).toString('base64'),
    ])
    assert.deepEqual(Object.fromEntries(found), expected)
  }
})

test('the lock of a golden vault is shown and checked, and a record that was taken away is named', async () => {
  const vault = inScratch('golden-locked')
  const golden = writeGolden('version-1-locked.json', vault)
  wrapVault(vault, golden.vaultId, Buffer.from(golden.vaultKey, 'base64'))
  const says = 'locked: compliance, retention from 7 days to 365 days, for good from 2026-11-21T11:06:40.000Z'
  const whole = await recover(['list', vault])
  assert.equal(whole.code, 0, whole.stderr)
  assert.ok(whole.stdout.includes(says), whole.stdout)
  assert.ok((await recoverJson<Verified>(['verify', vault])).notes.includes(`The vault is ${says}`))

  const [first, second] = ['records/00000001', 'records/00000002'] as const
  fs.renameSync(join(vault, second), inScratch('second'))
  const older = await recover(['list', vault])
  assert.equal(older.code, 1)
  assert.match(older.stdout, /DAMAGED {2}records\/00000002: it is missing/)
  const { damage } = await recoverJson<Verified>(['verify', vault], 1)
  assert.deepEqual(
    damage.map(({ blob }) => blob),
    [second],
  )
  fs.renameSync(inScratch('second'), join(vault, second))
  fs.rmSync(join(vault, first))
  const gap = await recoverJson<Verified>(['verify', vault], 1)
  assert.deepEqual(
    gap.damage.map(({ blob }) => blob),
    [first, second],
  )
})

test('of the golden vault with two keys each kit opens what was sealed while it was the kit', async () => {
  const vault = inScratch('golden-keys')
  const golden = writeGolden<
    Golden & {
      readonly kits: readonly { passphrase: string; kitText: string; points: readonly string[] }[]
    }
  >('version-1-keys.json', vault)
  for (const [at, { passphrase, kitText, points }] of golden.kits.entries()) {
    const own = { kit: inScratch(`kit-${at}`), passphrase: inScratch(`passphrase-${at}`) }
    fs.writeFileSync(own.kit, kitText)
    fs.writeFileSync(own.passphrase, passphrase)
    const isNewest = at === golden.kits.length - 1
    const { damage } = await recoverJson<Verified>(['verify', vault], isNewest ? 0 : 1, own)
    assert.equal(damage.length === 0, isNewest)
    for (const { reason } of damage)
      assert.match(reason, /sealed under vault key 2, .* take the kit that was issued last|lies in no pack/)
    for (const point of points) {
      const target = inScratch(`golden-keys-${at}-${point}`)
      await recoverJson<Restored>(['restore', vault, point, target], 0, own)
      const found = manifestOf(target).map(({ key, file: place }) => [
        key,
        fs.readFileSync(join(target, place)).toString('base64'),
      ])
      assert.deepEqual(Object.fromEntries(found), golden.points[point])
    }
  }
})

test('a manifest with inner nodes and lists of chunks is walked in order and restored whole', async () => {
  const directory = inScratch('deep-manifest')
  fs.mkdirSync(directory)
  const vault = await makeVault(new DiskBlobStore(directory))
  const chunks = Array.from({ length: 9000 }, (_, n) => Buffer.from(`chunk ${n % 3000}`))
  const tree: Record<string, readonly Buffer[]> = { huge: chunks }
  for (let n = 0; n < 12_000; n++) tree[`item ${n}`] = n % 10 === 0 ? [Buffer.from(`content ${n}`)] : []
  await putPoint(vault, 'deep', tree)
  wrapVault(directory, FIXTURE_ID, FIXTURE_KEY)
  assert.deepEqual((await recoverJson<Verified>(['verify', directory])).damage, [])
  const target = inScratch('deep-restored')
  assert.deepEqual((await recoverJson<Restored>(['restore', directory, 'deep', target])).problems, [])
  const entries = manifestOf(target)
  assert.deepEqual(
    entries.map(({ key }) => key),
    Object.keys(tree).toSorted(),
  )
  for (const { key, file } of entries) {
    if (key !== 'huge' && !key.endsWith('0')) continue
    assert.ok(fs.readFileSync(join(target, file)).equals(Buffer.concat(tree[key] ?? [])), key)
  }
})
