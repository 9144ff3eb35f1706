import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../../lib/clock.ts'
import { uuid } from '../../lib/ids.ts'
import { createLog } from '../../lib/log.ts'
import type { PlanRule } from '../../plans/plan.ts'
import { putPause } from '../../store/jobs/pauses.ts'
import type { BackupPlanRunTable } from '../../store/plans/schema-plans.ts'
import type { JobTable } from '../../store/schema.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { ACCOUNT, addResource, addSelection, HOUR, REGION, START, writePlan } from './scheduler.fixture.ts'
import { Scheduler } from './scheduler.ts'

interface World {
  readonly store: Store
  readonly clock: { ms: number }
  readonly scheduler: Scheduler
  readonly planId: string
  readonly jobs: () => Promise<readonly JobTable[]>
  readonly runs: () => Promise<readonly BackupPlanRunTable[]>
}

const daily: Partial<PlanRule> = {
  ScheduleExpression: 'cron(0 5 ? * * *)',
  StartWindowMinutes: 60,
  CompletionWindowMinutes: 120,
}
const hourly: Partial<PlanRule> = { ScheduleExpression: 'cron(0 * ? * * *)', StartWindowMinutes: 60 }

/** A plan with rules on a store in memory, `count` resources tagged for it, and a clock the test moves. */
async function withPlan(
  rules: readonly Partial<PlanRule>[],
  count: number,
  work: (world: World) => Promise<void>,
): Promise<void> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const clock = { ms: START }
  const passed: Clock = { now: () => clock.ms, monotonic: () => performance.now() }
  const planId = uuid()
  try {
    await writePlan(store, planId, rules)
    await store.transaction(async (tx) => {
      for (let i = 0; i < count; i++) await addResource(tx as unknown as Store['db'], `fs-${i}`)
    })
    await addSelection(store, planId)
    const scheduler = new Scheduler({ store, clock: passed, log: createLog('silent') })
    const jobs = (): Promise<JobTable[]> =>
      store.db.selectFrom('job').selectAll().orderBy('run_at').orderBy('job_id').execute()
    const runs = (): Promise<BackupPlanRunTable[]> =>
      store.db.selectFrom('backup_plan_run').selectAll().orderBy('due_at').orderBy('rule_id').execute()
    await work({ store, clock, scheduler, planId, jobs, runs })
  } finally {
    await store.close()
  }
}

test('a rule that is due makes one job for each selected resource, once', async () => {
  await withPlan([daily], 3, async ({ clock, scheduler, store, planId, jobs, runs }) => {
    await scheduler.runDue()
    assert.equal((await jobs()).length, 0, 'nothing is due yet')
    clock.ms = START + HOUR / 2
    await scheduler.runDue()
    await scheduler.runDue()
    const made = await jobs()
    assert.equal(made.length, 3)
    const [job] = made
    const dueAt = Date.UTC(2026, 0, 1, 5)
    assert.deepEqual(
      [job?.state, job?.start_by, job?.complete_by, job?.caller_arn, job?.plan_id],
      ['CREATED', dueAt + HOUR, dueAt + 3 * HOUR, `arn:aws:iam::${ACCOUNT}:user/admin`, planId],
    )
    assert.equal(
      (JSON.parse(job?.created_by as string) as { BackupRuleName: string }).BackupRuleName,
      'rule-0',
    )
    assert.deepEqual(
      (await runs()).map(({ outcome, jobs: count, due_at }) => [outcome, count, due_at]),
      [['STARTED', 3, dueAt]],
    )
    const plan = await store.db.selectFrom('backup_plan').select('last_run_at').executeTakeFirstOrThrow()
    assert.equal(plan.last_run_at, dueAt)
  })
})

test('two schedulers that look at the same moment make the jobs once', async () => {
  await withPlan([daily], 5, async ({ clock, scheduler, store, jobs }) => {
    clock.ms = START + HOUR / 2
    const other = new Scheduler({
      store,
      clock: { now: () => clock.ms, monotonic: () => performance.now() },
      log: createLog('silent'),
    })
    await Promise.all([scheduler.runDue(), other.runDue()])
    assert.equal((await jobs()).length, 5)
  })
})

test('the newest run missed while no server ran is made up inside its start window, the others stand back', async () => {
  await withPlan([hourly], 2, async ({ clock, scheduler, jobs, runs }) => {
    clock.ms = Date.UTC(2026, 0, 1, 9, 40)
    await scheduler.runDue()
    assert.deepEqual(
      (await jobs()).map(({ state, start_by }) => [state, start_by]),
      [
        ['CREATED', Date.UTC(2026, 0, 1, 10)],
        ['CREATED', Date.UTC(2026, 0, 1, 10)],
      ],
    )
    assert.deepEqual(
      (await runs()).map(({ outcome, due_at }) => [outcome, new Date(due_at).getUTCHours()]),
      [
        ['SUPERSEDED', 5],
        ['SUPERSEDED', 6],
        ['SUPERSEDED', 7],
        ['SUPERSEDED', 8],
        ['STARTED', 9],
      ],
    )
  })
})

test('a run missed beyond its start window is recorded as EXPIRED jobs that say why', async () => {
  await withPlan([daily], 2, async ({ clock, scheduler, jobs, runs }) => {
    clock.ms = Date.UTC(2026, 0, 3, 12)
    await scheduler.runDue()
    const made = await jobs()
    assert.deepEqual(
      made.map(({ state }) => state),
      ['EXPIRED', 'EXPIRED'],
    )
    assert.match(
      made[0]?.status_message ?? '',
      /due at 2026-01-03T05:00:00.000Z by the rule rule-0, and no server ran .*, nor for the 2 runs before$/,
    )
    assert.deepEqual(
      (await runs()).map(({ outcome }) => outcome),
      ['MISSED', 'MISSED', 'MISSED'],
    )
    clock.ms = Date.UTC(2026, 0, 4, 5, 1)
    await scheduler.runDue()
    assert.equal((await jobs()).filter(({ state }) => state === 'CREATED').length, 2, 'and the next one runs')
  })
})

test('of rules due at one moment the one that keeps longest runs', async () => {
  const rules = [
    { ...hourly, Lifecycle: { DeleteAfterDays: 2 } },
    { ...daily, Lifecycle: { DeleteAfterDays: 35 } },
    { ...daily, TargetBackupVaultName: 'elsewhere', Lifecycle: { DeleteAfterDays: 1 } },
  ]
  await withPlan(rules, 1, async ({ clock, scheduler, jobs, runs }) => {
    clock.ms = Date.UTC(2026, 0, 1, 5)
    await scheduler.runDue()
    const kept = (await jobs()).map(({ vault_name, input }) => {
      const { lifecycle } = JSON.parse(input) as { lifecycle: { deleteAfterDays: number } }
      return `${vault_name} ${lifecycle.deleteAfterDays}`
    })
    assert.deepEqual(new Set(kept), new Set(['elsewhere 1', 'vault 35']))
    assert.deepEqual(
      (await runs()).map(({ rule_id, outcome }) => [rule_id, outcome]),
      [
        ['rule-0', 'SUPERSEDED'],
        ['rule-1', 'STARTED'],
        ['rule-2', 'STARTED'],
      ],
    )
    clock.ms = Date.UTC(2026, 0, 1, 6)
    await scheduler.runDue()
    assert.equal((await jobs()).length, 3, 'an hour later the hourly rule runs again')
  })
})

test('plans that cannot be run keep no others from running, however many they are', async () => {
  await withPlan([daily], 1, async ({ clock, scheduler, store, jobs }) => {
    const broken = uuid()
    await writePlan(
      store,
      broken,
      Array.from({ length: 101 }, () => daily),
    )
    await store.db
      .updateTable('backup_plan_version')
      .set({ document: '{' })
      .where('plan_id', '=', broken)
      .execute()
    await store.db
      .updateTable('backup_rule')
      .set({ next_run_at: START })
      .where('plan_id', '=', broken)
      .execute()
    clock.ms = Date.UTC(2026, 0, 1, 5)
    assert.equal(await scheduler.runDue(), 101)
    assert.equal((await jobs()).length, 1)
  })
})

test('what is paused makes no jobs and says so: a plan, everything, one resource', async () => {
  await withPlan([daily], 2, async ({ clock, scheduler, store, planId, jobs, runs }) => {
    const pause = (target_arn: string, until: number) =>
      putPause(store.db, {
        account_id: ACCOUNT,
        region: REGION,
        target_arn,
        until,
        reason: 'moving house',
        paused_by: `arn:aws:iam::${ACCOUNT}:user/admin`,
        paused_at: START,
      })
    const day = (date: number, hour = 5): number => Date.UTC(2026, 0, date, hour)
    await pause(`arn:aws:backup:${REGION}:${ACCOUNT}:backup-plan:${planId}`, day(2, 0))
    await pause('*', day(3, 0))
    await pause(`arn:aws:elasticfilesystem:${REGION}:${ACCOUNT}:file-system/fs-1`, day(4, 0))
    for (const date of [1, 2, 3, 4]) {
      clock.ms = day(date)
      await scheduler.runDue()
    }
    assert.deepEqual(
      (await runs()).map(({ outcome, jobs: count }) => `${outcome} ${count}`),
      ['PAUSED 0', 'PAUSED 0', 'STARTED 1', 'STARTED 2'],
    )
    const messages = (await runs()).map(({ message }) => message)
    assert.match(
      messages[0] ?? '',
      /^All plans are paused until 2026-01-03T.* by arn.*user.admin: moving house$/,
    )
    assert.equal(messages[2], '1 resources are paused')
    assert.equal((await jobs()).length, 3)
  })
})

test('a plan whose selections match nothing records that', async () => {
  await withPlan([daily], 0, async ({ clock, scheduler, runs }) => {
    clock.ms = Date.UTC(2026, 0, 1, 5)
    await scheduler.runDue()
    assert.deepEqual(
      (await runs()).map(({ outcome }) => outcome),
      ['EMPTY'],
    )
  })
})

test('a resource in several selections is backed up once in a run, under the role of the first', async () => {
  await withPlan([daily], 2, async ({ clock, scheduler, store, planId, jobs }) => {
    await addSelection(store, planId, { role: 'second' })
    await store.db
      .updateTable('backup_selection')
      .set({ created_at: START + 1 })
      .where('role_arn', 'like', '%/second')
      .execute()
    clock.ms = Date.UTC(2026, 0, 1, 5)
    await scheduler.runDue()
    assert.deepEqual(
      (await jobs()).map(({ role_arn }) => role_arn?.split('/')[1]),
      ['backup', 'backup'],
    )
  })
})

test('a plan that cannot be read keeps no other from running', async () => {
  await withPlan([daily], 1, async ({ clock, scheduler, store, planId, jobs }) => {
    const broken = '00000000-0000-4000-8000-000000000000'
    await writePlan(store, broken, [daily])
    await store.db
      .updateTable('backup_plan_version')
      .set({ document: '{' })
      .where('plan_id', '=', broken)
      .execute()
    // It is looked at first.
    await store.db
      .updateTable('backup_rule')
      .set({ next_run_at: START })
      .where('plan_id', '=', broken)
      .execute()
    clock.ms = Date.UTC(2026, 0, 1, 5)
    assert.equal(await scheduler.runDue(), 1)
    assert.deepEqual(
      (await jobs()).map(({ plan_id }) => plan_id),
      [planId],
    )
  })
})

test('10,000 jobs of one moment are spread inside the start window, and the plans behind them have theirs', async () => {
  await withPlan([daily], 10_000, async ({ clock, scheduler, store, planId, jobs }) => {
    const others = ['00000000-0000-4000-8000-000000000000', 'ffffffff-ffff-4fff-8fff-ffffffffffff']
    await addResource(store.db, 'fs-other', 'other')
    for (const id of others) {
      await writePlan(store, id, [daily])
      await addSelection(store, id, { value: 'other' })
    }
    clock.ms = Date.UTC(2026, 0, 1, 5)
    await scheduler.runDue()
    const all = await jobs()
    assert.equal(all.length, 10_002)
    const made = all.filter(({ plan_id }) => plan_id === planId)
    assert.ok((made.at(-1)?.run_at as number) <= clock.ms + HOUR / 2)
    assert.ok((made.at(-1)?.run_at as number) > clock.ms + HOUR / 4)
  })
})
