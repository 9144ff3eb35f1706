import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Context } from '../context.ts'
import { ACCOUNT, NOW, REGION, vaultRow } from '../store/contract-rows.ts'
import { findPlan, insertSelection } from '../store/plans/plans.ts'
import { openStore } from '../store/store.ts'
import { insertVault } from '../store/vaults/vaults.ts'
import { createBackupPlan, updateBackupPlan } from './plans.ts'

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
