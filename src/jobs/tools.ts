import type { Clock } from '../lib/clock.ts'
import type { Log } from '../lib/log.ts'
import type { ServerKey } from '../keyring/server-key.ts'
import type { Claim } from '../store/jobs/claims.ts'
import type { JobTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import type { RunningTime } from './running-time.ts'
import type { SourceBandwidth } from './source-bandwidth.ts'
import type { VaultRegistry } from './vaults/vault-registry.ts'

/** What the worker side works with. */
export interface JobTools {
  readonly store: Store
  readonly serverKey: ServerKey
  readonly clock: Clock
  readonly log: Log
  readonly vaults: VaultRegistry
  readonly runningTime: RunningTime
  readonly sourceBandwidth: SourceBandwidth
  /** Directories that restores and exports may write below, beside those of registered resources. */
  readonly allowedRoots: readonly string[]
  /** The server's own data: no job reads or writes it. */
  readonly dataDir: string
  /** Where vaults of further regions lie: no job writes there by another way. */
  readonly vaultRoots: readonly string[]
}

/** A job under way: its row as claimed, and how to end or tell of it. */
export interface RunningJob {
  readonly row: JobTable
  readonly claim: Claim
  /** Aborted when the job must end: stopped by the user, out of time, lease lost, role revoked, server going down. */
  readonly signal: AbortSignal
  /** What the next heartbeat writes. */
  readonly progress: {
    bytesTotal: number | undefined
    bytesDone: number
    itemsDone: number
    itemsFailed: number
  }
  /** Ends the job with this error as its reason. */
  abort(reason: Error): void
  /** Renews the lease now. @throws {LeaseLostError} Before every point of no return. */
  check(): Promise<void>
}

/** How a job ended well. What ends badly is thrown. */
export interface JobOutcome {
  readonly state: 'COMPLETED' | 'PARTIAL'
  readonly message?: string | undefined
  readonly category?: string | undefined
  readonly result?: Readonly<Record<string, unknown>> | undefined
  /** True where the job's own last transaction has ended its row already. */
  readonly isFinished?: boolean
}

export type JobRunner = (tools: JobTools, job: RunningJob) => Promise<JobOutcome>
