import { sql } from 'kysely'
import type { Expression, SqlBool } from 'kysely'
import { chainOf } from './audit-chain.ts'
import type { Page, PageRequest } from '../page.ts'
import { numberCursor, pageOf } from '../page.ts'
import type { AuditTable } from './schema-audit.ts'
import type { Queryable, Store } from '../store.ts'
import { refuseInTransaction } from '../transaction-scope.ts'

type Sealed = 'seq' | 'chain_id' | 'chain_seq' | 'mac' | 'detail'

/** Who asked for what, and what the answer was. The database refuses to change or delete one. */
export type AuditRecord = Omit<AuditTable, Sealed> & {
  /** JSON of what has no column of its own. */
  readonly detail?: string | undefined
}
/** A record as it lies in the store: numbered in the order of writing within one process. */
export type StoredAuditRecord = Omit<AuditTable, 'seq'> & { readonly seq: number }

/**
 * Writes a record, durable when the promise resolves: await it before the effect, and outside of the effect's transaction. Records
 * that come while a commit is under way share the next one: it costs the disk as much for hundreds of them as for one.
 *
 * @throws Where it cannot be written; what it records must not happen then.
 */
export async function appendAudit(store: Store, record: AuditRecord): Promise<void> {
  refuseInTransaction()
  await chainOf(store).append(record)
}

export interface AuditFilter {
  readonly accountId: string
  readonly principalArn?: string | undefined
  /** Any part of the principal's ARN, such as a name, in whatever case. */
  readonly principal?: string | undefined
  readonly action?: string | undefined
  readonly resource?: string | undefined
  readonly effect?: 'Allow' | 'Deny' | undefined
  readonly requestId?: string | undefined
  /** Milliseconds since 1970, exclusive. */
  readonly after?: number | undefined
  readonly before?: number | undefined
}

function named(part: string): Expression<SqlBool> {
  const literal = part.toLowerCase().replaceAll(/[\\%_]/g, '\\$&')
  return sql<SqlBool>`lower(principal_arn) like ${`%${literal}%`} escape '\\'`
}

/** Records that are looked through in one statement: it holds up the engine for some milliseconds, whatever is looked for. */
const SPAN = 2_000

/** Newest first. */
export async function listAudit(
  db: Queryable,
  filter: AuditFilter,
  page: PageRequest,
): Promise<Page<StoredAuditRecord>> {
  const found: StoredAuditRecord[] = []
  let before = page.after === undefined ? undefined : numberCursor(page.after)
  do {
    const oldest = await oldestOfSpan(db, filter.accountId, before)
    found.push(...(await listSpan(db, filter, { oldest, before }, page.limit + 1 - found.length)))
    before = oldest
  } while (before !== undefined && found.length <= page.limit)
  return pageOf(found, page.limit, (row) => [row.seq])
}

/** Undefined where less than a span is left. */
async function oldestOfSpan(
  db: Queryable,
  accountId: string,
  before: number | undefined,
): Promise<number | undefined> {
  let query = db.selectFrom('audit').select('seq').where('account_id', '=', accountId)
  if (before !== undefined) query = query.where('seq', '<', before)
  const row = await query
    .orderBy('seq', 'desc')
    .limit(1)
    .offset(SPAN - 1)
    .executeTakeFirst()
  return row === undefined ? undefined : Number(row.seq)
}

async function listSpan(
  db: Queryable,
  filter: AuditFilter,
  span: { readonly oldest: number | undefined; readonly before: number | undefined },
  limit: number,
): Promise<readonly StoredAuditRecord[]> {
  let query = db.selectFrom('audit').selectAll().where('account_id', '=', filter.accountId)
  if (filter.principalArn !== undefined) query = query.where('principal_arn', '=', filter.principalArn)
  if (filter.principal !== undefined) query = query.where(named(filter.principal))
  if (filter.action !== undefined) query = query.where('action', '=', filter.action)
  if (filter.resource !== undefined) query = query.where('resource', '=', filter.resource)
  if (filter.effect !== undefined) query = query.where('effect', '=', filter.effect)
  if (filter.requestId !== undefined) query = query.where('request_id', '=', filter.requestId)
  if (filter.after !== undefined) query = query.where('at', '>', filter.after)
  if (filter.before !== undefined) query = query.where('at', '<', filter.before)
  if (span.oldest !== undefined) query = query.where('seq', '>=', span.oldest)
  if (span.before !== undefined) query = query.where('seq', '<', span.before)
  return await query.orderBy('seq', 'desc').limit(limit).execute()
}
