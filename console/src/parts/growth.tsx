import './growth.css'
import Box from '@cloudscape-design/components/box'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import Toggle from '@cloudscape-design/components/toggle'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { roleback } from '../api/roleback.ts'
import { bytes, count, fromSeconds } from './format.ts'
import { Problem } from './problem.tsx'

const DAY_MS = 86_400_000
const AHEAD_DAYS = 30
const FRESH_MS = 300_000
const [WIDTH, HEIGHT] = [1000, 100]

interface Point {
  readonly at: number
  readonly bytes: number
}

interface Shown {
  readonly points: readonly Point[]
  readonly recoveryPoints: number
  readonly ahead: { readonly days: number; readonly bytes: number } | undefined
}

/** What a vault, or all of the region together, held day by day, and where that leads. */
export function Growth({ vault }: { readonly vault?: string }): ReactNode {
  const [isStored, setStored] = useState(false)
  const { data, error } = useQuery({
    queryKey: ['growth', vault, isStored],
    queryFn: async () => await read(vault, isStored),
    staleTime: FRESH_MS,
    placeholderData: (before) => before,
  })
  return (
    <SpaceBetween size="s">
      {error !== null && <Problem error={error} what="see what the vaults held" />}
      {data === undefined && error === null && <Spinner />}
      {data !== undefined && error === null && <Chart of={data} />}
      {vault !== undefined && (
        <Toggle checked={isStored} onChange={({ detail }) => setStored(detail.checked)}>
          What it takes in the storage, deduplicated and compressed
        </Toggle>
      )}
    </SpaceBetween>
  )
}

async function read(vault: string | undefined, isStored: boolean): Promise<Shown> {
  const { Usage, Forecast } = await roleback('ListVaultUsage', {
    BackupVaultName: vault,
    // Asked for only when somebody wants to see it: a refusal stands in the audit trail.
    IncludeStoredBytes: isStored || undefined,
  })
  const ahead = isStored ? Forecast?.StoredBytesIn30Days : Forecast?.ContentBytesIn30Days
  return {
    points: Usage.map((day) => ({
      at: fromSeconds(day.Date)?.getTime() ?? 0,
      bytes: (isStored ? day.StoredBytes : day.ContentBytes) ?? 0,
    })),
    recoveryPoints: Usage.at(-1)?.NumberOfRecoveryPoints ?? 0,
    ahead: ahead === undefined ? undefined : { days: Forecast?.BasedOnDays ?? 0, bytes: ahead },
  }
}

function Chart({ of: { points, recoveryPoints, ahead } }: { readonly of: Shown }): ReactNode {
  const last = points.at(-1)
  if (last === undefined) return <Box>Nothing is known yet.</Box>
  const now = `${bytes(last.bytes)} in ${count(recoveryPoints, 'recovery point')}.`
  const then =
    ahead === undefined
      ? 'A forecast takes a week.'
      : `In ${AHEAD_DAYS} days at the pace of the last ${ahead.days}: ${bytes(ahead.bytes)}.`
  return (
    <figure className="growth">
      {points.length > 1 && <Curve points={points} ahead={ahead?.bytes} label={`${now} ${then}`} />}
      <figcaption>
        {now} {then}
      </figcaption>
    </figure>
  )
}

function Curve({
  points,
  ahead,
  label,
}: {
  readonly points: readonly Point[]
  readonly ahead: number | undefined
  readonly label: string
}): ReactNode {
  const [first, last] = [points[0] as Point, points.at(-1) as Point]
  const end = ahead === undefined ? last : { at: last.at + AHEAD_DAYS * DAY_MS, bytes: ahead }
  const top = Math.max(...points.map((point) => point.bytes), end.bytes, 1) * 1.1
  const place = (point: Point): string =>
    `${(((point.at - first.at) / (end.at - first.at)) * WIDTH).toFixed(1)} ${(HEIGHT * (1 - point.bytes / top)).toFixed(1)}`
  const line = `M${points.map(place).join('L')}`
  return (
    <>
      <div className="growth-scale">
        <span>{bytes(top)}</span>
      </div>
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" role="img" aria-label={label}>
        {[0, 0.5, 1].map((share) => (
          <line key={share} className="grid" x1={0} x2={WIDTH} y1={HEIGHT * share} y2={HEIGHT * share} />
        ))}
        <path
          className="area"
          d={`${line}L${place({ ...last, bytes: 0 })}L${place({ ...first, bytes: 0 })}Z`}
        />
        <path className="line" d={line} />
        {ahead !== undefined && <path className="line ahead" d={`M${place(last)}L${place(end)}`} />}
      </svg>
      <div className="growth-scale">
        {[first, ...(ahead === undefined ? [] : [last]), end].map(({ at }) => (
          <span key={at}>
            {new Date(at).toLocaleDateString(undefined, { month: 'short', day: 'numeric', timeZone: 'UTC' })}
          </span>
        ))}
      </div>
    </>
  )
}
