import assert from 'node:assert/strict'
import { sql } from 'kysely'
import {
  ACCOUNT,
  auditRecord,
  NOW,
  planRow,
  REGION,
  selectionRow,
  targetOf,
  vaultRow,
} from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import { appendAudit } from '../audit/audit.ts'
import { openTestChain } from '../audit/audit.fixture.ts'
import { claimEvents } from './events.ts'
import type { EventRow } from './events.ts'
import { cancelLegalHold, insertLegalHold } from '../points/legal-holds.ts'
import { putPause } from '../jobs/pauses.ts'
import { recordPlanRuns } from '../plans/due-rules.ts'
import { deletePlan, deleteSelection, insertSelection, writePlanVersion } from '../plans/plans.ts'
import { updateRegionSettings } from '../region-settings.ts'
import type { EventTargetTable } from './schema-events.ts'
import type { Store } from '../store.ts'
import { deleteVault, insertVault, setAccessPolicy, setVaultLock } from '../vaults/vaults.ts'

/** Each trigger that writes events; a migration that makes one of these tables anew must make its triggers anew. */
const TRIGGERS = [
  'event_call',
  'event_decision',
  'event_hold_made',
  'event_hold_state',
  'event_index_gone',
  'event_index_made',
  'event_job_made',
  'event_job_state',
  'event_pause_changed',
  'event_pause_gone',
  'event_pause_made',
  'event_plan_changed',
  'event_plan_made',
  'event_point_changed',
  'event_point_gone',
  'event_point_made',
  'event_point_state',
  'event_region_changed',
  'event_region_made',
  'event_run_made',
  'event_selection_gone',
  'event_selection_made',
  'event_vault_access_policy',
  'event_vault_gone',
  'event_vault_lock_configuration',
  'event_vault_lock_problem',
  'event_vault_made',
  'event_vault_notifications',
  'event_vault_state',
]

const PLAN = planRow('p', { name: 'nightly', version_id: '1' })

const TARGET: EventTargetTable = {
  ...targetOf('t1', { name: 'calls', wants_calls: 1 }),
  sequence: 0,
  created_at: NOW,
  created_by: 'arn',
  failures: 0,
  retry_at: 0,
  last_delivered_at: null,
  last_error: null,
  last_error_at: null,
}

async function take(store: Store): Promise<readonly EventRow[]> {
  return await claimEvents(store, { now: NOW, leaseMs: 1_000, limit: 1_000 })
}

/** Kind, and of its body what `names` say. */
async function taken(store: Store, ...names: readonly string[]): Promise<readonly (readonly unknown[])[]> {
  return (await take(store)).map(({ kind, body }) => {
    const row = JSON.parse(body) as Record<string, unknown>
    return [kind, ...names.map((name) => row[name])]
  })
}

/** What events.contract.ts does not try of the triggers. */
export const EVENT_TRIGGERS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'every trigger of events is there, and each is in one of these cases',
    run: async ({ db, engine }) => {
      const { rows } =
        engine === 'sqlite'
          ? await sql<{
              name: string
            }>`select name from sqlite_master where type = 'trigger' and sql like '%into event %'`.execute(db)
          : await sql<{
              name: string
            }>`select distinct trigger_name as name from information_schema.triggers
              where trigger_name like 'event\\_%' and trigger_name not like '%identity%'`.execute(db)
      assert.deepEqual(rows.map(({ name }) => name).toSorted(), TRIGGERS)
    },
  },
  {
    name: 'plans, their selections and their runs tell what became of them',
    run: async (store) => {
      const write = async (version_id: string): Promise<void> =>
        await store.transaction(
          async (tx) => await writePlanVersion(tx, { ...PLAN, version_id }, { document: '{}' }, []),
        )
      await write('1')
      await write('2')
      const rule = {
        accountId: ACCOUNT,
        region: REGION,
        planId: 'p',
        ruleId: 'r',
        dueAt: NOW,
        writtenAt: NOW,
      }
      const run = { rule, dueAt: NOW, versionId: '2', jobs: 2, message: '', now: NOW }
      await recordPlanRuns(store.db, [
        { ...run, outcome: 'STARTED' },
        { ...run, dueAt: NOW + 1, outcome: 'MISSED', jobs: 0 },
      ])
      await deletePlan(store.db, 'p', NOW + 1)
      assert.deepEqual(await taken(store, 'before', 'version_id', 'outcome', 'deleted_at'), [
        ['plan', null, '1', undefined, null],
        ['plan', '1', '2', undefined, null],
        // The plan's own last_run_at is no event.
        ['run', null, '2', 'STARTED', undefined],
        ['run', null, '2', 'MISSED', undefined],
        ['plan', '2', '2', undefined, NOW + 1],
      ])
      await insertSelection(store.db, selectionRow('p', 's', { name: 'all', role_arn: 'arn' }))
      await deleteSelection(store.db, 'p', 's')
      assert.deepEqual(await taken(store, 'selection_id', 'name', 'role_arn', 'is_gone'), [
        ['selection', 's', 'all', 'arn', undefined],
        ['selection', 's', 'all', 'arn', 1],
      ])
    },
  },
  {
    name: 'legal holds, changed pauses and changed settings tell what became of them',
    run: async (store) => {
      const hold = {
        account_id: ACCOUNT,
        region: REGION,
        hold_id: 'h',
        title: 'case 7',
        description: '',
        status: 'ACTIVE' as const,
        idempotency_token: null,
        created_at: NOW,
        from_at: null,
        to_at: null,
        names_vaults: 0,
        names_resources: 0,
        cancelled_at: null,
        cancel_description: null,
        retain_until: null,
      }
      await insertLegalHold(store.db, hold, { vaultNames: [], resourceArns: [] })
      const end = { cancelled_at: NOW, cancel_description: 'over', retain_until: null }
      await cancelLegalHold(store.db, 'h', end)
      assert.deepEqual(await taken(store, 'before', 'status', 'cancel_description'), [
        ['hold', null, 'ACTIVE', null],
        ['hold', 'ACTIVE', 'CANCELED', 'over'],
      ])
      const pause = { account_id: ACCOUNT, region: REGION, target_arn: '*', reason: null, paused_by: 'me' }
      await putPause(store.db, { ...pause, until: NOW + 1, paused_at: NOW })
      await putPause(store.db, { ...pause, until: NOW + 2, paused_at: NOW })
      assert.deepEqual(await taken(store, 'until'), [
        ['pause', NOW + 1],
        ['pause', NOW + 2],
      ])
      for (const optIn of [{ EFS: true }, { EFS: false }])
        await store.transaction(async (tx) => {
          await updateRegionSettings(tx, ACCOUNT, REGION, { optIn })
        })
      const settings = (await taken(store, 'opt_in')).map(([kind, text]) => [
        kind,
        (JSON.parse(String(text)) as { EFS?: boolean }).EFS,
      ])
      assert.deepEqual(settings.at(-1), ['region', false])
      assert.ok(settings.every(([kind]) => kind === 'region'))
    },
  },
  {
    name: 'a vault tells of its lock, its policy and its end, and of nothing that only use changes',
    run: async (store) => {
      const vault = vaultRow('v2', { state: 'AVAILABLE' })
      await insertVault(store.db, vault)
      await setVaultLock(store.db, vault, { lock_configuration: '{}' })
      await setVaultLock(store.db, vault, { lock_problem: 'older than its heads' })
      await setAccessPolicy(store.db, vault, '{"a":1}')
      await setAccessPolicy(store.db, vault, '{"a":1}')
      await sql`update vault set stored_bytes = 7, generation = 9, wrapped_key = 'k'`.execute(store.db)
      await store.transaction(async (tx) => {
        assert.equal(await deleteVault(tx, vault), 'deleted')
      })
      assert.deepEqual(await taken(store, 'before', 'changed', 'is_gone', 'wrapped_key'), [
        ['vault', null, undefined, undefined, undefined],
        ['vault', 'AVAILABLE', 'lock', undefined, undefined],
        ['vault', 'AVAILABLE', 'lock-problem', undefined, undefined],
        ['vault', 'AVAILABLE', 'access-policy', undefined, undefined],
        ['vault', 'AVAILABLE', undefined, 1, undefined],
      ])
    },
  },
  {
    name: 'calls are events only where a target of the account asks for them, and then changes and refusals alone',
    run: async (store) => {
      openTestChain(store)
      const call = async (more: Parameters<typeof auditRecord>[0]): Promise<void> =>
        await appendAudit(store, auditRecord(more))
      await call({ action: 'backup:CreateBackupVault' })
      assert.deepEqual(await take(store), [], 'nobody has asked')
      await store.db.insertInto('event_target').values(TARGET).execute()
      await call({ action: 'backup:CreateBackupVault' })
      await call({ action: 'backup:ListBackupJobs' })
      await call({ action: 'backup:GetBackupPlan', effect: 'Deny' })
      await call({ action: 'backup:BackupJobStarted', layer: 'event' })
      await call({ action: 'backup:DeleteBackupVault', account_id: '222233334444' })
      assert.deepEqual(await taken(store, 'action', 'effect'), [
        ['audit', 'backup:CreateBackupVault', 'Allow'],
        ['audit', 'backup:GetBackupPlan', 'Deny'],
      ])
    },
  },
]
