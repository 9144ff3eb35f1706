/**
 * An event in EventBridge's envelope (docs.aws.amazon.com/eventbridge/latest/ref/overiew-event-structure.html). The same event
 * keeps its `id` however often and to whomever it is told.
 */
export interface Event {
  readonly version: '0'
  readonly id: string
  readonly 'detail-type': string
  /** `aws.backup` for what AWS Backup has an event for; `roleback` for what it has none for. */
  readonly source: string
  readonly account: string
  /** ISO 8601, to the second as EventBridge's. */
  readonly time: string
  readonly region: string
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
}

/** Hexadecimal digits as a UUID is written. */
export function uuidOf(hex: string): string {
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5')
}

/** What a member of the detail says; undefined where it is no text. */
export function textIn({ detail }: Event, member: string): string | undefined {
  const value = detail[member]
  return typeof value === 'string' ? value : undefined
}

/** AWS's events have it as `status`, as `state`, or as `indexStatus`. */
export function stateOf(event: Event): string | undefined {
  return textIn(event, 'status') ?? textIn(event, 'state') ?? textIn(event, 'indexStatus')
}
