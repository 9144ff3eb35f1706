import assert from 'node:assert/strict'
import { findServer, insertAccount, insertServer, listAccounts } from './identity/accounts.ts'
import type { PageRequest } from './page.ts'
import { ACCOUNT, REGION, NOW, vaultRow, pointRow, userRow, roleRow, readPages } from './contract-rows.ts'
import type { ContractCase } from './contract-rows.ts'
import { findRecoveryPoint, insertRecoveryPoint } from './points/recovery-points.ts'
import { regionSettings, updateRegionSettings } from './region-settings.ts'
import type { Store } from './store.ts'
import { deleteTags, findByTag, putTags, replaceTags, tagsOf, tagsOfAll } from './identity/tags.ts'
import {
  deleteEncryptionKey,
  encryptionKeyArn,
  findEncryptionKeyById,
  insertEncryptionKey,
  vaultsUnder,
} from './vaults/encryption-keys.ts'
import { deleteVault, findVault, insertVault, listVaults } from './vaults/vaults.ts'

/** Names, numbers, transactions, tags and pages. */
export const STORE_CONTRACT: readonly ContractCase[] = [
  {
    name: 'names of users and roles are unique within an account whatever their case, and kept as given',
    run: async (store) => {
      await store.db.insertInto('iam_user').values(userRow('Alice')).execute()
      await assert.rejects(store.db.insertInto('iam_user').values(userRow('ALICE')).execute(), /unique/i)
      await store.db
        .insertInto('iam_user')
        .values({ ...userRow('alice'), account_id: '444455556666' })
        .execute()
      await store.db.insertInto('iam_role').values(roleRow('Backup')).execute()
      await assert.rejects(store.db.insertInto('iam_role').values(roleRow('backup')).execute(), /unique/i)
      const names = await store.db.selectFrom('iam_user').select('name').orderBy('name').execute()
      assert.deepEqual(names, [{ name: 'Alice' }, { name: 'alice' }])
    },
  },
  {
    name: 'the server has one row, and the first to write it wins',
    run: async (store) => {
      const row = {
        server_id: 'one',
        created_at: NOW,
        management_account_id: ACCOUNT,
        region: REGION,
        recovery_kit_public_key: '',
        epoch: 1,
      }
      assert.equal(await findServer(store.db), undefined)
      assert.equal((await insertServer(store.db, row)).server_id, 'one')
      assert.equal((await insertServer(store.db, { ...row, server_id: 'two' })).server_id, 'one')
      const account = { account_id: ACCOUNT, name: 'main', created_at: NOW, root_last_used_at: null }
      assert.equal(await insertAccount(store.db, account), true)
      assert.equal(await insertAccount(store.db, account), false)
    },
  },
  {
    name: 'accounts are listed in pages by id',
    run: async (store) => {
      for (const account_id of ['333333333333', '111111111111', '222222222222'])
        await insertAccount(store.db, { account_id, name: 'n', created_at: NOW, root_last_used_at: null })
      const ids: string[] = []
      for (let after: PageRequest['after'] = []; after !== undefined;) {
        const page = await listAccounts(store.db, { limit: 2, ...(ids.length > 0 && { after }) })
        ids.push(...page.rows.map((row) => row.account_id))
        after = page.next
      }
      assert.deepEqual(ids, ['111111111111', '222222222222', '333333333333'])
    },
  },
  {
    name: 'times, sizes and counts come back as the numbers that went in',
    run: async (store) => {
      await insertVault(store.db, vaultRow('v'))
      const row = pointRow('v', { size_bytes: Number.MAX_SAFE_INTEGER, delete_at: NOW * 2 })
      await insertRecoveryPoint(store.db, row)
      assert.deepEqual(await findRecoveryPoint(store.db, ACCOUNT, row.arn), row)
    },
  },
  {
    name: 'text of any script, quotes and escapes included, comes back unchanged',
    run: async (store) => {
      const value = `'; drop table tag; -- \\ " % _ $1 ? \u{1f512} 日本 \u202e\n\t`
      await putTags(store.db, ACCOUNT, 'arn:a', { Ключ: value })
      assert.deepEqual(await tagsOf(store.db, ACCOUNT, 'arn:a'), { Ключ: value })
    },
  },
  {
    name: 'a vault is made under a key or the key is forgotten, never both, when both look at the same time',
    run: async (store, { other }) => {
      const arn = encryptionKeyArn(ACCOUNT, REGION, 'k')
      const named = { account_id: ACCOUNT, region: REGION, created_at: NOW, created_by: 'arn:someone' }
      await insertEncryptionKey(store.db, { key_id: 'k', name: 'finance', arn, ...named })
      const forget = (): Promise<boolean> =>
        other.transaction(
          async (tx) => (await vaultsUnder(tx, arn)).length === 0 && (await deleteEncryptionKey(tx, 'k')),
        )
      const looked = Promise.withResolvers<undefined>()
      const forgetting = looked.promise.then(forget)
      const isMade = await store.transaction(async (tx) => {
        if ((await findEncryptionKeyById(tx, 'k')) === undefined) return false
        looked.resolve(undefined)
        // On SQLite the other waits for this one; on PostgreSQL it comes to its end in between.
        if (store.engine === 'postgres') await forgetting
        return await insertVault(tx, vaultRow('v', { encryption_key_arn: arn }))
      })
      assert.equal(isMade, !(await forgetting))
      assert.equal((await findVault(store.db, ACCOUNT, REGION, 'v')) !== undefined, isMade)
    },
  },
  {
    name: 'a transaction that fails leaves nothing, and its error reaches the caller',
    run: async (store) => {
      const failing = store.transaction(async (tx) => {
        await insertVault(tx, vaultRow('gone'))
        await putTags(tx, ACCOUNT, 'arn:gone', { a: '1' })
        throw new RangeError('no')
      })
      await assert.rejects(failing, RangeError)
      assert.equal(await findVault(store.db, ACCOUNT, REGION, 'gone'), undefined)
      assert.deepEqual(await tagsOf(store.db, ACCOUNT, 'arn:gone'), {})
      const kept = await store.transaction(async (tx) => await insertVault(tx, vaultRow('kept')))
      assert.equal(kept, true)
    },
  },
  {
    name: 'transactions that read what the other writes run as if one after the other',
    run: async (store, { other }) => {
      await insertVault(store.db, vaultRow('v'))
      const add = async (from: Store): Promise<void> => {
        await from.transaction(async (tx) => {
          const vault = await tx.selectFrom('vault').select('stored_bytes').executeTakeFirstOrThrow()
          await tx
            .updateTable('vault')
            .set({ stored_bytes: vault.stored_bytes + 1 })
            .execute()
        })
      }
      await Promise.all(Array.from({ length: 20 }, (_, i) => add(i % 2 === 0 ? store : other)))
      assert.equal((await findVault(store.db, ACCOUNT, REGION, 'v'))?.stored_bytes, 20)
    },
  },
  {
    name: 'tags are put, listed by key, found by key and value, deleted and replaced',
    run: async (store) => {
      await putTags(store.db, ACCOUNT, 'arn:1', { team: 'db', b: '1', B: '2' })
      await putTags(store.db, ACCOUNT, 'arn:2', { team: 'web' })
      await putTags(store.db, '444455556666', 'arn:3', { team: 'db' })
      await putTags(store.db, ACCOUNT, 'arn:1', { b: '3' })
      assert.deepEqual(Object.entries(await tagsOf(store.db, ACCOUNT, 'arn:1')), [
        ['B', '2'],
        ['b', '3'],
        ['team', 'db'],
      ])
      const find = async (values?: string[], after?: string): Promise<string[]> =>
        await findByTag(store.db, ACCOUNT, { key: 'team', values }, { limit: 10, after })
      assert.deepEqual(await find(), ['arn:1', 'arn:2'])
      assert.deepEqual(await find(undefined, 'arn:1'), ['arn:2'])
      assert.deepEqual(await find(['db', 'none']), ['arn:1'])
      assert.deepEqual(await find([]), [])
      await deleteTags(store.db, ACCOUNT, 'arn:1', ['b', 'none'])
      await store.transaction(async (tx) => await replaceTags(tx, ACCOUNT, 'arn:2', { x: 'y' }))
      const all = await tagsOfAll(store.db, ACCOUNT, ['arn:1', 'arn:2', 'arn:3', 'arn:4'])
      assert.deepEqual(
        [...all],
        [
          ['arn:1', { B: '2', team: 'db' }],
          ['arn:2', { x: 'y' }],
        ],
      )
    },
  },
  {
    name: 'pages keep their order in bytes and show each row once while others come and go',
    run: async (store) => {
      const names = ['Zeta', 'alpha', 'beta', 'B', '_x', 'a-b', 'ab', 'aB', 'ä', '~']
      for (const name of names) await insertVault(store.db, vaultRow(name))
      const filter = { accountId: ACCOUNT, region: REGION }
      const rows = await readPages(
        async (page) => await listVaults(store.db, filter, page),
        3,
        async (number) => {
          // Behind the first page nothing of it may come again, whatever is put in before it or taken out of it.
          if (number !== 1) return
          await insertVault(store.db, vaultRow('A-new'))
          await store.transaction(async (tx) => await deleteVault(tx, vaultRow('B')))
        },
      )
      assert.deepEqual(
        rows.map((row) => row.name),
        ['B', 'Zeta', '_x', 'a-b', 'aB', 'ab', 'alpha', 'beta', '~', 'ä'],
      )
      await assert.rejects(listVaults(store.db, filter, { limit: 1, after: ['a', 'b'] }), {
        name: 'InvalidCursorError',
      })
    },
  },
  {
    name: 'region settings keep what a later change does not name',
    run: async (store) => {
      const change = async (settings: object): Promise<void> =>
        await store.transaction(async (tx) => await updateRegionSettings(tx, ACCOUNT, REGION, settings))
      assert.deepEqual(await regionSettings(store.db, ACCOUNT, REGION), { optIn: {}, management: {} })
      await change({ optIn: { EFS: true, RDS: true } })
      await change({ optIn: { RDS: false }, management: { EFS: true } })
      assert.deepEqual(await regionSettings(store.db, ACCOUNT, REGION), {
        optIn: { EFS: true, RDS: false },
        management: { EFS: true },
      })
    },
  },
]
