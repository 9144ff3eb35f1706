import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import { uuid } from '../../lib/ids.ts'
import { printable } from '../../lib/log.ts'
import { appendAudit } from '../../store/audit/audit.ts'
import { recordNotice } from '../../store/events/events.ts'
import { findRecoveryPoint } from '../../store/points/recovery-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import { damageIn, findScrub, putDamage } from '../../store/vaults/vault-scrubs.ts'
import type { BlobDamage, KnownDamage, PointDamage, ScrubState } from '../../store/vaults/vault-scrubs.ts'
import type { HurtPoint } from '../../vault/verify/hurt.ts'
import type { Vault } from '../../vault/vault.ts'
import { coldPointsIn } from '../../store/points/cold-points.ts'
import { queueCheck } from './check-queue.ts'
import type { LookResult } from './look-through.ts'
import { damageEvent, pointSentence, repairEvent } from './damage-words.ts'
import type { VaultDamage } from './damage-words.ts'
import type { JobTools } from '../tools.ts'
import type { Tier } from '../vaults/vault-storages.ts'

/** Recovery points and blobs that are named singly; the numbers beside them have them all. */
export const MAX_NAMED = 100

/** How a blob of a vault's cold storage is told of. */
const COLD = 'cold storage: '
export const inCold = (blob: string): string => `${COLD}${blob}`

/** Told of damage that is known by now, and of what is found: what is damaged now, with its counts. */
type Found = (scrub: ScrubState) => VaultDamage

/**
 * Keeps what was found, for the metrics, and tells of all that was not known before: to the log and to the
 * audit trail, each recovery point by itself, and in one event. Likewise of what was known and is damaged no longer. Everything that
 * tells people of damage hangs here.
 *
 * @param foundBeside All that is damaged now, beside what is known. Asked again where somebody else told of damage meanwhile: a look at a
 * vault and a job that meets damage in it may end at the same moment, and neither may wipe out what the other found.
 * @param by Which look found it, e.g. `scrub` or `verify JOB-ID`.
 * @returns What is kept.
 */
async function announceDamage(
  tools: JobTools,
  vault: VaultTable,
  foundBeside: Found,
  by: string,
): Promise<VaultDamage> {
  const requestId = uuid()
  for (;;) {
    const scrub = await findScrub(tools.store.db, vault)
    const found = foundBeside(scrub)
    const news = await newsOf(tools, vault, damageIn(scrub.damage), found)
    await record(tools, vault, news, { by, requestId })
    // Last: a crash before tells once more, not never.
    if (await keep(tools, vault, scrub, news, { found, by, requestId })) return found
  }
}

/** What was not known, and what was and is damaged no longer. */
interface News {
  readonly fresh: KnownDamage
  readonly healed: KnownDamage
}

async function newsOf(
  tools: JobTools,
  vault: VaultTable,
  known: KnownDamage,
  found: VaultDamage,
): Promise<News> {
  const blobs = found.blobs
    .slice(0, MAX_NAMED)
    .filter(({ blob }) => known.blobs.every((one) => one.blob !== blob))
  const points = found.points
    .slice(0, MAX_NAMED)
    .filter((point) => known.points.every((one) => !sameDamage(one, point)))
  return { fresh: { blobs, points }, healed: await healedOf(tools, vault, known, found) }
}

interface Telling {
  readonly by: string
  readonly requestId: string
}

async function record(
  { store, clock, log }: JobTools,
  vault: VaultTable,
  { fresh, healed }: News,
  { by, requestId }: Telling,
): Promise<void> {
  const write = async (resource: string, reason: string, action = 'roleback:ReportDamage'): Promise<void> =>
    await appendAudit(store, {
      at: clock.now(),
      account_id: vault.account_id,
      request_id: requestId,
      principal_arn: BACKUP_SERVICE,
      principal_id: BACKUP_SERVICE,
      source_ip: null,
      service: 'roleback',
      action,
      resource,
      effect: 'Allow',
      layer: 'service',
      reason: `found by ${by}: ${reason}`,
      policy: null,
      statement: null,
    })
  for (const { blob, reason } of fresh.blobs) {
    log.error('damage in a vault', { vault: vault.arn, blob, reason, by })
    await write(vault.arn, reason)
  }
  for (const point of fresh.points) {
    log.error('a recovery point is damaged', { vault: vault.arn, ...point, items: point.items.join(' '), by })
    await write(point.recoveryPointArn, pointSentence(point))
  }
  for (const { blob } of healed.blobs) {
    log.info('damage in a vault is gone', { vault: vault.arn, blob, by })
    await write(vault.arn, `${blob} is whole again, or nothing needs it any more`, 'roleback:ReportRepair')
  }
  for (const { recoveryPointArn } of healed.points) {
    log.info('a recovery point is whole again', { vault: vault.arn, recoveryPointArn, by })
    await write(recoveryPointArn, 'it is whole again', 'roleback:ReportRepair')
  }
}

/** False, with nothing written, where the damage that is known is no longer that of `scrub`. */
async function keep(
  { store, clock }: JobTools,
  vault: VaultTable,
  scrub: ScrubState,
  { fresh, healed }: News,
  { found, by, requestId }: Telling & { readonly found: VaultDamage },
): Promise<boolean> {
  const now = clock.now()
  const of = { accountId: vault.account_id, region: vault.region, at: now }
  const kept = { blobs: found.blobs.slice(0, MAX_NAMED), points: found.points.slice(0, MAX_NAMED) }
  return await store.transaction(async (tx) => {
    const isKept = await putDamage(tx, vault, scrub, {
      damage: JSON.stringify(kept),
      damaged_blobs: found.blobCount,
      damaged_points: found.pointCount,
      damage_at: now,
    })
    if (isKept && healed.blobs.length + healed.points.length > 0)
      await recordNotice(tx, {
        ...of,
        ...repairEvent(vault, healed, found, by),
        cause: `repair ${requestId}`,
      })
    if (isKept && fresh.blobs.length + fresh.points.length > 0)
      await recordNotice(tx, {
        ...of,
        ...damageEvent(vault, { ...found, ...fresh }, by),
        cause: `damage ${requestId}`,
      })
    return isKept
  })
}

/** Blobs that every look with keys reads, or knows of: what it does not tell of them is not so any more. */
const LOOKED_AT =
  /^(?:(?:cold storage: )?(?:data|meta|index|points|records|dead|damage|keys)\/|cold storage: vault\.json$)/

/** What was damaged and is not any more. Nothing where there is more damage than is named: what is not named may be any of it. */
async function healedOf(
  { store }: JobTools,
  vault: VaultTable,
  known: KnownDamage,
  found: VaultDamage,
): Promise<KnownDamage> {
  const isWhole = found.blobCount <= found.blobs.length && found.pointCount <= found.points.length
  if (!isWhole || found.blobCount > MAX_NAMED || found.pointCount > MAX_NAMED)
    return { blobs: [], points: [] }
  const blobs = known.blobs.filter(
    ({ blob }) => LOOKED_AT.test(blob) && found.blobs.every((one) => one.blob !== blob),
  )
  const gone = known.points.filter(({ recoveryPointArn: arn }) =>
    found.points.every((one) => one.recoveryPointArn !== arn),
  )
  const points: PointDamage[] = []
  for (const point of gone)
    if ((await findRecoveryPoint(store.db, vault.account_id, point.recoveryPointArn)) !== undefined)
      points.push(point)
  return { blobs, points }
}

const sameDamage = (one: PointDamage, other: PointDamage): boolean =>
  one.recoveryPointArn === other.recoveryPointArn &&
  one.itemCount === other.itemCount &&
  one.isListHurt === other.isListHurt

/**
 * Tells of blobs that were found damaged, beside what is known already, notes packs among them so that no later backup relies on these, and
 * has the vault looked through for the recovery points that are hit.
 */
export async function announceBlobs(
  tools: JobTools,
  vault: VaultTable,
  { opened, tier }: { readonly opened: Vault; readonly tier: Tier },
  read: readonly BlobDamage[],
  by: string,
): Promise<void> {
  const packs = read.filter(({ blob }) => /^(data|meta)\//.test(blob))
  await keepDamagedPacks(tools, opened, packs)
  const problems = tier === 'warm' ? read : read.map((one) => ({ ...one, blob: inCold(one.blob) }))
  const isFresh = ({ blob }: BlobDamage, known: KnownDamage): boolean =>
    known.blobs.every((one) => one.blob !== blob)
  let hasNews = false
  const foundBeside: Found = (scrub) => {
    // As it is by now: a check may have named the recovery points that are hit meanwhile.
    const known = damageIn(scrub.damage)
    const fresh = problems.filter((problem) => isFresh(problem, known))
    hasNews ||= fresh.length > 0
    return {
      blobs: [...known.blobs, ...fresh],
      blobCount: scrub.damaged_blobs + fresh.length,
      points: known.points,
      pointCount: scrub.damaged_points,
    }
  }
  await announceDamage(tools, vault, foundBeside, by)
  // Which recovery points it hits takes the vault's keys and a walk through all of them.
  if (hasNews) await queueCheck(tools, vault, { readData: false })
}

/**
 * Tells of all that a look with keys found in a vault.
 *
 * @param before What was known when the look began: damage that somebody told of since then it may not have seen, and leaves alone.
 * @returns It, in the names that people know it by.
 */
export async function announceFound(
  tools: JobTools,
  vault: VaultTable,
  { problems, hurt, unreachable }: Pick<LookResult, 'problems' | 'hurt' | 'unreachable'>,
  by: string,
  before: ScrubState,
): Promise<VaultDamage> {
  const first = new Map<string, string>()
  for (const { blob, reason } of problems) if (!first.has(blob)) first.set(blob, reason)
  // Each damaged blob once, with what was found of it first.
  const blobs = [...first].map(([blob, reason]) => ({ blob, reason }))
  const points = await namedPoints(tools, vault, hurt)
  const known = damageIn(before.damage)
  // What could not be looked at is as it was told before.
  const cold =
    unreachable === undefined
      ? undefined
      : new Set((await coldPointsIn(tools.store.db, vault)).map(({ arn }) => arn))
  return await announceDamage(
    tools,
    vault,
    (scrub) => {
      const now = damageIn(scrub.damage)
      const newerBlobs = now.blobs.filter(
        ({ blob }) =>
          !first.has(blob) &&
          (known.blobs.every((one) => one.blob !== blob) || (cold !== undefined && blob.startsWith(COLD))),
      )
      const unseen = now.points.filter(({ recoveryPointArn: arn }) => cold?.has(arn) === true)
      return {
        blobs: [...blobs, ...newerBlobs],
        blobCount: blobs.length + newerBlobs.length,
        points: [...points, ...unseen],
        pointCount: hurt.length + unseen.length,
      }
    },
    by,
  )
}

/** Gives hurt points, of which at most MAX_NAMED, the names that people know them by. */
async function namedPoints(
  tools: JobTools,
  vault: VaultTable,
  hurt: readonly HurtPoint[],
): Promise<readonly PointDamage[]> {
  if (hurt.length === 0) return []
  const named = hurt.slice(0, MAX_NAMED)
  const rows = await tools.store.db
    .selectFrom('recovery_point')
    .select(['arn', 'point_id', 'resource_arn', 'resource_name'])
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .where(
      'point_id',
      'in',
      named.map(({ pointId }) => pointId),
    )
    .execute()
  const known = new Map(rows.map((row) => [String(row.point_id), row]))
  return named.map(({ pointId, itemCount, keys, isUnlisted }) => {
    const row = known.get(pointId)
    return {
      recoveryPointArn: row?.arn ?? pointId,
      resourceArn: row?.resource_arn,
      resourceName: row?.resource_name,
      itemCount,
      items: keys.map((key) => printable(Buffer.from(key).toString())),
      isListHurt: isUnlisted,
    }
  })
}

/** Notes packs that rotted in the vault itself, so that no later backup relies on them. @returns How many were not known. */
export async function keepDamagedPacks(
  { clock }: Pick<JobTools, 'clock'>,
  opened: Vault,
  damaged: readonly BlobDamage[],
): Promise<number> {
  const foundAt = clock.now()
  return await opened.recordDamage(damaged.map(({ blob, reason }) => ({ pack: blob, reason, foundAt })))
}
