import Alert from '@cloudscape-design/components/alert'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { SystemVaultHealth, VaultHealth } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { Facts } from '../../parts/facts.tsx'
import { bytes, count, fromSeconds, when } from '../../parts/format.ts'
import { Stack } from '../../parts/layout.tsx'
import { Link, vaultPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'
import { HealthState, lastReading, nextReading } from '../../parts/vault-health.tsx'

const FOLLOW_MS = 5_000

/** Whether what the vaults hold is as it was written; the way to each. */
export function VaultsHealth(): ReactNode {
  const [system, setSystem] = useState<SystemVaultHealth>()
  const pages = usePages(
    ['health of vaults'],
    async () => {
      const { Vaults: rows, SystemVault } = await roleback('ListVaultHealth', {})
      setSystem(SystemVault)
      return { rows, next: undefined }
    },
    FOLLOW_MS,
  )
  return (
    <Stack>
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
      {system !== undefined && <SystemVault of={system} />}
    </Stack>
  )
}

/** Where users, roles, policies and plans are exported to, which a server that lost its database is built again from. */
function SystemVault({ of }: { readonly of: SystemVaultHealth }): ReactNode {
  const isDamaged = of.DamagedObjectCount > 0
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="The exports of users, roles, policies, plans and the audit trail, from which a server is built again that lost its database. Only the management account sees this."
        >
          System vault
        </Header>
      }
    >
      <Stack>
        {of.Problem !== undefined && (
          <Alert type="error" header={`Not exported since ${when(fromSeconds(of.ProblemSince))}`}>
            {of.Problem}
          </Alert>
        )}
        <Facts
          of={[
            [
              'State',
              isDamaged ? (
                <StatusIndicator key="state" type="error">
                  Damaged: {count(of.DamagedObjectCount, 'object')}
                </StatusIndicator>
              ) : of.LastScrubEnded === undefined ? (
                <StatusIndicator key="state" type="pending">
                  Not read through yet
                </StatusIndicator>
              ) : (
                <StatusIndicator key="state" type="success">
                  No damage known
                </StatusIndicator>
              ),
            ],
            [
              'Last read through',
              of.LastScrubEnded === undefined
                ? 'Not yet'
                : `${when(fromSeconds(of.LastScrubEnded))}, ${bytes(of.LastScrubBytes)}`,
            ],
            ['Last export', when(fromSeconds(of.LastExport))],
            ['Region', of.Region],
          ]}
        />
        {of.DamagedObjects.map(({ Name, Reason }) => (
          <div key={Name}>
            {Name}: {Reason}
          </div>
        ))}
      </Stack>
    </Container>
  )
}
