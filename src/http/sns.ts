import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerFacts } from '../context.ts'
import { SNS_PATH } from '../events/sns.ts'
import { snsCertificate } from '../events/sns-signer.ts'
import type { Clock } from '../lib/clock.ts'
import { uuid } from '../lib/ids.ts'
import type { Log } from '../lib/log.ts'
import { confirmSubscription, endSubscription } from '../roleback/sns-subscriptions.ts'
import type { Store } from '../store/store.ts'

/**
 * What endpoints of topics visit: the certificate, SubscribeURL and UnsubscribeURL, or ConfirmSubscription and Unsubscribe of SNS's query
 * API. As in AWS nobody signs these: whoever has the token, or the subscription's ARN, may.
 */

export interface SnsOptions {
  readonly store: Store
  readonly clock: Clock
  readonly log: Log
  readonly facts: ServerFacts
}

/** Longer than any of the parameters can be, in bytes. */
const MAX_FORM_BYTES = 8 * 1024
const XMLNS = 'http://sns.amazonaws.com/doc/2010-03-31/'

interface Answer {
  readonly status: number
  readonly type: string
  readonly body: string
}

export function isForSns({ url = '' }: IncomingMessage): boolean {
  return `${pathOf(url)}/`.startsWith(SNS_PATH)
}

export async function serveSns(
  options: SnsOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const requestId = uuid()
  let answer: Answer
  try {
    answer = await answerOf(options, request, requestId)
  } catch (error) {
    options.log.error('request failed', { requestId, operation: 'sns', error: String(error) })
    answer = refusal(requestId, 500, 'InternalError', `Something failed; request ${requestId}`)
  }
  response.writeHead(answer.status, {
    'content-type': answer.type,
    'content-length': Buffer.byteLength(answer.body),
    'x-amzn-requestid': requestId,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  })
  response.end(answer.body)
  // Without its address: a token is in it.
  options.log.info('request', { requestId, service: 'sns', status: answer.status })
}

async function answerOf(
  { store, clock, facts }: SnsOptions,
  request: IncomingMessage,
  requestId: string,
): Promise<Answer> {
  const { url = '' } = request
  const method = request.method ?? ''
  const name = pathOf(url).slice(SNS_PATH.length)
  if (name !== '') {
    const certificate = method === 'GET' ? await snsCertificate(store, name) : undefined
    if (certificate === undefined) return refusal(requestId, 404, 'NotFound', 'There is nothing here')
    return { status: 200, type: 'application/x-pem-file', body: certificate }
  }
  const form = method === 'GET' ? url.slice(url.indexOf('?') + 1) : await formOf(request)
  if (form === undefined || !['GET', 'POST'].includes(method))
    return refusal(requestId, 400, 'InvalidParameter', 'The request is none of SNS')
  const given = new URLSearchParams(form)
  const at = { region: facts.regions[0] as string, now: clock.now() }
  switch (given.get('Action') ?? '') {
    case 'ConfirmSubscription': {
      const [topicArn, token] = [given.get('TopicArn') ?? '', given.get('Token') ?? '']
      const arn = await confirmSubscription(store, { topicArn, token }, at)
      if (arn === undefined)
        return refusal(
          requestId,
          400,
          'InvalidParameter',
          'Invalid parameter: Token: it is none of this topic, or older than two days. Put the target again to be asked anew',
        )
      return done(requestId, 'ConfirmSubscription', `<SubscriptionArn>${escaped(arn)}</SubscriptionArn>`)
    }
    case 'Unsubscribe': {
      if (await endSubscription(store, given.get('SubscriptionArn') ?? '', at))
        return done(requestId, 'Unsubscribe', undefined)
      return refusal(requestId, 404, 'NotFound', 'Subscription does not exist')
    }
    default:
      return refusal(
        requestId,
        400,
        'InvalidAction',
        'Only ConfirmSubscription and Unsubscribe are here: targets are put with roleback notify put',
      )
  }
}

/** Undefined where it is too long. */
async function formOf(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > MAX_FORM_BYTES) return undefined
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString()
}

function done(requestId: string, action: string, result: string | undefined): Answer {
  const inner = result === undefined ? '' : `<${action}Result>${result}</${action}Result>`
  const meta = `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata>`
  return xml(200, `<${action}Response xmlns="${XMLNS}">${inner}${meta}</${action}Response>`)
}

function refusal(requestId: string, status: number, code: string, message: string): Answer {
  const type = status < 500 ? 'Sender' : 'Receiver'
  const error = `<Error><Type>${type}</Type><Code>${code}</Code><Message>${escaped(message)}</Message></Error>`
  return xml(
    status,
    `<ErrorResponse xmlns="${XMLNS}">${error}<RequestId>${requestId}</RequestId></ErrorResponse>`,
  )
}

const xml = (status: number, body: string): Answer => ({ status, type: 'text/xml', body })

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

/** `/sns` is `/sns/`: SDKs take the slash away. */
function pathOf(url: string): string {
  const path = url.split('?')[0] as string
  return path === '/sns' ? SNS_PATH : path
}
