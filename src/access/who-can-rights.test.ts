import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { insertAccount } from '../store/identity/accounts.ts'
import { ACCOUNT, NOW, REGION, pointRow, userRow, vaultRow } from '../store/contract-rows.ts'
import { putInlinePolicy } from '../store/identity/identities-attachments.ts'
import { insertUser } from '../store/identity/identities.ts'
import { insertRecoveryPoint } from '../store/points/recovery-points.ts'
import { openStore } from '../store/store.ts'
import { insertVault } from '../store/vaults/vaults.ts'
import { claimTo, deletionOf } from './who-can-rights.ts'
import { Inquiry } from './who-can.ts'

const folder = mkdtempSync(join(tmpdir(), 'roleback-who-can-'))
const store = await openStore({ kind: 'sqlite', file: join(folder, 'store.db') })
after(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

const SNAPSHOT = `arn:aws:rds:${REGION}:${ACCOUNT}:snapshot:awsbackup:job-1`
const DELETE = { Effect: 'Allow', Action: 'backup:DeleteRecoveryPoint', Resource: SNAPSHOT }
const AT_SOURCE = { Effect: 'Allow', Action: 'rds:DeleteDBSnapshot', Resource: SNAPSHOT }
const viaService = (service: string): object => ({
  ...AT_SOURCE,
  Condition: { 'ForAnyValue:StringEquals': { 'aws:CalledVia': service } },
})

/** What each user may. */
const USERS: Readonly<Record<string, readonly object[]>> = {
  both: [DELETE, AT_SOURCE],
  half: [DELETE],
  other: [AT_SOURCE],
  'via-backup': [DELETE, viaService('backup.amazonaws.com')],
  'via-another': [DELETE, viaService('cloudformation.amazonaws.com')],
  barred: [DELETE, AT_SOURCE, { Effect: 'Deny', Action: 'rds:Delete*', Resource: '*' }],
}

await insertAccount(store.db, { account_id: ACCOUNT, name: 'x', created_at: NOW, root_last_used_at: null })
await insertVault(store.db, vaultRow('v'))
const point = pointRow('v', { arn: SNAPSHOT, resource_type: 'RDS' })
await insertRecoveryPoint(store.db, point)
for (const [name, Statement] of Object.entries(USERS)) {
  const row = userRow(name)
  await insertUser(store.db, row)
  await putInlinePolicy(store.db, {
    account_id: ACCOUNT,
    identity_id: row.user_id,
    name: 'own',
    document: JSON.stringify({ Version: '2012-10-17', Statement }),
  })
}

test('deleting a snapshot of a database takes the right of its own service, too, asked via AWS Backup', async () => {
  const place = { accountId: ACCOUNT, region: REGION, now: NOW }
  const inquiry = new Inquiry(store.db, place)
  const ofCall = { action: 'backup:DeleteRecoveryPoint', resource: SNAPSHOT }
  const claimOf = claimTo(inquiry, await deletionOf({ ...place, store }, point, [ofCall]))
  const found = new Map<string, unknown>()
  for (const somebody of await inquiry.everybody()) {
    const claim = await claimOf(somebody)
    if (claim !== undefined)
      found.set(somebody.arn.replace(/^.*[:/]/, ''), [
        claim.verdict,
        claim.rights.map(({ action }) => action),
      ])
  }
  const rights = ['allowed', ['backup:DeleteRecoveryPoint', 'rds:DeleteDBSnapshot']]
  assert.deepEqual(Object.fromEntries(found), { root: rights, both: rights, 'via-backup': rights })
})
