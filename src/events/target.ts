import { createHmac, randomBytes } from 'node:crypto'
import type { ServerKey } from '../keyring/server-key.ts'
import type { EventTargetTable } from '../store/events/schema-events.ts'
import { stateOf } from './event.ts'
import type { Event } from './event.ts'
import type { Message } from './message.ts'
import { wordsOf } from './words.ts'

/** Where messages go, and what they look like there. */
export interface TargetSecret {
  /** Chats take messages from whoever knows the address. */
  readonly url: string
  /** `whsec_` and base64 of 24 to 64 bytes; webhooks only. */
  readonly signingSecret?: string | undefined
  /** With what a mail server is spoken to; mail only. */
  readonly credentials?: { readonly user: string; readonly password: string } | undefined
  /** What an SNS endpoint confirms its subscription with. */
  readonly confirmationToken?: string | undefined
}

/** Kinds that are reached by one POST; PING is a dead man's switch, which alarms when it hears nothing. */
export const HTTP_KINDS = ['WEBHOOK', 'SLACK', 'TEAMS', 'DISCORD', 'MATRIX', 'PING'] as const
/** Of those, of what a mail server is told, and of what a topic's endpoints are. */
export const TARGET_KINDS: readonly [...typeof HTTP_KINDS, 'MAIL', 'SNS'] = [...HTTP_KINDS, 'MAIL', 'SNS']
export type HttpKind = (typeof HTTP_KINDS)[number]

/** What may be shown of a target. */
export interface TargetSettings {
  /** `HOST` or `HOST:PORT`. */
  readonly host: string
  /** PING only. */
  readonly planId?: string | undefined
  /** MAIL only. */
  readonly mail?:
    | {
        readonly from: string
        readonly to: readonly string[]
        /** PEM; undefined: the authorities that the server's host trusts. */
        readonly authority?: string | undefined
      }
    | undefined
  /** SNS only: with what it confirms, as SHA-256 in hexadecimal, and until when (milliseconds); undefined once it unsubscribed. */
  readonly subscription?: { readonly tokenHash: string; readonly expiresAt: number } | undefined
}

export function settingsOf({ settings }: Pick<EventTargetTable, 'settings'>): TargetSettings {
  return JSON.parse(settings) as TargetSettings
}

export interface TargetRequest {
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Address and secrets, sealed for this target alone. */
export function sealTarget(serverKey: ServerKey, targetId: string, secret: TargetSecret): string {
  return serverKey.seal('event-target', targetId, Buffer.from(JSON.stringify(secret)))
}

/** @throws {SealError} Where they were sealed for another target, or by another server. */
export function openTarget(
  serverKey: ServerKey,
  { target_id, secret }: Pick<EventTargetTable, 'target_id' | 'secret'>,
): TargetSecret {
  return JSON.parse(serverKey.open('event-target', target_id, secret).toString()) as TargetSecret
}

export const newSigningSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`

/** Undefined where it is none: `whsec_` and base64 of 24 to 64 bytes, as Standard Webhooks has them. */
export function signingKeyOf(secret: string): Buffer | undefined {
  const base64 = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(secret)?.[1]
  const key = base64 === undefined ? undefined : Buffer.from(base64, 'base64')
  return key !== undefined && key.length >= 24 && key.length <= 64 ? key : undefined
}

/**
 * The request that tells a target of a message. The same message has the same `webhook-id` however often it is sent: who gets it
 * twice can tell.
 * @param sequence Number of the message among the target's, from 1.
 * @param at Milliseconds since 1970.
 */
export function requestFor(
  kind: HttpKind,
  { url, signingSecret }: TargetSecret,
  message: Message,
  { sequence, at }: { readonly sequence: number; readonly at: number },
): TargetRequest {
  if (kind === 'PING') {
    const headers = { 'content-type': 'text/plain; charset=utf-8', 'user-agent': 'roleback' }
    return { url: pingUrl(url, message.event), headers, body: wordsOf(message) }
  }
  const body = JSON.stringify(bodyOf(kind, message))
  const headers = { 'content-type': 'application/json', 'user-agent': 'roleback' }
  const key = signingSecret === undefined ? undefined : signingKeyOf(signingSecret)
  if (kind !== 'WEBHOOK' || key === undefined) return { url: new URL(url), headers, body }
  const id = `msg_${message.event.id}`
  const timestamp = String(Math.floor(at / 1000))
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')
  return {
    url: new URL(url),
    headers: {
      ...headers,
      // https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
      'webhook-id': id,
      'webhook-timestamp': timestamp,
      'webhook-signature': `v1,${signature}`,
      'roleback-sequence': String(sequence),
    },
    body,
  }
}

/** What a plan's run may come to that its switch is told of; a paused one is not, so that the switch alarms. */
const PING_ENDS: Readonly<Record<string, string>> = {
  STARTED: '/start',
  COMPLETED: '',
  PARTIAL: '/fail',
  FAILED: '/fail',
  EXPIRED: '/fail',
  ABORTED: '/fail',
  MISSED: '/fail',
  EMPTY: '/fail',
  // Another run stands for it, and says how it ended.
  SUPERSEDED: '/log',
}

/** The events that a switch of a plan is told of: how its runs begin and end. */
export function pingPattern(planId: string): string {
  return JSON.stringify({
    source: ['roleback'],
    'detail-type': ['Backup Plan Run State Change'],
    detail: { backupPlanId: [planId], state: Object.keys(PING_ENDS) },
  })
}

/** As healthchecks.io has it: URL for success, URL/start, URL/fail, and URL/log for what changes nothing. */
function pingUrl(base: string, event: Event): URL {
  const url = new URL(base)
  const end = PING_ENDS[stateOf(event) ?? ''] ?? '/log'
  url.pathname = `${url.pathname.replace(/\/$/, '')}${end}`
  return url
}

function bodyOf(kind: Exclude<HttpKind, 'PING'>, message: Message): unknown {
  const text = wordsOf(message)
  switch (kind) {
    case 'WEBHOOK':
      return message.notification === undefined
        ? message.event
        : { ...message.event, notification: message.notification }
    case 'SLACK':
      return { text: escapeAngles(text), unfurl_links: false, unfurl_media: false, link_names: false }
    case 'TEAMS':
      return {
        type: 'message',
        attachments: [{ contentType: 'application/vnd.microsoft.card.adaptive', content: cardOf(text) }],
      }
    case 'DISCORD':
      return {
        content: text.replaceAll(/[\\*_~`|>#[\]()<-]/g, String.raw`\$&`),
        allowed_mentions: { parse: [] },
      }
    case 'MATRIX':
      return { text, html: escapeAngles(text).replaceAll('"', '&quot;').replaceAll('\n', '<br>') }
  }
}

/** Rich text of single runs: the only block of a card that knows no Markdown. */
function cardOf(text: string): unknown {
  return {
    type: 'AdaptiveCard',
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    version: '1.4',
    body: text
      .split('\n')
      .map((line) => ({ type: 'RichTextBlock', inlines: [{ type: 'TextRun', text: line }] })),
  }
}

const escapeAngles = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
