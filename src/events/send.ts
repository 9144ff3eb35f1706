import { MailRefusedError, sendPinnedMail } from '../egress/pinned-mail.ts'
import { EgressError, pinnedRequest } from '../egress/pinned-request.ts'
import type { PlaceRules, Reach } from '../egress/pinned-request.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import type { Clock } from '../lib/clock.ts'
import type { EventTargetTable } from '../store/events/schema-events.ts'
import type { Store } from '../store/store.ts'
import { mailOf } from './mail.ts'
import type { Message } from './message.ts'
import { snsRequest } from './sns.ts'
import { openSnsSigner } from './sns-signer.ts'
import { openTarget, requestFor, settingsOf } from './target.ts'
import type { HttpKind, TargetRequest } from './target.ts'

const TIMEOUT_MS = 10_000
/** A mail server says several things before it takes a mail, and may look at it. Shorter than a delivery's lease. */
const MAIL_TIMEOUT_MS = 20_000
/** Whatever a target answers beyond its status is of no interest. */
const MAX_ANSWER_BYTES = 64 * 1024
/** Answers that speak of the message, not of the target. */
const REFUSALS: readonly number[] = [400, 413, 415, 422]

export interface SendOptions {
  readonly serverKey: ServerKey
  readonly clock: Clock
  readonly reach: Reach
  readonly managementAccountId: string
  readonly store: Store
  /** By which others reach this server, without a slash at its end. */
  readonly publicUrl: () => string
}

/** Why a target did not take a message; addresses are never in it. */
export interface Failure {
  readonly problem: string
  /** It was reached and will not have this message, as it is. */
  readonly isRefused: boolean
}

/**
 * Tells a target of messages: a mail of all of them, any other of the first and only one.
 * @param sequence Number of the first among the target's, from 1.
 * @returns Undefined where the target took it.
 */
export async function sendTo(
  options: SendOptions,
  target: EventTargetTable,
  messages: readonly Message[],
  sequence: number,
): Promise<Failure | undefined> {
  const rules = { isListedOnly: target.account_id !== options.managementAccountId }
  try {
    if (target.kind === 'MAIL') return await mailTo(options, target, messages, rules)
    return await post(options, target, messages[0] as Message, { sequence, rules })
  } catch (error) {
    if (error instanceof MailRefusedError) return { problem: error.message, isRefused: error.isForGood }
    // An answer that is too long or broken, an address that cannot be opened: nothing of it is shown but its kind.
    const kind = error instanceof Error ? error.name : 'unknown failure'
    return { problem: error instanceof EgressError ? error.message : kind, isRefused: false }
  }
}

async function post(
  options: SendOptions,
  target: EventTargetTable,
  message: Message,
  { sequence, rules }: { readonly sequence: number; readonly rules: PlaceRules },
): Promise<Failure | undefined> {
  // Whoever was named and did not ask for it gets one question, and nothing else.
  if (target.token_hash !== null && message.isConfirmation !== true)
    return { problem: 'its subscription is not confirmed', isRefused: true }
  const request = await requestTo(options, target, message, sequence)
  const { status } = await pinnedRequest(options.reach, {
    ...request,
    ...rules,
    method: 'POST',
    maxBytes: MAX_ANSWER_BYTES,
    timeoutMs: TIMEOUT_MS,
  })
  if (status >= 200 && status < 300) return undefined
  return { problem: `it answered with status ${status}`, isRefused: REFUSALS.includes(status) }
}

async function requestTo(
  { store, serverKey, clock, publicUrl }: SendOptions,
  target: EventTargetTable,
  message: Message,
  sequence: number,
): Promise<TargetRequest> {
  const secret = openTarget(serverKey, target)
  const at = clock.now()
  if (target.kind !== 'SNS') return requestFor(target.kind as HttpKind, secret, message, { sequence, at })
  const signer = await openSnsSigner(store, serverKey)
  const { target_id: targetId, topic_arn: topicArn } = target
  return snsRequest(
    signer,
    publicUrl(),
    { url: secret.url, topicArn: topicArn ?? '', targetId, token: secret.confirmationToken },
    message,
    at,
  )
}

async function mailTo(
  { reach, serverKey }: SendOptions,
  target: EventTargetTable,
  messages: readonly Message[],
  rules: PlaceRules,
): Promise<undefined> {
  const { url, credentials } = openTarget(serverKey, target)
  const { mail } = settingsOf(target)
  if (mail === undefined) throw new Error(`The mail target ${target.target_id} has no addresses`)
  await sendPinnedMail(reach, {
    ...rules,
    url: new URL(url),
    credentials,
    authority: mail.authority,
    mail: mailOf({ ...mail, targetName: target.name, targetId: target.target_id }, messages),
    timeoutMs: MAIL_TIMEOUT_MS,
  })
}
