import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { queueHoldAmendments } from '../../src/store/points/amendments.ts'
import type { PlanDocument } from '../../src/plans/plan.ts'
import { insertJob } from '../../src/store/jobs/jobs.ts'
import { cancelLegalHold } from '../../src/store/points/legal-holds.ts'
import { sealingDone } from '../fixtures/locks.ts'
import { allow, makeRole, makeVault, openWorld, registerDirectory } from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'
import { DAY, dueTimes, HOURLY, mustBeThere, schedulesAt } from './expected.ts'
import type { Due, ExpectedPoint, Hold } from './expected.ts'
import { simulatedServer } from './simulated-server.ts'
import type { SimulatedServer } from './simulated-server.ts'

/**
 * A plan with hourly, daily, weekly and monthly rules, copies into a locked vault, lifecycles and a legal hold, run by the server's own
 * scheduler, workers and housekeeping on the real store and on vaults in memory, by a clock that only this file moves. After each day:
 *
 * 1. no recovery point is gone that must be there (expired early), none is there that must be gone (kept late without a reason);
 * 2. the lock is what was set, and nobody took a point out of the locked vault, though one was tried each 30 days by rows that were edited;
 * 3. each run of each rule that was due is in the record once, with what became of it, and its backup and copy are there or were;
 * 4. no job failed but those that were to fail, and nothing was logged as an error but them.
 */
export interface YearOptions {
  readonly days: number
  /** The hourly rule ends after so many. */
  readonly hourlyDays: number
}

export interface YearReport {
  readonly runs: number
  readonly copies: number
  readonly deleted: number
  readonly seconds: number
}

/** What was seen of the points so far, by ARN. */
type Seen = Map<string, ExpectedPoint & { isGone: boolean }>

export async function simulateYear({ days, hourlyDays }: YearOptions): Promise<YearReport> {
  // Linux keeps this in memory: what is measured is the server, not a disk.
  if (existsSync('/dev/shm')) process.env['TMPDIR'] = '/dev/shm'
  await using world = await openWorld()
  const minute = (new Date().getUTCMinutes() + 30) % 60
  const start = Date.now()
  const hold: Hold = {
    from: start + DAY / 2,
    to: start + 5 * DAY,
    cancelledAt: start + Math.min(60, days / 2) * DAY,
  }
  const holdId = await prepare(world, minute, hold)
  let report: YearReport | undefined
  await world.offline(async () => {
    const begun = performance.now()
    await using server = await simulatedServer(world, Date.now())
    const counted = await live(world, server, { days, hourlyDays, minute, start, hold, holdId })
    report = { ...counted, seconds: (performance.now() - begun) / 1000 }
  })
  assert.ok(report)
  return report
}

/** @returns The legal hold's id. */
async function prepare(world: World, minute: number, hold: Hold): Promise<string> {
  await makeVault(world, 'plain')
  const locked = await makeVault(world, 'locked')
  await world.call('backup', 'PutBackupVaultLockConfiguration', {
    BackupVaultName: 'locked',
    MinRetentionDays: 14,
    ChangeableForDays: 3,
  })
  await sealingDone(world)
  const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'a'), 'a'))
  const role = await makeRole(world, 'planner', { statements: [allow('*')] })
  const Rules = [...schedulesAt(minute)].map(([rule, ScheduleExpression]) => ({
    RuleName: rule.name,
    TargetBackupVaultName: 'plain',
    ScheduleExpression,
    StartWindowMinutes: 60,
    Lifecycle: { DeleteAfterDays: rule.keptDays },
    ...(rule.copyDays !== undefined && {
      CopyActions: [{ DestinationBackupVaultArn: locked, Lifecycle: { DeleteAfterDays: rule.copyDays } }],
    }),
  }))
  const BackupPlan = { BackupPlanName: 'year', Rules }
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', { BackupPlan })
  await world.call('backup', 'CreateBackupSelection', {
    BackupPlanId,
    BackupSelection: { SelectionName: 'tree', IamRoleArn: role, Resources: [tree.arn] },
  })
  const { LegalHoldId = '' } = await world.call('backup', 'CreateLegalHold', {
    Title: 'a case',
    Description: 'of the year',
    RecoveryPointSelection: {
      VaultNames: ['plain'],
      DateRange: { FromDate: new Date(hold.from), ToDate: new Date(hold.to) },
    },
  })
  return LegalHoldId
}

interface Life extends YearOptions {
  readonly minute: number
  readonly start: number
  readonly hold: Hold
  readonly holdId: string
}

async function live(
  world: World,
  server: SimulatedServer,
  { days, hourlyDays, minute, start, hold, holdId }: Life,
): Promise<Omit<YearReport, 'seconds'>> {
  const due = dueTimes(start, minute, days, hourlyDays)
  const seen: Seen = new Map()
  let [isHeld, isHourly, attacks] = [true, true, 0]
  for (const [i, { at }] of due.entries()) {
    writeFileSync(join(world.scratch, 'trees', 'tree', 'a'), `state of ${new Date(at).toISOString()}`)
    if (isHourly && at >= start + hourlyDays * DAY) {
      isHourly = false
      await endRule(server, HOURLY.name)
    }
    if (isHeld && at >= hold.cancelledAt) {
      isHeld = false
      await endHold(world, server, holdId)
    }
    await server.stepTo(at + 1_000)
    const past = due.slice(0, i + 1)
    const isFirstOfSeen = await look(server, seen, past)
    assert.ok(isFirstOfSeen, `the backup of ${new Date(at).toISOString()} made no recovery point`)
    if (dayOf(due[i + 1]?.at, start) === dayOf(at, start)) continue
    if (dayOf(at, start) % 30 === 20) attacks += await attack(world, server)
    await compare(server, seen, hold)
    await checkRuns(server, past)
    await checkJobs(server, attacks)
    await checkLock(server, start)
  }
  await checkVaults(world, server)
  const all = [...seen.values()]
  return {
    runs: due.length,
    copies: all.filter(({ vault }) => vault === 'locked').length,
    deleted: all.filter(({ isGone }) => isGone).length,
  }
}

const dayOf = (at: number | undefined, start: number): number => Math.floor(((at ?? Infinity) - start) / DAY)

/** Notes what the last run made. @returns Whether its backup and copy are new among the rows. */
async function look(server: SimulatedServer, seen: Seen, due: readonly Due[]): Promise<boolean> {
  const last = due.at(-1) as Due
  const rows = await server.store.db.selectFrom('recovery_point').selectAll().execute()
  const fresh = rows.filter(({ arn }) => !seen.has(arn))
  const { copyDays } = last.rule
  const wanted = [['plain', last.rule.keptDays], ...(copyDays === undefined ? [] : [['locked', copyDays]])]
  for (const { arn, vault_name: vault, created_at, copied_at, delete_after_days } of fresh) {
    const begunAt = copied_at ?? created_at
    assert.ok(
      begunAt >= last.at && begunAt < last.at + 15 * 60_000,
      `${arn} began at ${begunAt}, due ${last.at}`,
    )
    seen.set(arn, {
      vault: vault as ExpectedPoint['vault'],
      begunAt,
      keptDays: delete_after_days ?? Infinity,
      isGone: false,
    })
  }
  const made = fresh.map((row) => [row.vault_name, row.delete_after_days])
  assert.deepEqual(
    made.map(String).sort(byText),
    wanted.map(String).sort(byText),
    `what the run of ${new Date(last.at).toISOString()} made`,
  )
  return fresh.length > 0
}

/** Holds the rows against what must be there, and what must not. */
async function compare(server: SimulatedServer, seen: Seen, hold: Hold): Promise<void> {
  const now = server.now()
  const rows = await server.store.db.selectFrom('recovery_point').selectAll().execute()
  const there = new Map(rows.map((row) => [row.arn, row]))
  for (const [arn, point] of seen) {
    if (point.isGone) continue
    const row = there.get(arn)
    const told = `${arn} of ${point.vault}, begun ${new Date(point.begunAt).toISOString()}, kept ${point.keptDays} days`
    if (mustBeThere(point, hold, now)) {
      assert.ok(row !== undefined, `expired early at ${new Date(now).toISOString()}: ${told}`)
      assert.equal(row.status, 'COMPLETED', told)
    } else {
      assert.ok(
        row === undefined,
        `kept late at ${new Date(now).toISOString()}: ${told}: ${row?.status_message}`,
      )
      point.isGone = true
    }
  }
}

/** What CancelLegalHold does, at the simulated time. */
async function endHold({ accountId, region }: World, server: SimulatedServer, holdId: string): Promise<void> {
  const now = server.now()
  const principal = { arn: `arn:aws:iam::${accountId}:root` }
  await server.store.transaction(async (tx) => {
    const caller = { accountId, region, now, principal } as Parameters<typeof queueHoldAmendments>[1]
    await queueHoldAmendments(tx, caller, { hold_id: holdId }, true)
    await cancelLegalHold(tx, holdId, { cancelled_at: now, cancel_description: 'over', retain_until: null })
  })
  await server.drain()
}

/** Rows that say that a locked point is to be deleted, written by hand; the worker must not believe them. */
async function attack({ accountId, region }: World, server: SimulatedServer): Promise<number> {
  const { db } = server.store
  const points = db.selectFrom('recovery_point').selectAll().where('vault_name', '=', 'locked')
  const victim = await points.orderBy('created_at', 'desc').executeTakeFirstOrThrow()
  await db.updateTable('recovery_point').set({ status: 'DELETING' }).where('arn', '=', victim.arn).execute()
  await insertJob(db, {
    account_id: accountId,
    region,
    job_id: randomUUID(),
    kind: 'delete-point',
    created_at: server.now(),
    caller_arn: `arn:aws:iam::${accountId}:root`,
    vault_name: 'locked',
    recovery_point_arn: victim.arn,
  })
  await server.drain()
  const row = await points.where('arn', '=', victim.arn).executeTakeFirst()
  assert.match(row?.status_message ?? '', /was not deleted: backup vault locked is locked/)
  assert.equal(row?.status, 'COMPLETED')
  return 1
}

/** The plan's rules' names by id. */
async function ruleNames({ store }: SimulatedServer): Promise<ReadonlyMap<string, string>> {
  const { document } = await store.db
    .selectFrom('backup_plan_version')
    .select('document')
    .executeTakeFirstOrThrow()
  const { Rules } = JSON.parse(document) as PlanDocument
  return new Map(Rules.map(({ RuleId, RuleName }) => [RuleId, RuleName]))
}

/** Nothing is due by it any more. */
async function endRule(server: SimulatedServer, name: string): Promise<void> {
  const [ruleId] = [...(await ruleNames(server))].find(([, one]) => one === name) ?? []
  await server.store.db
    .deleteFrom('backup_rule')
    .where('rule_id', '=', ruleId ?? '')
    .execute()
}

/** Each due run once, with what became of it. */
async function checkRuns(server: SimulatedServer, due: readonly Due[]): Promise<void> {
  const rows = await server.store.db.selectFrom('backup_plan_run').selectAll().execute()
  const names = await ruleNames(server)
  const told = rows.map((row) => `${row.due_at} ${names.get(row.rule_id)} ${row.outcome} ${row.jobs}`)
  const wanted = due.flatMap(({ at, rule, superseded }) => [
    `${at} ${rule.name} STARTED 1`,
    ...superseded.map(({ name }) => `${at} ${name} SUPERSEDED 0`),
  ])
  assert.deepEqual(told.toSorted(), wanted.toSorted())
}

async function checkJobs(server: SimulatedServer, attacks: number): Promise<void> {
  const failed = await server.store.db
    .selectFrom('job')
    .select(['kind', 'state', 'status_message'])
    .where('state', '<>', 'COMPLETED')
    .where((eb) => eb.or([eb('kind', '<>', 'sweep'), eb('state', '<>', 'CREATED')]))
    .execute()
  assert.deepEqual(
    failed.filter(({ kind }) => kind !== 'delete-point'),
    [],
  )
  assert.equal(failed.length, attacks)
  const isOfAttack = (line: string): boolean =>
    line.includes('a recovery point was to be deleted that must stay')
  assert.deepEqual(
    server.errors.filter((line) => !isOfAttack(line)),
    [],
  )
}

/** The lock is what was set, in the row as in the vault, and for good once its grace time is over and a tenth round has looked. */
async function checkLock(server: SimulatedServer, start: number): Promise<void> {
  const vault = await server.store.db
    .selectFrom('vault')
    .selectAll()
    .where('name', '=', 'locked')
    .executeTakeFirstOrThrow()
  assert.equal(vault.lock_problem, null)
  for (const text of [vault.lock_configuration, vault.sealed_records])
    assert.match(text ?? '', /"minRetentionDays":14/)
  if (server.now() > start + 14 * DAY) assert.match(vault.sealed_records ?? '', /"isFinal":true/)
}

/** Both vaults are whole to the last byte. */
async function checkVaults({ accountId, region }: World, server: SimulatedServer): Promise<void> {
  const { db } = server.store
  for (const vault_name of ['plain', 'locked'])
    await insertJob(db, {
      account_id: accountId,
      region,
      job_id: randomUUID(),
      kind: 'verify',
      created_at: server.now(),
      caller_arn: `arn:aws:iam::${accountId}:root`,
      vault_name,
      input: JSON.stringify({ readData: true }),
    })
  await server.drain()
  const verified = await db.selectFrom('job').select('state').where('kind', '=', 'verify').execute()
  assert.deepEqual(
    verified.map(({ state }) => state),
    ['COMPLETED', 'COMPLETED'],
  )
}

const byText = (one: string, other: string): number => (one < other ? -1 : 1)
