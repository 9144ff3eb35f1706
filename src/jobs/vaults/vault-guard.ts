import {
  isGraceOver,
  parseClockReading,
  parseLockText,
  parseVaultLock,
  sameLock,
  stricterLock,
} from '../../plans/vault-lock.ts'
import { insertJob } from '../../store/jobs/jobs.ts'
import { uuid } from '../../lib/ids.ts'
import { BACKUP_SERVICE } from '../../access/passed-role.ts'
import type { VaultTable } from '../../store/schema.ts'
import {
  findVault,
  healVaultLock,
  isSealing,
  listAvailableVaults,
  sealingKey,
  setVaultLock,
} from '../../store/vaults/vaults.ts'
import type { VaultRecords } from '../../vault/points/records.ts'
import type { Vault } from '../../vault/vault.ts'
import { RetryLaterError } from '../errors.ts'
import { protectionOf, RUNNING_TIME } from '../plans/protection.ts'
import type { JobTools } from '../tools.ts'
import { LOCK_KEY, pinOf } from './pinned-key.ts'

/**
 * Holds what rows say of every vault's lock against what is sealed in the vault, and puts the rows right: whoever edits them unlocks
 * nothing. It also seals the end of a grace time, and makes the server's running time count in vaults that another server locked.
 */
export async function guardVaults(tools: JobTools): Promise<void> {
  for (const vault of await listAvailableVaults(tools.store.db)) {
    try {
      await guardVault(tools, vault)
    } catch (error) {
      // One vault whose storage is away must not leave the others unwatched; it is looked at again in the next round.
      if (!(error instanceof RetryLaterError))
        tools.log.error('a vault’s lock could not be looked at', { vault: vault.arn, error: String(error) })
    }
  }
}

async function guardVault(tools: JobTools, { account_id, region, name }: VaultTable): Promise<void> {
  const { db } = tools.store
  const vault = await findVault(db, account_id, region, name)
  if (vault === undefined || (await isSealing(db, vault))) return
  const opened = await tools.vaults.open(vault)
  const { records, lock } = await protectionOf(tools, vault, opened)
  if (lock === undefined) return
  const asked = parseLockText(vault.lock_configuration)
  if (records.damage === undefined && records.record['lock'] === undefined && asked !== undefined)
    return await queueSealing(tools, vault)
  const kept = records.damage === undefined ? await keepTime(tools, opened, records) : records
  const healed = stricterLock(asked, parseVaultLock(kept.record['lock']))
  const known = JSON.stringify({ number: kept.number, record: kept.record })
  const isKnown = vault.sealed_records === known || isOlderThanKnown(vault, kept)
  if (isKnown && sameLock(asked, healed)) return
  if (!isKnown) await setVaultLock(db, vault, { sealed_records: known })
  if (!sameLock(asked, healed)) await healVaultLock(db, vault, JSON.stringify(healed))
}

/** What the vault was seen to say before, and does not say now, stays known. */
function isOlderThanKnown(vault: VaultTable, { number }: VaultRecords): boolean {
  if (vault.sealed_records === null) return false
  return (JSON.parse(vault.sealed_records) as { readonly number: number }).number > number
}

async function queueSealing(tools: JobTools, vault: VaultTable): Promise<void> {
  await insertJob(tools.store.db, {
    account_id: vault.account_id,
    region: vault.region,
    job_id: uuid(),
    kind: 'seal-vault',
    created_at: tools.clock.now(),
    caller_arn: BACKUP_SERVICE,
    input: JSON.stringify({ vaultName: vault.name }),
    lock_key: sealingKey(vault),
  })
  tools.store.wake()
}

/** Seals what only time brings: the end of the grace time, and an anchor for a running time the vault does not know. */
async function keepTime(tools: JobTools, opened: Vault, records: VaultRecords): Promise<VaultRecords> {
  const lock = parseVaultLock(records.record['lock'])
  if (lock === undefined) return records
  // Locked by a version that pinned no key.
  if (records.record[LOCK_KEY] === undefined)
    return await opened.addRecord(({ number }) =>
      number === records.number ? { [LOCK_KEY]: pinOf(opened) } : undefined,
    )
  const anchor = parseClockReading(records.record[RUNNING_TIME])
  const reading = tools.runningTime.reading()
  if (anchor?.clock !== reading.clock) {
    const wallMs = Math.min(reading.wallMs, await lastSealedTime(opened, records))
    return await opened.addRecord(({ number }) =>
      number === records.number ? { [RUNNING_TIME]: { ...reading, wallMs } } : undefined,
    )
  }
  if (lock.isFinal === true || !isGraceOver(lock, anchor, reading)) return records
  tools.log.info('a vault is locked for good: its grace time is over', { vault: opened.id })
  return await opened.addRecord(({ number }) =>
    number === records.number ? { lock: { ...lock, isFinal: true } } : undefined,
  )
}

/** The latest time that is sealed in the vault, in milliseconds: time went on at least as far before this server came to it. */
async function lastSealedTime(opened: Vault, { record }: VaultRecords): Promise<number> {
  const { points } = await opened.listPoints()
  const times = points.flatMap((head) => [
    head.record['createdAt'],
    parseClockReading(head.record[RUNNING_TIME])?.wallMs,
  ])
  const lock = parseVaultLock(record['lock'])
  const all = [...times, parseClockReading(record[RUNNING_TIME])?.wallMs, lock?.setAt]
  // Not Math.max(...): a vault may have more points than a call may have arguments.
  return all.filter((at) => typeof at === 'number').reduce((latest, at) => Math.max(latest, at), 0)
}
