import { BlobNotFoundError } from '../../blobs/blob-store.ts'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { openJson } from '../format/document.ts'
import type { SealedDocument } from '../format/document.ts'
import { isMediaError, VaultDamageError } from '../errors.ts'
import type { DocumentType, VaultKeys } from '../keys.ts'
import type { Lease } from '../lease.ts'

/**
 * Heads, amendments, tombstones and vault records lie in the vault twice (docs/vault-format.md, section 20; docs/adr/0031): nothing
 * else says what they do. A twin is the same sealed bytes under a further name, and what it says is sealed for the first name: so either
 * stands for both, and can be put back from the other without anybody's word being taken for it.
 *
 * A twin is written after its first, so one whose first is gone tells that the first was lost.
 */
const TWINS = 'twins/'
/** What is begun of them and never finished. */
const TAG = 'twin'

export const twinName = (name: string): string => TWINS + name

/** Stores a document and its twin. @throws {BlobExistsError} Where the first is there: then nothing was changed. */
export async function putBoth(store: BlobStore, { name, bytes }: SealedDocument): Promise<void> {
  await store.put(name, bytes)
  crashpoint('twin.to-be-stored')
  await putTwin(store, name, bytes)
}

/** Over what may lie there: who has put the first alone says what its twin is. */
async function putTwin(store: BlobStore, name: string, bytes: Uint8Array): Promise<void> {
  const twin = store.append(TAG)
  try {
    twin.append(bytes)
    await twin.finish(twinName(name))
  } catch (error) {
    twin.abort()
    throw error
  }
  crashpoint('twin.stored')
}

/** Names below a folder of which the blob or its twin is there. @param without Folders in it that need not be looked into. */
export async function* listEither(
  store: BlobStore,
  folder: string,
  without?: ReadonlySet<string>,
): AsyncGenerator<string> {
  for await (const page of store.names(folder, without)) yield* page
  for await (const page of store.names(twinName(folder), without))
    for (const name of page) yield name.slice(TWINS.length)
}

/** Names below a folder of which only one of the two is there. */
export async function oneOfTwo(store: BlobStore, folder: string): Promise<ReadonlySet<string>> {
  const alone = new Set<string>()
  for await (const name of listEither(store, folder)) if (!alone.delete(name)) alone.add(name)
  return alone
}

export async function isEitherThere(store: BlobStore, name: string): Promise<boolean> {
  return (await store.stat(name)) !== undefined || (await store.stat(twinName(name))) !== undefined
}

/**
 * What a document says; where it is gone or does not open, what its twin says.
 * @throws {BlobNotFoundError} When both are gone. @throws {VaultDamageError}
 */
export async function openEither(
  store: BlobStore,
  keys: VaultKeys,
  type: DocumentType,
  name: string,
): Promise<Readonly<Record<string, unknown>>> {
  const first = await look(store, keys, { type, name, at: name })
  if ('json' in first) return first.json
  const twin = await look(store, keys, { type, name, at: twinName(name) })
  if ('json' in twin) return twin.json
  // The first is what people know; where it is gone, what is left of the two.
  throw first.error instanceof BlobNotFoundError ? twin.error : first.error
}

/** First the twin goes, so that one never stands alone for what was deleted. */
export async function deleteBoth(store: BlobStore, name: string): Promise<void> {
  await store.delete(twinName(name))
  crashpoint('twin.deleted')
  await store.delete(name)
}

/**
 * What is wrong with one of the two while the other is good. A twin that is not there is nothing wrong: vaults had none once.
 * Where neither is good, who reads the document is told.
 */
export async function twinProblem(
  store: BlobStore,
  keys: VaultKeys,
  type: DocumentType,
  name: string,
): Promise<VaultDamageError | undefined> {
  const { first, twin } = await lookAtBoth(store, keys, type, name)
  if ('json' in first && 'json' in twin) {
    if (first.bytes.equals(twin.bytes)) return undefined
    return new VaultDamageError(twinName(name), `its bytes are not those of "${name}"`)
  }
  if ('json' in first && 'error' in twin)
    return twin.error instanceof BlobNotFoundError ? undefined : damage(twinName(name), twin.error)
  return 'error' in first && 'json' in twin ? damage(name, first.error) : undefined
}

function damage(blob: string, error: Error): VaultDamageError {
  if (error instanceof VaultDamageError) return error
  if (error instanceof BlobNotFoundError) return new VaultDamageError(blob, 'it is gone')
  return new VaultDamageError(blob, error.message, { cause: error })
}

/**
 * Puts one of the two back from the other, where only one is good: the very bytes. Where both open and are not the same, nobody knows
 * which of them was put there later, and neither is touched.
 *
 * @returns The name of what was put.
 */
export async function mendTwins(
  store: BlobStore,
  keys: VaultKeys,
  type: DocumentType,
  name: string,
  lease: Lease,
): Promise<string | undefined> {
  const { first, twin } = await lookAtBoth(store, keys, type, name)
  await lease.check()
  if ('json' in first && 'error' in twin) {
    await putTwin(store, name, first.bytes)
    return twinName(name)
  }
  if ('json' in first || 'error' in twin) return undefined
  if (!(first.error instanceof BlobNotFoundError)) await store.delete(name)
  crashpoint('twin.first-to-be-put-back')
  await store.put(name, twin.bytes)
  crashpoint('twin.first-put-back')
  return name
}

type Look =
  | { readonly bytes: Buffer; readonly json: Readonly<Record<string, unknown>> }
  | { readonly error: Error }

async function lookAtBoth(
  store: BlobStore,
  keys: VaultKeys,
  type: DocumentType,
  name: string,
): Promise<{ readonly first: Look; readonly twin: Look }> {
  // What was read wrong once may lie right on the disk.
  const lookTwice = async (at: string): Promise<Look> => {
    const found = await look(store, keys, { type, name, at })
    const isDoubtful = 'error' in found && !(found.error instanceof BlobNotFoundError)
    return isDoubtful ? await look(store, keys, { type, name, at }) : found
  }
  return { first: await lookTwice(name), twin: await lookTwice(twinName(name)) }
}

/** @param of `name` is what it is sealed for, `at` where it lies. */
async function look(
  store: BlobStore,
  keys: VaultKeys,
  { type, name, at }: { readonly type: DocumentType; readonly name: string; readonly at: string },
): Promise<Look> {
  try {
    const bytes = await store.get(at)
    return { bytes, json: openJson(keys, type, name, bytes) }
  } catch (error) {
    if (error instanceof VaultDamageError && at !== name)
      return { error: new VaultDamageError(at, error.found, { cause: error }) }
    const isLost =
      error instanceof VaultDamageError || error instanceof BlobNotFoundError || isMediaError(error)
    if (!isLost) throw error
    return { error: error as Error }
  }
}
