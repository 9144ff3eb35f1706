import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { BlobNotFoundError } from '../../src/blobs/blob-store.ts'
import { MemoryBlobStore } from '../../src/blobs/memory.ts'
import {
  addVaultKey,
  checkOwner,
  readServerWrapping,
  wrapForKitOf,
} from '../../src/jobs/vaults/vault-owner.ts'
import { checkWrappings, repairWrappings } from '../../src/jobs/upkeep/wrappings.ts'
import { makeRecoveryKit, openKit } from '../../src/keyring/recovery-kit.ts'
import type { OpenedKit } from '../../src/keyring/recovery-kit.ts'
import { ServerKey } from '../../src/keyring/server-key.ts'
import {
  kitWrappingName,
  openWithKit,
  sealVaultKeys,
  serverWrapping,
  VaultKeyError as WrappingError,
} from '../../src/keyring/vault-key.ts'
import {
  ChunkMissingError,
  PointNotFoundError,
  VaultDamageError,
  VaultKeyError,
} from '../../src/vault/errors.ts'
import {
  identityFolder,
  listIdentityExports,
  pruneIdentityExports,
  readIdentityManifest,
  readIdentityPart,
  writeIdentityManifest,
  writeIdentityPart,
} from '../../src/vault/points/identity-exports.ts'
import {
  backUp,
  blobsOf,
  Coordinator,
  randomFiles,
  restore,
  VAULT_ID,
} from '../../src/vault/points.fixture.ts'
import type { Files } from '../../src/vault/points.fixture.ts'
import { createVault, openVault } from '../../src/vault/vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { verifyVault } from '../../src/vault/verify/verify.ts'

/**
 * What whoever can write to a vault's storage, or a failing disk, can do to each kind of blob, and what comes of it. Whatever is done:
 * no wrong byte is restored, what is not hit restores, what was deleted stays so, a sweep meanwhile loses nothing of a recovery
 * point, and once the blob is back all is as it was.
 */

const KINDS: Readonly<Record<string, RegExp>> = {
  header: /^vault\.json$/,
  'server wrapping': /^keys\/server/,
  'kit wrapping': /^keys\/kit/,
  'data pack': /^data\//,
  'meta pack': /^meta\//,
  'index delta': /^index\//,
  head: /^points\/[^/]+\/head$/,
  amendment: /^points\/[^/]+\/amendment-/,
  tombstone: /^points\/[^/]+\/deleted$/,
  'twin of a head': /^twins\/points\/[^/]+\/head$/,
  'twin of an amendment': /^twins\/points\/[^/]+\/amendment-/,
  'twin of a tombstone': /^twins\/points\/[^/]+\/deleted$/,
  'twin of a vault record': /^twins\/records\//,
  'dead list': /^dead\//,
  'damage record': /^damage\//,
  'vault record': /^records\//,
  'identity manifest': /^identity\/.*\/manifest$/,
  'identity part': /^identity\/.*\/server-/,
  reader: /^recover\.mjs$/,
  readme: /^README\.txt$/,
}

/** What is done to one of two twins takes nothing from anybody. */
const PAIRED = /head|amendment|tombstone|record$/

const ATTACKS = ['cut', 'swapped', 'other kind', 'foreign', 'copied', 'put back', 'taken away'] as const
type Attack = (typeof ATTACKS)[number]
/** Of the kinds put in the place of another one every so many-th is. */
const OTHERS = 7
/** Recovery points that one or two blobs are of. */
const HIT = 2

/** `refused`: the vault does not open. `found`: who reads or verifies it is told. `harmless`: nothing comes of it. `–`: there is no such thing. */
type Outcome = 'refused' | 'found' | 'harmless' | '–'

/*
 * Why harmless:
 * - readme: text for people, believed by nobody.
 * - damage record: all that follows from its name is storing again, and reading the pack again takes it back.
 * - twin taken away: vaults once had none; the next sweep puts it there.
 * - dead list taken away: what it named is found unused again.
 * - identity manifest taken away: the export before it counts, and the heads of recovery points tell that there was a newer one.
 * - what was deleted and is put back: a tombstone, a newer index delta or a newer export says that it does not count.
 * - copied: nobody asks for a wrapping or a part of that name.
 */
const EXPECTED: Readonly<Record<string, string>> = {
  // cut, swapped, other kind, foreign, copied, put back, taken away
  header: 'refused | – | refused | refused | – | – | refused',
  'server wrapping': 'found | found | found | found | found | – | found',
  'kit wrapping': 'found | found | found | found | harmless | – | found',
  'data pack': 'found | found | found | found | found | harmless | found',
  'meta pack': 'found | found | found | found | found | harmless | found',
  'index delta': 'found | found | found | found | found | harmless | found',
  head: 'found | found | found | found | found | harmless | found',
  amendment: 'found | found | found | found | found | harmless | found',
  tombstone: 'found | found | found | found | found | – | found',
  'twin of a head': 'found | found | found | found | found | harmless | harmless',
  'twin of an amendment': 'found | found | found | found | found | harmless | harmless',
  'twin of a tombstone': 'found | found | found | found | found | – | harmless',
  'twin of a vault record': 'found | found | found | found | found | – | harmless',
  'dead list': 'found | found | found | found | found | harmless | harmless',
  'damage record': 'harmless | harmless | harmless | harmless | harmless | harmless | harmless',
  'vault record': 'found | found | found | found | found | – | found',
  'identity manifest': 'found | found | found | found | found | found | harmless',
  'identity part': 'found | found | found | found | harmless | harmless | found',
  reader: 'found | – | found | – | – | – | found',
  readme: 'harmless | – | harmless | – | – | – | harmless',
}

interface Rich {
  readonly blobs: ReadonlyMap<string, Buffer>
  readonly deleted: ReadonlyMap<string, Buffer>
  readonly keys: Buffer
  readonly points: ReadonlyMap<string, Files>
  /** Packs on dead lists. */
  readonly doomed: ReadonlySet<string>
}

const serverKey = new ServerKey(Buffer.alloc(32, 3))
const PASSPHRASE = 'a passphrase of the tests'
const made = makeRecoveryKit(PASSPHRASE, { cost: 1024 })
const kit: OpenedKit = openKit(made.kitText, PASSPHRASE)
const OWNER = { sealer: serverKey, kitPublicKey: made.publicKey }
const READER = Buffer.from('// the second reader')

async function rich(vaultId: string, byte: number): Promise<Rich> {
  const store = new MemoryBlobStore()
  const first = Buffer.alloc(32, byte)
  const wrapping = serverWrapping(1, sealVaultKeys(serverKey, vaultId, first))
  await createVault(store, {
    vaultId,
    key: first,
    wrappings: { [wrapping.name]: wrapping.bytes },
    files: { 'README.txt': Buffer.from('A vault.'), 'recover.mjs': READER },
  })
  await wrapForKitOf(store, made.publicKey, vaultId, first)
  const { vaultKeys } = await addVaultKey(
    store,
    { sealer: serverKey, kitPublicKey: made.publicKey },
    vaultId,
    first,
  )
  const vault = await openVault(store, vaultKeys)
  const deleted = new Map<string, Buffer>()
  const remove = store.delete.bind(store)
  store.delete = async (name) => {
    const bytes = store.blobs.get(name)
    if (bytes !== undefined) deleted.set(name, bytes)
    return await remove(name)
  }
  assert.deepEqual(await checkWrappings(vault, OWNER), [])
  await vault.addRecord(() => ({ lock: { mode: 'governance', minRetentionDays: 7 } }))
  await vault.addRecord(() => ({ lock: { mode: 'compliance', minRetentionDays: 8 } }))
  for (let number = 1; number <= 3; number++) await exportIdentities(vault, number)
  await pruneIdentityExports(store, 3, (folder) => !folder.includes('/00000001'))
  const coordinator = new Coordinator()
  const points = new Map<string, Files>()
  for (const id of ['p1', 'p2', 'p3']) {
    points.set(id, randomFiles(['a', 'b'], 2500))
    await backUp(vault, coordinator, id, points.get(id) as Files)
    for (const note of [1, 2]) await vault.amend(id, { note })
  }
  // Swept; then two that wait on dead lists for a job that may know them, one for each list.
  for (const id of ['gone', 'waiting', 'waiting-too']) {
    await backUp(vault, coordinator, id, randomFiles(['x'], 2500))
    if (id === 'gone') await vault.amend(id, { note: 1 })
  }
  await vault.deletePoint('gone', 'test')
  await coordinator.sweep(vault)
  const lease = coordinator.lease()
  for (const id of ['waiting', 'waiting-too']) {
    await vault.deletePoint(id, 'test')
    await coordinator.sweep(vault)
  }
  lease[Symbol.dispose]()
  points.set('p4', randomFiles(['a'], 2500))
  await backUp(vault, coordinator, 'p4', points.get('p4') as Files)
  const packs = await blobsOf(store, 'data/')
  await vault.recordDamage(packs.slice(0, 3).map((pack) => ({ pack, reason: 'planted', foundAt: 1 })))
  await vault.clearDamage(packs.slice(2, 3))
  const doomed = new Set((await vault.refresh()).deadLists.flatMap((list) => list.blobs))
  return { blobs: new Map(store.blobs), deleted, keys: vaultKeys, points, doomed }
}

async function exportIdentities({ store, keys }: Vault, number: number): Promise<void> {
  const folder = identityFolder(number, 1_800_000_000_000 + number)
  const part = { name: `${folder}/server-0001`, accountId: null, rows: { account: 1 } }
  const parts = [await writeIdentityPart(store, keys, part, [`{"table":"account","row":{"n":${number}}}\n`])]
  const manifest = {
    format: 1 as const,
    vaultId: keys.vaultId,
    number,
    exportedAt: number,
    serverId: 's',
    epoch: 1,
    signer: serverKey.identitySigner,
    schema: 1,
    parts,
  }
  await writeIdentityManifest(store, keys, folder, manifest, (text) => serverKey.signIdentity(text))
}

const isDamage = (error: unknown): boolean =>
  [VaultDamageError, ChunkMissingError, PointNotFoundError, BlobNotFoundError].some(
    (kind) => error instanceof kind,
  )

/** Undefined where it does not open. */
async function opened(store: MemoryBlobStore, keys: Buffer): Promise<Vault | undefined> {
  try {
    return await openVault(store, keys)
  } catch (error) {
    assert.ok(isDamage(error) || error instanceof VaultKeyError, String(error))
    return undefined
  }
}

/** What everyone who reads a vault is told. */
async function look(store: MemoryBlobStore, keys: Buffer): Promise<Outcome> {
  const vault = await opened(store, keys)
  if (vault === undefined) return 'refused'
  const { problems } = await verifyVault(vault, { readData: true })
  const told = problems.length > 0 || !(await areWrappingsWhole(store)) || !(await areExportsWhole(vault))
  const reader = store.blobs.get('recover.mjs')
  return told || reader === undefined || hash('sha256', reader) !== hash('sha256', READER)
    ? 'found'
    : 'harmless'
}

async function areWrappingsWhole(store: MemoryBlobStore): Promise<boolean> {
  try {
    const { vaultKeys } = await readServerWrapping(store, serverKey, VAULT_ID, 2)
    await readServerWrapping(store, serverKey, VAULT_ID, 1)
    await checkOwner(store, serverKey, VAULT_ID, 2)
    const first = openWithKit(kit, VAULT_ID, await store.get(kitWrappingName(kit.kitId, 1)))
    const successor = { number: 2, before: first }
    const second = openWithKit(kit, VAULT_ID, await store.get(kitWrappingName(kit.kitId, 2)), successor)
    return vaultKeys.equals(Buffer.concat([first, second]))
  } catch (error) {
    const name = (error as Error).name
    assert.ok(error instanceof WrappingError || /Seal|TakenOver|NotFound/.test(name), String(error))
    return false
  }
}

/** What no reader but its own opens is found and made again by the server, on another copy of the vault. */
async function assertRewrapped(damaged: MemoryBlobStore, keys: Buffer, where: string): Promise<void> {
  const store = copyOf(damaged.blobs)
  const vault = (await opened(store, keys)) ?? assert.fail(where)
  const found = (await checkWrappings(vault, OWNER)).map(({ blob }) => blob)
  assert.ok(found.length > 0, `${where}: not noticed`)
  assert.deepEqual(await repairWrappings(vault, OWNER), found, where)
  assert.deepEqual(await checkWrappings(vault, OWNER), [], where)
  assert.ok(await areWrappingsWhole(store), `${where}: made again, it does not open`)
}

async function areExportsWhole({ store, keys }: Vault): Promise<boolean> {
  try {
    for (const found of await listIdentityExports(store)) {
      const { manifest } = await readIdentityManifest(store, keys, found)
      for (const part of manifest.parts) await readIdentityPart(store, keys, part)
    }
    return true
  } catch (error) {
    assert.ok(isDamage(error), String(error))
    return false
  }
}

/** Restores all. @returns Ids of those that gave their very bytes; every other one ended with an error that says why. */
async function restorable(store: MemoryBlobStore, { keys, points }: Rich): Promise<string[]> {
  const vault = await opened(store, keys)
  if (vault === undefined) return []
  const whole: string[] = []
  for (const [id, files] of points) {
    try {
      assert.deepEqual(await restore(vault, id), files, id)
      whole.push(id)
    } catch (error) {
      assert.ok(isDamage(error), String((error as Error).stack))
    }
  }
  return whole
}

/** The changes of one attack on a blob; undefined where there is no such attack on it. */
function changesOf(
  attack: Attack,
  kind: string,
  { blobs, deleted, doomed }: Rich,
  foreign: Rich,
): ReadonlyMap<string, Buffer | undefined>[] {
  const pattern = KINDS[kind] as RegExp
  const namesIn = (of: Iterable<string>): string[] =>
    [...of].filter((name) => pattern.test(name) && !doomed.has(name)).toSorted()
  const ofKind = namesIn(blobs.keys())
  const [one = '', other] = ofKind
  const bytes = blobs.get(one) as Buffer
  const last = ofKind.at(-1) as string
  const change = (name: string, to: Buffer | undefined): ReadonlyMap<string, Buffer | undefined> =>
    new Map([[name, to]])
  switch (attack) {
    case 'cut':
      return [0, bytes.length >> 1, bytes.length - 1].map((length) => change(one, bytes.subarray(0, length)))
    case 'swapped':
      if (other === undefined) return []
      return [
        new Map([
          [one, blobs.get(other)],
          [other, bytes],
        ]),
      ]
    case 'other kind':
      return Object.entries(KINDS)
        .filter(([name]) => name !== kind)
        .filter((_, i) => i % OTHERS === ofKind.length % OTHERS)
        .map(([, of]) => blobs.get([...blobs.keys()].find((name) => of.test(name)) as string) as Buffer)
        .filter((their) => !their.equals(bytes))
        .map((their) => change(one, their))
    case 'foreign': {
      const their = foreign.blobs.get(namesIn(foreign.blobs.keys())[0] as string) as Buffer
      return their.equals(bytes) ? [] : [change(one, their)]
    }
    case 'copied': {
      const name = furtherName(last)
      return name === undefined ? [] : [change(name, blobs.get(last) as Buffer)]
    }
    case 'put back':
      return namesIn(deleted.keys())
        .filter((name) => !blobs.has(name))
        .map((name) => change(name, deleted.get(name)))
    case 'taken away':
      return [change(last, undefined)]
  }
}

/** Another name that a blob of the kind could have. */
function furtherName(name: string): string | undefined {
  if (/^(data|meta)\//.test(name)) return name.replace(/[^/]+\/[^/]+$/, `ab/${'ab'.repeat(32)}`)
  if (/^(index|dead)\//.test(name)) return name.replace(/[^/]+$/, 'ab'.repeat(32))
  if (name.startsWith('damage/')) return `damage/data/ab/${'ab'.repeat(32)}`
  if (name.endsWith('/head')) return 'points/p9/head'
  if (name.endsWith('/deleted')) return 'points/p1/deleted'
  if (/\d{8}$/.test(name))
    return name.replace(/\d{8}$/, (digits) => String(Number(digits) + 1).padStart(8, '0'))
  if (name.startsWith('identity/')) return name.replace('identity/00000003', 'identity/00000004')
  if (name.startsWith('keys/')) return name.replace(/(-0002)?\.json$/, '-0003.json')
  return undefined
}

test('what is cut, swapped, put back, copied, foreign or gone, of every kind of blob, is found or harmless', async (t) => {
  const vault = await rich(VAULT_ID, 7)
  const foreign = await rich('another', 8)
  const all = [...vault.points.keys()]
  const untouched = copyOf(vault.blobs)
  assert.equal(await look(untouched, vault.keys), 'harmless')
  assert.deepEqual(await restorable(untouched, vault), all)
  const found: Record<string, string> = {}
  let looked = 0
  for (const kind of Object.keys(KINDS)) {
    const row: string[] = []
    for (const attack of ATTACKS) {
      const outcomes = new Set<Outcome>()
      for (const changes of changesOf(attack, kind, vault, foreign)) {
        const where = `${kind} ${attack}: ${[...changes.keys()].join()}`
        looked++
        const store = copyOf(vault.blobs)
        change(store, changes)
        outcomes.add(await look(store, vault.keys))
        if (kind.endsWith('wrapping') && attack !== 'copied') await assertRewrapped(store, vault.keys, where)
        const whole = await restorable(store, vault)
        const isHarmless = PAIRED.test(kind) && attack !== 'copied'
        assert.ok(
          whole.length >= all.length - (isHarmless ? 0 : HIT) || kind === 'header',
          `${where}: restores ${whole.join()}`,
        )
        await assertStillDeleted(store, vault, where)
        await sweep(store, vault, where)
        change(store, new Map([...changes.keys()].map((name) => [name, vault.blobs.get(name)])))
        assert.deepEqual(await restorable(store, vault), all, `${where}: a sweep lost something`)
      }
      row.push(outcomes.size === 0 ? '–' : [...outcomes].toSorted().join(' or '))
    }
    found[kind] = row.join(' | ')
  }
  t.diagnostic(`${looked} changed vaults`)
  assert.deepEqual(found, EXPECTED)
})

async function assertStillDeleted(store: MemoryBlobStore, { keys }: Rich, where: string): Promise<void> {
  const vault = await opened(store, keys)
  if (vault === undefined) return
  for (const id of ['gone', 'waiting']) await assert.rejects(restore(vault, id), isDamage, where)
}

async function sweep(store: MemoryBlobStore, { keys }: Rich, where: string): Promise<void> {
  const vault = await opened(store, keys)
  if (vault === undefined) return
  try {
    await new Coordinator().sweep(vault)
  } catch (error) {
    assert.ok(isDamage(error), `${where}: ${String(error)}`)
  }
}

function copyOf(blobs: ReadonlyMap<string, Buffer>): MemoryBlobStore {
  const store = new MemoryBlobStore()
  for (const [name, bytes] of blobs) store.blobs.set(name, bytes)
  return store
}

function change(store: MemoryBlobStore, changes: ReadonlyMap<string, Buffer | undefined>): void {
  for (const [name, bytes] of changes) {
    if (bytes === undefined) store.blobs.delete(name)
    else store.blobs.set(name, bytes)
  }
}
