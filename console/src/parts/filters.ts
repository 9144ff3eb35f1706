import { useSearchParams } from 'react-router'
import { withoutPage } from './pages.ts'

export interface Filters {
  readonly get: (name: string) => string | undefined
  /** Undefined or empty: no longer narrowed by it. */
  readonly set: (name: string, value: string | undefined) => void
}

/** What a list is narrowed to, kept in the address: a link leads to the same list. */
export function useFilters(): Filters {
  const [query, setQuery] = useSearchParams()
  return {
    get: (name) => query.get(name) ?? undefined,
    set: (name, value) =>
      setQuery(
        (before) => {
          const next = withoutPage(before)
          if (value === undefined || value === '') next.delete(name)
          else next.set(name, value)
          return next
        },
        { replace: true },
      ),
  }
}
