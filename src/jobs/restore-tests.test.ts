import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '../lib/clock.ts'
import { iamId, uuid } from '../lib/ids.ts'
import { createLog } from '../lib/log.ts'
import { testingDocument, testingSchedule } from '../plans/restore-testing.ts'
import type { GivenTestingPlan, TestedResources } from '../plans/restore-testing.ts'
import type { ValidatorResult } from '../plans/validator-verdicts.ts'
import type { Validator } from '../plans/validators.ts'
import { claimJob, expireUnstarted, finishJob } from '../store/claims.ts'
import type { JobEnd } from '../store/claims.ts'
import { insertRecoveryPoint } from '../store/recovery-points.ts'
import { findTestingPlan, insertTestingPlan, insertTestingSelection } from '../store/restore-testing.ts'
import type { RestoreTestTable } from '../store/schema-restore-testing.ts'
import type { JobKind, JobTable } from '../store/schema.ts'
import { openStore } from '../store/store.ts'
import type { Store } from '../store/store.ts'
import { putTags } from '../store/tags.ts'
import { insertVault } from '../store/vaults.ts'
import { pointRow, vaultRow } from '../store/contract-rows.ts'
import { Scheduler } from './scheduler.ts'

const ACCOUNT = '111122223333'
const REGION = 'us-east-1'
const PLACE = { accountId: ACCOUNT, region: REGION }
const HOUR = 3_600_000
const DAY = 24 * HOUR
const START = Date.UTC(2026, 0, 31, 4, 30)
const DUE = Date.UTC(2026, 0, 31, 5)
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
async function withTestingPlan(
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

const fileSystem = (name: string): string =>
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

const names = (jobs: readonly JobTable[]): string[] =>
  jobs.map(({ resource_arn }) => String(resource_arn).split('/fs-')[1] as string)

const a = { resource: 'a', ageDays: 1 }
const COMPLETED = { state: 'COMPLETED', result: '{"createdResourceArn":"x"}' } as const

test('a restore testing plan that is due makes one restore job a resource, once, whoever looks', async () => {
  await withTestingPlan(
    {},
    [a, { resource: 'b', ageDays: 2 }],
    async ({ clock, scheduler, another, jobs, tests, lastRun, store }) => {
      await scheduler.runDue()
      assert.deepEqual(await jobs(), [])
      clock.ms = DUE
      await Promise.all([scheduler.runDue(), another.runDue()])
      await scheduler.runDue()
      const made = await jobs()
      assert.deepEqual(names(made), ['a', 'b'])
      for (const job of made) {
        assert.equal(job.start_by, DUE + 2 * HOUR)
        assert.equal(job.caller_arn, `arn:aws:iam::${ACCOUNT}:user/admin`)
        const { metadata } = JSON.parse(job.input) as { metadata: Record<string, string> }
        assert.equal(metadata['newFileSystem'], 'true')
        assert.match(metadata['CreationToken'] as string, /^awsbackup-restore-test-[0-9a-f]{32}$/)
      }
      assert.deepEqual(
        (await tests()).map(({ phase }) => phase),
        ['RESTORING', 'RESTORING'],
      )
      assert.equal(await lastRun(), 'STARTED: 2 tests')
      assert.equal((await findTestingPlan(store.db, PLACE, 'tests'))?.last_run_at, DUE)
      assert.equal((await findTestingPlan(store.db, PLACE, 'tests'))?.next_run_at, DUE + DAY)
    },
  )
})

test('a test takes the latest point, or any, inside the window, of the plan’s vaults and with the tags asked for', async () => {
  const points = [
    { resource: 'a', ageDays: 3 },
    a,
    { resource: 'far', ageDays: 1, vault: 'far' },
    { resource: 'old', ageDays: 8 },
    { resource: 'gold', ageDays: 1, tags: { tier: 'gold' } },
    { resource: 'lead', ageDays: 1, tags: { tier: 'lead' } },
  ]
  const cases: readonly (readonly [string, Parameters<typeof withTestingPlan>[0], readonly string[]])[] = [
    ['all', {}, ['a', 'far', 'gold', 'lead']],
    [
      'without a vault',
      { plan: { RecoveryPointSelection: { ExcludeVaults: [vaultRow('far').arn] } } },
      ['a', 'gold', 'lead'],
    ],
    ['of a vault', { plan: { RecoveryPointSelection: { IncludeVaults: [vaultRow('far').arn] } } }, ['far']],
    ['continuous only', { plan: { RecoveryPointSelection: { RecoveryPointTypes: ['CONTINUOUS'] } } }, []],
    [
      'a longer window',
      { plan: { RecoveryPointSelection: { SelectionWindowDays: 9 } } },
      ['a', 'far', 'gold', 'lead', 'old'],
    ],
    ['named', { selection: { ProtectedResourceArns: [fileSystem('a'), fileSystem('none')] } }, ['a']],
    [
      'tagged',
      {
        selection: {
          ProtectedResourceConditions: {
            StringEquals: [{ Key: 'aws:ResourceTag/tier', Value: 'gold' }],
            StringNotEquals: [],
          },
        },
      },
      ['gold'],
    ],
    [
      'not tagged',
      {
        selection: {
          ProtectedResourceConditions: {
            StringEquals: [],
            StringNotEquals: [{ Key: 'aws:ResourceTag/tier', Value: 'gold' }],
          },
        },
      },
      ['a', 'far', 'lead'],
    ],
  ]
  for (const [what, given, expected] of cases) {
    await withTestingPlan(given, points, async ({ clock, scheduler, jobs, lastRun, store }) => {
      clock.ms = DUE
      await scheduler.runDue()
      const made = await jobs()
      assert.deepEqual(names(made), expected, what)
      if (expected.length === 0) assert.match((await lastRun()) ?? '', /^EMPTY: no selection names/)
      const latest = made.find(({ resource_arn }) => resource_arn === fileSystem('a'))
      if (latest === undefined) return
      const point = await store.db
        .selectFrom('recovery_point')
        .select('created_at')
        .where('arn', '=', latest.recovery_point_arn)
        .executeTakeFirst()
      assert.equal(point?.created_at, DUE - DAY, what)
    })
  }
})

test('a random point is any of those inside the window, and over many runs each of them', async () => {
  const points = [1, 2, 3].map((ageDays) => ({ resource: 'a', ageDays }))
  const plan: GivenTestingPlan = {
    RecoveryPointSelection: { Algorithm: 'RANDOM_WITHIN_WINDOW', SelectionWindowDays: 365 },
  }
  await withTestingPlan({ plan }, points, async ({ clock, scheduler, jobs }) => {
    for (let day = 0; day < 40; day++) {
      clock.ms = DUE + day * DAY
      await scheduler.runDue()
    }
    const made = await jobs()
    assert.equal(made.length, 40)
    // That one of three is missed in 40 draws happens once in ten million runs.
    assert.equal(new Set(made.map(({ recovery_point_arn }) => recovery_point_arn)).size, 3)
  })
})

test('a random point has the tags that were asked for, too', async () => {
  const points = [1, 2, 3, 4].map((ageDays) => ({
    resource: 'a',
    ageDays,
    ...(ageDays % 2 === 0 && { tags: { content: 'secret' } }),
  }))
  const secret = [{ Key: 'aws:ResourceTag/content', Value: 'secret' }]
  const given = {
    plan: {
      RecoveryPointSelection: { Algorithm: 'RANDOM_WITHIN_WINDOW', SelectionWindowDays: 365 },
    } as const,
    selection: { ProtectedResourceConditions: { StringEquals: [], StringNotEquals: secret } },
  }
  await withTestingPlan(given, points, async ({ clock, scheduler, jobs, store }) => {
    for (let day = 0; day < 30; day++) {
      clock.ms = DUE + day * DAY
      await scheduler.runDue()
    }
    const tagged = await store.db.selectFrom('tag').select('arn').execute()
    const made = await jobs()
    assert.deepEqual([made.length, tagged.length], [30, 2])
    for (const { recovery_point_arn } of made)
      assert.ok(tagged.every(({ arn }) => arn !== recovery_point_arn))
  })
})

test('a run missed inside its start window is made up for; one beyond it leaves expired jobs that say so', async () => {
  await withTestingPlan({}, [a], async ({ clock, scheduler, jobs, lastRun }) => {
    clock.ms = DUE + HOUR
    await scheduler.runDue()
    assert.deepEqual(
      (await jobs()).map(({ state }) => state),
      ['PENDING'],
    )
    clock.ms = DUE + 3 * DAY + 3 * HOUR
    await scheduler.runDue()
    const [, missed] = (await jobs()).toSorted((x, y) => x.created_at - y.created_at)
    assert.equal(missed?.state, 'EXPIRED')
    assert.match(
      missed?.status_message ?? '',
      /no server ran inside its start window, nor for the 2 runs before/,
    )
    assert.match((await lastRun()) ?? '', /^MISSED/)
  })
})

test('a restore that no worker starts inside the start window expires, and its test ends', async () => {
  await withTestingPlan({}, [a], async ({ store, clock, scheduler, jobs, tests }) => {
    clock.ms = DUE
    await scheduler.runDue()
    clock.ms = DUE + 2 * HOUR
    await expireUnstarted(store.db, 'backup', clock.ms, 'too late')
    assert.equal((await jobs())[0]?.state, 'PENDING')
    await expireUnstarted(store.db, 'restore', clock.ms, 'too late')
    assert.deepEqual(
      (await jobs()).map(({ state, status_message }) => [state, status_message]),
      [['EXPIRED', 'too late']],
    )
    await scheduler.runDue()
    const [ended] = await tests()
    assert.deepEqual([ended?.phase, ended?.deletion_status], ['ENDED', null])
    assert.deepEqual(await jobs('delete-restore-test'), [])
  })
})

test('without a validation window what was restored is deleted at once, and the recovery time is kept', async () => {
  await withTestingPlan({}, [a], async ({ clock, scheduler, another, tests, work, jobs }) => {
    clock.ms = DUE
    await scheduler.runDue()
    await work('restore', COMPLETED)
    await Promise.all([scheduler.runDue(), another.runDue()])
    const [deleting] = await tests()
    assert.deepEqual(
      [deleting?.phase, deleting?.recovery_ms, deleting?.validation_status, deleting?.deletion_status],
      ['DELETING', 90_000, null, 'DELETING'],
    )
    assert.equal((await jobs('delete-restore-test')).length, 1)
    await work('delete-restore-test', { state: 'COMPLETED' })
    await scheduler.runDue()
    const [ended] = await tests()
    assert.deepEqual([ended?.phase, ended?.deletion_status], ['ENDED', 'SUCCESSFUL'])
  })
})

test('a validation window that nobody uses times out and then deletes', async () => {
  const selection = { ValidationWindowHours: 3 }
  await withTestingPlan({ selection }, [a], async ({ clock, scheduler, tests, work }) => {
    clock.ms = DUE
    await scheduler.runDue()
    await work('restore', COMPLETED)
    await scheduler.runDue()
    const [waiting] = await tests()
    assert.deepEqual(
      [waiting?.phase, waiting?.validation_status, waiting?.next_at],
      ['VALIDATING', 'VALIDATING', DUE + 90_000 + 3 * HOUR],
    )
    clock.ms = DUE + 3 * HOUR
    await scheduler.runDue()
    assert.equal((await tests())[0]?.phase, 'VALIDATING')
    clock.ms += 90_000
    await scheduler.runDue()
    const [deleting] = await tests()
    assert.deepEqual(
      [deleting?.phase, deleting?.validation_status, deleting?.validation_message],
      ['DELETING', 'TIMED_OUT', 'No validation result came inside the validation window'],
    )
  })
})

test('a deletion that fails says why and is tried again, later each time', async () => {
  await withTestingPlan({}, [a], async ({ clock, scheduler, tests, work, jobs }) => {
    clock.ms = DUE
    await scheduler.runDue()
    await work('restore', COMPLETED)
    for (const minutes of [5, 10]) {
      await scheduler.runDue()
      await work('delete-restore-test', { state: 'FAILED', status_message: 'the role may not' })
      await scheduler.runDue()
      const [failed] = await tests()
      assert.deepEqual([failed?.phase, failed?.deletion_status], ['DELETE_FAILED', 'FAILED'])
      assert.match(failed?.deletion_message ?? '', /^the role may not\. It is tried again at /)
      assert.equal(failed?.next_at, clock.ms + minutes * 60_000)
      clock.ms += minutes * 60_000
    }
    await scheduler.runDue()
    assert.equal((await jobs('delete-restore-test')).length, 3)
  })
})

test('a restore that failed is cleaned up behind where its role was allowed to make something, and only there', async () => {
  for (const isMade of [true, false]) {
    await withTestingPlan({}, [a], async ({ store, clock, scheduler, tests, work, jobs }) => {
      clock.ms = DUE
      await scheduler.runDue()
      const [job] = await jobs()
      await store.db
        .insertInto('job_decision')
        .values({
          account_id: ACCOUNT,
          job_id: job?.job_id as string,
          seq: 0,
          step: 'CreateFileSystem',
          action: 'elasticfilesystem:CreateFileSystem',
          effect: isMade ? 'Allow' : 'Deny',
          first_arn: 'x',
          last_arn: 'x',
          count: 1,
          reason: 'x',
          policy: null,
          statement: null,
          first_at: DUE,
          last_at: DUE,
        })
        .execute()
      await work('restore', { state: 'FAILED', status_message: 'no' })
      await scheduler.runDue()
      const [failed] = await tests()
      assert.equal(failed?.phase, isMade ? 'DELETING' : 'ENDED')
      assert.equal(failed?.recovery_ms, null)
    })
  }
})

const COUNT: Validator = { Name: 'count', ObjectCount: { Min: 1 } }

/** The end of a validators' job, as it says what they found. */
const said = (...statuses: readonly ValidatorResult['status'][]): Omit<JobEnd, 'now'> => ({
  state: 'COMPLETED',
  result: JSON.stringify({
    results: statuses.map((status, at) => ({ name: `v${at}`, kind: 'ObjectCount', status, message: 'told' })),
  }),
})

test('validators run behind the restore, and without a window they alone decide', async () => {
  const cases = [
    ['SUCCESSFUL', said('SUCCESSFUL', 'SUCCESSFUL'), /^ObjectCount "v0" SUCCESSFUL: told\. ObjectCount "v1"/],
    ['FAILED', said('SUCCESSFUL', 'FAILED'), /^ObjectCount "v1" FAILED: told\. ObjectCount "v0" SUCCESSFUL/],
    ['FAILED', { state: 'FAILED', status_message: 'no way' }, /^The validators could not be run: no way$/],
  ] as const
  for (const [status, end, message] of cases) {
    await withTestingPlan(
      { validators: [COUNT] },
      [a],
      async ({ store, clock, scheduler, another, tests, work, jobs }) => {
        clock.ms = DUE
        await scheduler.runDue()
        await work('restore', COMPLETED)
        await Promise.all([scheduler.runDue(), another.runDue()])
        const [running] = await tests()
        assert.deepEqual([running?.phase, running?.validation_status], ['VALIDATING', 'VALIDATING'])
        const [job] = await jobs('validate-restore-test')
        assert.equal((await jobs('validate-restore-test')).length, 1)
        assert.deepEqual(
          [job?.role_arn, job?.input],
          [`arn:aws:iam::${ACCOUNT}:role/tester`, JSON.stringify({ restoreJobId: running?.job_id })],
        )
        await work('validate-restore-test', end)
        await Promise.all([scheduler.runDue(), another.runDue()])
        const [judged] = await tests()
        assert.deepEqual([judged?.phase, judged?.validation_status], ['DELETING', status])
        assert.match(judged?.validation_message ?? '', message)
        const told = await store.db.selectFrom('event').selectAll().where('kind', '=', 'notice').execute()
        assert.equal(told.length, 1)
        assert.match(told[0]?.body ?? '', /Restore Test Validation Completed.*"validationStatus":"/)
      },
    )
  }
})

test('with a window a caller has a word, too, but none that makes up for a validator that failed', async () => {
  const selection = { ValidationWindowHours: 3 }
  const caller = async (store: Store, status: 'SUCCESSFUL' | 'FAILED'): Promise<void> =>
    void (await store.db
      .updateTable('restore_test')
      .set({ caller_status: status, caller_message: 'I looked' })
      .execute())
  const cases = [
    ['SUCCESSFUL', 'SUCCESSFUL', 'SUCCESSFUL'],
    ['SUCCESSFUL', 'FAILED', 'FAILED'],
    ['FAILED', 'SUCCESSFUL', 'FAILED'],
  ] as const
  for (const [ofValidators, ofCaller, verdict] of cases) {
    await withTestingPlan(
      { validators: [COUNT], selection },
      [a],
      async ({ store, clock, scheduler, tests, work }) => {
        clock.ms = DUE
        await scheduler.runDue()
        await work('restore', COMPLETED)
        await scheduler.runDue()
        await caller(store, ofCaller)
        await work('validate-restore-test', said(ofValidators))
        await scheduler.runDue()
        const [judged] = await tests()
        assert.deepEqual([judged?.phase, judged?.validation_status], ['DELETING', verdict])
        assert.equal(
          judged?.validation_message,
          `ObjectCount "v0" ${ofValidators}: told. The caller says ${ofCaller}: I looked`,
        )
      },
    )
  }
  await withTestingPlan(
    { validators: [COUNT], selection },
    [a],
    async ({ clock, scheduler, tests, work }) => {
      clock.ms = DUE
      await scheduler.runDue()
      await work('restore', COMPLETED)
      await scheduler.runDue()
      await work('validate-restore-test', said('SUCCESSFUL'))
      await scheduler.runDue()
      const [waiting] = await tests()
      assert.deepEqual(
        [waiting?.phase, waiting?.validation_status, waiting?.step_job_id],
        ['VALIDATING', 'VALIDATING', null],
      )
      clock.ms = DUE + 3 * HOUR + 90_000
      await scheduler.runDue()
      const [over] = await tests()
      assert.deepEqual([over?.phase, over?.validation_status], ['DELETING', 'TIMED_OUT'])
      assert.match(
        over?.validation_message ?? '',
        /^No validation result came .*ObjectCount "v0" SUCCESSFUL: told$/,
      )
    },
  )
})

test('validators that do not end in time are stopped before anything is deleted', async () => {
  for (const hours of [0, 3]) {
    const given = { validators: [COUNT], selection: { ValidationWindowHours: hours } }
    await withTestingPlan(given, [a], async ({ store, clock, scheduler, tests, work, jobs }) => {
      clock.ms = DUE
      await scheduler.runDue()
      await work('restore', COMPLETED)
      await scheduler.runDue()
      const running = await claimJob(store, {
        kinds: ['validate-restore-test'],
        owner: 'w',
        now: clock.ms,
        leaseMs: DAY,
      })
      assert.ok(running)
      clock.ms = DUE + 90_000 + (hours === 0 ? 1 : hours) * HOUR
      await scheduler.runDue()
      await scheduler.runDue()
      const [stopping] = await tests()
      assert.deepEqual([stopping?.phase, stopping?.validation_status], ['VALIDATING', 'TIMED_OUT'])
      assert.equal((await jobs('validate-restore-test'))[0]?.state, 'ABORTING')
      await finishJob(store.db, running, { state: 'ABORTED', now: clock.ms })
      await scheduler.runDue()
      const [over] = await tests()
      assert.deepEqual([over?.phase, over?.validation_status], ['DELETING', 'TIMED_OUT'])
      assert.match(
        over?.validation_message ?? '',
        hours === 0 ? /inside 60 minutes/ : /inside the validation window/,
      )
      await work('delete-restore-test', { state: 'COMPLETED' })
    })
  }
})
