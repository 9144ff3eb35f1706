import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import type { AuditRecord } from './audit/audit.ts'
import type { DecisionRow } from './audit/decisions.ts'
import type { DeclaredTarget } from './events/event-targets.ts'
import type { Page, PageRequest } from './page.ts'
import type { BackupPlanTable, BackupSelectionTable } from './plans/schema-plans.ts'
import type { NewResource } from './resources/resources.ts'
import type { DenialTable } from './audit/schema-denials.ts'
import type { RecoveryPointTable, RoleTable, UserTable, VaultTable } from './schema.ts'
import type { Store } from './store.ts'

/**
 * What every engine must do alike, as data: store.contract.test.ts runs the files *.contract.ts on each.
 * Each case gets a store of its own, empty but for the schema.
 */
export interface ContractCase {
  readonly name: string
  readonly run: (store: Store, tools: ContractTools) => Promise<void>
}

export interface ContractTools {
  /** A second opening of the same database, as another process has it; the same store where the engine has only one. */
  readonly other: Store
}

/** Rows of the contract suite: valid, and of one account. */
export const ACCOUNT = '111122223333'
export const REGION = 'us-east-1'
export const NOW = 1_800_000_000_000

export function vaultRow(name: string, more: Partial<VaultTable> = {}): VaultTable {
  return {
    account_id: ACCOUNT,
    region: REGION,
    name,
    arn: `arn:aws:backup:${REGION}:${ACCOUNT}:backup-vault:${name}`,
    vault_id: randomUUID().replaceAll('-', ''),
    state: 'CREATING',
    created_at: NOW,
    creator_request_id: null,
    encryption_key_arn: `arn:aws:kms:${REGION}:${ACCOUNT}:alias/aws/backup`,
    storage: '{"kind":"directory","path":"/srv/vault"}',
    wrapped_key: null,
    access_policy: null,
    lock_configuration: null,
    sealed_records: null,
    lock_problem: null,
    vault_type: 'BACKUP_VAULT',
    notifications: null,
    generation: 1,
    stored_bytes: 0,
    ...more,
  }
}

export function pointRow(vault: string, more: Partial<RecoveryPointTable> = {}): RecoveryPointTable {
  const id = randomUUID()
  return {
    account_id: ACCOUNT,
    region: REGION,
    arn: `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:${id}`,
    vault_name: vault,
    point_id: id,
    job_id: randomUUID(),
    resource_arn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:orders`,
    resource_unique_id: 'res-1',
    resource_type: 'RDS',
    resource_name: 'orders',
    role_arn: `arn:aws:iam::${ACCOUNT}:role/backup`,
    role_id: 'AROAEXAMPLE',
    status: 'COMPLETED',
    status_message: null,
    created_at: NOW,
    completed_at: NOW + 1,
    size_bytes: 3_000_000_000_000,
    item_count: 1,
    delete_after_days: null,
    cold_after_days: null,
    delete_at: null,
    restore_metadata: '{}',
    created_by: null,
    plan_id: null,
    last_restore_at: null,
    copied_at: null,
    source_vault_arn: null,
    source_point_arn: null,
    retention_cut_at: null,
    moved_to_cold_at: null,
    tiered_at: null,
    ...more,
  }
}

export function resourceRow(arn: string, more: Partial<NewResource> = {}): NewResource {
  return {
    account_id: ACCOUNT,
    region: REGION,
    arn,
    unique_id: randomUUID(),
    type: 'RDS',
    name: 'orders',
    settings: '{}',
    secret: 'sealed',
    version: 1,
    created_at: NOW,
    created_by: `arn:aws:iam::${ACCOUNT}:root`,
    restored_from: null,
    removed_at: null,
    ...more,
  }
}

export function planRow(id: string, more: Partial<BackupPlanTable> = {}): BackupPlanTable {
  return {
    account_id: ACCOUNT,
    region: REGION,
    plan_id: id,
    name: id,
    version_id: `${id} 1`,
    creator_request_id: `${id} request`,
    created_at: NOW,
    updated_at: NOW,
    deleted_at: null,
    last_run_at: null,
    ...more,
  }
}

export function selectionRow(
  planId: string,
  id: string,
  more: Partial<BackupSelectionTable> = {},
): BackupSelectionTable {
  return {
    account_id: ACCOUNT,
    region: REGION,
    plan_id: planId,
    selection_id: id,
    name: id,
    role_arn: `arn:aws:iam::${ACCOUNT}:role/r`,
    role_id: 'AROA',
    document: '{}',
    creator_request_id: `${id} request`,
    created_by: `arn:aws:iam::${ACCOUNT}:root`,
    created_at: NOW,
    ...more,
  }
}

/** A webhook that every event matches. */
export function targetOf(id: string, more: Partial<DeclaredTarget> = {}): DeclaredTarget {
  return {
    account_id: ACCOUNT,
    name: id,
    target_id: id,
    kind: 'WEBHOOK',
    settings: '{}',
    secret: 'sealed',
    pattern: '{}',
    topic_arn: null,
    wants_calls: 0,
    token_hash: null,
    ...more,
  }
}

export function userRow(name: string): UserTable {
  return {
    account_id: ACCOUNT,
    user_id: `AIDA${name}${randomUUID()}`,
    name,
    name_lower: name.toLowerCase(),
    path: '/',
    created_at: NOW,
    boundary_arn: null,
    password_last_used_at: null,
    revoked_before: null,
  }
}

export function roleRow(name: string): RoleTable {
  const { user_id, password_last_used_at, ...user } = userRow(name)
  assert.equal(password_last_used_at, null)
  return {
    ...user,
    role_id: user_id.replace('AIDA', 'AROA'),
    description: null,
    trust_policy: '{}',
    max_session_seconds: 3600,
    last_used_at: null,
    last_used_region: null,
  }
}

export function auditRecord(more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    at: NOW,
    account_id: ACCOUNT,
    request_id: randomUUID(),
    principal_arn: `arn:aws:iam::${ACCOUNT}:user/dba`,
    principal_id: 'AIDAEXAMPLE',
    source_ip: '127.0.0.1',
    service: 'backup',
    action: 'backup:StartBackupJob',
    resource: '*',
    effect: 'Allow',
    layer: 'identity',
    reason: 'allowed',
    policy: null,
    statement: null,
    ...more,
  }
}

export function decisionRow(seq: number, more: Partial<DecisionRow> = {}): DecisionRow {
  return {
    seq,
    step: 'read',
    action: 's3:GetObject',
    effect: 'Allow',
    first_arn: 'arn:aws:s3:::b/1',
    last_arn: 'arn:aws:s3:::b/1',
    count: 1,
    reason: 'allowed',
    policy: null,
    statement: null,
    first_at: NOW,
    last_at: NOW,
    ...more,
  }
}

/** All rows of a list, page by page; `between` runs after each page. */
export async function readPages<Row>(
  list: (page: PageRequest) => Promise<Page<Row>>,
  limit: number,
  between: (pageNumber: number) => Promise<void> = async () => undefined,
): Promise<Row[]> {
  const rows: Row[] = []
  let after: Page<Row>['next']
  for (let number = 1; ; number++) {
    const page = await list({ limit, after })
    assert.ok(page.rows.length <= limit, 'a page has at most `limit` rows')
    rows.push(...page.rows)
    if (page.next === undefined) return rows
    after = page.next
    await between(number)
  }
}

export function denialRow(id: string, more: Partial<DenialTable> = {}): DenialTable {
  return {
    account_id: ACCOUNT,
    id,
    side: 'caller',
    at: NOW,
    last_at: NOW,
    count: 1,
    request_id: 'request-1',
    job_id: null,
    principal_arn: `arn:aws:iam::${ACCOUNT}:user/alice`,
    principal_id: 'AIDAEXAMPLE',
    action: 'iam:PassRole',
    resource: `arn:aws:iam::${ACCOUNT}:role/backup`,
    layer: 'identity',
    effect: 'ImplicitDeny',
    reason: 'because no identity-based policy allows the iam:PassRole action',
    context: '{}',
    near: '[]',
    policies: '[]',
    layers: '[]',
    evaluations: '[]',
    proposals: '[]',
    notes: '[]',
    ...more,
  }
}
