import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { GivenTestingPlan } from '../../plans/restore-testing.ts'
import { expireUnstarted } from '../../store/jobs/claims.ts'
import { findTestingPlan, insertTestingPlan } from '../../store/plans/restore-testing.ts'
import { vaultRow } from '../../store/contract-rows.ts'
import {
  ACCOUNT,
  PLACE,
  HOUR,
  DAY,
  DUE,
  withTestingPlan,
  fileSystem,
  names,
  a,
  COMPLETED,
} from './restore-tests.fixture.ts'

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

test('testing plans that cannot be read keep no others from running, however many they are', async () => {
  await withTestingPlan({}, [a], async ({ store, clock, scheduler, jobs }) => {
    const plan = await findTestingPlan(store.db, PLACE, 'tests')
    assert.ok(plan !== undefined)
    for (let i = 0; i < 101; i++)
      await insertTestingPlan(store.db, {
        ...plan,
        name: `broken-${i}`,
        arn: `${plan.arn}-${i}`,
        creator_request_id: `${i}`,
        document: '{',
        next_run_at: DUE - 1,
      })
    clock.ms = DUE
    assert.equal(await scheduler.runDue(), 101)
    assert.equal((await jobs()).length, 1)
  })
})

test('tests that cannot be read keep no others from going on, however many they are', async () => {
  await withTestingPlan({}, [a], async ({ store, clock, scheduler, jobs, tests, work }) => {
    clock.ms = DUE
    await scheduler.runDue()
    await work('restore', { state: 'COMPLETED' })
    const [[job], [test]] = [await jobs(), await tests()]
    assert.ok(job !== undefined && test !== undefined)
    const broken = { validation_status: 'SUCCESSFUL', validator_results: '{', due_at: DUE - 1 } as const
    for (let i = 0; i < 101; i++) {
      const job_id = `broken-${i}`
      await store.db
        .insertInto('job')
        .values({ ...job, job_id })
        .execute()
      await store.db
        .insertInto('restore_test')
        .values({ ...test, ...broken, job_id, step_job_id: job_id })
        .execute()
    }
    assert.equal(await scheduler.runDue(), 101)
    assert.equal((await tests()).find(({ job_id: id }) => id === test.job_id)?.phase, 'DELETING')
  })
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
