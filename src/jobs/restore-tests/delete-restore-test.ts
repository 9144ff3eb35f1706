import { driverOf } from '../../drivers/drivers.ts'
import { assertClaim, finishJob } from '../../store/jobs/claims.ts'
import { removeResource } from '../../store/resources/resources.ts'
import { deleteAllTags } from '../../store/identity/tags.ts'
import { openTestedPlace, testedPlaceOf } from './tested-place.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'

/** Deletes what a restore test made, under the test's role, and registers it no longer. */
export async function runDeleteRestoreTest(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const place = await testedPlaceOf(tools, row)
  const role = await openTestedPlace(tools, job, place)
  try {
    await driverOf(place.type).removeRestored(role.thing)
  } finally {
    await role.close()
  }
  const { created } = place
  const now = tools.clock.now()
  await tools.store.transaction(async (tx) => {
    await assertClaim(tx, row)
    if (created !== undefined && (await removeResource(tx, row.account_id, created.unique_id, now)))
      await deleteAllTags(tx, row.account_id, created.arn)
    await finishJob(tx, row, { state: 'COMPLETED', now, message_category: 'SUCCESS' })
  })
  return { state: 'COMPLETED', isFinished: true }
}
