import assert from 'node:assert/strict'
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import { postgresMissing, startPostgres } from '../../test/servers/postgres.ts'
import type { PostgresServer } from '../../test/servers/postgres.ts'
import { CREDENTIALS_CONTRACT } from './identity/credentials.contract.ts'
import { EVENT_DELIVERIES_CONTRACT } from './events/event-deliveries.contract.ts'
import { EVENT_TRIGGERS_CONTRACT } from './events/event-triggers.contract.ts'
import { EVENTS_CONTRACT } from './events/events.contract.ts'
import { IDENTITIES_CONTRACT } from './identity/identities.contract.ts'
import { DISCOVERY_CONTRACT } from './resources/discovery.contract.ts'
import { IDENTITY_EXPORT_CONTRACT } from './identity/identity-export.contract.ts'
import { PLANS_CONTRACT } from './plans/plans.contract.ts'
import { POINTS_CONTRACT } from './points/points.contract.ts'
import { PROTECTION_CONTRACT } from './points/protection.contract.ts'
import { QUEUE_CONTRACT } from './jobs/queue.contract.ts'
import { RECORDS_CONTRACT } from './records.contract.ts'
import { STORE_CONTRACT } from './store.contract.ts'
import { openTestChain } from './audit/audit.fixture.ts'
import { openStore } from './store.ts'

const CONTRACT = [
  ...STORE_CONTRACT,
  ...IDENTITIES_CONTRACT,
  ...DISCOVERY_CONTRACT,
  ...IDENTITY_EXPORT_CONTRACT,
  ...PLANS_CONTRACT,
  ...CREDENTIALS_CONTRACT,
  ...POINTS_CONTRACT,
  ...PROTECTION_CONTRACT,
  ...QUEUE_CONTRACT,
  ...EVENTS_CONTRACT,
  ...EVENT_TRIGGERS_CONTRACT,
  ...EVENT_DELIVERIES_CONTRACT,
  ...RECORDS_CONTRACT,
]

suite('the store on SQLite', () => {
  const dir = mkdtempSync(join(tmpdir(), 'roleback-store-'))
  before(async () => await (await openStore({ kind: 'sqlite', file: join(dir, 'migrated.db') })).close())
  after(() => rmSync(dir, { recursive: true, force: true }))
  for (const [index, { name, run }] of CONTRACT.entries()) {
    test(name, async () => {
      const file = join(dir, `${index}.db`)
      copyFileSync(join(dir, 'migrated.db'), file)
      const store = await openStore({ kind: 'sqlite', file })
      openTestChain(store)
      try {
        await run(store, { other: store })
      } finally {
        await store.close()
      }
    })
  }
})

const missing = postgresMissing()

suite('the store on PostgreSQL', { skip: missing ?? false }, () => {
  let server: PostgresServer
  before(async () => {
    server = await startPostgres({ dir: join(tmpdir(), `roleback-store-pg-${process.pid}`) })
    await server.sql('create database migrated')
    await (await openStore({ kind: 'postgres', url: urlOf('migrated') })).close()
  })
  const urlOf = (database: string): string =>
    `postgres://super:${server.password}@127.0.0.1:${server.port}/${database}`
  after(async () => await server.stop())
  for (const [index, { name, run }] of CONTRACT.entries()) {
    test(name, async () => {
      await server.sql(`create database contract_${index} template migrated`)
      const url = urlOf(`contract_${index}`)
      const store = await openStore({ kind: 'postgres', url })
      const other = await openStore({ kind: 'postgres', url })
      openTestChain(store)
      openTestChain(other)
      try {
        await run(store, { other })
      } finally {
        await store.close()
        await other.close()
      }
    })
  }
})

test('contract cases have names of their own', () => {
  assert.equal(new Set(CONTRACT.map((entry) => entry.name)).size, CONTRACT.length)
})
