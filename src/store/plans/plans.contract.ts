import assert from 'node:assert/strict'
import { ACCOUNT, NOW, planRow, readPages, REGION, selectionRow } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import { advanceRule, dueRules, nextRuleDueAt, recordPlanRuns } from './due-rules.ts'
import {
  countPlans,
  deletePlan,
  deleteSelection,
  findPlan,
  findPlanByRequest,
  findPlanVersion,
  findSelection,
  insertSelection,
  listPlanRuns,
  listPlanVersions,
  listPlans,
  listSelections,
  prunePlanRuns,
  selectionsOfPlan,
  writePlanVersion,
} from './plans.ts'
import type { BackupPlanTable } from './schema-plans.ts'
import type { Store } from '../store.ts'

const PLACE = { accountId: ACCOUNT, region: REGION }

const write = (store: Store, plan: BackupPlanTable, nextRunAt?: number): Promise<void> =>
  store.transaction((tx) =>
    writePlanVersion(tx, plan, { document: `{"v":"${plan.version_id}"}` }, [
      { ruleId: 'rule', writtenAt: NOW, nextRunAt },
    ]),
  )

/** Plans, their versions, selections and rules. */
export const PLANS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'a plan has the document of its present version and keeps the earlier ones, newest first',
    run: async (store) => {
      await write(store, planRow('p'))
      await write(store, planRow('p', { version_id: 'p 2', name: 'renamed', updated_at: NOW + 1 }))
      const plan = await findPlan(store.db, PLACE, 'p')
      assert.deepEqual([plan?.name, plan?.document, plan?.created_at], ['renamed', '{"v":"p 2"}', NOW])
      const versions = await readPages((page) => listPlanVersions(store.db, 'p', page), 1)
      assert.deepEqual(
        versions.map((each) => each.version_id),
        ['p 2', 'p 1'],
      )
      assert.equal((await findPlanVersion(store.db, 'p', 'p 1'))?.document, '{"v":"p 1"}')
      assert.equal((await findPlanByRequest(store.db, PLACE, 'p request'))?.plan_id, 'p')
    },
  },
  {
    name: 'a deleted plan stays to be looked at, is not counted and has no rule that is due',
    run: async (store) => {
      for (const id of ['a', 'b', 'c']) await write(store, planRow(id), NOW)
      await store.transaction((tx) => deletePlan(tx, 'b', NOW + 5))
      assert.equal(await countPlans(store.db, PLACE), 2)
      const ids = async (withDeleted: boolean): Promise<string[]> =>
        (await readPages((page) => listPlans(store.db, { ...PLACE, withDeleted }, page), 2)).map(
          (plan) => plan.plan_id,
        )
      assert.deepEqual(await ids(false), ['a', 'c'])
      assert.deepEqual(await ids(true), ['a', 'b', 'c'])
      assert.equal((await findPlan(store.db, PLACE, 'b'))?.deleted_at, NOW + 5)
      assert.deepEqual(
        (await dueRules(store.db, NOW, 10)).map(({ planId }) => planId),
        ['a', 'c'],
      )
    },
  },
  {
    name: 'a rule that is due is moved on by one of many, and its run is recorded once',
    run: async (store, { other }) => {
      await write(store, planRow('p'), NOW)
      assert.equal(await nextRuleDueAt(store.db), NOW)
      assert.deepEqual(await dueRules(store.db, NOW - 1, 10), [])
      const [rule] = await dueRules(store.db, NOW, 10)
      assert.ok(rule)
      const take = (of: Store): Promise<boolean> =>
        of.transaction(async (tx) => {
          if (!(await advanceRule(tx, rule, NOW + 100))) return false
          const run = { rule, dueAt: NOW, versionId: 'p 1', jobs: 1, message: '', now: NOW } as const
          await recordPlanRuns(tx, [{ ...run, outcome: 'STARTED' }])
          await recordPlanRuns(tx, [{ ...run, outcome: 'MISSED' }])
          return true
        })
      const taken = await Promise.all([take(store), take(other), take(store), take(other)])
      assert.equal(taken.filter(Boolean).length, 1)
      assert.equal(await nextRuleDueAt(store.db), NOW + 100)
      const runs = await store.db.selectFrom('backup_plan_run').selectAll().execute()
      assert.deepEqual(
        runs.map(({ outcome, due_at }) => [outcome, due_at]),
        [['STARTED', NOW]],
      )
      assert.equal((await findPlan(store.db, PLACE, 'p'))?.last_run_at, NOW)
      await prunePlanRuns(store.db, NOW)
      assert.equal((await listPlanRuns(store.db, 'p', { limit: 1 })).rows.length, 1)
      await prunePlanRuns(store.db, NOW + 1)
      assert.equal((await listPlanRuns(store.db, 'p', { limit: 1 })).rows.length, 0)
    },
  },
  {
    name: 'selections are added once a request, listed in pages and deleted',
    run: async (store) => {
      await write(store, planRow('p'))
      for (const id of ['a', 'b', 'c']) {
        assert.equal(await insertSelection(store.db, selectionRow('p', id)), true)
        assert.equal(await insertSelection(store.db, { ...selectionRow('p', id), selection_id: 'x' }), false)
      }
      const listed = await readPages((page) => listSelections(store.db, 'p', page), 2)
      assert.deepEqual(
        listed.map((each) => each.selection_id),
        ['a', 'b', 'c'],
      )
      assert.equal((await findSelection(store.db, 'p', { creatorRequestId: 'b request' }))?.name, 'b')
      assert.equal(await deleteSelection(store.db, 'p', 'b'), true)
      assert.equal(await deleteSelection(store.db, 'p', 'b'), false)
      assert.equal((await selectionsOfPlan(store.db, 'p')).length, 2)
    },
  },
]
