import type { IdentityExportName } from '../../vault/points/identity-exports.ts'

/** The newest that are kept whatever their age. */
const NEWEST = 10
/** For so many days the last one of each is kept. */
const DAYS = 30
const DAY_MS = 86_400_000

/**
 * Which exports stay: the newest ten, and the last of each of thirty days, so that a role that was deleted by mistake a week ago is still
 * found. A name's number says which is newer, and its date which day it is of.
 *
 * @param exports The newest first. @returns Their folders.
 */
export function keptExports(exports: readonly IdentityExportName[], now: number): ReadonlySet<string> {
  const kept = new Set(exports.slice(0, NEWEST).map(({ folder }) => folder))
  const days = new Set<string>()
  const oldest = dayOf(now - DAYS * DAY_MS)
  for (const { folder } of exports) {
    const day = /-(\d{8})T/.exec(folder)?.[1] ?? ''
    if (day < oldest || days.has(day)) continue
    days.add(day)
    kept.add(folder)
  }
  return kept
}

const dayOf = (at: number): string => new Date(at).toISOString().slice(0, 10).replaceAll('-', '')
