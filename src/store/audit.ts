import type { Page, PageRequest } from './page.ts'
import { numberCursor, pageOf } from './page.ts'
import { prepared } from './prepared.ts'
import type { AuditTable } from './schema.ts'
import type { Queryable, Store } from './store.ts'
import { outsideTransaction, refuseInTransaction } from './transaction-scope.ts'

/** Who asked for what, and what the answer was. The database refuses to change or delete one. */
export type AuditRecord = Omit<AuditTable, 'seq'>
/** A record as it lies in the store: numbered in the order of writing within one process. */
export type StoredAuditRecord = AuditRecord & { readonly seq: number }

/** Records of one group commit. Statements for each number up to it are kept. */
const MAX_GROUP = 64

const COLUMNS = [
  'at',
  'account_id',
  'request_id',
  'principal_arn',
  'principal_id',
  'source_ip',
  'service',
  'action',
  'resource',
  'effect',
  'layer',
  'reason',
  'policy',
  'statement',
] as const satisfies readonly (keyof AuditRecord)[]

/**
 * Writes one record by itself; durable when the promise resolves. For calls that change something: await it on `store.db`, before
 * the transaction with the effect.
 */
export async function appendAudit(db: Queryable, record: AuditRecord): Promise<void> {
  await db.insertInto('audit').values(record).execute()
}

const groups = new WeakMap<Store, AuditGroup>()

/**
 * Writes a record together with others that come at the same time, in one commit; durable when the promise resolves. For reads,
 * of which there are many: a commit costs the disk as much for hundreds of records as for one.
 */
export async function appendAuditGrouped(store: Store, record: AuditRecord): Promise<void> {
  refuseInTransaction()
  let group = groups.get(store)
  if (group === undefined) {
    group = new AuditGroup(store)
    groups.set(store, group)
  }
  await group.append(record)
}

type Insert = (db: Queryable, ...values: AuditRecord[keyof AuditRecord][]) => Promise<unknown>

const inserts = new Map<number, Insert>()

/** At most MAX_GROUP records in one statement, which is built and compiled once for each number of them. */
async function insertRecords(db: Queryable, records: readonly AuditRecord[]): Promise<void> {
  let insert = inserts.get(records.length)
  if (insert === undefined) {
    insert = prepared((any, ...values) => any.insertInto('audit').values(rowsOf(values)))
    inserts.set(records.length, insert)
  }
  await insert(db, ...records.flatMap((record) => COLUMNS.map((column) => record[column])))
}

function rowsOf(values: readonly unknown[]): AuditRecord[] {
  const rows: AuditRecord[] = []
  for (let at = 0; at < values.length; at += COLUMNS.length) {
    const cells = COLUMNS.map((column, i) => [column, values[at + i]])
    rows.push(Object.fromEntries(cells) as AuditRecord)
  }
  return rows
}

interface Waiting {
  readonly record: AuditRecord
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 * Collects records while the commit before is under way, at least until the end of this turn of the event loop. So the group
 * grows with the load by itself, and a lone record waits for nothing.
 */
class AuditGroup {
  readonly #store: Store
  #waiting: Waiting[] = []
  #isRunning = false

  constructor(store: Store) {
    this.#store = store
  }

  append(record: AuditRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ record, resolve, reject })
      if (this.#isRunning) return
      this.#isRunning = true
      outsideTransaction(() => setImmediate(() => void this.#run()))
    })
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, MAX_GROUP)
      try {
        await insertRecords(
          this.#store.db,
          group.map((entry) => entry.record),
        )
        for (const entry of group) entry.resolve()
      } catch (error) {
        for (const entry of group) entry.reject(error)
      }
    }
    this.#isRunning = false
  }
}

export interface AuditFilter {
  readonly accountId: string
  readonly principalArn?: string | undefined
  readonly action?: string | undefined
  readonly effect?: 'Allow' | 'Deny' | undefined
  readonly requestId?: string | undefined
  /** Milliseconds since 1970, exclusive. */
  readonly after?: number | undefined
  readonly before?: number | undefined
}

/** Newest first. */
export async function listAudit(
  db: Queryable,
  filter: AuditFilter,
  page: PageRequest,
): Promise<Page<StoredAuditRecord>> {
  let query = db.selectFrom('audit').selectAll().where('account_id', '=', filter.accountId)
  if (filter.principalArn !== undefined) query = query.where('principal_arn', '=', filter.principalArn)
  if (filter.action !== undefined) query = query.where('action', '=', filter.action)
  if (filter.effect !== undefined) query = query.where('effect', '=', filter.effect)
  if (filter.requestId !== undefined) query = query.where('request_id', '=', filter.requestId)
  if (filter.after !== undefined) query = query.where('at', '>', filter.after)
  if (filter.before !== undefined) query = query.where('at', '<', filter.before)
  if (page.after !== undefined) query = query.where('seq', '<', numberCursor(page.after))
  const rows = await query
    .orderBy('seq', 'desc')
    .limit(page.limit + 1)
    .execute()
  return pageOf(rows, page.limit, (row) => [row.seq])
}
