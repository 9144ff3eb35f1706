import type { Page } from './pages.ts'

/** Rows of a page that is shown whole. */
const SHOWN = 50
/** Rows that are asked for where most of them are left out. */
const READ = 200
/** Calls that one page may take: what is not found by then is looked for by the next page. */
const MAX_CALLS = 50

/**
 * A page of a list that AWS's API cannot narrow by name: it is read through on the server until a page's worth is found. Such lists have
 * thousands of rows at most.
 *
 * @param part What the name holds, whatever the case; undefined: any.
 */
export async function namedPage<T>(
  part: string | undefined,
  token: string | undefined,
  fetchPage: (token: string | undefined, limit: number) => Promise<Page<T>>,
  nameOf: (row: T) => string | undefined,
): Promise<Page<T>> {
  if (part === undefined) return await fetchPage(token, SHOWN)
  const wanted = part.toLowerCase()
  const rows: T[] = []
  let next = token
  for (let calls = 0; calls < MAX_CALLS && rows.length < SHOWN; calls++) {
    const page = await fetchPage(next, READ)
    rows.push(...page.rows.filter((row) => nameOf(row)?.toLowerCase().includes(wanted)))
    next = page.next
    if (next === undefined) break
  }
  return { rows, next }
}
