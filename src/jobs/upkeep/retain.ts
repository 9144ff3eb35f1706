import { parseVaultLock } from '../../plans/vault-lock.ts'
import { hasColdStore } from '../../store/points/cold-points.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import { listAvailableVaults } from '../../store/vaults/vaults.ts'
import type { PointHead } from '../../vault/points/heads.ts'
import { retainHeads, retainPoints } from '../../vault/points/retain.ts'
import type { KeptPoint } from '../../vault/points/retain.ts'
import type { Vault } from '../../vault/vault.ts'
import { sealedHolds } from '../plans/protection.ts'
import type { JobTools } from '../tools.ts'

const DAY_MS = 86_400_000
/** Recovery points without an end, and those on legal hold, are kept so far ahead, and each day again. */
const AHEAD_MS = 30 * DAY_MS

/**
 * Until when the storage itself must keep a recovery point that is being written, milliseconds since 1970: to its end, where the vault
 * is locked for good. Undefined in all other vaults: what somebody may still unlock is not made undeletable for years. Only what is
 * sealed in the vault counts, as nothing takes this back.
 */
export async function retainUntil(
  tools: JobTools,
  opened: Vault,
  {
    created_at,
    delete_at,
    delete_after_days,
  }: Pick<RecoveryPointTable, 'created_at' | 'delete_at' | 'delete_after_days'>,
): Promise<number | undefined> {
  if (!(await isLockedForGood(opened))) return undefined
  const end = delete_at ?? (delete_after_days === null ? null : created_at + delete_after_days * DAY_MS)
  return end ?? tools.clock.now() + AHEAD_MS
}

async function isLockedForGood(opened: Vault): Promise<boolean> {
  const { record, damage } = await opened.records()
  return damage === undefined && parseVaultLock(record['lock'])?.isFinal === true
}

/**
 * Keeps in their storage all recovery points of all vaults that are locked for good, as long as they are kept by now: their lock may
 * have become final, their retention longer, a hold may lie on them, or time may just have gone on.
 */
export async function retainLockedVaults(tools: JobTools, signal: AbortSignal): Promise<void> {
  for (const vault of await listAvailableVaults(tools.store.db)) {
    if (signal.aborted) return
    try {
      const kept = await retainVault(tools, vault, signal)
      if (kept > 0) tools.log.info('the storage keeps a locked vault', { vault: vault.arn, blobs: kept })
    } catch (error) {
      if (signal.aborted) return
      tools.log.error('a locked vault could not be kept by its storage: it is tried again tomorrow', {
        vault: vault.arn,
        error: String(error),
      })
    }
  }
}

/** The same of one vault. @returns Blobs that are kept longer now. */
export async function retainVault(
  tools: JobTools,
  vault: VaultTable,
  signal: AbortSignal,
  isColdThere: boolean = hasColdStore(vault),
): Promise<number> {
  const warm = await tools.vaults.open(vault)
  if (!(await isLockedForGood(warm))) return 0
  const ends = await endsOf(tools, vault)
  const kept = await retainStore(tools, warm, ends, signal)
  if (!isColdThere) return kept
  return kept + (await retainStore(tools, await tools.vaults.openCold(vault), ends, signal))
}

async function retainStore(
  tools: JobTools,
  opened: Vault,
  ends: ReadonlyMap<string, number | null>,
  signal: AbortSignal,
): Promise<number> {
  const now = tools.clock.now()
  const { points } = await opened.listPoints()
  const kept: KeptPoint[] = points.map((head) => ({
    head,
    retainUntil: endOf(head, ends.get(head.pointId), now),
  }))
  const blobs = await retainPoints(opened, kept, { now, signal })
  if (blobs > 0)
    await retainHeads(
      opened,
      kept.filter(({ retainUntil: end }) => end > now),
    )
  return blobs
}

/** The catalogue's ends by point id; null: kept for ever. */
async function endsOf(
  tools: JobTools,
  { account_id, region, name }: VaultTable,
): Promise<Map<string, number | null>> {
  const rows = await tools.store.db
    .selectFrom('recovery_point')
    .select(['point_id', 'delete_at'])
    .where('account_id', '=', account_id)
    .where('region', '=', region)
    .where('vault_name', '=', name)
    .execute()
  return new Map(rows.map(({ point_id, delete_at }) => [point_id, delete_at]))
}

function endOf(head: PointHead, deleteAt: number | null | undefined, now: number): number {
  const ahead = now + AHEAD_MS
  if (deleteAt === null || deleteAt === undefined) return ahead
  return sealedHolds(head).length > 0 ? Math.max(deleteAt, ahead) : deleteAt
}
