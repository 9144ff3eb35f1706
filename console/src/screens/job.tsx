import {
  DescribeBackupJobCommand,
  DescribeCopyJobCommand,
  DescribeRestoreJobCommand,
} from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import ProgressBar from '@cloudscape-design/components/progress-bar'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { backup } from '../api/backup.ts'
import { untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { Facts } from '../parts/facts.tsx'
import { bytes, count, duration, fromSeconds, nameOf, percentOf, when } from '../parts/format.ts'
import { JobDamage } from '../parts/job-damage.tsx'
import { JobIdentity } from '../parts/job-identity.tsx'
import { Link, restorePath, vaultPath } from '../parts/link.tsx'
import type { JobKind } from '../parts/link.tsx'
import { copyState } from '../parts/copy-state.ts'
import { NamedArn } from '../parts/named-arn.tsx'
import { Message, Problem } from '../parts/problem.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'
import { StopJob, canStop } from '../parts/stop-job.tsx'
import { UPKEEP } from '../parts/upkeep.ts'
import { useSession } from '../session/session.ts'

const FOLLOW_MS = 1_000
const ENDED = new Set(['COMPLETED', 'FAILED', 'ABORTED', 'EXPIRED', 'PARTIAL'])

/** A partial backup has a recovery point, too. */
const RESTORABLE = new Set(['COMPLETED', 'PARTIAL'])

/** Beside those of AWS Backup: what verifies, repairs and sweeps a vault. */
type ShownKind = JobKind | 'upkeep'

/** What the screen shows of a job, whichever kind. */
interface Described {
  readonly state: string | undefined
  readonly message: string | undefined
  readonly percent: number | undefined
  readonly resourceArn: string | undefined
  /** What it is called, where the answer says so. */
  readonly resourceName?: string | undefined
  readonly roleArn: string | undefined
  readonly created: Date | undefined
  readonly completed: Date | undefined
  readonly size: number | undefined
  readonly vault: string | undefined
  /** Where it may be another account's or region's. */
  readonly vaultArn?: string | undefined
  readonly pointArn: string | undefined
  readonly madeArn: string | undefined
}

export function Job(): ReactNode {
  const { kind, id } = useParams() as { kind: ShownKind; id: string }
  const navigate = useNavigate()
  const { data, error, isPending, refetch } = useQuery({
    queryKey: ['job', kind, id],
    queryFn: async () => await describe(kind, id),
    refetchInterval: untilRefused((job) => !ENDED.has(job?.state ?? '') && FOLLOW_MS),
  })
  const own = useQuery({
    queryKey: ['own job', id, data?.state],
    queryFn: async () => (await roleback('DescribeJob', { JobId: id })).Job,
    refetchInterval: untilRefused(!ENDED.has(data?.state ?? '') && FOLLOW_MS),
  })
  const isRunning = data !== undefined && !ENDED.has(data.state ?? '')
  const type = own.data?.JobType ?? (kind === 'upkeep' ? undefined : kind)
  // AWS has no state for a copy or a restore that is about to stop.
  const isStopping = isRunning && own.data?.StopRequestedAt !== undefined
  const state = isStopping ? 'ABORTING' : data?.state
  const { name, path } = titleOf(kind, own.data?.JobType)
  const vault = data?.vault ?? own.data?.BackupVaultName
  // A restore says where it restored to, upkeep what it found; of the others a message beside success is a warning.
  const isWarned = kind === 'backup' || kind === 'copy'
  return (
    <Screen
      title={`${name} ${id.slice(0, 8)}`}
      above={[['Jobs', path]]}
      isLoading={isPending}
      actions={
        <>
          {canStop(type, state) && (
            <StopJob id={id} type={type} onStopped={() => void Promise.all([refetch(), own.refetch()])} />
          )}
          {kind === 'backup' && RESTORABLE.has(data?.state ?? '') && data?.pointArn !== undefined && (
            <Button
              variant="primary"
              onClick={() => void navigate(restorePath(data.vault ?? '', data.pointArn ?? ''))}
            >
              Restore it
            </Button>
          )}
        </>
      }
    >
      {error !== null && <Problem error={error} what="look at this job" />}
      {data?.message !== undefined && data.message !== '' && (
        <Alert type={alertType(data.state, isWarned)}>
          <Message text={data.message} />
        </Alert>
      )}
      {data !== undefined && (
        <Container header={<Header variant="h2">Job</Header>}>
          {isRunning && data.percent !== undefined && (
            <ProgressBar value={data.percent} label="Progress" description={itemsDone(own.data)} />
          )}
          <Facts
            of={[
              ['State', <State key="state" state={state} warning={isWarned ? data.message : undefined} />],
              ['Resource', <ResourceLink key="resource" arn={data.resourceArn} called={data.resourceName} />],
              [
                'Backup vault',
                vault === undefined ? undefined : (
                  <VaultOf key="vault" vault={vault} vaultArn={data.vaultArn} />
                ),
              ],
              ['Size', bytes(data.size)],
              ['Created', when(data.created)],
              ...(own.data?.StopRequestedAt === undefined
                ? []
                : [
                    ['Asked to stop', when(fromSeconds(own.data.StopRequestedAt))] as const,
                    ['By', nameOf(own.data.StopRequestedBy)] as const,
                  ]),
              [
                'Took',
                data.completed === undefined || data.created === undefined
                  ? undefined
                  : duration(data.completed.getTime() - data.created.getTime()),
              ],
              [
                'Recovery point',
                // Of a backup or copy it is there once that has ended well.
                kind === 'restore' || RESTORABLE.has(data.state ?? '') ? (
                  <PointOf key="point" arn={data.pointArn} {...{ vault, vaultArn: data.vaultArn }} />
                ) : (
                  nameOf(data.pointArn)
                ),
              ],
              ...(data.madeArn === undefined
                ? []
                : [['Made', <ResourceLink key="made" arn={data.madeArn} />] as const]),
              ['ID', id],
            ]}
          />
        </Container>
      )}
      {(own.data?.Warnings ?? []).map((warning) => (
        <Alert key={warning} type="warning">
          {warning}
        </Alert>
      ))}
      {kind === 'upkeep' && <JobDamage result={own.data?.Result} />}
      {data?.roleArn !== undefined && (
        <JobIdentity
          jobId={id}
          callerArn={own.data?.CallerArn}
          roleArn={data.roleArn}
          resourceArn={data.resourceArn}
          vault={vault}
          pointArn={data.pointArn}
          restored={kind === 'restore' ? { arn: data.madeArn } : undefined}
          createdAt={data.created}
          isRunning={isRunning}
        />
      )}
    </Screen>
  )
}

interface Place {
  readonly vault: string | undefined
  /** Where it may be another account's or region's. */
  readonly vaultArn: string | undefined
}

function VaultOf({ vault = '', vaultArn }: Place): ReactNode {
  return vaultArn === undefined ? <Link to={vaultPath(vault)}>{vault}</Link> : <NamedArn of={vaultArn} />
}

/** The way to what can be restored of it, as far as it lies in a vault that can be shown here. */
function PointOf({ vault, vaultArn, arn }: Place & { readonly arn: string | undefined }): ReactNode {
  const { region, accountId } = useSession()
  const isHere = vaultArn === undefined || vaultArn.startsWith(`arn:aws:backup:${region}:${accountId}:`)
  if (arn === undefined || vault === undefined || !isHere) return nameOf(arn)
  return <Link to={restorePath(vault, arn)}>{nameOf(arn)}</Link>
}

function alertType(state: string | undefined, isWarned: boolean): 'error' | 'info' | 'success' | 'warning' {
  if (state === 'COMPLETED') return isWarned ? 'warning' : 'success'
  if (state === 'PARTIAL') return 'warning'
  if (state === 'ABORTED') return 'info'
  return ENDED.has(state ?? '') ? 'error' : 'info'
}

function itemsDone(
  job: { readonly ItemsDone?: number | undefined; readonly BytesDone?: number | undefined } | undefined,
): string {
  return job === undefined ? '' : `${count(job.ItemsDone ?? 0, 'item')}, ${bytes(job.BytesDone ?? 0)}`
}

function titleOf(
  kind: ShownKind,
  type: string | undefined,
): { readonly name: string; readonly path: string } {
  if (kind === 'upkeep') return { name: UPKEEP[type ?? ''] ?? 'Upkeep', path: '/jobs?kind=upkeep' }
  if (kind === 'backup') return { name: 'Backup', path: '/jobs' }
  return { name: kind === 'copy' ? 'Copy' : 'Restore', path: `/jobs?kind=${kind}` }
}

async function describe(kind: ShownKind, id: string): Promise<Described> {
  if (kind === 'upkeep') {
    const { Job: job } = await roleback('DescribeJob', { JobId: id })
    return {
      state: job.State,
      message: job.StatusMessage,
      percent: job.PercentDone,
      resourceArn: job.ResourceArn,
      roleArn: job.IamRoleArn,
      created: fromSeconds(job.CreationDate),
      completed: fromSeconds(job.CompletionDate),
      size: job.BytesDone,
      vault: job.BackupVaultName,
      pointArn: job.RecoveryPointArn,
      madeArn: undefined,
    }
  }
  if (kind === 'restore') {
    const job = await backup.send(new DescribeRestoreJobCommand({ RestoreJobId: id }))
    return {
      state: job.Status,
      message: job.StatusMessage,
      percent: percentOf(job.PercentDone),
      resourceArn: job.SourceResourceArn,
      roleArn: job.IamRoleArn,
      created: job.CreationDate,
      completed: job.CompletionDate,
      size: job.BackupSizeInBytes,
      vault: undefined,
      pointArn: job.RecoveryPointArn,
      madeArn: job.CreatedResourceArn,
    }
  }
  if (kind === 'copy') {
    const job = (await backup.send(new DescribeCopyJobCommand({ CopyJobId: id }))).CopyJob ?? {}
    return {
      state: copyState(job),
      message: job.StatusMessage,
      percent: undefined,
      resourceArn: job.ResourceArn,
      resourceName: job.ResourceName,
      roleArn: job.IamRoleArn,
      created: job.CreationDate,
      completed: job.CompletionDate,
      size: job.BackupSizeInBytes,
      vault: job.DestinationBackupVaultArn?.split(':').at(-1),
      vaultArn: job.DestinationBackupVaultArn,
      pointArn: job.DestinationRecoveryPointArn,
      madeArn: undefined,
    }
  }
  const job = await backup.send(new DescribeBackupJobCommand({ BackupJobId: id }))
  return {
    state: job.State,
    message: job.StatusMessage,
    percent: percentOf(job.PercentDone),
    resourceArn: job.ResourceArn,
    resourceName: job.ResourceName,
    roleArn: job.IamRoleArn,
    created: job.CreationDate,
    completed: job.CompletionDate,
    size: job.BackupSizeInBytes,
    vault: job.BackupVaultName,
    pointArn: job.RecoveryPointArn,
    madeArn: undefined,
  }
}
