import type { Kysely, Transaction } from 'kysely'
import { openPostgres } from './postgres.ts'
import type { Database } from './database.ts'
import { openSqlite } from './sqlite.ts'

/** What queries run on: the store itself, or a transaction of it. */
export type Queryable = Kysely<Database> | Transaction<Database>

/** The rows of one server, on either engine, with one meaning. The caller of openStore closes it. */
export interface Store {
  /**
   * For single statements; each commits by itself, durably, before its promise resolves. Inside `transaction` use `tx`:
   * on SQLite a query on `db` there is refused, since it would wait for the very transaction it is part of.
   */
  readonly db: Kysely<Database>
  readonly engine: 'sqlite' | 'postgres'
  /**
   * Runs `work` as if nothing else ran beside it (serializable on both engines); all of it is kept, or nothing. PostgreSQL
   * runs `work` again after a serialization failure or deadlock: let it have no effect but its queries.
   */
  readonly transaction: <T>(work: (tx: Transaction<Database>) => Promise<T>) => Promise<T>
  /** Tells all workers, on PostgreSQL those of other processes too, to look at the queue. Call it after the commit. */
  wake(): void
  /**
   * Resolves at the next `wake`, at once when one came while nobody waited, and after `maxMs` in any case (a wake can get lost
   * with a connection). Also resolves when `signal` aborts.
   */
  waitForWake(signal: AbortSignal, maxMs: number): Promise<void>
  close(): Promise<void>
}

export type StoreConfig =
  /** `file` may be ':memory:'. */
  | { readonly kind: 'sqlite'; readonly file: string }
  | { readonly kind: 'postgres'; readonly url: string }
  /** A file with the URL and nothing else, so that its password stays out of arguments and environment. */
  | { readonly kind: 'postgres'; readonly urlFile: string }

/**
 * Opens the database and brings its schema up to date.
 * @throws {SchemaTooNewError} When a newer Roleback has migrated it.
 */
export async function openStore(config: StoreConfig): Promise<Store> {
  return config.kind === 'sqlite' ? await openSqlite(config.file) : await openPostgres(config)
}
