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

/** Newest first. */
export async function listAudit(
  db: Queryable,
  filter: AuditFilter,
  page: PageRequest,
): Promise<Page<StoredAuditRecord>> {
  let query = db.selectFrom('audit').selectAll().where('account_id', '=', filter.accountId)
  if (filter.principalArn !== undefined) query = query.where('principal_arn', '=', filter.principalArn)
  if (filter.principal !== undefined) query = query.where(named(filter.principal))
  if (filter.action !== undefined) query = query.where('action', '=', filter.action)
  if (filter.resource !== undefined) query = query.where('resource', '=', filter.resource)
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
