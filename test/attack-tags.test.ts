import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { awsError } from './fixtures/aws-error.ts'
import {
  ALL_RIGHTS,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
} from './fixtures/world.ts'
import { cpuMs } from './fixtures/cpu-time.ts'

/** Tags whose keys differ only in case, which condition keys cannot tell apart. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

const TOO_MANY = 'Cannot set or remove 40000 tags: the limit for one resource is 50'
const TWINS = 'only in case: policies could not tell them apart'
const deny = (Action: string | readonly string[], Condition: object): object => ({
  Effect: 'Deny',
  Action,
  Resource: '*',
  Condition,
})

test('a tag in another case does not stand before the one that a policy asks for', async () => {
  const ResourceArn = await makeVault(world, 'kept')
  await world.call('backup', 'TagResource', { ResourceArn, Tags: { Env: 'prod' } })
  const user = await makeUser(world, 'tagger', [
    ALL_RIGHTS,
    deny('backup:DeleteBackupVault', { StringEquals: { 'aws:ResourceTag/Env': 'prod' } }),
    deny(['backup:TagResource', 'backup:UntagResource'], {
      'ForAnyValue:StringEquals': { 'aws:TagKeys': 'Env' },
    }),
  ])
  const remove = () => user.call('backup', 'DeleteBackupVault', { BackupVaultName: 'kept' })
  await assert.rejects(remove(), awsError('AccessDeniedException', 'explicit deny'))
  await assert.rejects(
    user.call('backup', 'TagResource', { ResourceArn, Tags: { env: 'dev' } }),
    awsError('InvalidParameterValueException', TWINS),
  )
  const { FailedResourcesMap } = await user.call('tagging', 'TagResources', {
    ResourceARNList: [ResourceArn],
    Tags: { ENV: 'dev' },
  })
  assert.ok(FailedResourcesMap?.[ResourceArn]?.ErrorMessage?.includes(TWINS))
  await assert.rejects(remove(), awsError('AccessDeniedException', 'explicit deny'))
  // Whoever may, changes it under its own name.
  await world.call('backup', 'TagResource', { ResourceArn, Tags: { Env: 'dev', team: 'db' } })
  await remove()
})

test('no request sets two tags of which conditions see one', async () => {
  const both = { Env: 'prod', env: 'dev' }
  const twins = awsError('InvalidParameterValueException', TWINS)
  await assert.rejects(
    world.call('backup', 'CreateBackupVault', { BackupVaultName: 'both', BackupVaultTags: both }),
    twins,
  )
  const Tags = Object.entries(both).map(([Key, Value]) => ({ Key, Value }))
  await assert.rejects(
    world.call('roleback', 'RegisterResource', {
      ResourceType: 'EFS',
      Name: 'both',
      Connection: { Path: world.scratch, RestoreRoot: world.scratch },
      Tags,
    }),
    twins,
  )
  await makeVault(world, 'gold')
  const { arn } = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
  const IamRoleArn = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
  const job = { BackupVaultName: 'gold', ResourceArn: arn, IamRoleArn }
  await assert.rejects(world.call('backup', 'StartBackupJob', { ...job, RecoveryPointTags: both }), twins)

  // What is given for the recovery point goes before what its source has, in whichever case.
  await world.call('tagging', 'TagResources', { ResourceARNList: [arn], Tags: { env: 'dev', team: 'db' } })
  const ResourceArn = await backUpWell(world, { ...job, RecoveryPointTags: { Env: 'prod' } })
  const { Tags: kept = {} } = await world.call('backup', 'ListTags', { ResourceArn })
  assert.deepEqual(
    Object.fromEntries(Object.entries(kept).filter(([key]) => !key.startsWith('aws:') && key !== 'Name')),
    { Env: 'prod', team: 'db' },
  )
})

test('tens of thousands of tags in one request are refused, and keep nobody waiting', async () => {
  const BackupVaultTags = Object.fromEntries(Array.from({ length: 40_000 }, (_, i) => [`key-${i}`, '']))
  const startedAt = cpuMs()
  await assert.rejects(
    world.call('backup', 'CreateBackupVault', { BackupVaultName: 'heavy', BackupVaultTags }),
    awsError('LimitExceededException', TOO_MANY),
  )
  const ResourceArn = await makeVault(world, 'light')
  await assert.rejects(
    world.call('backup', 'TagResource', { ResourceArn, Tags: BackupVaultTags }),
    awsError('LimitExceededException', TOO_MANY),
  )
  // Of whoever may not, too: no policy is asked about them first.
  const nobody = await makeUser(world, 'nobody', [])
  const TagKeyList = Object.keys(BackupVaultTags)
  await assert.rejects(
    nobody.call('backup', 'UntagResource', { ResourceArn, TagKeyList }),
    awsError('LimitExceededException', TOO_MANY),
  )
  // Each was held against all others: a minute and a half.
  assert.ok(cpuMs() - startedAt < 10_000)
})

test('a resource or a value longer than anything has is compared by no policy, and kept in no trail', async () => {
  // At each place of a megabyte it would be looked for: minutes.
  const Resource = `arn:aws:backup:*:*:*${'a'.repeat(1_500)}?b`
  const user = await makeUser(world, 'patient', [{ Effect: 'Allow', Action: '*', Resource }])
  const startedAt = cpuMs()
  const RecoveryPointArn = `arn:aws:backup:${world.region}:${world.accountId}:recovery-point:${'a'.repeat(900_000)}`
  await assert.rejects(
    user.call('backup', 'StartRestoreJob', { RecoveryPointArn, Metadata: { a: 'b' } }),
    awsError('InvalidParameterValueException', 'its resource has 900053 characters, and an ARN 2048 at most'),
  )
  await assert.rejects(
    user.call('backup', 'CreateBackupVault', {
      BackupVaultName: 'x1',
      BackupVaultTags: { k: 'a'.repeat(5_000) },
    }),
    awsError('InvalidParameterValueException', 'aws:RequestTag/k has more than 4096 characters'),
  )
  assert.ok(cpuMs() - startedAt < 10_000)
  const [longest] = world.rows<{ length: number }>('select max(length(resource)) as length from audit')
  assert.ok((longest?.length ?? 0) <= 2_048)
})
