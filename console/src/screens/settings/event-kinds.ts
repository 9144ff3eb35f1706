import type { EventTarget } from '../../api/generated.ts'

/** What targets are told of, kind by kind, and the EventBridge patterns that say so. */

interface EventKind {
  readonly label: string
  readonly type: string
  /** Undefined: whatever it says. */
  readonly states: readonly string[] | undefined
}

const FAILED = ['FAILED', 'EXPIRED', 'ABORTED']

export const EVENT_KINDS: readonly EventKind[] = [
  { label: 'Backup failed', type: 'Backup Job State Change', states: FAILED },
  { label: 'Backup partial', type: 'Backup Job State Change', states: ['PARTIAL'] },
  { label: 'Backup completed', type: 'Backup Job State Change', states: ['COMPLETED'] },
  { label: 'Copy failed', type: 'Copy Job State Change', states: ['FAILED'] },
  { label: 'Copy completed', type: 'Copy Job State Change', states: ['COMPLETED'] },
  { label: 'Restore failed', type: 'Restore Job State Change', states: ['FAILED', 'ABORTED'] },
  { label: 'Restore completed', type: 'Restore Job State Change', states: ['COMPLETED'] },
  { label: 'Run of a plan missed', type: 'Backup Plan Run State Change', states: ['MISSED'] },
  { label: 'Recovery point too late', type: 'Recovery Point Objective Missed', states: undefined },
  { label: 'Deletions held', type: 'Deletions Held', states: undefined },
  { label: 'Damage in a vault', type: 'Vault Damage Detected', states: undefined },
  { label: 'Discovery failed', type: 'Discovery State Change', states: ['FAILED'] },
  { label: 'Messages given up', type: 'Event Delivery Given Up', states: undefined },
  { label: 'No server for a while', type: 'Server Silence', states: undefined },
]

const clauseOf = ({ type, states }: EventKind): object => ({
  'detail-type': [type],
  // Jobs of restores and copies say it in either member, as AWS's own events do.
  ...(states !== undefined && { detail: { $or: [{ state: states }, { status: states }] } }),
})

/** The pattern that fits just these kinds; `$or` takes two or more. */
export function patternOf(kinds: ReadonlySet<EventKind>): string {
  const clauses = EVENT_KINDS.filter((kind) => kinds.has(kind)).map(clauseOf)
  return JSON.stringify(clauses.length === 1 ? clauses[0] : { $or: clauses })
}

/** What a target is told of, of these kinds; `isOwn` where its pattern says more or less than kinds can. */
export function kindsOf({ EventPattern }: EventTarget): {
  readonly kinds: ReadonlySet<EventKind>
  readonly isOwn: boolean
} {
  if (EventPattern === undefined) return { kinds: new Set(), isOwn: false }
  if (EventPattern === EVERY_CHANGE) return { kinds: new Set(EVENT_KINDS), isOwn: false }
  const named = clausesOf(EventPattern)
  const kinds = EVENT_KINDS.filter((kind) => named.includes(JSON.stringify(clauseOf(kind))))
  if (kinds.length === named.length) return { kinds: new Set(kinds), isOwn: false }
  return { kinds: new Set(), isOwn: true }
}

function clausesOf(pattern: string): readonly string[] {
  const whole = JSON.parse(pattern) as { readonly $or?: unknown }
  const isList = Array.isArray(whole.$or) && Object.keys(whole).length === 1
  return (isList ? (whole.$or as readonly unknown[]) : [whole]).map((clause) => JSON.stringify(clause))
}

/** The server's own where nothing is asked for. */
export const EVERY_CHANGE = '{"detail-type":[{"anything-but":"AWS API Call via CloudTrail"}]}'

export type { EventKind }
