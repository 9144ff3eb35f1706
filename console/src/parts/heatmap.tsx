import './heatmap.css'
import type { ReactNode } from 'react'
import { Link } from './link.tsx'

export type Health = 'good' | 'warning' | 'bad' | 'none'

/** What one day's square says. */
export interface DayState {
  readonly label: string
  readonly health: Health
  readonly text: string
}

/** The last days with their bounds, oldest first, today last and up to now. */
export function daysBack(
  count: number,
): readonly { readonly from: Date; readonly to: Date; readonly label: string }[] {
  const today = new Date()
  today.setHours(0, 0, 0, 0)
  return Array.from({ length: count }, (_, index) => {
    const from = new Date(today)
    from.setDate(today.getDate() - (count - 1 - index))
    const to = new Date(from)
    to.setDate(from.getDate() + 1)
    return { from, to, label: from.toLocaleDateString(undefined, { month: 'short', day: 'numeric' }) }
  })
}

/** Told apart without colours, too. */
const MARKS: Readonly<Record<Health, string>> = { good: '', warning: '!', bad: '✗', none: '' }

export function DayStrip({
  label,
  days,
}: {
  /** What it is about, for who does not see it. */
  readonly label: string
  readonly days: readonly DayState[]
}): ReactNode {
  return (
    <ol className="days" aria-label={label}>
      {days.map((day) => (
        <Day key={day.label} day={day} />
      ))}
    </ol>
  )
}

function Day({ day }: { readonly day: DayState }): ReactNode {
  const text = `${day.label}: ${day.text}`
  return (
    <li className={`day ${day.health}`} title={text}>
      <span aria-hidden="true">{MARKS[day.health]}</span>
      <span className="unseen">{text}</span>
    </li>
  )
}

/** Below squares: of which day the first is, and that the last is today. Each square says its own day. */
export function DayScale({ days }: { readonly days: readonly DayState[] }): ReactNode {
  return (
    <div className="days-scale" aria-hidden="true">
      <span>{days[0]?.label}</span>
      <span>today</span>
    </div>
  )
}

export function Heatmap({
  rows,
}: {
  readonly rows: readonly {
    readonly name: string
    readonly path: string
    readonly days: readonly DayState[]
  }[]
}): ReactNode {
  return (
    <div className="heatmap">
      {rows.map((row) => (
        <div key={row.path} className="heatmap-row">
          <span className="heatmap-name">
            <Link to={row.path}>{row.name}</Link>
          </span>
          <DayStrip label={`Days of ${row.name}`} days={row.days} />
        </div>
      ))}
      <div className="heatmap-row">
        <span className="heatmap-name" />
        <DayScale days={rows[0]?.days ?? []} />
      </div>
    </div>
  )
}
