import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, suite, test } from 'node:test'
import { inspect } from 'node:util'
import { sql } from 'kysely'
import type { QueryResultRow } from 'pg'
import { postgresMissing, startPostgres } from '../../test/servers/postgres.ts'
import { insertAccount, restoreGuardOf } from './identity/accounts.ts'
import { migrate, readMigrations, SchemaTooNewError } from './migrate.ts'
import type { Migration } from './migrate.ts'
import { refuseOldSqlite } from './sqlite.ts'
import type { Store, StoreConfig } from './store.ts'
import { openStore } from './store.ts'

const dir = mkdtempSync(join(tmpdir(), 'roleback-store-'))
after(() => rmSync(dir, { recursive: true, force: true }))

const LAST = readMigrations().length
const next = (text: string): Migration[] => [...readMigrations(), { version: LAST + 1, name: 'next', text }]

async function tables(store: Store): Promise<string[]> {
  return (await store.db.introspection.getTables()).map((table) => table.name).toSorted()
}

/** What holds of migrations on either engine. */
async function checkMigrations(config: StoreConfig): Promise<void> {
  const store = await openStore(config)
  const before = await tables(store)
  const broken = next('create table fresh (id {int});\ncreate table fresh (id {int});\n')
  await assert.rejects(
    migrate(store.engine, store.transaction, broken),
    /migration \d+ \(next\) failed at "create table fresh/,
  )
  assert.deepEqual(await tables(store), before, 'nothing of a failed migration is left')
  const good = next('-- A note; with a semicolon;\ncreate table fresh (id {int});\n')
  await migrate(store.engine, store.transaction, good)
  await migrate(store.engine, store.transaction, good)
  assert.deepEqual(await tables(store), [...before, 'fresh'].toSorted())
  await store.close()

  await assert.rejects(openStore(config), (error: unknown) => {
    assert.ok(error instanceof SchemaTooNewError)
    assert.deepEqual([error.found, error.known], [LAST + 1, LAST])
    assert.match(
      error.message,
      new RegExp(`schema version ${LAST + 1}.*only versions up to ${LAST}; run the version`),
    )
    return true
  })
}

suite('a store on SQLite', () => {
  test('migrations are whole or nothing, run once, and a newer schema is refused', async () => {
    await checkMigrations({ kind: 'sqlite', file: join(dir, 'migrations.db') })
  })

  test('is durable: WAL, synchronous=FULL, foreign keys on, and only the owner can read its files', async () => {
    const file = join(dir, 'settings.db')
    writeFileSync(file, '', { mode: 0o644 })
    const store = await openStore({ kind: 'sqlite', file })
    const setting = async (name: string): Promise<unknown> =>
      Object.values(
        (await sql.raw<Record<string, unknown>>(`pragma ${name}`).execute(store.db)).rows[0] ?? {},
      )[0]
    assert.equal(await setting('journal_mode'), 'wal')
    assert.equal(await setting('synchronous'), 2)
    assert.equal(await setting('foreign_keys'), 1)
    for (const suffix of ['', '-wal', '-shm']) assert.equal(statSync(file + suffix).mode & 0o777, 0o600)
    await store.close()
  })

  test('whoever asks query after query keeps nobody else from being heard', async () => {
    const store = await openStore({ kind: 'sqlite', file: ':memory:' })
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const slow = sql`with recursive n (i) as (select 1 union all select i + 1 from n where i < 20000) select count(*) from n`
    for (let i = 0; i < 400 && turns < 3; i++) await slow.execute(store.db)
    clearInterval(timer)
    assert.equal(turns, 3)
    await store.close()
  })

  test('R16 accounts from before the restore guard are warned, new ones held to it', async () => {
    const store = await openStore({ kind: 'sqlite', file: join(dir, 'guard.db') })
    await sql.raw('pragma foreign_keys = off').execute(store.db)
    for (const table of [...(await tables(store)), 'schema_version']) {
      await sql.raw(`drop table if exists ${table}`).execute(store.db)
    }
    const guard = readMigrations().findIndex(({ name }) => name === 'restore_guard')
    await migrate(store.engine, store.transaction, readMigrations().slice(0, guard))
    await sql
      .raw(`insert into account (account_id, name, created_at) values ('111111111111', 'old', 1)`)
      .execute(store.db)
    await migrate(store.engine, store.transaction)
    const account = { account_id: '222222222222', name: 'new', created_at: 2, root_last_used_at: null }
    await insertAccount(store.db, account)
    assert.equal(await restoreGuardOf(store.db, '111111111111'), 'warn')
    assert.equal(await restoreGuardOf(store.db, '222222222222'), 'enforce')
    await assert.rejects(restoreGuardOf(store.db, '333333333333'), /no result/)
    await store.close()
  })

  test('an SQLite that can lose commits is refused', () => {
    for (const version of ['3.51.2', '3.50.9', '3.7.17', '2.8.17']) {
      assert.throws(() => refuseOldSqlite(version), /can lose commits/)
    }
    for (const version of ['3.51.3', '3.52.0', '4.0.0']) refuseOldSqlite(version)
  })

  test('rows have the columns of now, also where the same query was asked before the schema changed', async () => {
    const store = await openStore({ kind: 'sqlite', file: ':memory:' })
    const run = async (text: string): Promise<readonly unknown[]> =>
      (await sql.raw(text).execute(store.db)).rows
    await run('create table thing (id integer, old text)')
    await run(`insert into thing values (1, 'a')`)
    assert.deepEqual(await run('select * from thing'), [{ id: 1, old: 'a' }])
    await run('alter table thing rename column old to new')
    assert.deepEqual(await run('select * from thing'), [{ id: 1, new: 'a' }])
    await store.close()
  })

  test('a query beside the transaction it is part of is refused instead of waiting for ever', async () => {
    const store = await openStore({ kind: 'sqlite', file: ':memory:' })
    const read = async (): Promise<unknown> => await store.db.selectFrom('server').selectAll().execute()
    await assert.rejects(store.transaction(read), /run it on the transaction/)
    await assert.rejects(
      store.transaction(async () => await store.transaction(async () => undefined)),
      /run it on the transaction/,
    )
    // What a finished transaction leaves running is no part of it any more.
    let later: Promise<unknown> = Promise.resolve()
    const finished = Promise.withResolvers<void>()
    await store.transaction(async () => void (later = finished.promise.then(read)))
    finished.resolve()
    assert.deepEqual(await later, [])
    await store.close()
  })

  test('a query that fails does not keep the connection', async () => {
    const store = await openStore({ kind: 'sqlite', file: ':memory:' })
    await assert.rejects(sql`select * from nowhere`.execute(store.db), /no such table/)
    assert.deepEqual(await store.db.selectFrom('server').selectAll().execute(), [])
    await store.close()
  })

  test('a file that is no database is refused and left as it is', async () => {
    const file = join(dir, 'no-database.db')
    const text = 'this is a text of somebody else\n'.repeat(100)
    writeFileSync(file, text)
    await assert.rejects(openStore({ kind: 'sqlite', file }), /not a database/)
    assert.equal(readFileSync(file, 'utf8'), text)
  })
})

suite('a store on PostgreSQL', { skip: postgresMissing() ?? false }, () => {
  test('migrates, keeps its settings, survives a restart of connections, and refuses what it cannot write to', async () => {
    await using server = await disposable()
    await server.sql('create database roleback')
    const urlFile = join(dir, 'url')
    writeFileSync(urlFile, `${server.url('roleback')}\n`, { mode: 0o600 })
    await server.sql('alter database roleback set synchronous_commit = off')

    const store = await openStore({ kind: 'postgres', urlFile })
    const { rows } = await sql<{
      setting: string
    }>`select current_setting('synchronous_commit') as setting`.execute(store.db)
    assert.equal(rows[0]?.setting, 'on')
    await Promise.allSettled([
      server.sql(`select pg_terminate_backend(pid) from pg_stat_activity where datname = 'roleback'`),
      store.transaction(async (tx) => await sql`select pg_sleep(10)`.execute(tx)),
    ])
    assert.deepEqual(await store.db.selectFrom('server').selectAll().execute(), [])
    await store.close()
    await checkMigrations({ kind: 'postgres', urlFile })

    await server.sql('create database readonly')
    await server.sql('alter database readonly set default_transaction_read_only = on')
    await assert.rejects(
      openStore({ kind: 'postgres', url: server.url('readonly') }),
      /"readonly" is read-only/,
    )
    await server.sql(`create database latin encoding 'LATIN1' locale 'C' template template0`)
    await assert.rejects(openStore({ kind: 'postgres', url: server.url('latin') }), /encoding LATIN1/)
  })

  test('servers that start at the same time migrate one database once', async () => {
    await using server = await disposable()
    await server.sql('create database roleback')
    const config = { kind: 'postgres', url: server.url('roleback') } as const
    const stores = await Promise.all([1, 2, 3].map(async () => await openStore(config)))
    const versions = await server.sql<{ version: number }>('select version from schema_version', 'roleback')
    assert.equal(versions.length, LAST)
    for (const store of stores) await store.close()
  })
})

test('R9 the password of the database URL is in no error', async () => {
  const secret = 'hunter2-canary'
  const closed = await unusedPort()
  for (const url of [
    `mysql://u:${secret}@127.0.0.1/x`,
    `postgres://u:${secret}@[bad/x`,
    `postgres://u:${secret}@127.0.0.1:${closed}/x`,
    `postgres://u:${secret}@host.invalid/x`,
  ]) {
    await assert.rejects(openStore({ kind: 'postgres', url }), (error: unknown) => {
      assert.ok(!inspect(error, { depth: 10, showHidden: true }).includes(secret), url)
      assert.match(String(error), /is no PostgreSQL URL|could not connect to PostgreSQL at/)
      return true
    })
  }
})

async function unusedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

let servers = 0

interface TestServer extends AsyncDisposable {
  readonly sql: <Row extends QueryResultRow>(text: string, database?: string) => Promise<Row[]>
  readonly url: (database: string) => string
}

async function disposable(): Promise<TestServer> {
  const server = await startPostgres({ dir: join(tmpdir(), `roleback-store-${process.pid}-${servers++}`) })
  return {
    sql: async (text, database) => await server.sql(text, database),
    url: (database) => `postgres://super:${server.password}@127.0.0.1:${server.port}/${database}`,
    [Symbol.asyncDispose]: async (): Promise<void> => await server.stop(),
  }
}
