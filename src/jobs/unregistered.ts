import { driverOf } from '../drivers/drivers.ts'
import type { Connection, Driver } from '../drivers/driver.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { connectionOf } from './connections.ts'
import { JobFailedError } from './errors.ts'
import type { JobOutcome, JobRunner } from './tools.ts'

interface UnregisteredInput {
  readonly uniqueId: string
  readonly version: number
  readonly type: ResourceType
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly secret: string | null
}

/** Work on a connection that no resource has: it comes with the job, its secret sealed, and what the source says is the answer. */
function onConnection(
  work: (driver: Driver, connection: Connection, signal: AbortSignal) => Promise<JobOutcome['result']>,
): JobRunner {
  return async (tools, job) => {
    const input = JSON.parse(job.row.input) as UnregisteredInput
    const connection = connectionOf(tools.serverKey, {
      unique_id: input.uniqueId,
      version: input.version,
      settings: JSON.stringify(input.settings),
      secret: input.secret,
    })
    try {
      return { state: 'COMPLETED', result: await work(driverOf(input.type), connection, job.signal) }
    } catch (cause) {
      throw new JobFailedError(cause instanceof Error ? cause.message : String(cause), 'FAILURE', { cause })
    }
  }
}

/** Tries a connection before it is registered: whether it works, and which rights the source does not give. */
export const runTestConnection: JobRunner = onConnection(async (driver, connection, signal) => {
  const { warnings } = await driver.test(connection, signal)
  return { warnings }
})

/** Lists what is behind a discovery rule's connection, for a round whose role was allowed to look. */
export const runDiscover: JobRunner = onConnection(async (driver, connection, signal) => {
  const { names, isCut } = await driver.discover(connection, signal)
  return { names, isCut }
})
