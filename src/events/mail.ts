import { createHash } from 'node:crypto'
import type { Mail } from '../egress/pinned-mail.ts'
import { stateOf, textIn } from './event.ts'
import type { Event } from './event.ts'
import { GIVEN_UP_DETAIL_TYPE } from './given-up.ts'
import type { Message } from './message.ts'
import { plain } from './words.ts'

/** Events that one mail tells of. */
export const MAIL_EVENTS = 100
/** A target gets no more than one mail in this time, in milliseconds: what happens meanwhile is told together. */
export const MAIL_PAUSE_MS = 60_000
const MAX_SUBJECT = 160

/** What a mailbox gets that asks for nothing in particular: what somebody has to look at. */
const TROUBLES = [
  'FAILED',
  'EXPIRED',
  'PARTIAL',
  'ABORTED',
  'MISSED',
  'DAMAGED',
  'UNSUBSCRIBED',
  'GIVEN_UP',
  'HELD',
]
export const TROUBLE_PATTERN: string = JSON.stringify({
  $or: [
    { detail: { state: TROUBLES } },
    { detail: { status: TROUBLES } },
    { 'detail-type': ['Server Silence'] },
  ],
})

/** Whose mail it is, and where it goes. */
export interface MailPlace {
  readonly from: string
  readonly to: readonly string[]
  readonly targetName: string
  readonly targetId: string
}

/** One mail of one event or of many. The same events are the same mail, however often it is sent. */
export function mailOf(place: MailPlace, messages: readonly Message[]): Mail {
  const [first] = messages as readonly [Message, ...Message[]]
  const blocks = messages.map((message) => blockOf(message))
  const heads = countsOf(messages)
  const intro =
    messages.length === 1
      ? ''
      : `${messages.length} events:\n${heads.map((head) => `  ${head}\n`).join('')}\n`
  const domain = place.from.slice(place.from.lastIndexOf('@') + 1)
  const id = createHash('sha256')
    .update([place.targetId, ...messages.map(({ event }) => event.id)].join(' '))
    .digest('hex')
  return {
    from: place.from,
    to: place.to,
    subject: subjectOf(messages, heads),
    text: `${intro}${blocks.join('\n----\n\n')}\n-- \nSent by the target "${place.targetName}" of the Roleback account ${first.event.account}. Change it: ./roleback notify\n`,
    messageId: `<${id.slice(0, 40)}@${domain}>`,
    headers: {
      'List-Id': `<${place.targetName}.${first.event.account}.events.roleback>`,
      // RFC 3834: nothing answers it by itself, and so nothing goes round.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
    },
  }
}

/** `FAILED backup job`, as people say it. */
function headOf(event: Event): string {
  const type = event['detail-type']
  const what = type.replace(/ State Change$/, '')
  const state = stateOf(event)
  return what === type || state === undefined ? type : `${state} ${what.toLowerCase()}`
}

/** Heads by how often they are there, troubles first. */
function countsOf(messages: readonly Message[]): readonly string[] {
  const groups = Map.groupBy(messages, ({ event }) => headOf(event))
  const rank = ([, [first]]: readonly [string, readonly Message[]]): number =>
    first !== undefined && TROUBLES.includes(stateOf(first.event) ?? '') ? 0 : 1
  return [...groups]
    .toSorted((a, b) => rank(a) - rank(b) || b[1].length - a[1].length)
    .map(([head, theirs]) => (theirs.length === 1 ? head : `${theirs.length} × ${head}`))
}

function subjectOf(messages: readonly Message[], heads: readonly string[]): string {
  const [first] = messages
  if (first === undefined || messages.length > 1) return oneLine(`Roleback: ${heads.join(', ')}`)
  const { event } = first
  const about = textIn(event, 'resourceArn') ?? event.resources[0] ?? ''
  const why = textIn(event, 'statusMessage')
  return oneLine(
    `Roleback: ${headOf(event)}${about === '' ? '' : ` ${about}`}${why === undefined ? '' : `: ${why}`}`,
  )
}

/** Names in it come from whoever may name a resource: no line break of theirs becomes a header. */
function oneLine(text: string): string {
  const line = plain(text.replaceAll(/\s+/g, ' '))
  return line.length <= MAX_SUBJECT ? line : `${line.slice(0, MAX_SUBJECT - 3)}...`
}

function blockOf({ event, notification }: Message): string {
  const resource = textIn(event, 'resourceArn')
  const lines: readonly (readonly [label: string, text: string | undefined])[] = [
    ['', headOf(event)],
    ['', notification?.text],
    ['Resource: ', resource],
    ...event.resources.filter((arn) => arn !== resource).map((arn) => ['Concerns: ', arn] as const),
    ['Reason: ', textIn(event, 'statusMessage')],
    ['When and where: ', `${event.time}, account ${event.account}, ${event.region}`],
    ['What to do next: ', nextStepOf(event)],
  ]
  return lines
    .flatMap(([label, text]) =>
      text === undefined ? [] : [`${label}${plain(text.replaceAll(/\s+/g, ' '))}\n`],
    )
    .join('')
}

function nextStepOf(event: Event): string | undefined {
  const isTrouble = TROUBLES.includes(stateOf(event) ?? '')
  const job = ['backupJobId', 'copyJobId', 'restoreJobId', 'jobId']
    .map((member) => textIn(event, member))
    .find((id) => id !== undefined)
  if (job !== undefined && isTrouble)
    return `see what it did with ./roleback job show ${job}, and what it was allowed and denied with ./roleback job decisions ${job}`
  switch (event['detail-type']) {
    case 'Recovery Point Objective Missed':
      return 'see which jobs there were with aws backup list-backup-jobs --by-resource-arn, and whether the plan is paused; start a backup by hand where it cannot wait'
    case 'Backup Plan Run State Change':
      return isTrouble
        ? 'see the jobs of the run in the console, or start the backup by hand where it cannot wait'
        : undefined
    case 'Server Silence':
      return 'find out why no server ran; runs that were missed are made up for only where their start window is still open'
    case 'Vault Damage Detected':
      return `see ./roleback vault status ${textIn(event, 'backupVaultName') ?? ''}: it is repaired from what the vault and copies still have; back up anew what a repair cannot bring back`
    case 'Deletions Held': {
      const vault = textIn(event, 'backupVaultName') ?? ''
      return `see ./roleback vault held ${vault}, and let go what may go: ./roleback vault approve ${vault} ARN… | --all`
    }
    case GIVEN_UP_DETAIL_TYPE:
      return `see ./roleback notify list, and send again within a week what was given up: ./roleback notify retry ${textIn(event, 'targetName') ?? ''}`
    case 'Recovery Point State Change':
      return isTrouble
        ? 'read its StatusMessage: a right is missing, or its deletion is held until somebody approves it'
        : undefined
    default:
      return undefined
  }
}
