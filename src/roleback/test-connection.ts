import { setTimeout as sleep } from 'node:timers/promises'
import { InvalidRequestException } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { isFinished } from '../store/job-states.ts'
import { findJob, insertJob, jobBasics, requestCancel } from '../store/jobs.ts'
import type { Settings } from './connections.ts'

/** What a worker needs to try a connection that is not registered yet. */
export interface ConnectionToTest {
  readonly uniqueId: string
  readonly version: number
  readonly type: string
  readonly arn: string
  readonly settings: Settings
  /** Sealed, bound to unique id and version. */
  readonly secret: string | null
}

/** How long a caller waits for the worker's answer, in milliseconds. */
const PATIENCE_MS = 25_000
const LOOK_EVERY_MS = 50

/**
 * Has a worker try the connection, since only workers reach resources, and waits for its answer.
 *
 * @returns Warnings that do not stop the registration, e.g. tables the user may not read.
 * @throws {InvalidRequestException} With what the source answered.
 */
export async function testConnection(ctx: Context, connection: ConnectionToTest): Promise<readonly string[]> {
  const { row } = await insertJob(ctx.store.db, {
    ...jobBasics(ctx, 'test-connection'),
    resource_arn: connection.arn,
    resource_type: connection.type,
    input: JSON.stringify(connection),
  })
  ctx.store.wake()
  for (let waited = 0; waited < PATIENCE_MS; waited += LOOK_EVERY_MS) {
    await sleep(LOOK_EVERY_MS)
    const job = await findJob(ctx.store.db, ctx.accountId, row.job_id)
    if (job === undefined || !isFinished(job.state)) continue
    if (job.state === 'COMPLETED') return (JSON.parse(job.result) as { warnings?: string[] }).warnings ?? []
    throw new InvalidRequestException(
      `The connection to ${connection.arn} does not work: ${job.status_message ?? job.state}`,
      {
        Context: connection.arn,
      },
    )
  }
  await requestCancel(ctx.store.db, row, ctx.clock.now(), 'Nobody waits for the answer any more')
  throw new InvalidRequestException(
    `The connection to ${connection.arn} was not tested within ${PATIENCE_MS / 1000} s: no worker took it up, or the source does not answer`,
  )
}
