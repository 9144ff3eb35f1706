import type { JobState } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Of the jobs of one run of a plan's rule, `run` being how their tokens begin, how many are in each state. */
export async function statesOfRun(
  db: Queryable,
  accountId: string,
  run: string,
): Promise<readonly { readonly state: JobState; readonly jobs: number }[]> {
  const rows = await db
    .selectFrom('job')
    .select('state')
    .select((eb) => eb.fn.countAll<number>().as('jobs'))
    .where('account_id', '=', accountId)
    .where('kind', '=', 'backup')
    .where('idempotency_token', '>', `${run} `)
    // The character behind a space.
    .where('idempotency_token', '<', `${run}!`)
    .groupBy('state')
    .execute()
  return rows.map(({ state, jobs }) => ({ state, jobs: Number(jobs) }))
}

/** What a version of a plan says, as JSON. */
export async function findPlanDocument(
  db: Queryable,
  planId: string,
  versionId: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom('backup_plan_version')
    .select('document')
    .where('plan_id', '=', planId)
    .where('version_id', '=', versionId)
    .executeTakeFirst()
  return row?.document
}
