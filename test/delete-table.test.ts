import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import * as S3 from '@aws-sdk/client-s3'
import { callerOf } from '../src/aws/client.ts'
import type { Call } from '../src/aws/client.ts'
import { EncryptionKeys } from '../src/keyring/encryption-keys.ts'
import type { EncryptionKey } from '../src/keyring/encryption-keys.ts'
import { makeRecoveryKit } from '../src/keyring/recovery-kit.ts'
import { fromBase32, totpCode, totpStep } from '../src/lib/totp.ts'
import { sealedHolds } from '../src/jobs/plans/protection.ts'
import { PointNotFoundError } from '../src/vault/errors.ts'
import type { Vault } from '../src/vault/vault.ts'
import { verifyVault } from '../src/vault/verify/verify.ts'
import { s3ClientOf } from './fixtures/bucket.ts'
import {
  ALWAYS,
  CALLS,
  directoryOf,
  LOCKED,
  MODES,
  NEVER,
  remove,
  ROLE,
  UNLOCKED,
  vaultArn,
} from './fixtures/delete-ways.ts'
import type { Caller, Expected, Mode, Spot, Way } from './fixtures/delete-ways.ts'
import {
  DAY_MS,
  editRows,
  letServerRun,
  openBeside,
  openColdBeside,
  sealedIn,
  sealingDone,
  shiftWallClock,
} from './fixtures/locks.ts'
import {
  ALL_RIGHTS,
  backUpWell,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  REGION,
  registerDirectory,
  removeRole,
  until,
} from './fixtures/world.ts'
import { approveHeld, sweepNow } from './fixtures/expiry.ts'
import type { World } from './fixtures/world.ts'
import { rgwMissing, startRgw } from './servers/ceph-rgw.ts'
import { EVERY, nameOf } from './wire/rights-matrix.ts'

/**
 * The delete table: every way in which a recovery point or its bytes can go, against every mode of a vault's lock, by root, by an
 * administrator and by a user with rights of its own. What counts is what lies in the vault afterwards, read beside the server.
 */

const LOCKS = {
  none: undefined,
  governance: { MinRetentionDays: 1, MaxRetentionDays: 400 },
  grace: { MinRetentionDays: 1, MaxRetentionDays: 400, ChangeableForDays: 40 },
  compliance: { MinRetentionDays: 1, MaxRetentionDays: 400, ChangeableForDays: 3 },
} as const

/** A vault of compliance mode under an encryption key. */
const KEYED = { BackupVaultName: 'keyed' }
const DEPARTMENT = Buffer.alloc(32, 6).toString('base64')

const CALLERS: readonly Caller[] = ['root', 'administrator', 'user']
/** Who has vaults of their own: each costs time. */
const WITH_VAULTS: readonly Caller[] = ['root', 'administrator']

let world: World
const callers = new Map<Caller, Call>()
const coldRoot = mkdtempSync(join(tmpdir(), 'roleback-delete-table-'))
/** Vaults of their own for what changes the lock or the storage. */
const KINDS = [
  'table',
  ...WITH_VAULTS.flatMap((caller) => [`unlock-${caller}`, `relock-${caller}`]),
  'emptied',
  'pointed',
  'counted',
]
/** What is backed up, by mode and by whose recovery point it is: one job at a time works on each. */
const resources = new Map<string, string>()
/** Recovery points that every way so far had to leave in the vault: the next one is tried on them, too. */
const standing = new Map<string, Spot>()

before(async () => {
  world = await openWorld({
    serve: {
      coldRoot: [`${REGION}=${coldRoot}`],
      encryptionKey: [`department=command:/bin/echo ${DEPARTMENT}`],
    },
  })
  callers.set('root', world.call)
  const admin = await makeUser(world, 'admin', [], ['arn:aws:iam::aws:policy/AdministratorAccess'])
  callers.set('administrator', admin.call)
  callers.set('user', (await makeUser(world, 'user', [ALL_RIGHTS])).call)
  await makeRole(world, ROLE, { statements: [ALL_RIGHTS] })
  for (const whose of [...CALLERS, 'nobody'])
    for (const mode of MODES) {
      const name = `${whose}-${mode}`
      const { arn } = await registerDirectory(world, name, (path) => writeFileSync(join(path, 'a'), name))
      resources.set(name, arn)
    }
  await Promise.all(KINDS.flatMap((kind) => MODES.map((mode) => lockedVault(kind, mode))))
  for (const mode of MODES)
    await world.call('roleback', 'PutVaultColdStorage', { BackupVaultArn: vaultArn(world, `table-${mode}`) })
  const { EncryptionKey } = await world.call('roleback', 'CreateEncryptionKey', { Name: 'department' })
  await world.call('backup', 'CreateBackupVault', { ...KEYED, EncryptionKeyArn: EncryptionKey.KeyArn })
  await world.call('backup', 'PutBackupVaultLockConfiguration', { ...KEYED, ...LOCKS.compliance })
  await sealingDone(world)
  await letServerRun(world, 4)
  for (const kind of KINDS) await lockFinal(`${kind}-compliance`)
  const source = { kind: 'command', program: '/bin/echo', args: [DEPARTMENT] } as const
  const keys = new EncryptionKeys(new Map([['department', source]]), Date.now)
  await lockFinal(KEYED.BackupVaultName, await keys.load('department'))
})
after(async () => {
  await world[Symbol.asyncDispose]()
  rmSync(coldRoot, { recursive: true, force: true })
})

async function lockedVault(kind: string, mode: Mode): Promise<void> {
  const BackupVaultName = `${kind}-${mode}`
  await makeVault(world, BackupVaultName)
  // The vault from before its lock: to be put in its place later.
  if (kind === 'pointed')
    cpSync(directoryOf(world, BackupVaultName), olderCopyOf(BackupVaultName), { recursive: true })
  if (LOCKS[mode] === undefined) return
  await world.call('backup', 'PutBackupVaultLockConfiguration', { BackupVaultName, ...LOCKS[mode] })
}

async function lockFinal(vault: string, under?: EncryptionKey): Promise<void> {
  await sealedIn(world, vault, ({ record }) => (record['lock'] as { isFinal?: true }).isFinal === true, under)
}

const olderCopyOf = (vault: string): string => `${directoryOf(world, vault)}-older`

async function point(
  kind: string,
  mode: Mode,
  { whose = 'nobody', days = 100, role = ROLE }: { whose?: string; days?: number; role?: string } = {},
): Promise<Spot> {
  const vault = `${kind}-${mode}`
  const resource = resources.get(`${whose}-${mode}`) ?? ''
  const arn = await backUpWell(world, {
    BackupVaultName: vault,
    ResourceArn: resource,
    IamRoleArn: `arn:aws:iam::${world.accountId}:role/${role}`,
    Lifecycle: { DeleteAfterDays: days },
  })
  const [row] = world.rows<{ point_id: string }>('select point_id from recovery_point where arn = ?', arn)
  return { mode, vault, arn, resource, pointId: row?.point_id ?? '' }
}

/** A fresh recovery point in the vault of each mode. */
async function points(
  kind: string = 'table',
  days: number = 100,
  role: string = ROLE,
): Promise<readonly Spot[]> {
  return await Promise.all(MODES.map((mode) => point(kind, mode, { days, role })))
}

/** Waits until no job is left that could still delete something, and what must go is gone; then looks what is there. */
async function assertOutcomes(
  spots: readonly Spot[],
  expected: Expected,
  what: string,
  isThere: (spot: Spot) => Promise<boolean> = isInVault,
): Promise<void> {
  for (const spot of spots) {
    if (expected[spot.mode] === 'gone')
      await until(`${what}: the point in ${spot.vault} to go`, async () =>
        (await isThere(spot)) ? undefined : true,
      )
  }
  await until('all jobs to end', async () => {
    await sweepNow(world)
    const open = world.rows(`select 1 from job where state in ('CREATED', 'PENDING', 'RUNNING', 'ABORTING')`)
    return open.length === 0 ? true : undefined
  })
  for (const spot of spots) {
    const found = (await isThere(spot)) ? 'stays' : 'gone'
    assert.equal(found, expected[spot.mode], `${what}: ${spot.mode}`)
  }
}

const isInVault = async ({ vault, pointId }: Spot): Promise<boolean> =>
  await holds(await openBeside(world, vault), pointId)

async function holds(opened: Vault, pointId: string): Promise<boolean> {
  return await opened.head(pointId).then(
    () => true,
    (error: unknown) => {
      assert.ok(error instanceof PointNotFoundError, String(error))
      return false
    },
  )
}

const among = (spots: readonly Spot[]): string =>
  `point_id in (${spots.map(({ pointId }) => `'${pointId}'`).join()})`
const statement = (spots: readonly Spot[], set: string): string =>
  `update recovery_point set ${set} where ${among(spots)}`
/** What waits for its next try. */
const TRIES_NOW = `update job set run_at = 0 where state = 'CREATED'`
const deletion = (spots: readonly Spot[]): string => `delete from recovery_point where ${among(spots)}`

for (const [name, way] of Object.entries(CALLS)) {
  test(`R21 delete table: ${name}`, async () => {
    const by = way.kind === undefined ? CALLERS : WITH_VAULTS
    const all = await Promise.all(
      by.map(async (caller) => await standingPoints(caller, way.kind && `${way.kind}-${caller}`)),
    )
    for (const [at, caller] of by.entries()) await goAll(way, all[at] as readonly Spot[], caller)
    await assertOutcomes(all.flat(), way.expect, name)
    for (const [at, caller] of by.entries())
      for (const spot of all[at] as readonly Spot[])
        if (way.expect[spot.mode] === 'stays') standing.set(`${caller} ${spot.vault}`, spot)
  })
}

/** One in the vault of each mode: what stood the ways before, which are not tried on any other until this one is over, or a fresh one. */
async function standingPoints(caller: Caller, kind: string = 'table'): Promise<readonly Spot[]> {
  return await Promise.all(
    MODES.map(async (mode) => {
      const key = `${caller} ${kind}-${mode}`
      const spot = standing.get(key)
      standing.delete(key)
      return spot ?? (await point(kind, mode, { whose: caller }))
    }),
  )
}

async function goAll(way: Way, spots: readonly Spot[], caller: Caller): Promise<void> {
  const by = { world, call: callers.get(caller) as Call, caller }
  await Promise.all(
    spots.map(async (spot) => {
      const outcome = await way.go(by, spot).catch((error: unknown) => error)
      const isRefused = outcome instanceof Error
      const said = isRefused ? outcome.message : 'allowed'
      assert.equal(isRefused, way.refused.includes(spot.mode), `${spot.mode}, by ${caller}: ${said}`)
    }),
  )
}

/** There is none: whoever adds one says here what becomes of the account's vaults. */
test('R21 delete table: no operation deletes an account', () => {
  const operations = EVERY.map(([model, operation]) => nameOf(model, operation))
  assert.ok(operations.includes('roleback:CreateAccount'))
  assert.deepEqual(
    operations.filter((name) => /:(?:Delete|Close|Remove|Purge)Accounts?$/.test(name)),
    [],
  )
})

test('R21 delete table: IssueRecoveryKit, the next keys of all vaults, and DeleteEncryptionKey of a locked vault’s', async () => {
  const spots = await points()
  const under = await backUpWell(world, {
    ...KEYED,
    ResourceArn: resources.get('nobody-compliance') ?? '',
    IamRoleArn: `arn:aws:iam::${world.accountId}:role/${ROLE}`,
    Lifecycle: { DeleteAfterDays: 100 },
  })
  const { publicKey: PublicKey } = makeRecoveryKit('not used', { cost: 1024 })
  for (const call of callers.values()) {
    await assert.rejects(call('roleback', 'IssueRecoveryKit', { PublicKey }), /MFA/i)
    await assert.rejects(
      call('roleback', 'DeleteEncryptionKey', { Name: 'department' }),
      /backup-vault:keyed/,
    )
  }
  const call = await withMfa('user')
  const { JobIds } = await call('roleback', 'IssueRecoveryKit', { PublicKey })
  for (const jobId of JobIds) assert.equal((await jobEnd(world, jobId)).State, 'COMPLETED')
  // What was written under the keys before is read with those of now.
  const { JobId } = await world.call('roleback', 'StartVerifyJob', KEYED)
  assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')
  const { Status } = await world.call('backup', 'DescribeRecoveryPoint', {
    ...KEYED,
    RecoveryPointArn: under,
  })
  assert.equal(Status, 'COMPLETED')
  await assertOutcomes(spots, NEVER, 'next keys')
})

/** The calls of a user who shows a second factor. */
async function withMfa(UserName: 'user'): Promise<Call> {
  const device = await world.call('iam', 'CreateVirtualMFADevice', { VirtualMFADeviceName: UserName })
  const { SerialNumber, Base32StringSeed } = device.VirtualMFADevice
  const seed = fromBase32(Buffer.from(Base32StringSeed ?? new Uint8Array()).toString())
  const step = totpStep(Date.now())
  await world.call('iam', 'EnableMFADevice', {
    UserName,
    SerialNumber,
    AuthenticationCode1: totpCode(seed, step - 1),
    AuthenticationCode2: totpCode(seed, step),
  })
  const { Credentials: given = assert.fail('no session') } = await (callers.get(UserName) as Call)(
    'sts',
    'GetSessionToken',
    { SerialNumber, TokenCode: totpCode(seed, step + 1) },
  )
  const { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken } = given
  return callerOf(world.url, { accessKeyId, secretAccessKey, sessionToken }, world.region)
}

test('R21 delete table: retention counts that keep the newest, set and approved by who may', async () => {
  const sets = [await points('counted'), await points('counted'), await points('counted')]
  const [first] = sets[0] as readonly Spot[]
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'counted',
      Rules: [{ RuleName: 'daily', TargetBackupVaultName: first?.vault ?? '' }],
    },
  })
  for (const call of callers.values())
    await call('roleback', 'PutRetentionCounts', { BackupPlanId, RuleName: 'daily', KeepLast: 1 })
  const [one] = world.rows<{ resource_arn: string; resource_unique_id: string }>(
    'select resource_arn, resource_unique_id from recovery_point where arn = ?',
    first?.arn ?? '',
  )
  const ofRule = `plan_id = '${BackupPlanId}', created_by = '{"BackupRuleName":"daily"}',
    resource_arn = '${one?.resource_arn}', resource_unique_id = '${one?.resource_unique_id}'`
  await editRows(world, ...sets.map((spots) => statement(spots, ofRule)))
  const older = sets.slice(0, 2).flat()
  await until('the older points to be held', () => {
    const held = world.rows(`select 1 from held_deletion where vault_name like 'counted-%'`)
    return held.length === older.length ? true : undefined
  })
  await approveHeld(world, callers.get('administrator'))
  await assertOutcomes(older, UNLOCKED, 'not counted')
  await assertOutcomes(sets[2] as readonly Spot[], NEVER, 'counted')
  for (const { arn, mode } of older) {
    if (mode === 'none') continue
    await until(`the point in ${mode} to say why it stays`, () => {
      const [row] = world.rows<{ status_message: string | null }>(
        'select status_message from recovery_point where arn = ?',
        arn,
      )
      return /no retention count .* is locked in .* mode, and the retention of .* is not over/.test(
        row?.status_message ?? '',
      )
        ? true
        : undefined
    })
  }
})

test('R21 delete table: expiry by a row whose date was edited', async () => {
  const spots = await points()
  await editRows(world, statement(spots, 'delete_at = 1, delete_after_days = 1'))
  await assertOutcomes(spots, UNLOCKED, 'edited date')
})

test('R21 delete table: the role that made the points is deleted, and their dates are edited', async () => {
  await makeRole(world, 'leaver', { statements: [ALL_RIGHTS] })
  const spots = await points('table', 100, 'leaver')
  await removeRole(world, 'leaver')
  await editRows(world, statement(spots, 'delete_at = 1'))
  await assertOutcomes(spots, UNLOCKED, 'role deleted')
})

test('R21 delete table: rows of the lock are emptied, then DeleteRecoveryPoint', async () => {
  const spots = await points()
  await editRows(world, 'update vault set lock_configuration = null, sealed_records = null')
  for (const spot of spots) await remove(world.call, spot).catch(() => undefined)
  await assertOutcomes(spots, UNLOCKED, 'lock rows emptied')
  for (const mode of LOCKED) {
    await until('the row to be put right', async () => {
      const { Locked } = await world.call('backup', 'DescribeBackupVault', {
        BackupVaultName: `table-${mode}`,
      })
      return Locked === true ? true : undefined
    })
  }
  assert.ok(
    world.lines.some((line) => line.includes('the stricter counts') && line.includes('table-compliance')),
    'the difference is told',
  )
})

test('R21 delete table: a deletion that is written into the rows by hand', async () => {
  const spots = await points()
  const jobs = spots.map(
    ({
      vault,
      arn,
      pointId,
    }) => `insert into job (account_id, region, job_id, kind, state, created_at, run_at, vault_name,
      recovery_point_arn, caller_arn, input, result, bytes_done, items_done, items_failed, fence, attempts, cancel_requested)
      values ('${world.accountId}', '${world.region}', 'forged-${pointId}', 'delete-point', 'CREATED', 1, 1, '${vault}',
      '${arn}', 'backup.amazonaws.com', '{}', '{}', 0, 0, 0, 0, 0, 0)`,
  )
  await editRows(world, statement(spots, `status = 'DELETING'`), ...jobs)
  await assertOutcomes(spots, UNLOCKED, 'forged deletion')
  for (const { mode, arn } of spots) {
    if (mode === 'none') continue
    const [row] = world.rows<{ status: string; status_message: string }>(
      'select status, status_message from recovery_point where arn = ?',
      arn,
    )
    assert.equal(row?.status, 'COMPLETED')
    assert.match(row.status_message, /was not deleted: backup vault table-\w+ is locked/)
  }
})

test('R21 delete table: a legal hold whose row is edited keeps its points in every mode', async () => {
  const spots = await points()
  const { LegalHoldId = '' } = await world.call('backup', 'CreateLegalHold', {
    Title: 'case 4711',
    Description: 'case',
    RecoveryPointSelection: { VaultNames: spots.map(({ vault }) => vault) },
  })
  const ended = `update legal_hold set status = 'CANCELED' where hold_id = '${LegalHoldId}'`
  for (const { vault, pointId } of spots) {
    const opened = await openBeside(world, vault)
    await until('the hold to be sealed', async () => sealedHolds(await opened.head(pointId))[0])
  }
  await editRows(world, ended, statement(spots, 'delete_at = 1'))
  // A change of tags seals the point's state anew.
  for (const { arn } of spots)
    await world.call('backup', 'TagResource', { ResourceArn: arn, Tags: { kept: 'yes' } })
  for (const spot of spots) await remove(world.call, spot).catch(() => undefined)
  await assertOutcomes(spots, NEVER, 'hold edited')
  const [row] = world.rows<{ status_message: string }>(
    'select status_message from recovery_point where point_id = ?',
    spots[0]?.pointId ?? '',
  )
  assert.match(row?.status_message ?? '', /under legal hold "case 4711" \(.*\), which is sealed in the vault/)
  await editRows(world, deletion(spots))
  for (const { vault } of spots) await world.call('roleback', 'StartSweepJob', { BackupVaultName: vault })
  await assertOutcomes(spots, NEVER, 'hold edited, and the rows of what it holds deleted')
})

test('R21 delete table: rows of the points are deleted, then a sweep', async () => {
  const spots = await points()
  await editRows(world, deletion(spots))
  for (const { vault } of spots) await world.call('roleback', 'StartSweepJob', { BackupVaultName: vault })
  await assertOutcomes(spots, UNLOCKED, 'rows deleted')
})

test('R21 delete table: rows of the points are deleted, then DeleteBackupVault', async () => {
  const spots = await points('emptied')
  const directories = spots.map(({ vault }) => directoryOf(world, vault))
  await editRows(world, `delete from recovery_point where vault_name like 'emptied-%'`)
  for (const { vault } of spots)
    await until(
      `${vault} to be free`,
      async () =>
        await world.call('backup', 'DeleteBackupVault', { BackupVaultName: vault }).then(
          () => true,
          () => undefined,
        ),
    )
  await until('the jobs to end', () => {
    const open = world.rows(
      `select 1 from job where kind = 'delete-vault' and state in ('CREATED', 'RUNNING')`,
    )
    return open.length === 0 ? true : undefined
  })
  assert.deepEqual(
    directories.map((directory, at) => [
      MODES[at],
      existsSync(join(directory, 'points', spots[at]?.pointId ?? '', 'head')),
    ]),
    [
      ['none', false],
      ['governance', true],
      ['grace', true],
      ['compliance', true],
    ],
  )
})

test('R21 delete table: the storage is put back to before the lock, rows and all, then DeleteRecoveryPoint', async () => {
  const spots = await points('pointed')
  await world.offline(() => {
    for (const { vault } of spots) {
      const present = directoryOf(world, vault)
      const older = olderCopyOf(vault)
      // The older storage gets the points and their keys, not the records: what says that the vault is locked is missing.
      for (const folder of ['points', 'data', 'meta', 'index', 'keys']) {
        rmSync(join(older, folder), { recursive: true, force: true })
        cpSync(join(present, folder), join(older, folder), { recursive: true })
      }
      renameSync(present, `${present}-put-away`)
      renameSync(older, present)
    }
    return Promise.resolve()
  })
  await editRows(
    world,
    `update vault set lock_configuration = null, sealed_records = null where name like 'pointed-%'`,
  )
  for (const spot of spots) await remove(world.call, spot).catch(() => undefined)
  await assertOutcomes(spots, UNLOCKED, 'storage put back')
})

test('R21 delete table: recovery points are moved to cold storage, whose row is edited, then DeleteRecoveryPoint', async () => {
  const spots = await points()
  for (const { vault, arn } of spots)
    await world.call('backup', 'UpdateRecoveryPointLifecycle', {
      BackupVaultName: vault,
      RecoveryPointArn: arn,
      Lifecycle: { MoveToColdStorageAfterDays: 1, DeleteAfterDays: 120 },
    })
  await editRows(world, statement(spots, `created_at = created_at - ${2 * DAY_MS}`))
  await until('the points to be cold', () => {
    const moved = world.rows(
      `select 1 from recovery_point where moved_to_cold_at is not null and ${among(spots)}`,
    )
    return moved.length === spots.length ? true : undefined
  })
  await assertOutcomes(spots, ALWAYS, 'out of the first store')
  const isCold = async ({ vault, pointId }: Spot): Promise<boolean> =>
    await holds(await openColdBeside(world, vault, coldRoot), pointId)
  await assertOutcomes(spots, NEVER, 'moved', isCold)

  const locked = spots.filter(({ mode }) => LOCKED.includes(mode))
  const names = locked.map(({ vault }) => `'${vault}'`).join()
  const places = world.rows<{ name: string; cold_storage: string }>(
    `select name, cold_storage from vault where name in (${names})`,
  )
  await editRows(
    world,
    `update vault set lock_configuration = null, sealed_records = null, cold_storage = null where name in (${names})`,
    statement(locked, 'delete_at = 1'),
  )
  for (const spot of locked) {
    await remove(world.call, spot).catch(() => undefined)
    await world.call('roleback', 'StartSweepJob', { BackupVaultName: spot.vault })
  }
  await until('the deletions to be tried in vain', () => {
    const tried = `select 1 from job where kind = 'delete-point' and state = 'CREATED' and attempts > 0`
    return world.rows(tried).length === locked.length ? true : undefined
  })
  for (const spot of locked) assert.ok(await isCold(spot), `cold storage forgotten: ${spot.mode}`)
  await editRows(
    world,
    ...places.map(
      ({ name, cold_storage: place }) => `update vault set cold_storage = '${place}' where name = '${name}'`,
    ),
    TRIES_NOW,
  )
  await assertOutcomes(locked, NEVER, 'cold storage known again', isCold)
  // Away for a while, it holds a deletion up and no more.
  renameSync(coldRoot, `${coldRoot}-away`)
  for (const spot of spots) await remove(world.call, spot).catch(() => undefined)
  await until('the deletion to say why it waits', () => {
    const waiting = `select 1 from recovery_point where status_message like 'Not deleted yet: The cold storage of %'`
    return world.rows(waiting).length === 1 ? true : undefined
  })
  renameSync(`${coldRoot}-away`, coldRoot)
  await editRows(world, TRIES_NOW)
  await assertOutcomes(spots, UNLOCKED, 'cold', isCold)
  for (const { vault } of locked) {
    const { problems } = await verifyVault(await openColdBeside(world, vault, coldRoot), { readData: true })
    assert.deepEqual(problems, [], vault)
  }
})

test('R21 delete table: a clock set forward expires points of vaults without a lock only, even with the running time lost', async () => {
  const spots = await points('table', 1)
  for (const spoil of [[], ['delete from running_time'], [`update running_time set sealed = 'AAAA'`]]) {
    const later = shiftWallClock(20)
    try {
      await editRows(world, ...spoil)
      await assertOutcomes(spots, UNLOCKED, `clock forward, ${spoil.join() || 'rows as they were'}`)
    } finally {
      later[Symbol.dispose]()
    }
  }
  // By the right clock they are what they were.
  await editRows(world)
  await until('the points to be what they were', () => {
    const open = world.rows(
      `select 1 from recovery_point where status = 'EXPIRED' and delete_at > ?`,
      Date.now(),
    )
    return open.length === 0 ? true : undefined
  })
})

test('R21 delete table: a clock set back keeps points whose retention the server has served', async () => {
  const spots = await points('table', 2)
  const earlier = shiftWallClock(-30)
  try {
    await letServerRun(world, 3)
    await assertOutcomes(spots, NEVER, 'clock back')
  } finally {
    earlier[Symbol.dispose]()
  }
})

test('R21 delete table: retention that is over by wall clock and running time ends in every mode', async () => {
  const spots = await points('table', 2)
  const later = shiftWallClock(3)
  try {
    await letServerRun(world, 3)
    await until('their retention to end', () => {
      const kept = world.rows(`select 1 from recovery_point where status = 'COMPLETED' and ${among(spots)}`)
      return kept.length === 0 ? true : undefined
    })
    // The last of a resource, and more of a vault at once than a share, wait for that.
    await approveHeld(world)
    await assertOutcomes(spots, ALWAYS, 'retention over')
  } finally {
    later[Symbol.dispose]()
  }
})

test('R21 delete table: the database is lost and made again without locks, jobs and running time, and the clock is ahead', async () => {
  const spots = await points()
  const later = shiftWallClock(400)
  try {
    await editRows(
      world,
      'update vault set lock_configuration = null, sealed_records = null, lock_problem = null',
      'delete from running_time',
      'delete from job',
      statement(spots, 'delete_at = 1, delete_after_days = 1, created_at = 1'),
    )
    await assertOutcomes(spots, UNLOCKED, 'database lost')
  } finally {
    later[Symbol.dispose]()
  }
})

test(
  'R21 delete table: a storage that vaults lie in is pointed elsewhere or deleted',
  { skip: rgwMissing() },
  async () => {
    const rgw = await startRgw({ dir: join(coldRoot, 'rgw') })
    const client = s3ClientOf(rgw)
    try {
      for (const Bucket of ['here', 'elsewhere']) await client.send(new S3.CreateBucketCommand({ Bucket }))
      const far = (Location: string) => ({
        Name: 'far',
        Location,
        Endpoint: rgw.endpoint,
        AccessKeyId: rgw.accessKeyId,
        Secret: rgw.secretAccessKey,
        NewVaults: { AccountId: world.accountId, Region: world.region },
      })
      await world.call('roleback', 'PutStorage', far('s3://here/a'))
      // The clock was far ahead when some were put off.
      await editRows(world, TRIES_NOW)
      await Promise.all(MODES.map((mode) => lockedVault('far', mode)))
      await sealingDone(world)
      await letServerRun(world, 4)
      await until('the lock to be final', () => {
        const [row] = world.rows<{ sealed_records: string }>(
          `select sealed_records from vault where name = 'far-compliance'`,
        )
        return row?.sealed_records.includes('"isFinal":true') === true ? true : undefined
      })
      const spots = await points('far')
      const isInBucket = async ({ pointId }: Spot): Promise<boolean> => {
        const { Contents = [] } = await client.send(
          new S3.ListObjectsV2Command({ Bucket: 'here', Prefix: 'a/' }),
        )
        return Contents.some(({ Key = '' }) => Key.endsWith(`/points/${pointId}/head`))
      }
      for (const call of callers.values()) {
        for (const place of ['s3://elsewhere/a', 's3://here/b'])
          await assert.rejects(
            call('roleback', 'PutStorage', far(place)),
            /pointed elsewhere: 4 vaults lie in it/,
          )
        await assert.rejects(call('roleback', 'DeleteStorage', { Name: 'far' }), /4 vaults lie in it/)
        // Those of what is cold: it lies in a directory.
        for (const mode of MODES)
          await assert.rejects(
            call('roleback', 'PutVaultColdStorage', {
              BackupVaultArn: vaultArn(world, `table-${mode}`),
              Storage: 'far',
            }),
            /cannot be changed: recovery points were moved to it/,
          )
      }
      await assertOutcomes(spots, NEVER, 'asked', isInBucket)
      const locked = spots.filter(({ mode }) => LOCKED.includes(mode))
      const point = (from: string, to: string): string =>
        `update storage set settings = replace(settings, '"bucket":"${from}"', '"bucket":"${to}"') where name = 'far'`
      await editRows(
        world,
        point('here', 'elsewhere'),
        `update vault set lock_configuration = null, sealed_records = null where name like 'far-%'`,
      )
      for (const spot of locked) {
        await remove(world.call, spot).catch(() => undefined)
        await world.call('roleback', 'StartSweepJob', { BackupVaultName: spot.vault })
      }
      await editRows(world, point('elsewhere', 'here'), TRIES_NOW)
      for (const spot of spots) await remove(world.call, spot).catch(() => undefined)
      await assertOutcomes(spots, UNLOCKED, 'pointed elsewhere by hand', isInBucket)
    } finally {
      client.destroy()
      await rgw.stop()
    }
  },
)
