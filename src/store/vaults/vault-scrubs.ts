import type { VaultScrubTable } from './schema-scrub.ts'
import type { VaultTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** A damaged recovery point in the names that people know it by. */
export interface PointDamage {
  readonly recoveryPointArn: string
  readonly resourceArn: string | undefined
  readonly resourceName: string | undefined
  readonly itemCount: number
  /** The first of them, as text. */
  readonly items: readonly string[]
  /** There may be more: its own list of items is hurt. */
  readonly isListHurt: boolean
}

export interface BlobDamage {
  readonly blob: string
  readonly reason: string
}

/** Of the column `vault_scrub.damage`: what is named singly. */
export interface KnownDamage {
  readonly blobs: readonly BlobDamage[]
  readonly points: readonly PointDamage[]
}

export function damageIn(text: string): KnownDamage {
  return JSON.parse(text) as KnownDamage
}

/**
 * From the start of one pass to that of the next, and how long a pass may take, in milliseconds: what is read early in the one pass
 * and late in the next is read again within twice that, which is less than 30 days.
 */
export const PASS_MS: number = 14 * 86_400_000
/** A vault is young for so long, in milliseconds: all in it was read back when it was written. */
export const YOUNG_MS = 86_400_000

/** When the next pass begins; undefined while one is under way. */
export function nextPassAt(
  { created_at }: Pick<VaultTable, 'created_at'>,
  { pass_started_at, last_started_at }: Pick<ScrubState, 'pass_started_at' | 'last_started_at'>,
): number | undefined {
  if (pass_started_at !== null) return undefined
  return last_started_at === null ? created_at + YOUNG_MS : last_started_at + PASS_MS
}

/** What a scrub knows of a vault before its first pass. */
export const NEVER_SCRUBBED: Omit<VaultScrubTable, 'vault_id'> = {
  cursor: '0 ',
  pass_started_at: null,
  pass_blobs: 0,
  pass_bytes: 0,
  pass_total_bytes: 0,
  last_started_at: null,
  last_ended_at: null,
  last_blobs: 0,
  last_bytes: 0,
  damage: '{"blobs":[],"points":[]}',
  damaged_blobs: 0,
  damaged_points: 0,
  damage_at: null,
  lease_owner: null,
  lease_until: 0,
}

export type ScrubState = Omit<VaultScrubTable, 'vault_id'>

/** The vault's scrub; as before the first pass where there is none. */
export async function findScrub(
  db: Queryable,
  { vault_id }: Pick<VaultTable, 'vault_id'>,
): Promise<ScrubState> {
  const row = await db
    .selectFrom('vault_scrub')
    .selectAll()
    .where('vault_id', '=', vault_id)
    .executeTakeFirst()
  return row ?? NEVER_SCRUBBED
}

/** Of all vaults that can be worked with, with what is known of their scrubs. */
export async function listScrubs(
  db: Queryable,
): Promise<{ readonly vault: VaultTable; readonly scrub: ScrubState }[]> {
  const vaults = await db.selectFrom('vault').selectAll().where('state', '=', 'AVAILABLE').execute()
  const known = new Map(
    (await db.selectFrom('vault_scrub').selectAll().execute()).map((row) => [row.vault_id, row]),
  )
  return vaults.map((vault) => ({ vault, scrub: known.get(vault.vault_id) ?? NEVER_SCRUBBED }))
}

/** Takes the right to scrub the vault until then. False where somebody else has it. */
export async function claimScrub(
  db: Queryable,
  { vault_id }: Pick<VaultTable, 'vault_id'>,
  owner: string,
  { now, until }: { readonly now: number; readonly until: number },
): Promise<boolean> {
  await ensureRow(db, vault_id)
  const result = await db
    .updateTable('vault_scrub')
    .set({ lease_owner: owner, lease_until: until })
    .where('vault_id', '=', vault_id)
    .where((eb) =>
      eb.or([
        eb('lease_owner', 'is', null),
        eb('lease_owner', '=', owner),
        eb('lease_until', '<=', now),
        // A clock that was set back must not keep everybody out.
        eb('lease_until', '>', until),
      ]),
    )
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** For who has the right to scrub: of damage it says nothing. False where that was lost meanwhile: nothing is changed then. */
export async function updateScrub(
  db: Queryable,
  { vault_id }: Pick<VaultTable, 'vault_id'>,
  owner: string,
  change: Partial<ScrubPass>,
): Promise<boolean> {
  const result = await db
    .updateTable('vault_scrub')
    .set(change)
    .where('vault_id', '=', vault_id)
    .where('lease_owner', '=', owner)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Columns of damage, which whoever finds some writes, and of a pass, which who has the right to scrub writes. */
type Damage = Pick<ScrubState, 'damage' | 'damaged_blobs' | 'damaged_points' | 'damage_at'>
export type ScrubPass = Omit<ScrubState, keyof Damage>

/**
 * Keeps what is known to be damaged, whoever found it.
 *
 * @param before What `damage` goes by. @returns False, with nothing changed, where somebody else changed it since then.
 */
export async function putDamage(
  db: Queryable,
  { vault_id }: Pick<VaultTable, 'vault_id'>,
  before: Damage,
  damage: Damage,
): Promise<boolean> {
  await ensureRow(db, vault_id)
  const result = await db
    .updateTable('vault_scrub')
    .set(damage)
    .where('vault_id', '=', vault_id)
    .where('damage', '=', before.damage)
    .where('damaged_blobs', '=', before.damaged_blobs)
    .where('damaged_points', '=', before.damaged_points)
    .executeTakeFirst()
  return result.numUpdatedRows === 1n
}

/** Scrubs of vaults that are no more. */
export async function dropScrubs(db: Queryable): Promise<void> {
  await db
    .deleteFrom('vault_scrub')
    .where('vault_id', 'not in', (eb) => eb.selectFrom('vault').select('vault.vault_id'))
    .execute()
}

async function ensureRow(db: Queryable, vaultId: string): Promise<void> {
  await db
    .insertInto('vault_scrub')
    .values({ ...NEVER_SCRUBBED, vault_id: vaultId })
    .onConflict((conflict) => conflict.column('vault_id').doNothing())
    .execute()
}
