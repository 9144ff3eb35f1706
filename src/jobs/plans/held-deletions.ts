import {
  addSurprised,
  countAlive,
  countsSeen,
  countSurprised,
  deleteHeldDeletion,
  findExpiryRound,
  findHeldDeletion,
  forgetSurprised,
  holdSurprised,
  insertHeldDeletions,
  isLastPoint,
  letSurprisedGo,
  putCountsSeen,
  putExpiryRound,
  surprisedVaults,
} from '../../store/points/held-deletions.ts'
import type { Surprise, SurpriseTime } from '../../store/points/held-deletions.ts'
import type { ExpiryRoundTable } from '../../store/points/schema-retention.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import type { JobTools } from '../tools.ts'
import { logHeld, recordHeld } from './announce-held.ts'
import type { Held } from './announce-held.ts'

/**
 * Deletions that wait for a person. What nobody expects to go does not go by itself:
 *
 * | cause | held | until |
 * |---|---|---|
 * | LAST_POINT | the last recovery point of a resource in its account | there is a newer one, or it is approved |
 * | VAULT_SHARE | what is due by a surprise, where that is more than a share of its vault | it is approved |
 *
 * A surprise is a wall clock that went on without the server, a retention that a call made shorter, or other counts than were looked
 * at before. What surprises let go within a day of running time is summed: forty leaps of a day are as one of forty. Approved, a point goes its usual way: its role, its vault's lock and legal holds have their say. A retention that is not
 * over after all ends what holds the point.
 */

/** Nothing expires in the round that finds the wall clock so far from the monotonic one, in milliseconds. */
export const MAX_CLOCK_JUMP_MS = 3_600_000
/** Surprises within so much running time count as one, in milliseconds. */
const SUMMED_MS = 86_400_000
/**
 * How far the wall clock may get ahead of the running time unnoticed, in milliseconds, and what of the running time that grows by:
 * clocks are set right by a little, those of several servers differ, and a crash loses the last half minute of running time.
 */
const SLACK_MS = 600_000
const SLACK_SHARE = 0.01

const APPROVE = 'It stays until "roleback vault approve" lets it go'

type Tools = Pick<JobTools, 'store' | 'clock' | 'log'>

/** Why a point that is to go waits for somebody; undefined where it need not, or somebody approved. */
export async function heldFor(
  tools: Tools,
  point: RecoveryPointTable,
  removal: { readonly isCounted: boolean },
  now: number,
): Promise<string | undefined> {
  const held = await findHeldDeletion(tools.store.db, point.arn)
  const isApproved = typeof held?.approved_at === 'number'
  if (held?.cause === 'LAST_POINT' && isApproved) return undefined
  if (held?.cause === 'VAULT_SHARE' && !isApproved) return held.reason
  if (!(await isLastPoint(tools.store.db, point, now))) {
    if (held?.cause === 'LAST_POINT') await deleteHeldDeletion(tools.store.db, point.arn)
    return undefined
  }
  if (held?.cause === 'LAST_POINT') return held.reason
  const reason = `Held, not deleted: it is the last recovery point of ${point.resource_arn} in this account. ${APPROVE}, or there is a newer one`
  const { account_id, region, vault_name, arn } = point
  const row = { account_id, region, vault_name, cause: 'LAST_POINT', reason } as const
  const told = { ...row, count: 1, last: point }
  const isNew = await tools.store.transaction(async (tx) => {
    // Whoever approved that much of a vault goes was not asked about the last of a resource.
    if (held !== undefined) await deleteHeldDeletion(tx, arn)
    const added = await insertHeldDeletions(tx, [
      { ...row, arn, held_at: now, is_counted: removal.isCounted ? 1 : 0 },
    ])
    if (added.size > 0) await recordHeld(tx, told, now)
    return added.size > 0
  })
  if (isNew) logHeld(tools.log, told)
  return reason
}

/** Holds what is due by a clock that leapt, or by lifecycles that were made shorter, where it is too much of a vault. */
export async function holdSurprises(
  tools: Tools & Pick<JobTools, 'runningTime'>,
  share: number,
  now: number,
): Promise<void> {
  const { clock, runningMs } = tools.runningTime.reading()
  const held = await tools.store.transaction(async (tx) => {
    const { from, slackMs } = leapBetween(await findExpiryRound(tx), { clock, runningMs }, now)
    await forgetSurprised(tx, { clock, runningMs }, SUMMED_MS)
    const surprises: Surprise[] = [{ kind: 'cut' }]
    if (from !== undefined) surprises.unshift({ kind: 'leap', from })
    const all = []
    for (const surprise of surprises)
      all.push(...(await holdShare(tx, surprise, share, { now, clock, runningMs })))
    await putExpiryRound(tx, { clock, running_ms: runningMs, wall_ms: now, slack_ms: slackMs })
    return all
  })
  for (const one of held) logHeld(tools.log, one)
}

/** From where the wall clock leapt to now, by the running time; undefined where it went on with that. And how far it may from now on. */
function leapBetween(
  last: ExpiryRoundTable | undefined,
  { clock, runningMs }: SurpriseTime,
  now: number,
): { readonly from: number | undefined; readonly slackMs: number } {
  if (last === undefined) return { from: 0, slackMs: SLACK_MS }
  const ran = last.clock === clock ? Math.max(0, runningMs - last.running_ms) : 0
  const slackMs = Math.min(SLACK_MS, Math.floor(last.slack_ms + ran * SLACK_SHARE))
  const ahead = now - last.wall_ms - ran
  // A leap counts whole: none is made of what was let pass.
  if (ahead > slackMs) return { from: last.wall_ms + ran, slackMs }
  return { from: undefined, slackMs: Math.min(SLACK_MS, slackMs - ahead) }
}

async function holdShare(
  tx: Queryable,
  surprise: Surprise,
  share: number,
  at: SurpriseTime & { readonly now: number },
): Promise<readonly Held[]> {
  const held: Held[] = []
  for (const vault of await surprisedVaults(tx, surprise, at.now)) {
    const gone = await countSurprised(tx, vault)
    const all = await countAlive(tx, vault)
    if (!isTooMuch(vault.count, { gone, all, share })) {
      await letSurprisedGo(tx, vault, surprise, at)
      continue
    }
    const what = whatHappened(surprise, at.now)
    const reason = reasonOf(vault.vault_name, { count: vault.count, gone, all, share }, what)
    await holdSurprised(tx, vault, surprise, { now: at.now, reason })
    const told = { ...vault, cause: 'VAULT_SHARE', reason } as const
    await recordHeld(tx, told, at.now)
    held.push(told)
  }
  return held
}

interface Shares {
  /** What went by surprises before, within a day of running time; `all` is without it. */
  readonly gone: number
  readonly all: number
  readonly share: number
}

/** A single point is no emptying of a vault: the last of a resource is held anyway. */
function isTooMuch(count: number, { gone, all, share }: Shares): boolean {
  return count + gone > 1 && count + gone > share * (all + gone)
}

function whatHappened(surprise: Surprise, now: number): string {
  if (surprise.kind === 'cut') return 'their retention was made shorter'
  const to = new Date(now).toISOString()
  if (surprise.from === 0) return `this server looked for the first time, at ${to}`
  return `the wall clock went from ${new Date(surprise.from).toISOString()} to ${to} without this server`
}

function reasonOf(
  vaultName: string,
  { count, gone, all, share }: Shares & { readonly count: number },
  what: string,
): string {
  const percent = Math.round(share * 100)
  const before = gone === 0 ? '' : `${gone} went so within a day that this server ran, together `
  return (
    `Held, not deleted: ${count} of the ${all} recovery points of backup vault ${vaultName} would go at once, ${before}more than ` +
    `${percent} %, because ${what}. ${APPROVE}`
  )
}

/**
 * Holds what other counts than were looked at before let go, where it is too much of a vault.
 * @param going Points that no count keeps. @param seen The plan's version and counts.
 */
export async function holdRecounted(
  tools: Tools & Pick<JobTools, 'runningTime'>,
  plan: { readonly planId: string; readonly seen: string },
  going: readonly RecoveryPointTable[],
  share: number,
): Promise<void> {
  const now = tools.clock.now()
  if ((await countsSeen(tools.store.db, plan.planId)) === plan.seen) return
  const held = await tools.store.transaction(async (tx) => {
    const all = []
    for (const points of byVault(going)) {
      const { account_id, region, vault_name } = points[0] as RecoveryPointTable
      const shares = {
        gone: await countSurprised(tx, points[0] as RecoveryPointTable),
        all: await countAlive(tx, points[0] as RecoveryPointTable),
        share,
      }
      if (!isTooMuch(points.length, shares)) {
        await addSurprised(tx, points[0] as RecoveryPointTable, points.length, tools.runningTime.reading())
        continue
      }
      const what = `the retention counts of backup plan ${plan.planId} or the plan were changed`
      const reason = reasonOf(vault_name, { ...shares, count: points.length }, what)
      const row = { account_id, region, vault_name, cause: 'VAULT_SHARE', reason } as const
      const added = await insertHeldDeletions(
        tx,
        points.map(({ arn }) => ({ ...row, arn, is_counted: 1, held_at: now })),
      )
      if (added.size === 0) continue
      const told = { ...row, count: added.size }
      await recordHeld(tx, told, now)
      all.push(told)
    }
    await putCountsSeen(tx, plan.planId, plan.seen)
    return all
  })
  for (const one of held) logHeld(tools.log, one)
}

function byVault(points: readonly RecoveryPointTable[]): Iterable<readonly RecoveryPointTable[]> {
  return Map.groupBy(
    points,
    ({ account_id, region, vault_name }) => `${account_id} ${region} ${vault_name}`,
  ).values()
}
