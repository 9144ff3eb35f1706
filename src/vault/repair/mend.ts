import type { BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { VaultDamageError } from '../errors.ts'
import { checkTombstone, deletedName } from '../points/heads.ts'
import type { DocumentType } from '../keys.ts'
import type { Lease } from '../lease.ts'
import { forgetRetention } from '../points/retain.ts'
import { deleteBoth, isEitherThere, listEither, mendTwins, oneOfTwo, twinProblem } from '../points/twins.ts'
import type { Vault } from '../vault.ts'

/** Where documents lie that have twins. */
const FOLDERS = ['points/', 'records/']

interface Paired {
  readonly name: string
  readonly type: DocumentType
  /** Undefined of the vault's own records. */
  readonly pointId?: string
}

function pairedOf(name: string): Paired | undefined {
  if (/^records\/\d{8}$/.test(name)) return { name, type: 'record' }
  const [, pointId, what] = /^points\/([^/]+)\/(head|deleted|amendment(?=-\d{8}$))/.exec(name) ?? []
  if (pointId === undefined) return undefined
  return { name, type: what as 'head' | 'deleted' | 'amendment', pointId }
}

async function allNames(store: BlobStore): Promise<Set<string>> {
  const names = new Set<string>()
  for (const folder of FOLDERS) for await (const name of listEither(store, folder)) names.add(name)
  return names
}

/**
 * What is wrong with one of two twins while the other is good: no reader misses it. What a deletion leaves is nothing wrong. Undefined
 * for each that was looked at in vain.
 */
export async function* twinProblems({ store, keys }: Vault): AsyncGenerator<VaultDamageError | undefined> {
  const names = await allNames(store)
  for (const name of names) {
    const { type, pointId } = pairedOf(name) ?? {}
    if (type === undefined) continue
    const isLeft = pointId !== undefined && type !== 'deleted' && names.has(deletedName(pointId))
    if (!isLeft) yield await twinProblem(store, keys, type, name)
  }
}

/**
 * Puts heads, amendments, tombstones and vault records back from their twins, and twins from what they are twins of. No sweep or
 * repair of the vault may run beside it; whoever deletes a recovery point may.
 *
 * @returns Names of the blobs that were put, and of tombstones that opened nowhere and were taken away: nothing may be deleted by them.
 */
export async function mendDocuments(vault: Vault, lease: Lease): Promise<readonly string[]> {
  const { store, keys } = vault
  const mended: string[] = []
  for (const name of await allNames(store)) {
    mended.push(...(await mend(vault, lease, name)))
    const { type, pointId } = pairedOf(name) ?? {}
    if (type !== 'deleted' || pointId === undefined || (await opens(checkTombstone(store, keys, pointId))))
      continue
    await lease.check()
    await deleteBoth(store, name)
    crashpoint('repair.tombstone-deleted')
    mended.push(name)
  }
  return mended
}

/**
 * The same, only of what lacks one of the two: vaults once had no twins, and writers are interrupted.
 * @param alone Of recovery points, as they were listed: each is looked at again.
 */
export async function completeTwins(vault: Vault, lease: Lease, alone: ReadonlySet<string>): Promise<void> {
  for (const names of [alone, await oneOfTwo(vault.store, 'records/')])
    for (const name of names) await mend(vault, lease, name)
}

async function mend(vault: Vault, lease: Lease, name: string): Promise<readonly string[]> {
  const { store, keys } = vault
  const one = pairedOf(name)
  if (one === undefined) return []
  const put = await mendTwins(store, keys, one.type, name, lease)
  if (put === undefined) return []
  forgetRetention(store, put)
  // Deleted meanwhile: what its deletion did not see is not left behind.
  const { pointId, type } = one
  if (pointId !== undefined && type !== 'deleted' && (await isEitherThere(store, deletedName(pointId))))
    await deleteBoth(store, name)
  return [put]
}

async function opens(read: Promise<unknown>): Promise<boolean> {
  try {
    await read
    return true
  } catch (error) {
    if (!(error instanceof VaultDamageError)) throw error
    return false
  }
}
