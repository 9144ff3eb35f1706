import assert from 'node:assert/strict'
import { ACCOUNT, NOW, REGION, pointRow, readPages, resourceRow, vaultRow } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import { insertJobs, jobBasics } from '../jobs/jobs.ts'
import { countBackupJobs, countRunning, countSaid } from './overview.ts'
import { countProtection, countRestored, listProtection, resourcesOfPoints } from './protection.ts'
import { deleteRecoveryPoint, insertRecoveryPoint, setRecoveryPointStatus } from './recovery-points.ts'
import { insertResource, removeResource } from '../resources/resources.ts'
import type { Store } from '../store.ts'
import { insertVault } from '../vaults/vaults.ts'

const PLACE = { accountId: ACCOUNT, region: REGION }

/** Of one resource; undefined where it is not registered. */
async function newestOf(store: Store, arn: string): Promise<number | undefined> {
  const { rows } = await listProtection(store.db, PLACE, { limit: 100 })
  return rows.find((row) => row.arn === arn)?.newest_at
}

/** How protected resources are, and what an overview counts. */
export const PROTECTION_CONTRACT: readonly ContractCase[] = [
  {
    name: 'how new a resource’s newest restorable point is follows every change of its points and its registration',
    run: async (store) => {
      await insertVault(store.db, vaultRow('vault'))
      await insertVault(store.db, vaultRow('vault', { region: 'eu-west-1', arn: 'elsewhere' }))
      const resource = resourceRow('orders', { arn: 'orders' })
      const put = async (arn: string, at: number, more: object = {}): Promise<void> =>
        await insertRecoveryPoint(
          store.db,
          pointRow('vault', { arn, resource_arn: 'orders', created_at: at, ...more }),
        )
      const become = async (arn: string, from: 'COMPLETED' | 'CREATING', status: 'COMPLETED' | 'DELETING') =>
        await setRecoveryPointStatus(store.db, { account_id: ACCOUNT, arn }, [from], {
          status,
          message: null,
        })
      const newest = async (): Promise<number | undefined> => await newestOf(store, 'orders')
      await put('before', NOW - 9)
      assert.equal(await newest(), undefined)
      await insertResource(store.db, resource)
      assert.equal(await newest(), NOW - 9, 'a point that was there already')
      await put('one', NOW)
      await put('older', NOW - 5)
      assert.equal(await newest(), NOW)
      await put('made', NOW + 5, { status: 'CREATING' })
      await put('elsewhere', NOW + 6, { region: 'eu-west-1' })
      await put('of another', NOW + 7, { resource_arn: 'orders-2' })
      assert.equal(await newest(), NOW, 'none of these is one')
      await store.db
        .updateTable('recovery_point')
        .set({ status: 'COMPLETED' })
        .where('arn', '=', 'made')
        .execute()
      assert.equal(await newest(), NOW + 5)
      await become('made', 'COMPLETED', 'DELETING')
      assert.equal(await newest(), NOW)
      await deleteRecoveryPoint(store.db, { account_id: ACCOUNT, arn: 'one' })
      assert.equal(await newest(), NOW - 5)
      for (const arn of ['older', 'before']) await deleteRecoveryPoint(store.db, { account_id: ACCOUNT, arn })
      assert.equal(await newest(), 0)
      await removeResource(store.db, ACCOUNT, resource.unique_id, NOW)
      assert.equal(await newest(), undefined)
      await put('late', NOW + 1)
      await insertResource(store.db, resourceRow('orders', { arn: 'orders' }))
      assert.equal(await newest(), NOW + 1, 'registered anew')
    },
  },
  {
    name: 'resources are listed by the age of their newest point in pages, and counted, by type, region and account',
    run: async (store) => {
      await insertVault(store.db, vaultRow('vault'))
      const ages: Readonly<Record<string, number>> = { a: 0, b: 3, c: 2, d: 0, e: 3, f: 1 }
      for (const [arn, age] of Object.entries(ages)) {
        await insertResource(store.db, resourceRow(arn, { arn, type: age === 3 ? 'S3' : 'RDS', name: arn }))
        if (age > 0)
          await insertRecoveryPoint(store.db, pointRow('vault', { resource_arn: arn, created_at: NOW - age }))
      }
      await insertResource(store.db, resourceRow('x', { arn: 'x', region: 'eu-west-1' }))
      await insertResource(store.db, resourceRow('y', { arn: 'y', account_id: '444455556666' }))
      const listed = async (more: object = {}): Promise<string> => {
        const rows = await readPages(
          async (page) => await listProtection(store.db, { ...PLACE, ...more }, page),
          2,
        )
        if (!('isRestored' in more))
          assert.equal(await countProtection(store.db, { ...PLACE, ...more }), rows.length)
        return rows.map(({ arn }) => arn).join('')
      }
      assert.equal(await listed(), 'adbecf')
      assert.equal(await listed({ before: 1 }), 'ad')
      assert.equal(await listed({ from: 1 }), 'becf')
      assert.equal(await listed({ from: 1, before: NOW - 1 }), 'bec')
      assert.equal(await listed({ from: NOW - 2 }), 'cf')
      assert.equal(await listed({ type: 'S3' }), 'be')
      assert.equal(await listed({ type: 'RDS', from: 1 }), 'cf')
      await insertRecoveryPoint(store.db, pointRow('vault', { arn: 'point', resource_arn: 'f' }))
      for (const [arn, restored_from] of Object.entries({ g: 'point', h: 'gone' }))
        await insertResource(store.db, resourceRow(arn, { arn, restored_from }))
      assert.equal(await listed({ before: 1, isRestored: false }), 'ad')
      assert.equal(await listed({ before: 1, isRestored: true }), 'gh')
      assert.equal(await countRestored(store.db, PLACE), 2)
      await insertRecoveryPoint(store.db, pointRow('vault', { resource_arn: 'h', created_at: NOW }))
      assert.equal(await countRestored(store.db, PLACE), 1, 'what was backed up since is like any other')
      const sources = await resourcesOfPoints(store.db, ACCOUNT, ['point', 'gone'])
      assert.deepEqual([...sources], [['point', 'f']])
    },
  },
  {
    name: 'backup jobs are counted by state and time, and those that said something though they went well',
    run: async (store) => {
      const caller = { ...PLACE, now: NOW, principal: { arn: 'root' } }
      const jobs = (['backup', 'backup', 'backup', 'backup', 'restore'] as const).map((kind, index) => ({
        ...jobBasics({ ...caller, now: NOW + index }, kind),
        job_id: `job-${index}`,
      }))
      await insertJobs(store.db, [...jobs, { ...jobBasics(caller, 'backup'), region: 'eu-west-1' }])
      const set = async (
        id: number,
        state: 'COMPLETED' | 'FAILED' | 'RUNNING',
        status_message: string | null,
      ) =>
        await store.db
          .updateTable('job')
          .set({ state, status_message })
          .where('job_id', '=', `job-${id}`)
          .execute()
      await set(0, 'COMPLETED', null)
      await set(1, 'COMPLETED', 'two files were in use')
      await set(2, 'FAILED', 'no')
      await set(3, 'RUNNING', null)
      const all = { from: NOW, to: NOW + 9 }
      assert.deepEqual(Object.fromEntries(await countBackupJobs(store.db, PLACE, all)), {
        COMPLETED: 2,
        FAILED: 1,
        RUNNING: 1,
      })
      assert.deepEqual(
        [...(await countBackupJobs(store.db, PLACE, { from: NOW + 1, to: NOW + 2 }))],
        [['COMPLETED', 1]],
      )
      assert.equal(await countSaid(store.db, PLACE, all), 1)
      assert.equal(await countSaid(store.db, PLACE, { from: NOW, to: NOW + 1 }), 0)
      assert.equal(await countRunning(store.db, PLACE), 1)
    },
  },
]
