import { chmodSync, closeSync, openSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { SQLInputValue, StatementSync } from 'node:sqlite'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Dialect, Driver, SqliteDatabase, Transaction } from 'kysely'
import { CompiledQuery, Kysely, SqliteAdapter, SqliteDialect } from 'kysely'
import { migrate } from './migrate.ts'
import type { Database } from './database.ts'
import type { Store } from './store.ts'
import { inTransaction, refuseInTransaction } from './transaction-scope.ts'
import { Wakes } from './wakes.ts'

/** Before it, a checkpoint beside a writer could lose commits in WAL mode (sqlite.org/releaselog/3_51_3.html). */
const MIN_SQLITE = [3, 51, 3] as const
const BUSY_TIMEOUT_MS = 5_000
const MAX_CACHED_STATEMENTS = 500
/** Queries that are answered one behind the other keep the event loop so long at most, in milliseconds. */
const MAX_TURN_MS = 10

/** Opens, or makes with mode 0600, the database in `file` (':memory:' for one that ends with the process). */
export async function openSqlite(file: string): Promise<Store> {
  const raw = openFile(file)
  const db = new Kysely<Database>({ dialect: dialectOf(raw) })
  const transaction = async <T>(work: (tx: Transaction<Database>) => Promise<T>): Promise<T> =>
    await db.transaction().execute(async (tx) => await inTransaction(async () => await work(tx)))
  try {
    await migrate('sqlite', transaction)
  } catch (error) {
    await db.destroy()
    throw error
  }
  const wakes = new Wakes()
  return {
    db,
    engine: 'sqlite',
    transaction,
    wake: () => wakes.wake(),
    waitForWake: (signal, maxMs) => wakes.wait(signal, maxMs),
    close: async () => await db.destroy(),
  }
}

function openFile(file: string): DatabaseSync {
  if (file !== ':memory:') {
    // SQLite gives its -wal and -shm files the mode of this one.
    closeSync(openSync(file, 'a', 0o600))
    chmodSync(file, 0o600)
  }
  const raw = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true })
  try {
    const { version } = raw.prepare('select sqlite_version() as version').get() as { version: string }
    refuseOldSqlite(version)
    raw.exec('pragma journal_mode = wal; pragma synchronous = full; pragma trusted_schema = off')
  } catch (error) {
    raw.close()
    throw error
  }
  return raw
}

/** @throws When `version` is one that can lose commits. */
export function refuseOldSqlite(version: string): void {
  const [major = 0, minor = 0, patch = 0] = version.split('.').map(Number)
  const isOld =
    major !== MIN_SQLITE[0]
      ? major < MIN_SQLITE[0]
      : minor !== MIN_SQLITE[1]
        ? minor < MIN_SQLITE[1]
        : patch < MIN_SQLITE[2]
  if (isOld) {
    throw new Error(
      `SQLite ${version} can lose commits (WAL reset bug); this Node has it built in; run on a Node with SQLite ${MIN_SQLITE.join('.')} or newer`,
    )
  }
}

/**
 * Kysely's SQLite dialect over node:sqlite. The one connection is handed out here rather than by Kysely's own mutex, so that a
 * query that would wait for the transaction it is part of is refused instead of hanging for ever.
 */
function dialectOf(raw: DatabaseSync): Dialect {
  const dialect = new SqliteDialect({ database: nodeSqlite(raw) })
  const adapter = new SqliteAdapter()
  Object.defineProperty(adapter, 'supportsMultipleConnections', { value: true })
  return {
    createAdapter: () => adapter,
    createDriver: () => exclusive(dialect.createDriver()),
    createIntrospector: (db) => dialect.createIntrospector(db),
    createQueryCompiler: () => dialect.createQueryCompiler(),
  }
}

function exclusive(driver: Driver): Driver {
  const queue: (() => void)[] = []
  let isTaken = false
  let turnBegan: number | undefined
  /** Answers are there at once, so whoever asks again and again would let nobody be heard who comes meanwhile. */
  const letOthersBeHeard = async (): Promise<void> => {
    if (turnBegan === undefined) {
      turnBegan = performance.now()
      setImmediate(() => (turnBegan = undefined))
    } else if (performance.now() - turnBegan > MAX_TURN_MS) await nextTurn()
  }
  return {
    init: (options) => driver.init(options),
    acquireConnection: async (options) => {
      refuseInTransaction()
      if (isTaken) await new Promise<void>((resolve) => queue.push(resolve))
      isTaken = true
      await letOthersBeHeard()
      return await driver.acquireConnection(options)
    },
    releaseConnection: async () => {
      const next = queue.shift()
      if (next === undefined) isTaken = false
      else next()
    },
    // Takes the write lock at once: a reader that turns writer could be told SQLITE_BUSY whatever the timeout.
    beginTransaction: async (connection) =>
      void (await connection.executeQuery(CompiledQuery.raw('begin immediate'))),
    commitTransaction: (connection) => driver.commitTransaction(connection),
    rollbackTransaction: (connection) => driver.rollbackTransaction(connection),
    destroy: () => driver.destroy(),
  }
}

type Prepared = ReturnType<SqliteDatabase['prepare']>

function nodeSqlite(raw: DatabaseSync): SqliteDatabase {
  const cache = new Map<string, Prepared>()
  return {
    close: () => raw.close(),
    prepare: (text) => {
      let prepared = cache.get(text)
      if (prepared === undefined) {
        // What a statement kept from before would answer may have other columns.
        const isSchemaChange = /^\s*(?:create|alter|drop)\b/i.test(text)
        if (isSchemaChange || cache.size >= MAX_CACHED_STATEMENTS) cache.clear()
        prepared = preparedOf(raw.prepare(text))
        if (!isSchemaChange) cache.set(text, prepared)
      }
      return prepared
    },
  }
}

/**
 * A statement with what asking SQLite for at each run costs as much as the run: the names of its columns. Rows are plain objects, as
 * PostgreSQL's are: node:sqlite's own have no prototype, deepEqual tells them apart, and copying them takes longer than this.
 */
function preparedOf(statement: StatementSync): Prepared {
  const names = statement.columns().map(({ name }) => name)
  statement.setReturnArrays(true)
  const rowOf = (values: unknown): Record<string, unknown> => {
    const row: Record<string, unknown> = {}
    for (const [i, name] of names.entries()) row[name] = (values as readonly unknown[])[i]
    return row
  }
  return {
    reader: names.length > 0,
    // Kysely types parameters as unknown; node:sqlite refuses what it cannot bind.
    all: (parameters) => statement.all(...(parameters as SQLInputValue[])).map(rowOf),
    run: (parameters) => statement.run(...(parameters as SQLInputValue[])),
    iterate: function* (parameters) {
      for (const values of statement.iterate(...(parameters as SQLInputValue[]))) yield rowOf(values)
    },
  }
}
