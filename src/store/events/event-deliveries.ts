import { sql } from 'kysely'
import type { RawBuilder, Selectable } from 'kysely'
import type { EventDeliveryTable, EventTargetTable } from './schema-events.ts'
import type { Queryable, Store } from '../store.ts'
import { recordNotice } from './events.ts'
import type { Notice } from './events.ts'

export interface NewDelivery {
  readonly eventSeq: number
  readonly targetId: string
  /** JSON. */
  readonly message: string
}

/** Notes what is owed, each target's messages in their order under its next numbers. Give it a transaction. */
export async function insertDeliveries(
  db: Queryable,
  deliveries: readonly NewDelivery[],
  now: number,
): Promise<void> {
  // In one order, so that two who note at once do not wait for each other.
  for (const [targetId, theirs] of [...Map.groupBy(deliveries, (one) => one.targetId)].toSorted(([a], [b]) =>
    a < b ? -1 : 1,
  )) {
    const row = await db
      .updateTable('event_target')
      .set((eb) => ({ sequence: eb('sequence', '+', theirs.length) }))
      .where('target_id', '=', targetId)
      .returning('sequence')
      .executeTakeFirst()
    // The target is gone, and with it what it was owed.
    if (row === undefined) continue
    const rows = theirs.map(({ eventSeq, message }, index): Omit<EventDeliveryTable, 'delivery_id'> => ({
      event_seq: eventSeq,
      target_id: targetId,
      sequence: Number(row.sequence) - theirs.length + 1 + index,
      message,
      due_at: now,
      attempts: 0,
      refusals: 0,
      lease_owner: null,
      lease_until: null,
      created_at: now,
      last_error: null,
      delivered_at: null,
      given_up_at: null,
    }))
    for (let at = 0; at < rows.length; at += 100)
      await db
        .insertInto('event_delivery')
        .values(rows.slice(at, at + 100))
        .execute()
  }
}

export type Delivery = Selectable<EventDeliveryTable>

export interface ClaimedDelivery {
  readonly delivery: Delivery
  readonly target: EventTargetTable
}

export interface ClaimOptions {
  readonly owner: string
  readonly now: number
  readonly leaseMs: number
  readonly limit: number
  /** Whose targets get nothing now. */
  readonly busyAccounts?: readonly string[]
}

/**
 * Of each target that is due and whom nobody else is telling something, the oldest message that it is owed, for so long ours; those
 * first that wait longest. So a target gets its messages one by one and in order, whoever sends them.
 */
export async function claimDeliveries(
  store: Store,
  { owner, now, leaseMs, limit, busyAccounts = [] }: ClaimOptions,
): Promise<readonly ClaimedDelivery[]> {
  const heads = store.db
    .selectFrom('event_target as t')
    .select('t.retry_at')
    // One look into the index for each target, whatever it was told and is owed behind it.
    .select((eb) =>
      eb
        .selectFrom('event_delivery as waiting')
        .select('waiting.delivery_id')
        .whereRef('waiting.target_id', '=', 't.target_id')
        .where('waiting.delivered_at', 'is', null)
        .where('waiting.given_up_at', 'is', null)
        .orderBy('waiting.sequence')
        .limit(1)
        .as('head'),
    )
    .where('t.retry_at', '<=', now)
    .$if(busyAccounts.length > 0, (query) => query.where('t.account_id', 'not in', busyAccounts))
  const free = store.db
    .selectFrom(heads.as('h'))
    .innerJoin('event_delivery as d', 'd.delivery_id', 'h.head')
    .select('d.delivery_id')
    // Again, for a row that somebody ended while this one waited for it.
    .where('d.delivered_at', 'is', null)
    .where('d.given_up_at', 'is', null)
    .where((eb) => eb.or([eb('d.lease_until', 'is', null), eb('d.lease_until', '<=', now)]))
    .orderBy('h.retry_at')
    .limit(limit)
    .$if(store.engine === 'postgres', (query) => query.forUpdate('d').skipLocked())
  const claimed = await store.db
    .updateTable('event_delivery')
    .set({ lease_owner: owner, lease_until: now + leaseMs })
    .where('delivery_id', 'in', free)
    .returningAll()
    .execute()
  if (claimed.length === 0) return []
  const targets = await store.db
    .selectFrom('event_target')
    .selectAll()
    .where(
      'target_id',
      'in',
      claimed.map(({ target_id }) => target_id),
    )
    .execute()
  return claimed.flatMap((delivery) => {
    const target = targets.find(({ target_id }) => target_id === delivery.target_id)
    return target === undefined ? [] : [{ delivery, target }]
  })
}

/** What the same target is owed behind a message of which somebody has the lease: nobody else tells it meanwhile. */
export async function owedBehind(
  db: Queryable,
  delivery: Delivery,
  limit: number,
): Promise<readonly Delivery[]> {
  return await db
    .selectFrom('event_delivery')
    .selectAll()
    .where('target_id', '=', delivery.target_id)
    .where('sequence', '>', delivery.sequence)
    .where('delivered_at', 'is', null)
    .where('given_up_at', 'is', null)
    .orderBy('sequence')
    .limit(limit)
    .execute()
}

const idsOf = (deliveries: readonly Delivery[]): number[] => deliveries.map(({ delivery_id }) => delivery_id)

/** Their target took them; it gets nothing more before `nextAt`. */
export async function endDeliveries(
  store: Store,
  deliveries: readonly [Delivery, ...Delivery[]],
  { now, nextAt }: { readonly now: number; readonly nextAt: number },
): Promise<void> {
  await store.transaction(async (tx) => {
    await tx
      .updateTable('event_delivery')
      .set((eb) => ({
        delivered_at: now,
        lease_until: null,
        last_error: null,
        attempts: eb('attempts', '+', 1),
      }))
      .where('delivery_id', 'in', idsOf(deliveries))
      .execute()
    await tx
      .updateTable('event_target')
      .set({ failures: 0, retry_at: nextAt, last_delivered_at: now })
      .where('target_id', '=', deliveries[0].target_id)
      .execute()
  })
}

/** Messages that a target did not take, nor will. */
export interface GivenUp {
  readonly target: Pick<EventTargetTable, 'account_id' | 'target_id' | 'name' | 'kind'>
  readonly messages: number
  readonly problem: string
  readonly at: number
}

/** What is told of messages that are given up, in the same transaction. */
type Tell = (of: GivenUp) => Notice

/**
 * It did not: nothing goes to the target before `retryAt`. All that it is owed since `giveUpBefore` or longer is given up, whether tried or
 * not: a target that is away is tried seldom, and its queue would only grow.
 */
export async function failDeliveries(
  store: Store,
  target: GivenUp['target'],
  deliveries: readonly [Delivery, ...Delivery[]],
  end: {
    readonly now: number
    readonly problem: string
    readonly retryAt: number
    readonly giveUpBefore: number
    /** The target was reached and will not have these, as they are. */
    readonly isRefused: boolean
    /** These are given up now. */
    readonly isHopeless: boolean
    readonly tell: Tell
  },
): Promise<void> {
  const { target_id } = target
  await store.transaction(async (tx) => {
    await tx
      .updateTable('event_delivery')
      .set((eb) => ({
        lease_until: null,
        last_error: end.problem,
        attempts: eb('attempts', '+', 1),
        refusals: eb('refusals', '+', end.isRefused ? 1 : 0),
        given_up_at: end.isHopeless ? end.now : null,
      }))
      .where('delivery_id', 'in', idsOf(deliveries))
      .execute()
    const old = await tx
      .updateTable('event_delivery')
      .set({ given_up_at: end.now, last_error: end.problem })
      .where('target_id', '=', target_id)
      .where('delivered_at', 'is', null)
      .where('given_up_at', 'is', null)
      .where('created_at', '<=', end.giveUpBefore)
      .executeTakeFirst()
    const messages = (end.isHopeless ? deliveries.length : 0) + Number(old.numUpdatedRows)
    if (messages > 0)
      await recordNotice(tx, end.tell({ target, messages, problem: end.problem, at: end.now }))
    await tx
      .updateTable('event_target')
      .set((eb) => ({
        failures: eb('failures', '+', 1),
        retry_at: Math.round(end.retryAt),
        last_error: end.problem,
        last_error_at: end.now,
      }))
      .where('target_id', '=', target_id)
      .execute()
  })
}

/**
 * Bounds what waits for a target, and for all targets of an account, which share alike: of what it is owed the newest messages stay,
 * those before are given up, and twice as far back they are gone.
 */
export async function boundDeliveries(
  store: Store,
  { ofTarget, ofAccount }: { readonly ofTarget: number; readonly ofAccount: number },
  { now, tell }: { readonly now: number; readonly tell: Tell },
): Promise<void> {
  const targets = await store.db
    .selectFrom('event_target as target')
    .select(['target.account_id', 'target.target_id', 'target.name', 'target.kind', 'target.sequence'])
    .select((eb) =>
      eb
        .selectFrom('event_target as other')
        .whereRef('other.account_id', '=', 'target.account_id')
        .select((of) => of.fn.countAll<number>().as('targets'))
        .as('targets'),
    )
    .execute()
  for (const { sequence, targets: count, ...target } of targets) {
    const most = Math.min(ofTarget, Math.max(1, Math.floor(ofAccount / Number(count))))
    if (sequence <= most) continue
    const { target_id } = target
    const problem = `more than ${most} messages waited`
    await store.transaction(async (tx) => {
      const result = await tx
        .updateTable('event_delivery')
        .set({ given_up_at: now, last_error: problem })
        .where('target_id', '=', target_id)
        .where('delivered_at', 'is', null)
        .where('given_up_at', 'is', null)
        .where('sequence', '<=', sequence - most)
        .executeTakeFirst()
      const messages = Number(result.numUpdatedRows)
      if (messages > 0) await recordNotice(tx, tell({ target, messages, problem, at: now }))
    })
    await store.db
      .deleteFrom('event_delivery')
      .where('target_id', '=', target_id)
      .where('given_up_at', 'is not', null)
      .where('sequence', '<=', sequence - 2 * most)
      .execute()
  }
}

/** Owes again what was given up, and tries at once. @returns How many messages. */
export async function retryDeliveries(store: Store, targetId: string, now: number): Promise<number> {
  return await store.transaction(async (tx) => {
    const result = await tx
      .updateTable('event_delivery')
      .set({ given_up_at: null, created_at: now, due_at: now, refusals: 0 })
      .where('target_id', '=', targetId)
      .where('given_up_at', 'is not', null)
      .executeTakeFirst()
    await tx.updateTable('event_target').set({ retry_at: now }).where('target_id', '=', targetId).execute()
    return Number(result.numUpdatedRows)
  })
}

/** How many messages the target of the row (`event_target`) is owed, or how many were given up: each by an index of its own. */
export function waiting(isGivenUp: boolean): RawBuilder<number> {
  return sql<number>`(select count(*) from event_delivery as d where d.target_id = event_target.target_id
    and d.delivered_at is null and d.given_up_at is ${sql.raw(isGivenUp ? 'not null' : 'null')})`
}

/** By target, how many messages it is owed, and how many were given up. */
export async function deliveryCounts(
  db: Queryable,
  targetIds: readonly string[],
): Promise<ReadonlyMap<string, { readonly owed: number; readonly givenUp: number }>> {
  if (targetIds.length === 0) return new Map()
  const rows = await db
    .selectFrom('event_target')
    .select('target_id')
    .select([waiting(false).as('owed'), waiting(true).as('given_up')])
    .where('target_id', 'in', targetIds)
    .execute()
  return new Map(
    rows.map(({ target_id, owed, given_up }) => [
      target_id,
      { owed: Number(owed), givenUp: Number(given_up) },
    ]),
  )
}
