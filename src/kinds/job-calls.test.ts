import assert from 'node:assert/strict'
import { test } from 'node:test'
import { backupCalls, copyCalls, deletionCalls, restoreCalls } from './job-calls.ts'
import type { JobCall } from './job-calls.ts'
import { KINDS } from './kinds.ts'
import { efs } from './efs.ts'
import { rds } from './rds.ts'
import { s3 } from './s3.ts'

const facts = {
  resourceArn: 'arn:source',
  resourceTags: { team: 'storage' },
  recoveryPointArn: 'arn:point',
  backupVaultArn: 'arn:vault',
}
const restore = { ...facts, targetArn: 'arn:target', throughArn: 'arn:source', copiedTags: {} }
const items = { item: (arn: string) => `${arn}/any` }

const asked = (calls: readonly JobCall[]): readonly string[] =>
  calls.flatMap(({ step, target }) => step.arns(target).map((arn) => `${step.action} ${arn}`))

test('every step of every kind is among the calls of a job that makes its target', () => {
  for (const kind of KINDS) {
    const backup = backupCalls(kind, facts, items).map(({ step }) => step)
    assert.deepEqual(backup, Object.values(kind.backup))
    const made = restoreCalls(kind, { ...restore, isNew: true }, items).map(({ step }) => step)
    assert.deepEqual(made, Object.values(kind.restore))
  }
})

test('a restore into what exists makes nothing and deletes nothing', () => {
  for (const kind of KINDS) {
    const actions = asked(restoreCalls(kind, { ...restore, isNew: false }, items))
    assert.deepEqual(
      actions.filter((one) => /:(?:Create|Delete)/.test(one)),
      [],
    )
  }
})

test('items are asked for on one ARN that stands for all', () => {
  const objects = asked(backupCalls(s3, facts, items)).filter((one) => one.includes('/any'))
  assert.deepEqual(objects, ['s3:GetObjectTagging arn:source/any', 's3:GetObject arn:source/any'])
  const written = asked(restoreCalls(s3, { ...restore, isNew: true }, items)).filter((one) =>
    one.includes('/any'),
  )
  assert.deepEqual(written, [
    's3:PutObject arn:target/any',
    's3:PutObjectTagging arn:target/any',
    's3:GetObject arn:target/any',
  ])
})

test('another resource’s connection and copied tags are asked for first', () => {
  const plan = { ...restore, isNew: true, throughArn: 'arn:other', copiedTags: { team: 'storage' } }
  const first = (kind: typeof rds): readonly string[] => asked(restoreCalls(kind, plan, items)).slice(0, 2)
  assert.deepEqual(first(rds), [
    'rds:RestoreDBInstanceFromDBSnapshot arn:other',
    'rds:AddTagsToResource arn:target',
  ])
  assert.deepEqual(first(s3), ['s3:CreateBucket arn:other', 's3:PutBucketTagging arn:target'])
  assert.deepEqual(first(efs), [
    'elasticfilesystem:CreateFileSystem arn:other',
    'elasticfilesystem:TagResource arn:target',
  ])
  const tagging = restoreCalls(s3, plan, items)[1]
  assert.deepEqual(tagging?.target.requestTags, { team: 'storage' })
})

test('deleting asks the source’s service where it has an action for it, else Backup; copying asks both sides', () => {
  assert.deepEqual(asked(deletionCalls(rds, facts)), ['rds:DeleteDBSnapshot arn:point'])
  assert.deepEqual(asked(deletionCalls(s3, facts)), ['backup:DeleteRecoveryPoint arn:point'])
  assert.deepEqual(asked(copyCalls({ ...facts, destinationVaultArn: 'arn:far' })), [
    'backup:CopyFromBackupVault arn:point',
    'backup:CopyIntoBackupVault arn:far',
  ])
})
