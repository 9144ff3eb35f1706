import { resourceTagKeys } from '../access/request-context.ts'
import {
  InvalidParameterValueException,
  InvalidRequestException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type { StartImportJobInput, StartImportJobOutput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { insertJob, jobBasics } from '../store/jobs/jobs.ts'
import { findResource } from '../store/resources/resources.ts'
import type { ResourceTable } from '../store/schema.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { checkPlace, passedRole, vaultNamed } from './jobs.ts'

const SNAPSHOT_ID = /^[0-9a-f]{8,64}$/

/**
 * An import fills a vault with what somebody else wrote, and later restores trust it: the caller needs `backup:StartBackupJob` on the
 * vault, as for a backup, and must pass a role, under which every recovery point is written.
 */
export async function startImportJob(
  ctx: Context,
  input: StartImportJobInput,
): Promise<StartImportJobOutput> {
  const vault = await vaultNamed(ctx, input.BackupVaultName)
  const vaultTags = await tagsOf(ctx.store.db, ctx.accountId, vault.arn)
  await ctx.authorize('backup:StartBackupJob', vault.arn, resourceTagKeys(vaultTags))
  const role = await passedRole(ctx, input.IamRoleArn, vault.arn)
  const resource = await directoryNamed(ctx, input.ResourceArn)
  if (vault.vault_type !== 'BACKUP_VAULT')
    throw new InvalidRequestException(
      `Cannot import into ${vault.arn}: it is a logically air-gapped vault. Import into another vault and copy the recovery points into this one`,
    )
  checkPlace(ctx, 'SourcePath', input.SourcePath)
  checkChoice(input)
  const basics = jobBasics(ctx, 'import')
  await insertJob(ctx.store.db, {
    ...basics,
    vault_name: vault.name,
    resource_arn: resource.arn,
    resource_unique_id: resource.unique_id,
    resource_type: resource.type,
    role_arn: input.IamRoleArn,
    role_id: role.role_id,
    // Two at once would both make what neither finds there.
    lock_key: `import ${vault.vault_id} ${resource.unique_id}`,
    input: JSON.stringify({
      format: input.Format,
      sourcePath: input.SourcePath,
      password: ctx.serverKey.seal('job-secret', basics.job_id, Buffer.from(input.Password)),
      lifecycle: { deleteAfterDays: input.DeleteAfterDays ?? null },
      snapshotIds: input.SnapshotIds,
      hostname: input.Hostname,
      path: input.SnapshotPath,
    }),
  })
  ctx.store.wake()
  return { JobId: basics.job_id }
}

/** What a snapshot holds is a tree of files, so the points are those of a directory. */
async function directoryNamed(ctx: Context, arn: string): Promise<ResourceTable> {
  const resource = await findResource(ctx.store.db, ctx.accountId, arn)
  if (resource === undefined)
    throw new ResourceNotFoundException(
      `Cannot find resource ${arn}: register the directory that the snapshots are of first`,
      { Context: arn },
    )
  if (resource.type !== 'EFS')
    throw new InvalidParameterValueException(
      `Snapshots of restic are trees of files, and ${arn} is no directory. Name a resource of the type EFS`,
      { Context: 'ResourceArn' },
    )
  return resource
}

function checkChoice({ SnapshotIds, SnapshotPath }: StartImportJobInput): void {
  const wrong = SnapshotIds?.find((id) => !SNAPSHOT_ID.test(id))
  if (wrong !== undefined || SnapshotIds?.length === 0)
    throw new InvalidParameterValueException(
      `SnapshotIds takes 8 to 64 hexadecimal digits each, not "${wrong ?? ''}". Leave it away for all snapshots`,
      { Context: 'SnapshotIds' },
    )
  if (SnapshotPath === undefined) return
  if (!SnapshotPath.startsWith('/') || SnapshotPath.split('/').some((name) => name === '.' || name === '..'))
    throw new InvalidParameterValueException(
      `SnapshotPath must be an absolute path without ".", not "${SnapshotPath}"`,
      { Context: 'SnapshotPath' },
    )
}
