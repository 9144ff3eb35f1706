import { ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import type { BackupVaultListMember } from '@aws-sdk/client-backup'
import { useQuery } from '@tanstack/react-query'
import { backup } from '../api/backup.ts'
import { allPages } from '../api/roleback.ts'

/** Vaults that are offered to choose from. */
const MAX_OFFERED = 2_000

/** The vaults to choose from; undefined until they are known. */
export function useVaults(): {
  readonly data: readonly BackupVaultListMember[] | undefined
  readonly error: Error | null
} {
  return useQuery({
    queryKey: ['vault names'],
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
