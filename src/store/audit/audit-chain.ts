import { uuid } from '../../lib/ids.ts'
import type { AuditRecord } from './audit.ts'
import { AUDIT_COLUMNS, CHAIN_START, headsToMention, sealedText, unchainedDigest } from './audit-heads.ts'
import type { AuditContent, AuditHead, AuditMac, ChainStart } from './audit-heads.ts'
import { prepared } from '../prepared.ts'
import type { AuditTable } from './schema-audit.ts'
import type { Queryable, Store } from '../store.ts'
import { outsideTransaction } from '../transaction-scope.ts'

/**
 * The audit trail is chained, so that whoever changes the database by hand is found out:
 *
 *     mac(n) = HMAC(key, [1, chain, n, mac(n-1), every column of the record])       mac(0) = ""
 *
 * The key is derived from the server's, which is no row. Each process that writes has a chain of its own, so that several servers on one
 * database neither wait for each other nor fork a chain. A chain begins with a record of its start, which names the ends of all chains
 * before that no other start has named, so that none can be cut or lost unseen; the first of all covers what was recorded before there
 * were chains. The end of the newest chains is anchored outside of the database (monitor/audit-anchors.ts).
 *
 * A group that could not be written ends its chain: what became of it may be unknown, and the next record begins a new one, which finds
 * the old one's end in the database.
 */

export interface AuditChainOptions {
  readonly mac: AuditMac
  /** Who gets the records of the chain's own. */
  readonly accountId: string
  /** Names the process in the chain's start. */
  readonly writer: string
  readonly now: () => number
}

/** Records of one group commit. Statements for each number up to it are kept. */
const MAX_GROUP = 64

type Cell = string | number | null

const chains = new WeakMap<Store, AuditChain>()

/** From here on records can be written to the store; before it every one is refused, and with it what it records. */
export function openAuditChain(store: Store, options: AuditChainOptions): AuditChain {
  const chain = new AuditChain(store, options)
  chains.set(store, chain)
  return chain
}

/** @throws Where the process has opened none. */
export function chainOf(store: Store): AuditChain {
  const chain = chains.get(store)
  if (chain === undefined) throw new Error('the audit chain of this process was not opened')
  return chain
}

const SEALED = [...AUDIT_COLUMNS, 'chain_id', 'chain_seq', 'mac'] as const
type Insert = (db: Queryable, ...values: Cell[]) => Promise<unknown>
const inserts = new Map<number, Insert>()

/** At most MAX_GROUP records in one statement, which is built and compiled once for each number of them. */
async function insertRecords(db: Queryable, records: number, cells: readonly Cell[]): Promise<void> {
  let insert = inserts.get(records)
  if (insert === undefined) {
    insert = prepared((any, ...values) => any.insertInto('audit').values(rowsOf(values)))
    inserts.set(records, insert)
  }
  await insert(db, ...cells)
}

function rowsOf(values: readonly unknown[]): Omit<AuditTable, 'seq'>[] {
  const rows: Omit<AuditTable, 'seq'>[] = []
  for (let at = 0; at < values.length; at += SEALED.length) {
    const cells = SEALED.map((column, i) => [column, values[at + i]])
    rows.push(Object.fromEntries(cells) as Omit<AuditTable, 'seq'>)
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
export class AuditChain {
  readonly #store: Store
  readonly #options: AuditChainOptions
  #waiting: Waiting[] = []
  #isRunning = false
  #head: AuditHead | undefined

  constructor(store: Store, options: AuditChainOptions) {
    this.#store = store
    this.#options = options
  }

  /** The last record that is durable; undefined where none is since the last failure. */
  get head(): AuditHead | undefined {
    return this.#head
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
        this.#head ??= await this.#start()
        this.#head = await this.#write(
          this.#head,
          group.map(({ record }) => record),
        )
        for (const entry of group) entry.resolve()
      } catch (error) {
        this.#head = undefined
        for (const entry of group) entry.reject(error)
      }
    }
    this.#isRunning = false
  }

  async #start(): Promise<AuditHead> {
    const { mac, accountId, writer, now } = this.#options
    const { db } = this.#store
    const at = now()
    const { heads, isFirst } = await headsToMention(db)
    const start: ChainStart = { heads, unchained: isFirst ? await unchainedDigest(db, mac) : undefined }
    // In the order of their starts, whoever lists them.
    const chainId = `${at.toString(36).padStart(9, '0')}-${uuid()}`
    const record: AuditRecord = {
      at,
      account_id: accountId,
      request_id: chainId,
      principal_arn: 'roleback',
      principal_id: 'roleback',
      source_ip: null,
      service: 'roleback',
      action: CHAIN_START,
      resource: chainId,
      effect: 'Allow',
      layer: 'audit',
      reason: `a chain of records begins, written by ${writer}`,
      policy: null,
      statement: null,
      detail: JSON.stringify(start),
    }
    return await this.#write({ chainId, chainSeq: 0, mac: '' }, [record])
  }

  async #write(after: AuditHead, records: readonly AuditRecord[]): Promise<AuditHead> {
    const cells: Cell[] = []
    let head = after
    for (const record of records) {
      const content = contentOf(record)
      const chainSeq = head.chainSeq + 1
      const mac = this.#options.mac(sealedText(content, head.chainId, chainSeq, head.mac))
      cells.push(...AUDIT_COLUMNS.map((column) => content[column]), head.chainId, chainSeq, mac)
      head = { chainId: head.chainId, chainSeq, mac }
    }
    await insertRecords(this.#store.db, records.length, cells)
    return head
  }
}

/** As the store will give it back: a lone surrogate would come back as another character, and a NUL not at all. */
function contentOf(record: AuditRecord): AuditContent {
  const content: Record<string, Cell> = {}
  for (const column of AUDIT_COLUMNS) {
    const value = record[column] ?? null
    content[column] = typeof value === 'string' ? value.toWellFormed().replaceAll('\0', '\u{fffd}') : value
  }
  return content as AuditContent
}
