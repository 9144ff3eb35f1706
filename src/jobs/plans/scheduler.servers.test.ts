import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { createLog } from '../../lib/log.ts'
import { uuid } from '../../lib/ids.ts'
import { openStore } from '../../store/store.ts'
import { postgresMissing, startPostgres } from '../../../test/servers/postgres.ts'
import { addResource, addSelection, HOUR, START, writePlan } from './scheduler.fixture.ts'
import { Scheduler } from './scheduler.ts'

const PLANS = 40
const RESOURCES = 5

test(
  'three servers on one PostgreSQL that look at the same moment make each job of 40 plans once, and fail none',
  { skip: postgresMissing() },
  async () => {
    const dir = mkdtempSync(join(tmpdir(), 'roleback-scheduler-'))
    const server = await startPostgres({ dir: `${dir}-postgres` })
    const urlFile = join(dir, 'url')
    writeFileSync(urlFile, `postgres://super:${server.password}@127.0.0.1:${server.port}/postgres`)
    const first = await openStore({ kind: 'postgres', urlFile })
    const stores = [first]
    try {
      for (let i = 0; i < RESOURCES; i++) await addResource(first.db, `fs-${i}`)
      const planIds = Array.from({ length: PLANS }, uuid)
      for (const planId of planIds) {
        await writePlan(first, planId, [{ ScheduleExpression: 'cron(0 5 ? * * *)', StartWindowMinutes: 60 }])
        await addSelection(first, planId)
      }
      for (let i = 1; i < 3; i++) stores.push(await openStore({ kind: 'postgres', urlFile }))
      const now = START + HOUR / 2
      const clock = { now: () => now, monotonic: () => performance.now() }
      const log = createLog('silent')
      const failed = await Promise.all(
        stores.map(async (store) => await new Scheduler({ store, clock, log }).runDue()),
      )
      assert.deepEqual(failed, [0, 0, 0])
      const jobs = await first.db.selectFrom('job').select(['plan_id', 'resource_arn']).execute()
      assert.equal(jobs.length, PLANS * RESOURCES)
      assert.equal(new Set(jobs.map((job) => `${job.plan_id} ${job.resource_arn}`)).size, PLANS * RESOURCES)
      const runs = await first.db.selectFrom('backup_plan_run').selectAll().execute()
      assert.deepEqual(
        runs.map((run) => `${run.plan_id} ${run.outcome} ${run.jobs}`).toSorted(),
        planIds.map((planId) => `${planId} STARTED ${RESOURCES}`).toSorted(),
      )
    } finally {
      for (const store of stores) await store.close()
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    }
  },
)
