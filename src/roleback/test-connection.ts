import type { Context } from '../context.ts'
import type { Settings } from './connections.ts'
import { askWorker } from './worker-answer.ts'

/** What a worker needs to try a connection, whether or not it is registered. */
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

/**
 * Has a worker try the connection, since only workers reach resources, and waits for its answer.
 *
 * @returns Warnings that stop nothing, e.g. tables the user may not read.
 * @throws {InvalidRequestException} With what the source answered.
 */
export async function testConnection(ctx: Context, connection: ConnectionToTest): Promise<readonly string[]> {
  const answer = await askWorker(ctx, {
    kind: 'test-connection',
    about: {
      resource_arn: connection.arn,
      resource_type: connection.type,
      input: JSON.stringify(connection),
    },
    patienceMs: PATIENCE_MS,
    failed: `The connection to ${connection.arn} does not work`,
    late: `The connection to ${connection.arn} was not tested`,
  })
  return (answer as { readonly warnings?: readonly string[] }).warnings ?? []
}
