import type { GivenUp } from '../store/events/event-deliveries.ts'
import type { Notice } from '../store/events/events.ts'

export const GIVEN_UP_DETAIL_TYPE = 'Event Delivery Given Up'

const DAY_MS = 86_400_000

/**
 * Tells the other targets of an account that messages to one of them were given up: once a day for each, since the one that is away may be
 * owed this, too, and it is given up in its turn.
 */
export function givenUpNotice({ target, messages, problem, at }: GivenUp, region: string): Notice {
  const { account_id: accountId, target_id: targetId, name, kind } = target
  const what = `${messages} ${messages === 1 ? 'message' : 'messages'} to event target ${name}`
  return {
    accountId,
    region,
    at,
    detailType: GIVEN_UP_DETAIL_TYPE,
    resources: [],
    detail: {
      targetName: name,
      targetType: kind,
      messages,
      state: 'GIVEN_UP',
      statusMessage: `${what} ${messages === 1 ? 'was' : 'were'} given up: ${problem}`,
    },
    cause: `given up ${targetId} ${Math.floor(at / DAY_MS)}`,
  }
}
