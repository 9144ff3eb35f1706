import { ACCOUNT, NOW, REGION } from '../store/contract-rows.ts'
import type { EventRow } from '../store/events/events.ts'
import type { EventKind } from '../store/events/schema-events.ts'
import type { Event } from './event.ts'

/** A backup job's event, as the router makes them. */
export function failedBackup(id: string, detail: Readonly<Record<string, unknown>> = {}): Event {
  return {
    version: '0',
    id,
    'detail-type': 'Backup Job State Change',
    source: 'aws.backup',
    account: '111122223333',
    time: '2026-11-01T02:00:00Z',
    region: 'us-east-1',
    resources: ['arn:aws:backup:us-east-1:111122223333:backup-vault:daily'],
    detail: {
      backupJobId: 'JOB-1',
      resourceArn: 'arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-1',
      state: 'FAILED',
      statusMessage: 'the role may not read it',
      ...detail,
    },
  }
}

/** What a trigger writes of a row, as it is claimed. */
export function eventRow<Kind extends EventKind>(
  kind: Kind,
  body: object,
): EventRow & { readonly kind: Kind } {
  return {
    seq: 1,
    event_id: 'e',
    at: NOW,
    account_id: ACCOUNT,
    region: REGION,
    kind,
    body: JSON.stringify(body),
    cause: null,
    claimed_until: 0,
    attempts: 0,
    routed_at: null,
  }
}
