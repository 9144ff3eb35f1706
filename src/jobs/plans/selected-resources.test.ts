import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uuid } from '../../lib/ids.ts'
import { findPlan, selectionsOfPlan } from '../../store/plans/plans.ts'
import type { PlanRow } from '../../store/plans/plans.ts'
import { updateRegionSettings } from '../../store/region-settings.ts'
import { openStore } from '../../store/store.ts'
import type { Store } from '../../store/store.ts'
import { deleteTags } from '../../store/identity/tags.ts'
import { ACCOUNT, addResource, addSelection, REGION, writePlan } from './scheduler.fixture.ts'
import { ResourceViews } from './selected-resources.ts'

interface World {
  readonly store: Store
  readonly clock: { ms: number }
  /** Names that a plan of that tag value selects. */
  readonly namesOf: (views: ResourceViews, value: string) => Promise<readonly string[]>
  readonly views: () => ResourceViews
}

async function withPlans(values: readonly string[], work: (world: World) => Promise<void>): Promise<void> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const clock = { ms: 0 }
  const ids = new Map(values.map((value) => [value, uuid()]))
  try {
    for (const [value, planId] of ids) {
      await writePlan(store, planId, [{ ScheduleExpression: 'cron(0 5 ? * * *)' }])
      await addSelection(store, planId, { value })
      await addResource(store.db, `fs-${value}`, value)
    }
    await work({
      store,
      clock,
      views: () => new ResourceViews({ now: () => 0, monotonic: () => clock.ms }),
      namesOf: async (views, value) =>
        await store.transaction(async (tx) => {
          const place = { accountId: ACCOUNT, region: REGION }
          const plan = (await findPlan(tx, place, ids.get(value) as string)) as PlanRow
          return (await views.selectedBy(tx, plan, await selectionsOfPlan(tx, plan.plan_id))).map(
            ({ resource }) => resource.name,
          )
        }),
    })
  } finally {
    await store.close()
  }
}

test('rules that are due together see the same resources, whatever changes meanwhile', async () => {
  await withPlans(['a', 'b'], async ({ store, clock, namesOf, views }) => {
    const together = views()
    assert.deepEqual(await namesOf(together, 'a'), ['fs-a'])
    await addResource(store.db, 'fs-late', 'b')
    await deleteTags(store.db, ACCOUNT, resourceArn('fs-b'), ['backup'])
    await updateRegionSettings(store.db, ACCOUNT, REGION, { optIn: { EFS: false } })
    clock.ms = 2_000
    assert.deepEqual(await namesOf(together, 'b'), ['fs-b'], 'as it was when the first of them looked')
    assert.deepEqual(await namesOf(views(), 'b'), [], 'the next look sees the opt-out')
    await updateRegionSettings(store.db, ACCOUNT, REGION, { optIn: { EFS: true } })
    assert.deepEqual(await namesOf(views(), 'b'), ['fs-late'])
  })
})

test('what was loaded two seconds ago is not believed any more', async () => {
  await withPlans(['a'], async ({ store, clock, namesOf, views }) => {
    const slow = views()
    await namesOf(slow, 'a')
    await addResource(store.db, 'fs-late', 'a')
    clock.ms = 2_001
    assert.deepEqual(await namesOf(slow, 'a'), ['fs-a', 'fs-late'])
  })
})

test('a plan sees its own account’s and region’s resources, whichever was looked at before', async () => {
  await withPlans(['a'], async ({ store, namesOf, views }) => {
    const both = views()
    const selectedOf = async (place: Pick<PlanRow, 'account_id' | 'region'>): Promise<number> =>
      await store.transaction(async (tx) => {
        const plan = await tx.selectFrom('backup_plan').selectAll().executeTakeFirstOrThrow()
        const rows = await selectionsOfPlan(tx, plan.plan_id)
        return (await both.selectedBy(tx, { ...plan, document: '', ...place }, rows)).length
      })
    assert.deepEqual(await namesOf(both, 'a'), ['fs-a'])
    assert.equal(await selectedOf({ account_id: '444455556666', region: REGION }), 0)
    assert.equal(await selectedOf({ account_id: ACCOUNT, region: 'eu-west-1' }), 0)
    assert.deepEqual(await namesOf(both, 'a'), ['fs-a'])
  })
})

const resourceArn = (name: string): string =>
  `arn:aws:elasticfilesystem:${REGION}:${ACCOUNT}:file-system/${name}`
