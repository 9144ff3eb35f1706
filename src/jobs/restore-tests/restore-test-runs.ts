import { randomInt } from 'node:crypto'
import type { Kind } from '../../kinds/kind.ts'
import { kindOfType } from '../../kinds/kinds.ts'
import { inferredMetadata, readOverrides, restoreTestName } from '../../kinds/restore-test.ts'
import { randomHex, uuid } from '../../lib/ids.ts'
import { conditionsHold, namedArns, testingSchedule } from '../../plans/restore-testing.ts'
import type { RestoreTestingDocument, TestedResources } from '../../plans/restore-testing.ts'
import { expireUnstarted } from '../../store/jobs/claims.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import {
  advanceTestingPlan,
  dueTestingPlans,
  recordTestingRun,
  testingSelections,
} from '../../store/plans/restore-testing.ts'
import { insertRestoreTest } from '../../store/plans/restore-tests.ts'
import type {
  RestoreTestingPlanTable,
  RestoreTestingSelectionTable,
} from '../../store/plans/schema-restore-testing.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import { tagsOf } from '../../store/identity/tags.ts'
import { testableResources, testedPoint } from '../../store/points/tested-points.ts'
import type { TestedPointFilter } from '../../store/points/tested-points.ts'
import { listAllVaults } from '../../store/vaults/vaults.ts'
import { runsUpTo } from '../plans/missed-runs.ts'
import { eachDue } from '../each-due.ts'
import type { JobTools } from '../tools.ts'

/**
 * Restore testing plans that are due become restore jobs, one for each protected resource that a selection names. As with backup
 * plans a run belongs to whoever moves the plan on, in the transaction that puts its jobs into the queue.
 */

const HOUR = 3_600_000
const DAY = 24 * HOUR
/** Jobs of one run begin so far apart, in milliseconds, and all within half of the start window. */
const APART_MS = 200

/** @returns How many plans could not be run; they are due still. */
export async function runDueTestingPlans(
  tools: Pick<JobTools, 'store' | 'clock' | 'log'>,
  signal: AbortSignal,
): Promise<number> {
  const now = tools.clock.now()
  return await eachDue<RestoreTestingPlanTable>(tools, signal, {
    page: async (limit, after) => await dueTestingPlans(tools.store.db, now, limit, after),
    run: async (tx, plans) => {
      let isQueued = false
      for (const plan of plans) isQueued = (await runPlan(tx, plan, now)) || isQueued
      return { count: plans.length, isQueued }
    },
    failed: ({ arn: plan }) => ({ message: 'a restore testing plan could not be run', facts: { plan } }),
  })
}

interface Run {
  readonly plan: RestoreTestingPlanTable
  readonly document: RestoreTestingDocument
  readonly dueAt: number
  readonly now: number
  /** Why its jobs can no longer start; undefined inside the start window. */
  readonly missed: string | undefined
}

/** @returns True where it put jobs into the queue. */
async function runPlan(tx: Queryable, plan: RestoreTestingPlanTable, now: number): Promise<boolean> {
  const document = JSON.parse(plan.document) as RestoreTestingDocument
  const schedule = testingSchedule(document, plan.written_at)
  if (!(await advanceTestingPlan(tx, plan, schedule.next(now)))) return false
  const { runs, count } = runsUpTo(schedule, plan.next_run_at as number, now)
  const dueAt = runs.at(-1) as number
  const isOpen = dueAt + document.StartWindowHours * HOUR > now
  const more = count > 1 ? `, nor for the ${count - 1} runs before` : ''
  const missed = isOpen
    ? undefined
    : `Restore job expired: it was due at ${new Date(dueAt).toISOString()} by the restore testing plan ${plan.name}, and no server ` +
      `ran inside its start window${more}`
  const run = { plan, document, dueAt, now, missed }
  let jobs = 0
  for (const selection of await testingSelections(
    tx,
    { accountId: plan.account_id, region: plan.region },
    plan.name,
  )) {
    for (const point of await pointsToTest(tx, run, selection))
      await insertTest(tx, run, selection, point, jobs++)
  }
  if (missed !== undefined) await expireUnstarted(tx, 'restore', now, missed)
  await recordTestingRun(tx, plan, { dueAt, message: messageOf(run, jobs, count) })
  return jobs > 0 && isOpen
}

function messageOf({ document, missed }: Run, jobs: number, runs: number): string {
  const { SelectionWindowDays } = document.RecoveryPointSelection
  if (missed !== undefined)
    return `MISSED: no server ran inside the start window; ${jobs} tests were not done`
  const before = runs > 1 ? `. It stands for ${runs - 1} runs before it that no server ran at` : ''
  if (jobs === 0)
    return `EMPTY: no selection names a resource with a recovery point of the last ${SelectionWindowDays} days${before}`
  return `STARTED: ${jobs} tests${before}`
}

/** One recovery point for each resource that the selection names. */
async function pointsToTest(
  tx: Queryable,
  run: Run,
  selection: RestoreTestingSelectionTable,
): Promise<readonly RecoveryPointTable[]> {
  const { plan, document, dueAt, now } = run
  const { Algorithm, RecoveryPointTypes, SelectionWindowDays } = document.RecoveryPointSelection
  // Every recovery point here is a snapshot.
  if (!RecoveryPointTypes.includes('SNAPSHOT')) return []
  const tested = JSON.parse(selection.document) as TestedResources
  const filter: TestedPointFilter = {
    accountId: plan.account_id,
    region: plan.region,
    resourceType: selection.resource_type,
    resourceArns: namedArns(tested),
    vaultNames: await vaultNames(tx, run),
    createdFrom: dueAt - SelectionWindowDays * DAY,
    createdUntil: now,
  }
  const found: RecoveryPointTable[] = []
  for (const { arn, points } of await testableResources(tx, filter)) {
    const skip = Algorithm === 'RANDOM_WITHIN_WINDOW' ? randomInt(points) : 0
    // Tags are each recovery point's own: where those of the one drawn do not fit, the latest has its chance.
    for (const at of new Set([skip, 0])) {
      const point = await testedPoint(tx, filter, arn, at)
      if (point === undefined) continue
      const tags = await tagsOf(tx, plan.account_id, point.arn)
      if (!conditionsHold(tested.ProtectedResourceConditions, tags)) continue
      found.push(point)
      break
    }
  }
  return found
}

async function vaultNames(tx: Queryable, { plan, document }: Run): Promise<readonly string[]> {
  const { IncludeVaults, ExcludeVaults } = document.RecoveryPointSelection
  const isOf = (list: readonly string[], arn: string): boolean => list.includes('*') || list.includes(arn)
  const vaults = await listAllVaults(tx)
  return vaults
    .filter((vault) => vault.account_id === plan.account_id && vault.region === plan.region)
    .filter(({ arn }) => isOf(IncludeVaults, arn) && !isOf(ExcludeVaults, arn))
    .map(({ name }) => name)
}

async function insertTest(
  tx: Queryable,
  run: Run,
  selection: RestoreTestingSelectionTable,
  point: RecoveryPointTable,
  number: number,
): Promise<void> {
  const { plan, document, dueAt, now, missed } = run
  const startMs = document.StartWindowHours * HOUR
  const tested = JSON.parse(selection.document) as TestedResources
  const jobId = uuid()
  await insertJob(tx, {
    account_id: plan.account_id,
    region: plan.region,
    job_id: jobId,
    kind: 'restore',
    created_at: now,
    run_at: missed === undefined ? now + Math.min(number * APART_MS, startMs / 2) : dueAt,
    start_by: dueAt + startMs,
    // Who passed the role: the test is done in his name, too.
    caller_arn: selection.created_by,
    created_by: JSON.stringify({ RestoreTestingPlanArn: plan.arn }),
    vault_name: point.vault_name,
    resource_arn: point.resource_arn,
    resource_unique_id: point.resource_unique_id,
    resource_type: point.resource_type,
    recovery_point_arn: point.arn,
    point_created_at: point.created_at,
    role_arn: selection.role_arn,
    role_id: selection.role_id,
    status_message: missed ?? null,
    input: JSON.stringify({
      metadata: metadataOf(point, tested),
      copyTags: false,
      isTest: true,
      selectedBy: selection.created_by_id,
    }),
  })
  await insertRestoreTest(tx, {
    job_id: jobId,
    account_id: plan.account_id,
    region: plan.region,
    plan_arn: plan.arn,
    plan_name: plan.name,
    selection_name: selection.name,
    resource_arn: point.resource_arn,
    due_at: dueAt,
    recovery_ms: null,
    phase: 'RESTORING',
    step_job_id: jobId,
    next_at: null,
    validation_hours: tested.ValidationWindowHours,
    validators: selection.validators,
    validator_results: '[]',
    caller_status: null,
    caller_message: null,
    validation_status: null,
    validation_message: null,
    deletion_status: null,
    deletion_message: null,
    deletion_tries: 0,
  })
}

function metadataOf(point: RecoveryPointTable, tested: TestedResources): Readonly<Record<string, string>> {
  const kind = kindOfType(point.resource_type) as Kind
  const ofPoint = JSON.parse(point.restore_metadata) as Record<string, string>
  const read = readOverrides(kind, tested.RestoreMetadataOverrides)
  if (!read.ok) throw new Error(read.message)
  return { ...inferredMetadata(kind, ofPoint, restoreTestName(randomHex(16))), ...read.metadata }
}
