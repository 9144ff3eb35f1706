import { createHash } from 'node:crypto'
import { BlobNotFoundError, BlobTooShortError } from '../../blobs/blob-store.ts'
import type { BlobReader, BlobStore } from '../../blobs/blob-store.ts'
import { checkDocument } from '../format/document.ts'
import { isMediaError, VaultDamageError } from '../errors.ts'
import { FOOTER_BYTES, keyNumberOf, parsePackName } from '../format/pack.ts'
import { readHeader } from '../vault.ts'

/**
 * Looks for rot without keys, a slice at a time: every pack must have the SHA-256 it is named by, every document the one it ends with,
 * and everything else must be readable. It proves nothing against people.
 *
 * Blobs are read in one order, group after group and in each by name, so that the last one's name says where to go on.
 */
export interface ScrubSlice {
  /** Where the next slice begins; undefined behind the last blob. */
  readonly cursor: string | undefined
  readonly blobs: number
  readonly bytes: number
  readonly problems: readonly ScrubProblem[]
}

export interface ScrubProblem {
  readonly blob: string
  readonly reason: string
}

export interface ScrubOptions {
  readonly signal?: AbortSignal | undefined
  /** A slice ends behind the blob that fills so many bytes. */
  readonly maxBytes?: number
}

const SHARDS: readonly string[] = Array.from({ length: 256 }, (_, n) => n.toString(16).padStart(2, '0'))
/** Names, or folders with what is below them. */
const GROUPS: readonly string[] = [
  'vault.json',
  'README.txt',
  'recover.mjs',
  ...['keys', 'records', 'index', 'points', 'dead', 'damage', 'identity'].map((folder) => `${folder}/`),
  ...['data', 'meta'].flatMap((type) => SHARDS.map((shard) => `${type}/${shard}/`)),
  // Behind what was there before them: a pass that goes on has only numbers.
  'twins/',
]
/** Where a pass begins. */
export const SCRUB_START = '0 '
/** Names of one group that are kept at a time: a vault may have a million points. */
const MAX_NAMES = 10_000
/** Listings and blobs of one slice, beside its bytes. */
const MAX_STEPS = 500
const READ_BYTES = 1024 * 1024

/** Reads on from `cursor`. What was deleted under its eyes is no problem; what seems wrong is read a second time before it is told. */
export async function scrubSlice(
  store: BlobStore,
  cursor: string,
  { signal, maxBytes = Infinity }: ScrubOptions = {},
): Promise<ScrubSlice> {
  const problems: ScrubProblem[] = []
  let [steps, blobs, bytes] = [0, 0, 0]
  const isFull = (): boolean => bytes >= maxBytes || steps >= MAX_STEPS
  const slice = (next: string | undefined): ScrubSlice => ({ cursor: next, blobs, bytes, problems })
  let [group, after] = parseCursor(cursor)
  for (; group < GROUPS.length; group++, after = '') {
    if (isFull()) return slice(`${group} `)
    for (let isMore = true; isMore;) {
      const found = await blobsAfter(store, GROUPS[group] as string, after)
      steps++
      isMore = found.length === MAX_NAMES
      for (const { name, sizeBytes } of found) {
        if (isFull()) return slice(`${group} ${after}`)
        const reason = (await problemOf(store, name, signal)) && (await problemOf(store, name, signal))
        if (reason !== undefined) problems.push({ blob: name, reason })
        steps++
        blobs++
        bytes += sizeBytes
        after = name
      }
    }
  }
  return slice(undefined)
}

/** All of a vault in one go. */
export async function scrubBlobs(
  store: BlobStore,
  options: Pick<ScrubOptions, 'signal'> = {},
): Promise<Omit<ScrubSlice, 'cursor'>> {
  const problems: ScrubProblem[] = []
  let [blobs, bytes] = [0, 0]
  for (let cursor: string | undefined = SCRUB_START; cursor !== undefined;) {
    const slice: ScrubSlice = await scrubSlice(store, cursor, options)
    problems.push(...slice.problems)
    blobs += slice.blobs
    bytes += slice.bytes
    cursor = slice.cursor
  }
  return { blobs, bytes, problems }
}

function parseCursor(cursor: string): [group: number, after: string] {
  const [, group, after] = /^(\d+) (.*)$/.exec(cursor) ?? []
  return [Number(group ?? 0), after ?? '']
}

/** The first blobs of a group behind the name `after`, by name. */
async function blobsAfter(
  store: BlobStore,
  group: string,
  after: string,
): Promise<{ readonly name: string; readonly sizeBytes: number }[]> {
  if (!group.endsWith('/')) {
    const info = after === '' ? await store.stat(group) : undefined
    return info === undefined ? [] : [info]
  }
  const found: { readonly name: string; readonly sizeBytes: number }[] = []
  const keepFirst = (): void => {
    found.sort((one, other) => (one.name < other.name ? -1 : 1))
    found.length = Math.min(found.length, MAX_NAMES)
  }
  for await (const page of store.list(group)) {
    for (const info of page) if (info.name > after) found.push(info)
    if (found.length > 2 * MAX_NAMES) keepFirst()
  }
  keepFirst()
  return found
}

/** What is wrong with a blob; undefined where it is whole or was deleted meanwhile. */
async function problemOf(
  store: BlobStore,
  name: string,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  signal?.throwIfAborted()
  try {
    const pack = parsePackName(name)
    if (pack !== undefined) await scrubPack(store, name, pack.id, signal)
    else if (name === 'vault.json') await readHeader(store)
    else if (/^(records|index|points|dead|damage|identity|twins)\//.test(name))
      checkDocument(name, await store.get(name))
    else await store.get(name)
    return undefined
  } catch (error) {
    if (error instanceof BlobNotFoundError) return undefined
    const isDamage =
      error instanceof VaultDamageError || error instanceof BlobTooShortError || isMediaError(error)
    if (!isDamage) throw error
    return (error as Error).message
  } finally {
    await new Promise((resolve) => setImmediate(resolve))
  }
}

async function scrubPack(
  store: BlobStore,
  name: string,
  id: Buffer,
  signal: AbortSignal | undefined,
): Promise<void> {
  const blob = store.open(name, { isAfresh: true })
  try {
    if (!(await hashOf(blob, signal)).equals(id))
      throw new VaultDamageError(name, 'its bytes do not have the SHA-256 of its name')
    const end = Buffer.alloc(Math.min(FOOTER_BYTES, blob.sizeBytes))
    blob.readInto(end, 0, end.length, blob.sizeBytes - end.length)
    checkFooter(name, end)
  } finally {
    blob.close()
  }
}

async function hashOf(blob: BlobReader, signal: AbortSignal | undefined): Promise<Buffer> {
  const hash = createHash('sha256')
  const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, blob.sizeBytes))
  for (let at = 0; at < blob.sizeBytes; at += READ_BYTES) {
    const length = Math.min(READ_BYTES, blob.sizeBytes - at)
    await blob.ready(at, length)
    blob.readInto(buffer, 0, length, at)
    hash.update(buffer.subarray(0, length))
    // Reading is synchronous: let others have their turn.
    await new Promise((resolve) => setImmediate(resolve))
    signal?.throwIfAborted()
  }
  return hash.digest()
}

function checkFooter(name: string, footer: Buffer): void {
  try {
    keyNumberOf(footer)
  } catch (cause) {
    throw new VaultDamageError(name, 'it does not end as a pack does', { cause })
  }
}
