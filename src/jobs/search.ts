import { ITEM_FACTS, tablesIn } from '../drivers/found-item.ts'
import type { ItemFacts } from '../drivers/found-item.ts'
import type { Item } from '../drivers/driver.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { PointNotFoundError } from '../vault/errors.ts'
import type { Vault } from '../vault/vault.ts'
import { JobFailedError } from './errors.ts'
import { compileGlob } from './search-glob.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** What an item search looks for, as the call decided it. */
export interface SearchInput {
  readonly recoveryPointArns: readonly string[]
  /** Only what lies below: keys that begin so. */
  readonly prefix: string
  /** Matched against the whole name, or against its last part where it has no slash: `*` is any text, `?` one character. */
  readonly pattern: string | null
  readonly minSize: number | null
  readonly maxSize: number | null
  /** Milliseconds since 1970. */
  readonly modifiedAfter: number | null
  readonly modifiedBefore: number | null
  /** What lies behind the next one of these after the prefix is told as one folder. */
  readonly delimiter?: string
  /** So many that match are passed over: those that an earlier search told. */
  readonly skip?: number
}

export interface FoundItem extends ItemFacts {
  readonly recoveryPointArn: string
}

/** What one search tells at most; a narrower one finds the others. */
export const MAX_FOUND = 1000

/**
 * Reads the manifests of recovery points, newest first, and keeps the items that match. Of content nothing is read but the table of
 * contents of a database's dump.
 */
export async function runSearch(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row, progress } = job
  const input = JSON.parse(row.input) as SearchInput
  const vault = await findVault(tools.store.db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) throw new JobFailedError(`Search failed: backup vault ${row.vault_name} is gone`)
  const found: FoundItem[] = []
  let isTruncated = false
  let searched = 0
  let toSkip = input.skip ?? 0
  for (const arn of input.recoveryPointArns) {
    job.signal.throwIfAborted()
    const point = await findRecoveryPoint(tools.store.db, row.account_id, arn)
    // Deleted since the call: there is nothing to be found in it any more.
    if (point === undefined || point.vault_name !== vault.name) continue
    const matching = itemsOf(await tools.vaults.holding(vault, point), point, input, job)
    for await (const item of levelOf(matching, input)) {
      if (toSkip-- > 0) continue
      if (found.length === MAX_FOUND) {
        isTruncated = true
        break
      }
      found.push({ ...item, recoveryPointArn: arn })
    }
    if (isTruncated) break
    searched++
  }
  return {
    state: 'COMPLETED',
    message: `Found ${found.length}${isTruncated ? ' and more' : ''} of ${progress.itemsDone} items in ${searched} recovery points`,
    result: { found, isTruncated },
  }
}

async function* itemsOf(
  opened: Vault,
  point: RecoveryPointTable,
  input: SearchInput,
  { progress, signal }: RunningJob,
): AsyncGenerator<ItemFacts> {
  const facts = ITEM_FACTS[point.resource_type as ResourceType]
  const isWanted = matcher(input)
  const prefixes = input.prefix === '' ? undefined : [Buffer.from(input.prefix)]
  try {
    using reading = await opened.openPoint(point.point_id)
    if (facts === undefined) {
      const tables = await tablesIn(reading, signal)
      progress.itemsDone += tables.length
      for (const table of tables) {
        if (!table.name.startsWith(input.prefix)) continue
        // People search for a table by its own name, too.
        if (isWanted(table) || isWanted({ ...table, name: table.ownName })) yield table
      }
      return
    }
    for await (const page of reading.items(prefixes && { prefixes })) {
      signal.throwIfAborted()
      progress.itemsDone += page.length
      for (const item of page) {
        const one = facts(item as Item)
        if (isWanted(one)) yield one
      }
    }
  } catch (error) {
    if (!(error instanceof PointNotFoundError)) throw error
  }
}

/**
 * One level of what matches: what lies below a folder is told as that folder, with its bytes, and the folder that `prefix` is itself is not
 * told. It takes items whose folders come one after the other, as keys in their order do.
 */
export async function* levelOf(
  items: AsyncIterable<ItemFacts>,
  { prefix, delimiter }: Pick<SearchInput, 'delimiter' | 'prefix'>,
): AsyncGenerator<ItemFacts> {
  if (delimiter === undefined) return yield* items
  let folder: ItemFacts | undefined
  for await (const item of items) {
    if (item.name === prefix) continue
    const end = item.name.startsWith(prefix) ? item.name.indexOf(delimiter, prefix.length) : -1
    const name = end === -1 ? undefined : item.name.slice(0, end + delimiter.length)
    if (folder !== undefined && folder.name !== name) yield folder
    if (name === undefined) {
      folder = undefined
      yield item
    } else {
      const below = folder?.name === name ? folder.size : undefined
      const size = item.size === undefined ? below : (below ?? 0) + item.size
      folder = { name, type: 'folder', ...(size !== undefined && { size }) }
    }
  }
  if (folder !== undefined) yield folder
}

/** What has no size or no time is never within limits. */
const NONE = Number.NaN

/** Whether an item is what is looked for. */
export function matcher(
  input: Omit<SearchInput, 'delimiter' | 'prefix' | 'recoveryPointArns' | 'skip'>,
): (item: ItemFacts) => boolean {
  const { pattern, minSize, maxSize, modifiedAfter, modifiedBefore } = input
  const isNamed = pattern === null ? () => true : globOf(pattern)
  return (item) =>
    isNamed(item.name) &&
    (minSize === null || (item.size ?? NONE) >= minSize) &&
    (maxSize === null || (item.size ?? NONE) <= maxSize) &&
    (modifiedAfter === null || (item.modifiedAt ?? NONE) >= modifiedAfter) &&
    (modifiedBefore === null || (item.modifiedAt ?? NONE) <= modifiedBefore)
}

/** No regular expression that somebody's pattern could make run for ever. */
function globOf(pattern: string): (name: string) => boolean {
  const isMatch = compileGlob(pattern.toLowerCase())
  const isOfLastPart = !pattern.includes('/')
  return (name) => {
    const whole = name.toLowerCase()
    if (!isOfLastPart) return isMatch(whole)
    const trimmed = whole.endsWith('/') ? whole.slice(0, -1) : whole
    return isMatch(trimmed.slice(trimmed.lastIndexOf('/') + 1))
  }
}
