import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Steps from '@cloudscape-design/components/steps'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { Screen } from '../parts/screen.tsx'

/** The way to a first backup and back, for whoever has nothing here yet. */
export function FirstRun({ vaults }: { readonly vaults: number }): ReactNode {
  const navigate = useNavigate()
  return (
    <Screen
      title="Overview"
      description="Nothing is protected yet. Four steps lead to a backup that was restored."
    >
      <Container header={<Header variant="h2">Begin here</Header>}>
        <SpaceBetween size="l">
          <Steps
            ariaLabel="First steps"
            steps={[
              {
                status: vaults > 0 ? 'success' : 'pending',
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
          {vaults === 0 ? (
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
