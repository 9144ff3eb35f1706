import { ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Steps from '@cloudscape-design/components/steps'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import { Screen } from '../parts/screen.tsx'

/** The way to a first backup and back, for whoever has nothing here yet. */
export function FirstRun(): ReactNode {
  const navigate = useNavigate()
  const { data: hasVault = false, isPending } = useQuery({
    queryKey: ['has vault'],
    // The way back from making one is short.
    staleTime: 0,
    queryFn: async () => {
      const { BackupVaultList = [] } = await backup.send(new ListBackupVaultsCommand({ MaxResults: 1 }))
      return BackupVaultList.length > 0
    },
  })
  return (
    <Screen
      title="Overview"
      isLoading={isPending}
      description="Nothing is protected yet. Four steps lead to a backup that was restored."
    >
      <Container header={<Header variant="h2">Begin here</Header>}>
        <SpaceBetween size="l">
          <Steps
            ariaLabel="First steps"
            steps={[
              {
                status: hasVault ? 'success' : 'pending',
                header: 'Storage: a backup vault',
                details: 'It keeps recovery points, sealed under a key of its own.',
              },
              {
                status: 'pending',
                header: 'A resource',
                details: 'A directory, a PostgreSQL database or an S3 bucket.',
              },
              {
                status: 'pending',
                header: 'Default role, and a backup',
                details: 'The role is created when the first backup is started, as in the AWS console.',
              },
              {
                status: 'pending',
                header: 'Restore it now',
                details: 'A backup is worth what its restore is worth.',
              },
            ]}
          />
          {!hasVault ? (
            <Button variant="primary" onClick={() => void navigate('/vaults')}>
              Create a backup vault
            </Button>
          ) : (
            <Button variant="primary" onClick={() => void navigate('/resources/add')}>
              Add a resource
            </Button>
          )}
        </SpaceBetween>
      </Container>
    </Screen>
  )
}
