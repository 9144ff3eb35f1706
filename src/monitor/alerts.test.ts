import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLog } from '../lib/log.ts'
import {
  ACCOUNT,
  NOW,
  planRow,
  pointRow,
  REGION,
  resourceRow,
  selectionRow,
  vaultRow,
} from '../store/contract-rows.ts'
import { insertSelection, writePlanVersion } from '../store/plans/plans.ts'
import { insertRecoveryPoint } from '../store/points/recovery-points.ts'
import { insertResource } from '../store/resources/resources.ts'
import { openStore } from '../store/store.ts'
import type { Store } from '../store/store.ts'
import { insertVault } from '../store/vaults/vaults.ts'
import { Alerts } from './alerts.ts'

const HOUR = 3_600_000
const MANAGEMENT = '999988887777'
const RESOURCE = `arn:aws:rds:${REGION}:${ACCOUNT}:db:orders`

async function withAlerts(
  work: (store: Store, clock: { ms: number }, ...alerts: readonly Alerts[]) => Promise<void>,
): Promise<void> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const clock = { ms: NOW }
  const options = {
    store,
    clock: { now: () => clock.ms, monotonic: () => clock.ms },
    log: createLog('silent'),
    managementAccountId: MANAGEMENT,
    region: REGION,
  }
  try {
    await work(store, clock, new Alerts(options), new Alerts(options))
  } finally {
    await store.close()
  }
}

async function notices(
  store: Store,
): Promise<readonly (readonly [string, Readonly<Record<string, unknown>>])[]> {
  const rows = await store.db
    .selectFrom('event')
    .select(['account_id', 'body'])
    .where('kind', '=', 'notice')
    .orderBy('seq')
    .execute()
  return rows.map(({ account_id, body }) => [
    account_id,
    (JSON.parse(body) as { detail: Record<string, unknown> }).detail,
  ])
}

/** An hourly rule with a start window of an hour, and one resource that it selects. */
async function fill(store: Store): Promise<void> {
  const rule = {
    RuleId: 'r',
    RuleName: 'hourly',
    TargetBackupVaultName: 'v',
    ScheduleExpression: 'cron(0 * ? * * *)',
    ScheduleExpressionTimezone: 'Etc/UTC',
    StartWindowMinutes: 60,
  }
  const plan = planRow('p', { name: 'nightly' })
  await store.transaction(async (tx) => {
    await writePlanVersion(
      tx,
      plan,
      { document: JSON.stringify({ BackupPlanName: 'nightly', Rules: [rule] }) },
      [{ ruleId: 'r', writtenAt: NOW, nextRunAt: NOW + HOUR }],
    )
  })
  await insertResource(store.db, resourceRow(RESOURCE))
  const document = JSON.stringify({
    SelectionName: 'all',
    IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/backup`,
    Resources: [RESOURCE],
  })
  await insertSelection(store.db, selectionRow('p', 's', { document }))
}

test('a resource whose backup did not come is told of once for each run that was missed, whoever looks', async () => {
  await withAlerts(async (store, clock, ...alerts) => {
    await fill(store)
    const look = async (): Promise<void> => {
      for (const one of alerts) await one.run()
    }
    await look()
    assert.deepEqual(await notices(store), [], 'nothing is due yet')
    for (let i = 0; i < 36; i++) {
      clock.ms += HOUR / 12
      await look()
    }
    const [first, ...more] = await notices(store)
    assert.deepEqual(more, [])
    assert.equal(first?.[0], ACCOUNT)
    assert.deepEqual(
      [first[1]['resourceArn'], first[1]['backupPlanName'], first[1]['ruleName'], first[1]['state']],
      [RESOURCE, 'nightly', 'hourly', 'MISSED'],
    )
    await insertVault(store.db, vaultRow('v', { state: 'AVAILABLE' }))
    await insertRecoveryPoint(
      store.db,
      pointRow('v', { resource_arn: RESOURCE, created_at: clock.ms, completed_at: clock.ms }),
    )
    await look()
    assert.equal((await notices(store)).length, 1, 'a backup came')
    for (let i = 0; i < 36; i++) {
      clock.ms += HOUR / 12
      await look()
    }
    assert.equal((await notices(store)).length, 2, 'and then none again')
  })
})

test('the management account hears that no server ran, a short stop is none', async () => {
  await withAlerts(async (store, clock, alerts, other) => {
    assert.ok(alerts !== undefined && other !== undefined)
    await alerts.run()
    clock.ms += 9 * 60_000
    await alerts.run()
    assert.deepEqual(await notices(store), [])
    const last = clock.ms
    clock.ms += 2 * HOUR
    await alerts.run()
    await other.run()
    const [silence, ...more] = await notices(store)
    assert.deepEqual(more, [])
    assert.equal(silence?.[0], MANAGEMENT)
    assert.equal(silence[1]['silentFrom'], new Date(last).toISOString())
    assert.equal(silence[1]['silentUntil'], new Date(clock.ms).toISOString())
  })
})
