import { createHash } from 'node:crypto'
import { ItemError } from '../drivers/driver.ts'
import type {
  DriverValidation,
  FileDigest,
  PointReader,
  RestoredContent,
  StoredItem,
} from '../drivers/driver.ts'
import type { FileChecksumSample, NamedFile } from '../plans/validators.ts'
import type { Judgement } from '../plans/validator-verdicts.ts'

/** What files are compared of. */
export interface ComparedFiles {
  /** Draws the sample: the same test draws the same files, another one others. */
  readonly restoreJobId: string
  readonly validation: DriverValidation
  readonly content: RestoredContent
  readonly point: Pick<PointReader, 'items' | 'read'>
  /** The items of the recovery point that the test restored. */
  readonly items: () => ReturnType<DriverValidation['items']>
  readonly signal: AbortSignal
}

/** Differences that a message tells one by one. */
const MAX_TOLD = 3

/**
 * Reads files back whole and compares size and SHA-256 with what the recovery point holds, which is read from the vault another time
 * than the restore did, and for named files with the digest that is expected.
 */
export async function compareFiles(compared: ComparedFiles, sample: FileChecksumSample): Promise<Judgement> {
  const { SampleSize: size = 0, Files: named = [] } = sample
  const drawn = size === 0 ? { files: [], of: 0 } : await draw(compared, size)
  if (size > 0 && drawn.of === 0)
    return { isGood: false, message: 'expected files to compare, found none among what was restored' }
  const differences: string[] = []
  for (const item of drawn.files) differences.push(...(await differencesOf(compared, item)))
  for (const file of named) differences.push(...(await namedDifferences(compared, file)))
  const looked = [
    ...(size > 0 ? [`${drawn.files.length} of ${drawn.of} files drawn at random`] : []),
    ...(named.length > 0 ? [`${named.length} named files`] : []),
  ].join(' and ')
  if (differences.length === 0)
    return { isGood: true, message: `expected ${looked} to be as backed up, found all so` }
  const told = differences.slice(0, MAX_TOLD).join('; ')
  const more = differences.length > MAX_TOLD ? `; and ${differences.length - MAX_TOLD} more` : ''
  return { isGood: false, message: `expected ${looked} to be as backed up, found ${told}${more}` }
}

/** A fair sample of all files in one pass: those with the smallest keyed hashes of their keys. */
async function draw(
  { validation, restoreJobId, items, signal }: ComparedFiles,
  size: number,
): Promise<{ readonly files: readonly StoredItem[]; readonly of: number }> {
  const kept: { readonly item: StoredItem; readonly lot: Buffer }[] = []
  let of = 0
  for await (const page of items()) {
    signal.throwIfAborted()
    for (const item of page) {
      if (!validation.isFile(item)) continue
      of++
      const lot = createHash('sha256').update(restoreJobId).update(item.key).digest()
      const last = kept.at(-1)
      if (kept.length === size && last !== undefined && lot.compare(last.lot) >= 0) continue
      const place = kept.findIndex((other) => lot.compare(other.lot) < 0)
      kept.splice(place === -1 ? kept.length : place, 0, { item, lot })
      if (kept.length > size) kept.pop()
    }
  }
  return { files: kept.map(({ item }) => item), of }
}

async function differencesOf(compared: ComparedFiles, item: StoredItem): Promise<readonly string[]> {
  const name = JSON.stringify(Buffer.from(item.key).toString())
  const expected = await digestInVault(compared, item)
  const found = await restored(compared, item)
  if ('problem' in found) return [found.problem]
  if (found.size !== expected.size) return [`${name} of ${found.size} bytes instead of ${expected.size}`]
  return found.sha256 === expected.sha256
    ? []
    : [`${name} with SHA-256 ${found.sha256} instead of ${expected.sha256}`]
}

async function namedDifferences(
  compared: ComparedFiles,
  { Path, Sha256 }: NamedFile,
): Promise<readonly string[]> {
  const name = JSON.stringify(Path)
  const item = await find(compared, compared.validation.keyOf(Path))
  if (item === undefined) return [`that the recovery point holds no file ${name}`]
  const found = await restored(compared, item)
  if ('problem' in found) return [found.problem]
  const wanted = Sha256.toLowerCase()
  return found.sha256 === wanted ? [] : [`${name} with SHA-256 ${found.sha256} instead of ${wanted}`]
}

async function find({ point, validation }: ComparedFiles, key: Uint8Array): Promise<StoredItem | undefined> {
  for await (const page of point.items({ prefixes: [key] })) {
    const [first] = page
    // The shortest key that begins so comes first.
    return first !== undefined && Buffer.compare(first.key, key) === 0 && validation.isFile(first)
      ? first
      : undefined
  }
  return undefined
}

/** What became of it; a file that cannot be read back is a difference like any other. */
async function restored(
  { content }: ComparedFiles,
  item: StoredItem,
): Promise<FileDigest | { readonly problem: string }> {
  try {
    return await content.digest(item)
  } catch (error) {
    if (!(error instanceof ItemError)) throw error
    return { problem: error.message }
  }
}

async function digestInVault({ point, signal }: ComparedFiles, item: StoredItem): Promise<FileDigest> {
  const hash = createHash('sha256')
  let size = 0
  for await (const bytes of point.read(item, { signal })) {
    hash.update(bytes)
    size += bytes.length
  }
  return { sha256: hash.digest('hex'), size }
}
