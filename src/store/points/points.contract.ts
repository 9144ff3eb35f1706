import assert from 'node:assert/strict'
import { ACCOUNT, REGION, NOW, vaultRow, pointRow, resourceRow, readPages } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import { countColdPoints, dueForTiering, setTiered } from './cold-points.ts'
import { allTierings, insertTiering } from './tiering.ts'
import {
  completeRecoveryPoint,
  deleteRecoveryPoint,
  dueForExpiry,
  insertRecoveryPoint,
  latestCopyOfResource,
  latestPointOfResource,
  listRecoveryPoints,
  setRecoveryPointStatus,
  updateLifecycle,
} from './recovery-points.ts'
import type { ExpiryCursor } from './recovery-points.ts'
import { listProtectedResources } from './protected-resources.ts'
import { insertJob } from '../jobs/jobs.ts'
import {
  findResource,
  findResourceById,
  findResourcesByName,
  insertResource,
  listResources,
  removeResource,
  updateResource,
} from '../resources/resources.ts'
import { putTags } from '../identity/tags.ts'
import {
  deleteVault,
  findVaultByArn,
  insertVault,
  setColdStorage,
  setVaultState,
  setWrappedKey,
} from '../vaults/vaults.ts'

/** Vaults, recovery points and the resources they are of. */
export const POINTS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'a tiering configuration finds what is old enough in the vaults it is for, and no point twice',
    run: async (store) => {
      const day = 86_400_000
      const place = JSON.stringify({ kind: 'directory', path: 'cold' })
      for (const name of ['own', 'other', 'single']) {
        await insertVault(store.db, vaultRow(name))
        if (name !== 'single') await setColdStorage(store.db, vaultRow(name), place)
      }
      const put = async (id: string, vault: string, days: number, more: object = {}): Promise<void> =>
        await insertRecoveryPoint(
          store.db,
          pointRow(vault, {
            arn: id,
            point_id: id,
            resource_type: 'S3',
            resource_arn: 'arn:aws:s3:::photos',
            created_at: NOW - days * day,
            ...more,
          }),
        )
      await put('own-100', 'own', 100)
      await put('own-70', 'own', 70)
      await put('own-70-named', 'own', 70, { resource_arn: 'arn:aws:s3:::logs' })
      await put('own-200-named', 'own', 200, { resource_arn: 'arn:aws:s3:::logs' })
      await put('own-100-cold', 'own', 100, { moved_to_cold_at: NOW })
      await put('own-100-going', 'own', 100, { status: 'EXPIRED' })
      await put('own-100-table', 'own', 100, { resource_type: 'RDS' })
      await put('own-100-copied', 'own', 100, { copied_at: NOW - day })
      await put('other-70', 'other', 70)
      await put('single-70', 'single', 70)
      const tiering = (vault_name: string, ...selections: readonly (readonly [string, number])[]) => ({
        account_id: ACCOUNT,
        region: REGION,
        name: `of_${vault_name.length}`,
        arn: `arn:${vault_name}`,
        vault_name,
        selections: JSON.stringify(
          selections.map(([resource, TieringDownSettingsInDays]) => ({
            Resources: [resource],
            ResourceType: 'S3',
            TieringDownSettingsInDays,
          })),
        ),
        creator_request_id: 'r',
        created_at: NOW,
        updated_at: NOW,
      })
      await insertTiering(store.db, tiering('own', ['*', 90], ['arn:aws:s3:::logs', 150]))
      await insertTiering(store.db, tiering('*', ['*', 60]))
      await assert.rejects(insertTiering(store.db, { ...tiering('*', ['*', 70]), name: 'second' }))
      const found = async (): Promise<readonly string[]> => {
        const all: string[] = []
        for (const one of await allTierings(store.db))
          all.push(...(await dueForTiering(store.db, one, NOW, { limit: 9 })).map(({ arn }) => arn))
        return all.toSorted()
      }
      assert.deepEqual(await found(), ['other-70', 'own-100', 'own-200-named'])
      const { account_id } = vaultRow('own')
      const move = { movedAt: NOW, message: null }
      assert.equal(await setTiered(store.db, { account_id, arn: 'own-100' }, move), true)
      assert.equal(await setTiered(store.db, { account_id, arn: 'own-100' }, move), false)
      assert.deepEqual(await found(), ['other-70', 'own-200-named'])
      assert.equal(await countColdPoints(store.db, vaultRow('own')), 2)
      const parent = { accountId: ACCOUNT, region: REGION, vaultName: 'own', resourceUniqueId: 'res-1' }
      assert.equal((await latestPointOfResource(store.db, parent))?.arn, 'own-70-named')
    },
  },
  {
    name: 'the parent of a copy is the latest copy out of the same vault whose source is still there',
    run: async (store) => {
      const [from, into] = [vaultRow('from'), vaultRow('into')]
      for (const vault of [from, into, vaultRow('other')]) await insertVault(store.db, vault)
      const parent = async (): Promise<string | undefined> =>
        (await latestCopyOfResource(store.db, { resourceUniqueId: 'res-1', from, into }))?.point_id
      const put = async (pointId: string, vault: string, more: object = {}): Promise<void> =>
        await insertRecoveryPoint(store.db, pointRow(vault, { point_id: pointId, arn: pointId, ...more }))
      for (const [i, name] of ['a', 'b', 'c', 'd'].entries()) {
        await put(name, name === 'd' ? 'other' : 'from')
        const copy = { created_at: NOW + i, copied_at: NOW + 9, source_point_arn: name }
        await put(`copy-${name}`, 'into', copy)
      }
      await put('backup', 'into', { created_at: NOW + 8 })
      await put('of another', 'into', {
        created_at: NOW + 7,
        source_point_arn: 'a',
        resource_unique_id: 'res-2',
      })
      assert.equal(await parent(), 'copy-c')
      await deleteRecoveryPoint(store.db, { account_id: ACCOUNT, arn: 'c' })
      assert.equal(await parent(), 'copy-b')
      await setRecoveryPointStatus(store.db, { account_id: ACCOUNT, arn: 'copy-b' }, ['COMPLETED'], {
        status: 'DELETING',
        message: null,
      })
      assert.equal(await parent(), 'copy-a')
    },
  },
  {
    name: 'recovery points are listed newest first with equal times apart, by all filters',
    run: async (store) => {
      await insertVault(store.db, vaultRow('v'))
      await insertVault(store.db, vaultRow('w'))
      for (let i = 0; i < 12; i++) {
        await insertRecoveryPoint(
          store.db,
          pointRow(i < 10 ? 'v' : 'w', {
            created_at: NOW + Math.floor(i / 4),
            resource_unique_id: `u${i % 2}`,
            plan_id: i % 3 === 0 ? 'plan' : null,
          }),
        )
      }
      const scope = { accountId: ACCOUNT, region: REGION }
      const all = await readPages(async (page) => await listRecoveryPoints(store.db, scope, page), 5)
      assert.equal(new Set(all.map((row) => row.arn)).size, 12)
      assert.deepEqual(
        all.map((row) => row.created_at),
        all.map((row) => row.created_at).toSorted((a, b) => b - a),
      )
      const count = async (filter: object): Promise<number> =>
        (await listRecoveryPoints(store.db, { ...scope, ...filter }, { limit: 100 })).rows.length
      assert.equal(await count({ vaultName: 'w' }), 2)
      assert.equal(await count({ createdAfter: NOW }), 8)
      assert.equal(await count({ createdAfter: NOW, createdBefore: NOW + 2 }), 4)
      assert.equal(await count({ resourceUniqueId: 'u1' }), 6)
      assert.equal(await count({ resourceType: 'S3' }), 0)
      assert.equal(await count({ planId: 'plan' }), 4)
      assert.equal(await count({ planId: 'plan', vaultName: 'w' }), 0)
      assert.equal(await count({ statuses: ['COMPLETED'], resourceArn: pointRow('v').resource_arn }), 12)
      await assert.rejects(listRecoveryPoints(store.db, scope, { limit: 1, after: ['1; drop', 'x'] }), {
        name: 'InvalidCursorError',
      })
    },
  },
  {
    name: 'a vault is made once, comes to its state once, and goes only when nothing holds it',
    run: async (store) => {
      const vault = vaultRow('v')
      assert.equal(await insertVault(store.db, vault), true)
      assert.equal(await insertVault(store.db, vaultRow('v')), false)
      assert.equal(await insertVault(store.db, vaultRow('V')), true)
      assert.equal(await setWrappedKey(store.db, vault, 'wrapped'), true)
      assert.equal(await setVaultState(store.db, vault, 'AVAILABLE'), true)
      assert.equal(await setVaultState(store.db, vault, 'FAILED'), false)
      assert.equal(await setWrappedKey(store.db, vault, 'other'), false)
      assert.equal((await findVaultByArn(store.db, vault.arn))?.wrapped_key, 'wrapped')
      const point = pointRow('v')
      await insertRecoveryPoint(store.db, point)
      const remove = async (): Promise<string> =>
        await store.transaction(async (tx) => await deleteVault(tx, vault))
      assert.equal(await remove(), 'has-points')
      await assert.rejects(store.db.deleteFrom('vault').where('name', '=', 'v').execute(), /foreign key/i)
      assert.equal(await deleteRecoveryPoint(store.db, point), true)
      const copy = { region: REGION, job_id: 'c', kind: 'copy', created_at: NOW, caller_arn: 'x' } as const
      const into = { ...copy, destination_vault_arn: vault.arn }
      await insertJob(store.db, { ...into, account_id: ACCOUNT })
      assert.equal(await remove(), 'has-jobs')
      // Anybody of another account may ask to copy here: that alone must not keep the vault.
      await store.db.deleteFrom('job').where('job_id', '=', 'c').execute()
      await insertJob(store.db, { ...into, account_id: '444455556666' })
      assert.equal(await remove(), 'deleted')
      assert.equal(await remove(), 'missing')
    },
  },
  {
    name: 'a recovery point needs its vault and an ARN and id of its own',
    run: async (store) => {
      await assert.rejects(insertRecoveryPoint(store.db, pointRow('none')), /foreign key/i)
      await insertVault(store.db, vaultRow('v'))
      const point = pointRow('v')
      await insertRecoveryPoint(store.db, point)
      await assert.rejects(insertRecoveryPoint(store.db, point), /unique/i)
      await assert.rejects(
        insertRecoveryPoint(store.db, pointRow('v', { point_id: point.point_id })),
        /unique/i,
      )
    },
  },
  {
    name: 'a recovery point changes state only from the named ones, and is due when its time has come',
    run: async (store) => {
      await insertVault(store.db, vaultRow('v'))
      const point = pointRow('v', { status: 'CREATING', completed_at: null })
      await insertRecoveryPoint(store.db, point)
      const results = {
        completed_at: NOW + 5,
        size_bytes: 7,
        item_count: 2,
        restore_metadata: '{}',
        delete_at: NOW + 10,
      }
      assert.equal(await completeRecoveryPoint(store.db, point, 'PARTIAL', results, 7), true)
      assert.equal(await completeRecoveryPoint(store.db, point, 'COMPLETED', results, 7), false)
      assert.equal((await findVaultByArn(store.db, vaultRow('v').arn))?.stored_bytes, 7, 'it grew once')
      const due = async (now: number): Promise<number> =>
        (await dueForExpiry(store.db, now, { limit: 10, after: undefined })).length
      assert.equal(await due(NOW + 9), 0)
      assert.equal(await due(NOW + 10), 1)
      const lifecycle = { delete_after_days: null, cold_after_days: null, delete_at: NOW + 20 }
      assert.equal(await updateLifecycle(store.db, point, lifecycle), true)
      assert.equal(await due(NOW + 10), 0)
      const expire = { status: 'EXPIRED', message: 'refused' } as const
      assert.equal(await setRecoveryPointStatus(store.db, point, ['COMPLETED'], expire), false)
      assert.equal(await setRecoveryPointStatus(store.db, point, ['PARTIAL'], expire), true)
      assert.equal(await due(NOW + 20), 0)
      const held = async (after?: ExpiryCursor): Promise<string[]> =>
        (await dueForExpiry(store.db, NOW + 20, { limit: 2, after, isHeld: true })).map(({ arn }) => arn)
      assert.deepEqual(await held(), [point.arn])
      const more = ['a', 'b', 'c'].map((arn) =>
        pointRow('v', { arn, status: 'EXPIRED', delete_at: NOW + (arn === 'a' ? 2 : 1) }),
      )
      for (const row of more) await insertRecoveryPoint(store.db, row)
      // Page after page reaches them all, whoever is held for the longest.
      assert.deepEqual(await held(), ['b', 'c'])
      assert.deepEqual(await held(more[2]), ['a', point.arn])
      assert.deepEqual(await held({ arn: point.arn, delete_at: NOW + 20 }), [])
      const fresh = pointRow('v', { arn: 'd', status: 'COMPLETED', delete_at: NOW + 3 })
      await insertRecoveryPoint(store.db, fresh)
      const pages = [undefined, fresh].map(
        async (after) => await dueForExpiry(store.db, NOW + 20, { limit: 2, after }),
      )
      assert.deepEqual(
        (await Promise.all(pages)).map((page) => page.map(({ arn }) => arn)),
        [['d'], []],
      )
    },
  },
  {
    name: 'R3 the parent is the latest whole point of the same unique id, not of the same ARN',
    run: async (store) => {
      await insertVault(store.db, vaultRow('v'))
      await insertVault(store.db, vaultRow('w'))
      const parent = pointRow('v', { created_at: NOW + 1 })
      for (const row of [
        parent,
        pointRow('v'),
        pointRow('v', { created_at: NOW + 2, resource_unique_id: 'res-2' }),
        pointRow('v', { created_at: NOW + 3, status: 'CREATING' }),
        pointRow('v', { created_at: NOW + 4, status: 'DELETING' }),
        pointRow('w', { created_at: NOW + 5 }),
      ]) {
        await insertRecoveryPoint(store.db, row)
      }
      const of = { accountId: ACCOUNT, region: REGION, vaultName: 'v', resourceUniqueId: 'res-1' }
      assert.equal((await latestPointOfResource(store.db, of))?.arn, parent.arn)
      assert.equal(await latestPointOfResource(store.db, { ...of, resourceUniqueId: 'res-3' }), undefined)
    },
  },
  {
    name: 'a protected resource is listed once, with its latest restorable point',
    run: async (store) => {
      await insertVault(store.db, vaultRow('v'))
      await insertVault(store.db, vaultRow('w'))
      const latest = pointRow('w', { created_at: NOW + 5 })
      const inVault = pointRow('v', { created_at: NOW + 3 })
      const second = pointRow('v', { resource_arn: 'arn:aws:s3:::b' })
      const creating = pointRow('v', { resource_arn: 'arn:aws:s3:::c', status: 'CREATING' })
      const last = pointRow('w', { resource_arn: 'arn:aws:s3:::d' })
      for (const row of [latest, inVault, second, creating, last, pointRow('v')])
        await insertRecoveryPoint(store.db, row)
      const list = async (limit: number, vaultName?: string): Promise<string[]> => {
        const filter = { accountId: ACCOUNT, region: REGION, vaultName }
        const rows = await readPages(
          async (page) => await listProtectedResources(store.db, filter, page),
          limit,
        )
        return rows.map((row) => row.arn)
      }
      for (const limit of [1, 2, 3, 10]) {
        assert.deepEqual(await list(limit), [latest.arn, second.arn, last.arn])
        assert.deepEqual(await list(limit, 'v'), [inVault.arn, second.arn])
      }
      assert.deepEqual(await list(1, 'nowhere'), [])
    },
  },
  {
    name: 'an ARN is registered once at a time; a removed resource stays known by its unique id, without its secret',
    run: async (store) => {
      const arn = 'arn:aws:rds:us-east-1:111122223333:db:orders'
      const first = resourceRow(arn)
      assert.equal(await insertResource(store.db, first), true)
      assert.equal(await insertResource(store.db, resourceRow(arn)), false)
      const change = { settings: '{"host":"h"}', secret: 'sealed-2' }
      assert.equal(await updateResource(store.db, first, change), true)
      assert.equal(await updateResource(store.db, first, change), false)
      assert.equal((await findResource(store.db, ACCOUNT, arn))?.version, 2)
      assert.equal(await removeResource(store.db, ACCOUNT, first.unique_id, NOW + 1), true)
      assert.equal(await removeResource(store.db, ACCOUNT, first.unique_id, NOW + 2), false)
      assert.equal(await findResource(store.db, ACCOUNT, arn), undefined)
      const removed = await findResourceById(store.db, ACCOUNT, first.unique_id)
      assert.deepEqual([removed?.removed_at, removed?.secret], [NOW + 1, null])
      assert.equal(await findResourceById(store.db, '444455556666', first.unique_id), undefined)
      const again = resourceRow(arn)
      assert.equal(await insertResource(store.db, again), true)
      const page = await listResources(store.db, { accountId: ACCOUNT, type: 'RDS' }, { limit: 10 })
      assert.deepEqual(page, { rows: [{ ...again, host: null }] })
    },
  },
  {
    name: 'resources are found by a part of their name or tag Name, in pages that look through so many at once',
    run: async ({ db }) => {
      const names = ['orders', 'Orders-old', 'a%b', 'aXb', 'users']
      const arns = names.map((name, at) => `arn:aws:rds:us-east-1:111122223333:db:${at}-${name}`)
      for (const [at, arn] of arns.entries())
        await insertResource(db, resourceRow(arn, { name: names[at] ?? '' }))
      const [users = ''] = arns.slice(-1)
      await putTags(db, ACCOUNT, users, { Name: 'People ORDERING', team: 'a%b' })
      const found = async (part: string, atOnce: number): Promise<readonly string[]> => {
        const filter = { accountId: ACCOUNT, part, atOnce }
        return (await readPages(async (page) => await findResourcesByName(db, filter, page), 2)).map(
          ({ name }) => name,
        )
      }
      for (const atOnce of [1, 2, 5, 100])
        assert.deepEqual(await found('oRDer', atOnce), ['orders', 'Orders-old', 'users'], `${atOnce} at once`)
      assert.deepEqual(await found('a%b', 3), ['a%b'])
      assert.deepEqual(await found(users, 3), ['users'])
      assert.deepEqual(await found('us-east-1', 3), [])
    },
  },
]
