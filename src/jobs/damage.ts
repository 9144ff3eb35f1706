import { BACKUP_SERVICE } from '../access/passed-role.ts'
import { uuid } from '../lib/ids.ts'
import { printable } from '../lib/log.ts'
import { appendAudit } from '../store/audit.ts'
import { recordNotice } from '../store/events.ts'
import { findRecoveryPoint } from '../store/recovery-points.ts'
import type { VaultTable } from '../store/schema.ts'
import { damageIn, findScrub, putDamage } from '../store/vault-scrubs.ts'
import type { BlobDamage, KnownDamage, PointDamage } from '../store/vault-scrubs.ts'
import type { HurtPoint } from '../vault/hurt.ts'
import type { Vault } from '../vault/vault.ts'
import type { VerifyResult } from '../vault/verify.ts'
import { queueCheck } from './check-queue.ts'
import type { JobTools } from './tools.ts'

/** Recovery points and blobs that are named singly; the numbers beside them have them all. */
export const MAX_NAMED = 100

/** What is known to be damaged in a vault. */
export interface VaultDamage {
  readonly blobs: readonly BlobDamage[]
  readonly blobCount: number
  /** Recovery points hit, as far as it was looked. */
  readonly points: readonly PointDamage[]
  readonly pointCount: number
}

/**
 * Keeps what was found, for the metrics, and tells of all that was not known before: to the log and to the
 * audit trail, each recovery point by itself, and in one event. Likewise of what was known and is damaged no longer. Everything that
 * tells people of damage hangs here.
 *
 * @param found All that is damaged now, with its counts. @param by Which look found it, e.g. `scrub` or `verify JOB-ID`.
 */
export async function announceDamage(
  tools: JobTools,
  vault: VaultTable,
  found: VaultDamage,
  by: string,
): Promise<void> {
  const { store, clock, log } = tools
  const known = damageIn((await findScrub(store.db, vault)).damage)
  const now = clock.now()
  const kept = { blobs: found.blobs.slice(0, MAX_NAMED), points: found.points.slice(0, MAX_NAMED) }
  const blobs = kept.blobs.filter(({ blob }) => known.blobs.every((one) => one.blob !== blob))
  const points = kept.points.filter((point) => known.points.every((one) => !sameDamage(one, point)))
  const healed = await healedOf(tools, vault, known, found)
  const requestId = uuid()
  const record = async (resource: string, reason: string, action = 'roleback:ReportDamage'): Promise<void> =>
    await appendAudit(store, {
      at: now,
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
  for (const { blob, reason } of blobs) {
    log.error('damage in a vault', { vault: vault.arn, blob, reason, by })
    await record(vault.arn, reason)
  }
  for (const point of points) {
    log.error('a recovery point is damaged', { vault: vault.arn, ...point, items: point.items.join(' '), by })
    await record(point.recoveryPointArn, pointSentence(point))
  }
  for (const { blob } of healed.blobs) {
    log.info('damage in a vault is gone', { vault: vault.arn, blob, by })
    await record(vault.arn, `${blob} is whole again, or nothing needs it any more`, 'roleback:ReportRepair')
  }
  for (const { recoveryPointArn } of healed.points) {
    log.info('a recovery point is whole again', { vault: vault.arn, recoveryPointArn, by })
    await record(recoveryPointArn, 'it is whole again', 'roleback:ReportRepair')
  }
  // Last: a crash before tells once more, not never.
  await store.transaction(async (tx) => {
    if (healed.blobs.length + healed.points.length > 0)
      await recordNotice(tx, {
        accountId: vault.account_id,
        region: vault.region,
        at: now,
        ...repairEvent(vault, healed, found, by),
        cause: `repair ${requestId}`,
      })
    if (blobs.length + points.length > 0)
      await recordNotice(tx, {
        accountId: vault.account_id,
        region: vault.region,
        at: now,
        ...damageEvent(vault, { ...found, blobs, points }, by),
        cause: `damage ${requestId}`,
      })
    await putDamage(tx, vault, {
      damage: JSON.stringify(kept),
      damaged_blobs: found.blobCount,
      damaged_points: found.pointCount,
      damage_at: now,
    })
  })
}

/** Blobs that every look with keys reads, or knows of: what it does not tell of them is not so any more. */
const LOOKED_AT = /^(data|meta|index|points|records|dead|damage)\//

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

/** @param healed What is damaged no longer. @param left What still is. */
function repairEvent(
  { arn, name }: VaultTable,
  healed: KnownDamage,
  left: VaultDamage,
  by: string,
): Pick<Parameters<typeof recordNotice>[1], 'detailType' | 'resources' | 'detail'> {
  const arns = healed.points.map(({ recoveryPointArn }) => recoveryPointArn)
  const isLeft = left.blobCount + left.pointCount > 0
  return {
    detailType: 'Vault Damage Repaired',
    resources: [arn, ...arns],
    detail: {
      backupVaultName: name,
      backupVaultArn: arn,
      state: isLeft ? 'DAMAGED' : 'REPAIRED',
      foundBy: by,
      repairedBlobs: healed.blobs.map(({ blob }) => blob),
      repairedRecoveryPoints: arns,
      damagedBlobCount: left.blobCount,
      damagedRecoveryPointCount: left.pointCount,
      statusMessage: `Found by ${by}: ${arns.length === 1 ? '1 recovery point is' : `${arns.length} recovery points are`} whole again${
        isLeft
          ? `; ${left.blobCount} damaged objects and ${left.pointCount} recovery points hit are left`
          : ', and no damage is left in the vault'
      }`,
    },
  }
}

/** @param found What was not known before, and the counts of all. */
function damageEvent(
  { arn, name }: VaultTable,
  { blobs, blobCount, points, pointCount }: VaultDamage,
  by: string,
): Pick<Parameters<typeof recordNotice>[1], 'detailType' | 'resources' | 'detail'> {
  const sentences = points.map(pointSentence)
  return {
    detailType: 'Vault Damage Detected',
    resources: [arn, ...points.map(({ recoveryPointArn }) => recoveryPointArn)],
    detail: {
      backupVaultName: name,
      backupVaultArn: arn,
      state: 'DAMAGED',
      foundBy: by,
      damagedBlobs: blobs.map(({ blob, reason }) => ({ blob, reason: printable(reason) })),
      damagedBlobCount: blobCount,
      damagedRecoveryPoints: sentences,
      damagedRecoveryPointCount: pointCount,
      statusMessage: `Found by ${by}: ${blobCount} damaged objects in the vault, ${pointCount} recovery points hit${
        sentences.length === 0 ? '' : `: ${firstOf(sentences, '; ')}`
      }`,
    },
  }
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
  opened: Vault,
  problems: readonly BlobDamage[],
  by: string,
): Promise<void> {
  const packs = problems.filter(({ blob }) => /^(data|meta)\//.test(blob))
  await keepDamagedPacks(tools, opened, packs)
  // As it is by now: a check may have named the recovery points that are hit meanwhile.
  const scrub = await findScrub(tools.store.db, vault)
  const known = damageIn(scrub.damage)
  const fresh = problems.filter(({ blob }) => known.blobs.every((one) => one.blob !== blob))
  const found = {
    blobs: [...known.blobs, ...fresh],
    blobCount: scrub.damaged_blobs + fresh.length,
    points: known.points,
    pointCount: scrub.damaged_points,
  }
  await announceDamage(tools, vault, found, by)
  // Which recovery points it hits takes the vault's keys and a walk through all of them.
  if (fresh.length > 0) await queueCheck(tools, vault, { readData: false })
}

/** Tells of all that a look with keys found in a vault. @returns It, in the names that people know it by. */
export async function announceFound(
  tools: JobTools,
  vault: VaultTable,
  { problems, hurt }: Pick<VerifyResult, 'problems' | 'hurt'>,
  by: string,
): Promise<VaultDamage> {
  const first = new Map<string, string>()
  for (const { blob, reason } of problems) if (!first.has(blob)) first.set(blob, reason)
  // Each damaged blob once, with what was found of it first.
  const blobs = [...first].map(([blob, reason]) => ({ blob, reason }))
  const points = await namedPoints(tools, vault, hurt)
  const found = { blobs, blobCount: blobs.length, points, pointCount: hurt.length }
  await announceDamage(tools, vault, found, by)
  return found
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

/** Items of a text that are written out. */
const SHOWN = 5

export function pointSentence({
  recoveryPointArn,
  resourceName,
  itemCount,
  items,
  isListHurt,
}: PointDamage): string {
  const of = resourceName === undefined ? '' : ` of ${printable(resourceName)}`
  const listed =
    itemCount === 0
      ? ''
      : `${itemCount} ${itemCount === 1 ? 'item' : 'items'}, ${firstOf(items, ', ', itemCount)}`
  const list = isListHurt ? 'its list of items' : ''
  return `${recoveryPointArn}${of} (${[list, listed].filter((part) => part !== '').join('; ')})`
}

export function firstOf(texts: readonly string[], separator: string, count: number = texts.length): string {
  const more = count > SHOWN ? `${separator}and ${count - SHOWN} more` : ''
  return `${texts.slice(0, SHOWN).join(separator)}${more}`
}
