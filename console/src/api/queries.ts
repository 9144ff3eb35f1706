import { QueryClient } from '@tanstack/react-query'

/** What one answer is good for, in milliseconds: moving between screens asks no more often. */
const FRESH_MS = 2_000

export const queries: QueryClient = new QueryClient({
  defaultOptions: {
    queries: { staleTime: FRESH_MS, retry: false, refetchOnWindowFocus: true, throwOnError: false },
  },
})
