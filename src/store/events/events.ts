import { sql } from 'kysely'
import { uuid } from '../../lib/ids.ts'
import type { EventTable } from './schema-events.ts'
import type { Queryable, Store } from '../store.ts'

/** The rows that triggers write of what became of things (docs/adr/0022), until they are routed. */
export type EventRow = Omit<EventTable, 'seq'> & { readonly seq: number }

/** What the server found out, as no row of its own. */
export interface Notice {
  readonly accountId: string
  readonly region: string
  readonly at: number
  /** EventBridge's detail-type. */
  readonly detailType: string
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
  /** The same for everybody who finds it out: one event comes of it. */
  readonly cause: string
}

export async function recordNotice(db: Queryable, notice: Notice): Promise<void> {
  const { detailType, resources, detail } = notice
  await db
    .insertInto('event')
    .values({
      event_id: uuid().replaceAll('-', ''),
      at: notice.at,
      account_id: notice.accountId,
      region: notice.region,
      kind: 'notice',
      body: JSON.stringify({ detailType, resources, detail }),
      cause: notice.cause,
      claimed_until: 0,
      attempts: 0,
      routed_at: null,
    })
    .onConflict((conflict) => conflict.column('cause').doNothing())
    .execute()
}

/** Takes up to `limit` events that nobody has routed, oldest first, for `leaseMs`; each claim counts its attempts up. */
export async function claimEvents(
  store: Store,
  { now, leaseMs, limit }: { readonly now: number; readonly leaseMs: number; readonly limit: number },
): Promise<readonly EventRow[]> {
  const isPostgres = store.engine === 'postgres'
  const rows = await store.db
    .updateTable('event')
    .set((eb) => ({ claimed_until: now + leaseMs, attempts: eb('attempts', '+', 1) }))
    .where('seq', 'in', (eb) =>
      eb
        .selectFrom('event as waiting')
        .select('waiting.seq')
        .where('waiting.routed_at', 'is', null)
        .where('waiting.claimed_until', '<=', now)
        .orderBy('waiting.seq')
        .limit(limit)
        .$if(isPostgres, (query) => query.forUpdate().skipLocked()),
    )
    .returningAll()
    .execute()
  return rows.toSorted((a, b) => a.seq - b.seq)
}

/** Claimed for ever: by nobody, until the next server starts and may know better. */
const SET_ASIDE = Number.MAX_SAFE_INTEGER

/** Tries an event no more that cannot be read, and keeps it. */
export async function setEventAside(db: Queryable, { seq }: EventRow): Promise<void> {
  await db.updateTable('event').set({ claimed_until: SET_ASIDE }).where('seq', '=', seq).execute()
}

/** Lets events that were set aside be tried once more. */
export async function tryEventsAgain(db: Queryable): Promise<void> {
  await db
    .updateTable('event')
    .set({ claimed_until: 0 })
    .where('routed_at', 'is', null)
    .where('claimed_until', '=', SET_ASIDE)
    .execute()
}

export async function countEventsSetAside(db: Queryable): Promise<number> {
  const row = await db
    .selectFrom('event')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .where('routed_at', 'is', null)
    .where('claimed_until', '=', SET_ASIDE)
    .executeTakeFirstOrThrow()
  return Number(row.count)
}

/** Events that owe nobody anything are gone at once, but for what keeps their cause from being told again. */
export async function finishEvents(
  db: Queryable,
  events: readonly EventRow[],
  owed: ReadonlySet<number>,
  now: number,
): Promise<void> {
  const kept = events.filter(({ seq, cause }) => owed.has(seq) || cause !== null).map(({ seq }) => seq)
  const gone = events.map(({ seq }) => seq).filter((seq) => !kept.includes(seq))
  if (kept.length > 0)
    await db.updateTable('event').set({ routed_at: now }).where('seq', 'in', kept).execute()
  if (gone.length > 0) await db.deleteFrom('event').where('seq', 'in', gone).execute()
}

/** Records looked at for one that an earlier try wrote: those of some minutes of a busy server. */
const NEWEST = 20_000

/** Whether a request id is among the newest records of the trail. */
export async function isInTrail(db: Queryable, accountId: string, requestId: string): Promise<boolean> {
  const row = await db
    .selectFrom('audit')
    .select('seq')
    .where('account_id', '=', accountId)
    .where('seq', '>', sql<number>`(select max(seq) - ${sql.lit(NEWEST)} from audit)`)
    .where('request_id', '=', requestId)
    .limit(1)
    .executeTakeFirst()
  return row !== undefined
}

/** The last event that pruning looked at. */
export interface PrunedTo {
  readonly routedAt: number
  readonly seq: number
}

/** Events looked at in one transaction. */
const PRUNE_BATCH = 1_000

/**
 * Forgets what was routed before `before` and is owed to nobody any more, nor was given up since then: some at a time, from `from` on,
 * so that what has to stay is looked at once.
 * @returns Where to go on; undefined at the end.
 */
export async function pruneEvents(
  store: Store,
  before: number,
  from?: PrunedTo,
): Promise<PrunedTo | undefined> {
  return await store.transaction(async (tx) => {
    const rows = await tx
      .selectFrom('event')
      .select(['seq', 'routed_at'])
      .where('routed_at', '<', before)
      .$if(from !== undefined, (query) =>
        query.where((eb) =>
          eb(eb.refTuple('routed_at', 'seq'), '>', eb.tuple(from?.routedAt ?? 0, from?.seq ?? 0)),
        ),
      )
      .orderBy('routed_at')
      .orderBy('seq')
      .limit(PRUNE_BATCH)
      .$if(store.engine === 'postgres', (query) => query.forUpdate().skipLocked())
      .execute()
    const last = rows.at(-1)
    if (last === undefined) return undefined
    const seqs = rows.map(({ seq }) => seq)
    await tx
      .deleteFrom('event_delivery')
      .where('event_seq', 'in', seqs)
      .where((eb) => eb.or([eb('delivered_at', 'is not', null), eb('given_up_at', '<', before)]))
      .execute()
    await tx
      .deleteFrom('event')
      .where('seq', 'in', seqs)
      .where((eb) =>
        eb.not(
          eb.exists(
            eb
              .selectFrom('event_delivery')
              .select('delivery_id')
              .whereRef('event_delivery.event_seq', '=', 'event.seq'),
          ),
        ),
      )
      .execute()
    return rows.length < PRUNE_BATCH ? undefined : { routedAt: Number(last.routed_at), seq: last.seq }
  })
}
