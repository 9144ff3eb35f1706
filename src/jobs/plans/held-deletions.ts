import {
  countAlive,
  countsSeen,
  deleteHeldDeletion,
  findExpiryRound,
  findHeldDeletion,
  holdSurprised,
  insertHeldDeletions,
  isLastPoint,
  putCountsSeen,
  putExpiryRound,
  surprisedVaults,
} from '../../store/points/held-deletions.ts'
import type { Surprise, VaultSurprise } from '../../store/points/held-deletions.ts'
import type { HeldDeletionTable } from '../../store/points/schema-retention.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import type { JobTools } from '../tools.ts'

/**
 * Deletions that wait for a person. What nobody expects to go does not go by itself:
 *
 * | cause | held | until |
 * |---|---|---|
 * | LAST_POINT | the last recovery point of a resource in its account | there is a newer one, or it is approved |
 * | VAULT_SHARE | what is due by a surprise, where that is more than a share of its vault | it is approved |
 *
 * A surprise is a wall clock that went on without the server, a retention that a call made shorter, or other counts than were looked
 * at before. Approved, a point goes its usual way: its role, its vault's lock and legal holds have their say. A retention that is not
 * over after all ends what holds the point.
 */

/** A wall clock that went further than the running time between two rounds leapt, in milliseconds. */
export const MAX_CLOCK_JUMP_MS = 3_600_000

const APPROVE = 'It stays until "roleback vault approve" lets it go'

type Tools = Pick<JobTools, 'store' | 'clock' | 'log'>

/** Tells of what is held: the one place to hear of it. */
export function announceHeld(
  { log }: Pick<JobTools, 'log'>,
  held: Pick<HeldDeletionTable, 'account_id' | 'region' | 'vault_name' | 'cause' | 'reason'> & {
    readonly count: number
  },
): void {
  log.warn('recovery points are held that were to be deleted: somebody must approve', {
    account: held.account_id,
    region: held.region,
    vault: held.vault_name,
    cause: held.cause,
    points: held.count,
    reason: held.reason,
  })
}

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
  const row = { account_id, region, vault_name, arn, cause: 'LAST_POINT', reason, held_at: now } as const
  await tools.store.transaction(async (tx) => {
    // Whoever approved that much of a vault goes was not asked about the last of a resource.
    if (held !== undefined) await deleteHeldDeletion(tx, arn)
    await insertHeldDeletions(tx, [{ ...row, is_counted: removal.isCounted ? 1 : 0 }])
  })
  announceHeld(tools, { ...row, count: 1 })
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
    const last = await findExpiryRound(tx)
    const ran = last?.clock === clock ? runningMs - last.running_ms : 0
    const hasLeapt = last === undefined || now - last.wall_ms - ran > MAX_CLOCK_JUMP_MS
    const surprises: Surprise[] = [{ kind: 'cut' }]
    if (hasLeapt) surprises.unshift({ kind: 'leap', from: last?.wall_ms ?? 0 })
    const all = []
    for (const surprise of surprises) all.push(...(await holdShare(tx, surprise, share, now)))
    await putExpiryRound(tx, { clock, running_ms: runningMs, wall_ms: now })
    return all
  })
  for (const { reason, ...vault } of held) announceHeld(tools, { ...vault, cause: 'VAULT_SHARE', reason })
}

async function holdShare(
  tx: Queryable,
  surprise: Surprise,
  share: number,
  now: number,
): Promise<readonly (VaultSurprise & { readonly reason: string })[]> {
  const held = []
  for (const vault of await surprisedVaults(tx, surprise, now)) {
    const all = await countAlive(tx, vault)
    if (!isTooMuch(vault.count, all, share)) continue
    const reason = reasonOf(vault.vault_name, { count: vault.count, all, share }, whatHappened(surprise, now))
    await holdSurprised(tx, vault, surprise, { now, reason })
    held.push({ ...vault, reason })
  }
  return held
}

/** A single point is no emptying of a vault: the last of a resource is held anyway. */
function isTooMuch(count: number, all: number, share: number): boolean {
  return count > 1 && count > share * all
}

function whatHappened(surprise: Surprise, now: number): string {
  if (surprise.kind === 'cut') return 'their retention was made shorter'
  const to = new Date(now).toISOString()
  if (surprise.from === 0) return `this server looked for the first time, at ${to}`
  return `the wall clock went from ${new Date(surprise.from).toISOString()} to ${to} without this server`
}

function reasonOf(
  vaultName: string,
  { count, all, share }: { readonly count: number; readonly all: number; readonly share: number },
  what: string,
): string {
  const percent = Math.round(share * 100)
  return (
    `Held, not deleted: ${count} of the ${all} recovery points of backup vault ${vaultName} would go at once, more than ` +
    `${percent} %, because ${what}. ${APPROVE}`
  )
}

/**
 * Holds what other counts than were looked at before let go, where it is too much of a vault.
 * @param going Points that no count keeps. @param seen The plan's version and counts.
 */
export async function holdRecounted(
  tools: Tools,
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
      const alive = await countAlive(tx, points[0] as RecoveryPointTable)
      if (!isTooMuch(points.length, alive, share)) continue
      const what = `the retention counts of backup plan ${plan.planId} or the plan were changed`
      const reason = reasonOf(vault_name, { count: points.length, all: alive, share }, what)
      const row = {
        account_id,
        region,
        vault_name,
        cause: 'VAULT_SHARE',
        reason,
        is_counted: 1,
        held_at: now,
      } as const
      const added = await insertHeldDeletions(
        tx,
        points.map(({ arn }) => ({ ...row, arn })),
      )
      if (added.size > 0) all.push({ ...row, count: added.size })
    }
    await putCountsSeen(tx, plan.planId, plan.seen)
    return all
  })
  for (const one of held) announceHeld(tools, one)
}

function byVault(points: readonly RecoveryPointTable[]): Iterable<readonly RecoveryPointTable[]> {
  return Map.groupBy(
    points,
    ({ account_id, region, vault_name }) => `${account_id} ${region} ${vault_name}`,
  ).values()
}
