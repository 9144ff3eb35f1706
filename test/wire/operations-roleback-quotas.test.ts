import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { makeTenant } from '../fixtures/tenant.ts'
import {
  ALL_RIGHTS,
  backUp,
  backUpWell,
  makeRole,
  makeVault,
  openWorld,
  registerDirectory,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/** Quotas of accounts, vaults and roles. */

let world: World
let ResourceArn: string
let path: string
const BYTES = 10_000

before(async () => {
  world = await openWorld()
  const tree = await registerDirectory(world, 'tree', (root) => {
    writeFileSync(join(root, 'a'), Buffer.alloc(BYTES, 'a'))
  })
  ResourceArn = tree.arn
  path = tree.path
})
after(async () => await world[Symbol.asyncDispose]())

const quota = (Resource: string, limits: { MaxBytes?: number; MaxJobsPerDay?: number }) =>
  world.call('roleback', 'PutQuota', { Resource, ...limits })

test('R22 byte and job quotas of account, vault and role are kept: used up refuses the call, exceeded fails the job', async () => {
  const vaultArn = await makeVault(world, 'full')
  const roleArn = await makeRole(world, 'filler', { statements: [ALL_RIGHTS] })
  const accountArn = `arn:aws:iam::${world.accountId}:root`
  const input = { BackupVaultName: 'full', ResourceArn, IamRoleArn: roleArn }
  await world.call('backup', 'PutBackupVaultLockConfiguration', {
    BackupVaultName: 'full',
    MinRetentionDays: 1,
  })
  await backUpWell(world, input)
  for (const Resource of [vaultArn, roleArn, accountArn]) {
    await quota(Resource, { MaxBytes: BYTES })
    await assert.rejects(
      world.call('backup', 'StartBackupJob', input),
      (error: Error) => error.message.includes(`the quota of ${BYTES} bytes of ${Resource} is used up`),
      Resource,
    )
    await quota(Resource, { MaxJobsPerDay: 1 })
    await assert.rejects(
      world.call('backup', 'StartBackupJob', input),
      (error: Error) => error.message.includes(`the quota of 1 jobs a day of ${Resource} is used up`),
      Resource,
    )
    // With room for some of it only, the job ends when it has read more than that.
    await quota(Resource, { MaxBytes: BYTES + 1 })
    writeFileSync(join(path, 'a'), Buffer.alloc(BYTES, Resource))
    const job = await backUp(world, input)
    assert.equal(job.State, 'FAILED', Resource)
    assert.match(
      job.StatusMessage ?? '',
      /would exceed a quota of its account, vault or role: 1 bytes were left/,
    )
    await quota(Resource, {})
  }
  assert.deepEqual((await world.call('roleback', 'ListQuotas', {})).Quotas, [])
  await backUpWell(world, input)
})

test('R22 a copy is held to the quotas of the vault it goes into, and quotas are set by the management account alone', async () => {
  await makeVault(world, 'source')
  const DestinationBackupVaultArn = await makeVault(world, 'small')
  const IamRoleArn = await makeRole(world, 'copier', { statements: [ALL_RIGHTS] })
  const RecoveryPointArn = await backUpWell(world, { BackupVaultName: 'source', ResourceArn, IamRoleArn })
  await quota(DestinationBackupVaultArn, { MaxBytes: BYTES - 1 })
  const { Quotas } = await world.call('roleback', 'ListQuotas', {})
  assert.deepEqual(Quotas, [{ Resource: DestinationBackupVaultArn, MaxBytes: BYTES - 1 }])
  const { CopyJobId = '' } = await world.call('backup', 'StartCopyJob', {
    SourceBackupVaultName: 'source',
    DestinationBackupVaultArn,
    RecoveryPointArn,
    IamRoleArn,
  })
  let job = (await world.call('backup', 'DescribeCopyJob', { CopyJobId })).CopyJob
  while (!['COMPLETED', 'FAILED'].includes(job?.State ?? ''))
    job = (await world.call('backup', 'DescribeCopyJob', { CopyJobId })).CopyJob
  assert.match(job?.StatusMessage ?? '', /^Copy job failed because it would exceed a quota/)

  const { call } = await makeTenant(world, 'tenant')
  await assert.rejects(
    call('roleback', 'PutQuota', { Resource: DestinationBackupVaultArn, MaxBytes: 1 }),
    /AccessDenied|not authorized/,
  )
  await assert.rejects(call('roleback', 'ListQuotas', {}), /for the management account of the server alone/)
  await assert.rejects(quota('arn:aws:s3:::bucket', { MaxBytes: 1 }), /cannot have a quota/)
})

test('PutJobLimits sets how many jobs may work at a time, DescribeJobLimits shows it, and no tenant does either', async () => {
  assert.deepEqual(await world.call('roleback', 'DescribeJobLimits', {}), { PerConnection: 2, PerHost: 8 })
  const Bandwidth = {
    TimeZone: 'Europe/Berlin',
    Windows: [{ FromHour: 8, ToHour: 18, BytesPerSecond: 1_000_000 }],
  }
  const set = { PerConnection: 1, PerHost: 3, PerServer: 5, Bandwidth }
  assert.deepEqual(await world.call('roleback', 'PutJobLimits', set), set)
  assert.deepEqual(await world.call('roleback', 'DescribeJobLimits', {}), set)
  await assert.rejects(world.call('roleback', 'PutJobLimits', { PerHost: 0 }), /perHost/)
  await assert.rejects(
    world.call('roleback', 'PutJobLimits', { Bandwidth: { ...Bandwidth, TimeZone: 'Nowhere' } }),
    /Cannot limit the bandwidth of jobs: "Nowhere" is no time zone/,
  )
  const { call } = await makeTenant(world, 'limited')
  await assert.rejects(
    call('roleback', 'PutJobLimits', set),
    /for the management account of the server alone/,
  )
  await assert.rejects(
    call('roleback', 'DescribeJobLimits', {}),
    /for the management account of the server alone/,
  )
  assert.deepEqual(await world.call('roleback', 'PutJobLimits', {}), { PerConnection: 2, PerHost: 8 })
})
