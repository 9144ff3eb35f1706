import {
  ListBackupPlansCommand,
  ListBackupSelectionsCommand,
  ListBackupVaultsCommand,
} from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Steps from '@cloudscape-design/components/steps'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import { Actions } from '../parts/layout.tsx'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'

/** Plans that are looked at for one with resources. */
const MAX_PLANS = 10

interface Step {
  readonly isDone: boolean
  readonly header: string
  readonly details: string
  /** Text and path; the last step is offered where the one before it ends. */
  readonly go?: readonly [text: string, path: string]
  /** Where one can go on without it. */
  readonly isOptional?: boolean
}

/** The way to a first backup and back, for whoever has backed up nothing here yet. */
export function FirstRun({ hasResource }: { readonly hasResource: boolean }): ReactNode {
  const navigate = useNavigate()
  const { data, error, isPending } = useQuery({
    queryKey: ['first run'],
    // The way back from making one is short.
    staleTime: 0,
    queryFn: async () => ({ hasVault: await hasVault(), planned: await planned() }),
  })
  const steps = data === undefined ? [] : stepsOf({ ...data, hasResource })
  const next = steps.findIndex(({ isDone }) => !isDone)
  const at = steps[next]
  const beyond = at?.isOptional === true ? steps[next + 1] : undefined
  return (
    <Screen
      title="Overview"
      isLoading={isPending}
      description="Nothing is backed up yet. Five steps lead to a backup that was restored."
    >
      {error !== null && <Problem error={error} what="see what there is already" />}
      {at !== undefined && (
        <Container header={<Header variant="h2">Begin here</Header>}>
          <SpaceBetween size="l">
            <Steps
              ariaLabel="First steps"
              steps={steps.map(({ isDone, header, details }, index) => ({
                status: isDone ? 'success' : index === next ? 'in-progress' : 'pending',
                statusIconAriaLabel: isDone ? 'Done' : index === next ? 'Next' : 'Later',
                header,
                details,
              }))}
            />
            <Actions>
              {[at.go, beyond?.go].map(
                (go, index) =>
                  go !== undefined && (
                    <Button
                      key={go[1]}
                      variant={index === 0 ? 'primary' : 'normal'}
                      onClick={() => void navigate(go[1])}
                    >
                      {go[0]}
                    </Button>
                  ),
              )}
            </Actions>
          </SpaceBetween>
        </Container>
      )}
    </Screen>
  )
}

function stepsOf(known: {
  readonly hasVault: boolean
  readonly hasResource: boolean
  /** Path to the plan that has no resources yet; true where one has. */
  readonly planned: boolean | string
}): readonly Step[] {
  const { hasVault: isStored, hasResource, planned: plan } = known
  return [
    {
      isDone: isStored,
      header: 'Storage: a backup vault',
      details: 'It keeps recovery points, sealed under a key of its own.',
      go: ['Create a backup vault', '/vaults'],
    },
    {
      isDone: hasResource,
      header: 'A resource',
      details: 'A directory, a PostgreSQL database or an S3 bucket.',
      go: ['Add a resource', '/resources/add'],
    },
    {
      isDone: plan === true,
      header: 'Default role and plan',
      details:
        'A plan says when and how long. The role is created when resources are assigned to it, as in the AWS console.',
      go: typeof plan === 'string' ? ['Assign resources', plan] : ['Create a backup plan', '/plans/create'],
      isOptional: true,
    },
    {
      isDone: false,
      header: 'A backup',
      details: 'Now, without waiting for the night.',
      go: ['Back up now', '/back-up'],
    },
    {
      isDone: false,
      header: 'Restore it now',
      details: 'A backup is worth what its restore is worth.',
    },
  ]
}

async function hasVault(): Promise<boolean> {
  const { BackupVaultList = [] } = await backup.send(new ListBackupVaultsCommand({ MaxResults: 1 }))
  return BackupVaultList.length > 0
}

/** Whether a plan has resources; where there are only plans without, the way to give the newest some. */
async function planned(): Promise<boolean | string> {
  const { BackupPlansList: plans = [] } = await backup.send(
    new ListBackupPlansCommand({ MaxResults: MAX_PLANS }),
  )
  for (const { BackupPlanId } of plans) {
    const { BackupSelectionsList = [] } = await backup.send(
      new ListBackupSelectionsCommand({ BackupPlanId, MaxResults: 1 }),
    )
    if (BackupSelectionsList.length > 0) return true
  }
  return plans[0]?.BackupPlanId === undefined
    ? false
    : `/plans/${encodeURIComponent(plans[0].BackupPlanId)}/assign`
}
