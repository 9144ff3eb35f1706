import assert from 'node:assert/strict'
import { findAccountByAlias, insertAccount, updateAccount } from './accounts.ts'
import { ACCOUNT, NOW, readPages, userRow } from '../contract-rows.ts'
import type { ContractCase } from '../contract-rows.ts'
import { deleteUser, insertUser } from './identities.ts'
import {
  deleteLoginProfile,
  findLoginProfile,
  insertLoginProfile,
  passwordHistory,
  rememberPassword,
} from './login-profiles.ts'
import {
  assignMfaDevice,
  countMfaDevices,
  insertMfaDevice,
  listMfaDevices,
  unassignMfaDevice,
  useMfaStep,
} from './mfa-devices.ts'
import type { MfaDeviceTable, SignInSessionTable } from './schema-credentials.ts'
import {
  endSignInSession,
  endSignInSessionsOf,
  findBackOff,
  findSignInSession,
  forgiveOne,
  insertSignInSession,
  listSignInSessions,
  pruneSignIns,
  replaceBackOff,
} from './sign-in.ts'

const PROFILE = {
  user_id: 'AIDAUSER',
  account_id: ACCOUNT,
  password: 'sealed',
  created_at: NOW,
  changed_at: NOW,
  reset_required: 0,
}

function device(name: string): MfaDeviceTable {
  return {
    serial_number: `arn:aws:iam::${ACCOUNT}:mfa/${name}`,
    account_id: ACCOUNT,
    user_id: null,
    seed: 'sealed',
    created_at: NOW,
    enabled_at: null,
    drift: 0,
    last_step: 0,
  }
}

/** Passwords, MFA devices, aliases, and who is held back. */
export const CREDENTIALS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'an alias is one account’s, and an account without one is found by none',
    run: async ({ db }) => {
      for (const account_id of [ACCOUNT, '444455556666'])
        await insertAccount(db, { account_id, name: 'a', created_at: NOW, root_last_used_at: null })
      await updateAccount(db, ACCOUNT, { alias: 'acme' })
      assert.equal((await findAccountByAlias(db, 'acme'))?.account_id, ACCOUNT)
      await assert.rejects(updateAccount(db, '444455556666', { alias: 'acme' }), /unique/i)
      assert.equal(await findAccountByAlias(db, ''), undefined)
    },
  },
  {
    name: 'a user has one password, which keeps him from being deleted; the oldest of its like are forgotten',
    run: async (store) => {
      const { db } = store
      await insertUser(db, { ...userRow('anna'), user_id: 'AIDAUSER' })
      assert.equal(await insertLoginProfile(db, PROFILE), true)
      assert.equal(await insertLoginProfile(db, { ...PROFILE, password: 'other' }), false)
      assert.deepEqual(await findLoginProfile(db, 'AIDAUSER'), PROFILE)
      for (const password of ['a', 'b', 'c', 'd'])
        await store.transaction(async (tx) => await rememberPassword(tx, 'AIDAUSER', password, 3))
      assert.deepEqual(await passwordHistory(db, 'AIDAUSER', 9), ['d', 'c', 'b'])
      assert.deepEqual(await passwordHistory(db, 'AIDAUSER', 1), ['d'])
      await assert.rejects(deleteUser(db, 'AIDAUSER'), /foreign key/i)
      assert.equal(await store.transaction(async (tx) => await deleteLoginProfile(tx, 'AIDAUSER')), true)
      assert.equal(await store.transaction(async (tx) => await deleteLoginProfile(tx, 'AIDAUSER')), false)
      await deleteUser(db, 'AIDAUSER')
    },
  },
  {
    name: 'a device is one user’s, and a time step of it is used once whoever asks',
    run: async (store, { other }) => {
      const { db } = store
      await insertUser(db, { ...userRow('anna'), user_id: 'AIDAUSER' })
      for (const name of ['a', 'b']) assert.equal(await insertMfaDevice(db, device(name)), true)
      assert.equal(await insertMfaDevice(db, device('a')), false)
      const { serial_number: serialNumber } = device('a')
      const assignment = { userId: 'AIDAUSER', at: NOW, drift: 2, step: 10 }
      assert.equal(await assignMfaDevice(db, serialNumber, assignment), true)
      assert.equal(await assignMfaDevice(db, serialNumber, assignment), false)
      assert.deepEqual(await countMfaDevices(db, ACCOUNT), { all: 2, assigned: 1 })
      const isAssigned = await listMfaDevices(db, { accountId: ACCOUNT, isAssigned: false }, { limit: 9 })
      assert.deepEqual(isAssigned.rows, [device('b')])
      const use = async (step: number, database = db): Promise<boolean> =>
        await useMfaStep(database, { serialNumber, userId: 'AIDAUSER', step })
      assert.equal(await use(10), false)
      const results = await Promise.all(
        Array.from({ length: 10 }, async (_, i) => await use(11, i % 2 === 0 ? db : other.db)),
      )
      assert.equal(results.filter(Boolean).length, 1)
      assert.equal(await useMfaStep(db, { serialNumber, userId: 'AIDAOTHER', step: 12 }), false)
      await unassignMfaDevice(db, serialNumber)
      assert.equal(await use(13), false)
    },
  },
  {
    name: 'of many who count one failure each all are counted',
    run: async ({ db }, { other }) => {
      const count = async (database: typeof db): Promise<void> => {
        for (;;) {
          const row = await findBackOff(database, 's')
          const next = { subject: 's', failures: (row?.failures ?? 0) + 1, last_at: NOW, blocked_until: NOW }
          if (await replaceBackOff(database, row, next)) return
        }
      }
      await Promise.all(Array.from({ length: 10 }, (_, i) => count(i % 2 === 0 ? db : other.db)))
      assert.equal((await findBackOff(db, 's'))?.failures, 10)
      await forgiveOne(db, 's')
      assert.equal((await findBackOff(db, 's'))?.failures, 9)
    },
  },
  {
    name: 'sessions are listed while they last, end once, and go with old failures when nobody can use them',
    run: async ({ db }) => {
      await insertUser(db, { ...userRow('anna'), user_id: 'AIDAUSER' })
      const session = (access_key_id: string, created_at: number): SignInSessionTable => ({
        access_key_id,
        account_id: ACCOUNT,
        user_id: 'AIDAUSER',
        created_at,
        expires_at: created_at + 1_000,
        source_ip: null,
        mfa: 0,
        session_name: null,
        ended_at: null,
      })
      for (const [id, at] of [
        ['c', 0],
        ['b', 1],
        ['a', 1],
        ['d', -5_000],
      ] as const)
        await insertSignInSession(db, session(id, NOW + at))
      const listed = async (now: number): Promise<string[]> =>
        (await readPages((page) => listSignInSessions(db, { accountId: ACCOUNT, now }, page), 1)).map(
          (row) => row.access_key_id,
        )
      assert.deepEqual(await listed(NOW + 2), ['c', 'a', 'b'])
      assert.deepEqual(await listed(NOW + 1_000), ['a', 'b'])
      assert.equal(await endSignInSession(db, 'c', NOW), true)
      assert.equal(await endSignInSession(db, 'c', NOW), false)
      await endSignInSessionsOf(db, 'AIDAUSER', NOW, 'a')
      assert.deepEqual(await listed(NOW + 2), ['a'])
      await replaceBackOff(db, undefined, {
        subject: 'old',
        failures: 9,
        last_at: NOW - 9,
        blocked_until: NOW - 9,
      })
      await replaceBackOff(db, undefined, {
        subject: 'held',
        failures: 9,
        last_at: NOW - 9,
        blocked_until: NOW + 9,
      })
      await pruneSignIns(db, NOW)
      assert.equal(await findSignInSession(db, 'd'), undefined)
      assert.equal((await findSignInSession(db, 'c'))?.ended_at, NOW)
      assert.equal(await findBackOff(db, 'old'), undefined)
      assert.equal((await findBackOff(db, 'held'))?.failures, 9)
    },
  },
]
