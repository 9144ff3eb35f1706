import type { Clock } from '../lib/clock.ts'
import { stackOf } from '../lib/log.ts'
import type { Log } from '../lib/log.ts'
import { Rounds } from '../lib/rounds.ts'
import type { AuditRecord } from '../store/audit/audit.ts'
import { appendAudit } from '../store/audit/audit.ts'
import type { DecisionRow } from '../store/audit/decisions.ts'
import { boundDeliveries, insertDeliveries } from '../store/events/event-deliveries.ts'
import type { GivenUp, NewDelivery } from '../store/events/event-deliveries.ts'
import { listEventTargets } from '../store/events/event-targets.ts'
import {
  claimEvents,
  finishEvents,
  isInTrail,
  pruneEvents,
  setEventAside,
  tryEventsAgain,
} from '../store/events/events.ts'
import type { EventRow, Notice } from '../store/events/events.ts'
import { findAnyJob } from '../store/jobs/jobs.ts'
import type { EventTargetTable } from '../store/events/schema-events.ts'
import type { Queryable, Store } from '../store/store.ts'
import { cloudTrailRecord, OF_THE_SERVICE } from './cloudtrail.ts'
import { factsOf } from './details.ts'
import type { Facts } from './details.ts'
import { stateOf, uuidOf } from './event.ts'
import type { Event } from './event.ts'
import { givenUpNotice } from './given-up.ts'
import type { Message } from './message.ts'
import { CALL_DETAIL_TYPE, parsePattern } from './pattern.ts'
import type { EventPattern } from './pattern.ts'
import { noticeRunEnd } from './plan-run.ts'
import { SUBSCRIPTION_DETAIL_TYPE } from './sns.ts'
import { notificationsOf } from './vault-topics.ts'

/** Looks for events so often while there are none, in milliseconds. */
const IDLE_MS = 1_000
const BATCH = 64
/** Events of a router that died are another's after this, in milliseconds. */
const LEASE_MS = 60_000
/** An event that could not be read so often, over ten minutes, is set aside. */
const MAX_READS = 10
/** What was told is kept for so long, in milliseconds. */
const KEEP_MS = 7 * 86_400_000
const PRUNE_EVERY_MS = 60_000
/** Messages that may wait for one target, and for all of an account; older ones are given up. */
const MAX_OWED = { ofTarget: 10_000, ofAccount: 100_000 }

export interface RouterOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  /** Of what lies in none: calls of IAM. */
  readonly region: string
}

interface Read {
  readonly row: EventRow
  readonly event: Event | undefined
  readonly record: AuditRecord | undefined
}

/**
 * Takes the rows that triggers wrote, writes each into the audit trail, and notes whom it is to be told. The trail comes first and is
 * outside of the transaction, as it always is: a router that dies between the two leaves a record that the next one finds by its id.
 */
export class EventRouter {
  readonly #options: RouterOptions
  readonly #rounds: Rounds
  #hasTriedAgain = false
  #prunedAt = Number.NEGATIVE_INFINITY
  readonly #patterns = new Map<string, EventPattern>()

  constructor(options: RouterOptions) {
    this.#options = options
    const failed = 'events could not be routed'
    this.#rounds = new Rounds({ log: options.log, failed, waitMs: IDLE_MS })
  }

  start(): void {
    this.#rounds.start(async () => {
      // This server may be newer than the one that could not read them.
      if (!this.#hasTriedAgain) await tryEventsAgain(this.#options.store.db)
      this.#hasTriedAgain = true
      await this.run()
    })
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  /** Routes what there is, and forgets what is old: what comes meanwhile does not wait for that. */
  async run(): Promise<void> {
    const { store, clock, region } = this.#options
    await this.#routeAll()
    if (clock.monotonic() - this.#prunedAt < PRUNE_EVERY_MS) return
    this.#prunedAt = clock.monotonic()
    const tell = (of: GivenUp): Notice => givenUpNotice(of, region)
    await boundDeliveries(store, MAX_OWED, { now: clock.now(), tell })
    const before = clock.now() - KEEP_MS
    let pruned = await pruneEvents(store, before)
    while (pruned !== undefined && !this.#rounds.signal.aborted) {
      await this.#routeAll()
      pruned = await pruneEvents(store, before, pruned)
    }
  }

  async #routeAll(): Promise<void> {
    const { store, clock } = this.#options
    for (;;) {
      const rows = await claimEvents(store, { now: clock.now(), leaseMs: LEASE_MS, limit: BATCH })
      if (rows.length > 0) await this.#route(rows)
      if (rows.length < BATCH || this.#rounds.signal.aborted) return
    }
  }

  async #route(rows: readonly EventRow[]): Promise<void> {
    const { store, log } = this.#options
    const read: Read[] = []
    // One by one, so that the trail has them in their order; one that cannot be read does not keep the others.
    for (const row of rows) {
      try {
        read.push(await this.#read(row))
      } catch (error) {
        const isSetAside = row.attempts >= MAX_READS
        if (isSetAside) await setEventAside(store.db, row)
        log.error(
          isSetAside
            ? 'an event cannot be read and is set aside: it is in no trail and told to nobody, and tried again at the next start'
            : 'an event could not be read',
          { event: row.event_id, kind: row.kind, error: stackOf(error) },
        )
      }
    }
    const done = await Promise.all(
      read.map(async (one) => {
        if (one.record !== undefined) await appendAudit(store, one.record)
        return one
      }),
    )
    const accounts = [...new Set(done.map(({ row }) => row.account_id))]
    const targets = await listEventTargets(store.db, accounts)
    await store.transaction(async (tx) => {
      const deliveries: NewDelivery[] = []
      for (const { row, event } of done) {
        if (event === undefined) continue
        await noticeRunEnd(tx, row, event)
        deliveries.push(...(await this.#owed(tx, row, event, targets)))
      }
      await insertDeliveries(tx, deliveries, this.#options.clock.now())
      await finishEvents(
        tx,
        done.map(({ row }) => row),
        new Set(deliveries.map(({ eventSeq }) => eventSeq)),
        this.#options.clock.now(),
      )
    })
  }

  /** What the trail is still to have of the event, and what is told of it, where anything is. */
  async #read(row: EventRow): Promise<Read> {
    const { store } = this.#options
    if (row.kind === 'audit') return { row, event: this.#callEvent(row), record: undefined }
    const { record, event } =
      row.kind === 'decision' ? { record: await decisionRecord(store.db, row), event: undefined } : told(row)
    const isThere = row.attempts > 1 && (await isInTrail(store.db, record.account_id, record.request_id))
    return { row, event, record: isThere ? undefined : record }
  }

  /** A call of the API, which is in the trail already. */
  #callEvent(row: EventRow): Event {
    const body = JSON.parse(row.body) as Parameters<typeof cloudTrailRecord>[0]
    const record = cloudTrailRecord(
      { ...body, account_id: row.account_id, detail: null },
      this.#options.region,
    )
    const prefix = record.eventSource.split('.')[0] as string
    return envelope(
      { ...row, region: this.#options.region },
      {
        source: prefix === 'roleback' ? 'roleback' : `aws.${prefix}`,
        detailType: CALL_DETAIL_TYPE,
        resources: [],
        detail: record,
      },
    )
  }

  async #owed(
    tx: Queryable,
    row: EventRow,
    event: Event,
    targets: readonly EventTargetTable[],
  ): Promise<readonly NewDelivery[]> {
    const theirs = targets.filter(({ account_id }) => account_id === row.account_id)
    if (theirs.length === 0) return []
    const owe = (target: EventTargetTable, message: Message): NewDelivery => ({
      eventSeq: row.seq,
      targetId: target.target_id,
      message: JSON.stringify(message),
    })
    const isForTopics = theirs.some(({ topic_arn }) => topic_arn !== null)
    const notifications = isForTopics ? await notificationsOf(tx, row, event) : []
    // Each is told of an event once, however many reasons there are: the message's id is the event's.
    return theirs.flatMap((target) => {
      if (target.token_hash !== null)
        return isAsked(target, row, event) ? [owe(target, { event, isConfirmation: true })] : []
      const notification = notifications.find(({ topicArn }) => topicArn === target.topic_arn)
      if (notification !== undefined) return [owe(target, { event, notification })]
      return this.#isWanted(target, row, event) ? [owe(target, { event })] : []
    })
  }

  /** Calls are for those who asked for calls: others' patterns may fit one only because it is there for these. */
  #isWanted({ pattern, wants_calls }: EventTargetTable, { kind }: EventRow, event: Event): boolean {
    if (pattern === null || (kind === 'audit' && wants_calls === 0)) return false
    return this.#patternOf(pattern)(event)
  }

  #patternOf(text: string): EventPattern {
    let pattern = this.#patterns.get(text)
    if (pattern === undefined) {
      if (this.#patterns.size >= 1_000) this.#patterns.clear()
      pattern = parsePattern(text)
      this.#patterns.set(text, pattern)
    }
    return pattern
  }
}

/** Whether the event is that the target was named, and has to say that it wants what comes. */
function isAsked({ target_id }: EventTargetTable, { kind, cause }: EventRow, event: Event): boolean {
  return (
    kind === 'notice' &&
    event['detail-type'] === SUBSCRIPTION_DETAIL_TYPE &&
    stateOf(event) === 'PENDING_CONFIRMATION' &&
    cause?.startsWith(`subscription ${target_id} `) === true
  )
}

function told(row: EventRow): { readonly record: AuditRecord; readonly event: Event } {
  const facts = factsOf(row as EventRow & { readonly kind: 'job' })
  const event = envelope(row, facts)
  const state = stateOf(event)
  return {
    event,
    record: {
      ...OF_THE_SERVICE,
      at: row.at,
      account_id: row.account_id,
      request_id: event.id,
      action: facts.eventName,
      resource: event.resources[0] ?? '*',
      effect: 'Allow',
      layer: 'event',
      reason: `${facts.detailType}${state === undefined ? '' : `: ${state}`}`,
      detail: JSON.stringify(event.detail),
    },
  }
}

function envelope(
  row: Pick<EventRow, 'event_id' | 'at' | 'account_id' | 'region'>,
  facts: Omit<Facts, 'eventName' | 'source'> & { readonly source: string },
): Event {
  return {
    version: '0',
    id: uuidOf(row.event_id),
    'detail-type': facts.detailType,
    source: facts.source,
    account: row.account_id,
    time: new Date(row.at).toISOString().replace(/\.\d+Z$/, 'Z'),
    region: row.region,
    resources: facts.resources,
    detail: facts.detail,
  }
}

/** What a job was allowed or denied, as a call of its session. */
async function decisionRecord(db: Queryable, row: EventRow): Promise<AuditRecord> {
  const line = JSON.parse(row.body) as DecisionRow & { readonly job_id: string }
  const job = await findAnyJob(db, line.job_id)
  const [, role] = /:role\/(?:.*\/)?([^/]+)$/.exec(job?.role_arn ?? '') ?? []
  const session =
    role === undefined
      ? 'backup.amazonaws.com'
      : `arn:aws:sts::${row.account_id}:assumed-role/${role}/AWSBackup-${role}`
  return {
    ...OF_THE_SERVICE,
    at: line.first_at,
    account_id: row.account_id,
    request_id: uuidOf(row.event_id),
    principal_arn: session,
    principal_id: job?.role_id ?? 'backup.amazonaws.com',
    action: line.action,
    resource: line.first_arn,
    effect: line.effect,
    layer: 'job',
    reason: line.reason,
    policy: line.policy,
    statement: line.statement,
    detail: JSON.stringify({ jobId: line.job_id, step: line.step, line: line.seq }),
  }
}
