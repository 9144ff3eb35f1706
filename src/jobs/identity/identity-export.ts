import { setTimeout as pause } from 'node:timers/promises'
import { SealError } from '../../keyring/server-key.ts'
import type { Clock } from '../../lib/clock.ts'
import type { Log } from '../../lib/log.ts'
import { uuid } from '../../lib/ids.ts'
import { Rounds } from '../../lib/rounds.ts'
import { headsToMention } from '../../store/audit/audit-heads.ts'
import { listAccounts } from '../../store/identity/accounts.ts'
import {
  claimIdentityExport,
  dropIdentityChanges,
  hasIdentityChanges,
  identityChanges,
  updateIdentityExport,
} from '../../store/identity/identity-export.ts'
import type { SystemScrub } from '../../store/identity/identity-export.ts'
import { IDENTITY_TABLES, identityRows } from '../../store/identity/identity-rows.ts'
import type { IdentityRow, IdentityTable } from '../../store/identity/identity-rows.ts'
import { schemaVersion } from '../../store/migrate.ts'
import type { Cursor } from '../../store/page.ts'
import type { BlobDamage } from '../../store/vaults/vault-scrubs.ts'
import type { IdentityExportTable } from '../../store/identity/schema-identity.ts'
import {
  identityFolder,
  listIdentityExports,
  pruneIdentityExports,
  writeIdentityManifest,
  writeIdentityPart,
} from '../../vault/points/identity-exports.ts'
import type { IdentityPart } from '../../vault/points/identity-exports.ts'
import type { Vault } from '../../vault/vault.ts'
import { believedManifest } from './identity-belief.ts'
import { identityLine } from './identity-rows.ts'
import { keptExports } from './identity-retention.ts'
import { openSystemVault, systemVaultRow } from './system-vault.ts'
import type { SystemVaultTools } from './system-vault.ts'
import { mendSystemVault, scrubSystemVault } from '../upkeep/system-scrub.ts'

/** A look for changes so often, in milliseconds: what is changed is away with the server for so long and an export's length at most. */
const ROUND_MS = 5_000
/** Written anew although nothing has changed, in milliseconds. */
const DAILY_MS = 86_400_000
/** All of the system vault is read so often by each server, in milliseconds: it is small. */
const SCRUB_MS = 86_400_000
/** Between two exports, in milliseconds: changes in a row are one. */
const LEAST_MS = 10_000
/** After a failure, in milliseconds; twice as long after each, up to the most. */
const AGAIN_MS = 20_000
const MOST_AGAIN_MS = 300_000
/** A writer that has stored nothing for so long is taken for dead, in milliseconds. */
const LEASE_MS = 30_000
/** The last export of a server that stops takes so long at most, in milliseconds. */
const FINISH_MS = 5_000
/** Bytes of text that a part begins to be written at. */
const PART_BYTES = 4 * 1024 * 1024
/** Accounts asked for at a time. */
const ACCOUNTS = 500

interface Options extends SystemVaultTools {
  readonly clock: Clock
  readonly log: Log
}

/**
 * Keeps the newest identities, plans and settings in the system vault, sealed and signed, for a rebuild (docs/adr/0019), and with them
 * where the audit trail ended (docs/adr/0017). Of all servers on one database one writes at a time.
 */
export class IdentityExports {
  readonly #tools: Options
  readonly #owner = uuid()
  readonly #rounds: Rounds
  #signal: AbortSignal
  #failures = 0
  #notBefore = 0
  #scrubbedAt: number | undefined

  constructor(tools: Options) {
    this.#tools = tools
    const failed = 'the identities could not be looked at'
    this.#rounds = new Rounds({ log: tools.log, failed, waitMs: ROUND_MS })
    this.#signal = this.#rounds.signal
  }

  start(): void {
    this.#rounds.start(async () => void (await this.run()))
  }

  /**
   * Ends with what has changed since the last export, where that takes no longer than FINISH_MS: whoever stops a server to carry its vaults
   * to another one finds all of it in them. The rest is the next start's.
   */
  async stop(): Promise<void> {
    await this.#rounds.stop()
    const { store, log } = this.#tools
    const finish = async (): Promise<void> => {
      if (await hasIdentityChanges(store.db)) await this.#exportClaimed(() => this.#export())
    }
    const failed = (error: unknown): void =>
      log.warn('what changed last is exported at the next start', { error: String(error) })
    this.#signal = AbortSignal.timeout(FINISH_MS)
    await Promise.race([finish().catch(failed), pause(FINISH_MS, undefined, { ref: false })])
  }

  /**
   * One look; tests call it with a clock of their own. What goes wrong is logged and kept where metrics tell of it.
   * @returns The number of the export that was written.
   */
  async run(): Promise<number | undefined> {
    const { clock, log } = this.#tools
    if (this.#rounds.signal.aborted) return undefined
    try {
      const wait = this.#notBefore - clock.now()
      // A longer one is a clock that was set back.
      if (wait > 0 && wait <= MOST_AGAIN_MS) return undefined
      const row = await systemVaultRow(this.#tools)
      const isDue = await this.#isDue(row)
      if (!isDue && !this.#isScrubDue(row)) return undefined
      return await this.#exportClaimed(async () => {
        const problems = this.#isScrubDue(row) ? await this.#scrub() : []
        const number = isDue || problems.length > 0 ? await this.#export() : undefined
        if (number !== undefined && problems.length > 0) await this.#mend(problems, number)
        return number
      })
    } catch (error) {
      log.error('the identity export could not be looked after', { error: String(error) })
      return undefined
    }
  }

  /** Undefined where another server is at it, or it failed, which is told. */
  async #exportClaimed(work: () => Promise<number | undefined>): Promise<number | undefined> {
    const { store, clock } = this.#tools
    const now = clock.now()
    if (!(await claimIdentityExport(store.db, this.#owner, { now, until: now + LEASE_MS }))) return undefined
    try {
      const number = await work()
      this.#failures = 0
      return number
    } catch (error) {
      await this.#fail(error)
      return undefined
    } finally {
      await updateIdentityExport(store.db, this.#owner, { lease_owner: null, lease_until: 0 })
    }
  }

  async #isDue({ exported_at }: IdentityExportTable): Promise<boolean> {
    const { store, clock } = this.#tools
    if (exported_at === null) return true
    const age = clock.now() - exported_at
    // Also a clock that was set back.
    if (age >= DAILY_MS || age < 0) return true
    return age >= LEAST_MS && (await hasIdentityChanges(store.db))
  }

  #isScrubDue({ exported_number }: IdentityExportTable): boolean {
    if (exported_number === null) return false
    const age = this.#tools.clock.now() - (this.#scrubbedAt ?? -Infinity)
    return age >= SCRUB_MS || age < 0
  }

  /** What is found is told, and a new export written, whatever of the old ones it is. */
  async #scrub(): Promise<readonly BlobDamage[]> {
    const { vaults, clock, log } = this.#tools
    const { vault } = await openSystemVault(this.#tools, this.#owner)
    const found = await scrubSystemVault(vault, await vaults.owner(vault), {
      renew: async () => await this.#change({ lease_until: clock.now() + LEASE_MS }),
      signal: this.#signal,
    })
    for (const { blob, reason } of found.damage)
      log.error('damage in the system vault', { vaultId: vault.id, blob, reason })
    this.#scrubbedAt = clock.now()
    await this.#tell({ ...found, endedAt: this.#scrubbedAt })
    return found.damage
  }

  /** What is known of the system vault's bytes, for who asks for their health. */
  async #tell(scrub: SystemScrub): Promise<void> {
    await this.#change({ last_scrub: JSON.stringify(scrub) })
  }

  async #mend(problems: readonly BlobDamage[], number: number): Promise<void> {
    const { vaults, log } = this.#tools
    const { vault, row } = await openSystemVault(this.#tools, this.#owner)
    const left = await mendSystemVault(vault, await vaults.owner(vault), {
      problems,
      number,
      lease: { generation: 0, check: async () => await vaults.checkOwner(vault) },
      log,
    })
    if (row.last_scrub !== null)
      await this.#tell({ ...(JSON.parse(row.last_scrub) as SystemScrub), damage: left })
    if (left.length > 0)
      throw new Error(
        `The system vault ${vault.id} is damaged: ${left.map(({ reason }) => reason).join('; ')}. Bring it back from a copy of its storage, or move it away: a new one is made`,
      )
  }

  async #export(): Promise<number> {
    const { store, serverKey, clock } = this.#tools
    const { vault, row, server } = await openSystemVault(this.#tools, this.#owner)
    const changes = await identityChanges(store.db)
    const exportedAt = clock.now()
    const number = await this.#nextNumber(vault, row)
    const folder = identityFolder(number, exportedAt)
    const parts = await this.#writeParts(vault, folder)
    // Taken over by another server meanwhile: it must not take this one's for newer than its own.
    await this.#tools.vaults.checkOwner(vault)
    await writeIdentityManifest(
      vault.store,
      vault.keys,
      folder,
      {
        format: 1,
        vaultId: vault.id,
        number,
        exportedAt,
        serverId: server.server_id,
        epoch: server.epoch,
        signer: serverKey.identitySigner,
        schema: await schemaVersion(store.db),
        parts,
        // Read last: as late as the signature.
        auditHeads: (await headsToMention(store.db)).heads,
      },
      (text) => serverKey.signIdentity(text),
    )
    await this.#change({
      exported_number: number,
      exported_at: exportedAt,
      problem: null,
      problem_since: null,
    })
    await dropIdentityChanges(store.db, changes)
    const exports = (await listIdentityExports(vault.store)).filter((one) => one.number <= number)
    const kept = keptExports(exports, exportedAt)
    await pruneIdentityExports(vault.store, number, (name) => kept.has(name))
    return number
  }

  /** Beyond all that were ever tried, and all that lie there, where the database was brought back from an older copy. */
  async #nextNumber(vault: Vault, row: IdentityExportTable): Promise<number> {
    const number = Math.max(row.number, await this.#newestOwn(vault, row)) + 1
    await this.#change({ number })
    return number
  }

  /** What others put there has no say. */
  async #newestOwn(vault: Vault, row: IdentityExportTable): Promise<number> {
    const signers = [this.#tools.serverKey.identitySigner, ...(JSON.parse(row.earlier_signers) as string[])]
    const told = (problem: string): void => this.#tools.log.warn(problem)
    for (const name of await listIdentityExports(vault.store)) {
      if (name.number <= row.number) break
      if ((await believedManifest(vault, name, signers, told)) !== undefined) return name.number
    }
    return 0
  }

  async #change(change: Partial<IdentityExportTable>): Promise<void> {
    if (!(await updateIdentityExport(this.#tools.store.db, this.#owner, change)))
      throw new Error('it took too long, and another server is writing it now')
  }

  async #writeParts(vault: Vault, folder: string): Promise<readonly IdentityPart[]> {
    const { db } = this.#tools.store
    const parts = await this.#partsOf(vault, folder, null)
    let after: Cursor | undefined
    do {
      const page = await listAccounts(db, { limit: ACCOUNTS, after })
      for (const { account_id } of page.rows) parts.push(...(await this.#partsOf(vault, folder, account_id)))
      after = page.next
    } while (after !== undefined)
    return parts
  }

  /** A few megabytes are in memory at a time. */
  async #partsOf(vault: Vault, folder: string, accountId: string | null): Promise<IdentityPart[]> {
    const { store } = this.#tools
    const written: IdentityPart[] = []
    let lines: string[] = []
    let bytes = 0
    let rows: Record<string, number> = {}
    const flush = async (): Promise<void> => {
      if (this.#signal.aborted) throw new Error('the server is being stopped')
      await this.#change({ lease_until: this.#tools.clock.now() + LEASE_MS })
      const name = `${folder}/${accountId ?? 'server'}-${String(written.length + 1).padStart(4, '0')}`
      written.push(await writeIdentityPart(vault.store, vault.keys, { name, accountId, rows }, lines))
      lines = []
      bytes = 0
      rows = {}
    }
    for (const table of IDENTITY_TABLES.filter(({ of }) => (of === 'server') === (accountId === null))) {
      for await (const page of identityRows(store.db, table, accountId)) {
        for (const row of page) {
          const line = this.#lineOf(table, row)
          if (line === undefined) continue
          lines.push(line)
          bytes += line.length
          rows[table.name] = (rows[table.name] ?? 0) + 1
          if (bytes >= PART_BYTES) await flush()
        }
      }
    }
    if (lines.length > 0) await flush()
    return written
  }

  /** One row whose secret is damaged, which nobody can use any more, must not keep all others from being exported. */
  #lineOf(table: IdentityTable, row: IdentityRow): string | undefined {
    const { serverKey, log } = this.#tools
    try {
      return `${JSON.stringify(identityLine(serverKey, table, row))}\n`
    } catch (error) {
      if (!(error instanceof SealError)) throw error
      const key = table.key.map((column) => row[column]).join(' ')
      log.error('a row is left out of the identity export', { table: table.name, key, error: error.message })
      return undefined
    }
  }

  async #fail(error: unknown): Promise<void> {
    const { store, clock, log } = this.#tools
    if (this.#signal.aborted) return
    this.#notBefore = clock.now() + Math.min(MOST_AGAIN_MS, AGAIN_MS * 2 ** this.#failures++)
    const problem = error instanceof Error ? error.message : String(error)
    const { problem_since } = await systemVaultRow(this.#tools)
    await updateIdentityExport(store.db, this.#owner, {
      problem,
      problem_since: problem_since ?? clock.now(),
    })
    log.error(
      'roles, plans and settings could not be exported to the system vault: if this server is lost now, what changed since the last export is lost with it',
      { error: problem, since: new Date(problem_since ?? clock.now()).toISOString() },
    )
  }
}
