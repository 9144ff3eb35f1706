import assert from 'node:assert/strict'
import { ACCOUNT, NOW, readPages, roleRow, userRow } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import {
  attachedTo,
  attachPolicy,
  entitiesOfPolicy,
  policiesOfIdentity,
  policyUsage,
  putInlinePolicy,
} from './identities-attachments.ts'
import { addMember, deleteGroup, insertGroup, listMembers } from './identities-groups.ts'
import {
  insertPolicy,
  insertPolicyVersion,
  listPolicyVersions,
  policyDocument,
  updatePolicy,
} from './identities-policies.ts'
import {
  countIdentities,
  deleteUser,
  findRoleByName,
  findUserByName,
  insertAccessKey,
  insertRole,
  insertUser,
  listAccessKeys,
  listUsers,
} from './identities.ts'
import type { GroupTable, PolicyTable, UserTable } from '../schema.ts'

const LOCAL = `arn:aws:iam::${ACCOUNT}:policy/p`
const BUILT_IN = 'arn:aws:iam::aws:policy/ReadOnlyAccess'

const GROUP: GroupTable = {
  account_id: ACCOUNT,
  group_id: 'AGPAGROUP',
  name: 'ops',
  name_lower: 'ops',
  path: '/',
  created_at: NOW,
}
const POLICY: PolicyTable = {
  account_id: ACCOUNT,
  policy_id: 'ANPAPOLICY',
  arn: LOCAL,
  name: 'p',
  name_lower: 'p',
  path: '/',
  description: null,
  created_at: NOW,
  updated_at: NOW,
  default_version: 1,
  last_version: 1,
}

/** Users, groups, roles and what they may. */
export const IDENTITIES_CONTRACT: readonly ContractCase[] = [
  {
    name: 'names of identities are unique and found whatever their case, and listed in byte order',
    run: async ({ db }) => {
      const named = (name: string, path = '/'): UserTable => ({ ...userRow(name), path })
      for (const name of ['b_', 'B', 'a', 'b-']) assert.equal(await insertUser(db, named(name)), true)
      assert.equal(await insertUser(db, named('A')), false)
      assert.equal((await findUserByName(db, ACCOUNT, 'b'))?.name, 'B')
      assert.equal(await insertUser(db, named('c', '/x/y/')), true)
      const all = await readPages(async (page) => await listUsers(db, { accountId: ACCOUNT }, page), 2)
      assert.deepEqual(
        all.map((row) => row.name),
        ['a', 'B', 'b-', 'b_', 'c'],
      )
      const below = await listUsers(db, { accountId: ACCOUNT, pathPrefix: '/x/' }, { limit: 9 })
      assert.deepEqual(
        below.rows.map((row) => row.name),
        ['c'],
      )
      assert.equal(await insertRole(db, roleRow('Admin')), true)
      assert.equal((await findRoleByName(db, ACCOUNT, 'ADMIN'))?.name, 'Admin')
      const counts = await countIdentities(db, ACCOUNT)
      assert.deepEqual(counts, { users: 5, groups: 0, roles: 1, policies: 0, policyVersions: 0, profiles: 0 })
    },
  },
  {
    name: 'policies of a user are his own and those of his groups, each in its default version',
    run: async ({ db }) => {
      await insertUser(db, { ...userRow('anna'), user_id: 'AIDAUSER', boundary_arn: LOCAL })
      await insertGroup(db, GROUP)
      await addMember(db, { account_id: ACCOUNT, group_id: 'AGPAGROUP', user_id: 'AIDAUSER' })
      await addMember(db, { account_id: ACCOUNT, group_id: 'AGPAGROUP', user_id: 'AIDAUSER' })
      const version = { policy_id: 'ANPAPOLICY', version: 1, document: 'one', created_at: NOW }
      assert.equal(await insertPolicy(db, POLICY, version), true)
      await insertPolicyVersion(db, { ...version, version: 2, document: 'two' })
      await updatePolicy(db, 'ANPAPOLICY', { default_version: 2 })
      const attachment = { account_id: ACCOUNT, attached_at: NOW }
      await attachPolicy(db, { ...attachment, identity_id: 'AGPAGROUP', policy_arn: LOCAL })
      await attachPolicy(db, { ...attachment, identity_id: 'AIDAUSER', policy_arn: BUILT_IN })
      await attachPolicy(db, { ...attachment, identity_id: 'AIDAUSER', policy_arn: BUILT_IN })
      const inline = { account_id: ACCOUNT, identity_id: 'AIDAUSER', name: 'i' }
      await putInlinePolicy(db, { ...inline, document: 'old' })
      await putInlinePolicy(db, { ...inline, document: 'new' })
      assert.deepEqual(await policiesOfIdentity(db, ACCOUNT, 'AIDAUSER'), {
        managed: [{ arn: LOCAL, name: 'p', document: 'two', versionId: 'v2', attachedTo: 'AGPAGROUP' }],
        builtIn: [{ arn: BUILT_IN, attachedTo: 'AIDAUSER' }],
        inline: [{ name: 'i', document: 'new', attachedTo: 'AIDAUSER' }],
        groups: [GROUP],
      })
      assert.equal((await policyDocument(db, LOCAL))?.versionId, 'v2')
      assert.deepEqual(await attachedTo(db, ACCOUNT, LOCAL), ['AGPAGROUP'])
      const bounds = await entitiesOfPolicy(db, ACCOUNT, LOCAL, 'boundary')
      assert.deepEqual(
        bounds.map((entity) => entity.id),
        ['AIDAUSER'],
      )
      const usage = await policyUsage(db, ACCOUNT)
      assert.deepEqual([usage.attached.get(LOCAL), usage.boundary.get(LOCAL)], [1, 1])
      const newest = await listPolicyVersions(db, 'ANPAPOLICY', { limit: 1 })
      assert.deepEqual([newest.rows[0]?.version, newest.next], [2, ['2']])
    },
  },
  {
    name: 'an attached policy without a row is an error, never a policy less',
    run: async ({ db }) => {
      const row = { account_id: ACCOUNT, identity_id: 'AROAROLE', policy_arn: LOCAL, attached_at: NOW }
      await attachPolicy(db, row)
      await assert.rejects(policiesOfIdentity(db, ACCOUNT, 'AROAROLE'), /it has no row/)
    },
  },
  {
    name: 'an identity that others refer to cannot be deleted under them',
    run: async ({ db }) => {
      await insertUser(db, { ...userRow('anna'), user_id: 'AIDAUSER' })
      await insertGroup(db, GROUP)
      await addMember(db, { account_id: ACCOUNT, group_id: 'AGPAGROUP', user_id: 'AIDAUSER' })
      await assert.rejects(deleteUser(db, 'AIDAUSER'), /foreign key/i)
      await assert.rejects(deleteGroup(db, 'AGPAGROUP'), /foreign key/i)
      assert.equal((await listMembers(db, 'AGPAGROUP', { limit: 9 })).rows.length, 1)
    },
  },
  {
    name: "keys of the root user are its account's, and of nobody else",
    run: async ({ db }) => {
      await insertUser(db, { ...userRow('anna'), user_id: 'AIDAUSER' })
      const key = {
        account_id: ACCOUNT,
        secret: 'sealed',
        status: 'Active' as const,
        created_at: NOW,
        last_used_at: null,
        last_used_service: null,
        last_used_region: null,
      }
      await insertAccessKey(db, { ...key, access_key_id: 'AKIAROOT', user_id: null })
      await insertAccessKey(db, { ...key, access_key_id: 'AKIAUSER', user_id: 'AIDAUSER' })
      const of = async (accountId: string, userId: string | null): Promise<string[]> => {
        const { rows } = await listAccessKeys(db, { accountId, userId }, { limit: 9 })
        return rows.map((row) => row.access_key_id)
      }
      assert.deepEqual(await of(ACCOUNT, null), ['AKIAROOT'])
      assert.deepEqual(await of(ACCOUNT, 'AIDAUSER'), ['AKIAUSER'])
      assert.deepEqual(await of('999900001111', null), [])
    },
  },
]
