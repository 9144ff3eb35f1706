import { printable } from '../../lib/log.ts'
import type { recordNotice } from '../../store/events/events.ts'
import type { VaultTable } from '../../store/schema.ts'
import type { BlobDamage, KnownDamage, PointDamage } from '../../store/vaults/vault-scrubs.ts'

/** Damage in a vault in words: the events that tell of it, and the parts of sentences that jobs tell it with. */

/** What is known to be damaged in a vault. */
export interface VaultDamage {
  readonly blobs: readonly BlobDamage[]
  readonly blobCount: number
  /** Recovery points hit, as far as it was looked. */
  readonly points: readonly PointDamage[]
  readonly pointCount: number
}

/** @param healed What is damaged no longer. @param left What still is. */
export function repairEvent(
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
export function damageEvent(
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

/** Items of a text that are written out. */
const SHOWN = 5

/** How much of it is hit. Its items' names are for those who may be handed them (roleback/damaged-items.ts): this text goes to many. */
export function pointSentence({
  recoveryPointArn,
  resourceName,
  itemCount,
  isListHurt,
}: PointDamage): string {
  const of = resourceName === undefined ? '' : ` of ${printable(resourceName)}`
  const counted = itemCount === 0 ? '' : `${itemCount} ${itemCount === 1 ? 'item' : 'items'}`
  const list = isListHurt ? 'its list of items' : ''
  return `${recoveryPointArn}${of} (${[list, counted].filter((part) => part !== '').join('; ')})`
}

/** The first few, and how many more there are. @param count Of all, where `texts` has not all of them. */
export function firstOf(texts: readonly string[], separator: string, count: number = texts.length): string {
  const more = count > SHOWN ? `${separator}and ${count - SHOWN} more` : ''
  return `${texts.slice(0, SHOWN).join(separator)}${more}`
}
