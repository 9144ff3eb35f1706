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
import { parseArn } from '../lib/arn.ts'
import { listAudit } from '../store/audit.ts'
import type { StoredAuditRecord } from '../store/audit.ts'
import { verifyAudit as verifyTrail } from '../store/audit-verify.ts'
import { nextToken, pageOf } from './paging.ts'

/** Records checked in one call; the next call goes on behind them. */
const CHECKED_PER_CALL = 20_000

/** What was asked and decided in the caller's account, newest first, each also as CloudTrail would write it. */
export async function lookupAuditEvents(
  ctx: Context,
  input: LookupAuditEventsInput,
): Promise<LookupAuditEventsOutput> {
  const filter = {
    accountId: ctx.accountId,
    principalArn: input.PrincipalArn,
    action: input.Action,
    resource: input.Resource,
    requestId: input.RequestId,
    effect: input.Effect,
    after: input.StartTime === undefined ? undefined : input.StartTime.getTime() - 1,
    before: input.EndTime === undefined ? undefined : input.EndTime.getTime() + 1,
  }
  const { rows, next } = await listAudit(ctx.store.db, filter, pageOf(ctx, 'LookupAuditEvents', input))
  return {
    Events: rows.map((row) => eventOf(row, ctx.region)),
    NextToken: nextToken(ctx, 'LookupAuditEvents', next),
  }
}

function eventOf(row: StoredAuditRecord, region: string): AuditEvent {
  const event = cloudTrailEvent(row, region)
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
 * A record in the shape of CloudTrail's (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
 * A request that needs several decisions is several records of one request id; what CloudTrail has no field for is in
 * additionalEventData.
 */
function cloudTrailEvent(
  row: StoredAuditRecord,
  region: string,
): { readonly eventID: string; readonly eventSource: string; readonly eventName: string } {
  const [prefix = row.service, name = row.action] = row.action.split(':')
  const isOurs = row.layer === 'audit' || row.layer === 'event'
  const detail = row.detail === null ? undefined : (JSON.parse(row.detail) as unknown)
  return {
    eventVersion: '1.11',
    eventID: row.chain_id === null ? `row-${row.seq}` : `${row.chain_id}-${row.chain_seq}`,
    eventTime: new Date(row.at).toISOString(),
    eventSource: `${prefix}.amazonaws.com`,
    eventName: name,
    awsRegion: region,
    sourceIPAddress: row.source_ip ?? 'roleback',
    userIdentity: isOurs
      ? { type: 'AWSService', invokedBy: 'backup.amazonaws.com' }
      : identityOf(row.principal_arn, row.principal_id, row.account_id),
    requestID: row.request_id,
    eventType: isOurs ? 'AwsServiceEvent' : 'AwsApiCall',
    readOnly: /^(?:Get|List|Lookup|Describe|Simulate|Preflight)/.test(name),
    recipientAccountId: row.account_id,
    managementEvent: true,
    resources: [{ ARN: row.resource }],
    ...(row.effect === 'Deny' && { errorCode: 'AccessDenied', errorMessage: row.reason }),
    ...(isOurs && detail !== undefined && { serviceEventDetails: detail }),
    additionalEventData: {
      effect: row.effect,
      layer: row.layer,
      reason: row.reason,
      policy: row.policy ?? undefined,
      statement: row.statement ?? undefined,
      row: row.seq,
    },
  } as { readonly eventID: string; readonly eventSource: string; readonly eventName: string }
}

function identityOf(arn: string, principalId: string, accountId: string): object {
  const resource = parseArn(arn)?.resource ?? ''
  const [, userName] = /^user\/(?:.*\/)?([^/]+)$/.exec(resource) ?? []
  const type =
    resource === 'root'
      ? 'Root'
      : resource.startsWith('assumed-role/')
        ? 'AssumedRole'
        : userName === undefined
          ? 'Unknown'
          : 'IAMUser'
  return { type, principalId, arn, accountId, ...(userName !== undefined && { userName }) }
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
  const anchors = [...(ctx.server.auditAnchors?.() ?? []), ...given]
  const mac = (text: string): string => ctx.serverKey.fingerprint('audit', text)
  const check = await verifyTrail(ctx.store.db, mac, anchors, { limit: CHECKED_PER_CALL, after })
  return {
    Checked: check.checked,
    Findings: check.findings.map(({ kind, chainId, sequence, message }) => ({
      Kind: kind,
      Chain: chainId,
      Sequence: sequence,
      Message: message,
    })),
    NextToken: nextToken(ctx, 'VerifyAudit', check.next),
  }
}

function cursorOf(ctx: Context, token: string): readonly string[] {
  const cursor = openPage(ctx.serverKey, { accountId: ctx.accountId, list: 'VerifyAudit' }, token)
  if (cursor === undefined)
    throw new InvalidParameterValueException('NextToken is not one that VerifyAudit gave to this account')
  return cursor
}
