import { driverOf } from '../../drivers/drivers.ts'
import { ItemError, QueryRefusedError } from '../../drivers/driver.ts'
import { kindOfArn } from '../../kinds/kinds.ts'
import { kindOfValidator, MAX_ROWS } from '../../plans/validators.ts'
import type { Validator } from '../../plans/validators.ts'
import { judgeCount, judgeRows, verdictOf } from '../../plans/validator-verdicts.ts'
import type { Judgement, ValidatorResult } from '../../plans/validator-verdicts.ts'
import { findRecoveryPoint } from '../../store/points/recovery-points.ts'
import { findRestoreTest } from '../../store/plans/restore-tests.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { ChunkMissingError, VaultDamageError } from '../../vault/errors.ts'
import { compareFiles } from '../compare-files.ts'
import type { ComparedFiles } from '../compare-files.ts'
import { AccessDeniedError, JobFailedError } from '../errors.ts'
import { openTestedPlace, testedPlaceOf } from './tested-place.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'

/** A query is ended by the server then, in milliseconds. */
const QUERY_MS = 60_000

/** Runs the built-in validators of a restore test under the test's role, each to its end, whatever those before said. */
export async function runValidateRestoreTest(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row, signal } = job
  const { db } = tools.store
  const place = await testedPlaceOf(tools, row)
  const { restoreJobId } = JSON.parse(row.input) as { readonly restoreJobId: string }
  const test = await findRestoreTest(db, restoreJobId)
  if (test === undefined) throw new JobFailedError(`Restore test ${restoreJobId} is gone`)
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  const stored = await findRecoveryPoint(db, row.account_id, row.recovery_point_arn as string)
  if (vault === undefined || stored === undefined)
    throw new JobFailedError(
      `Recovery point ${row.recovery_point_arn} is gone: there is nothing to compare with`,
    )
  const { validation } = driverOf(place.type)
  const role = await openTestedPlace(tools, job, place, 'read')
  try {
    using point = await (await tools.vaults.open(vault)).openPoint(stored.point_id)
    const resourceName = kindOfArn(stored.resource_arn)?.name ?? stored.resource_name
    const tested: ComparedFiles = {
      restoreJobId,
      validation,
      content: validation.content(role.thing),
      point,
      items: () => validation.items(point, place.metadata, resourceName),
      signal,
    }
    const results: ValidatorResult[] = []
    for (const validator of JSON.parse(test.validators) as readonly Validator[]) {
      signal.throwIfAborted()
      const { isGood, message } = await judged(tested, validator)
      const { Name: name } = validator
      results.push({
        name,
        kind: kindOfValidator(validator),
        status: isGood ? 'SUCCESSFUL' : 'FAILED',
        message,
      })
      job.progress.itemsDone = results.length
    }
    return { state: 'COMPLETED', message: verdictOf(results).message, result: { results } }
  } finally {
    await role.close()
  }
}

/** What one validator says. One that cannot be run proves nothing, so it fails; what may pass by itself is tried again. */
async function judged(tested: ComparedFiles, validator: Validator): Promise<Judgement> {
  try {
    return await judge(tested, validator)
  } catch (error) {
    if (!(error instanceof Error) || !ANSWERS.some((type) => error instanceof type)) throw error
    return { isGood: false, message: error.message }
  }
}

/** What says of the test, not of the moment, that it is not good. */
const ANSWERS = [AccessDeniedError, ItemError, QueryRefusedError, VaultDamageError, ChunkMissingError]

async function judge(tested: ComparedFiles, validator: Validator): Promise<Judgement> {
  const { FileChecksumSample: sample, ObjectCount: count, SqlQuery: query } = validator
  if (sample !== undefined) return await compareFiles(tested, sample)
  if (count !== undefined) {
    const found = await tested.content.count()
    return judgeCount(count, found, count.TolerancePercent === undefined ? undefined : await itemsOf(tested))
  }
  if (query === undefined)
    throw new Error(`Validator "${validator.Name}" is of a kind that is not known here`)
  const limits = { rows: MAX_ROWS + 1, milliseconds: QUERY_MS }
  return judgeRows(query, await tested.content.query(query.Query, limits))
}

async function itemsOf({ items, signal }: ComparedFiles): Promise<number> {
  let count = 0
  for await (const page of items()) {
    signal.throwIfAborted()
    count += page.length
  }
  return count
}
