import { keyCalls } from '../kinds/job-calls.ts'
import type { JobCall, KeyUse } from '../kinds/job-calls.ts'
import { parseArn } from '../lib/arn.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { tagsOf } from '../store/identity/tags.ts'
import type { VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { findVaultByArn } from '../store/vaults/vaults.ts'
import { vaultPolicy } from './authorize.ts'
import { jobLayers, jobScopePreview } from './job-scope.ts'
import type { JobLayers, JobScope } from './job-scope.ts'
import { keyGrants, keyUsesOf } from './key-grants.ts'

interface ReadVault {
  /** Undefined where there is none. */
  readonly row: VaultTable | undefined
  readonly policy: CompiledPolicy | undefined
}

/** The vaults that the jobs of a preflight would work in: their access policies, tags and keys, as those jobs would find them. */
export class PreflightVaults {
  /** By ARN. */
  readonly tags: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly #tags = new Map<string, Readonly<Record<string, string>>>()
  readonly #vaults = new Map<string, ReadVault>()
  readonly #db: Queryable
  readonly #accountId: string

  constructor(db: Queryable, accountId: string) {
    this.#db = db
    this.#accountId = accountId
    this.tags = this.#tags
  }

  /** Before anything is asked of them. */
  async read(arns: Iterable<string>): Promise<void> {
    for (const arn of new Set(arns)) {
      const row = await findVaultByArn(this.#db, arn)
      this.#vaults.set(arn, { row, policy: row && vaultPolicy(row) })
      this.#tags.set(arn, await tagsOf(this.#db, parseArn(arn)?.accountId ?? '', arn))
    }
  }

  /** What decides a job of this scope, as a running one has it. */
  layers(role: PolicyLayers, scope: JobScope): JobLayers {
    const own = this.#vaults.get(scope.backupVaultArn)
    const into = this.#vaults.get(scope.destinationVaultArn ?? '')
    const policies = {
      ofVault: own?.policy,
      ofDestination: into?.policy,
      ofKeys: keyGrants([own?.row, into?.row]),
    }
    return jobLayers(role, jobScopePreview(scope), policies, scope.destinationVaultArn)
  }

  /** What jobs ask of the keys that vaults are under. @param uses By the vault's ARN. */
  keyCalls(resourceArn: string, uses: Readonly<Record<string, KeyUse['use']>>): readonly JobCall[] {
    const vaults = Object.entries(uses).map(([arn, use]) => ({ vault: this.#vaults.get(arn)?.row, use }))
    return keyCalls(resourceArn, keyUsesOf(this.#accountId, vaults))
  }
}
