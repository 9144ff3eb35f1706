import { LimitExceededException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
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
import { asksForCalls } from '../events/pattern.ts'
import { sendTo } from '../events/send.ts'
import { hashOfToken, TOKEN_MS } from '../events/sns.ts'
import { openTarget, sealTarget, settingsOf } from '../events/target.ts'
import type { TargetSettings } from '../events/target.ts'
import { trialOf } from '../events/words.ts'
import { randomHex, uuid } from '../lib/ids.ts'
import { deliveryCounts, retryDeliveries } from '../store/events/event-deliveries.ts'
import {
  deleteEventTarget as removeEventTarget,
  findEventTarget,
  forgetDeliveries,
  listEventTargets as eventTargetsOf,
  putEventTarget as storeEventTarget,
} from '../store/events/event-targets.ts'
import type { EventTargetTable } from '../store/events/schema-events.ts'
import {
  kindOf,
  mailSettingsOf,
  patternOf,
  patternOfPlan,
  refused,
  secretOf,
  topicOf,
} from './event-target-input.ts'
import { tellOf } from './sns-subscriptions.ts'

/** Whom to tell of events: webhooks, chats, mailboxes and dead man's switches, each with a pattern of what it wants, or a topic that vaults notify. */

const NAME = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/
const MAX_TARGETS = 100

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
  const pattern = kind === 'PING' ? await patternOfPlan(ctx, input) : patternOf(kind, input)
  const wantsCalls = pattern !== null && asksForCalls(pattern)
  // Told of calls is who reads the trail.
  if (wantsCalls) await ctx.authorize('roleback:LookupAuditEvents', '*')
  const topicArn = topicOf(ctx, kind, input)
  // Another place, or another topic: asked anew.
  const isAsked =
    kind === 'SNS' &&
    (kept?.url !== secret.url || before?.topic_arn !== topicArn || before.token_hash !== null)
  const token = isAsked ? randomHex(32) : undefined
  const tokenHash = token === undefined ? null : hashOfToken(token)
  const earlier = before?.kind === kind ? settingsOf(before) : undefined
  const settings: TargetSettings = {
    host: new URL(secret.url).host,
    subscription: tokenHash === null ? earlier?.subscription : { tokenHash, expiresAt: ctx.now + TOKEN_MS },
    planId: input.BackupPlanId,
    mail: mailSettingsOf(kind, input, earlier?.mail),
  }
  const row = {
    account_id: ctx.accountId,
    name: input.Name,
    target_id: targetId,
    kind,
    settings: JSON.stringify(settings),
    secret: sealTarget(
      ctx.serverKey,
      targetId,
      token === undefined ? secret : { ...secret, confirmationToken: token },
    ),
    pattern,
    topic_arn: topicArn,
    wants_calls: wantsCalls ? 1 : 0,
    token_hash: tokenHash,
  }
  await ctx.store.transaction(async (tx) => {
    await storeEventTarget(tx, row, { arn: ctx.principal.arn, now: ctx.now })
    if (!isAsked) return
    // What the place before was owed is not the new one's.
    await forgetDeliveries(tx, targetId)
    await tellOf(tx, row, 'PENDING_CONFIRMATION', ctx)
  })
  return {
    Name: input.Name,
    // Shown once: nobody reads it again.
    SigningSecret: secret.signingSecret === kept?.signingSecret ? undefined : secret.signingSecret,
  }
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
  const settings = settingsOf(row)
  const date = (at: number | null): Date | undefined => (at === null ? undefined : new Date(at))
  return {
    Name: row.name,
    Type: row.kind,
    Host: settings.host,
    BackupPlanId: settings.planId,
    MailFrom: settings.mail?.from,
    MailTo: settings.mail?.to,
    HasCertificateAuthority: settings.mail && settings.mail.authority !== undefined,
    EventPattern: row.pattern ?? undefined,
    TopicArn: row.topic_arn ?? undefined,
    IsConfirmed: row.kind === 'SNS' ? row.token_hash === null : undefined,
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
  const { managementAccountId, allowedEndpoints, listen, ownEndpoints, publicUrl } = ctx.server
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
      store: ctx.store,
      publicUrl,
    },
    target,
    [{ event }],
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
