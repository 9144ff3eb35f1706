import { findVault } from '../store/vaults.ts'
import { headName } from '../vault/heads.ts'
import { verifyVault } from '../vault/verify.ts'
import type { VerifyResult } from '../vault/verify.ts'
import { checkPacksInThreads } from './check-packs.ts'
import { announceDamage, firstOf, keepDamagedPacks, MAX_NAMED, namedPoints, pointSentence } from './damage.ts'
import type { BlobDamage, PointDamage } from './damage.ts'
import { JobFailedError } from './errors.ts'
import { missingPoints } from './missing-points.ts'
import type { MissingPoint } from './missing-points.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

/** Reads a vault and checks that every recovery point can be restored; with `readData` every byte of every pack. */
export async function runVerify(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const vault = await findVault(tools.store.db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined) throw new JobFailedError(`Verify failed: backup vault ${row.vault_name} is gone`)
  const { readData } = JSON.parse(row.input) as { readData: boolean }
  const opened = await tools.vaults.open(vault)
  const inVault = await verifyVault(opened, {
    readData,
    checkPacks: checkPacksInThreads,
    signal: job.signal,
    progress: (bytes) => {
      job.progress.bytesDone += bytes
    },
  })
  const result = withMissing(inVault, await missingPoints(tools.store.db, vault, opened))
  job.progress.itemsDone = result.items
  await keepDamagedPacks(tools, opened, result.damagedPacks)
  await opened.clearDamage(result.healedPacks)
  const damage = await namedPoints(tools, vault, result.hurt)
  const blobs = blobsOf(result)
  const found = { blobs, blobCount: blobs.length, points: damage, pointCount: result.hurt.length }
  await announceDamage(tools, vault, found, `verify ${row.job_id}`)
  const record = {
    points: result.points,
    items: result.items,
    blobs: result.blobs,
    bytes: result.bytes,
    problems: result.problems.slice(0, MAX_NAMED),
    damage,
  }
  if (result.problemCount > 0) {
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

/** With the recovery points that only the rows know of. */
function withMissing(result: VerifyResult, missing: readonly MissingPoint[]): VerifyResult {
  const problems = missing.map(({ pointId }) => ({
    blob: headName(pointId),
    reason: `Cannot use "${headName(pointId)}" of the vault: it is gone, and nobody deleted the recovery point`,
    pointId,
  }))
  const hurt = missing.map(({ pointId }) => ({ pointId, itemCount: 0, keys: [], isUnlisted: true }))
  return {
    ...result,
    problems: [...result.problems, ...problems],
    problemCount: result.problemCount + problems.length,
    hurt: [...result.hurt, ...hurt],
  }
}

/** Each damaged blob once, with what was found of it first. */
function blobsOf({ problems }: Pick<VerifyResult, 'problems'>): readonly BlobDamage[] {
  const first = new Map<string, string>()
  for (const { blob, reason } of problems) if (!first.has(blob)) first.set(blob, reason)
  return [...first].map(([blob, reason]) => ({ blob, reason }))
}

/** What is damaged, each once, and which recovery points and items it hits; never more comfort than was found out. */
function damageSentence(
  vaultName: string,
  { problems, hurt }: VerifyResult,
  damage: readonly PointDamage[],
  readData: boolean,
): string {
  const reasons = blobsOf({ problems }).map(({ blob, reason }) => `${blob}: ${reason}`)
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
