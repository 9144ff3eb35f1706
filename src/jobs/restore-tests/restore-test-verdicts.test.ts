import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ValidatorResult } from '../../plans/validator-verdicts.ts'
import type { Validator } from '../../plans/validators.ts'
import { finishJob } from '../../store/jobs/claims.ts'
import { claimJob } from '../../store/jobs/next-job.ts'
import type { JobEnd } from '../../store/jobs/claims.ts'
import { requestCancel } from '../../store/jobs/jobs.ts'
import type { Store } from '../../store/store.ts'
import { ACCOUNT, HOUR, DAY, DUE, withTestingPlan, a, COMPLETED } from './restore-tests.fixture.ts'

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

test('validators that somebody stops prove nothing: the test has failed by their words, and what it restored is deleted', async () => {
  for (const isRunning of [false, true]) {
    const given = { validators: [COUNT], selection: { ValidationWindowHours: 3 } }
    await withTestingPlan(given, [a], async ({ store, clock, scheduler, tests, work, jobs }) => {
      clock.ms = DUE
      await scheduler.runDue()
      await work('restore', COMPLETED)
      await scheduler.runDue()
      const kinds = ['validate-restore-test'] as const
      const claim = { kinds, owner: 'w', now: clock.ms, leaseMs: DAY }
      const running = isRunning ? await claimJob(store, claim) : undefined
      const [job] = await jobs('validate-restore-test')
      assert.ok(job)
      const stop = {
        now: clock.ms,
        message: 'The job was stopped by dba',
        callerArn: 'arn:aws:iam::1:user/dba',
      }
      await requestCancel(store.db, job, stop)
      await scheduler.runDue()
      if (running !== undefined) {
        assert.equal((await tests())[0]?.phase, 'VALIDATING', 'nothing is deleted under them')
        await finishJob(store.db, running, {
          state: 'ABORTED',
          now: clock.ms,
          status_message: stop.message,
        })
        await scheduler.runDue()
      }
      const [judged] = await tests()
      assert.deepEqual([judged?.phase, judged?.validation_status], ['DELETING', 'FAILED'])
      assert.equal(judged?.validation_message, `The validators could not be run: ${stop.message}`)
      await work('delete-restore-test', { state: 'COMPLETED' })
    })
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
