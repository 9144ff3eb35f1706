import { findVault } from '../store/vaults.ts'
import { verifyVault } from '../vault/verify.ts'
import type { VerifyResult } from '../vault/verify.ts'
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
    signal: job.signal,
    progress: (bytes) => {
      job.progress.bytesDone += bytes
    },
  })
  job.progress.itemsDone = result.items
  if (result.problemCount > 0) throw new JobFailedError(damageSentence(vault.name, result), 'DAMAGE')
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

function damageSentence(vaultName: string, result: VerifyResult): string {
  const named = result.problems
    .slice(0, SHOWN)
    .map(
      ({ blob, reason, pointId }) =>
        `${blob}: ${reason}${pointId === undefined ? '' : ` (recovery point ${pointId})`}`,
    )
  const more = result.problemCount > SHOWN ? `; and ${result.problemCount - SHOWN} more` : ''
  return (
    `Verify found damage in backup vault ${vaultName}: ${named.join('; ')}${more}. ` +
    'Recovery points that are not named are whole. Start new backups of what is hit, and look after the storage'
  )
}
