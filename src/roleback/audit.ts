import { refuseTenants } from './accounts.ts'
import type {
  AuditEvent,
  LookupAuditEventsInput,
  LookupAuditEventsOutput,
  VerifyAuditInput,
  VerifyAuditOutput,
} from '../aws/generated/roleback.ts'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { openPage } from '../access/page-token.ts'
import { cloudTrailRecord } from '../events/cloudtrail.ts'
import { OneByOne } from '../lib/one-by-one.ts'
import { denialsBetween } from '../store/audit/denials.ts'
import { listAudit } from '../store/audit/audit.ts'
import type { StoredAuditRecord } from '../store/audit/audit.ts'
import { verifyAudit as verifyTrail } from '../store/audit/audit-verify.ts'
import { nextToken, pageOf } from './paging.ts'

/** Records checked in one call; the next call goes on behind them. */
const CHECKED_PER_CALL = 20_000
/** Of an account one search at a time: a trail may have millions of records, and all of them are looked through where none fits. */
const searches = new OneByOne()

/** What was asked and decided in the caller's account, newest first, each also as CloudTrail would write it. */
export async function lookupAuditEvents(
  ctx: Context,
  input: LookupAuditEventsInput,
): Promise<LookupAuditEventsOutput> {
  const filter = {
    accountId: ctx.accountId,
    principalArn: input.PrincipalArn,
    principal: input.Principal,
    action: input.Action,
    resource: input.Resource,
    requestId: input.RequestId,
    effect: input.Effect,
    after: input.StartTime === undefined ? undefined : input.StartTime.getTime() - 1,
    before: input.EndTime === undefined ? undefined : input.EndTime.getTime() + 1,
  }
  const page = pageOf(ctx, 'LookupAuditEvents', input)
  const { rows, next } = await searches.run(ctx.accountId, () => listAudit(ctx.store.db, filter, page))
  const idOf = await explanationsOf(ctx, rows)
  return {
    Events: rows.map((row) => ({ ...eventOf(row, ctx.region), AuthorizationId: idOf(row) })),
    NextToken: nextToken(ctx, 'LookupAuditEvents', next),
  }
}

/** A refusal and its explanation are written by two looks at the clock. */
const SAME_REFUSAL_MS = 1_000

/** By which id each refusal is explained. One that happened again within an hour has the id of the first. */
async function explanationsOf(
  ctx: Context,
  rows: readonly StoredAuditRecord[],
): Promise<(row: StoredAuditRecord) => string | undefined> {
  const denied = rows.filter(({ effect }) => effect === 'Deny')
  if (denied.length === 0) return () => undefined
  const times = denied.map(({ at }) => at)
  const denials = await denialsBetween(ctx.store.db, ctx.accountId, {
    from: Math.min(...times) - SAME_REFUSAL_MS,
    to: Math.max(...times) + SAME_REFUSAL_MS,
    actions: [...new Set(denied.map(({ action }) => action))],
  })
  return (row) =>
    row.effect === 'Allow'
      ? undefined
      : denials.findLast(
          (one) =>
            one.at - SAME_REFUSAL_MS <= row.at &&
            row.at <= one.last_at + SAME_REFUSAL_MS &&
            one.principal_arn === row.principal_arn &&
            one.action === row.action &&
            one.resource === row.resource,
        )?.id
}

function eventOf(row: StoredAuditRecord, region: string): AuditEvent {
  const event = cloudTrailRecord(row, region)
  return {
    EventId: event.eventID,
    EventTime: new Date(row.at),
    EventSource: event.eventSource,
    EventName: event.eventName,
    PrincipalArn: row.principal_arn,
    Resource: row.resource,
    Effect: row.effect,
    CloudTrailEvent: JSON.stringify(event),
  }
}

/**
 * Whether the trail is as it was written: of all accounts, since their records are chained together, and so for the management account
 * alone. One call checks a part; NextToken goes on.
 */
export async function verifyAudit(ctx: Context, input: VerifyAuditInput): Promise<VerifyAuditOutput> {
  await refuseTenants(ctx, 'roleback:VerifyAudit')
  const after = input.NextToken === undefined ? undefined : cursorOf(ctx, input.NextToken)
  const given = (input.Anchors ?? []).map(({ Chain, Sequence, Mac }) => ({
    chainId: Chain,
    chainSeq: Sequence,
    mac: Mac,
  }))
  const anchorage = await ctx.server.auditAnchors?.()
  const anchors = [...(anchorage?.heads ?? []), ...given]
  const mac = (text: string): string => ctx.serverKey.fingerprint('audit', text)
  const check = await verifyTrail(ctx.store.db, mac, anchors, { limit: CHECKED_PER_CALL, after })
  const problem = after === undefined ? anchorage?.problem : undefined
  return {
    Checked: check.checked,
    Findings: [
      ...(problem === undefined ? [] : [{ Kind: 'AnchorsMissing', Message: problem }]),
      ...check.findings.map(({ kind, chainId, sequence, message }) => ({
        Kind: kind,
        Chain: chainId,
        Sequence: sequence,
        Message: message,
      })),
    ],
    NextToken: nextToken(ctx, 'VerifyAudit', check.next),
  }
}

function cursorOf(ctx: Context, token: string): readonly string[] {
  const cursor = openPage(ctx.serverKey, { accountId: ctx.accountId, list: 'VerifyAudit' }, token)
  if (cursor === undefined)
    throw new InvalidParameterValueException('NextToken is not one that VerifyAudit gave to this account')
  return cursor
}
