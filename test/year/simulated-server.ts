import { join } from 'node:path'
import { serverKeyOf, vaultsDirectory } from '../../src/cli/server/first-start.ts'
import { Housekeeping } from '../../src/jobs/housekeeping.ts'
import { HEAVY, LIGHT } from '../../src/jobs/runners.ts'
import { RunningTime } from '../../src/jobs/running-time.ts'
import { SourceBandwidth } from '../../src/jobs/source-bandwidth.ts'
import { Scheduler } from '../../src/jobs/plans/scheduler.ts'
import type { JobTools } from '../../src/jobs/tools.ts'
import { VaultRegistry } from '../../src/jobs/vaults/vault-registry.ts'
import { Worker } from '../../src/jobs/worker.ts'
import { createLog } from '../../src/lib/log.ts'
import { openAuditChain } from '../../src/store/audit/audit-chain.ts'
import { UNFINISHED_STATES } from '../../src/store/jobs/job-states.ts'
import { openStore } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import type { World } from '../fixtures/world.ts'

/** Rounds of housekeeping after one step: each lets go a hundred points, and a server makes one in half a minute. */
const MAX_ROUNDS = 10

/** The worker side of a stopped server on its own data, as app.ts puts it together, by a clock that the test moves. */
export interface SimulatedServer extends AsyncDisposable {
  readonly store: Store
  readonly now: () => number
  readonly errors: readonly string[]
  /** Both clocks go on to there; what is due is done, to its end. */
  stepTo(at: number): Promise<void>
  /** Until no job is left. */
  drain(): Promise<void>
}

export async function simulatedServer(world: World, start: number): Promise<SimulatedServer> {
  const { dataDir, accountId, region } = world
  const time = { ms: start }
  const clock = { now: () => time.ms, monotonic: () => time.ms - start }
  const store = await openStore({ kind: 'sqlite', file: join(dataDir, 'roleback.db') })
  const serverKey = await serverKeyOf({ dataDir, serverKey: undefined }, store)
  const errors: string[] = []
  const log = createLog('json', (line) => {
    if (line.includes('"level":"error"')) errors.push(line)
  })
  const mac = (text: string): string => serverKey.fingerprint('audit', text)
  openAuditChain(store, { mac, accountId, writer: 'simulated', now: clock.now })
  const roots = new Map([[region, vaultsDirectory(dataDir)]])
  const tools: JobTools = {
    store,
    serverKey,
    clock,
    log,
    vaults: new VaultRegistry({ coldRoots: new Map(), store, serverKey, roots, dataDir, log }),
    runningTime: await RunningTime.open({ store, serverKey, clock }),
    sourceBandwidth: new SourceBandwidth(store, clock),
    dataDir,
    vaultRoots: [],
    allowedRoots: [],
  }
  const workers = [
    { runners: HEAVY, concurrentJobs: 2, owner: 'heavy' },
    { runners: LIGHT, concurrentJobs: 4, owner: 'light' },
  ].map((options) => new Worker({ tools, leaseMs: 30_000, ...options }))
  const scheduler = new Scheduler(tools)
  const housekeeping = new Housekeeping(tools, 0.25)
  for (const worker of workers) worker.start()

  const drain = async (): Promise<void> => {
    for (;;) {
      const next = await store.db
        .selectFrom('job')
        .select((eb) => eb.fn.min('run_at').as('at'))
        .where('state', 'in', UNFINISHED_STATES)
        // A sweep of what expired waits for its time.
        .where((eb) => eb.or([eb('kind', '<>', 'sweep'), eb('run_at', '<=', time.ms)]))
        .executeTakeFirst()
      if (typeof next?.at !== 'number') return
      // A job that comes back later comes back at once: nobody waits for a simulated clock.
      if (next.at > time.ms) time.ms = next.at
      store.wake()
      await store.waitForWake(AbortSignal.timeout(20), 20)
    }
  }
  const deletions = async (): Promise<number> => {
    const { count } = await store.db
      .selectFrom('job')
      .select((eb) => eb.fn.countAll<number>().as('count'))
      .where('kind', '=', 'delete-point')
      .executeTakeFirstOrThrow()
    return count
  }
  return {
    store,
    now: clock.now,
    errors,
    drain,
    stepTo: async (at) => {
      time.ms = Math.max(time.ms, at)
      await scheduler.runDue()
      await drain()
      let before = -1
      for (let round = 0, count = 0; round < MAX_ROUNDS && count !== before; round++) {
        before = await deletions()
        await housekeeping.run()
        await drain()
        count = await deletions()
      }
    },
    [Symbol.asyncDispose]: async () => {
      await housekeeping.stop()
      await scheduler.stop()
      await Promise.all(workers.map((worker) => worker.stop()))
      await tools.runningTime.save()
      await tools.vaults.close()
      await store.close()
    },
  }
}
