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
