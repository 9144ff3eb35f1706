import { arnOf } from '../lib/arn.ts'
import type { EventRow } from '../store/events/events.ts'
import type { EventKind } from '../store/events/schema-events.ts'
import type {
  BackupPauseTable,
  BackupPlanRunTable,
  BackupPlanTable,
  BackupSelectionTable,
} from '../store/plans/schema-plans.ts'
import type { PointIndexTable } from '../store/points/schema-point-index.ts'
import type { LegalHoldTable } from '../store/points/schema-holds.ts'
import type { RecoveryPointTable, RegionSettingsTable, VaultTable } from '../store/schema.ts'
import { creatorOf, iso, jobFacts, parsed } from './job-details.ts'
import type { JobBody } from './job-details.ts'

/** What an event says, beside where and when. */
export interface Facts {
  readonly source: 'aws.backup' | 'roleback'
  readonly detailType: string
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
  /** What CloudTrail calls it: PREFIX:NAME. */
  readonly eventName: string
}

type Place = Pick<EventRow, 'account_id' | 'region' | 'at'>
type Changed<Row> = Row & { readonly before: string | null; readonly is_gone?: number }
type PlanBody = Changed<BackupPlanTable>
type VaultBody = Changed<VaultTable> & { readonly changed?: string }
type PointBody = Changed<RecoveryPointTable> & {
  readonly is_changed?: number
  readonly was_moved_to_cold_at?: number | null
}
type IndexBody = Pick<RecoveryPointTable, 'arn' | 'vault_name' | 'resource_arn' | 'resource_type'> &
  Pick<PointIndexTable, 'role_arn' | 'created_at'> & {
    readonly point_created_at: number
    readonly is_gone?: number
  }

/** The body of a notice (store/events.ts). */
interface NoticeBody {
  readonly detailType: string
  readonly resources: readonly string[]
  readonly detail: Readonly<Record<string, unknown>>
}

export const INDEX_DETAIL_TYPE = 'Recovery Point Index State Change'

type Told = Exclude<EventKind, 'decision' | 'audit'>

const FACTS: Readonly<Record<Told, (place: Place, body: never) => Facts>> = {
  job: (place, body: JobBody) => jobFacts(place, body),
  point: pointFacts,
  index: indexFacts,
  vault: vaultFacts,
  plan: planFacts,
  region: regionFacts,
  selection: (place, body: Changed<BackupSelectionTable>) => ({
    ...ours('Backup Selection', body.is_gone === 1 ? 'DELETED' : 'CREATED'),
    resources: [planArn(place, body.plan_id)],
    detail: {
      backupPlanId: body.plan_id,
      selectionId: body.selection_id,
      selectionName: body.name,
      iamRoleArn: body.role_arn,
      state: body.is_gone === 1 ? 'DELETED' : 'CREATED',
    },
  }),
  hold: (place, body: Changed<LegalHoldTable>) => ({
    ...ours('Legal Hold', body.status),
    resources: [arnOf('backup', place.region, place.account_id, `legal-hold:${body.hold_id}`)],
    detail: {
      legalHoldId: body.hold_id,
      title: body.title,
      status: body.status,
      creationDate: iso(body.created_at),
      cancellationDate: iso(body.cancelled_at),
      cancelDescription: body.cancel_description ?? undefined,
    },
  }),
  run: (place, body: BackupPlanRunTable) => ({
    ...ours('Backup Plan Run', body.outcome),
    resources: [planArn(place, body.plan_id)],
    detail: {
      backupPlanId: body.plan_id,
      backupRuleId: body.rule_id,
      backupPlanVersion: body.version_id,
      dueAt: iso(body.due_at),
      state: body.outcome,
      jobs: body.jobs,
      statusMessage: body.message,
    },
  }),
  pause: (_, body: Changed<BackupPauseTable>) => ({
    ...ours('Backup Pause', body.is_gone === 1 ? 'RESUMED' : 'PAUSED'),
    resources: body.target_arn === '*' ? [] : [body.target_arn],
    detail: {
      target: body.target_arn,
      state: body.is_gone === 1 ? 'RESUMED' : 'PAUSED',
      until: iso(body.until),
      reason: body.reason ?? undefined,
      pausedBy: body.paused_by,
    },
  }),
  notice: (_, { detailType, resources, detail }: NoticeBody) => ({
    source: 'roleback',
    detailType,
    resources,
    detail,
    eventName: `roleback:${detailType.replaceAll(' ', '')}`,
  }),
}

/** @throws {SyntaxError} Where the row was written by hand. */
export function factsOf(row: EventRow & { readonly kind: Told }): Facts {
  return FACTS[row.kind](row, JSON.parse(row.body) as never)
}

function ours(what: string, state: string): Pick<Facts, 'source' | 'detailType' | 'eventName'> {
  return {
    source: 'roleback',
    detailType: `${what} State Change`,
    eventName: `roleback:${what.replaceAll(' ', '')}${capitalised(state)}`,
  }
}

function pointFacts(place: Place, body: PointBody): Facts {
  const status = body.is_gone === 1 ? 'DELETED' : body.is_changed === 1 ? 'MODIFIED' : body.status
  return {
    source: 'aws.backup',
    detailType: 'Recovery Point State Change',
    eventName: `backup:${pointEventName(body)}`,
    resources: [body.arn],
    detail: {
      recoveryPointArn: body.arn,
      backupVaultName: body.vault_name,
      backupVaultArn: vaultArn(place, body.vault_name),
      resourceArn: body.resource_arn,
      resourceType: body.resource_type,
      iamRoleArn: body.role_arn,
      status,
      statusMessage: body.status_message ?? undefined,
      creationDate: iso(body.created_at),
      completionDate: iso(body.completed_at),
      backupSizeInBytes: String(body.size_bytes),
      isEncrypted: 'true',
      storageClass: typeof body.moved_to_cold_at === 'number' ? 'COLD' : 'WARM',
      lifecycle: {
        deleteAfterDays: body.delete_after_days ?? undefined,
        moveToColdStorageAfterDays: body.cold_after_days ?? undefined,
      },
      // Written so by AWS.
      calculatedLifeCycle: { deleteAt: iso(body.delete_at) },
      createdBy: creatorOf(body.created_by),
      sourceBackupVaultArn: body.source_vault_arn ?? undefined,
    },
  }
}

/** CloudTrail's names of service events; what it has none for is a StateChanged. */
function pointEventName(body: PointBody): string {
  if (body.before === null) return 'RecoveryPointCreated'
  if (body.is_gone === 1) return 'BackupDeleted'
  const isMoved = body.was_moved_to_cold_at === null && typeof body.moved_to_cold_at === 'number'
  return isMoved ? 'BackupTransitionedToCold' : 'RecoveryPointStateChanged'
}

/** An index is there as soon as it is asked for: it is made and complete at the same time. */
function indexFacts(place: Place, body: IndexBody): Facts {
  const isGone = body.is_gone === 1
  return {
    source: 'aws.backup',
    detailType: INDEX_DETAIL_TYPE,
    eventName: 'backup:RecoveryPointIndexStateChanged',
    resources: [body.arn],
    detail: {
      recoveryPointArn: body.arn,
      accountId: place.account_id,
      indexStatus: isGone ? 'DELETED' : 'ACTIVE',
      indexStatusMessage: `An AWS Backup recovery point index was ${isGone ? 'deleted' : 'successfully completed'}. Indexed recovery point arn : ${body.arn}`,
      iamRoleArn: body.role_arn ?? undefined,
      resourceType: body.resource_type,
      backupVaultArn: vaultArn(place, body.vault_name),
      sourceResourceArn: body.resource_arn,
      backupCreationTime: iso(body.point_created_at),
      isIndexingContinuous: false,
      indexCreationTime: iso(body.created_at),
      ...(isGone ? { indexDeletionTime: iso(place.at) } : { indexCompletionTime: iso(body.created_at) }),
    },
  }
}

function vaultFacts(_: Place, body: VaultBody): Facts {
  // AWS's vault is there when it is made; ours has a job to be made by, and until then nobody can use it.
  const state =
    body.is_gone === 1
      ? 'DELETED'
      : body.changed !== undefined
        ? 'MODIFIED'
        : body.state === 'AVAILABLE'
          ? 'CREATED'
          : body.state
  return {
    source: 'aws.backup',
    detailType: 'Backup Vault State Change',
    eventName: `backup:BackupVault${capitalised(state)}`,
    resources: [body.arn],
    detail: {
      backupVaultName: body.name,
      backupVaultArn: body.arn,
      vaultType: body.vault_type,
      state,
      isLocked: String(body.lock_configuration !== null),
      changed: body.changed,
      lockProblem: body.lock_problem ?? undefined,
      creationDate: iso(body.created_at),
    },
  }
}

function planFacts(place: Place, body: PlanBody): Facts {
  const state = body.before === null ? 'CREATED' : body.deleted_at === null ? 'MODIFIED' : 'DELETED'
  return {
    source: 'aws.backup',
    detailType: 'Backup Plan State Change',
    eventName: `backup:BackupPlan${capitalised(state)}`,
    resources: [planArn(place, body.plan_id)],
    detail: {
      backupPlanId: body.plan_id,
      backupPlanArn: planArn(place, body.plan_id),
      backupPlanName: body.name,
      versionId: body.version_id,
      creationDate: iso(body.created_at),
      modifiedAt: state === 'MODIFIED' ? iso(place.at) : undefined,
      deletionDate: iso(body.deleted_at),
      state,
    },
  }
}

function regionFacts(place: Place, body: RegionSettingsTable): Facts {
  return {
    source: 'aws.backup',
    detailType: 'Region Setting State Change',
    eventName: 'backup:RegionSettingModified',
    resources: [],
    detail: {
      modifiedAt: iso(place.at),
      state: 'MODIFIED',
      // With a capital letter in AWS's, too.
      ResourceTypeOptInPreference: parsed(body.opt_in),
      ResourceTypeManagementPreference: parsed(body.management),
    },
  }
}

function vaultArn(place: Place, name: string): string {
  return arnOf('backup', place.region, place.account_id, `backup-vault:${name}`)
}

function planArn(place: Place, id: string): string {
  return arnOf('backup', place.region, place.account_id, `backup-plan:${id}`)
}

/** COMPLETED as Completed. */
function capitalised(state: string): string {
  return state.charAt(0) + state.slice(1).toLowerCase()
}
