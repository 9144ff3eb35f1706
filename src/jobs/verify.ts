import { printable } from '../lib/log.ts'
import type { VaultTable } from '../store/schema.ts'
import { findVault } from '../store/vaults.ts'
import type { Vault } from '../vault/vault.ts'
import { verifyVault } from '../vault/verify.ts'
import type { VerifyResult } from '../vault/verify.ts'
import { checkPacksInThreads } from './check-packs.ts'
import { JobFailedError } from './errors.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** Problems named in the job's message; the result has more. */
const SHOWN = 5
const IN_RESULT = 100

/** Reads a vault and checks that every recovery point can be restored; with `readData` every byte of every pack. */
export async function runVerify(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const vault = await findVault(tools.store.db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) throw new JobFailedError(`Verify failed: backup vault ${row.vault_name} is gone`)
  const { readData } = JSON.parse(row.input) as { readData: boolean }
  const opened = await tools.vaults.open(vault)
  const result = await verifyVault(opened, {
    readData,
    checkPacks: checkPacksInThreads,
    signal: job.signal,
    progress: (bytes) => {
      job.progress.bytesDone += bytes
    },
  })
  job.progress.itemsDone = result.items
  await keepFindings(tools, opened, result)
  const damage = await damageOf(tools, vault, result)
  const record = {
    points: result.points,
    items: result.items,
    blobs: result.blobs,
    bytes: result.bytes,
    problems: result.problems.slice(0, IN_RESULT),
    damage,
  }
  if (result.problemCount > 0) {
    for (const { blob, reason, pointId } of record.problems)
      tools.log.error('damage in a vault', { vault: vault.arn, blob, reason, point: pointId })
    for (const hurt of damage)
      tools.log.error('a recovery point is damaged', { ...hurt, items: hurt.items.join(' ') })
    throw new JobFailedError(damageSentence(vault.name, result, damage, readData), 'DAMAGE', {
      result: record,
    })
  }
  return {
    state: 'COMPLETED',
    message: `${result.points} recovery points with ${result.items} items, ${readData ? `${result.blobs} blobs read` : 'all blobs there, their data not read'}: no damage found`,
    result: record,
  }
}

/** So that the next backups store again what rotted, whoever runs them. */
async function keepFindings(
  { clock }: JobTools,
  vault: Vault,
  { damagedPacks, healedPacks }: VerifyResult,
): Promise<void> {
  const foundAt = clock.now()
  await vault.recordDamage(damagedPacks.map(({ blob, reason }) => ({ pack: blob, reason, foundAt })))
  await vault.clearDamage(healedPacks)
}

/** A damaged recovery point in the names that people know it by. */
interface PointDamage {
  readonly recoveryPointArn: string
  readonly resourceArn: string | undefined
  readonly resourceName: string | undefined
  readonly itemCount: number
  /** The first of them, as text. */
  readonly items: readonly string[]
  /** There may be more: its own list of items is hurt. */
  readonly isListHurt: boolean
}

async function damageOf(
  tools: JobTools,
  vault: VaultTable,
  { hurt }: VerifyResult,
): Promise<readonly PointDamage[]> {
  if (hurt.length === 0) return []
  const rows = await tools.store.db
    .selectFrom('recovery_point')
    .select(['arn', 'point_id', 'resource_arn', 'resource_name'])
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .execute()
  const known = new Map(rows.map((row) => [String(row.point_id), row]))
  return hurt.slice(0, IN_RESULT).map(({ pointId, itemCount, keys, isUnlisted }) => {
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

/** What is damaged, each once, and which recovery points and items it hits; never more comfort than was found out. */
function damageSentence(
  vaultName: string,
  { problems, hurt }: VerifyResult,
  damage: readonly PointDamage[],
  readData: boolean,
): string {
  const first = problems.filter(({ blob }, i) => problems.findIndex((one) => one.blob === blob) === i)
  const reasons = first.map(({ blob, reason }) => `${blob}: ${reason}`)
  const others = readData ? 'All others are whole' : 'All others have all their blobs'
  const hit = firstOf(damage.map(pointSentence), '; ')
  return (
    `Verify found damage in backup vault ${vaultName}: ${firstOf(reasons, '; ')}. ` +
    (hurt.length === 0
      ? `No recovery point is hit. `
      : `Recovery points hit: ${hit}${hurt.length > damage.length ? ` (${hurt.length} in all)` : ''}. ${others}. `) +
    'Start new backups of what is hit, and look after the storage'
  )
}

function pointSentence({
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

function firstOf(texts: readonly string[], separator: string, count: number = texts.length): string {
  const more = count > SHOWN ? `${separator}and ${count - SHOWN} more` : ''
  return `${texts.slice(0, SHOWN).join(separator)}${more}`
}
