import assert from 'node:assert/strict'
import type { Clock } from '../../lib/clock.ts'
import { iamId, uuid } from '../../lib/ids.ts'
import { createLog } from '../../lib/log.ts'
import { testingDocument, testingSchedule } from '../../plans/restore-testing.ts'
import type { GivenTestingPlan, TestedResources } from '../../plans/restore-testing.ts'
import type { Validator } from '../../plans/validators.ts'
import { finishJob } from '../../store/jobs/claims.ts'
import { claimJob } from '../../store/jobs/next-job.ts'
import type { JobEnd } from '../../store/jobs/claims.ts'
import { insertRecoveryPoint } from '../../store/points/recovery-points.ts'
import {
  findTestingPlan,
  insertTestingPlan,
  insertTestingSelection,
} from '../../store/plans/restore-testing.ts'
import type { RestoreTestTable } from '../../store/plans/schema-restore-testing.ts'
import type { JobKind, JobTable } from '../../store/schema.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { putTags } from '../../store/identity/tags.ts'
import { insertVault } from '../../store/vaults/vaults.ts'
import { pointRow, vaultRow } from '../../store/contract-rows.ts'
import { Scheduler } from '../plans/scheduler.ts'

/** Restore testing plans on a store in memory, whose jobs a test works off itself. */

export const ACCOUNT = '111122223333'
const REGION = 'us-east-1'
export const PLACE: { readonly accountId: string; readonly region: string } = {
  accountId: ACCOUNT,
  region: REGION,
}
export const HOUR = 3_600_000
export const DAY: number = 24 * HOUR
const START = Date.UTC(2026, 0, 31, 4, 30)
export const DUE: number = Date.UTC(2026, 0, 31, 5)
const ALL: TestedResources = {
  ProtectedResourceArns: ['*'],
  ProtectedResourceConditions: { StringEquals: [], StringNotEquals: [] },
  RestoreMetadataOverrides: {},
  ValidationWindowHours: 0,
}

interface World {
  readonly store: Store
  readonly clock: { ms: number }
  readonly scheduler: Scheduler
  readonly another: Scheduler
  readonly jobs: (kind?: JobKind) => Promise<readonly JobTable[]>
  readonly tests: () => Promise<readonly RestoreTestTable[]>
  readonly lastRun: () => Promise<string | null | undefined>
  /** Works off the one job that is due of a kind, as a worker would. */
  readonly work: (kind: JobKind, end: Omit<JobEnd, 'now'>) => Promise<void>
}

/** A plan that is due at five o'clock, on a store in memory with a vault `kept` and one `far`. */
export async function withTestingPlan(
  given: {
    readonly plan?: GivenTestingPlan
    readonly selection?: Partial<TestedResources>
    readonly validators?: readonly Validator[]
  },
  points: readonly { resource: string; ageDays: number; vault?: string; tags?: Record<string, string> }[],
  run: (world: World) => Promise<void>,
): Promise<void> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const clock = { ms: START }
  const passed: Clock = { now: () => clock.ms, monotonic: () => performance.now() }
  const tools = { store, clock: passed, log: createLog('silent') }
  const jobs = (kind: JobKind = 'restore'): Promise<JobTable[]> =>
    store.db.selectFrom('job').selectAll().where('kind', '=', kind).orderBy('resource_arn').execute()
  try {
    for (const name of ['kept', 'far']) await insertVault(store.db, vaultRow(name))
    for (const point of points) await putPoint(store, point)
    await putPlan(store, given.plan ?? {}, { ...ALL, ...given.selection }, given.validators)
    await run({
      store,
      clock,
      scheduler: new Scheduler(tools),
      another: new Scheduler(tools),
      jobs,
      tests: () => store.db.selectFrom('restore_test').selectAll().orderBy('resource_arn').execute(),
      lastRun: async () => (await findTestingPlan(store.db, PLACE, 'tests'))?.last_run_message,
      work: async (kind, end) => {
        const row = await claimJob(store, { kinds: [kind], owner: 'worker', now: clock.ms, leaseMs: 1000 })
        assert.ok(row !== undefined, `no ${kind} job is due`)
        clock.ms += 90_000
        await finishJob(store.db, row, { ...end, now: clock.ms })
      },
    })
  } finally {
    await store.close()
  }
}

export const fileSystem = (name: string): string =>
  `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT}:file-system/fs-${name}`

async function putPoint(
  store: Store,
  point: { resource: string; ageDays: number; vault?: string; tags?: Record<string, string> },
): Promise<void> {
  const at = DUE - point.ageDays * DAY
  const row = {
    ...pointRow(uuid()),
    vault_name: point.vault ?? 'kept',
    resource_arn: fileSystem(point.resource),
    resource_unique_id: point.resource,
    resource_type: 'EFS',
    restore_metadata: JSON.stringify({ 'file-system-id': `fs-${point.resource}` }),
    created_at: at,
    completed_at: at,
    status: 'COMPLETED' as const,
  }
  await insertRecoveryPoint(store.db, row)
  await putTags(store.db, ACCOUNT, row.arn, point.tags ?? {})
}

async function putPlan(
  store: Store,
  given: GivenTestingPlan,
  tested: TestedResources,
  validators: readonly Validator[] = [],
): Promise<void> {
  const document = testingDocument(
    {
      ScheduleExpression: 'cron(0 5 ? * * *)',
      StartWindowHours: 2,
      ...given,
      RecoveryPointSelection: {
        Algorithm: 'LATEST_WITHIN_WINDOW',
        IncludeVaults: ['*'],
        RecoveryPointTypes: ['SNAPSHOT'],
        SelectionWindowDays: 7,
        ...given.RecoveryPointSelection,
      },
    },
    START,
  )
  await insertTestingPlan(store.db, {
    account_id: ACCOUNT,
    region: REGION,
    name: 'tests',
    arn: `arn:aws:backup:${REGION}:${ACCOUNT}:restore-testing-plan:tests-1`,
    creator_request_id: 'x',
    document: JSON.stringify(document),
    created_at: START,
    updated_at: START,
    written_at: START,
    next_run_at: testingSchedule(document, START).next(START) ?? null,
    last_run_at: null,
    last_run_message: null,
  })
  await insertTestingSelection(store.db, {
    account_id: ACCOUNT,
    region: REGION,
    plan_name: 'tests',
    name: 'files',
    resource_type: 'EFS',
    role_arn: `arn:aws:iam::${ACCOUNT}:role/tester`,
    role_id: iamId('AROA'),
    document: JSON.stringify(tested),
    validators: JSON.stringify(validators),
    creator_request_id: 'x',
    created_by: `arn:aws:iam::${ACCOUNT}:user/admin`,
    created_by_id: ACCOUNT,
    created_at: START,
    updated_at: START,
  })
}

export const names = (jobs: readonly JobTable[]): string[] =>
  jobs.map(({ resource_arn }) => String(resource_arn).split('/fs-')[1] as string)

export const a = { resource: 'a', ageDays: 1 }
export const COMPLETED = { state: 'COMPLETED', result: '{"createdResourceArn":"x"}' } as const
