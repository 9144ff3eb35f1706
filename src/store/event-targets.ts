import type { EventTargetTable } from './schema-events.ts'
import type { Queryable } from './store.ts'

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
