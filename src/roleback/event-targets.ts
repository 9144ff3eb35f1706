import {
  InvalidParameterValueException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  DeleteEventTargetInput,
  DeleteEventTargetOutput,
  EventTarget,
  ListEventTargetsInput,
  ListEventTargetsOutput,
  PutEventTargetInput,
  PutEventTargetOutput,
  RetryEventDeliveriesInput,
  RetryEventDeliveriesOutput,
  TestEventTargetInput,
  TestEventTargetOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { sendTo } from '../events/deliver.ts'
import { asksForCalls, CALL_DETAIL_TYPE, parsePattern, PatternError } from '../events/pattern.ts'
import {
  HTTP_KINDS,
  newSigningSecret,
  openTarget,
  pingPattern,
  sealTarget,
  signingKeyOf,
} from '../events/target.ts'
import type { HttpKind, TargetSecret } from '../events/target.ts'
import { trialOf } from '../events/words.ts'
import { randomHex, uuid } from '../lib/ids.ts'
import { deliveryCounts, retryDeliveries } from '../store/event-deliveries.ts'
import {
  deleteEventTarget as removeEventTarget,
  findEventTarget,
  listEventTargets as eventTargetsOf,
  putEventTarget as storeEventTarget,
} from '../store/event-targets.ts'
import { findPlan } from '../store/plans.ts'
import type { EventTargetTable } from '../store/schema-events.ts'

/** Whom to tell of events: webhooks, chats and dead man's switches, each with a pattern of what it wants, or a topic that vaults notify. */

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const TOPIC = /^arn:[a-z-]+:sns:[a-z0-9-]*:\d{12}:[A-Za-z0-9_-]{1,256}$/
const MAX_TARGETS = 100
const MAX_URL = 2_048
/** What a target gets that asks for nothing in particular: every change of state, but no calls of the API. */
const EVERY_CHANGE = JSON.stringify({ 'detail-type': [{ 'anything-but': CALL_DETAIL_TYPE }] })

export async function putEventTarget(
  ctx: Context,
  input: PutEventTargetInput,
): Promise<PutEventTargetOutput> {
  if (!NAME.test(input.Name))
    throw refused('Name', 'must have 1 to 64 letters, digits, "-" and "_", beginning with a letter or digit')
  const kind = kindOf(input.Type)
  const before = await findEventTarget(ctx.store.db, ctx.accountId, input.Name)
  if (before === undefined && (await eventTargetsOf(ctx.store.db, [ctx.accountId])).length >= MAX_TARGETS)
    throw new LimitExceededException(`An account has ${MAX_TARGETS} event targets at most: delete one`)
  const kept = before?.kind === kind ? openTarget(ctx.serverKey, before) : undefined
  const secret = secretOf(ctx, kind, input, kept)
  const targetId = before?.target_id ?? randomHex(16)
  const pattern = kind === 'PING' ? await patternOfPlan(ctx, input) : patternOf(input)
  const wantsCalls = pattern !== null && asksForCalls(pattern)
  // Told of calls is who reads the trail.
  if (wantsCalls) await ctx.authorize('roleback:LookupAuditEvents', '*')
  await storeEventTarget(
    ctx.store.db,
    {
      account_id: ctx.accountId,
      name: input.Name,
      target_id: targetId,
      kind,
      settings: JSON.stringify({ host: new URL(secret.url).host, planId: input.BackupPlanId }),
      secret: sealTarget(ctx.serverKey, targetId, secret),
      pattern,
      topic_arn: topicOf(input),
      wants_calls: wantsCalls ? 1 : 0,
    },
    { arn: ctx.principal.arn, now: ctx.now },
  )
  return {
    Name: input.Name,
    // Shown once: nobody reads it again.
    SigningSecret: secret.signingSecret === kept?.signingSecret ? undefined : secret.signingSecret,
  }
}

function kindOf(type: string): HttpKind {
  const kind = HTTP_KINDS.find((one) => one === type)
  if (kind !== undefined) return kind
  throw refused('Type', `must be one of ${HTTP_KINDS.join(', ')}, not "${type}"`)
}

function secretOf(
  ctx: Context,
  kind: HttpKind,
  input: PutEventTargetInput,
  kept: TargetSecret | undefined,
): TargetSecret {
  const url = input.Url === undefined ? kept?.url : checkedUrl(ctx, input.Url)
  if (url === undefined) throw refused('Url', 'is missing: a new target, or one of another type, needs it')
  if (kind !== 'WEBHOOK') {
    if (input.SigningSecret !== undefined)
      throw refused('SigningSecret', 'is for webhooks only: no chat checks one')
    return { url }
  }
  if (input.SigningSecret !== undefined && signingKeyOf(input.SigningSecret) === undefined)
    throw refused('SigningSecret', 'must be "whsec_" and the base64 of 24 to 64 bytes')
  return { url, signingSecret: input.SigningSecret ?? kept?.signingSecret ?? newSigningSecret() }
}

/** Whether it may be connected to is decided at each connection; what is clear beforehand is refused here. Never echoes it. */
function checkedUrl(ctx: Context, text: string): string {
  const url = text.length <= MAX_URL ? URL.parse(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol))
    throw refused('Url', 'must be an https:// address')
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw refused('Url', 'must not have a user, a password or a fragment in it')
  const place = `${url.hostname}:${url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port}`
  const isListed = ctx.server.allowedEndpoints.includes(place)
  if (url.protocol === 'http:' && !isListed)
    throw refused(
      'Url',
      `must be https: without TLS only what serve --allow-endpoint ${place} names is spoken to`,
    )
  if (ctx.accountId !== ctx.server.managementAccountId && !isListed)
    throw refused('Url', `must be a place that the operator has allowed with serve --allow-endpoint ${place}`)
  return url.href
}

/** A switch hears of one plan's runs, and of nothing else. */
async function patternOfPlan(ctx: Context, input: PutEventTargetInput): Promise<string> {
  const { BackupPlanId: planId, EventPattern, TopicArn } = input
  if (planId === undefined) throw refused('BackupPlanId', 'is missing: a PING tells of the runs of one plan')
  if (EventPattern !== undefined || TopicArn !== undefined)
    throw refused(
      EventPattern === undefined ? 'TopicArn' : 'EventPattern',
      'is for other types: a PING has its plan',
    )
  const plan = await findPlan(ctx.store.db, ctx, planId)
  if (plan === undefined || plan.deleted_at !== null)
    throw new ResourceNotFoundException(`Cannot find backup plan "${planId}"`, { Context: planId })
  return pingPattern(planId)
}

function patternOf({ EventPattern, TopicArn, BackupPlanId }: PutEventTargetInput): string | null {
  if (BackupPlanId !== undefined)
    throw refused('BackupPlanId', 'is for the type PING: other types have a pattern')
  if (EventPattern === undefined) return TopicArn === undefined ? EVERY_CHANGE : null
  try {
    parsePattern(EventPattern)
    return EventPattern
  } catch (error) {
    if (error instanceof PatternError) throw refused('EventPattern', `means nothing here: ${error.message}`)
    throw error
  }
}

function topicOf({ TopicArn }: PutEventTargetInput): string | null {
  if (TopicArn === undefined) return null
  if (TOPIC.test(TopicArn)) return TopicArn
  throw refused(
    'TopicArn',
    `must be the ARN of an SNS topic, as the vault's notifications name it, not "${TopicArn}"`,
  )
}

export async function listEventTargets(
  ctx: Context,
  _input: ListEventTargetsInput,
): Promise<ListEventTargetsOutput> {
  const targets = await eventTargetsOf(ctx.store.db, [ctx.accountId])
  const counts = await deliveryCounts(
    ctx.store.db,
    targets.map(({ target_id }) => target_id),
  )
  return { EventTargets: targets.map((target) => toTarget(target, counts.get(target.target_id))) }
}

function toTarget(
  row: EventTargetTable,
  counts: { readonly owed: number; readonly givenUp: number } = { owed: 0, givenUp: 0 },
): EventTarget {
  const settings = JSON.parse(row.settings) as { readonly host: string; readonly planId?: string }
  const date = (at: number | null): Date | undefined => (at === null ? undefined : new Date(at))
  return {
    Name: row.name,
    Type: row.kind,
    Host: settings.host,
    BackupPlanId: settings.planId,
    EventPattern: row.pattern ?? undefined,
    TopicArn: row.topic_arn ?? undefined,
    CreationDate: new Date(row.created_at),
    LastDeliveredAt: date(row.last_delivered_at),
    LastError: row.last_error ?? undefined,
    LastErrorAt: date(row.last_error_at),
    Failures: row.failures,
    RetryAt: row.failures > 0 ? new Date(row.retry_at) : undefined,
    MessagesOwed: counts.owed,
    MessagesGivenUp: counts.givenUp,
  }
}

export async function deleteEventTarget(
  ctx: Context,
  input: DeleteEventTargetInput,
): Promise<DeleteEventTargetOutput> {
  const target = await targetNamed(ctx, input.Name)
  await ctx.store.transaction((tx) => removeEventTarget(tx, target))
  return {}
}

/** Sends one message at once, whatever the target waits for, and says what came of it. */
export async function testEventTarget(
  ctx: Context,
  input: TestEventTargetInput,
): Promise<TestEventTargetOutput> {
  const target = await targetNamed(ctx, input.Name)
  const { managementAccountId, allowedEndpoints, listen, ownEndpoints } = ctx.server
  const event = trialOf({
    id: uuid(),
    account: ctx.accountId,
    region: ctx.region,
    time: new Date(ctx.now).toISOString().replace(/\.\d+Z$/, 'Z'),
  })
  const failure = await sendTo(
    {
      serverKey: ctx.serverKey,
      clock: { now: () => ctx.now, monotonic: () => 0 },
      reach: { own: [listen, ...ownEndpoints], allowedEndpoints },
      managementAccountId,
    },
    target,
    { event },
    0,
  )
  return { IsDelivered: failure === undefined, Message: failure?.problem }
}

export async function retryEventDeliveries(
  ctx: Context,
  input: RetryEventDeliveriesInput,
): Promise<RetryEventDeliveriesOutput> {
  const target = await targetNamed(ctx, input.Name)
  return { MessagesRetried: await retryDeliveries(ctx.store, target.target_id, ctx.now) }
}

async function targetNamed(ctx: Context, name: string): Promise<EventTargetTable> {
  const target = await findEventTarget(ctx.store.db, ctx.accountId, name)
  if (target === undefined)
    throw new ResourceNotFoundException(`Cannot find event target "${name}"`, { Context: name })
  return target
}

const refused = (member: string, why: string): InvalidParameterValueException =>
  new InvalidParameterValueException(`${member} ${why}`, { Context: member })
