import { ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import type { BackupVaultListMember } from '@aws-sdk/client-backup'
import { useQuery } from '@tanstack/react-query'
import { backup } from '../api/backup.ts'
import { queries } from '../api/queries.ts'
import { allPages } from '../api/roleback.ts'

/** Vaults that are offered to choose from. */
const MAX_OFFERED = 2_000
const KEY = ['vault names']

/** The vaults to choose from; undefined until they are known. */
export function useVaults(): {
  readonly data: readonly BackupVaultListMember[] | undefined
  readonly error: Error | null
  /** False while the list is one of an earlier screen. */
  readonly isFetchedAfterMount: boolean
} {
  return useQuery({
    queryKey: KEY,
    staleTime: 0,
    queryFn: async () => {
      const { rows } = await allPages(
        async (NextToken) => await backup.send(new ListBackupVaultsCommand({ MaxResults: 1000, NextToken })),
        (page) => page.BackupVaultList,
        MAX_OFFERED,
      )
      return rows
    },
  })
}

/** For whoever opens the list, or made a vault or deleted one: others do, too, and elsewhere. */
export async function lookForVaults(): Promise<void> {
  await queries.invalidateQueries({ queryKey: KEY })
}
