import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { insertAccount } from '../store/identity/accounts.ts'
import { ACCOUNT, NOW, REGION, roleRow, userRow } from '../store/contract-rows.ts'
import { insertRole, insertUser } from '../store/identity/identities.ts'
import { openStore } from '../store/store.ts'
import { pathsTo } from './who-can-paths.ts'
import { Inquiry } from './who-can.ts'

const folder = mkdtempSync(join(tmpdir(), 'roleback-paths-'))
const store = await openStore({ kind: 'sqlite', file: join(folder, 'store.db') })
after(async () => {
  await store.close()
  rmSync(folder, { recursive: true })
})

/** Roles in a ring, each let into the next one, and into the first of them everybody of these users. */
const USERS = ['ada', 'bert', 'cleo']
const RING = ['one', 'two', 'three']

await insertAccount(store.db, { account_id: ACCOUNT, name: 'x', created_at: NOW, root_last_used_at: null })
const users = USERS.map((name, at) => ({ ...userRow(name), user_id: `AIDATESTUSER000${at}` }))
for (const row of users) await insertUser(store.db, row)
const roles = RING.map((name, at) => ({ ...roleRow(name), role_id: `AROATESTROLE000${at}` }))
for (const [at, row] of roles.entries()) {
  const AWS = [roles[(at + 2) % 3]?.role_id, ...(at === 0 ? users.map(({ user_id: id }) => id) : [])]
  const Statement = [{ Effect: 'Allow', Principal: { AWS }, Action: 'sts:AssumeRole' }]
  await insertRole(store.db, { ...row, trust_policy: JSON.stringify({ Version: '2012-10-17', Statement }) })
}

async function paths(name: string, limits: Parameters<typeof pathsTo>[2]): Promise<unknown> {
  const inquiry = new Inquiry(store.db, { accountId: ACCOUNT, region: REGION, now: NOW })
  const role =
    (await inquiry.everybody()).find(({ arn }) => arn.endsWith(`role/${name}`)) ?? assert.fail(name)
  const found = await pathsTo(inquiry, role, limits)
  const last = (text: string): string => text.slice(text.lastIndexOf('/') + 1)
  return [
    found.isWhole,
    found.paths.map(({ start, steps }) =>
      [last(start.name), ...steps.map((step) => last(step.roleArn))].join(' '),
    ),
  ]
}

test('pathsTo() finds the shortest way of each user through roles that lead back to each other', async () => {
  const limits = { limit: 10, maxDecisions: 1_000 }
  assert.deepEqual(await paths('one', limits), [true, ['ada one', 'bert one', 'cleo one']])
  assert.deepEqual(await paths('three', limits), [
    true,
    ['ada one two three', 'bert one two three', 'cleo one two three'],
  ])
})

test('pathsTo() says that it ended early: with enough paths, or with enough decisions', async () => {
  assert.deepEqual(await paths('one', { limit: 2, maxDecisions: 1_000 }), [false, ['ada one', 'bert one']])
  assert.deepEqual(await paths('three', { limit: 10, maxDecisions: 1 }), [false, []])
})
