import { factsOf } from '../../drivers/driver.ts'
import type { ItemProblem } from '../../drivers/driver.ts'
import { efs } from '../../kinds/efs.ts'
import type { Step } from '../../kinds/kind.ts'
import type { FoundDirectory } from '../../restic/snapshots.ts'
import type { ResourceTable, VaultTable } from '../../store/schema.ts'
import type { SnapshotChoice } from './import-source.ts'
import { openJobRole } from '../job-role.ts'
import type { OpenJobRole } from '../job-role.ts'
import type { Problems } from '../problems.ts'
import type { JobTools, RunningJob } from '../tools.ts'

/** What the job's row says. */
export interface ImportInput extends SnapshotChoice {
  readonly format: 'restic'
  readonly sourcePath: string
  /** Sealed as `job-secret` of this job. */
  readonly password: string
  readonly lifecycle: { readonly deleteAfterDays: number | null }
}

export interface ImportPlan {
  readonly input: ImportInput
  readonly vault: VaultTable
  readonly resource: ResourceTable
  /** The resource's. */
  readonly tags: Readonly<Record<string, string>>
  readonly problems: Problems
}

/** A snapshot whose recovery point the next one may take content over from. */
export interface Before {
  readonly from: FoundDirectory
  readonly pointId: string
}

/** The steps of a backup of the resource: what an import may write is no more than what a backup may. */
export async function decideImport(
  tools: JobTools,
  job: RunningJob,
  { vault, resource, tags }: ImportPlan,
  point: { readonly arn: string; readonly tags: Readonly<Record<string, string>> },
): Promise<OpenJobRole> {
  const role = await openJobRole(tools, job, {
    resource: { arn: resource.arn, uniqueId: resource.unique_id, name: resource.name, tags },
    scope: { resourceArn: resource.arn, recoveryPointArn: point.arn, backupVaultArn: vault.arn },
    // The bytes come from the repository: the directory itself is not opened.
    connect: () => ({ settings: {}, secret: undefined }),
  })
  try {
    const target = { ...efs.backupTarget(factsOf(role.session)), requestTags: { ...tags, ...point.tags } }
    for (const name of ['DescribeBackupVault', 'TagRecoveryPoint', 'Backup'])
      await role.session.call(efs.backup[name] as Step, target, () => undefined)
    return role
  } catch (error) {
    await role.close()
    throw error
  }
}

/** Told of a point that could not be imported whole. */
export function problemTeller(
  plan: ImportPlan,
  job: RunningJob,
  own: Problems,
): (problem: ItemProblem) => void {
  return (problem) => {
    own.add(problem)
    plan.problems.add(problem)
    job.progress.itemsFailed = plan.problems.count
  }
}
