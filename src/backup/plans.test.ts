import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BackupPlanInput } from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import { ACCOUNT, NOW, REGION, vaultRow } from '../store/contract-rows.ts'
import { findPlan, insertSelection } from '../store/plans/plans.ts'
import { openStore } from '../store/store.ts'
import { insertVault } from '../store/vaults/vaults.ts'
import { createLegalHold } from './legal-holds.ts'
import { checkSelectionCount, createBackupPlan, getBackupPlan, updateBackupPlan } from './plans.ts'
import { createRestoreTestingPlan } from './restore-testing-plans.ts'
import { createBackupVault } from './vaults.ts'

test('R4 a selection with another role that is made while its plan is changed is not redirected unasked', async () => {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  try {
    for (const name of ['here', 'there']) await insertVault(store.db, vaultRow(name))
    const asked: string[] = []
    const select = async (planId: string, roleId: string): Promise<void> => {
      await insertSelection(store.db, {
        account_id: ACCOUNT,
        region: REGION,
        plan_id: planId,
        selection_id: roleId,
        name: roleId,
        role_arn: `arn:aws:iam::${ACCOUNT}:role/${roleId}`,
        role_id: roleId,
        document: '{}',
        creator_request_id: roleId,
        created_by: 'x',
        created_at: NOW,
      })
    }
    let meanwhile: (() => Promise<void>) | undefined
    // What these operations use of a request; the gate lets everything by, and things happen while it is asked.
    const ctx = {
      accountId: ACCOUNT,
      region: REGION,
      now: NOW,
      store,
      authorize: async (action: string, resource: string) => {
        asked.push(`${action} ${resource.split('/')[1]}`)
        await meanwhile?.()
      },
    } as unknown as Context
    const plan = (vault: string) => ({
      BackupPlanName: 'plan',
      Rules: [{ RuleName: 'daily', TargetBackupVaultName: vault }],
    })
    const { BackupPlanId = '' } = await createBackupPlan(ctx, { BackupPlan: plan('here') })
    await select(BackupPlanId, 'AROAFIRST')
    meanwhile = () => select(BackupPlanId, 'AROASECOND')
    const update = { BackupPlanId, BackupPlan: plan('there') }
    await assert.rejects(updateBackupPlan(ctx, update), /got a selection with another role meanwhile/)
    assert.match((await findPlan(store.db, ctx, BackupPlanId))?.document ?? '', /"here"/)
    meanwhile = undefined
    asked.length = 0
    await updateBackupPlan(ctx, update)
    assert.deepEqual(asked, ['iam:PassRole AROAFIRST', 'iam:PassRole AROASECOND'])
  } finally {
    await store.close()
  }
})

test('AWS’s quotas of an account hold to the last plan, its versions and selections, vault, legal hold and restore testing plan', async () => {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  try {
    await insertVault(store.db, vaultRow('vault'))
    const principal = { arn: `arn:aws:iam::${ACCOUNT}:root` }
    const ctx = { accountId: ACCOUNT, region: REGION, now: NOW, store, principal } as unknown as Context
    const quotas: readonly {
      readonly table: 'backup_plan' | 'legal_hold' | 'restore_testing_plan' | 'vault'
      readonly limit: number
      readonly own: () => object
      readonly make: (name: string) => Promise<unknown>
    }[] = [
      {
        table: 'backup_plan',
        limit: 300,
        own: () => ({ plan_id: uuid(), name: uuid(), creator_request_id: uuid() }),
        make: (BackupPlanName) =>
          createBackupPlan(ctx, {
            BackupPlan: { BackupPlanName, Rules: [{ RuleName: 'daily', TargetBackupVaultName: 'vault' }] },
          }),
      },
      {
        table: 'legal_hold',
        limit: 50,
        own: () => ({ hold_id: uuid() }),
        make: (Title) =>
          createLegalHold(ctx, {
            Title,
            Description: 'x',
            RecoveryPointSelection: { VaultNames: ['vault'] },
          }),
      },
      {
        table: 'restore_testing_plan',
        limit: 100,
        own: () => ({ name: uuid(), arn: uuid(), creator_request_id: uuid() }),
        make: (RestoreTestingPlanName) =>
          createRestoreTestingPlan(ctx, {
            RestoreTestingPlan: {
              RestoreTestingPlanName,
              ScheduleExpression: 'cron(0 3 ? * SUN *)',
              RecoveryPointSelection: {
                Algorithm: 'LATEST_WITHIN_WINDOW',
                IncludeVaults: ['*'],
                RecoveryPointTypes: ['SNAPSHOT'],
              },
            },
          }),
      },
      {
        table: 'vault',
        // 300 with the one that is there.
        limit: 299,
        own: () => ({ name: uuid(), arn: uuid(), vault_id: uuid() }),
        make: (BackupVaultName) =>
          createBackupVault({ ...ctx, server: { vaultRoots: [] } as never }, { BackupVaultName }),
      },
    ]
    for (const { table, limit, own, make } of quotas) {
      await make('first')
      const row = await store.db.selectFrom(table).selectAll().executeTakeFirstOrThrow()
      const more = Array.from({ length: limit - 2 }, () => ({ ...row, ...own() }))
      await store.db
        .insertInto(table)
        .values(more as never)
        .execute()
      await make('last')
      await assert.rejects(make('beyond'), { code: 'LimitExceededException' }, table)
    }
    const plan = await store.db.selectFrom('backup_plan').selectAll().executeTakeFirstOrThrow()
    const { BackupPlan } = await getBackupPlan(ctx, { BackupPlanId: plan.plan_id })
    const update = () =>
      updateBackupPlan(ctx, { BackupPlanId: plan.plan_id, BackupPlan: BackupPlan as BackupPlanInput })
    await store.db.updateTable('backup_plan_version').set({ seq: 1_999 }).execute()
    await update()
    await assert.rejects(update(), { code: 'LimitExceededException' })
    checkSelectionCount(99)
    assert.throws(() => checkSelectionCount(100), { code: 'LimitExceededException' })
  } finally {
    await store.close()
  }
})
