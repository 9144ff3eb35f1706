import { useQuery } from '@tanstack/react-query'

/** What the server says of itself to anybody. */
interface ServerFacts {
  readonly regions: readonly string[]
}

export function useServerFacts(): ServerFacts | undefined {
  const { data } = useQuery({
    queryKey: ['server facts'],
    queryFn: async () => (await (await fetch('/console/server.json')).json()) as ServerFacts,
    staleTime: Infinity,
  })
  return data
}
