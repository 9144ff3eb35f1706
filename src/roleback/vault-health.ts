import type { ListVaultHealthInput, ListVaultHealthOutput, VaultHealth } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { findIdentityExport } from '../store/identity/identity-export.ts'
import type { SystemScrub } from '../store/identity/identity-export.ts'
import type { JobTable, VaultTable } from '../store/schema.ts'
import { damageIn, listScrubs, nextPassAt } from '../store/vaults/vault-scrubs.ts'
import type { ScrubState } from '../store/vaults/vault-scrubs.ts'
import { vaultNamed } from './jobs.ts'

/**
 * How the bytes of a vault, or of all of the region, are: when they were last read through, how far that is now, what is damaged, and what
 * became of its repair. Which items are hit is told by jobs only, to those who may see these.
 */
export async function listVaultHealth(
  ctx: Context,
  input: ListVaultHealthInput,
): Promise<ListVaultHealthOutput> {
  const only = input.BackupVaultName === undefined ? undefined : await vaultNamed(ctx, input.BackupVaultName)
  const all = await listScrubs(ctx.store.db)
  const shown = all
    .filter(({ vault }) => vault.account_id === ctx.accountId && vault.region === ctx.region)
    .filter(({ vault }) => only === undefined || vault.vault_id === only.vault_id)
    .toSorted((one, other) => (one.vault.name < other.vault.name ? -1 : 1))
  const repairs = await latestRepairs(ctx)
  return {
    Vaults: shown.map(({ vault, scrub }) => toHealth(vault, scrub, repairs.get(vault.name))),
    SystemVault: only === undefined ? await systemHealth(ctx) : undefined,
  }
}

/** Of the vault with the exports of identities, which is no account's: told to the management account, whichever region it asks in. */
async function systemHealth({
  store,
  accountId,
  server,
}: Context): Promise<ListVaultHealthOutput['SystemVault']> {
  const row = accountId === server.managementAccountId ? await findIdentityExport(store.db) : undefined
  if (row === undefined) return undefined
  const scrub = row.last_scrub === null ? undefined : (JSON.parse(row.last_scrub) as SystemScrub)
  const damage = scrub?.damage ?? []
  return {
    VaultId: row.vault_id,
    Region: row.region,
    LastScrubEnded: dateOf(scrub?.endedAt),
    LastScrubBytes: scrub?.bytes,
    LastExport: dateOf(row.exported_at),
    Problem: row.problem ?? undefined,
    ProblemSince: dateOf(row.problem_since),
    DamagedObjectCount: damage.length,
    DamagedObjects: damage.map(({ blob, reason }) => ({ Name: blob, Reason: reason })),
  }
}

type Repair = Pick<JobTable, 'job_id' | 'state' | 'status_message' | 'vault_name'>

/** By name of the vault. */
async function latestRepairs(ctx: Context): Promise<ReadonlyMap<string, Repair>> {
  const jobs = await ctx.store.db
    .selectFrom('job')
    .select(['job_id', 'state', 'status_message', 'vault_name'])
    .where('account_id', '=', ctx.accountId)
    .where('region', '=', ctx.region)
    .where('kind', '=', 'repair')
    .orderBy('created_at')
    .orderBy('job_id')
    .execute()
  return new Map(jobs.map((job) => [job.vault_name as string, job]))
}

function toHealth(vault: VaultTable, scrub: ScrubState, repair: Repair | undefined): VaultHealth {
  const { blobs, points } = damageIn(scrub.damage)
  const isUnderWay = scrub.pass_started_at !== null
  const percent = (100 * scrub.pass_bytes) / Math.max(1, scrub.pass_total_bytes)
  return {
    BackupVaultName: vault.name,
    BackupVaultArn: vault.arn,
    LastScrubStarted: dateOf(scrub.last_started_at),
    LastScrubEnded: dateOf(scrub.last_ended_at),
    LastScrubBytes: scrub.last_ended_at === null ? undefined : scrub.last_bytes,
    ScrubStarted: dateOf(scrub.pass_started_at),
    ScrubPercentDone: isUnderWay ? Math.min(100, percent) : undefined,
    NextScrub: dateOf(nextPassAt(vault, scrub)),
    DamagedObjectCount: scrub.damaged_blobs,
    DamagedObjects: blobs.map(({ blob, reason }) => ({ Name: blob, Reason: reason })),
    DamagedRecoveryPointCount: scrub.damaged_points,
    DamagedRecoveryPoints: points.map(({ recoveryPointArn, resourceArn, itemCount, isListHurt }) => ({
      RecoveryPointArn: recoveryPointArn,
      ResourceArn: resourceArn,
      ItemCount: itemCount,
      IsItemListDamaged: isListHurt,
    })),
    LatestRepairJobId: repair?.job_id,
    LatestRepairState: repair?.state,
  }
}

const dateOf = (at: number | null | undefined): Date | undefined => (at == null ? undefined : new Date(at))
