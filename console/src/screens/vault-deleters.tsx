import { ListRecoveryPointsByBackupVaultCommand } from '@aws-sdk/client-backup'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { nameOf } from '../parts/format.ts'
import { Stack } from '../parts/layout.tsx'
import { Problem } from '../parts/problem.tsx'
import { WhoCan } from '../parts/who-can.tsx'

interface VaultDeletersProps {
  readonly name: string
  readonly arn: string
}

/** Who can destroy what a vault holds, which takes other rights than to delete the vault, and who can delete the vault itself. */
export function VaultDeleters({ name, arn }: VaultDeletersProps): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['a point of', name],
    queryFn: async () => {
      const asked = { BackupVaultName: name, MaxResults: 1 }
      const answer = await backup.send(new ListRecoveryPointsByBackupVaultCommand(asked))
      return answer.RecoveryPoints?.[0]?.RecoveryPointArn ?? null
    },
  })
  return (
    <Stack>
      {error !== null && <Problem error={error} what="find a recovery point to ask about" />}
      {data === null && (
        <StatusIndicator type="info">There is no recovery point in this vault to delete.</StatusIndicator>
      )}
      {typeof data === 'string' && (
        <WhoCan
          resourceArn={data}
          action="delete"
          title="Who can delete a recovery point in it"
          description={`Asked of ${nameOf(data)}: of others the answer differs where policies name resources or tags.`}
          subject="This recovery point can be deleted by nobody as things are"
        />
      )}
      <WhoCan
        resourceArn={arn}
        action="delete"
        title="Who can delete the vault itself"
        description="Only an empty vault can be deleted. Whoever can delete its recovery points needs no right to delete the vault."
        subject="The vault itself can be deleted by nobody as things are"
      />
    </Stack>
  )
}
