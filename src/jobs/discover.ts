import { driverOf } from '../drivers/drivers.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { connectionOf } from './connections.ts'
import { JobFailedError } from './errors.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

interface DiscoverInput {
  readonly uniqueId: string
  readonly version: number
  readonly type: ResourceType
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly secret: string | null
}

/** Lists what is behind a discovery rule's connection, for a round whose role was allowed to look. */
export async function runDiscover(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const input = JSON.parse(job.row.input) as DiscoverInput
  const connection = connectionOf(tools.serverKey, {
    unique_id: input.uniqueId,
    version: input.version,
    settings: JSON.stringify(input.settings),
    secret: input.secret,
  })
  try {
    const { names, isCut } = await driverOf(input.type).discover(connection, job.signal)
    return { state: 'COMPLETED', result: { names, isCut } }
  } catch (cause) {
    throw new JobFailedError(cause instanceof Error ? cause.message : String(cause), 'FAILURE', { cause })
  }
}
