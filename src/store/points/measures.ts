import { sql } from 'kysely'
import { waiting } from '../events/event-deliveries.ts'
import { ACTIVE_STATES, WAITING_STATES } from '../jobs/job-states.ts'
import type { PlanRow } from '../plans/plans.ts'
import type { PlanRunOutcome } from '../plans/schema-plans.ts'
import type { JobKind, JobState, ResourceTable, VaultTable } from '../schema.ts'
import type { HeldDeletionTable } from './schema-retention.ts'
import type { Queryable } from '../store.ts'

/** What an operator watches, of all accounts. Each query reads an index, or a row for each resource, plan or vault. */

export interface JobTotals {
  readonly accountId: string
  readonly kind: JobKind
  readonly state: JobState
  readonly count: number
  readonly bytes: number
}

export async function jobTotals(db: Queryable): Promise<readonly JobTotals[]> {
  const rows = await db
    .selectFrom('job')
    .select(['account_id', 'kind', 'state'])
    .select((eb) => [eb.fn.countAll<number>().as('count'), sql<number>`sum(bytes_done)`.as('bytes')])
    .groupBy(['account_id', 'kind', 'state'])
    .orderBy('account_id')
    .orderBy('kind')
    .orderBy('state')
    .execute()
  return rows.map(({ account_id, kind, state, count, bytes }) => ({
    accountId: account_id,
    kind,
    state,
    count: Number(count),
    bytes: Number(bytes),
  }))
}

/** Since when the job has been due that waits longest; undefined where none waits. */
export async function oldestDueAt(db: Queryable, now: number): Promise<number | undefined> {
  const row = await db
    .selectFrom('job')
    .select((eb) => eb.fn.min('run_at').as('at'))
    .where('state', 'in', WAITING_STATES)
    .where('run_at', '<=', now)
    .executeTakeFirst()
  return typeof row?.at === 'number' ? row.at : undefined
}

export type VaultMeasure = Pick<VaultTable, 'account_id' | 'region' | 'name' | 'state' | 'stored_bytes'> & {
  readonly points: number
  /** When the last scrub that read everything ended; 0: never. */
  readonly scrubbedAt: number
  readonly damagedBlobs: number
  readonly damagedPoints: number
}

export async function vaultMeasures(db: Queryable, limit: number): Promise<readonly VaultMeasure[]> {
  const rows = await db
    .selectFrom('vault')
    .leftJoin('vault_scrub as scrub', 'scrub.vault_id', 'vault.vault_id')
    .select(['account_id', 'region', 'name', 'state', 'stored_bytes'])
    .select(['scrub.last_ended_at', 'scrub.damaged_blobs', 'scrub.damaged_points'])
    .select((eb) =>
      eb
        .selectFrom('recovery_point as point')
        .select((point) => point.fn.countAll<number>().as('count'))
        .whereRef('point.account_id', '=', 'vault.account_id')
        .whereRef('point.region', '=', 'vault.region')
        .whereRef('point.vault_name', '=', 'vault.name')
        .as('points'),
    )
    .orderBy('account_id')
    .orderBy('region')
    .orderBy('name')
    .limit(limit)
    .execute()
  return rows.map(({ last_ended_at, damaged_blobs, damaged_points, ...row }) => ({
    ...row,
    points: Number(row.points),
    scrubbedAt: last_ended_at ?? 0,
    damagedBlobs: damaged_blobs ?? 0,
    damagedPoints: damaged_points ?? 0,
  }))
}

export type HeldMeasure = Pick<HeldDeletionTable, 'account_id' | 'region' | 'vault_name' | 'cause'> & {
  readonly points: number
}

/** Recovery points whose deletion waits for somebody to approve. */
export async function heldMeasures(db: Queryable): Promise<readonly HeldMeasure[]> {
  const rows = await db
    .selectFrom('held_deletion')
    .select(['account_id', 'region', 'vault_name', 'cause'])
    .select((eb) => eb.fn.countAll<number>().as('points'))
    .where('approved_at', 'is', null)
    .groupBy(['account_id', 'region', 'vault_name', 'cause'])
    .orderBy('account_id')
    .orderBy('region')
    .orderBy('vault_name')
    .orderBy('cause')
    .execute()
  return rows.map((row) => ({ ...row, points: Number(row.points) }))
}

export type ResourceMeasure = Pick<ResourceTable, 'account_id' | 'arn' | 'type'> & {
  /** When its last backup job that went well ended. */
  readonly last_success_at: number | null
  /** How old its newest recovery point's content is. */
  readonly newest_point_at: number | null
}

/** Registered resources by account and ARN. */
export async function resourceMeasures(db: Queryable, limit: number): Promise<readonly ResourceMeasure[]> {
  return await db
    .selectFrom('resource')
    .select(['account_id', 'arn', 'type'])
    .select((eb) => [
      eb
        .selectFrom('job')
        .select('job.completed_at')
        .whereRef('job.account_id', '=', 'resource.account_id')
        .whereRef('job.resource_arn', '=', 'resource.arn')
        .where('job.kind', '=', 'backup')
        .where('job.state', '=', 'COMPLETED')
        .orderBy('job.created_at', 'desc')
        .limit(1)
        .as('last_success_at'),
      eb
        .selectFrom('recovery_point as point')
        .select((point) => point.fn.max('point.created_at').as('at'))
        .whereRef('point.account_id', '=', 'resource.account_id')
        .whereRef('point.resource_arn', '=', 'resource.arn')
        .where('point.status', 'in', ['COMPLETED', 'AVAILABLE'])
        .as('newest_point_at'),
    ])
    .where('removed_at', 'is', null)
    .orderBy('account_id')
    .orderBy('arn')
    .limit(limit)
    .execute()
}

/** Resources that a backup job works on now. */
export async function resourcesUnderWay(db: Queryable): Promise<ReadonlySet<string>> {
  const rows = await db
    .selectFrom('job')
    .select(['account_id', 'resource_arn'])
    .where('kind', '=', 'backup')
    .where('state', 'in', ACTIVE_STATES)
    .execute()
  return new Set(rows.map(({ account_id, resource_arn }) => `${account_id} ${resource_arn}`))
}

/** Plans that are not deleted, of all accounts. */
export async function allPlans(db: Queryable, limit: number): Promise<readonly PlanRow[]> {
  return await db
    .selectFrom('backup_plan')
    .innerJoin('backup_plan_version as version', (join) =>
      join
        .onRef('version.plan_id', '=', 'backup_plan.plan_id')
        .onRef('version.version_id', '=', 'backup_plan.version_id'),
    )
    .selectAll('backup_plan')
    .select('version.document')
    .where('deleted_at', 'is', null)
    .orderBy('backup_plan.account_id')
    .orderBy('backup_plan.region')
    .orderBy('backup_plan.plan_id')
    .limit(limit)
    .execute()
}

export interface RunTotals {
  readonly planId: string
  readonly outcome: PlanRunOutcome
  readonly count: number
}

/** What became of the kept runs of each plan. */
export async function runTotals(db: Queryable): Promise<readonly RunTotals[]> {
  const rows = await db
    .selectFrom('backup_plan_run')
    .select(['plan_id', 'outcome'])
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .groupBy(['plan_id', 'outcome'])
    .execute()
  return rows.map(({ plan_id, outcome, count }) => ({ planId: plan_id, outcome, count: Number(count) }))
}

/** How event targets take what they are told. */
export interface TargetMeasure {
  readonly account_id: string
  readonly name: string
  readonly owed: number
  readonly givenUp: number
  readonly last_delivered_at: number | null
}

export async function targetMeasures(db: Queryable, limit: number): Promise<readonly TargetMeasure[]> {
  const rows = await db
    .selectFrom('event_target')
    .select(['account_id', 'name', 'last_delivered_at'])
    .select([waiting(false).as('owed'), waiting(true).as('given_up')])
    .orderBy('account_id')
    .orderBy('name')
    .limit(limit)
    .execute()
  return rows.map(({ given_up, owed, ...row }) => ({ ...row, owed: Number(owed), givenUp: Number(given_up) }))
}
