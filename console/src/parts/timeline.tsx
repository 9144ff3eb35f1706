import './timeline.css'
import type { ReactNode } from 'react'
import { useHref, useNavigate } from 'react-router'
import { when } from './format.ts'

export interface TimelinePoint {
  readonly at: Date
  readonly label: string
  readonly isWhole: boolean
  /** The one that the screen is about. */
  readonly isChosen?: boolean
  readonly path: string
}

const WIDTH = 1000
const MARGIN = 14

/** Recovery points on a line from the oldest to now; each leads to its restore. */
export function Timeline({ points }: { readonly points: readonly TimelinePoint[] }): ReactNode {
  const first = Math.min(...points.map(({ at }) => at.getTime()))
  const now = Date.now()
  const span = Math.max(now - first, 1)
  const x = (at: Date): number => MARGIN + ((at.getTime() - first) / span) * (WIDTH - 2 * MARGIN)
  return (
    <figure className="timeline">
      <svg viewBox={`0 0 ${WIDTH} 40`} role="list" aria-label="Recovery points, oldest first">
        <line x1={MARGIN} x2={WIDTH - MARGIN} y1={20} y2={20} />
        {points.map((point) => (
          <Mark key={point.path} point={point} x={x(point.at)} />
        ))}
      </svg>
      <figcaption>
        <span>{when(new Date(first))}</span>
        <span>now</span>
      </figcaption>
    </figure>
  )
}

function Mark({ point, x }: { readonly point: TimelinePoint; readonly x: number }): ReactNode {
  const navigate = useNavigate()
  return (
    <g role="listitem">
      <a
        href={useHref(point.path)}
        aria-label={`Restore from ${point.label}`}
        aria-current={point.isChosen === true ? 'true' : undefined}
        onClick={(event) => {
          event.preventDefault()
          void navigate(point.path)
        }}
      >
        <circle
          cx={x}
          cy={20}
          r={point.isChosen === true ? 13 : 8}
          className={point.isWhole ? 'whole' : 'partial'}
        >
          <title>{point.label}</title>
        </circle>
      </a>
    </g>
  )
}
