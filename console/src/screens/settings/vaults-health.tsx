import type { ReactNode } from 'react'
import type { VaultHealth } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { Link, vaultPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'
import { HealthState, lastReading, nextReading } from '../../parts/vault-health.tsx'

const FOLLOW_MS = 5_000

/** Whether what the vaults hold is as it was written; the way to each. */
export function VaultsHealth(): ReactNode {
  const pages = usePages(
    ['health of vaults'],
    async () => ({ rows: (await roleback('ListVaultHealth', {})).Vaults, next: undefined }),
    FOLLOW_MS,
  )
  return (
    <List<VaultHealth>
      variant="container"
      title="Data of the vaults"
      description="Every two weeks the server reads through all that it stored, and checks it."
      what="see how the bytes of the vaults are"
      pages={pages}
      idOf={({ BackupVaultArn }) => BackupVaultArn}
      empty="There is no backup vault in this region."
      columns={[
        {
          id: 'vault',
          header: 'Backup vault',
          isRowHeader: true,
          cell: ({ BackupVaultName: name }) => <Link to={`${vaultPath(name)}?tab=health`}>{name}</Link>,
        },
        { id: 'health', header: 'State', cell: (vault) => <HealthState of={vault} /> },
        { id: 'last', header: 'Last read through', cell: lastReading },
        { id: 'next', header: 'Next', cell: nextReading },
      ]}
    />
  )
}
