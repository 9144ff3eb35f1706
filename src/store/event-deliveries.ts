import type { EventDeliveryTable } from './schema-events.ts'
import type { Queryable } from './store.ts'

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
