import { parseArn } from '../lib/arn.ts'
import type { AuditRecord, StoredAuditRecord } from '../store/audit/audit.ts'

/** CloudTrail's view of a record of the trail. */
export interface CloudTrailRecord {
  readonly eventID: string
  readonly eventSource: string
  readonly eventName: string
  readonly [member: string]: unknown
}

type Recorded = Omit<StoredAuditRecord, 'mac'>

/**
 * A record in the shape of CloudTrail's (docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html).
 * A request that needs several decisions is several records of one request id; what CloudTrail has no field for is in
 * additionalEventData.
 */
export function cloudTrailRecord(row: Recorded, region: string): CloudTrailRecord {
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
      : {
          ...identityOf(row.principal_arn, row.principal_id, row.account_id),
          // What a job does under its role, as AWS's own trail has it.
          ...(row.layer === 'job' && { invokedBy: 'backup.amazonaws.com' }),
        },
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
  }
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

/** Fields that every record of what the service itself did has alike. */
export const OF_THE_SERVICE: Pick<
  AuditRecord,
  'principal_arn' | 'principal_id' | 'source_ip' | 'service' | 'policy' | 'statement'
> = {
  principal_arn: 'backup.amazonaws.com',
  principal_id: 'backup.amazonaws.com',
  source_ip: null,
  service: 'backup',
  policy: null,
  statement: null,
}
