import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lockWarnings } from './plan-locks.ts'

test('lockWarnings() holds backups and copies against the lock of the vault that each goes into', () => {
  const locked = (minRetentionDays: number) => ({
    lock_configuration: JSON.stringify({ mode: 'governance', setAt: 0, minRetentionDays }),
    sealed_records: null,
  })
  const vaults = new Map([
    ['arn:here', locked(7)],
    ['arn:far', locked(30)],
  ])
  const told = (days: number | undefined, copyDays: number | undefined): number => {
    const rule = {
      RuleName: 'daily',
      TargetBackupVaultName: 'here',
      Lifecycle: { DeleteAfterDays: days },
      CopyActions: [{ DestinationBackupVaultArn: 'arn:far', Lifecycle: { DeleteAfterDays: copyDays } }],
    }
    return lockWarnings([rule], vaults, (name) => `arn:${name}`).length
  }
  assert.equal(told(7, 30), 0)
  assert.equal(told(6, 29), 2)
  assert.equal(told(30, undefined), 0, 'a copy without an end of its own has that of its source')
  assert.equal(told(7, -1), 1)
  assert.equal(told(undefined, undefined), 0)
})
