import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { findServer, insertAccount, insertServer } from './accounts.ts'
import { appendAudit, appendAuditGrouped, listAudit } from './audit.ts'
import type { AuditRecord } from './audit.ts'
import { listDecisions, countDecisions, nextDecisionSeq, saveDecisions } from './decisions.ts'
import type { DecisionRow } from './decisions.ts'
import type { Page, PageRequest } from './page.ts'
import {
  completeRecoveryPoint,
  deleteRecoveryPoint,
  dueForExpiry,
  findRecoveryPoint,
  insertRecoveryPoint,
  latestPointOfResource,
  listProtectedResources,
  listRecoveryPoints,
  setRecoveryPointStatus,
  updateLifecycle,
} from './recovery-points.ts'
import { regionSettings, updateRegionSettings } from './region-settings.ts'
import {
  findResource,
  findResourceById,
  insertResource,
  listResources,
  removeResource,
  updateResource,
} from './resources.ts'
import type { RecoveryPointTable, ResourceTable, RoleTable, UserTable, VaultTable } from './schema.ts'
import type { Store } from './store.ts'
import { deleteTags, findByTag, putTags, replaceTags, tagsOf, tagsOfAll } from './tags.ts'
import {
  deleteVault,
  findVault,
  findVaultByArn,
  insertVault,
  listVaults,
  setVaultState,
  setWrappedKey,
} from './vaults.ts'

/**
 * What every engine must do alike, as data: store.contract.test.ts runs it on each. The queue's part is in queue.contract.ts.
 * Each case gets a store of its own, empty but for the schema.
 */
export interface ContractCase {
  readonly name: string
  readonly run: (store: Store, tools: ContractTools) => Promise<void>
}

export interface ContractTools {
  /** A second opening of the same database, as another process has it; the same store where the engine has only one. */
  readonly other: Store
}

export const ACCOUNT = '111122223333'
export const REGION = 'us-east-1'
export const NOW = 1_800_000_000_000

export function vaultRow(name: string, more: Partial<VaultTable> = {}): VaultTable {
  return {
    account_id: ACCOUNT,
    region: REGION,
    name,
    arn: `arn:aws:backup:${REGION}:${ACCOUNT}:backup-vault:${name}`,
    vault_id: randomUUID().replaceAll('-', ''),
    state: 'CREATING',
    created_at: NOW,
    creator_request_id: null,
    encryption_key_arn: `arn:aws:kms:${REGION}:${ACCOUNT}:key/${randomUUID()}`,
    storage: '{"kind":"directory","path":"/srv/vault"}',
    wrapped_key: null,
    access_policy: null,
    generation: 1,
    stored_bytes: 0,
    ...more,
  }
}

export function pointRow(vault: string, more: Partial<RecoveryPointTable> = {}): RecoveryPointTable {
  const id = randomUUID()
  return {
    account_id: ACCOUNT,
    region: REGION,
    arn: `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:${id}`,
    vault_name: vault,
    point_id: id,
    job_id: randomUUID(),
    resource_arn: `arn:aws:rds:${REGION}:${ACCOUNT}:db:orders`,
    resource_unique_id: 'res-1',
    resource_type: 'RDS',
    resource_name: 'orders',
    role_arn: `arn:aws:iam::${ACCOUNT}:role/backup`,
    role_id: 'AROAEXAMPLE',
    status: 'COMPLETED',
    status_message: null,
    created_at: NOW,
    completed_at: NOW + 1,
    size_bytes: 3_000_000_000_000,
    item_count: 1,
    delete_after_days: null,
    cold_after_days: null,
    delete_at: null,
    restore_metadata: '{}',
    created_by: null,
    last_restore_at: null,
    ...more,
  }
}

function resourceRow(arn: string, more: Partial<ResourceTable> = {}): ResourceTable {
  return {
    account_id: ACCOUNT,
    region: REGION,
    arn,
    unique_id: randomUUID(),
    type: 'RDS',
    name: 'orders',
    settings: '{}',
    secret: 'sealed',
    version: 1,
    created_at: NOW,
    created_by: `arn:aws:iam::${ACCOUNT}:root`,
    restored_from: null,
    removed_at: null,
    ...more,
  }
}

function userRow(name: string): UserTable {
  return {
    account_id: ACCOUNT,
    user_id: `AIDA${name}${randomUUID()}`,
    name,
    name_lower: name.toLowerCase(),
    path: '/',
    created_at: NOW,
    boundary_arn: null,
    password_last_used_at: null,
    revoked_before: null,
  }
}

function roleRow(name: string): RoleTable {
  const { user_id, password_last_used_at, ...user } = userRow(name)
  assert.equal(password_last_used_at, null)
  return {
    ...user,
    role_id: user_id.replace('AIDA', 'AROA'),
    description: null,
    trust_policy: '{}',
    max_session_seconds: 3600,
    last_used_at: null,
    last_used_region: null,
  }
}

export function auditRecord(more: Partial<AuditRecord> = {}): AuditRecord {
  return {
    at: NOW,
    account_id: ACCOUNT,
    request_id: randomUUID(),
    principal_arn: `arn:aws:iam::${ACCOUNT}:user/dba`,
    principal_id: 'AIDAEXAMPLE',
    source_ip: '127.0.0.1',
    service: 'backup',
    action: 'backup:StartBackupJob',
    resource: '*',
    effect: 'Allow',
    layer: 'identity',
    reason: 'allowed',
    policy: null,
    statement: null,
    ...more,
  }
}

function decisionRow(seq: number, more: Partial<DecisionRow> = {}): DecisionRow {
  return {
    seq,
    step: 'read',
    action: 's3:GetObject',
    effect: 'Allow',
    first_arn: 'arn:aws:s3:::b/1',
    last_arn: 'arn:aws:s3:::b/1',
    count: 1,
    reason: 'allowed',
    policy: null,
    statement: null,
    first_at: NOW,
    last_at: NOW,
    ...more,
  }
}

/** All rows of a list, page by page; `between` runs after each page. */
export async function readPages<Row>(
  list: (page: PageRequest) => Promise<Page<Row>>,
  limit: number,
  between: (pageNumber: number) => Promise<void> = async () => undefined,
): Promise<Row[]> {
  const rows: Row[] = []
  let after: Page<Row>['next']
  for (let number = 1; ; number++) {
    const page = await list({ limit, after })
    assert.ok(page.rows.length <= limit, 'a page has at most `limit` rows')
    rows.push(...page.rows)
    if (page.next === undefined) return rows
    after = page.next
    await between(number)
  }
}

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
      assert.equal(await completeRecoveryPoint(store.db, point, 'PARTIAL', results), true)
      assert.equal(await completeRecoveryPoint(store.db, point, 'COMPLETED', results), false)
      const due = async (now: number, withExpired = false): Promise<number> =>
        (await dueForExpiry(store.db, now, { limit: 10, withExpired })).length
      assert.equal(await due(NOW + 9), 0)
      assert.equal(await due(NOW + 10), 1)
      const lifecycle = { delete_after_days: null, cold_after_days: null, delete_at: NOW + 20 }
      assert.equal(await updateLifecycle(store.db, point, lifecycle), true)
      assert.equal(await due(NOW + 10), 0)
      const expire = { status: 'EXPIRED', message: 'refused' } as const
      assert.equal(await setRecoveryPointStatus(store.db, point, ['COMPLETED'], expire), false)
      assert.equal(await setRecoveryPointStatus(store.db, point, ['PARTIAL'], expire), true)
      assert.equal(await due(NOW + 20), 0)
      assert.equal(await due(NOW + 20, true), 1)
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
      for (const row of [latest, inVault, second, creating, pointRow('v')])
        await insertRecoveryPoint(store.db, row)
      const list = async (vaultName?: string): Promise<string[]> => {
        const filter = { accountId: ACCOUNT, region: REGION, vaultName }
        const rows = await readPages(async (page) => await listProtectedResources(store.db, filter, page), 1)
        return rows.map((row) => row.arn)
      }
      assert.deepEqual(await list(), [latest.arn, second.arn])
      assert.deepEqual(await list('v'), [inVault.arn, second.arn])
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
      assert.deepEqual(page, { rows: [again] })
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
  {
    name: 'the record of a job aggregates: a saved line grows, and what it first said stays',
    run: async (store) => {
      const job = { account_id: ACCOUNT, job_id: 'job-1' }
      assert.equal(await nextDecisionSeq(store.db, 'job-1'), 0)
      const denial = decisionRow(1, { effect: 'Deny', reason: 'no statement allows it' })
      await saveDecisions(store.db, job, [decisionRow(0), denial])
      const later = { count: 41, last_arn: 'arn:aws:s3:::b/9', last_at: NOW + 9 }
      await saveDecisions(store.db, job, [
        decisionRow(0, { ...later, first_arn: 'other', first_at: NOW + 8 }),
      ])
      const page = await listDecisions(store.db, { accountId: ACCOUNT, jobId: 'job-1' }, { limit: 10 })
      assert.deepEqual(page.rows, [
        { ...job, ...decisionRow(0, later) },
        { ...job, ...denial },
      ])
      assert.deepEqual(await countDecisions(store.db, 'job-1'), { allowed: 41, denied: 1 })
      assert.equal(await nextDecisionSeq(store.db, 'job-1'), 2)
      const many = Array.from({ length: 1_200 }, (_, i) => decisionRow(2 + i, { effect: 'Deny' }))
      await saveDecisions(store.db, job, many)
      const denials = await readPages(
        async (request) =>
          await listDecisions(store.db, { accountId: ACCOUNT, jobId: 'job-1', effect: 'Deny' }, request),
        500,
      )
      assert.deepEqual(
        denials.map((row) => row.seq),
        [1, ...many.map((row) => row.seq)],
      )
    },
  },
  {
    name: 'R24 the audit trail cannot be changed or deleted, not even by the server',
    run: async (store) => {
      await appendAudit(store.db, auditRecord({ effect: 'Deny' }))
      await assert.rejects(store.db.updateTable('audit').set({ effect: 'Allow' }).execute(), /append-only/)
      await assert.rejects(store.db.deleteFrom('audit').execute(), /append-only/)
      const page = await listAudit(store.db, { accountId: ACCOUNT }, { limit: 10 })
      assert.deepEqual(
        page.rows.map((row) => row.effect),
        ['Deny'],
      )
    },
  },
  {
    name: 'R24 an acknowledged audit record can be read at once, in the order they were asked for, singly and in groups',
    run: async (store, { other }) => {
      const single = auditRecord({ at: NOW - 1 })
      await appendAudit(store.db, single)
      const records = Array.from({ length: 300 }, (_, i) => auditRecord({ at: NOW + i }))
      await Promise.all(
        records.map(async (record) => {
          await appendAuditGrouped(store, record)
          const filter = { accountId: ACCOUNT, requestId: record.request_id }
          if (record.at % 50 === 0)
            assert.equal((await listAudit(other.db, filter, { limit: 2 })).rows.length, 1)
        }),
      )
      const rows = await readPages(
        async (page) => await listAudit(store.db, { accountId: ACCOUNT }, page),
        70,
      )
      assert.deepEqual(
        rows.map((row) => row.request_id).toReversed(),
        [single, ...records].map((record) => record.request_id),
      )
    },
  },
  {
    name: 'an audit record asked for inside a transaction, where waiting would never end, is refused',
    run: async (store) => {
      const waiting = store.transaction(async () => await appendAuditGrouped(store, auditRecord()))
      await assert.rejects(waiting, /beside the transaction/)
      await appendAuditGrouped(store, auditRecord())
      assert.equal((await listAudit(store.db, { accountId: ACCOUNT }, { limit: 10 })).rows.length, 1)
    },
  },
]
