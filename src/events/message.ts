import type { Event } from './event.ts'
import type { Notification } from './notification.ts'

/** What is owed to a target: an event, and for a topic's subscriber what the topic says of it. */
export interface Message {
  readonly event: Event
  readonly notification?: Notification
  /** Asks an SNS endpoint whether it wants what comes. */
  readonly isConfirmation?: boolean
}
