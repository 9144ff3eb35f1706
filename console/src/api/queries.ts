import { QueryCache, QueryClient } from '@tanstack/react-query'
import { endIfRefused } from '../session/session.ts'

/** What one answer is good for, in milliseconds: moving between screens asks no more often. */
const FRESH_MS = 2_000
/** How often a server that does not answer is asked again. */
const AGAIN_MS = 2_000

export const queries: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (error) => void endIfRefused(error) }),
  defaultOptions: {
    queries: {
      staleTime: FRESH_MS,
      retry: false,
      refetchOnWindowFocus: true,
      throwOnError: false,
      refetchInterval: untilRefused(false),
    },
  },
})

/** What asking again does not change: each try would only be one more line of the audit trail. */
const REFUSED = /^(AccessDenied|ExpiredToken|InvalidClientTokenId|UnrecognizedClient|SessionEnded)/

/** Browsers say it each in other words; none came from the server. */
export function isUnreached(error: Error | null): boolean {
  return error !== null && error.name === 'TypeError' && /fetch|NetworkError|Load failed/i.test(error.message)
}

/**
 * For a query's `refetchInterval`: asks again every so often, until it is refused. What else fails is tried on, and a server that does
 * not answer (it starts anew) is asked until it does.
 * @param every Milliseconds, or how they follow from what was answered last; `false` ends it.
 */
export function untilRefused<T>(
  every: number | false | ((data: T | undefined) => number | false),
): (query: {
  readonly state: { readonly data: T | undefined; readonly error: Error | null }
}) => number | false {
  return ({ state: { data, error } }) => {
    if (error !== null && REFUSED.test(error.name)) return false
    const wanted = typeof every === 'function' ? every(data) : every
    return isUnreached(error) ? Math.min(wanted === false ? AGAIN_MS : wanted, AGAIN_MS) : wanted
  }
}
