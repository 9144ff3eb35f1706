import assert from 'node:assert/strict'
import { test } from 'node:test'
import { efs } from './efs.ts'
import type { StepTarget } from './kind.ts'

const SOURCE = 'arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-1'
const NEW = 'arn:aws:elasticfilesystem:eu-west-1:111122223333:file-system/fs-2'
const POINT = 'arn:aws:backup:eu-west-1:111122223333:recovery-point:1eb3b5e7'
const VAULT = 'arn:aws:backup:eu-west-1:111122223333:backup-vault:v'
const target: StepTarget = {
  resourceArn: SOURCE,
  recoveryPointArn: POINT,
  backupVaultArn: VAULT,
  targetArn: NEW,
  requestTags: { team: 'storage' },
}

/** Every step with what it asks, as docs and policies rely on it. */
const ASKED: readonly (readonly ['backup' | 'restore', string, string, string])[] = [
  ['backup', 'DescribeBackupVault', 'backup:DescribeBackupVault', VAULT],
  ['backup', 'DescribeTags', 'elasticfilesystem:DescribeTags', SOURCE],
  ['backup', 'TagRecoveryPoint', 'backup:TagResource', POINT],
  ['backup', 'Backup', 'elasticfilesystem:Backup', SOURCE],
  ['restore', 'DescribeFileSystems', 'elasticfilesystem:DescribeFileSystems', NEW],
  ['restore', 'CreateFileSystem', 'elasticfilesystem:CreateFileSystem', NEW],
  ['restore', 'TagResource', 'elasticfilesystem:TagResource', NEW],
  ['restore', 'Restore', 'elasticfilesystem:Restore', NEW],
  ['restore', 'ClientRootAccess', 'elasticfilesystem:ClientRootAccess', NEW],
  ['restore', 'DeleteFileSystem', 'elasticfilesystem:DeleteFileSystem', NEW],
]

test('each step of a file system asks its action on its ARN', () => {
  const asked = (['backup', 'restore'] as const).flatMap((job) =>
    Object.entries(efs[job]).map(([name, step]) => [job, name, step.action, step.arns(target).join()]),
  )
  assert.deepEqual(asked, ASKED)
  for (const job of ['backup', 'restore'] as const) {
    for (const [name, step] of Object.entries(efs[job])) assert.equal(step.name, name)
  }
  assert.deepEqual(efs.remove, {})
})

test('tagging carries the tags it sets as condition keys', () => {
  const context = efs.restore['TagResource']?.context?.(target)
  assert.deepEqual(context, { 'aws:RequestTag/team': 'storage', 'aws:TagKeys': ['team'] })
})

test('ARNs of file systems and their recovery points have AWS’s forms', () => {
  const parts = { region: 'eu-west-1', accountId: '111122223333' }
  assert.equal(efs.resourceArn({ ...parts, name: 'fs-1' }), SOURCE)
  const jobId = '1EB3B5E7-9EB0-435A-A80B-108B488B0D45'
  assert.equal(
    efs.recoveryPointArn({ ...parts, jobId, name: 'fs-1', createdAt: new Date(0) }),
    'arn:aws:backup:eu-west-1:111122223333:recovery-point:1eb3b5e7-9eb0-435a-a80b-108b488b0d45',
  )
})
