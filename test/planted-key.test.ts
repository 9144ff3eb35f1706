import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { DiskBlobStore } from '../src/blobs/disk.ts'
import { kitWrappingName, serverWrappingName, wrapForKit } from '../src/keyring/vault-key.ts'
import { sealJson } from '../src/vault/format/document.ts'
import { writeHead } from '../src/vault/points/heads.ts'
import { VaultKeys } from '../src/vault/keys.ts'
import { readHeader } from '../src/vault/vault.ts'
import { roleback } from './fixtures/command-line.ts'
import type { Ended } from './fixtures/command-line.ts'
import { sealedIn } from './fixtures/locks.ts'
import { fillSmallTree } from './fixtures/small-tree.ts'
import { backUpWell, makeRole, makeVault, openWorld, registerDirectory } from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/**
 * Somebody can write to the storage and has the public half of the recovery kit, as everybody has who saw a kit without its passphrase.
 * To wrap a key for the kit takes no more than that.
 */

interface Planted {
  readonly storage: string
  readonly vault: string
  /** Names of the wrappings. */
  readonly wrapping: string
  readonly server: string
}

let world: World
let kitText: string
before(async () => {
  world = await openWorld()
  kitText = readFileSync(kitFile(), 'utf8')
  const role = await makeRole(world, 'keeper', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
  await makeVault(world, 'kept')
  await world.call('backup', 'PutBackupVaultLockConfiguration', {
    BackupVaultName: 'kept',
    MinRetentionDays: 7,
  })
  await sealedIn(world, 'kept', ({ record }) => record['lock'] !== undefined)
  const { arn } = await registerDirectory(world, 'letters', fillSmallTree)
  await backUpWell(world, {
    BackupVaultName: 'kept',
    ResourceArn: arn,
    IamRoleArn: role,
    Lifecycle: { DeleteAfterDays: 30 },
  })
})
after(() => world[Symbol.asyncDispose]())

const kitFile = (): string => `${world.dataDir}-recovery/recovery-kit.txt`
const passphraseFile = (): string => `${world.dataDir}-recovery/recovery-passphrase.txt`
const rebuild = (storage: string, name: string): Promise<Ended> =>
  roleback(
    ['vault', 'rebuild', storage, '--kit', kitFile(), '--passphrase-file', passphraseFile(), '--json'].concat(
      '--data-dir',
      join(world.scratch, `rebuilt-${name}`),
    ),
    {
      env: {
        ROLEBACK_ROOT_ACCESS_KEY_ID: 'AKIAROOTOFTESTS00001',
        ROLEBACK_ROOT_SECRET_ACCESS_KEY: 'x'.repeat(40),
      },
    },
  )

/** A copy of the vaults, in one of which a second key lies whose records unlock the vault and whose head is another's. */
async function plant(name: string, changed: (wrapping: Record<string, unknown>) => object): Promise<Planted> {
  const storage = join(world.scratch, name)
  mkdirSync(storage)
  const [row] = world.rows<{ vault_id: string }>('select vault_id from vault')
  const vault = join(storage, row?.vault_id ?? '')
  cpSync(join(world.dataDir, 'vaults', row?.vault_id ?? ''), vault, { recursive: true })
  const store = new DiskBlobStore(vault)
  const { vaultId } = await readHeader(store)
  const { kitId, publicKey } = JSON.parse(/\{[^]*\}/.exec(kitText)?.[0] ?? '') as Record<string, string>
  // Of the first key nothing is known here.
  const keys = new VaultKeys(vaultId, randomBytes(64))
  const own = { number: 2, before: keys.export().subarray(0, 32) }
  const { bytes } = wrapForKit(publicKey as string, vaultId, keys.export().subarray(32), own)
  const wrapping = kitWrappingName(kitId as string, 2)
  const server = serverWrappingName(2)
  await store.put(server, Buffer.from('{"wrapping":"server","number":2,"sealed":"AQ=="}'))
  const json = changed(JSON.parse(bytes.toString()) as Record<string, unknown>)
  await store.put(wrapping, Buffer.from(JSON.stringify(json)))
  const number = readdirSync(join(vault, 'records')).length + 1
  const record = `records/${String(number).padStart(8, '0')}`
  await store.put(record, sealJson(keys, 'record', record, { number, record: { lock: null } }).bytes)
  await writeHead(store, keys, {
    pointId: 'planted',
    jobId: 'job',
    fence: 1,
    manifest: { root: undefined, height: 0, items: 0, contentBytes: 0 },
    record: { resourceType: 'EFS', recoveryPointArn: 'planted' },
  })
  return { storage, vault, wrapping, server }
}

const blobsOf = (vault: string): readonly string[] =>
  readdirSync(vault, { recursive: true, encoding: 'utf8' }).toSorted()

const PLANTED: readonly (readonly [name: string, change: (wrapping: Record<string, unknown>) => object])[] = [
  ['without a mac', (json) => ({ ...json, mac: undefined })],
  ['with the mac of a first key that the planter made up', (json) => json],
]

for (const [name, change] of PLANTED) {
  test(`R19 a vault key that was planted ${name} is refused by a rebuild and by recover.mjs`, async () => {
    const { storage, vault, wrapping, server } = await plant(name.replaceAll(' ', '-'), change)
    const there = blobsOf(vault)
    const refused = await rebuild(storage, `${name}-refused`)
    assert.equal(refused.code, 1, refused.stdout)
    assert.ok(refused.stderr.includes(`Cannot take vault key 2 from "${wrapping}"`), refused.stderr)
    assert.match(refused.stderr, /may have planted it/)
    assert.deepEqual(blobsOf(vault), there)

    const listed = recover('list', vault)
    assert.equal(listed.code, 1)
    const { damage, lock, points } = JSON.parse(listed.stdout) as {
      readonly damage: readonly { readonly blob: string; readonly reason: string }[]
      readonly lock: { readonly minRetentionDays: number }
      readonly points: readonly { readonly id: string; readonly damage: readonly unknown[] }[]
    }
    assert.equal(damage[0]?.blob, wrapping)
    assert.match(damage[0].reason, /may have been planted, and is not used/)
    assert.equal(lock.minRetentionDays, 7)
    for (const point of points) assert.equal(point.damage.length > 0, point.id === 'planted', point.id)
    assert.equal(points.length, 2)
    const whole = points.find(({ id }) => id !== 'planted')
    const restored = recover('restore', vault, whole?.id ?? '', join(world.scratch, `${name}-tree`))
    assert.equal(restored.code, 0, restored.stdout)

    for (const blob of [wrapping, server])
      renameSync(join(vault, blob), join(storage, blob.replace('/', '-')))
    const rebuilt = await rebuild(storage, name)
    assert.equal(rebuilt.code, 0, rebuilt.stderr)
    const { points: brought, problems } = JSON.parse(rebuilt.stdout) as {
      readonly points: number
      readonly problems: readonly string[]
    }
    assert.equal(brought, 1)
    assert.match(problems.join('\n'), /points\/planted\/head.*sealed under vault key 2|does not open/)
  })
}

function recover(...args: readonly string[]): { readonly code: number | null; readonly stdout: string } {
  const given = ['--json', '--kit', kitFile(), '--passphrase-file', passphraseFile()]
  const all = ['tools/recover.mjs', ...args, ...given]
  const { status, stdout } = spawnSync(process.execPath, all, { encoding: 'utf8' })
  return { code: status, stdout }
}
