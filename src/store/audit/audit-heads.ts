import type { AuditTable } from './schema-audit.ts'
import type { Queryable } from '../store.ts'

/** HMAC under the key of the trail, in hexadecimal. */
export type AuditMac = (text: string) => string

/** The action of a chain's first record. */
export const CHAIN_START = 'roleback:StartAuditChain'

/** What a chain's first record says, as its detail. */
export interface ChainStart {
  readonly heads: readonly AuditHead[]
  readonly unchained?: UnchainedDigest | undefined
}

/** A record without its place in a chain. */
export type AuditContent = Omit<AuditTable, 'seq' | 'chain_id' | 'chain_seq' | 'mac'>

/** What a record's code is made over, in this order. */
export const AUDIT_COLUMNS: readonly (keyof AuditContent)[] = [
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
  'detail',
]

/** What a record's code is made over. */
export function sealedText(record: AuditContent, chainId: string, chainSeq: number, before: string): string {
  return JSON.stringify([1, chainId, chainSeq, before, ...AUDIT_COLUMNS.map((column) => record[column])])
}

/** A record of a chain by its place, and the code that says what it and all before it were. */
export interface AuditHead {
  readonly chainId: string
  readonly chainSeq: number
  readonly mac: string
}

/** Heads that are kept outside of the database. */
export interface AuditAnchorage {
  readonly heads: readonly AuditHead[]
  /** Why some that should be there could not be read, as a sentence. */
  readonly problem: string | undefined
}

/** What was recorded before there were chains. */
export interface UnchainedDigest {
  readonly count: number
  readonly lastSeq: number
  readonly digest: string
}

export type AuditRow = Omit<AuditTable, 'seq'> & { readonly seq: number }

const PAGE = 1_000

/** Ids of all chains, oldest first, each found by one look into the index. */
export async function chainIds(db: Queryable): Promise<readonly string[]> {
  const ids: string[] = []
  for (let last = ''; ;) {
    const row = await db
      .selectFrom('audit')
      .select((eb) => eb.fn.min('chain_id').as('next'))
      .where('chain_id', '>', last)
      .executeTakeFirst()
    if (typeof row?.next !== 'string') return ids
    last = row.next
    ids.push(last)
  }
}

/** What the starts of chains say, by chain. */
export async function chainStarts(
  db: Queryable,
  ids: readonly string[],
): Promise<ReadonlyMap<string, ChainStart>> {
  const starts = new Map<string, ChainStart>()
  for (const id of ids) {
    const row = await db
      .selectFrom('audit')
      .select(['action', 'detail'])
      .where('chain_id', '=', id)
      .where('chain_seq', '=', 1)
      .executeTakeFirst()
    const start = row?.action === CHAIN_START ? startOf(row.detail) : undefined
    if (start !== undefined) starts.set(id, start)
  }
  return starts
}

/** Undefined where somebody wrote something else there; the record's code says so. */
function startOf(detail: string | null): ChainStart | undefined {
  try {
    const start = JSON.parse(detail ?? '') as Partial<ChainStart>
    return Array.isArray(start.heads) ? (start as ChainStart) : undefined
  } catch {
    return undefined
  }
}

/** Ends of chains that no start has named as they are. */
export async function headsToMention(
  db: Queryable,
): Promise<{ readonly heads: readonly AuditHead[]; readonly isFirst: boolean }> {
  const ids = await chainIds(db)
  const starts = await chainStarts(db, ids)
  const named = new Set([...starts.values()].flatMap(({ heads }) => heads.map(placeOf)))
  const heads: AuditHead[] = []
  for (const id of ids) {
    const head = await lastOf(db, id)
    if (head !== undefined && !named.has(placeOf(head))) heads.push(head)
  }
  return { heads, isFirst: ids.length === 0 }
}

const placeOf = ({ chainId, chainSeq }: AuditHead): string => `${chainId} ${chainSeq}`

async function lastOf(db: Queryable, chainId: string): Promise<AuditHead | undefined> {
  const row = await db
    .selectFrom('audit')
    .select(['chain_seq', 'mac'])
    .where('chain_id', '=', chainId)
    .orderBy('chain_seq', 'desc')
    .limit(1)
    .executeTakeFirst()
  return row === undefined ? undefined : { chainId, chainSeq: row.chain_seq ?? 0, mac: row.mac ?? '' }
}

/** One code over all records outside of chains, up to `lastSeq` where it is given. */
export async function unchainedDigest(
  db: Queryable,
  mac: AuditMac,
  lastSeq?: number,
): Promise<UnchainedDigest> {
  let found: UnchainedDigest = { count: 0, lastSeq: 0, digest: '' }
  for (;;) {
    let query = db
      .selectFrom('audit')
      .selectAll()
      .where('chain_id', 'is', null)
      .where('seq', '>', found.lastSeq)
    if (lastSeq !== undefined) query = query.where('seq', '<=', lastSeq)
    const rows = await query.orderBy('seq').limit(PAGE).execute()
    for (const row of rows) {
      const content = AUDIT_COLUMNS.map((column) => row[column])
      const digest = mac(JSON.stringify([0, row.seq, found.digest, ...content]))
      found = { count: found.count + 1, lastSeq: row.seq, digest }
    }
    if (rows.length < PAGE) return found
  }
}

/** Records outside of chains behind those that the first chain covers: nobody but a stranger writes any. */
export async function strayRecords(db: Queryable, after: number, limit: number): Promise<readonly number[]> {
  const rows = await db
    .selectFrom('audit')
    .select('seq')
    .where('chain_id', 'is', null)
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit)
    .execute()
  return rows.map(({ seq }) => seq)
}

/** Records of a chain in its order. */
export async function chainRecords(
  db: Queryable,
  chainId: string,
  after: number,
  limit: number,
): Promise<readonly AuditRow[]> {
  return await db
    .selectFrom('audit')
    .selectAll()
    .where('chain_id', '=', chainId)
    .where('chain_seq', '>', after)
    .orderBy('chain_seq')
    .limit(limit)
    .execute()
}
