import { efs } from '../../kinds/efs.ts'
import { printable } from '../../lib/log.ts'
import { ResticDamageError } from '../../restic/blob-index.ts'
import { RepositoryError } from '../../restic/repository.ts'
import { SealBrokenError } from '../../restic/sealing.ts'
import { describeSnapshot } from '../../restic/snapshots.ts'
import type { StoredSnapshot } from '../../restic/snapshots.ts'
import { findRecoveryPoint } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../../store/schema.ts'
import { tagsOf } from '../../store/identity/tags.ts'
import { JobFailedError } from '../errors.ts'
import { outsideDirectory, placeFor, refuseResources } from '../exports/export-target.ts'
import { decideImport } from './import-plan.ts'
import type { Before, ImportInput, ImportPlan } from './import-plan.ts'
import { importPoint } from './import-point.ts'
import { directoryOf, importedId, openSource } from './import-source.ts'
import type { ImportSource } from './import-source.ts'
import { Problems } from '../problems.ts'
import { checkRetention } from '../plans/protection.ts'
import type { JobOutcome, JobRunner, JobTools, RunningJob } from '../tools.ts'
import { resourceOf, vaultToFill } from '../vaults/vault-to-fill.ts'

const DAY_MS = 86_400_000
const NOUN = 'Import job'

/** What the job did so far. */
interface Tally {
  points: number
  bytes: number
  known: number
  expired: number
  elsewhere: number
  droppedXattrs: number
  readonly damaged: string[]
}

/**
 * An import job: each chosen snapshot of a restic repository becomes a recovery point of the resource, with the snapshot's time as
 * that of its creation, written under a session of the role for that point alone, as a backup is. The oldest first, so that each takes
 * over unread what the one before has. A snapshot that the vault has already is left as it is, so that a job may begin again, and one
 * that is damaged is not imported, keeps none of the others out, and is named.
 */
export const runImport: JobRunner = async (tools, job) => {
  try {
    return await importAll(tools, job)
  } catch (error) {
    throw job.signal.aborted ? error : told(error)
  }
}

async function importAll(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const plan = await planOf(tools, job)
  await using source = await open(tools, job, plan)
  const tally: Tally = {
    points: 0,
    bytes: 0,
    known: 0,
    expired: 0,
    elsewhere: 0,
    droppedXattrs: 0,
    damaged: [],
  }
  let before: Before | undefined
  for (const snapshot of source.snapshots) {
    await job.check()
    try {
      before = (await importSnapshot(tools, job, { plan, source, snapshot, before, tally })) ?? before
    } catch (error) {
      if (!(error instanceof ResticDamageError)) throw error
      tally.damaged.push(`${describeSnapshot(snapshot)}: ${error.message}`)
    }
  }
  return outcomeOf(plan, tally)
}

async function planOf(tools: JobTools, { row }: RunningJob): Promise<ImportPlan> {
  const input = JSON.parse(row.input) as ImportInput
  const vault = await vaultToFill(tools, row, NOUN)
  const resource = await resourceOf(tools, row, NOUN)
  const opened = await tools.vaults.open(vault)
  await checkRetention(tools, { vault, opened, jobNoun: NOUN }, input.lifecycle.deleteAfterDays)
  const tags = await tagsOf(tools.store.db, row.account_id, resource.arn)
  return { input, vault, resource, tags, problems: new Problems() }
}

/** Opens the repository once the role may fill recovery points of the resource at all. */
async function open(tools: JobTools, job: RunningJob, plan: ImportPlan): Promise<ImportSource> {
  const { input } = plan
  const role = await decideImport(tools, job, plan, { arn: pointArn(plan, job.row.job_id), tags: {} })
  try {
    const directory = await outsideDirectory(await placeFor(tools, job.row, input.sourcePath, NOUN))
    await refuseResources(tools.store, directory, NOUN)
    const password = tools.serverKey.open('job-secret', job.row.job_id, input.password).toString()
    return await openSource(directory, password, input, job.signal)
  } finally {
    await role.close()
  }
}

function pointArn({ vault, resource }: ImportPlan, id: string): string {
  return efs.recoveryPointArn({
    region: vault.region,
    accountId: vault.account_id,
    jobId: id,
    name: resource.name,
    createdAt: new Date(0),
  })
}

interface SnapshotImport {
  readonly plan: ImportPlan
  readonly source: ImportSource
  readonly snapshot: StoredSnapshot
  readonly before: Before | undefined
  readonly tally: Tally
}

async function importSnapshot(
  tools: JobTools,
  job: RunningJob,
  { plan, source, snapshot, before, tally }: SnapshotImport,
): Promise<Before | undefined> {
  const { input, vault, resource } = plan
  const path = (input.path ?? '')
    .split('/')
    .filter((name) => name !== '')
    .join('/')
  const arn = pointArn(
    plan,
    importedId([vault.vault_id, resource.unique_id, source.repository.id, snapshot.id, path]),
  )
  const known = await findRecoveryPoint(tools.store.db, vault.account_id, arn)
  if (known !== undefined && known.status !== 'CREATING') {
    tally.known++
    return await asBefore(source, snapshot, input, known)
  }
  const createdAt = Math.min(Math.max(snapshot.time, 0), tools.clock.now())
  const { deleteAfterDays } = input.lifecycle
  if (deleteAfterDays !== null && createdAt + deleteAfterDays * DAY_MS <= tools.clock.now()) {
    tally.expired++
    return undefined
  }
  const from = await directoryOf(source, snapshot, input)
  if (from === undefined) {
    tally.elsewhere++
    return undefined
  }
  const made = await importPoint(tools, job, {
    plan,
    source,
    snapshot,
    from,
    before,
    arn,
    createdAt,
    deleteAfterDays,
  })
  tally.points++
  tally.bytes += made.bytes
  tally.droppedXattrs += made.droppedXattrs
  return { from, pointId: made.pointId }
}

async function asBefore(
  source: ImportSource,
  snapshot: StoredSnapshot,
  input: ImportInput,
  known: RecoveryPointTable,
): Promise<Before | undefined> {
  if (known.status !== 'COMPLETED' && known.status !== 'PARTIAL') return undefined
  const from = await directoryOf(source, snapshot, input)
  return from && { from, pointId: known.point_id }
}

/** @throws {JobFailedError} Where snapshots were damaged. */
function outcomeOf({ input, problems }: ImportPlan, tally: Tally): JobOutcome {
  const { points, known, expired, elsewhere, droppedXattrs, damaged, bytes } = tally
  const result = { snapshots: points, knownSnapshots: known, bytes }
  if (damaged.length > 0) {
    const rest = `${count(points, 'other snapshot')} ${points === 1 ? 'was' : 'were'} imported and ${known} were there already`
    throw new JobFailedError(
      `Import job failed: ${count(damaged.length, 'snapshot')} could not be imported: ${damaged.slice(0, MAX_TOLD).join('; ')}. ${rest}`,
      'DAMAGE',
      { result },
    )
  }
  if (points + known + expired === 0)
    throw new JobFailedError(`Import job failed: ${nothingFits(input, elsewhere)}`)
  const sentences = [
    problems.sentence('could not be imported'),
    known > 0 ? `${count(known, 'snapshot')} had been imported before` : undefined,
    expired > 0 ? `${count(expired, 'snapshot')} left away: older than DeleteAfterDays already` : undefined,
    elsewhere > 0
      ? `${count(elsewhere, 'snapshot')} left away: no directory "${printable(input.path ?? '/')}" in them`
      : undefined,
    droppedXattrs > 0
      ? `${count(droppedXattrs, 'extended attribute')} of the system left away, as backups do`
      : undefined,
  ]
  return {
    state: problems.count === 0 ? 'COMPLETED' : 'PARTIAL',
    message: sentences.filter((sentence) => sentence !== undefined).join('. ') || undefined,
    result,
  }
}

function nothingFits({ path, hostname }: ImportInput, elsewhere: number): string {
  if (elsewhere > 0)
    return `no directory "${printable(path ?? '/')}" in ${count(elsewhere, 'snapshot')} of the repository`
  const ofHost = hostname === undefined ? '' : ` of the host "${printable(hostname)}"`
  return `the repository has no snapshot${ofHost}`
}

/** Damaged snapshots whose reason is told; all are counted. */
const MAX_TOLD = 3

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`

/** The job's end in the user's words, for what can be wrong with a repository; the rest is left as it is. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (error instanceof ResticDamageError || error instanceof SealBrokenError) {
    return new JobFailedError(`Import job failed: ${error.message}`, 'DAMAGE', { cause: error })
  }
  const isOfSystem = typeof (error as NodeJS.ErrnoException).syscall === 'string'
  if (isOfSystem || error instanceof RepositoryError || error instanceof RangeError) {
    return new JobFailedError(`Import job failed: ${error.message}`, 'FAILURE', { cause: error })
  }
  return error
}
