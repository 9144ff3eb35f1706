import {
  parseClockReading,
  parseLockText,
  parseVaultLock,
  reasonToKeep,
  retentionProblem,
  sameLock,
  stricterLock,
  trustedNow,
  UNREADABLE_LOCK,
} from '../../plans/vault-lock.ts'
import type { PointFacts, VaultLock } from '../../plans/vault-lock.ts'
import { UNFINISHED_STATES } from '../../store/jobs/job-states.ts'
import { holdsOnPoint } from '../../store/points/legal-holds.ts'
import { findPointById } from '../../store/points/related-points.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import type { Queryable } from '../../store/store.ts'
import { isSealing, setVaultLock } from '../../store/vaults/vaults.ts'
import { PointNotFoundError, VaultDamageError } from '../../vault/errors.ts'
import type { PointHead } from '../../vault/points/heads.ts'
import { headProblem, lockInHead } from '../../vault/points/records.ts'
import type { VaultRecords } from '../../vault/points/records.ts'
import type { Vault } from '../../vault/vault.ts'
import { JobFailedError, RetryLaterError } from '../errors.ts'
import type { JobTools } from '../tools.ts'
import { pinnedKeyProblem } from '../vaults/pinned-key.ts'

const DAY_MS = 86_400_000

/**
 * What keeps a vault's recovery points: its lock and legal holds, by the rows and by what is sealed in the vault. Where the two
 * differ the stricter counts, and the difference is told. Every deletion of a point or of a vault's bytes asks here.
 */
export interface Protection {
  readonly vault: VaultTable
  readonly records: VaultRecords
  /** The stricter of what rows and records say; undefined: not locked. */
  readonly lock: VaultLock | undefined
  /** What is wrong with the records, or where the rows say less; undefined where nothing is. */
  readonly problem: string | undefined
  /** Why a locked vault must not be used: its key is not the one that it was locked with. */
  readonly keyProblem: string | undefined
}

/** Member of a vault's records and of a head's record: the clock when it was written. */
export const RUNNING_TIME = 'runningTime'

/** @throws {RetryLaterError} While a change of the lock that was allowed is on its way into the vault. */
export async function protectionOf(tools: JobTools, vault: VaultTable, opened: Vault): Promise<Protection> {
  const records = await opened.records()
  const asked = parseLockText(vault.lock_configuration)
  const sealed = parseVaultLock(records.record['lock'])
  const known = knownRecords(vault)
  const isOlder = known.number > records.number
  const lock = stricterLock(
    asked,
    sealed,
    isOlder ? parseVaultLock(known.record['lock']) : undefined,
    records.damage === undefined ? undefined : UNREADABLE_LOCK,
  )
  const keyProblem =
    lock === undefined
      ? undefined
      : await pinnedKeyProblem(opened, (await tools.vaults.owner(opened)).sealer, records.record)
  const problem = problemOf(vault, records, { asked, sealed, isOlder }) ?? keyProblem
  if (problem !== undefined && (await isSealing(tools.store.db, vault)))
    throw new RetryLaterError(`A change of the lock of backup vault ${vault.name} is being sealed`, 100)
  await announce(tools, vault, problem)
  return { vault, records, lock, problem, keyProblem }
}

function knownRecords(vault: VaultTable): Pick<VaultRecords, 'number' | 'record'> {
  if (vault.sealed_records === null) return { number: 0, record: {} }
  return JSON.parse(vault.sealed_records) as Pick<VaultRecords, 'number' | 'record'>
}

function problemOf(
  vault: VaultTable,
  records: VaultRecords,
  found: {
    readonly asked: VaultLock | undefined
    readonly sealed: VaultLock | undefined
    readonly isOlder: boolean
  },
): string | undefined {
  if (records.damage !== undefined) return records.damage.message
  if (found.isOlder)
    return `The vault’s records end at number ${records.number}, and later ones were there: its storage was put back or records were deleted`
  if (sameLock(found.asked, found.sealed)) return undefined
  return `The lock of ${vault.name} in the database is not the one that is sealed in the vault`
}

/** Tells of a difference once, and keeps it with the vault until it is gone. */
async function announce(tools: JobTools, vault: VaultTable, problem: string | undefined): Promise<void> {
  if (vault.lock_problem === (problem ?? null)) return
  if (problem !== undefined)
    tools.log.error('a vault’s lock is not what it should be: the stricter counts', {
      vault: vault.arn,
      reason: problem,
    })
  await setVaultLock(tools.store.db, vault, { lock_problem: problem ?? null })
}

/** Why a recovery point must stay; undefined where it may go. */
export async function whyKept(
  tools: JobTools,
  protection: Protection,
  opened: Vault,
  pointId: string,
  by: PointFacts['by'],
): Promise<string | undefined> {
  const { keyProblem } = protection
  if (keyProblem !== undefined) return `backup vault ${protection.vault.name} is locked, and ${keyProblem}`
  const row = await findPointById(tools.store.db, protection.vault, pointId)
  let head: PointHead | undefined
  try {
    head = await opened.head(pointId)
  } catch (error) {
    // It is gone already: there is nothing left to keep.
    if (error instanceof PointNotFoundError) return undefined
    if (!(error instanceof VaultDamageError)) throw error
    if (protection.lock !== undefined)
      return `backup vault ${protection.vault.name} is locked, and what the recovery point is kept for cannot be read: ${error.message}`
  }
  const { vault, records } = protection
  const shown = head === undefined ? undefined : headProblem(head, records)
  if (shown !== undefined) await announce(tools, vault, shown.message)
  const lock = stricterLock(
    protection.lock,
    shown === undefined || head === undefined ? undefined : parseVaultLock(lockInHead(head)),
  )
  const titles = await holdsOn(tools.store.db, protection.vault, row, head)
  const anchors = [head?.record[RUNNING_TIME], records.record[RUNNING_TIME]].map(parseClockReading)
  return reasonToKeep({
    vaultName: vault.name,
    lock,
    holds: titles,
    by,
    endsAt: latestEnd(row, head),
    now: trustedNow(anchors, tools.runningTime.reading()),
  })
}

/**
 * Legal holds by the rows and by what is sealed with the point. One that is sealed counts until its end is sealed, too: a row that is
 * edited or lost ends none.
 * @throws {RetryLaterError} While that may be on its way.
 */
async function holdsOn(
  db: Queryable,
  { account_id }: VaultTable,
  row: RecoveryPointTable | undefined,
  head: PointHead | undefined,
): Promise<string[]> {
  const active = row === undefined ? [] : await holdsOnPoint(db, row)
  const known = new Set(active.map(({ hold_id }) => hold_id))
  const sealed = sealedHolds(head).filter(({ holdId }) => !known.has(holdId))
  if (sealed.length > 0 && (await isAmending(db, account_id)))
    throw new RetryLaterError('The end of a legal hold is being sealed', 200)
  return [
    ...active.map(({ hold_id, title }) => `"${title}" (${hold_id})`),
    ...sealed.map(({ holdId, title }) => `"${title}" (${holdId}), which is sealed in the vault`),
  ]
}

interface SealedHold {
  readonly holdId: string
  readonly title: string
}

/** The legal holds that are sealed with a point. */
export function sealedHolds(head: Pick<PointHead, 'record'> | undefined): readonly SealedHold[] {
  const holds = head?.record['legalHolds']
  return Array.isArray(holds) ? (holds as readonly SealedHold[]) : []
}

async function isAmending(db: Queryable, accountId: string): Promise<boolean> {
  const job = await db
    .selectFrom('job')
    .select('job_id')
    .where('account_id', '=', accountId)
    .where('kind', '=', 'amend-point')
    .where('state', 'in', UNFINISHED_STATES)
    .limit(1)
    .executeTakeFirst()
  return job !== undefined
}

/** When the retention ends. Rows and the sealed head may differ: what keeps the point longer counts. */
function latestEnd(row: RecoveryPointTable | undefined, head: PointHead | undefined): number | null {
  const ends: (number | null)[] = row === undefined ? [] : [row.delete_at]
  if (head !== undefined) {
    const { retainedFrom, copiedAt, createdAt } = head.record
    const from = [retainedFrom, copiedAt, createdAt].find((at) => typeof at === 'number')
    const days = sealedDays(head)
    ends.push(days === null || from === undefined ? null : from + days * DAY_MS)
  }
  return ends.includes(null) ? null : Math.max(...(ends as readonly number[]))
}

/** How long the head, with its amendments, says that the point is kept; null: for ever. */
export function sealedDays({ record }: Pick<PointHead, 'record'>): number | null {
  const days = record['deleteAfterDays']
  return typeof days === 'number' ? days : null
}

/**
 * Holds a new recovery point's retention against the lock of the vault it goes into, and its key against that which it was locked
 * with: for backups, copies and imports.
 * @throws {JobFailedError}
 */
export async function checkRetention(
  tools: JobTools,
  {
    vault,
    opened,
    jobNoun,
  }: { readonly vault: VaultTable; readonly opened: Vault; readonly jobNoun: string },
  deleteAfterDays: number | null,
): Promise<void> {
  const { lock, keyProblem } = await protectionOf(tools, vault, opened)
  if (keyProblem !== undefined)
    throw new JobFailedError(
      `${jobNoun} failed because backup vault ${vault.name} is locked, and ${keyProblem}.`,
    )
  const problem = retentionProblem(lock, deleteAfterDays)
  if (problem === undefined) return
  // AWS's sentence, of copies, and then the figures that it leaves out.
  throw new JobFailedError(
    `${jobNoun} failed. The retention specified in the job is not within the range specified for the target Backup Vault. ` +
      `${problem.charAt(0).toUpperCase()}${problem.slice(1)}.`,
  )
}
