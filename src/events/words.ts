import { printable } from '../lib/log.ts'
import { stateOf, textIn } from './event.ts'
import type { Event } from './event.ts'
import type { Message } from './message.ts'

/** What a chat shows of a message: plain words. Names in it come from whoever may name a resource, and are nobody's markup. */
export function wordsOf({ event, notification }: Message): string {
  if (notification !== undefined) return plain(notification.text)
  const state = stateOf(event)
  const why = textIn(event, 'statusMessage')
  const head = `${event['detail-type']}${state === undefined ? '' : `: ${state}`}`
  const about = event.resources.length === 0 ? '' : `\n${event.resources.join('\n')}`
  return plain(
    `${head}${about}${why === undefined ? '' : `\n${why}`}\naccount ${event.account}, ${event.region}, ${event.time}`,
  )
}

const MAX_CHARACTERS = 1_500

/** Line by line printable, no mention of anybody (`@`), nothing that a client makes a link of. */
export function plain(text: string): string {
  const lines = text.split('\n').map((line) => printable(line))
  const dull = lines.join('\n').replaceAll('@', '@\u200b').replaceAll('://', ':\u200b//')
  return dull.length <= MAX_CHARACTERS ? dull : `${dull.slice(0, MAX_CHARACTERS)}…`
}

/** A call that is sent when somebody tries a target. */
export function trialOf(
  event: Omit<Event, 'version' | 'detail-type' | 'source' | 'resources' | 'detail'>,
): Event {
  return {
    version: '0',
    'detail-type': 'Roleback Test Event',
    source: 'roleback',
    resources: [],
    detail: { message: 'This is a test: whatever this target asks for will come this way' },
    ...event,
  }
}
