import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ASKED_ANEW, countFailed, countProtected, countRunning } from './overview-state.ts'
import type { DescribeOverviewOutput } from '../api/generated.ts'
import { Link } from '../parts/link.tsx'
import { Refused, isDenied } from '../parts/problem.tsx'

interface Tile {
  readonly label: string
  readonly path: string
  readonly value: (numbers: DescribeOverviewOutput) => string
  /** Where it is not always worth a place. */
  readonly isAsked?: (numbers: DescribeOverviewOutput) => boolean
  /** Counts in lists, for whoever may see these and not the server's numbers. */
  readonly listed?: () => Promise<string>
}

const TILES: readonly Tile[] = [
  {
    label: 'Protected',
    path: '/resources?show=protected',
    value: ({ Resources, UnprotectedResources, RestoredResources }) =>
      (Resources - UnprotectedResources - RestoredResources).toLocaleString(),
    listed: countProtected,
  },
  {
    label: 'Unprotected',
    path: '/resources?show=unprotected',
    value: ({ UnprotectedResources }) => UnprotectedResources.toLocaleString(),
  },
  {
    label: 'Restored',
    path: '/resources?show=restored',
    value: ({ RestoredResources }) => RestoredResources.toLocaleString(),
    isAsked: ({ RestoredResources }) => RestoredResources > 0,
  },
  {
    label: 'Overdue',
    path: '/resources?show=overdue',
    value: ({ OverdueResources }) => OverdueResources.toLocaleString(),
  },
  {
    label: 'Running',
    path: '/jobs?state=RUNNING',
    value: ({ RunningBackupJobs }) => RunningBackupJobs.toLocaleString(),
    listed: countRunning,
  },
  {
    label: 'Failed in 24 h',
    path: '/jobs?state=BAD&since=day',
    value: ({ FailedBackupJobs }) => FailedBackupJobs.toLocaleString(),
    listed: countFailed,
  },
  {
    label: 'Restore tests',
    path: '/restore-testing',
    value: ({ GoodRestoreTests: good, RestoreTests: all }) => (all === 0 ? '0' : `${good} of ${all}`),
  },
]

/** The numbers that matter, each of which leads to what it counts; where somebody may not see one, why. */
export function Tiles({
  numbers,
  refusal,
}: {
  readonly numbers: DescribeOverviewOutput | undefined
  /** Of the numbers. */
  readonly refusal: Error | undefined
}): ReactNode {
  const shown = TILES.filter(
    ({ isAsked }) => isAsked === undefined || (numbers !== undefined && isAsked(numbers)),
  )
  return (
    <Container>
      <div className="tiles">
        {shown.map(({ label, path, value, listed }) => (
          <div key={label}>
            <Box variant="awsui-key-label">{label}</Box>
            {numbers !== undefined && (
              <Link to={path} isLarge>
                {value(numbers)}
              </Link>
            )}
            {refusal !== undefined && listed === undefined && <Refused error={refusal} />}
            {refusal !== undefined && listed !== undefined && <Listed {...{ label, path, listed }} />}
          </div>
        ))}
      </div>
    </Container>
  )
}

function Listed({
  label,
  path,
  listed,
}: Pick<Tile, 'label' | 'path'> & { readonly listed: () => Promise<string> }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['overview', 'listed', label],
    queryFn: listed,
    ...ASKED_ANEW,
  })
  if (error !== null && isDenied(error)) return <Refused error={error} />
  if (error !== null) return <Box variant="small">{error.message}</Box>
  if (data === undefined) return <Spinner />
  return (
    <Link to={path} isLarge>
      {data}
    </Link>
  )
}
