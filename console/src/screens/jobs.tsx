import '../parts/parts.css'
import Box from '@cloudscape-design/components/box'
import ProgressBar from '@cloudscape-design/components/progress-bar'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import SpaceBetween from '@cloudscape-design/components/space-between'
import type { ReactNode } from 'react'
import { jobsPage } from './jobs-pages.ts'
import type { JobRow, ListedKind } from './jobs-pages.ts'
import { Arn } from '../parts/arn.tsx'
import { ChoiceFilter, SinceFilter, TYPES, TextFilter, sinceOf } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import { ago, bytes, nameOf, typeName, when } from '../parts/format.ts'
import { Link, identityPath, jobPath, vaultPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import type { ListProps } from '../parts/list.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import { ResourceFilter } from '../parts/resource-filter.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { useTitle } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'
import { StopJob, canStop } from '../parts/stop-job.tsx'
import { UPKEEP } from '../parts/upkeep.ts'

const KINDS = [
  { id: 'backup', text: 'Backup' },
  { id: 'copy', text: 'Copy' },
  { id: 'restore', text: 'Restore' },
  { id: 'test', text: 'Restore test' },
  { id: 'upkeep', text: 'Vault upkeep' },
]

const WORKS = [
  { value: '', label: 'Any work' },
  ...Object.entries(UPKEEP).map(([value, label]) => ({ value, label })),
]

const STATES = [
  { value: '', label: 'Any state' },
  { value: 'CREATED', label: 'Created' },
  { value: 'PENDING', label: 'Pending' },
  { value: 'RUNNING', label: 'Running' },
  { value: 'ABORTING', label: 'Stopping' },
  { value: 'ABORTED', label: 'Stopped' },
  { value: 'COMPLETED', label: 'Completed' },
  { value: 'FAILED', label: 'Failed' },
  { value: 'EXPIRED', label: 'Expired' },
  { value: 'BAD', label: 'Failed or expired' },
  { value: 'PARTIAL', label: 'Partial' },
]
/** While jobs run the list follows them. */
const FOLLOW_MS = 1_000

export function Jobs(): ReactNode {
  useTitle('Jobs')
  const filters = useFilters()
  const { get, set } = filters
  const kind = (KINDS.find(({ id }) => id === get('kind'))?.id ?? 'backup') as ListedKind
  const isUpkeep = kind === 'upkeep'
  const filter = {
    state: get('state'),
    vault: isUpkeep ? get('vault') : undefined,
    resourceArn: isUpkeep ? undefined : get('resource'),
    type: get(isUpkeep ? 'work' : 'type'),
    since: sinceOf(filters),
  }
  // The list of one resource's restores knows neither types nor times, nor does the list of tests.
  const hasMore = kind !== 'test' && !(kind === 'restore' && filter.resourceArn !== undefined)
  const pages = useLinkedPages(
    ['jobs', kind, { ...filter, since: get('since') }],
    async (token) => await jobsPage(kind, filter, token),
    FOLLOW_MS,
  )
  const isStoppable = ({ state, type, isTesting }: JobRow): boolean =>
    isTesting === true || canStop(stoppedType(kind, type), state)
  return (
    <List<JobRow>
      title="Jobs"
      description={
        isUpkeep ? (
          <>
            What was done to vaults, and how it went. What the server reads through by itself is no job: when
            it did and will is told in <Link to="/settings?tab=health">Health</Link>.
          </>
        ) : (
          'What was backed up, copied, restored and done to vaults, under which role, and how it went.'
        )
      }
      what={`list ${KIND_NAMES[kind]}s`}
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
            options={KINDS}
          />
          {kind !== 'test' && <ChoiceFilter filters={filters} name="state" label="State" options={STATES} />}
          {hasMore && (
            <ChoiceFilter
              filters={filters}
              name={isUpkeep ? 'work' : 'type'}
              label={isUpkeep ? 'Work' : 'Type'}
              options={isUpkeep ? WORKS : TYPES}
            />
          )}
          {hasMore && <SinceFilter filters={filters} />}
          {isUpkeep ? (
            <TextFilter filters={filters} name="vault" label="Backup vault" placeholder="Its name" />
          ) : (
            <ResourceFilter filters={filters} />
          )}
        </SpaceBetween>
      }
      empty={
        <Box>
          No {KIND_NAMES[kind]}{' '}
          {Object.values(filter).every((value) => value === undefined) ? 'yet.' : 'that matches.'}
        </Box>
      }
      columns={[
        {
          id: 'id',
          header: 'Job',
          isRowHeader: true,
          cell: ({ id }) => (
            <Link to={jobPath(kind === 'test' ? 'restore' : kind, id)}>{id.slice(0, 8)}</Link>
          ),
        },
        { id: 'state', header: 'State', cell: (job) => <Progress job={job} /> },
        ...(isUpkeep ? UPKEEP_COLUMNS : RESOURCE_COLUMNS),
        { id: 'role', header: 'Role', cell: ({ roleArn }) => <RoleOf arn={roleArn} /> },
        { id: 'size', header: 'Size', cell: ({ size }) => bytes(size) },
        {
          id: 'created',
          header: 'Created',
          cell: ({ created }) => (
            <span className="whole" title={when(created)}>
              {ago(created)}
            </span>
          ),
        },
        ...(pages.rows.some(isStoppable)
          ? [
              {
                id: 'stop',
                header: 'Stop',
                cell: (job: JobRow) =>
                  isStoppable(job) ? (
                    <StopJob
                      id={job.id}
                      type={stoppedType(kind, job.type)}
                      isInRow
                      onStopped={pages.refresh}
                    />
                  ) : (
                    '–'
                  ),
              },
            ]
          : []),
      ]}
    />
  )
}

/** What a stop is asked for, by the list that the job is in. */
function stoppedType(kind: ListedKind, work: string | undefined): string | undefined {
  if (kind === 'upkeep') return work
  return kind === 'test' ? 'restore' : kind
}

const KIND_NAMES: Readonly<Record<ListedKind, string>> = {
  backup: 'backup job',
  copy: 'copy job',
  restore: 'restore job',
  test: 'restore test',
  upkeep: 'upkeep job',
}

const RESOURCE_COLUMNS: ListProps<JobRow>['columns'] = [
  {
    id: 'resource',
    header: 'Resource',
    cell: ({ resourceArn, resourceName }) => <ResourceLink arn={resourceArn} called={resourceName} />,
  },
  { id: 'type', header: 'Type', cell: ({ type }) => typeName(type) },
]

const UPKEEP_COLUMNS: ListProps<JobRow>['columns'] = [
  {
    id: 'work',
    header: 'Work',
    cell: ({ type = '' }) => UPKEEP[type] ?? type,
  },
  {
    id: 'vault',
    header: 'Backup vault',
    cell: ({ vault }) => (vault === undefined ? '–' : <Link to={vaultPath(vault)}>{vault}</Link>),
  },
]

function RoleOf({ arn }: { readonly arn: string | undefined }): ReactNode {
  if (arn === undefined) return '–'
  const name = nameOf(arn)
  return (
    <Link to={identityPath('role', name)}>
      <Arn of={name} />
    </Link>
  )
}

function Progress({ job }: { readonly job: JobRow }): ReactNode {
  if (job.state === 'RUNNING' && job.percent !== undefined)
    return <ProgressBar value={job.percent} variant="standalone" ariaLabel="Progress" />
  return <State state={job.state} warning={job.message} />
}
