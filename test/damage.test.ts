import assert from 'node:assert/strict'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { backUpWell, jobEnd, makeRole, makeVault, openWorld, registerDirectory } from './fixtures/world.ts'
import type { World } from './fixtures/world.ts'

/** Damage in the storage of a vault, as people hear of it. */

const BackupVaultName = 'rotting'
const RIGHTS = ['AWSBackupServiceRolePolicyForBackup']

let world: World
let role: string

before(async () => {
  world = await openWorld()
  role = await makeRole(world, 'backer', { managed: RIGHTS })
  await makeVault(world, BackupVaultName)
})
after(async () => await world[Symbol.asyncDispose]())

const nameOf = (arn: string): string => arn.split('/').at(-1) ?? ''

/** Packs of content in the vault, by path. */
const packs = (): string[] => files(/\/data\/..\/[0-9a-f]{64}$/)
const heads = (): string[] => files(/\/points\/[^/]+\/head$/)

function files(pattern: RegExp): string[] {
  const root = join(world.dataDir, 'vaults')
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => pattern.test(file))
    .map((file) => join(root, file))
}

async function backedUp(name: string, file: string): Promise<{ arn: string; point: string; pack: string }> {
  const known = new Set(packs())
  const { arn } = await registerDirectory(world, name, (path) =>
    writeFileSync(join(path, file), `the content of ${name} `.repeat(200)),
  )
  const point = await backUpWell(world, { BackupVaultName, ResourceArn: arn, IamRoleArn: role })
  return { arn, point, pack: packs().find((pack) => !known.has(pack)) ?? assert.fail('no pack came') }
}

test('a verify names the recovery points, resources and files that damage hits, and no others', async () => {
  const hit = await backedUp('letters', 'love.txt')
  const whole = await backedUp('ledgers', 'debts.txt')
  const bytes = readFileSync(hit.pack)
  // Behind the seed: in its one segment.
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(hit.pack, bytes)

  const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
  const job = await jobEnd(world, JobId)
  assert.equal(job.State, 'FAILED')
  const message = job.StatusMessage ?? ''
  assert.match(message, /^Verify found damage in backup vault rotting: /)
  assert.ok(message.includes(`${hit.point} of ${nameOf(hit.arn)} (1 item, /love.txt)`), message)
  assert.ok(message.includes('All others are whole'))
  assert.ok(!message.includes(whole.point))
  const damage = JSON.parse(job.Result?.['damage'] ?? '[]') as unknown
  assert.deepEqual(damage, [
    {
      recoveryPointArn: hit.point,
      resourceArn: hit.arn,
      resourceName: nameOf(hit.arn),
      itemCount: 1,
      items: ['/love.txt'],
      isListHurt: false,
    },
  ])
})

test('the backup after a verify stores again what had rotted, and heals the recovery point before it', async () => {
  const hit = await backedUp('diaries', 'secrets.txt')
  const bytes = readFileSync(hit.pack)
  bytes[40] = (bytes[40] ?? 0) ^ 1
  writeFileSync(hit.pack, bytes)
  const { JobId } = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: true })
  assert.ok((await jobEnd(world, JobId)).StatusMessage?.includes(hit.point))

  await backUpWell(world, { BackupVaultName, ResourceArn: hit.arn, IamRoleArn: role })
  const again = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: false })
  const { StatusMessage = '' } = await jobEnd(world, again.JobId)
  assert.ok(!StatusMessage.includes(hit.point), StatusMessage)
  const sweep = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
  assert.match((await jobEnd(world, sweep.JobId)).StatusMessage ?? '', /^Freed /)
  assert.ok(!packs().includes(hit.pack), 'the rotten pack is gone')
})

test('a recovery point whose head is gone from the storage is told by a verify, and no sweep frees what it held', async () => {
  const knownHeads = new Set(heads())
  const hit = await backedUp('maps', 'treasure.txt')
  const head = heads().find((file) => !knownHeads.has(file)) ?? assert.fail('no head came')
  const bytes = readFileSync(head)
  rmSync(head)
  const verify = await world.call('roleback', 'StartVerifyJob', { BackupVaultName, ReadData: false })
  const found = await jobEnd(world, verify.JobId)
  assert.equal(found.State, 'FAILED')
  assert.match(found.StatusMessage ?? '', new RegExp(hit.point))
  const sweep = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
  const swept = await jobEnd(world, sweep.JobId)
  assert.equal(swept.State, 'FAILED')
  assert.match(swept.StatusMessage ?? '', new RegExp(hit.point))
  assert.ok(packs().includes(hit.pack))

  writeFileSync(head, bytes)
  const again = await world.call('roleback', 'StartSweepJob', { BackupVaultName })
  assert.equal((await jobEnd(world, again.JobId)).State, 'COMPLETED')
  assert.ok(packs().includes(hit.pack))
})
