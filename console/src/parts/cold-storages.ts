import { useQuery } from '@tanstack/react-query'
import type { UseQueryResult } from '@tanstack/react-query'
import type { VaultColdStorage } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'

/** Which vaults have cold storage. Only those who run the server may see it: to anybody else it is unknown. */
export function useColdStorages(isAsked: boolean): UseQueryResult<readonly VaultColdStorage[]> {
  return useQuery({
    queryKey: ['cold storages'],
    queryFn: async () => (await roleback('ListVaultColdStorages', {})).ColdStorages,
    enabled: isAsked,
    refetchOnWindowFocus: false,
  })
}
