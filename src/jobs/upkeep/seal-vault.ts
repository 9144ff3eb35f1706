import { isDeepStrictEqual } from 'node:util'
import {
  isGraceOver,
  parseClockReading,
  parseLockText,
  parseVaultLock,
  sameLock,
} from '../../plans/vault-lock.ts'
import type { ClockReading, VaultLock } from '../../plans/vault-lock.ts'
import type { VaultTable } from '../../store/schema.ts'
import { findVault, healVaultLock, isSealing, setVaultLock } from '../../store/vaults/vaults.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import type { PointRecord } from '../../vault/points/heads.ts'
import type { VaultRecords } from '../../vault/points/records.ts'
import { RetryLaterError } from '../errors.ts'
import { RUNNING_TIME } from '../plans/protection.ts'
import { LOCK_KEY, pinOf } from '../vaults/pinned-key.ts'
import type { JobOutcome, JobTools, RunningJob } from '../tools.ts'

/** What the job may do beside sealing what the row says. */
export interface SealVaultInput {
  readonly vaultName: string
  /** The lock was taken away by a call that was allowed. */
  readonly removesLock?: true
}

/**
 * Brings a vault's lock from its row into the vault. A lock that is final there is changed by nobody, whatever the row says: then the
 * row is put right.
 */
export async function runSealVault(tools: JobTools, job: RunningJob): Promise<JobOutcome> {
  const { row } = job
  const { db } = tools.store
  const input = JSON.parse(row.input) as SealVaultInput
  const vault = await findVault(db, row.account_id, row.region, input.vaultName)
  if (vault === undefined || vault.state === 'FAILED') return { state: 'COMPLETED' }
  if (vault.state === 'CREATING')
    throw new RetryLaterError(`Backup vault ${vault.name} is being created`, 200)
  const opened = await tools.vaults.open(vault).catch(tryAgain(vault))
  await job.check()
  const asked = parseLockText(vault.lock_configuration)
  const reading = tools.runningTime.reading()
  const outcome = { isRefused: false }
  const records = await opened
    .addRecord((present) => {
      const change = lockChange(present, asked, {
        reading,
        removesLock: input.removesLock === true,
        pin: pinOf(opened),
      })
      outcome.isRefused = change === 'refused'
      return change === 'refused' ? undefined : change
    })
    .catch(tryAgain(vault))
  const sealed = JSON.stringify({ number: records.number, record: records.record })
  await setVaultLock(db, vault, { sealed_records: sealed })
  // What came after this job was made has a job of its own.
  if (!outcome.isRefused || (await isSealing(db, vault, row.job_id))) return { state: 'COMPLETED' }
  if (!(await healVaultLock(db, vault, JSON.stringify(records.record['lock'])))) return { state: 'COMPLETED' }
  const message = `The lock of backup vault ${vault.name} was not changed: it is for good, or nobody asked for the change`
  tools.log.error('a vault’s lock was put right', { vault: vault.arn, reason: message })
  return { state: 'COMPLETED', message }
}

/** Until it is sealed only rows know it: tried again for as long as it takes. */
function tryAgain({ name }: VaultTable): (error: unknown) => never {
  return (error) => {
    if (error instanceof VaultDamageError) throw error
    throw new RetryLaterError(`The lock of ${name} could not be sealed: ${String(error)}`, 5_000)
  }
}

/** The vault record that makes the sealed lock the one that was asked for; undefined where it is that already. */
export function lockChange(
  { record }: VaultRecords,
  asked: VaultLock | undefined,
  {
    reading,
    removesLock,
    pin,
  }: {
    readonly reading: ClockReading
    readonly removesLock: boolean
    readonly pin: ReturnType<typeof pinOf>
  },
): PointRecord | 'refused' | undefined {
  const sealed = parseVaultLock(record['lock'])
  const anchor = parseClockReading(record[RUNNING_TIME])
  if (sealed !== undefined && isGraceOver(sealed, anchor, reading)) {
    if (!sameLock(asked, sealed)) return 'refused'
    return sealed.isFinal === true ? undefined : { lock: { ...sealed, isFinal: true } }
  }
  if (asked === undefined) {
    if (sealed === undefined) return undefined
    // The row says nothing and nobody asked for that: it was changed by hand.
    return removesLock ? { lock: null, [LOCK_KEY]: null } : 'refused'
  }
  if (isDeepStrictEqual(strip(asked), strip(sealed))) return undefined
  return { lock: strip(asked), [LOCK_KEY]: pin, [RUNNING_TIME]: reading }
}

/** As it is read back: without absent members. */
const strip = (lock: VaultLock | undefined): unknown =>
  lock === undefined ? undefined : JSON.parse(JSON.stringify(lock))
