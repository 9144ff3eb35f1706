import { ListBackupJobsCommand, ListCopyJobsCommand, ListRestoreJobsCommand } from '@aws-sdk/client-backup'
import Box from '@cloudscape-design/components/box'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import ProgressBar from '@cloudscape-design/components/progress-bar'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { useFilters } from '../parts/filters.ts'
import { ago, bytes, nameOf, typeName, when } from '../parts/format.ts'
import { Link, jobPath } from '../parts/link.tsx'
import type { JobKind } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import type { Page } from '../parts/pages.ts'
import { ResourceLink } from '../parts/resource-link.tsx'
import { useTitle } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'

/** What the list shows of a job, whichever kind. */
export interface JobRow {
  readonly id: string
  readonly resourceArn: string | undefined
  readonly type: string | undefined
  readonly state: string | undefined
  readonly message: string | undefined
  readonly percent: number | undefined
  readonly size: number | undefined
  readonly roleArn: string | undefined
  readonly created: Date | undefined
}

interface Filter {
  readonly state: string | undefined
  readonly resourceArn: string | undefined
}

const STATES = [
  'CREATED',
  'PENDING',
  'RUNNING',
  'ABORTING',
  'ABORTED',
  'COMPLETED',
  'FAILED',
  'EXPIRED',
  'PARTIAL',
]
const ANY = { value: '', label: 'Any state' }
/** While jobs run the list follows them. */
const FOLLOW_MS = 1_000

export function Jobs(): ReactNode {
  useTitle('Jobs')
  const { get, set } = useFilters()
  const kind = (get('kind') ?? 'backup') as JobKind
  const filter = { state: get('state'), resourceArn: get('resource') }
  const pages = usePages(
    ['jobs', kind, filter],
    async (token) => await pageOf(kind, filter, token),
    FOLLOW_MS,
  )
  return (
    <List<JobRow>
      title="Jobs"
      description="What was backed up, copied and restored, under which role, and how it went."
      what={`list ${kind} jobs`}
      pages={pages}
      idOf={({ id }) => id}
      filter={
        <SpaceBetween size="s" direction="horizontal" alignItems="end">
          <SegmentedControl
            label="Kind of jobs"
            selectedId={kind}
            onChange={({ detail }) =>
              set('kind', detail.selectedId === 'backup' ? undefined : detail.selectedId)
            }
            options={[
              { id: 'backup', text: 'Backup' },
              { id: 'copy', text: 'Copy' },
              { id: 'restore', text: 'Restore' },
            ]}
          />
          <FormField label="State">
            <Select
              selectedOption={
                filter.state === undefined ? ANY : { value: filter.state, label: filter.state.toLowerCase() }
              }
              options={[ANY, ...STATES.map((value) => ({ value, label: value.toLowerCase() }))]}
              onChange={({ detail }) => set('state', detail.selectedOption.value)}
              ariaLabel="State"
            />
          </FormField>
          {kind !== 'restore' && (
            <FormField label="Resource ARN">
              <Input
                type="search"
                value={filter.resourceArn ?? ''}
                onChange={({ detail }) => set('resource', detail.value)}
                ariaLabel="Resource ARN"
              />
            </FormField>
          )}
        </SpaceBetween>
      }
      empty={
        <Box>
          No {kind} jobs {filter.state === undefined ? 'yet' : 'in this state'}
        </Box>
      }
      columns={[
        {
          id: 'id',
          header: 'Job',
          isRowHeader: true,
          cell: ({ id }) => <Link to={jobPath(kind, id)}>{id.slice(0, 8)}</Link>,
        },
        { id: 'state', header: 'State', cell: (job) => <Progress job={job} /> },
        {
          id: 'resource',
          header: 'Resource',
          cell: ({ resourceArn }) => <ResourceLink arn={resourceArn} />,
        },
        { id: 'type', header: 'Type', cell: ({ type }) => typeName(type) },
        { id: 'role', header: 'Role', cell: ({ roleArn }) => nameOf(roleArn) },
        { id: 'size', header: 'Size', cell: ({ size }) => bytes(size) },
        {
          id: 'created',
          header: 'Created',
          cell: ({ created }) => <span title={when(created)}>{ago(created)}</span>,
        },
      ]}
    />
  )
}

function Progress({ job }: { readonly job: JobRow }): ReactNode {
  if (job.state === 'RUNNING' && job.percent !== undefined)
    return <ProgressBar value={job.percent} variant="standalone" ariaLabel="Progress" />
  return <State state={job.state} warning={job.message} />
}

async function pageOf(kind: JobKind, filter: Filter, NextToken: string | undefined): Promise<Page<JobRow>> {
  const page = { MaxResults: 50, NextToken }
  const state = filter.state as never
  if (kind === 'restore') {
    const answer = await backup.send(new ListRestoreJobsCommand({ ...page, ByStatus: state }))
    const rows = (answer.RestoreJobs ?? []).map((job) => ({
      id: job.RestoreJobId ?? '',
      resourceArn: job.SourceResourceArn ?? job.CreatedResourceArn,
      type: job.ResourceType,
      state: job.Status,
      // Where it restored to: no warning.
      message: undefined,
      percent: percentOf(job.PercentDone),
      size: job.BackupSizeInBytes,
      roleArn: job.IamRoleArn,
      created: job.CreationDate,
    }))
    return { rows, next: answer.NextToken }
  }
  if (kind === 'copy') {
    const answer = await backup.send(
      new ListCopyJobsCommand({ ...page, ByState: state, ByResourceArn: filter.resourceArn }),
    )
    const rows = (answer.CopyJobs ?? []).map((job) => ({
      id: job.CopyJobId ?? '',
      resourceArn: job.ResourceArn,
      type: job.ResourceType,
      state: job.State,
      message: job.StatusMessage,
      percent: undefined,
      size: job.BackupSizeInBytes,
      roleArn: job.IamRoleArn,
      created: job.CreationDate,
    }))
    return { rows, next: answer.NextToken }
  }
  const answer = await backup.send(
    new ListBackupJobsCommand({ ...page, ByState: state, ByResourceArn: filter.resourceArn }),
  )
  const rows = (answer.BackupJobs ?? []).map((job) => ({
    id: job.BackupJobId ?? '',
    resourceArn: job.ResourceArn,
    type: job.ResourceType,
    state: job.State,
    message: job.StatusMessage,
    percent: percentOf(job.PercentDone),
    size: job.BackupSizeInBytes,
    roleArn: job.IamRoleArn,
    created: job.CreationDate,
  }))
  return { rows, next: answer.NextToken }
}

function percentOf(text: string | undefined): number | undefined {
  const number = Number.parseFloat(text ?? '')
  return Number.isNaN(number) ? undefined : Math.round(number)
}
