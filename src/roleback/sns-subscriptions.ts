import { hash, timingSafeEqual } from 'node:crypto'
import { hashOfToken, subscriptionArnOf, SUBSCRIPTION_DETAIL_TYPE } from '../events/sns.ts'
import { settingsOf } from '../events/target.ts'
import { randomHex } from '../lib/ids.ts'
import { confirmEndpoint, listEndpoints, unsubscribeEndpoint } from '../store/events/event-targets.ts'
import { recordNotice } from '../store/events/events.ts'
import type { EventTargetTable } from '../store/events/schema-events.ts'
import type { Queryable, Store } from '../store/store.ts'

/** What anybody may do who has an endpoint's token, or the ARN of its subscription: confirm it, and end it. */

export type SubscriptionState = 'PENDING_CONFIRMATION' | 'CONFIRMED' | 'UNSUBSCRIBED'

/** @returns The subscription's ARN; undefined where the token is none of the topic's, or too old. */
export async function confirmSubscription(
  store: Store,
  { topicArn, token }: { readonly topicArn: string; readonly token: string },
  at: { readonly region: string; readonly now: number },
): Promise<string | undefined> {
  const tokenHash = hashOfToken(token)
  for (const target of await listEndpoints(store.db, topicArn)) {
    const { subscription } = settingsOf(target)
    if (subscription === undefined || !isSame(tokenHash, subscription.tokenHash)) continue
    if (subscription.expiresAt <= at.now) return undefined
    await store.transaction(async (tx) => {
      // Visited again it answers alike, as AWS does.
      if (await confirmEndpoint(tx, target.target_id, tokenHash)) await tellOf(tx, target, 'CONFIRMED', at)
    })
    return subscriptionArnOf(topicArn, target.target_id)
  }
  return undefined
}

/** The target stays, and gets nothing until it is put again and confirms anew. False where nothing has that ARN. */
export async function endSubscription(
  store: Store,
  subscriptionArn: string,
  at: { readonly region: string; readonly now: number },
): Promise<boolean> {
  const topicArn = subscriptionArn.slice(0, Math.max(0, subscriptionArn.lastIndexOf(':')))
  const endpoints = await listEndpoints(store.db, topicArn)
  const target = endpoints.find(({ target_id }) =>
    isSame(subscriptionArnOf(topicArn, target_id), subscriptionArn),
  )
  if (target === undefined) return false
  const settings = JSON.stringify({ ...settingsOf(target), subscription: undefined })
  const tokenHash = hashOfToken(randomHex(32))
  await store.transaction(async (tx) => {
    if (await unsubscribeEndpoint(tx, target, { settings, tokenHash }))
      await tellOf(tx, target, 'UNSUBSCRIBED', at)
  })
  return true
}

/** An event of its own: whoever listens hears who else does, and who stops. */
export async function tellOf(
  db: Queryable,
  target: Pick<EventTargetTable, 'account_id' | 'name' | 'target_id' | 'topic_arn'>,
  state: SubscriptionState,
  { region, now }: { readonly region: string; readonly now: number },
): Promise<void> {
  await recordNotice(db, {
    accountId: target.account_id,
    region,
    at: now,
    detailType: SUBSCRIPTION_DETAIL_TYPE,
    resources: target.topic_arn === null ? [] : [target.topic_arn],
    detail: { name: target.name, type: 'SNS', topicArn: target.topic_arn, state },
    cause: `subscription ${target.target_id} ${state} ${randomHex(8)}`,
  })
}

/** Of what anybody may send, as long as it likes and in any script. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))
}
