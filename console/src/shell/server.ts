import { queryOptions, useQuery } from '@tanstack/react-query'

/** What the server says of itself to anybody. */
interface ServerFacts {
  readonly regions: readonly string[]
}

export const SERVER_FACTS = queryOptions({
  queryKey: ['server facts'],
  queryFn: async () => (await (await fetch('/console/server.json')).json()) as ServerFacts,
  staleTime: Infinity,
})

export function useServerFacts(): ServerFacts | undefined {
  return useQuery(SERVER_FACTS).data
}
