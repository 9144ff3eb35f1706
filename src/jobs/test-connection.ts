import { driverOf } from '../drivers/drivers.ts'
import type { ResourceType } from '../kinds/kind.ts'
import { connectionOf } from './connections.ts'
import { JobFailedError } from './errors.ts'
import type { JobOutcome, JobTools, RunningJob } from './tools.ts'

interface TestInput {
  readonly uniqueId: string
  readonly version: number
  readonly type: ResourceType
  readonly settings: Readonly<Record<string, string | number | boolean>>
  readonly secret: string | null
}

/** Tries a connection before it is registered: whether it works, and which rights the source does not give. */
export async function runTestConnection(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const input = JSON.parse(job.row.input) as TestInput
  const connection = connectionOf(tools.serverKey, {
    unique_id: input.uniqueId,
    version: input.version,
    settings: JSON.stringify(input.settings),
    secret: input.secret,
  })
  try {
    const { warnings } = await driverOf(input.type).test(connection, job.signal)
    return { state: 'COMPLETED', result: { warnings } }
  } catch (cause) {
    throw new JobFailedError(cause instanceof Error ? cause.message : String(cause), 'FAILURE', { cause })
  }
}
