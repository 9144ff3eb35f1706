import { hostname } from 'node:os'
import type { ResourceType } from '../../kinds/kind.ts'
import type { ResticNode } from '../../restic/node.ts'
import { RepositoryError } from '../../restic/repository.ts'
import type { Repository } from '../../restic/repository.ts'
import { SealBrokenError } from '../../restic/sealing.ts'
import { writeSnapshot } from '../../restic/snapshot.ts'
import type { SnapshotResult } from '../../restic/snapshot.ts'
import { ResticNodeError } from '../../restic/tree.ts'
import { findRecoveryPoint, RESTORABLE } from '../../store/points/recovery-points.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import { tagsOf, tagsOfAll } from '../../store/identity/tags.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { ChunkMissingError, PointNotFoundError, VaultDamageError } from '../../vault/errors.ts'
import { JobFailedError } from '../errors.ts'
import { bucketNodes } from './export-bucket.ts'
import { databaseNodes } from './export-database.ts'
import { directoryNodes } from './export-directory.ts'
import { decideExport } from './export-rights.ts'
import { ExportDamageError } from './export-source.ts'
import type { ExportSource } from './export-source.ts'
import { exportedBefore, openOrCreate, outsideDirectory, placeFor, refuseResources } from './export-target.ts'
import { openJobRole } from '../job-role.ts'
import { tellMetDamage } from '../upkeep/met-damage.ts'
import { Problems } from '../problems.ts'
import type { JobOutcome, JobRunner, JobTools, RunningJob } from '../tools.ts'

interface ExportInput {
  readonly format: 'restic'
  readonly targetPath: string
  /** Sealed as `job-secret` of this job. */
  readonly password: string
  readonly recoveryPointArns: readonly string[]
}

/** Both ends of an export, looked up before anything is decided. */
interface Plan {
  readonly vault: VaultTable
  readonly points: readonly RecoveryPointTable[]
  readonly directory: string
  /** Opened or made once the first recovery point may be exported. */
  readonly open: () => Promise<OpenRepository>
  readonly problems: Problems
}

interface OpenRepository {
  readonly repository: Repository
  /** ARNs of recovery points that it had snapshots of before this job. */
  readonly before: ReadonlySet<string>
}

const NODES: Readonly<Record<ResourceType, (source: ExportSource) => AsyncIterable<ResticNode>>> = {
  EFS: directoryNodes,
  RDS: databaseNodes,
  S3: bucketNodes,
}

/**
 * An export job: each recovery point becomes one snapshot of a restic repository, read under a session of the role for that point
 * alone (what it is asked for: see `decideExport`). A snapshot is written last and whole or not at all; those of earlier points
 * stay when a later one fails. Points that the repository has already are left as they are, so that a job may begin again.
 */
export const runExport: JobRunner = async (tools, job) => {
  try {
    return await exportAll(tools, job)
  } catch (error) {
    if (!job.signal.aborted && !(error instanceof JobFailedError))
      await tellMetDamage(tools, job, job.row.vault_name as string, [(error as Error).message])
    throw job.signal.aborted ? error : told(error)
  }
}

async function exportAll(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const plan = await planOf(tools, job)
  const { points, problems } = plan
  job.progress.bytesTotal = points.reduce((sum, point) => sum + point.size_bytes, 0)
  let snapshots = 0
  let bytes = 0
  for (const point of points) {
    await job.check()
    const result = await exportPoint(tools, job, plan, point)
    if (result === undefined) continue
    snapshots++
    bytes += result.bytes
  }
  if (problems.count > 0) {
    await tellMetDamage(tools, job, plan.vault.name, problems.damage)
    throw new JobFailedError(
      `Export job failed: ${problems.sentence('could not be exported')}. Everything else lies in the snapshots in "${plan.directory}"`,
    )
  }
  const before = points.length - snapshots
  return {
    state: 'COMPLETED',
    ...(before > 0 && {
      message: `${before} of ${points.length} recovery points were in the repository already`,
    }),
    result: { snapshots, bytes },
  }
}

async function planOf(tools: JobTools, { row }: RunningJob): Promise<Plan> {
  const { db } = tools.store
  const input = JSON.parse(row.input) as ExportInput
  const vault = await findVault(db, row.account_id, row.region, row.vault_name as string)
  if (vault === undefined)
    throw new JobFailedError(`Export job failed: backup vault ${row.vault_name} is gone`)
  const points: RecoveryPointTable[] = []
  for (const arn of new Set(input.recoveryPointArns)) {
    const point = await findRecoveryPoint(db, row.account_id, arn)
    if (point === undefined || point.vault_name !== vault.name || !RESTORABLE.includes(point.status)) {
      throw new JobFailedError(`Export job failed: recovery point ${arn} is ${point?.status ?? 'gone'}`)
    }
    points.push(point)
  }
  const directory = await outsideDirectory(await placeFor(tools, row, input.targetPath, 'Export job'))
  await refuseResources(tools.store, directory, 'Export job')
  const openNow = async (): Promise<OpenRepository> => {
    const password = tools.serverKey.open('job-secret', row.job_id, input.password).toString()
    const repository = await openOrCreate(directory, password)
    return { repository, before: await exportedBefore(repository) }
  }
  let opening: Promise<OpenRepository> | undefined
  const open = (): Promise<OpenRepository> => (opening ??= openNow())
  return { vault, points, directory, open, problems: new Problems() }
}

/** @returns What was written; undefined where the repository had the recovery point already. */
async function exportPoint(
  tools: JobTools,
  job: RunningJob,
  plan: Plan,
  point: RecoveryPointTable,
): Promise<SnapshotResult | undefined> {
  const { row } = job
  const type = point.resource_type as ResourceType
  const role = await openJobRole(tools, job, {
    resource: {
      arn: point.resource_arn,
      uniqueId: point.resource_unique_id,
      name: point.resource_name,
      tags: await tagsOf(tools.store.db, row.account_id, point.resource_arn),
    },
    scope: {
      resourceArn: point.resource_arn,
      recoveryPointArn: point.arn,
      backupVaultArn: plan.vault.arn,
    },
    vaultUse: 'read',
    tags: await tagsOfAll(tools.store.db, row.account_id, [point.arn]),
    // The bytes come from the vault: the source is not asked, and may be gone.
    connect: () => ({ settings: {}, secret: undefined }),
  })
  try {
    using reader = await (await tools.vaults.holding(plan.vault, point)).openPoint(point.point_id)
    await decideExport(role.session, type, reader)
    const { repository, before } = await plan.open()
    if (before.has(point.arn)) return undefined
    const source = sourceOf(job, plan, point, reader)
    return await writeSnapshot(repository, {
      nodes: counted(job, NODES[type](source)),
      paths: [`/${point.resource_name}`],
      hostname: hostname(),
      username: 'roleback',
      time: source.createdAt,
      tags: [point.arn, point.resource_arn],
      signal: job.signal,
    })
  } finally {
    await role.close()
  }
}

function sourceOf(
  job: RunningJob,
  plan: Plan,
  point: RecoveryPointTable,
  reader: ExportSource['reader'],
): ExportSource {
  return {
    reader,
    name: point.resource_name,
    createdAt: new Date(point.created_at),
    signal: job.signal,
    problem: (problem) => {
      plan.problems.add(problem)
      job.progress.itemsFailed = plan.problems.count
    },
  }
}

/** Tells the job's progress of nodes and bytes that pass. */
async function* counted(
  { progress }: RunningJob,
  nodes: AsyncIterable<ResticNode>,
): AsyncGenerator<ResticNode, void, void> {
  for await (const node of nodes) {
    progress.itemsDone++
    const { content } = node
    yield content === undefined ? node : { ...node, content: () => countedBytes(progress, content()) }
  }
}

async function* countedBytes(
  progress: RunningJob['progress'],
  content: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  for await (const bytes of content) {
    progress.bytesDone += bytes.length
    yield bytes
  }
}

const DAMAGE = [VaultDamageError, ChunkMissingError, PointNotFoundError, ExportDamageError, SealBrokenError]
const REFUSED = [RepositoryError, ResticNodeError]

/** The job's end in the user's words, for what can happen to an honest export; the rest is left as it is. */
function told(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  if (DAMAGE.some((type) => error instanceof type)) {
    return new JobFailedError(`Export job failed: ${error.message}`, 'DAMAGE', { cause: error })
  }
  const isOfSystem = typeof (error as NodeJS.ErrnoException).syscall === 'string'
  if (isOfSystem || REFUSED.some((type) => error instanceof type)) {
    return new JobFailedError(`Export job failed: ${error.message}`, 'FAILURE', { cause: error })
  }
  return error
}
