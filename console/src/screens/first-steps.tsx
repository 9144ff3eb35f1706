import {
  ListBackupJobsCommand,
  ListBackupPlansCommand,
  ListBackupSelectionsCommand,
  ListBackupVaultsCommand,
  ListRestoreJobsCommand,
} from '@aws-sdk/client-backup'
import type { BackupJob } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import ProgressBar from '@cloudscape-design/components/progress-bar'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import Steps from '@cloudscape-design/components/steps'
import type { StepsProps } from '@cloudscape-design/components/steps'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { backup } from '../api/backup.ts'
import { queries, untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { nameOf, percentOf } from '../parts/format.ts'
import { Actions } from '../parts/layout.tsx'
import { Link, jobPath, restorePath } from '../parts/link.tsx'
import { notify } from '../parts/notices.tsx'
import { Message, Problem } from '../parts/problem.tsx'
import { ResourceName } from '../parts/resource-link.tsx'
import { useSubmit } from '../parts/submit.ts'

/** Plans that are looked at for one with resources. */
const MAX_PLANS = 10
const FOLLOW_MS = 1_000
const UNASKED_MS = 10_000
const UNDER_WAY = new Set(['CREATED', 'PENDING', 'RUNNING', 'ABORTING'])

interface Step {
  readonly status: StepsProps.Status
  readonly header: string
  readonly details: ReactNode
  /** Text and path. */
  readonly go?: readonly [text: string, path: string]
  /** Where one can go on without it. */
  readonly isOptional?: boolean
}

/** The newest backup or restore, whatever became of it. */
interface Attempt {
  readonly id: string
  readonly state: string
  readonly message: string | undefined
  readonly percent: number | undefined
  readonly resourceArn: string
}

interface Known {
  readonly hasVault: boolean
  readonly hasResource: boolean
  /** Path to the plan that has no resources yet; true where one has. */
  readonly planned: boolean | string
  readonly backup: Attempt | undefined
  /** The newest recovery point that a backup made whole. */
  readonly point: { readonly vault: string; readonly arn: string; readonly target: string } | undefined
  readonly restore: Attempt | undefined
}

/** The way to a first backup and back: until something was restored, or they are dismissed. */
export function FirstSteps({ hasResource }: { readonly hasResource: boolean }): ReactNode {
  const navigate = useNavigate()
  const { data, error } = useQuery({
    queryKey: ['first steps', hasResource],
    // The way back from making one is short.
    staleTime: 0,
    queryFn: async () => await look(hasResource),
    refetchInterval: untilRefused((known) =>
      isUnderWay(known?.backup) || isUnderWay(known?.restore) ? FOLLOW_MS : UNASKED_MS,
    ),
  })
  const dismissal = useSubmit(async () => {
    await roleback('DismissFirstSteps', {})
    notify('The first steps are shown no longer.')
    await queries.invalidateQueries({ queryKey: ['overview'] })
  })
  const steps = data === undefined ? [] : stepsOf(data)
  const next = steps.findIndex(({ status }) => status !== 'success')
  const open = steps.filter(({ status }) => status !== 'success')
  const ways = open.slice(0, open[0]?.isOptional === true ? 2 : 1)
  // What is optional comes after what is not, once there is something to restore.
  const best = data?.point === undefined ? ways[0] : ways.at(-1)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Five steps lead to a backup that was restored."
          actions={
            <Button loading={dismissal.isBusy} onClick={dismissal.onSubmit}>
              Dismiss
            </Button>
          }
        >
          First steps
        </Header>
      }
    >
      <SpaceBetween size="l">
        {error !== null && <Problem error={error} what="see what there is already" />}
        {dismissal.error !== undefined && (
          <Problem error={dismissal.error} what="dismiss the first steps for everybody of this account" />
        )}
        {data === undefined && error === null && <Spinner />}
        {data !== undefined && (
          <Steps
            ariaLabel="First steps"
            steps={steps.map(({ status, header, details }, index) => ({
              ...(status === 'pending' && index === next
                ? { status: 'in-progress', statusIconAriaLabel: 'Next' }
                : { status, statusIconAriaLabel: WORDS[status] ?? status }),
              header,
              details,
            }))}
          />
        )}
        <Actions>
          {ways.map(
            (step) =>
              step.go !== undefined && (
                <Button
                  key={step.header}
                  variant={step === best ? 'primary' : 'normal'}
                  onClick={() => void navigate(step.go?.[1] ?? '')}
                >
                  {step.go[0]}
                </Button>
              ),
          )}
        </Actions>
      </SpaceBetween>
    </Container>
  )
}

const WORDS: Readonly<Partial<Record<StepsProps.Status, string>>> = {
  success: 'Done',
  pending: 'Later',
  'in-progress': 'Under way',
  warning: 'Done in part',
  error: 'Failed',
}

function stepsOf({ hasVault, hasResource, planned: plan, ...known }: Known): readonly Step[] {
  return [
    {
      status: hasVault ? 'success' : 'pending',
      header: 'Storage: a backup vault',
      details: 'It keeps recovery points, sealed under a key of its own.',
      go: ['Create a backup vault', '/vaults'],
    },
    {
      status: hasResource ? 'success' : 'pending',
      header: 'A resource',
      details: 'A directory, a PostgreSQL database or an S3 bucket.',
      go: ['Add a resource', '/resources/add'],
    },
    {
      status: plan === true ? 'success' : 'pending',
      header: 'Default role and plan',
      details:
        'A plan says when and how long. The role is created when resources are assigned to it, as in the AWS console.',
      go: typeof plan === 'string' ? ['Assign resources', plan] : ['Create a backup plan', '/plans/create'],
      // Whoever has a backup already goes on with it.
      isOptional: true,
    },
    backupStep(known),
    restoreStep(known),
  ]
}

function backupStep({ backup: made, point }: Pick<Known, 'backup' | 'point'>): Step {
  const header = 'A backup'
  const isDone = point !== undefined
  const details = <AttemptText kind="backup" of={made} otherwise="Now, without waiting for the night." />
  if (made === undefined || isDone)
    return { status: isDone ? 'success' : 'pending', header, details, go: BACK_UP }
  if (isUnderWay(made)) return { status: 'in-progress', header, details, go: follow('backup', made) }
  return { status: made.state === 'PARTIAL' ? 'warning' : 'error', header, details, go: BACK_UP }
}

const BACK_UP = ['Back up now', '/back-up'] as const

function restoreStep({ point, restore: made }: Pick<Known, 'point' | 'restore'>): Step {
  const header = 'Restore it now'
  const details = (
    <AttemptText kind="restore" of={made} otherwise="A backup is worth what its restore is worth." />
  )
  if (made !== undefined && isUnderWay(made))
    return { status: 'in-progress', header, details, go: follow('restore', made) }
  return {
    status: made === undefined || made.state === 'COMPLETED' ? 'pending' : 'error',
    header,
    details,
    ...(point !== undefined && {
      go: ['Restore it now', `${restorePath(point.vault, point.arn)}?name=${point.target}`] as const,
    }),
  }
}

const follow = (kind: 'backup' | 'restore', { id }: Attempt): readonly [string, string] => [
  `Follow the ${kind}`,
  jobPath(kind, id),
]

function AttemptText({
  kind,
  of,
  otherwise,
}: {
  readonly kind: 'backup' | 'restore'
  readonly of: Attempt | undefined
  readonly otherwise: string
}): ReactNode {
  if (of === undefined) return otherwise
  const job = (
    <Link to={jobPath(kind, of.id)}>
      <ResourceName arn={of.resourceArn} />
    </Link>
  )
  if (isUnderWay(of))
    return (
      <ProgressBar
        value={of.percent ?? 0}
        label={kind === 'backup' ? 'Backing up' : 'Restoring'}
        description={job}
      />
    )
  return (
    <>
      {job}: {ENDS[of.state] ?? of.state}. {of.state !== 'COMPLETED' && <Message text={of.message} />}
    </>
  )
}

const ENDS: Readonly<Record<string, string>> = {
  COMPLETED: 'completed',
  PARTIAL: 'completed in part',
  FAILED: 'failed',
  ABORTED: 'stopped',
  EXPIRED: 'expired',
}

const isUnderWay = (attempt: Attempt | undefined): boolean => UNDER_WAY.has(attempt?.state ?? '')

async function look(hasResource: boolean): Promise<Known> {
  const [hasAnyVault, plan, jobs, whole, restores] = await Promise.all([
    hasVault(),
    planned(),
    backup.send(new ListBackupJobsCommand({ MaxResults: 1 })),
    backup.send(new ListBackupJobsCommand({ ByState: 'COMPLETED', MaxResults: 1 })),
    backup.send(new ListRestoreJobsCommand({ MaxResults: 1 })),
  ])
  const job = jobs.BackupJobs?.[0]
  const done = whole.BackupJobs?.[0]
  const restore = restores.RestoreJobs?.[0]
  return {
    hasVault: hasAnyVault,
    hasResource,
    planned: plan,
    backup: job && {
      id: job.BackupJobId ?? '',
      state: job.State ?? '',
      message: job.StatusMessage,
      percent: percentOf(job.PercentDone),
      resourceArn: job.ResourceArn ?? '',
    },
    point: done && {
      vault: done.BackupVaultName ?? '',
      arn: done.RecoveryPointArn ?? '',
      target: targetOf(done),
    },
    restore: restore && {
      id: restore.RestoreJobId ?? '',
      state: restore.Status ?? '',
      message: restore.StatusMessage,
      percent: percentOf(restore.PercentDone),
      resourceArn: restore.SourceResourceArn ?? '',
    },
  }
}

/** A name beside what was backed up, that may be changed before anything is restored. */
function targetOf({ ResourceType, ResourceArn }: BackupJob): string {
  return ResourceType === 'EFS' ? 'first-restore' : encodeURIComponent(`${nameOf(ResourceArn)}-restored`)
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
