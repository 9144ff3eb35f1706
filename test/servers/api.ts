import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { EncryptionKeys } from '../../src/keyring/encryption-keys.ts'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callerOf } from '../../src/aws/client.ts'
import type { Call, Credentials } from '../../src/aws/client.ts'
import { backup } from '../../src/backup/operations.ts'
import { prepareServer } from '../../src/cli/server/first-start.ts'
import { loadConfig } from '../../src/config.ts'
import { Console } from '../../src/http/console.ts'
import { createHttpServer } from '../../src/http/server.ts'
import { allTurns } from '../../src/http/turns.ts'
import type { ServiceTables } from '../../src/http/perform.ts'
import { iam } from '../../src/iam/operations.ts'
import { iamToolbox } from '../../src/iam/toolbox.ts'
import { loadServerKey } from '../../src/keyring/server-key.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { Issuers } from '../../src/oidc/issuers.ts'
import { createLog } from '../../src/lib/log.ts'
import { roleback } from '../../src/roleback/operations.ts'
import { openTestChain } from '../../src/store/audit/audit.fixture.ts'
import { openStore } from '../../src/store/store.ts'
import type { Store } from '../../src/store/store.ts'
import { sts } from '../../src/sts/operations.ts'
import { tagging } from '../../src/tagging/operations.ts'
import { denialsOf, reportDenials } from '../fixtures/denials.ts'
import { KIT_COST } from '../fixtures/kit-cost.ts'

export const TABLES: ServiceTables = {
  backup,
  iam,
  'iam-toolbox': iamToolbox,
  sts,
  tagging,
  roleback,
} as ServiceTables
export const REGION = 'eu-central-1'

/** The API side of a server: the whole chain of a request, and no worker. */
export interface ApiServer extends AsyncDisposable {
  readonly endpoint: string
  readonly accountId: string
  readonly root: Credentials
  /** Calls as root. */
  readonly call: Call
  /** Lines of the log: what went wrong inside. */
  readonly errors: string[]
  /** Its rows, for what no call makes many of. */
  readonly store: Store
}

/** @param given An empty store, closed with the server; SQLite in a directory of its own where none is given. */
export async function startApiServer(given?: Store): Promise<ApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'roleback-api-'))
  const dataDir = join(folder, 'data')
  mkdirSync(dataDir)
  const config = loadConfig({ dataDir, listen: '127.0.0.1:0', region: REGION, logFormat: 'json' }, {})
  const store = given ?? (await openStore({ kind: 'sqlite', file: join(folder, 'roleback.db') }))
  const serverKey = loadServerKey(join(folder, 'server.key'))
  const { server, first } = await prepareServer(config, store, serverKey, { kitCost: KIT_COST })
  if (first === undefined) throw new Error('the database is not new')
  openTestChain(store)
  const errors: string[] = []
  const http = createHttpServer({
    store,
    serverKey,
    issuers: new Issuers({ own: [], allowedEndpoints: [] }, systemClock),
    clock: systemClock,
    log: createLog('json', (line) => {
      if (line.includes('"level":"error"')) errors.push(line)
    }),
    facts: {
      version: 'test',
      serverId: server.server_id,
      managementAccountId: server.management_account_id,
      regions: [REGION],
      vaultRoots: [],
      dataDir,
      encryptionKeys: new EncryptionKeys(new Map(), Date.now),
      allowedRoots: [],
      allowedEndpoints: [],
      recoveryKitPath: join(folder, 'kit'),
      publicUrl: () => 'http://127.0.0.1',
      listen: { host: '127.0.0.1', port: 0 },
      ownEndpoints: [],
    },
    tables: TABLES,
    console: new Console('', { regions: [REGION] }, []),
    turns: allTurns(),
    tls: undefined,
  })
  await new Promise<void>((resolve) => void http.listen(0, '127.0.0.1', resolve))
  const endpoint = `http://127.0.0.1:${(http.address() as AddressInfo).port}`
  const root = { accessKeyId: first.accessKeyId, secretAccessKey: first.secretAccessKey }
  const call = callerOf(endpoint, root, REGION)
  return {
    endpoint,
    accountId: server.management_account_id,
    root,
    call,
    errors,
    store,
    [Symbol.asyncDispose]: async () => {
      await reportDenials(() => call, await denialsOf(store.db))
      await new Promise<void>((resolve) => {
        http.close(() => resolve())
        http.closeAllConnections()
      })
      await store.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
