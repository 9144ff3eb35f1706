import { backupCalls, deletionCalls, restoreCalls } from '../kinds/job-calls.ts'
import type { JobCall } from '../kinds/job-calls.ts'
import type { Kind } from '../kinds/kind.ts'
import { kindOfArn } from '../kinds/kinds.ts'
import type { Grant } from './grants.ts'
import { literal } from './proposal.ts'

/** What a role is to be able to do. */
export interface RoleWork {
  readonly region: string
  readonly accountId: string
  readonly resourceArns: readonly string[]
  /** Vaults that recovery points go to and are restored from. */
  readonly vaultArns: readonly string[]
  readonly isBackingUp: boolean
  /** Whether recovery points expire. */
  readonly isExpiring: boolean
  readonly restore?: RestoreWork | undefined
  /** Whether a plan finds the resources under this role. */
  readonly isForPlan: boolean
  /** Rights whose lack fails nothing: to tidy up after a failed restore, to restore what only root may have. */
  readonly withOptional: boolean
}

export interface RestoreWork {
  /** ARNs and patterns of what restores may make or fill; where none fits a resource, the resource itself. */
  readonly targetArns: readonly string[]
  readonly isToNew: boolean
  readonly isCopyingTags: boolean
}

/**
 * Every right that jobs of this work will ask for and none beside, from the calls that preflight checks. Rights on recovery points
 * that are yet to be made are limited to those of the resources.
 */
export function grantsOf(work: RoleWork): readonly Grant[] {
  const grants: Grant[] = []
  if (work.isForPlan) grants.push({ action: 'tag:GetResources', resource: '*' })
  for (const arn of work.resourceArns) {
    const found = kindOfArn(arn)
    if (found === undefined) continue
    grants.push(...new ResourceGrants(work, arn, found.kind, found.name).all())
  }
  return grants
}

/** Stands for every item of a resource. */
const ITEMS = { item: (arn: string): string => `${arn}/*` }

class ResourceGrants {
  readonly #work: RoleWork
  readonly #arn: string
  readonly #kind: Kind
  readonly #point: string

  constructor(work: RoleWork, arn: string, kind: Kind, name: string) {
    this.#work = work
    this.#arn = literal(arn)
    this.#kind = kind
    const { region, accountId } = work
    this.#point = kind.recoveryPointPattern({ region, accountId, name })
  }

  all(): readonly Grant[] {
    const { isBackingUp, isExpiring, restore } = this.#work
    const calls = [
      ...(isBackingUp ? this.#backups() : []),
      ...(isExpiring ? this.#deletions() : []),
      ...(restore === undefined ? [] : this.#restores(restore)),
    ]
    const wanted = calls.filter(({ step }) => this.#work.withOptional || step.optional !== true)
    return wanted.flatMap(({ step, target }) =>
      step.arns(target).map((resource) => ({
        action: step.action,
        resource,
        source: resource === this.#point ? this.#arn : undefined,
      })),
    )
  }

  #facts(vaultArn: string): Parameters<typeof backupCalls>[1] {
    return {
      resourceArn: this.#arn,
      resourceTags: {},
      recoveryPointArn: this.#point,
      backupVaultArn: literal(vaultArn),
    }
  }

  #backups(): readonly JobCall[] {
    return this.#work.vaultArns.flatMap((vaultArn) => backupCalls(this.#kind, this.#facts(vaultArn), ITEMS))
  }

  #deletions(): readonly JobCall[] {
    return deletionCalls(this.#kind, { resourceArn: this.#arn, recoveryPointArn: this.#point })
  }

  #restores({ targetArns, isToNew, isCopyingTags }: RestoreWork): readonly JobCall[] {
    return this.#work.vaultArns.flatMap((vaultArn) =>
      this.#targets(targetArns, isToNew).flatMap((targetArn) => {
        const plan = {
          ...this.#facts(vaultArn),
          targetArn,
          isNew: isToNew,
          throughArn: this.#arn,
          // Which tags they are is of no matter: the right is on the target.
          copiedTags: isCopyingTags ? { '*': '' } : {},
        }
        return restoreCalls(this.#kind, plan, ITEMS)
      }),
    )
  }

  /** New file systems get ids of their own; new databases and buckets are named by whoever restores. */
  #targets(given: readonly string[], isToNew: boolean): readonly string[] {
    const start = this.#arn.slice(0, this.#arn.length - this.#resourceName().length)
    const fitting = given.filter((arn) => arn.startsWith(start))
    if (fitting.length > 0) return fitting
    if (!isToNew) return [this.#arn]
    return [`${start}${this.#kind.type === 'EFS' ? 'fs-' : ''}*`]
  }

  #resourceName(): string {
    return this.#arn.split(/[:/]/).at(-1) as string
  }
}
