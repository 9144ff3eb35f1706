import { readFileSync } from 'node:fs'
import type { Transaction } from 'kysely'
import { Kysely, PostgresDialect } from 'kysely'
import pg from 'pg'
import { retry } from '../lib/retry.ts'
import { migrate } from './migrate.ts'
import type { Database } from './database.ts'
import type { Store } from './store.ts'
import { inTransaction } from './transaction-scope.ts'
import { Wakes } from './wakes.ts'

const MAX_CONNECTIONS = 8
const CONNECT_TIMEOUT_MS = 10_000
/**
 * A transaction in which nothing is asked for so long, in milliseconds, is undone by the database, and its connection cut. A server that is paused
 * amidst one, or cut off, would else hold its rows for as long, and every other server would wait for them.
 */
const MAX_IDLE_IN_TRANSACTION_MS = 10_000
const CHANNEL = 'roleback_wake'
/** Between tries to listen again after the connection for wakes was lost; waits end by their own time meanwhile. */
const LISTEN_AGAIN_MS = 250
const INT8_OID = 20

/** 40001 serialization_failure, 40P01 deadlock_detected: nothing of the transaction is left, it may be run again. */
const RETRYABLE = new Set(['40001', '40P01'])

/** Opens the database that a `postgres://` URL names. */
export async function openPostgres(
  config: { readonly url: string } | { readonly urlFile: string },
): Promise<Store> {
  const from = 'url' in config ? 'the database URL' : `the URL in "${config.urlFile}"`
  const url = 'url' in config ? config.url : readFileSync(config.urlFile, 'utf8').trim()
  const connection = connectionOf(url, from)
  const pool = new pg.Pool({ ...connection, max: MAX_CONNECTIONS })
  // A connection that breaks is replaced at the next use and fails the query it has; without listeners, on the pool for an idle
  // one and on the connection for one in use, it would end the process.
  pool.on('error', () => undefined)
  pool.on('connect', (client) => void client.on('error', () => undefined))
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) })
  const transaction = async <T>(work: (tx: Transaction<Database>) => Promise<T>): Promise<T> =>
    await retry(
      async () =>
        await db
          .transaction()
          .setIsolationLevel('serializable')
          .execute(async (tx) => await inTransaction(async () => await work(tx))),
      {
        attempts: 20,
        minDelayMs: 5,
        maxDelayMs: 250,
        isRetryable: (error) => RETRYABLE.has(sqlStateOf(error) ?? ''),
      },
    )
  try {
    await refuseReadOnly(pool, url)
    // Not serializable: what another server migrated while this one waited for the lock must be seen.
    await migrate('postgres', async (work) => await db.transaction().execute(work))
    const wakes = await listen(connection)
    return {
      db,
      engine: 'postgres',
      transaction,
      wake: () => {
        wakes.local.wake()
        // Waits end by their own time where this does not arrive.
        pool.query(`notify ${CHANNEL}`).catch(() => undefined)
      },
      waitForWake: (signal, maxMs) => wakes.local.wait(signal, maxMs),
      close: async () => {
        await wakes.close()
        await db.destroy()
      },
    }
  } catch (error) {
    await db.destroy()
    if (!pool.ended) await pool.end()
    throw error
  }
}

/** PostgreSQL's code of an error, e.g. 23505 for a unique violation; undefined where it is none of PostgreSQL's. */
export function sqlStateOf(error: unknown): string | undefined {
  return error instanceof pg.DatabaseError ? error.code : undefined
}

function connectionOf(url: string, from: string): pg.ClientConfig {
  // The URL holds a password: neither it nor an error that carries it may get into a message.
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url)) {
    throw new Error(`${from} is no PostgreSQL URL; write postgres://USER:PASSWORD@HOST:PORT/DATABASE`)
  }
  return {
    connectionString: url,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'roleback',
    // What is acknowledged is on disk, whatever the role or database has set.
    options: `-c synchronous_commit=on -c timezone=UTC -c idle_in_transaction_session_timeout=${MAX_IDLE_IN_TRANSACTION_MS}`,
    // 64-bit integers as numbers: ours are times, sizes and counts below 2^53.
    types: {
      getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
        oid === INT8_OID
          ? Number
          : pg.types.getTypeParser(oid, format as 'text')) as typeof pg.types.getTypeParser,
    },
  }
}

async function refuseReadOnly(pool: pg.Pool, url: string): Promise<void> {
  const { hostname, port, pathname } = new URL(url)
  const where = `PostgreSQL at ${hostname || 'the local socket'}${port === '' ? '' : `:${port}`}, database "${pathname.slice(1)}"`
  let row: { standby: boolean; readonly: string; encoding: string } | undefined
  try {
    const result = await pool.query<{ standby: boolean; readonly: string; encoding: string }>(
      `select pg_is_in_recovery() as standby, current_setting('transaction_read_only') as readonly,
              current_setting('server_encoding') as encoding`,
    )
    row = result.rows[0]
  } catch (error) {
    throw new Error(`could not connect to ${where}: ${messageOf(error)}`, { cause: error })
  }
  if (row?.standby === true) {
    throw new Error(`${where} is a hot standby, which takes no writes; name the primary`)
  }
  if (row?.readonly === 'on') {
    throw new Error(
      `${where} is read-only (default_transaction_read_only); name a database that takes writes`,
    )
  }
  if (row?.encoding !== 'UTF8') {
    throw new Error(`${where} has the encoding ${row?.encoding}; make the database with ENCODING 'UTF8'`)
  }
}

/** A connection refused on every address of a host is an AggregateError without a message. */
function messageOf(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ')
  return error instanceof Error ? error.message : String(error)
}

async function listen(connection: pg.ClientConfig): Promise<{ local: Wakes; close(): Promise<void> }> {
  const local = new Wakes()
  let client: pg.Client | undefined
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const connect = async (): Promise<void> => {
    const next = new pg.Client(connection)
    next.on('notification', () => local.wake())
    next.on('error', () => undefined)
    next.on('end', () => {
      if (next === client && !isClosed) again()
    })
    await next.connect()
    await next.query(`listen ${CHANNEL}`)
    client = next
    if (isClosed) await next.end()
  }
  const again = (): void => {
    // Once it listens again it wakes: what was announced meanwhile has been missed.
    timer = setTimeout(() => void connect().then(() => local.wake(), again), LISTEN_AGAIN_MS)
    timer.unref()
  }
  await connect()
  return {
    local,
    close: async () => {
      isClosed = true
      clearTimeout(timer)
      await client?.end()
    },
  }
}
