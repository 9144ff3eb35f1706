import type { EventTargetTable } from './schema-events.ts'
import type { Queryable } from '../store.ts'

/** Of all accounts, or of one, by name. */
export async function listEventTargets(
  db: Queryable,
  accountIds: readonly string[],
): Promise<readonly EventTargetTable[]> {
  if (accountIds.length === 0) return []
  return await db
    .selectFrom('event_target')
    .selectAll()
    .where('account_id', 'in', accountIds)
    .orderBy('account_id')
    .orderBy('name')
    .execute()
}

export async function findEventTarget(
  db: Queryable,
  accountId: string,
  name: string,
): Promise<EventTargetTable | undefined> {
  return await db
    .selectFrom('event_target')
    .selectAll()
    .where('account_id', '=', accountId)
    .where('name', '=', name)
    .executeTakeFirst()
}

/** What a call declares of a target; how it took its messages so far stays with it. */
export type DeclaredTarget = Pick<
  EventTargetTable,
  | 'account_id'
  | 'name'
  | 'target_id'
  | 'kind'
  | 'settings'
  | 'secret'
  | 'pattern'
  | 'topic_arn'
  | 'wants_calls'
  | 'token_hash'
>

export async function putEventTarget(
  db: Queryable,
  target: DeclaredTarget,
  by: { readonly arn: string; readonly now: number },
): Promise<void> {
  const { kind, settings, secret, pattern, topic_arn, wants_calls, token_hash } = target
  await db
    .insertInto('event_target')
    .values({
      ...target,
      sequence: 0,
      created_at: by.now,
      created_by: by.arn,
      failures: 0,
      retry_at: by.now,
      last_delivered_at: null,
      last_error: null,
      last_error_at: null,
    })
    // Declared anew it is tried at once, whatever went wrong before.
    .onConflict((conflict) =>
      conflict.columns(['account_id', 'name']).doUpdateSet({
        kind,
        settings,
        secret,
        pattern,
        topic_arn,
        wants_calls,
        token_hash,
        failures: 0,
        retry_at: by.now,
      }),
    )
    .execute()
}

/** Endpoints of a topic, of whichever account. */
export async function listEndpoints(db: Queryable, topicArn: string): Promise<readonly EventTargetTable[]> {
  return await db
    .selectFrom('event_target')
    .selectAll()
    .where('topic_arn', '=', topicArn)
    .where('kind', '=', 'SNS')
    .orderBy('target_id')
    .execute()
}

/** From now on it gets what the topic does. False where it did so already, or was asked anew meanwhile. */
export async function confirmEndpoint(db: Queryable, targetId: string, tokenHash: string): Promise<boolean> {
  const result = await db
    .updateTable('event_target')
    .set({ token_hash: null })
    .where('target_id', '=', targetId)
    .where('token_hash', '=', tokenHash)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** It gets nothing more, what it is owed included. @param tokenHash Of a token that nobody has. Give it a transaction. */
export async function unsubscribeEndpoint(
  db: Queryable,
  target: EventTargetTable,
  { settings, tokenHash }: { readonly settings: string; readonly tokenHash: string },
): Promise<boolean> {
  const result = await db
    .updateTable('event_target')
    .set({ token_hash: tokenHash, settings })
    .where('target_id', '=', target.target_id)
    .where('token_hash', 'is', null)
    .executeTakeFirst()
  if (result.numUpdatedRows === 1n) await forgetDeliveries(db, target.target_id)
  return result.numUpdatedRows === 1n
}

export async function forgetDeliveries(db: Queryable, targetId: string): Promise<void> {
  await db.deleteFrom('event_delivery').where('target_id', '=', targetId).execute()
}

/** With all that it is owed. Give it a transaction. */
export async function deleteEventTarget(db: Queryable, target: EventTargetTable): Promise<void> {
  await forgetDeliveries(db, target.target_id)
  await db.deleteFrom('event_target').where('target_id', '=', target.target_id).execute()
}
