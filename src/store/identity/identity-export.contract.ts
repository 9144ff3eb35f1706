import assert from 'node:assert/strict'
import { sql } from 'kysely'
import { insertAccount } from './accounts.ts'
import { ACCOUNT, NOW, REGION, roleRow, userRow, vaultRow } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import { insertRole, insertUser, updateRole } from './identities.ts'
import {
  claimIdentityExport,
  dropIdentityChanges,
  findIdentityExport,
  hasIdentityChanges,
  identityChanges,
  insertIdentityExport,
  updateIdentityExport,
} from './identity-export.ts'
import { IDENTITY_TABLES, identityRows, insertIdentityRow } from './identity-rows.ts'
import type { IdentityRow } from './identity-rows.ts'
import type { Store } from '../store.ts'
import { putTags } from './tags.ts'
import { insertVault } from '../vaults/vaults.ts'

/** What is in no identity export, and why not. A new table is put here or into IDENTITY_TABLES. */
const LEFT_OUT: Readonly<Record<string, string>> = {
  schema_version: 'of the database',
  identity_change: 'of the export itself',
  identity_export: 'of the export itself',
  running_time: 'a new server counts its own',
  sign_of_life: 'a new server gives its own',
  recovery_point: 'in the vaults',
  protection: 'follows from resources and recovery points',
  point_index: 'of recovery points, and asked for anew in one call',
  held_deletion: 'a new server holds anew what is due',
  expiry_round: 'a new server looks for the first time',
  encryption_key: 'made again from the key, it is the same one',
  surprised_expiry: 'of a day of this server’s running time',
  counts_seen: 'a new server looks for the first time',
  discovery_round: 'a new server looks for the first time',
  discovered: 'a new server looks for the first time',
  job: 'history',
  job_decision: 'history',
  backup_plan_run: 'history',
  restore_test: 'history',
  audit: 'history',
  event: 'history',
  event_delivery: 'history',
  sns_signer: 'a new server makes its own',
  denial: 'history',
  denial_policy: 'history',
  vault_usage: 'history',
  vault_scrub: 'a new server begins its own passes',
  credential_report: 'a report on what there was',
  access_report: 'a report on what there was',
  sign_in_session: 'sessions end with the server',
  sign_in_finished: 'sessions end with the server',
  back_off: 'sessions end with the server',
}

async function forget(store: Store): Promise<void> {
  await dropIdentityChanges(store.db, await identityChanges(store.db))
  assert.equal(await hasIdentityChanges(store.db), false)
}

async function isChanged(store: Store, work: () => Promise<unknown>): Promise<boolean> {
  await forget(store)
  await work()
  return await hasIdentityChanges(store.db)
}

const ROW = {
  vault_id: 'v',
  region: REGION,
  storage: '{"kind":"directory","path":"v"}',
  wrapped_key: 'k',
  kit_public_key: 'p',
  earlier_signers: '[]',
  number: 0,
  exported_number: null,
  exported_at: null,
  problem: null,
  problem_since: null,
  lease_owner: null,
  lease_until: 0,
}

export const IDENTITY_EXPORT_CONTRACT: readonly ContractCase[] = [
  {
    name: 'every table is in the identity export, or left out for a reason',
    run: async ({ db }) => {
      const all = (await db.introspection.getTables()).map(({ name }) => name)
      const named = [...IDENTITY_TABLES.map(({ name }) => name), ...Object.keys(LEFT_OUT)]
      const isKnown = (name: string): boolean => name !== 'schema_version'
      assert.deepEqual(all.filter(isKnown).toSorted(), named.filter(isKnown).toSorted())
    },
  },
  {
    name: 'every table of the identity export tells of rows that are added, changed and removed',
    run: async ({ db, engine }) => {
      const rows =
        engine === 'sqlite'
          ? await sql<{ name: string; event: string }>`select tbl_name as name,
              case when sql like '% after insert on%' then 'insert' when sql like '% after delete on%' then 'delete'
                   when sql like '% after update %' then 'update' end as event
              from sqlite_master where type = 'trigger' and sql like '%insert into identity_change%'`.execute(
              db,
            )
          : await sql<{
              name: string
              event: string
            }>`select event_object_table as name, lower(event_manipulation) as event
              from information_schema.triggers where action_statement like '%identity_changed%'`.execute(db)
      const told = new Set(rows.rows.map(({ name, event }) => `${name} ${event}`))
      const wanted = IDENTITY_TABLES.flatMap(({ name }) =>
        ['insert', 'update', 'delete'].map((event) => `${name} ${event}`),
      )
      assert.deepEqual([...told].toSorted(), wanted.toSorted())
    },
  },
  {
    name: 'what changes a role, a tag or a vault’s lock is told, what only uses them is not',
    run: async (store) => {
      const { db } = store
      const role = roleRow('keeper')
      const vault = vaultRow('kept')
      assert.ok(await isChanged(store, async () => await insertRole(db, role)))
      assert.ok(
        await isChanged(store, async () => await updateRole(db, role.role_id, { description: 'another' })),
      )
      const used = sql`update iam_role set last_used_at = ${NOW}`
      assert.equal(await isChanged(store, async () => await used.execute(db)), false)
      assert.ok(await isChanged(store, async () => await insertVault(db, vault)))
      const grown = sql`update vault set stored_bytes = 7, generation = 9`
      assert.equal(await isChanged(store, async () => await grown.execute(db)), false)
      assert.ok(
        await isChanged(store, async () => await sql`update vault set lock_configuration = '{}'`.execute(db)),
      )
      const point = `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:1`
      assert.equal(await isChanged(store, async () => await putTags(db, ACCOUNT, point, { a: 'b' })), false)
      assert.ok(await isChanged(store, async () => await putTags(db, ACCOUNT, vault.arn, { a: 'b' })))
      const rollBack = async (): Promise<void> =>
        await assert.rejects(
          store.transaction(async (tx) => {
            await insertUser(tx, userRow('nobody'))
            throw new Error('taken back')
          }),
          /taken back/,
        )
      assert.equal(await isChanged(store, rollBack), false)
    },
  },
  {
    name: 'a change that commits while an export is under way is not taken for exported',
    run: async (store, { other }) => {
      await insertUser(store.db, userRow('first'))
      const seen = await identityChanges(store.db)
      await insertUser(other.db, userRow('second'))
      await dropIdentityChanges(store.db, seen)
      assert.ok(await hasIdentityChanges(store.db))
    },
  },
  {
    name: 'rows of an account come in pages and go back as they were, those of another account stay out',
    run: async (store) => {
      const { db } = store
      const users = IDENTITY_TABLES.find(({ name }) => name === 'iam_user')
      assert.ok(users !== undefined)
      for (const account_id of [ACCOUNT, '222233334444'])
        await insertAccount(db, { account_id, name: 'x', created_at: NOW, root_last_used_at: null })
      for (let i = 0; i < 1_001; i++) await insertUser(db, userRow(`user-${i}`))
      await insertUser(db, { ...userRow('stranger'), account_id: '222233334444' })
      const pages: (readonly IdentityRow[])[] = []
      for await (const page of identityRows(db, users, ACCOUNT)) pages.push(page)
      assert.deepEqual(
        pages.map((page) => page.length),
        [500, 500, 1],
      )
      assert.equal(new Set(pages.flat().map(({ user_id }) => user_id)).size, 1_001)
      const [row] = pages.flat()
      assert.ok(row !== undefined)
      assert.equal(await insertIdentityRow(db, users, row), false)
      await db.deleteFrom('iam_user').where('user_id', '=', String(row['user_id'])).execute()
      assert.equal(await insertIdentityRow(db, users, row), true)
      const again = await db
        .selectFrom('iam_user')
        .selectAll()
        .where('user_id', '=', String(row['user_id']))
        .executeTakeFirst()
      assert.deepEqual(again, row)
    },
  },
  {
    name: 'one at a time has the right to write the identity export',
    run: async (store, { other }) => {
      await insertIdentityExport(store.db, ROW)
      await insertIdentityExport(other.db, { ...ROW, vault_id: 'another' })
      assert.equal((await findIdentityExport(store.db))?.vault_id, 'v')
      assert.ok(await claimIdentityExport(store.db, 'one', { now: 10, until: 20 }))
      assert.equal(await claimIdentityExport(other.db, 'two', { now: 19, until: 30 }), false)
      assert.equal(await updateIdentityExport(other.db, 'two', { number: 1 }), false)
      assert.ok(await claimIdentityExport(other.db, 'two', { now: 20, until: 30 }))
      assert.equal(await updateIdentityExport(store.db, 'one', { number: 1 }), false)
      assert.ok(await updateIdentityExport(other.db, 'two', { number: 1 }))
    },
  },
]
