import type { VaultTable } from '../store/schema.ts'
import { findVault } from '../store/vaults.ts'
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
  if (result.problemCount > 0) {
    const others = readData ? 'All others are whole' : 'All others have all their blobs'
    throw new JobFailedError(damageSentence(vault.name, result, await arnsOf(tools, vault), others), 'DAMAGE')
  }
  return {
    state: 'COMPLETED',
    message: `${result.points} recovery points with ${result.items} items, ${readData ? `${result.blobs} blobs read` : 'all blobs there, their data not read'}: no damage found`,
    result: {
      points: result.points,
      items: result.items,
      blobs: result.blobs,
      bytes: result.bytes,
      problems: result.problems.slice(0, IN_RESULT),
    },
  }
}

/** What is damaged, each once, and which recovery points it is known to hit; never more comfort than was found out. */
function damageSentence(
  vaultName: string,
  { problems, problemCount }: VerifyResult,
  arns: ReadonlyMap<string, string>,
  others: string,
): string {
  const reasons = [...new Set(problems.map(({ blob, reason }) => `${blob}: ${reason}`))]
  const points = [...new Set(problems.flatMap(({ pointId }) => pointId ?? []))]
  const isAllKnown = problems.length === problemCount && problems.every((one) => one.pointId !== undefined)
  return (
    `Verify found damage in backup vault ${vaultName}: ${firstOf(reasons, '; ')}. ` +
    (points.length === 0
      ? ''
      : `Recovery points hit: ${firstOf(
          points.map((id) => arns.get(id) ?? id),
          ', ',
        )}. `) +
    (isAllKnown ? `${others}. ` : 'Others that use what is damaged are hit, too. ') +
    'Start new backups of what is hit, and look after the storage'
  )
}

function firstOf(texts: readonly string[], separator: string): string {
  const more = texts.length > SHOWN ? `${separator}and ${texts.length - SHOWN} more` : ''
  return `${texts.slice(0, SHOWN).join(separator)}${more}`
}

/** The names that people know recovery points by. */
async function arnsOf(tools: JobTools, vault: VaultTable): Promise<ReadonlyMap<string, string>> {
  const rows = await tools.store.db
    .selectFrom('recovery_point')
    .select(['arn', 'point_id'])
    .where('account_id', '=', vault.account_id)
    .where('region', '=', vault.region)
    .where('vault_name', '=', vault.name)
    .execute()
  return new Map(rows.map(({ arn, point_id }) => [String(point_id), arn]))
}
