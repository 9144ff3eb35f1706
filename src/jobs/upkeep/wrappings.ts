import { createHash } from 'node:crypto'
import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import { kitIdOf } from '../../keyring/recovery-kit.ts'
import { SealError } from '../../keyring/server-key.ts'
import type { Sealer } from '../../keyring/server-key.ts'
import {
  firstVaultKeys,
  kitWrappings,
  kitWrappingName,
  openServerWrapping,
  sealVaultKeys,
  serverWrapping,
  serverWrappingName,
  VaultKeyError,
} from '../../keyring/vault-key.ts'
import type { Wrapping } from '../../keyring/vault-key.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import type { BlobDamage } from '../../store/vaults/vault-scrubs.ts'
import { mirrorVault, unlikeWarm } from '../../vault/sweep/cold.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import type { PointRecord } from '../../vault/points/heads.ts'
import { forgetRetention } from '../../vault/points/retain.ts'
import type { Vault } from '../../vault/vault.ts'
import type { VerifyResult } from '../../vault/verify/verify.ts'

/**
 * The wrappings of a vault's keys, which nobody reads while all is well: rot in a kit's shows on the day the server is lost. So the
 * vault says of each, in a record of its own, what it must be (docs/vault-format.md, section 16). With the vault's keys at hand every
 * wrapping can be made again.
 */

/** What the vault's record says of one wrapping. */
interface KnownWrapping {
  /** Of the blob's bytes, hex. */
  readonly sha256: string
  /** Public half of the kit it is for, base64; absent where it is the server's, or was not known when it was noted. */
  readonly kit?: string
}

/** Whose wrappings they are. */
export interface WrappingOwner {
  /** Of the server's own wrappings. */
  readonly sealer: Sealer
  /** Of the kit that opens what is written now. */
  readonly kitPublicKey: string
}

/** Member of the vault's record. */
const MEMBER = 'wrappings'
const NAME = /^keys\/(?:server|kit-([0-9a-f]{16}))(?:-(\d{4}))?\.json$/

/** Looks at all wrappings, and notes in the vault what whole ones are that it says nothing of yet. @returns What is damaged. */
export async function checkWrappings(vault: Vault, owner: WrappingOwner): Promise<readonly BlobDamage[]> {
  const { problems, whole } = await lookAtWrappings(vault, owner)
  await noteWrappings(vault, whole)
  return problems
}

/**
 * Makes damaged wrappings again.
 *
 * @param beside The vault's cold store, which has the same: for kits whose public halves nobody knows.
 * @returns Names of those that were made.
 */
export async function repairWrappings(
  vault: Vault,
  owner: WrappingOwner,
  beside?: Vault,
): Promise<readonly string[]> {
  const { problems, known } = await lookAtWrappings(vault, owner)
  const made: Wrapping[] = []
  for (const { blob } of problems) {
    const wrapping =
      madeAgain(vault, owner, blob, known.get(blob)?.kit) ?? (await sameIn(beside, blob, known.get(blob)))
    if (wrapping === undefined) continue
    await vault.store.delete(blob)
    crashpoint('repair.wrapping-deleted')
    await vault.store.put(blob, wrapping.bytes)
    forgetRetention(vault.store, blob)
    crashpoint('repair.wrapping-stored')
    made.push(wrapping)
  }
  await noteWrappings(vault, new Map(made.map((one) => [one.name, noted(one, known.get(one.name)?.kit)])))
  return made.map(({ name }) => name)
}

/** What the first record of a new vault says of its wrappings. */
export function wrappingsRecord(
  vaultKeys: Uint8Array,
  vaultId: string,
  kit: string,
  server: Wrapping,
): PointRecord {
  const ofKit = kitWrappings(kit, vaultId, vaultKeys).map((one) => [one.name, noted(one, kit)])
  return { [MEMBER]: Object.fromEntries([...ofKit, [server.name, noted(server)]]) }
}

/** With wrappings that are damaged: no recovery point is hit as long as the server has the vault's keys. */
export function withWrappings(result: VerifyResult, problems: readonly BlobDamage[]): VerifyResult {
  return {
    ...result,
    problems: [...result.problems, ...problems],
    problemCount: result.problemCount + problems.length,
  }
}

async function sameIn(
  beside: Vault | undefined,
  name: string,
  known: KnownWrapping | undefined,
): Promise<Wrapping | undefined> {
  if (beside === undefined || known === undefined || (await beside.store.stat(name)) === undefined)
    return undefined
  const bytes = Buffer.from(await beside.store.get(name))
  return sha256(bytes) === known.sha256 ? { name, bytes } : undefined
}

/** Names of wrappings and records that the cold store of a vault has otherwise than the first one. What it lacks comes there before. */
export async function unlikeFirst(
  warm: Vault,
  cold: Vault,
  owner: WrappingOwner,
): Promise<readonly string[]> {
  await mirrorVault(warm.store, cold.store)
  const { problems } = await lookAtWrappings(warm, owner)
  return await unlikeWarm(warm, cold.store, (name) => problems.some(({ blob }) => blob === name))
}

interface Look {
  readonly problems: readonly BlobDamage[]
  readonly known: ReadonlyMap<string, KnownWrapping>
  /** Those that are whole and that the vault says nothing of. */
  readonly whole: ReadonlyMap<string, KnownWrapping>
}

async function lookAtWrappings(vault: Vault, owner: WrappingOwner): Promise<Look> {
  const { record, damage } = await vault.records()
  // Behind a record that cannot be read another may say something else: then each must show for itself what it is.
  const known = knownIn(damage === undefined ? record : {})
  const names = new Set(known.keys())
  for await (const page of vault.store.list('keys/')) for (const { name } of page) names.add(name)
  const problems: BlobDamage[] = []
  const whole = new Map<string, KnownWrapping>()
  for (const name of names) {
    const look = async (): Promise<KnownWrapping | string | undefined> =>
      await lookAtWrapping(vault, owner, name, known.get(name))
    // What was read wrong once may lie right on the disk.
    let found = await look()
    if (typeof found === 'string') found = await look()
    if (typeof found === 'string')
      problems.push({ blob: name, reason: new VaultDamageError(name, found).message })
    else if (found !== undefined && !known.has(name)) whole.set(name, found)
  }
  return { problems, known, whole }
}

/** What is wrong with it as text; undefined where it is none of the vault's, or not yet. */
async function lookAtWrapping(
  vault: Vault,
  owner: WrappingOwner,
  name: string,
  known: KnownWrapping | undefined,
): Promise<KnownWrapping | string | undefined> {
  let bytes: Uint8Array
  try {
    bytes = await vault.store.get(name)
  } catch (error) {
    if (!(error instanceof BlobNotFoundError)) throw error
    return known === undefined ? undefined : 'it is gone'
  }
  if (known !== undefined)
    return sha256(bytes) === known.sha256 ? known : 'its bytes are not those that the vault’s records tell'
  return lookAtUnknown(vault, owner, { name, bytes: Buffer.from(bytes) })
}

/** One from before the vault said what they are, or from a server that was lost before it did. */
function lookAtUnknown(
  vault: Vault,
  owner: WrappingOwner,
  found: Wrapping,
): KnownWrapping | string | undefined {
  const { name, bytes } = found
  const place = placeOf(name)
  // Another process may be giving the vault its next key.
  if (place === undefined || place.number > vault.keys.newest) return undefined
  if (place.kitId === kitIdOf(Buffer.from(owner.kitPublicKey, 'base64'))) {
    const isSame = madeAgain(vault, owner, name, owner.kitPublicKey)?.bytes.equals(bytes) === true
    return isSame ? noted(found, owner.kitPublicKey) : 'it is not what wrapping the key again gives'
  }
  if (place.kitId !== undefined)
    return isOfKit(bytes, place.kitId) ? noted(found) : 'its members are not those of a wrapping for its kit'
  return opensHere(vault, owner, place.number, bytes) ? noted(found) : 'it does not open'
}

function opensHere(vault: Vault, { sealer }: WrappingOwner, number: number, bytes: Uint8Array): boolean {
  try {
    const { vaultKeys } = openServerWrapping(sealer, vault.id, number, bytes)
    return vaultKeys.equals(firstVaultKeys(vault.keys.export(), number))
  } catch (error) {
    // Those before the newest may be of a server that is lost.
    if (error instanceof SealError) return number < vault.keys.newest
    if (error instanceof VaultKeyError) return false
    throw error
  }
}

function isOfKit(bytes: Buffer, kitId: string): boolean {
  try {
    const json = JSON.parse(bytes.toString()) as Record<string, unknown> | null
    return json?.['wrapping'] === 'kit' && json['kitId'] === kitId
  } catch {
    return false
  }
}

/** Undefined where it is for a kit whose public half is not known. */
function madeAgain(
  { id, keys }: Vault,
  { sealer, kitPublicKey }: WrappingOwner,
  name: string,
  kit: string | undefined,
): Wrapping | undefined {
  const place = placeOf(name)
  if (place === undefined || place.number > keys.newest) return undefined
  const vaultKeys = firstVaultKeys(keys.export(), place.number)
  if (place.kitId === undefined) return serverWrapping(place.number, sealVaultKeys(sealer, id, vaultKeys))
  const publicKey = [kit, kitPublicKey].find(
    (one) => one !== undefined && kitIdOf(Buffer.from(one, 'base64')) === place.kitId,
  )
  return publicKey === undefined ? undefined : kitWrappings(publicKey, id, vaultKeys).at(-1)
}

async function noteWrappings(vault: Vault, more: ReadonlyMap<string, KnownWrapping>): Promise<void> {
  if (more.size === 0 || (await vault.records()).damage !== undefined) return
  await vault.addRecord(({ record }) => {
    const known = knownIn(record)
    const isNew = [...more].some(([name, one]) => known.get(name)?.sha256 !== one.sha256)
    return isNew ? { [MEMBER]: Object.fromEntries([...known, ...more]) } : undefined
  })
}

const noted = ({ bytes }: Wrapping, kit?: string): KnownWrapping => ({
  sha256: sha256(bytes),
  ...(kit !== undefined && { kit }),
})

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

function knownIn(record: PointRecord): ReadonlyMap<string, KnownWrapping> {
  const said = record[MEMBER]
  const entries = typeof said === 'object' && said !== null ? Object.entries(said) : []
  return new Map(entries.filter(([name]) => placeOf(name) !== undefined)) as ReadonlyMap<
    string,
    KnownWrapping
  >
}

/** Of which key it is, and for which kit where it is not the server's. */
function placeOf(name: string): { readonly kitId: string | undefined; readonly number: number } | undefined {
  const [found, kitId, digits = '0001'] = NAME.exec(name) ?? []
  if (found === undefined) return undefined
  const number = Number(digits)
  const isOne = name === (kitId === undefined ? serverWrappingName(number) : kitWrappingName(kitId, number))
  return isOne ? { kitId, number } : undefined
}
