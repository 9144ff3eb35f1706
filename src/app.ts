import { readFileSync, realpathSync } from 'node:fs'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname } from 'node:os'
import { isAbsolute, join } from 'node:path'
import { SERVICE_NAMES, modelOf } from './aws/model.ts'
import { backup } from './backup/operations.ts'
import { takeDataDir } from './cli/server/data-dir.ts'
import { kitDirectory, prepareServer, refuseForeignVaults, serverKeyOf } from './cli/server/first-start.ts'
import type { FirstStart, FirstStartOptions } from './cli/server/first-start.ts'
import { coldRoots, regionRoots } from './cli/server/region-roots.ts'
import { configureStorage, refuseForeignStorage } from './cli/server/serve-storage.ts'
import { storeConfigOf } from './config.ts'
import type { Config } from './config.ts'
import type { ServerFacts } from './context.ts'
import { Console } from './http/console.ts'
import { contextAs } from './http/perform.ts'
import { checkTables, createHttpServer } from './http/server.ts'
import { allTurns } from './http/turns.ts'
import type { ServiceTables } from './http/perform.ts'
import { Deliverer } from './events/deliver.ts'
import { EventRouter } from './events/router.ts'
import { iam } from './iam/operations.ts'
import { iamToolbox } from './iam/toolbox.ts'
import { Housekeeping } from './jobs/housekeeping.ts'
import { IdentityExports } from './jobs/identity/identity-export.ts'
import { VaultAnchors } from './jobs/identity/vault-anchors.ts'
import { HEAVY, LIGHT } from './jobs/runners.ts'
import { RunningTime } from './jobs/running-time.ts'
import { SourceBandwidth } from './jobs/source-bandwidth.ts'
import { Scheduler } from './jobs/plans/scheduler.ts'
import { Scrubber } from './jobs/upkeep/scrub.ts'
import type { JobTools } from './jobs/tools.ts'
import { VaultRegistry } from './jobs/vaults/vault-registry.ts'
import { Worker } from './jobs/worker.ts'
import { EncryptionKeys } from './keyring/encryption-keys.ts'
import { systemClock } from './lib/clock.ts'
import type { Log } from './lib/log.ts'
import { Alerts } from './monitor/alerts.ts'
import { AuditAnchors } from './monitor/audit-anchors.ts'
import { createMetricsServer } from './monitor/metrics-listener.ts'
import type { MetricsOptions } from './monitor/metrics-listener.ts'
import { DiscoveryRounds } from './roleback/discovery-rounds.ts'
import { roleback } from './roleback/operations.ts'
import { openAuditChain } from './store/audit/audit-chain.ts'
import { takeOverLeases } from './store/jobs/claims.ts'
import { Issuers } from './oidc/issuers.ts'
import { openStore } from './store/store.ts'
import { listAllVaults } from './store/vaults/vaults.ts'
import type { Store } from './store/store.ts'
import { sts } from './sts/operations.ts'
import { tagging } from './tagging/operations.ts'

/** A server that answers. */
export interface RunningServer {
  /** `http://HOST:PORT` or `https://…`. */
  readonly url: string
  /** Where Prometheus reads; undefined where nothing is given. */
  readonly metricsUrl: string | undefined
  readonly accountId: string
  readonly region: string
  /** What the first start made; undefined at every later one. */
  readonly first: FirstStart | undefined
  /** Ends cleanly: answers what is under way, puts running jobs back into the queue, closes the store. */
  stop(): Promise<void>
}

/** Short jobs at a time: they wait for others more than they work. */
const LIGHT_JOBS = 4

const TABLES: ServiceTables = {
  backup,
  iam,
  'iam-toolbox': iamToolbox,
  sts,
  tagging,
  roleback,
} as ServiceTables

/** What the launcher built of console/. */
const CONSOLE = join(import.meta.dirname, '..', 'console', 'dist')

const { version: VERSION } = JSON.parse(
  readFileSync(new URL('../package.json', import.meta.url), 'utf8'),
) as { version: string }

/** Builds the whole server from its configuration: the only place that knows both sides. */
export async function startServer(
  config: Config,
  log: Log,
  firstStart: FirstStartOptions = {},
): Promise<RunningServer> {
  checkTables(TABLES, SERVICE_NAMES.map(modelOf))
  const dataDir = takeDataDir(config.dataDir)
  try {
    const store = await openStore(storeConfigOf(config))
    try {
      return await startOn(config, log, store, { firstStart, release: () => dataDir.release() })
    } catch (error) {
      await store.close()
      throw error
    }
  } catch (error) {
    dataDir.release()
    throw error
  }
}

async function startOn(
  config: Config,
  log: Log,
  store: Store,
  { firstStart, release }: { readonly firstStart: FirstStartOptions; readonly release: () => void },
): Promise<RunningServer> {
  await refuseForeignVaults(config, store)
  const serverKey = await serverKeyOf(config, store)
  await refuseForeignStorage(config, store)
  const { server, first } = await prepareServer(config, store, serverKey, firstStart)
  const owner = `${hostname()} ${config.dataDir}`
  const chain = openAuditChain(store, {
    mac: (text) => serverKey.fingerprint('audit', text),
    accountId: server.management_account_id,
    writer: `${owner} ${process.pid}`,
    now: () => systemClock.now(),
  })
  const anchors = new AuditAnchors({ dataDir: config.dataDir, serverKey, chain, clock: systemClock, log })
  const roots = await regionRoots(config, store, server.region)
  const cold = coldRoots(config, roots)
  await configureStorage(config, store.db, serverKey)
  const encryptionKeys = new EncryptionKeys(config.encryptionKeys, () => systemClock.now())
  const listen = { host: config.host, port: config.port }
  const metricsListen = config.metrics && { host: config.metrics.host, port: config.metrics.port }
  const facts: ServerFacts = {
    version: VERSION,
    serverId: server.server_id,
    managementAccountId: server.management_account_id,
    regions: [...roots.keys()],
    vaultRoots: [
      ...[...roots.values()].slice(1),
      ...new Set(cold.values()),
      ...(await placesElsewhere(store)),
    ],
    coldRoots: cold,
    dataDir: realpathSync(config.dataDir),
    allowedRoots: config.allowedRoots,
    encryptionKeys,
    keyFiles: [
      config.databaseUrlFile,
      config.tls?.keyFile,
      config.storage?.credentialsFile,
      ...[config.serverKey, ...config.encryptionKeys.values()].map((source) =>
        source?.kind === 'file' ? source.file : undefined,
      ),
    ].filter((file) => file !== undefined),
    allowedEndpoints: config.allowedEndpoints,
    recoveryKitPath: join(kitDirectory(config.dataDir), 'recovery-kit.txt'),
    publicUrl: () => publicUrlOf(config, listen.port),
    listen,
    auditAnchors: async () => {
      const { heads, problem } = await vaultAnchors.heads()
      return { heads: [...anchors.heads(), ...heads], problem }
    },
    ownEndpoints: [...ownEndpoints(config), ...(metricsListen === undefined ? [] : [metricsListen])],
  }
  const tools: JobTools = {
    store,
    serverKey,
    clock: systemClock,
    log,
    vaults: new VaultRegistry({
      store,
      serverKey,
      encryptionKeys,
      roots,
      coldRoots: cold,
      readCache: config.readCache,
      dataDir: config.dataDir,
      log,
    }),
    runningTime: await RunningTime.open({ store, serverKey, clock: systemClock }),
    sourceBandwidth: new SourceBandwidth(store, systemClock),
    dataDir: config.dataDir,
    vaultRoots: facts.vaultRoots,
    allowedRoots: config.allowedRoots,
  }
  const vaultAnchors = new VaultAnchors(tools)
  await takeOver(store, owner, log)
  const { allowedEndpoints, ownEndpoints: own } = facts
  const call = {
    store,
    serverKey,
    issuers: new Issuers({ own: [listen, ...own], allowedEndpoints }, systemClock),
    clock: systemClock,
    log,
  }
  const turns = allTurns()
  const http = createHttpServer({
    ...call,
    facts,
    tables: TABLES,
    console: new Console(CONSOLE, { regions: facts.regions }, config.hostNames),
    turns,
    tls: config.tls,
  })
  listen.port = await listening(http, config)
  const throttled = { ordinary: turns.ordinary.refused, costly: turns.costly.refused }
  const metrics = await startMetrics(config, { store, clock: systemClock, log, throttled, version: VERSION })
  if (metricsListen !== undefined && metrics !== undefined) metricsListen.port = metrics.port
  const workers = [
    { runners: HEAVY, lane: 'heavy', concurrentJobs: config.concurrentJobs },
    { runners: LIGHT, lane: 'light', concurrentJobs: LIGHT_JOBS },
  ].map(
    ({ runners, lane, concurrentJobs }) =>
      new Worker({
        tools,
        runners,
        owner: `${owner} ${process.pid} ${lane}`,
        leaseMs: config.leaseMs,
        concurrentJobs,
      }),
  )
  const housekeeping = new Housekeeping(tools, config.holdPercent / 100)
  const identityExports = new IdentityExports(tools)
  const scheduler = new Scheduler(tools)
  const router = new EventRouter({ store, clock: systemClock, log, region: server.region })
  const deliverer = new Deliverer({
    store,
    serverKey,
    clock: systemClock,
    log,
    reach: { own: [listen, ...own], allowedEndpoints },
    owner: `${owner} ${process.pid} deliverer`,
    region: server.region,
    publicUrl: facts.publicUrl,
    managementAccountId: server.management_account_id,
  })
  const scrubber = new Scrubber(tools)
  const discovery = new DiscoveryRounds({
    store,
    clock: systemClock,
    log,
    owner: `${owner} ${process.pid} discovery`,
    actAs: (principal, region) => contextAs({ ...call, server: facts }, TABLES, principal, region),
  })
  const alerts = new Alerts({
    store,
    clock: systemClock,
    log,
    managementAccountId: server.management_account_id,
    region: server.region,
  })
  for (const worker of workers) worker.start()
  housekeeping.start()
  identityExports.start()
  scheduler.start()
  router.start()
  deliverer.start()
  scrubber.start()
  discovery.start()
  alerts.start()
  anchors.start()
  return {
    url: urlOf({ ...config, port: listen.port }),
    metricsUrl: metrics?.url,
    accountId: server.management_account_id,
    region: server.region,
    first,
    stop: async () => {
      await closeHttp(http)
      if (metrics !== undefined) await closeHttp(metrics.server)
      await housekeeping.stop()
      await scheduler.stop()
      await discovery.stop()
      await scrubber.stop()
      await Promise.all(workers.map((worker) => worker.stop()))
      await alerts.stop()
      await router.stop()
      await deliverer.stop()
      // Behind all that changes something of what it exports.
      await identityExports.stop()
      await tools.runningTime.save()
      await tools.vaults.close()
      anchors.stop()
      await store.close()
      release()
    },
  }
}

/** Vaults that a rebuild left where they were: no resource either. */
async function placesElsewhere(store: Store): Promise<readonly string[]> {
  const vaults = await listAllVaults(store.db)
  const places = vaults.flatMap(({ storage, cold_storage: cold }) => [storage, cold ?? '{}'])
  const paths = places.map((place) => (JSON.parse(place) as { readonly path?: string }).path ?? '')
  return paths.filter(isAbsolute)
}

/** The data directory is ours alone, so whoever held leases in its name is dead. */
async function takeOver(store: Store, owner: string, log: Log): Promise<void> {
  const jobs = await takeOverLeases(store.db, owner, systemClock.now())
  if (jobs.length > 0) log.info('jobs of the last run are taken up again', { jobs: jobs.length })
}

function ownEndpoints(config: Config): ServerFacts['ownEndpoints'] {
  if (config.databaseUrlFile === undefined) return []
  const url = new URL(readFileSync(config.databaseUrlFile, 'utf8').trim())
  const database = decodeURIComponent(url.pathname.slice(1))
  return [
    { host: url.hostname, port: Number(url.port) || 5432, database: database === '' ? undefined : database },
  ]
}

async function startMetrics(
  { metrics }: Config,
  tools: Pick<MetricsOptions, 'store' | 'clock' | 'log' | 'throttled' | 'version'>,
): Promise<{ readonly server: Server; readonly url: string; readonly port: number } | undefined> {
  if (metrics === undefined) return undefined
  const server = createMetricsServer({ ...tools, token: metrics.token, tls: metrics.tls })
  const port = await listening(server, metrics)
  return { server, url: `${urlOf({ ...metrics, port })}/metrics`, port }
}

async function listening(http: Server, at: Pick<Config, 'host' | 'port'>): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject)
    http.listen(at.port, at.host, resolve)
  })
  return (http.address() as AddressInfo).port
}

function urlOf({ host, port, tls }: Pick<Config, 'host' | 'port' | 'tls'>): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `${tls === undefined ? 'http' : 'https'}://${name}:${port}`
}

/** What the operator says, or a name that browsers reach it by, or where it listens. */
function publicUrlOf(config: Config, port: number): string {
  const { publicUrl, hostNames } = config
  return publicUrl ?? urlOf({ ...config, host: hostNames[0] ?? config.host, port })
}

async function closeHttp(http: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => http.close(() => resolve()))
  http.closeIdleConnections()
  const patience = setTimeout(() => http.closeAllConnections(), 5_000)
  await closed
  clearTimeout(patience)
}
