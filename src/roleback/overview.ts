import { setImmediate } from 'node:timers/promises'
import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { DescribeOverviewInput, DescribeOverviewOutput, OverviewDay } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { OneByOne } from '../lib/one-by-one.ts'
import { countBackupJobs, countRestoreTests, countRunning, countSaid } from '../store/points/overview.ts'
import { countProtection, countRestored } from '../store/points/protection.ts'
import type { JobState } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { allowedAges, countOverdue, filterOf } from './allowed-ages.ts'
import { firstStepsOf } from './first-steps.ts'

/**
 * How an account stands in a region, in numbers: exact, however much there is. Where counting takes long its numbers are answered again for
 * ten times as long, and said not to be current: it takes a tenth of the server's time at most.
 */

const DAY = 86_400_000
/** For so many times of what counting used of the processor beyond a quarter of a second its numbers are good enough. */
const KEPT_FOR = 10
const FREE_MS = 250
/** Accounts and regions whose numbers are kept, those asked for lately. */
const MAX_KEPT = 100
/** Restore tests of so many days. */
const TESTS_DAYS = 30
/** What a person stopped did not fail. */
const BAD: readonly JobState[] = ['FAILED', 'EXPIRED']

type Counted = Omit<DescribeOverviewOutput, 'IsCurrent' | 'FirstSteps'>

interface Kept {
  /** While it is counted, and afterwards. */
  readonly counted: Promise<Counted>
  /** Milliseconds since the process began. */
  goodUntil: number
}

/** Of an account and region one counting at a time: each choice of days is another, and could be asked for without end. */
const countings = new OneByOne()
const keptOf = new WeakMap<Store, Map<string, Kept>>()

export async function describeOverview(
  ctx: Context,
  input: DescribeOverviewInput,
): Promise<DescribeOverviewOutput> {
  return { ...(await countedLately(ctx, input)), FirstSteps: await firstStepsOf(ctx) }
}

async function countedLately(
  ctx: Context,
  input: DescribeOverviewInput,
): Promise<Omit<DescribeOverviewOutput, 'FirstSteps'>> {
  const starts = (input.DayStarts ?? []).map((at) => at.getTime())
  if (starts.some((at, index) => index > 0 && at <= (starts[index - 1] ?? 0)))
    throw new InvalidParameterValueException('DayStarts must be in ascending order', { Context: 'DayStarts' })
  const kept = keptOf.get(ctx.store) ?? new Map<string, Kept>()
  keptOf.set(ctx.store, kept)
  const place = `${ctx.accountId} ${ctx.region}`
  const key = [place, ...starts].join(' ')
  const last = kept.get(key)
  if (last !== undefined && performance.now() < last.goodUntil)
    return { ...(await last.counted), IsCurrent: false }
  const before = process.cpuUsage()
  const next: Kept = { counted: countings.run(place, () => count(ctx, starts)), goodUntil: Infinity }
  kept.delete(key)
  kept.set(key, next)
  for (const oldest of kept.keys()) if (kept.size > MAX_KEPT) kept.delete(oldest)
  try {
    const counted = await next.counted
    // Not the time that passed: others on the machine, or waiting for the database, are no reason to answer with old numbers.
    const { user, system } = process.cpuUsage(before)
    next.goodUntil = performance.now() + KEPT_FOR * Math.max(0, (user + system) / 1000 - FREE_MS)
    return { ...counted, IsCurrent: true }
  } catch (error) {
    kept.delete(key)
    throw error
  }
}

async function count(ctx: Context, starts: readonly number[]): Promise<Counted> {
  const { db } = ctx.store
  const place = filterOf(ctx, undefined)
  const lately = await countBackupJobs(db, place, { from: ctx.now - DAY, to: ctx.now + 1 })
  const tests = await countRestoreTests(db, place, ctx.now - TESTS_DAYS * DAY)
  const days: OverviewDay[] = []
  for (const [index, from] of starts.entries()) {
    days.push(await countDay(ctx, { from, to: starts[index + 1] ?? ctx.now + 1 }))
    // Others are served between one day and the next.
    await setImmediate()
  }
  const restored = await countRestored(db, place)
  return {
    Resources: await countProtection(db, place),
    UnprotectedResources: (await countProtection(db, { ...place, before: 1 })) - restored,
    RestoredResources: restored,
    OverdueResources: await countOverdue(ctx, await allowedAges(ctx)),
    RunningBackupJobs: await countRunning(db, place),
    FailedBackupJobs: sum(lately, BAD),
    RestoreTests: tests.all,
    GoodRestoreTests: tests.good,
    Days: days,
    CountedAt: new Date(ctx.now),
  }
}

async function countDay(
  ctx: Context,
  span: { readonly from: number; readonly to: number },
): Promise<OverviewDay> {
  const states = await countBackupJobs(ctx.store.db, ctx, span)
  return {
    Start: new Date(span.from),
    BackupJobs: sum(states, [...states.keys()]),
    FailedBackupJobs: sum(states, BAD),
    RunningBackupJobs: sum(states, ['RUNNING', 'ABORTING']),
    WarnedBackupJobs: sum(states, ['PARTIAL']) + (await countSaid(ctx.store.db, ctx, span)),
  }
}

function sum(counts: ReadonlyMap<JobState, number>, states: readonly JobState[]): number {
  return states.reduce((total, state) => total + (counts.get(state) ?? 0), 0)
}
