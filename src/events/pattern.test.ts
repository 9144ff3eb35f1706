import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACCOUNT, NOW, pointRow, REGION, vaultRow } from '../store/contract-rows.ts'
import { factsOf } from './details.ts'
import { eventRow } from './event.fixture.ts'
import { parsePattern, PatternError } from './pattern.ts'

const EVENT = {
  source: 'aws.backup',
  'detail-type': 'Backup Job State Change',
  resources: ['arn:aws:backup:eu-central-1:1:recovery-point:a', 'arn:b'],
  detail: { state: 'FAILED', retryCount: 2, createdBy: { backupPlanId: 'p1' }, note: null },
}

const CASES: readonly (readonly [pattern: object, fits: boolean])[] = [
  [{ source: ['aws.backup'] }, true],
  [{ source: ['aws.iam', 'aws.backup'], detail: { state: ['FAILED'] } }, true],
  [{ source: ['aws.backup'], detail: { state: ['COMPLETED'] } }, false],
  [{ detail: { state: [{ 'anything-but': 'COMPLETED' }] } }, true],
  [{ detail: { state: [{ 'anything-but': ['COMPLETED', 'FAILED'] }] } }, false],
  [{ detail: { state: [{ 'anything-but': { prefix: 'FA' } }] } }, false],
  [{ detail: { missing: [{ 'anything-but': 'x' }] } }, false],
  [{ detail: { createdBy: { backupPlanId: ['p1'] } } }, true],
  [{ detail: { createdBy: { backupPlanId: [{ exists: false }] } } }, false],
  [{ detail: { createdBy: { other: [{ exists: false }] } } }, true],
  [{ detail: { retryCount: [2], note: [null] } }, true],
  [{ detail: { retryCount: ['2'] } }, false],
  [{ resources: [{ prefix: 'arn:aws:backup:' }] }, true],
  [{ resources: [{ suffix: ':z' }] }, false],
  [{ 'detail-type': [{ 'equals-ignore-case': 'BACKUP job state change' }] }, true],
  [{ $or: [{ source: ['aws.iam'] }, { detail: { state: ['FAILED'] } }] }, true],
  [{ $or: [{ source: ['aws.iam'] }, { source: ['aws.sts'] }] }, false],
  [{ source: ['aws.iam'], $or: [{ source: ['aws.iam'] }, { detail: { state: ['FAILED'] } }] }, false],
  [{ detail: { $or: [{ state: ['COMPLETED'] }, { retryCount: [2] }] } }, true],
  [{ toString: [{ exists: true }] }, false],
]

test('a pattern fits what EventBridge would let by', () => {
  for (const [pattern, fits] of CASES)
    assert.equal(parsePattern(JSON.stringify(pattern))(EVENT), fits, JSON.stringify(pattern))
})

test('a pattern that means nothing is refused where it is written, with its place', () => {
  const bad: readonly (readonly [text: string, message: RegExp])[] = [
    ['{', /not JSON/],
    ['[]', /not an object/],
    ['{}', /empty/],
    ['{"detail":{}}', /"detail" is empty/],
    ['{"detail":{"state":"FAILED"}}', /"detail.state" is neither a list/],
    ['{"detail":{"state":[]}}', /"detail.state" has no values/],
    ['{"source":[{"regex":"x"}]}', /"regex" of "source" is no operator/],
    ['{"source":[{"prefix":1}]}', /no text/],
    ['{"source":[{"exists":"yes"}]}', /neither true nor false/],
    ['{"$or":[{"source":["a"]}]}', /"\$or" is no list of two/],
    ['{"$or":[{"source":["a"]},1]}', /"\$or" has a member/],
    ['{"source":[["a"]]}', /neither text/],
    [`{"a":${'{"a":'.repeat(20)}["x"]${'}'.repeat(20)}}`, /deeper than/],
    [JSON.stringify({ source: ['x'.repeat(5_000)] }), /longer than/],
  ]
  for (const [text, message] of bad)
    assert.throws(
      () => parsePattern(text),
      (error) => error instanceof PatternError && message.test(error.message),
      text,
    )
})

const iso = (ms: number): string => new Date(ms).toISOString()
const arn = (resource: string): string => `arn:aws:backup:${REGION}:${ACCOUNT}:${resource}`
const [VAULT, POINT, OTHER] = [arn('backup-vault:gold'), arn('recovery-point:1'), arn('backup-vault:copies')]
const FILES = `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT}:file-system/fs-1`

const CREATOR = {
  BackupPlanId: 'p',
  BackupPlanArn: arn('backup-plan:p'),
  BackupPlanVersion: 'v',
  BackupRuleId: 'r',
}
const createdBy = {
  backupPlanId: 'p',
  backupPlanArn: arn('backup-plan:p'),
  backupPlanVersion: 'v',
  backupPlanRuleId: 'r',
}

const JOB = {
  job_id: 'J',
  state: 'RUNNING',
  status_message: null,
  created_at: NOW,
  start_by: NOW + 1,
  complete_by: NOW + 2,
  completed_at: null,
  vault_name: 'gold',
  resource_arn: FILES,
  resource_type: 'EFS',
  recovery_point_arn: null,
  role_arn: 'role',
  result: null,
  bytes_total: 200,
  bytes_done: 100,
  items_failed: 0,
  destination_vault_arn: null,
  attempts: 1,
  created_by: JSON.stringify(CREATOR),
  before: 'CREATED',
}
const jobDetail = {
  resourceArn: FILES,
  resourceType: 'EFS',
  iamRoleArn: 'role',
  creationDate: iso(NOW),
  retryCount: 0,
  createdBy,
  previousState: 'CREATED',
}
const ended = { completed_at: NOW + 9, bytes_done: 200, before: 'RUNNING' }
const endedDetail = { ...jobDetail, completionDate: iso(NOW + 9), previousState: 'RUNNING' }

/** Members, spellings and types of docs.aws.amazon.com/aws-backup/latest/devguide/eventbridge.html, and what we add. */
const SHAPES: readonly (readonly [string, Parameters<typeof factsOf>[0], readonly string[], object])[] = [
  [
    'Backup Job State Change',
    eventRow('job', { ...JOB, kind: 'backup' }),
    [VAULT],
    {
      ...jobDetail,
      backupJobId: 'J',
      backupVaultName: 'gold',
      backupVaultArn: VAULT,
      backupSizeInBytes: '200',
      bytesTransferred: '100',
      percentDone: 50,
      startBy: iso(NOW + 1),
      expectedCompletionDate: iso(NOW + 2),
      state: 'RUNNING',
    },
  ],
  [
    'Copy Job State Change',
    eventRow('job', {
      ...JOB,
      ...ended,
      kind: 'copy',
      state: 'COMPLETED',
      recovery_point_arn: POINT,
      destination_vault_arn: OTHER,
      result: JSON.stringify({ recoveryPointArn: arn('recovery-point:2') }),
    }),
    [POINT],
    {
      ...endedDetail,
      copyJobId: 'J',
      backupSizeInBytes: 200,
      sourceBackupVaultArn: VAULT,
      sourceRecoveryPointArn: POINT,
      destinationBackupVaultArn: OTHER,
      destinationRecoveryPointArn: arn('recovery-point:2'),
      state: 'COMPLETED',
    },
  ],
  [
    'Restore Job State Change',
    eventRow('job', {
      ...JOB,
      ...ended,
      kind: 'restore',
      state: 'PARTIAL',
      items_failed: 3,
      recovery_point_arn: POINT,
      result: JSON.stringify({ createdResourceArn: FILES }),
    }),
    [POINT],
    {
      ...endedDetail,
      restoreJobId: 'J',
      backupVaultArn: VAULT,
      sourceResourceArn: FILES,
      recoveryPointArn: POINT,
      backupSizeInBytes: '200',
      percentDone: 100,
      createdResourceArn: FILES,
      itemsFailed: 3,
      status: 'PARTIAL',
    },
  ],
  [
    'Recovery Point State Change',
    eventRow('point', {
      ...pointRow('gold', { arn: POINT, created_by: JSON.stringify(CREATOR), delete_after_days: 7 }),
      delete_at: NOW + 7,
      before: null,
    }),
    [POINT],
    {
      recoveryPointArn: POINT,
      backupVaultName: 'gold',
      backupVaultArn: VAULT,
      resourceArn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:orders`,
      resourceType: 'RDS',
      iamRoleArn: `arn:aws:iam::${ACCOUNT}:role/backup`,
      status: 'COMPLETED',
      creationDate: iso(NOW),
      completionDate: iso(NOW + 1),
      backupSizeInBytes: '3000000000000',
      isEncrypted: 'true',
      storageClass: 'WARM',
      lifecycle: { deleteAfterDays: 7 },
      calculatedLifeCycle: { deleteAt: iso(NOW + 7) },
      createdBy,
    },
  ],
  [
    'Region Setting State Change',
    eventRow('region', { opt_in: '{"Aurora":true}', management: '{"EFS":true}' }),
    [],
    {
      modifiedAt: iso(NOW),
      state: 'MODIFIED',
      ResourceTypeOptInPreference: { Aurora: true },
      ResourceTypeManagementPreference: { EFS: true },
    },
  ],
  [
    'Backup Plan State Change',
    eventRow('plan', {
      plan_id: 'p',
      name: 'daily',
      version_id: 'v',
      created_at: NOW - 1,
      deleted_at: null,
      before: 'u',
    }),
    [arn('backup-plan:p')],
    {
      backupPlanId: 'p',
      backupPlanArn: arn('backup-plan:p'),
      backupPlanName: 'daily',
      versionId: 'v',
      creationDate: iso(NOW - 1),
      modifiedAt: iso(NOW),
      state: 'MODIFIED',
    },
  ],
  [
    'Backup Vault State Change',
    eventRow('vault', {
      ...vaultRow('gold', { arn: VAULT, lock_configuration: '{}', created_at: NOW }),
      vault_type: 'BACKUP_VAULT',
      changed: 'lock_configuration',
      before: 'AVAILABLE',
    }),
    [VAULT],
    {
      backupVaultName: 'gold',
      backupVaultArn: VAULT,
      vaultType: 'BACKUP_VAULT',
      state: 'MODIFIED',
      isLocked: 'true',
      changed: 'lock_configuration',
      creationDate: iso(NOW),
    },
  ],
]

test('events have the members, the spellings and the types that patterns for AWS’s events name', () => {
  for (const [type, row, resources, detail] of SHAPES) {
    const facts = factsOf(row)
    assert.deepEqual([facts.source, facts.detailType, facts.resources], ['aws.backup', type, resources])
    assert.deepEqual(JSON.parse(JSON.stringify(facts.detail)), detail, type)
  }
  const first = factsOf(eventRow('job', { ...JOB, kind: 'restore', state: 'CREATED', before: null }))
  assert.deepEqual([first.detail['state'], first.detail['status']], ['CREATED', undefined])
})
