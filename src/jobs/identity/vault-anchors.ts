import type { Log } from '../../lib/log.ts'
import type { AuditAnchorage, AuditHead } from '../../store/audit/audit-heads.ts'
import { listIdentityExports } from '../../vault/points/identity-exports.ts'
import type { IdentityExportName } from '../../vault/points/identity-exports.ts'
import type { Vault } from '../../vault/vault.ts'
import { believedManifest } from './identity-belief.ts'
import { readSystemVault } from './system-vault.ts'
import type { SystemVaultTools } from './system-vault.ts'

/**
 * Where the audit trail ended when identities were exported, as every export says that is kept: whoever holds the server, its database and its
 * keys, but not the storage of its system vault, cannot change what the trail said before (docs/adr/0017).
 */
export class VaultAnchors {
  readonly #tools: SystemVaultTools & { readonly log: Log }
  /** By folder: an export is never written again. */
  #read: ReadonlyMap<string, readonly AuditHead[]> = new Map()

  constructor(tools: SystemVaultTools & { readonly log: Log }) {
    this.#tools = tools
  }

  /** What cannot be read is a problem of the answer: a check must go on, and must not pass for a whole one. */
  async heads(): Promise<AuditAnchorage> {
    try {
      return await this.#headsThere()
    } catch (error) {
      return { heads: [], problem: problemOf(error instanceof Error ? error.message : String(error)) }
    }
  }

  async #headsThere(): Promise<AuditAnchorage> {
    const there = await readSystemVault(this.#tools)
    if (there === undefined) return { heads: [], problem: undefined }
    const told: string[] = []
    const read = new Map<string, readonly AuditHead[]>()
    const tell = (problem: string): void => void told.push(problem)
    let isLastRead = false
    for (const name of await listIdentityExports(there.vault.store)) {
      const heads = this.#read.get(name.folder) ?? (await this.#headsOf(there.vault, name, tell))
      if (heads === undefined) continue
      read.set(name.folder, heads)
      if (name.number === there.exportedNumber) isLastRead = true
    }
    this.#read = read
    for (const problem of told) this.#tools.log.warn(problem)
    const heads = [...read.values()].flat()
    if (isLastRead) return { heads, problem: undefined }
    return {
      heads,
      problem: problemOf(told[0] ?? `export ${there.exportedNumber}, the last one, is not there`),
    }
  }

  /** Undefined where another server signed it, which says nothing of this one's trail, or it cannot be read. */
  async #headsOf(
    vault: Vault,
    name: IdentityExportName,
    tell: (problem: string) => void,
  ): Promise<readonly AuditHead[] | undefined> {
    const manifest = await believedManifest(vault, name, [this.#tools.serverKey.identitySigner], tell)
    return manifest && (manifest.auditHeads ?? [])
  }
}

const problemOf = (reason: string): string =>
  `What the system vault knows of the trail could not be read, so that the trail was not held against it: ${reason}`
