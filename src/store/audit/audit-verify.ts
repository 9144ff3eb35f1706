import {
  chainIds,
  chainRecords,
  chainStarts,
  sealedText,
  strayRecords,
  unchainedDigest,
} from './audit-heads.ts'
import type { AuditHead, AuditMac, AuditRow, ChainStart } from './audit-heads.ts'
import type { Cursor } from '../page.ts'
import { InvalidCursorError } from '../page.ts'
import type { Queryable } from '../store.ts'

/** What is wrong with the trail, in the words of whoever reads it. */
export interface AuditFinding {
  readonly kind: 'Changed' | 'Missing' | 'Reordered' | 'Truncated' | 'ChainMissing' | 'NotChained'
  readonly chainId: string | undefined
  /** Number in the chain; of records outside of chains, the number of the row. */
  readonly sequence: number | undefined
  readonly message: string
}

export interface AuditCheck {
  readonly checked: number
  readonly findings: readonly AuditFinding[]
  /** Where to go on; undefined at the end. */
  readonly next: Cursor | undefined
}

const PAGE = 1_000
/** Findings of one call; a trail with more has been seen enough of. */
const MAX_FINDINGS = 100

interface At {
  readonly chainId: string
  readonly chainSeq: number
  readonly mac: string
  readonly rowSeq: number
}

/**
 * Reads the trail from `after` on, about `limit` records of it, and names what was changed, removed, moved, cut off or put in by hand.
 * The first call also looks at what lies outside of chains, whole. Ends of chains are held against what later chains say of them and
 * against `anchors`, which were kept outside of the database.
 */
export async function verifyAudit(
  db: Queryable,
  mac: AuditMac,
  anchors: readonly AuditHead[],
  { limit, after }: { readonly limit: number; readonly after?: Cursor | undefined },
): Promise<AuditCheck> {
  const ids = await chainIds(db)
  const starts = await chainStarts(db, ids)
  const mentions = [...[...starts.values()].flatMap(({ heads }) => heads), ...anchors]
  const findings: AuditFinding[] = []
  let checked = 0
  if (after === undefined) {
    checked += await checkUnchained(db, mac, [...starts.values()], findings)
    findings.push(...lostChains(ids, mentions))
  }
  let at = after === undefined ? undefined : cursorOf(after)
  for (const chainId of ids) {
    if (at !== undefined && chainId < at.chainId) continue
    const from: At = at?.chainId === chainId ? at : { chainId, chainSeq: 0, mac: '', rowSeq: 0 }
    const of = mentions.filter((mention) => mention.chainId === chainId)
    const end = await checkChain(db, mac, from, { mentions: of, limit: limit - checked, findings })
    checked += end.checked
    if (!end.isWhole || findings.length >= MAX_FINDINGS)
      return { checked, findings: findings.slice(0, MAX_FINDINGS), next: textOf(end.at) }
    at = undefined
    if (checked >= limit) return { checked, findings, next: textOf({ ...end.at, chainId: `${chainId}~` }) }
  }
  return { checked, findings, next: undefined }
}

const textOf = ({ chainId, chainSeq, mac, rowSeq }: At): Cursor => [
  chainId,
  String(chainSeq),
  mac,
  String(rowSeq),
]

function cursorOf(cursor: Cursor): At {
  const [chainId, chainSeq, mac, rowSeq] = cursor
  if (chainId === undefined || chainSeq === undefined || mac === undefined || rowSeq === undefined)
    throw new InvalidCursorError()
  return { chainId, chainSeq: Number(chainSeq), mac, rowSeq: Number(rowSeq) }
}

async function checkChain(
  db: Queryable,
  mac: AuditMac,
  from: At,
  to: {
    readonly mentions: readonly AuditHead[]
    readonly limit: number
    readonly findings: AuditFinding[]
  },
): Promise<{ readonly at: At; readonly checked: number; readonly isWhole: boolean }> {
  let at = from
  let checked = 0
  // Several may name one record: where they differ it was written anew in between, and each counts.
  const named = Map.groupBy(to.mentions, ({ chainSeq }) => chainSeq)
  while (checked < to.limit && to.findings.length < MAX_FINDINGS) {
    const rows = await chainRecords(db, at.chainId, at.chainSeq, PAGE)
    for (const row of rows) {
      checkRecord(mac, at, row, named, to.findings)
      at = { chainId: at.chainId, chainSeq: row.chain_seq ?? 0, mac: row.mac ?? '', rowSeq: row.seq }
    }
    checked += rows.length
    if (rows.length < PAGE) {
      const known = Math.max(0, ...named.keys())
      if (known > at.chainSeq)
        to.findings.push({
          kind: 'Truncated',
          chainId: at.chainId,
          sequence: at.chainSeq + 1,
          message: `Records ${at.chainSeq + 1} to ${known} at least are gone from the end of the chain: a later chain or an anchor knows them`,
        })
      return { at, checked, isWhole: true }
    }
  }
  return { at, checked, isWhole: false }
}

function checkRecord(
  mac: AuditMac,
  before: At,
  row: AuditRow,
  named: ReadonlyMap<number, readonly AuditHead[]>,
  findings: AuditFinding[],
): void {
  const { chainId } = before
  const sequence = row.chain_seq ?? 0
  const find = (kind: AuditFinding['kind'], message: string, at = sequence): void =>
    void findings.push({ kind, chainId, sequence: at, message })
  const expected = before.chainSeq + 1
  if (sequence !== expected) {
    const gone =
      sequence - 1 === expected ? `Record ${expected} is` : `Records ${expected} to ${sequence - 1} are`
    find('Missing', `${gone} gone from the middle of the chain`, expected)
  } else if (mac(sealedText(row, chainId, sequence, before.mac)) !== row.mac)
    find(
      'Changed',
      `Record ${sequence} (row ${row.seq}) is not what was written, or the one before it is not`,
    )
  if (row.seq <= before.rowSeq)
    find('Reordered', `Record ${sequence} lies in row ${row.seq}, before the one that was written before it`)
  if (named.get(sequence)?.some((known) => known.mac !== row.mac) === true)
    find('Changed', `Record ${sequence} has another code than a later chain or an anchor knows of it`)
}

/** Chains that others know, of which nothing is left. */
function lostChains(ids: readonly string[], mentions: readonly AuditHead[]): readonly AuditFinding[] {
  const present = new Set(ids)
  const lost = new Map(
    mentions.filter(({ chainId }) => !present.has(chainId)).map((head) => [head.chainId, head]),
  )
  return [...lost.values()].map(({ chainId, chainSeq }) => ({
    kind: 'ChainMissing',
    chainId,
    sequence: undefined,
    message: `A whole chain of ${chainSeq} records at least is gone: a later chain or an anchor knows it`,
  }))
}

async function checkUnchained(
  db: Queryable,
  mac: AuditMac,
  starts: readonly ChainStart[],
  findings: AuditFinding[],
): Promise<number> {
  const covered = starts.find(({ unchained }) => unchained !== undefined)?.unchained
  const lastSeq = covered?.lastSeq ?? 0
  if (covered !== undefined) {
    const now = await unchainedDigest(db, mac, lastSeq)
    if (now.digest !== covered.digest)
      findings.push({
        kind: 'Changed',
        chainId: undefined,
        sequence: undefined,
        message:
          `What was recorded before the first chain is not what it was: ${covered.count} records up to row ${lastSeq} were ` +
          `covered, ${now.count} are there`,
      })
  }
  for (const seq of await strayRecords(db, lastSeq, MAX_FINDINGS))
    findings.push({
      kind: 'NotChained',
      chainId: undefined,
      sequence: seq,
      message: `Row ${seq} is in no chain: the server did not write it`,
    })
  return covered?.count ?? 0
}
