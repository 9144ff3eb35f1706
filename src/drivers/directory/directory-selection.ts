import { DIRECTORY, latin1Of } from './directory-meta.ts'
import type { PointReader, StoredItem } from '../driver.ts'

/** Which items of a recovery point a restore is about. */
export interface Selection {
  /** Pages in key order; every directory above a selected item comes before it. */
  readonly items: AsyncIterable<readonly StoredItem[]>
  isSelected(key: string): boolean
}

/** AWS limits restore metadata to 200 KB as a whole; this many paths are far more than anybody names by hand. */
const MAX_PATHS = 1000

/**
 * Reads `ItemsToRestore`: a JSON array of paths from the root of the file system, with or without the first slash.
 * @returns Normal paths without slashes around, or undefined where everything is wanted.
 * @throws {Error} That says which path is refused, and why.
 */
export function parseItemsToRestore(text: string | undefined): string[] | undefined {
  if (text === undefined || text === '') return undefined
  const paths: unknown = parseJson(text)
  if (!Array.isArray(paths) || paths.length === 0 || paths.length > MAX_PATHS) {
    throw new Error(`ItemsToRestore must be a JSON array of 1 to ${MAX_PATHS} paths, e.g. ["/reports/2026"]`)
  }
  const normal = paths.map(normalPath)
  return normal.includes('') ? undefined : normal
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new Error('ItemsToRestore is not JSON: it must be an array of paths, e.g. ["/reports/2026"]', {
      cause,
    })
  }
}

function normalPath(path: unknown): string {
  if (typeof path !== 'string' || path === '')
    throw new Error('ItemsToRestore holds something that is not a path')
  const trimmed = path.replace(/^\/+/, '').replace(/\/+$/, '')
  const isPlain = trimmed.split('/').every((part) => part !== '' && part !== '.' && part !== '..')
  if ((trimmed !== '' && !isPlain) || path.includes('\0')) {
    throw new Error(
      `ItemsToRestore holds ${JSON.stringify(path)}: write a path from the root, without "." or ".." in it`,
    )
  }
  return Buffer.from(trimmed).toString('latin1')
}

/** The items of `point` under `paths`, and the directories above them; all where `paths` is undefined. */
export function select(point: Pick<PointReader, 'items'>, paths: readonly string[] | undefined): Selection {
  if (paths === undefined) return { items: point.items(), isSelected: () => true }
  const wanted = [...new Set(paths)].sort()
  const isSelected = (key: string): boolean =>
    wanted.some((path) => key === `/${path}` || key.startsWith(`/${path}/`))
  return { items: selectedItems(point, wanted, isSelected), isSelected }
}

async function* selectedItems(
  point: Pick<PointReader, 'items'>,
  wanted: readonly string[],
  isSelected: (key: string) => boolean,
): AsyncGenerator<readonly StoredItem[]> {
  const above = await foldersAbove(point, wanted)
  const unmet = new Set(wanted)
  const widest = wanted.filter((path) => !wanted.some((other) => path.startsWith(`${other}/`)))
  const prefixes = widest.map((path) => Buffer.from(`/${path}`, 'latin1'))
  for await (const page of point.items({ prefixes })) {
    const out: StoredItem[] = []
    for (const item of page) {
      const key = latin1Of(item.key)
      if (!isSelected(key)) continue
      for (const path of unmet) if (key === `/${path}` || key.startsWith(`/${path}/`)) unmet.delete(path)
      while (above.length > 0 && latin1Of((above[0] as StoredItem).key) <= key) {
        const folder = above.shift() as StoredItem
        if (latin1Of(folder.key) < key) out.push(folder)
      }
      out.push(item)
    }
    if (out.length > 0) yield out
  }
  for (const path of unmet) {
    const printable = JSON.stringify(`/${Buffer.from(path, 'latin1').toString()}`)
    throw new Error(
      `ItemsToRestore names ${printable}, which the recovery point does not hold: nothing was restored`,
    )
  }
}

/** Items of the directories above `paths`, in key order; those that a wider path selects as well come only once. */
async function foldersAbove(
  point: Pick<PointReader, 'items'>,
  paths: readonly string[],
): Promise<StoredItem[]> {
  const keys = new Set(['/'])
  for (const path of paths) {
    for (let cut = path.indexOf('/'); cut >= 0; cut = path.indexOf('/', cut + 1))
      keys.add(`/${path.slice(0, cut + 1)}`)
  }
  const found: StoredItem[] = []
  for (const key of [...keys].sort()) {
    for await (const page of point.items({ prefixes: [Buffer.from(key, 'latin1')] })) {
      const first = page[0]
      if (first !== undefined && first.kind === DIRECTORY && latin1Of(first.key) === key) found.push(first)
      break
    }
  }
  return found
}
