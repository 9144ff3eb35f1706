import { createHash } from 'node:crypto'
import { uuidOf } from './event.ts'
import type { Message } from './message.ts'
import type { SnsSigner } from './sns-signer.ts'
import type { TargetRequest } from './target.ts'

/**
 * What SNS sends to the HTTP endpoints of a topic (docs.aws.amazon.com/sns/latest/dg/sns-message-and-json-formats.html), so that what
 * receives it from AWS receives it from here.
 */

/** An endpoint of a topic. */
export interface Subscription {
  readonly url: string
  readonly topicArn: string
  readonly targetId: string
  /** What it confirms with; until it has, it gets nothing but this. */
  readonly token?: string | undefined
}

/** How long a token confirms, in milliseconds, as in AWS. */
export const TOKEN_MS: number = 2 * 86_400_000
export const SUBSCRIPTION_DETAIL_TYPE = 'Event Target State Change'
/** Below the server's public address. */
export const SNS_PATH = '/sns/'

export function hashOfToken(token: string): string {
  return createHash('sha256').update(token).digest('hex')
}

export function subscriptionArnOf(topicArn: string, targetId: string): string {
  return `${topicArn}:${uuidOf(targetId)}`
}

/** The id of a message stays the same however often it is sent; its time is the try's, since receivers refuse what is old. */
export function snsRequest(
  signer: SnsSigner,
  publicUrl: string,
  subscription: Subscription,
  message: Message,
  at: number,
): TargetRequest {
  const { url, topicArn, targetId } = subscription
  const isConfirmation = message.isConfirmation === true
  const subscriptionArn = subscriptionArnOf(topicArn, targetId)
  const common = {
    Type: isConfirmation ? 'SubscriptionConfirmation' : 'Notification',
    MessageId: message.event.id,
    TopicArn: topicArn,
    Timestamp: new Date(at).toISOString(),
  }
  const fields: Readonly<Record<string, unknown>> = isConfirmation
    ? confirmation(publicUrl, subscription)
    : notification(publicUrl, subscriptionArn, message)
  const unsigned: Readonly<Record<string, unknown>> = { ...common, ...fields }
  const body = {
    ...unsigned,
    SignatureVersion: '2',
    Signature: signer.sign(canonical(unsigned)),
    SigningCertURL: `${publicUrl}${SNS_PATH}${signer.fileName}`,
  }
  return {
    url: new URL(url),
    headers: {
      'content-type': 'text/plain; charset=UTF-8',
      'user-agent': 'roleback',
      'x-amz-sns-message-type': common.Type,
      'x-amz-sns-message-id': common.MessageId,
      'x-amz-sns-topic-arn': topicArn,
      ...(!isConfirmation && { 'x-amz-sns-subscription-arn': subscriptionArn }),
    },
    body: JSON.stringify(body),
  }
}

function confirmation(
  publicUrl: string,
  { topicArn, token = '' }: Subscription,
): Readonly<Record<string, unknown>> {
  const query = new URLSearchParams({ Action: 'ConfirmSubscription', TopicArn: topicArn, Token: token })
  return {
    Token: token,
    Message: `You have chosen to subscribe to the topic ${topicArn}.\nTo confirm the subscription, visit the SubscribeURL included in this message.`,
    SubscribeURL: `${publicUrl}${SNS_PATH}?${query.toString()}`,
  }
}

/** What a vault tells its topic, in AWS's words; of what comes by a pattern, the event, as EventBridge sends it to a topic. */
function notification(
  publicUrl: string,
  subscriptionArn: string,
  { event, notification: told }: Message,
): Readonly<Record<string, unknown>> {
  const query = new URLSearchParams({ Action: 'Unsubscribe', SubscriptionArn: subscriptionArn })
  const UnsubscribeURL = `${publicUrl}${SNS_PATH}?${query.toString()}`
  if (told === undefined) return { Message: JSON.stringify(event), UnsubscribeURL }
  const attributes = Object.entries(told.attributes).map(
    ([name, Value]) => [name, { Type: 'String', Value }] as const,
  )
  return {
    Subject: told.subject,
    Message: told.text,
    MessageAttributes: Object.fromEntries(attributes),
    UnsubscribeURL,
  }
}

/** In this order, and of these only those that a message has (docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html). */
const SIGNED = [
  'Message',
  'MessageId',
  'Subject',
  'SubscribeURL',
  'Timestamp',
  'Token',
  'TopicArn',
  'Type',
] as const

function canonical(message: Readonly<Record<string, unknown>>): string {
  return SIGNED.flatMap((name) => {
    const value = message[name]
    return typeof value === 'string' ? [`${name}\n${value}\n`] : []
  }).join('')
}
