import { copyCalls } from '../../kinds/job-calls.ts'
import { findPointById, listRelatedPoints } from '../../store/points/related-points.ts'
import type { RecoveryPointTable, VaultTable } from '../../store/schema.ts'
import { tagsOfAll } from '../../store/identity/tags.ts'
import { findVault } from '../../store/vaults/vaults.ts'
import { VaultDamageError } from '../../vault/errors.ts'
import type { RepairSource } from '../../vault/repair/repair.ts'
import type { Vault } from '../../vault/vault.ts'
import { AccessDeniedError } from '../errors.ts'
import { openJobRole, openMaintenanceRole } from '../job-role.ts'
import type { OpenJobRole } from '../job-role.ts'
import type { JobTools, RunningJob } from '../tools.ts'

/** Where a repair looks for what is lost, and what kept it from looking. */
export class RepairSources {
  readonly #tools: JobTools
  readonly #job: RunningJob
  readonly #into: VaultTable
  /** By ARN of a recovery point: why it was not read. */
  readonly #refused = new Map<string, string>()
  readonly #read = new Set<string>()

  constructor(tools: JobTools, job: RunningJob, into: VaultTable) {
    this.#tools = tools
    this.#job = job
    this.#into = into
  }

  /** Recovery points in other vaults that were looked into. */
  get readCount(): number {
    return this.#read.size
  }

  /** Each reason once. */
  get refusals(): readonly string[] {
    return [...new Set(this.#refused.values())]
  }

  /**
   * Recovery points that may have what one of this vault lost, each read under a session of its own that ends when the next one is
   * asked for. Whether that may read it is decided as for a copy out of its vault into this one.
   */
  async *of(pointId: string): AsyncGenerator<RepairSource, void, void> {
    const { db } = this.#tools.store
    const point = await findPointById(db, this.#into, pointId)
    if (point === undefined) return
    for (const related of await listRelatedPoints(db, point)) {
      if (this.#refused.has(related.arn)) continue
      await this.#job.check()
      const from = await findVault(db, related.account_id, related.region, related.vault_name)
      if (from === undefined || from.state !== 'AVAILABLE') continue
      const role = await this.#openRole(related, from)
      if (role === undefined) continue
      try {
        const vault = await this.#opened(related, from)
        if (vault === undefined) continue
        this.#read.add(related.arn)
        yield { vault, pointId: related.point_id, isCopy: isSameBackup(point, related) }
      } finally {
        await role.close()
      }
    }
  }

  async #openRole(point: RecoveryPointTable, from: VaultTable): Promise<OpenJobRole | undefined> {
    const { account_id: accountId, role_id: roleId } = this.#job.row
    const facts = {
      resourceArn: point.resource_arn,
      recoveryPointArn: point.arn,
      destinationVaultArn: this.#into.arn,
    }
    const open = roleId === null ? openMaintenanceRole : openJobRole
    const role = await open(this.#tools, this.#job, {
      resource: {
        arn: point.resource_arn,
        uniqueId: point.resource_unique_id,
        name: point.resource_name,
        tags: {},
      },
      scope: { ...facts, backupVaultArn: from.arn },
      vaultUse: 'read',
      tags: await tagsOfAll(this.#tools.store.db, accountId, [point.arn, this.#into.arn]),
      // The bytes come from the vault: the source is not asked, and may be gone.
      connect: () => ({ settings: {}, secret: undefined }),
    })
    try {
      for (const { step, target } of copyCalls(facts)) await role.session.call(step, target, () => undefined)
      return role
    } catch (error) {
      await role.close()
      if (!(error instanceof AccessDeniedError)) throw error
      this.#refused.set(point.arn, error.message)
      return undefined
    }
  }

  /** One vault that cannot be opened keeps nobody from looking into the others. */
  async #opened(point: RecoveryPointTable, from: VaultTable): Promise<Vault | undefined> {
    try {
      return await this.#tools.vaults.holding(from, point)
    } catch (error) {
      if (this.#job.signal.aborted) throw error
      const why = error instanceof VaultDamageError ? 'is damaged itself' : 'does not answer'
      this.#refused.set(point.arn, `backup vault ${from.name} ${why}: ${(error as Error).message}`)
      return undefined
    }
  }
}

/** One is a copy of the other, or both are of a third: copies keep the time of the backup. A guess that costs time where it is wrong. */
export function isSameBackup(one: RecoveryPointTable, other: RecoveryPointTable): boolean {
  const isCopy = one.source_point_arn !== null || other.source_point_arn !== null
  return isCopy && one.created_at === other.created_at && one.item_count === other.item_count
}
