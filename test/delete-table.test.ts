import assert from 'node:assert/strict'
import { cpSync, existsSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Call } from '../src/aws/client.ts'
import { sealedHolds } from '../src/jobs/plans/protection.ts'
import { PointNotFoundError } from '../src/vault/errors.ts'
import {
  editRows,
  letServerRun,
  openBeside,
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
  registerDirectory,
  removeRole,
  until,
} from './fixtures/world.ts'
import { approveHeld, sweepNow } from './fixtures/expiry.ts'
import type { World } from './fixtures/world.ts'

/**
 * The delete table: every way in which a recovery point or its bytes can go, against every mode of a vault's lock, by root, by an
 * administrator and by a user with rights of its own. What counts is what lies in the vault afterwards, read beside the server.
 */

const MODES = ['none', 'governance', 'grace', 'compliance'] as const
type Mode = (typeof MODES)[number]
type Outcome = 'gone' | 'stays'
type Expected = Readonly<Record<Mode, Outcome>>

const LOCKS = {
  none: undefined,
  governance: { MinRetentionDays: 1, MaxRetentionDays: 400 },
  grace: { MinRetentionDays: 1, MaxRetentionDays: 400, ChangeableForDays: 40 },
  compliance: { MinRetentionDays: 1, MaxRetentionDays: 400, ChangeableForDays: 3 },
} as const

const NEVER: Expected = { none: 'stays', governance: 'stays', grace: 'stays', compliance: 'stays' }
const UNLOCKED: Expected = { none: 'gone', governance: 'stays', grace: 'stays', compliance: 'stays' }
const NOT_IMMUTABLE: Expected = { none: 'gone', governance: 'gone', grace: 'gone', compliance: 'stays' }
const ALWAYS: Expected = { none: 'gone', governance: 'gone', grace: 'gone', compliance: 'gone' }

/** A recovery point and the vault it lies in. */
interface Spot {
  readonly mode: Mode
  readonly vault: string
  readonly arn: string
  readonly resource: string
  readonly pointId: string
}

const CALLERS = ['root', 'administrator', 'user'] as const
type Caller = (typeof CALLERS)[number]
/** Who has vaults of their own: each costs time. */
const WITH_VAULTS: readonly Caller[] = ['root', 'administrator']

let world: World
const callers = new Map<Caller, Call>()
const role = 'worker'
/** Vaults of their own for what changes the lock or the storage. */
const KINDS = [
  'table',
  ...WITH_VAULTS.flatMap((caller) => [`unlock-${caller}`, `relock-${caller}`]),
  'emptied',
  'pointed',
  'counted',
]
const resources: string[] = []
let made = 0

before(async () => {
  world = await openWorld()
  callers.set('root', world.call)
  const admin = await makeUser(world, 'admin', [], ['arn:aws:iam::aws:policy/AdministratorAccess'])
  callers.set('administrator', admin.call)
  callers.set('user', (await makeUser(world, 'user', [ALL_RIGHTS])).call)
  await makeRole(world, role, { statements: [ALL_RIGHTS] })
  for (let n = 0; n < CALLERS.length * MODES.length; n++) {
    const tree = await registerDirectory(world, `tree-${n}`, (path) => writeFileSync(join(path, 'a'), `${n}`))
    resources.push(tree.arn)
  }
  await Promise.all(KINDS.flatMap((kind) => MODES.map((mode) => lockedVault(kind, mode))))
  await sealingDone(world)
  await letServerRun(world, 4)
  for (const kind of KINDS)
    await sealedIn(
      world,
      `${kind}-compliance`,
      ({ record }) => (record['lock'] as { isFinal?: true }).isFinal === true,
    )
})
after(async () => await world[Symbol.asyncDispose]())

async function lockedVault(kind: string, mode: Mode): Promise<void> {
  const BackupVaultName = `${kind}-${mode}`
  await makeVault(world, BackupVaultName)
  // The vault from before its lock: to be put in its place later.
  if (kind === 'pointed')
    cpSync(directoryOf(BackupVaultName), olderCopyOf(BackupVaultName), { recursive: true })
  if (LOCKS[mode] === undefined) return
  await world.call('backup', 'PutBackupVaultLockConfiguration', { BackupVaultName, ...LOCKS[mode] })
}

function directoryOf(vault: string): string {
  const [row] = world.rows<{ storage: string }>('select storage from vault where name = ?', vault)
  return join(world.dataDir, 'vaults', (JSON.parse(row?.storage ?? '{}') as { path: string }).path)
}

const olderCopyOf = (vault: string): string => `${directoryOf(vault)}-older`

/** A fresh recovery point in the vault of each mode. */
async function points(
  kind: string = 'table',
  DeleteAfterDays: number = 100,
  roleName: string = role,
): Promise<readonly Spot[]> {
  const IamRoleArn = `arn:aws:iam::${world.accountId}:role/${roleName}`
  return await Promise.all(
    MODES.map(async (mode) => {
      const ResourceArn = resources[made++ % resources.length] as string
      const BackupVaultName = `${kind}-${mode}`
      const arn = await backUpWell(world, {
        BackupVaultName,
        ResourceArn,
        IamRoleArn,
        Lifecycle: { DeleteAfterDays },
      })
      const [row] = world.rows<{ point_id: string }>('select point_id from recovery_point where arn = ?', arn)
      return { mode, vault: BackupVaultName, arn, resource: ResourceArn, pointId: row?.point_id ?? '' }
    }),
  )
}

/** Waits until no job is left that could still delete something, and what must go is gone; then looks what is there. */
async function assertOutcomes(spots: readonly Spot[], expected: Expected, what: string): Promise<void> {
  const isThere = async ({ vault, pointId }: Spot): Promise<boolean> => {
    const opened = await openBeside(world, vault)
    return await opened.head(pointId).then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof PointNotFoundError, String(error))
        return false
      },
    )
  }
  for (const spot of spots) {
    if (expected[spot.mode] === 'gone')
      await until(`${what}: the point in ${spot.vault} to go`, async () =>
        (await isThere(spot)) ? undefined : true,
      )
  }
  await until('all jobs to end', () => {
    sweepNow(world)
    const open = world.rows(`select 1 from job where state in ('CREATED', 'PENDING', 'RUNNING', 'ABORTING')`)
    return open.length === 0 ? true : undefined
  })
  for (const spot of spots) {
    const found = (await isThere(spot)) ? 'stays' : 'gone'
    assert.equal(found, expected[spot.mode], `${what}: ${spot.mode}`)
  }
}

const statement = (spots: readonly Spot[], set: string): string =>
  `update recovery_point set ${set} where point_id in (${spots.map(({ pointId }) => `'${pointId}'`).join()})`

interface Way {
  readonly kind?: string
  readonly expect: Expected
  /** May be refused: what lies in the vault afterwards decides. */
  readonly go: (call: Call, spot: Spot, caller: Caller) => Promise<unknown>
  /** Modes in which the call itself must be refused. */
  readonly refused: readonly Mode[]
}

const ALL: readonly Mode[] = MODES
const LOCKED: readonly Mode[] = ['governance', 'grace', 'compliance']

const remove = (call: Call, { vault, arn }: Spot): Promise<unknown> =>
  call('backup', 'DeleteRecoveryPoint', { BackupVaultName: vault, RecoveryPointArn: arn })

/** What somebody can call. */
const CALLS: Readonly<Record<string, Way>> = {
  DeleteRecoveryPoint: { expect: UNLOCKED, refused: LOCKED, go: remove },
  'UpdateRecoveryPointLifecycle to a shorter retention': {
    expect: NEVER,
    refused: LOCKED,
    go: (call, { vault, arn }) =>
      call('backup', 'UpdateRecoveryPointLifecycle', {
        BackupVaultName: vault,
        RecoveryPointArn: arn,
        Lifecycle: { DeleteAfterDays: 99 },
      }),
  },
  'UpdateRecoveryPointLifecycle to a longer retention': {
    expect: NEVER,
    refused: [],
    go: (call, { vault, arn }) =>
      call('backup', 'UpdateRecoveryPointLifecycle', {
        BackupVaultName: vault,
        RecoveryPointArn: arn,
        Lifecycle: { DeleteAfterDays: 101 },
      }),
  },
  DisassociateRecoveryPoint: {
    expect: NEVER,
    refused: ALL,
    go: (call, { vault, arn }) =>
      call('backup', 'DisassociateRecoveryPoint', { BackupVaultName: vault, RecoveryPointArn: arn }),
  },
  'DeleteBackupVault of a vault that is not empty': {
    expect: NEVER,
    refused: ALL,
    go: (call, { vault }) => call('backup', 'DeleteBackupVault', { BackupVaultName: vault }),
  },
  'a repair, and the sweep behind it': {
    expect: NEVER,
    refused: [],
    go: async (call, { vault }) => {
      const IamRoleArn = `arn:aws:iam::${world.accountId}:role/${role}`
      const { JobId } = await call('roleback', 'StartRepairJob', { BackupVaultName: vault, IamRoleArn })
      assert.equal((await jobEnd(world, JobId)).State, 'COMPLETED')
      const sweep = await call('roleback', 'StartSweepJob', { BackupVaultName: vault })
      assert.equal((await jobEnd(world, sweep.JobId)).State, 'COMPLETED')
    },
  },
  'a lock without limits in the place of the lock, then DeleteRecoveryPoint': {
    kind: 'relock',
    expect: { ...UNLOCKED, none: 'stays' },
    refused: ALL,
    go: async (call, spot) => {
      await call('backup', 'PutBackupVaultLockConfiguration', { BackupVaultName: spot.vault })
      await remove(call, spot)
    },
  },
  'DeleteBackupVaultLockConfiguration, then DeleteRecoveryPoint': {
    kind: 'unlock',
    expect: NOT_IMMUTABLE,
    refused: ['compliance'],
    go: async (call, spot) => {
      await call('backup', 'DeleteBackupVaultLockConfiguration', { BackupVaultName: spot.vault })
      await remove(call, spot)
    },
  },
  'an access policy that allows everything, then DeleteRecoveryPoint': {
    expect: UNLOCKED,
    refused: LOCKED,
    go: async (call, spot) => {
      const Statement = {
        Effect: 'Allow',
        Principal: '*',
        Action: 'backup:DeleteRecoveryPoint',
        Resource: '*',
      }
      await call('backup', 'PutBackupVaultAccessPolicy', {
        BackupVaultName: spot.vault,
        Policy: JSON.stringify({ Version: '2012-10-17', Statement }),
      })
      await remove(call, spot)
    },
  },
  'CancelLegalHold, then DeleteRecoveryPoint': {
    expect: UNLOCKED,
    refused: LOCKED,
    go: async (call, spot) => {
      const { LegalHoldId = '' } = await call('backup', 'CreateLegalHold', {
        Title: 'case',
        Description: 'case',
        // Not what others delete at the same time.
        RecoveryPointSelection: { VaultNames: [spot.vault], ResourceIdentifiers: [spot.resource] },
      })
      await assert.rejects(remove(call, spot), /under legal hold/)
      await call('backup', 'CancelLegalHold', { LegalHoldId, CancelDescription: 'over' })
      await remove(call, spot)
    },
  },
  StartSweepJob: {
    expect: NEVER,
    refused: [],
    go: (call, { vault }) => call('roleback', 'StartSweepJob', { BackupVaultName: vault }),
  },
  'taking the tags away': {
    expect: NEVER,
    refused: [],
    go: (call, { arn }) => call('backup', 'UntagResource', { ResourceArn: arn, TagKeyList: ['kept'] }),
  },
  'tags in the place of the tags': {
    expect: NEVER,
    refused: [],
    go: (call, { arn }) => call('backup', 'TagResource', { ResourceArn: arn, Tags: { kept: 'no' } }),
  },
  'a copy over the point': {
    expect: NEVER,
    refused: ALL,
    go: (call, { vault, arn }) =>
      call('backup', 'StartCopyJob', {
        SourceBackupVaultName: vault,
        RecoveryPointArn: arn,
        DestinationBackupVaultArn: `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:${vault}`,
        IamRoleArn: `arn:aws:iam::${world.accountId}:role/${role}`,
        Lifecycle: { DeleteAfterDays: 1 },
      }),
  },
  'registering the vault’s storage to restore into it': {
    expect: NEVER,
    refused: ALL,
    go: (call, { vault, mode }, caller) => {
      const path = directoryOf(vault)
      return call('roleback', 'RegisterResource', {
        ResourceType: 'EFS',
        Name: `storage-${mode}-${caller}`,
        Connection: { Path: path, RestoreRoot: path },
      })
    },
  },
}

for (const [name, way] of Object.entries(CALLS)) {
  test(`R21 delete table: ${name}`, async () => {
    const by = way.kind === undefined ? CALLERS : WITH_VAULTS
    const all = await Promise.all(
      by.map(async (caller) => await points(way.kind === undefined ? 'table' : `${way.kind}-${caller}`)),
    )
    for (const [at, caller] of by.entries()) await goAll(way, all[at] as readonly Spot[], caller)
    await assertOutcomes(all.flat(), way.expect, name)
  })
}

async function goAll(way: Way, spots: readonly Spot[], caller: Caller): Promise<void> {
  await Promise.all(
    spots.map(async (spot) => {
      const outcome = await way.go(callers.get(caller) as Call, spot, caller).catch((error: unknown) => error)
      const isRefused = outcome instanceof Error
      const said = isRefused ? outcome.message : 'allowed'
      assert.equal(isRefused, way.refused.includes(spot.mode), `${spot.mode}, by ${caller}: ${said}`)
    }),
  )
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
})

test('R21 delete table: rows of the points are deleted, then a sweep', async () => {
  const spots = await points()
  await editRows(
    world,
    `delete from recovery_point where point_id in (${spots.map(({ pointId }) => `'${pointId}'`).join()})`,
  )
  for (const { vault } of spots) await world.call('roleback', 'StartSweepJob', { BackupVaultName: vault })
  await assertOutcomes(spots, UNLOCKED, 'rows deleted')
})

test('R21 delete table: rows of the points are deleted, then DeleteBackupVault', async () => {
  const spots = await points('emptied')
  const directories = spots.map(({ vault }) => directoryOf(vault))
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
      const present = directoryOf(vault)
      const older = olderCopyOf(vault)
      // The older storage gets the points, not the records: what says that the vault is locked is missing.
      for (const folder of ['points', 'data', 'meta', 'index']) {
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
