import type { Kind, StepContext, StepTarget } from './kind.ts'
import { onRecoveryPoint, onResource, onRestored, onVault } from './step-arns.ts'

/**
 * EFS: a directory tree on the server's host. Action names, ARN forms and restore metadata are those of AWS Backup for an EFS
 * file system.
 *
 * Source: AWS service authorization reference for EFS; AWS Backup developer guide, "Restoring an Amazon EFS file system".
 */

const INFORMATION = 'Information only: accepted and ignored, a directory here has no such setting'

/** What a TagResource call sets, for `aws:RequestTag/KEY` and `aws:TagKeys`. */
function requestTagContext(target: StepTarget): StepContext {
  const tags = target.requestTags
  if (tags === undefined) return {}
  const each = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])
  return { ...Object.fromEntries(each), 'aws:TagKeys': Object.keys(tags) }
}

export const efs: Kind = {
  type: 'EFS',
  service: 'elasticfilesystem',
  isFullyManaged: true,
  resourceArn: ({ region, accountId, name }) =>
    `arn:aws:elasticfilesystem:${region}:${accountId}:file-system/${name}`,
  recoveryPointArn: ({ region, accountId, jobId }) =>
    `arn:aws:backup:${region}:${accountId}:recovery-point:${jobId.toLowerCase()}`,
  recoveryPointPattern: ({ region, accountId }) => `arn:aws:backup:${region}:${accountId}:recovery-point:*`,
  discover: ({ region, accountId }) => ({
    action: 'elasticfilesystem:DescribeFileSystems',
    resource: `arn:aws:elasticfilesystem:${region}:${accountId}:file-system/*`,
  }),
  // Whoever may mount a file system may read it; what its modes and owners forbid is not decided by policies.
  read: ({ arn }) => ({ action: 'elasticfilesystem:ClientMount', resources: [arn] }),
  backupTarget: (facts) => ({ ...facts, requestTags: facts.resourceTags }),
  restoreTarget: ({ resourceArn, recoveryPointArn, targetArn, resourceTags }) => ({
    resourceArn,
    recoveryPointArn,
    targetArn,
    requestTags: resourceTags,
  }),
  backup: {
    DescribeBackupVault: {
      name: 'DescribeBackupVault',
      action: 'backup:DescribeBackupVault',
      arns: onVault,
    },
    DescribeTags: { name: 'DescribeTags', action: 'elasticfilesystem:DescribeTags', arns: onResource },
    TagRecoveryPoint: {
      name: 'TagRecoveryPoint',
      action: 'backup:TagResource',
      arns: onRecoveryPoint,
      context: requestTagContext,
    },
    // Covers what is taken over unread from the parent, too: it is decided before the walk begins.
    Backup: { name: 'Backup', action: 'elasticfilesystem:Backup', arns: onResource },
  },
  restore: {
    DescribeFileSystems: {
      name: 'DescribeFileSystems',
      action: 'elasticfilesystem:DescribeFileSystems',
      arns: onRestored,
    },
    // The reference lists no resource type for it; AWS's own policies scope it to file-system/*, so it has the new ARN.
    CreateFileSystem: {
      name: 'CreateFileSystem',
      action: 'elasticfilesystem:CreateFileSystem',
      arns: onRestored,
      context: requestTagContext,
      onlyNew: true,
    },
    TagResource: {
      name: 'TagResource',
      action: 'elasticfilesystem:TagResource',
      arns: onRestored,
      context: requestTagContext,
      onlyNew: true,
    },
    Restore: { name: 'Restore', action: 'elasticfilesystem:Restore', arns: onRestored },
    // Without it setuid and setgid bits of files, devices and file capabilities are left away and counted in a note.
    ClientRootAccess: {
      name: 'ClientRootAccess',
      action: 'elasticfilesystem:ClientRootAccess',
      arns: onRestored,
      optional: true,
    },
    // Asked only after a failure: without it the half-made file system stays, and the job's message says where.
    DeleteFileSystem: {
      name: 'DeleteFileSystem',
      action: 'elasticfilesystem:DeleteFileSystem',
      arns: onRestored,
      optional: true,
      onlyNew: true,
    },
  },
  remove: {},
  restoreMetadata: {
    'file-system-id': {
      required: true,
      meaning:
        'Id of the file system: the one to restore into, or, with newFileSystem, the one that was backed up',
    },
    newFileSystem: {
      required: true,
      meaning:
        '`true` restores into a new directory under the restore root; `false` into `aws-backup-restore_TIME/` of the existing one',
    },
    CreationToken: {
      required: false,
      meaning: 'Names the new directory; the new file system’s id where it is absent',
    },
    ItemsToRestore: {
      required: false,
      meaning: 'JSON array of paths from the root of the file system; everything where it is absent',
    },
    Encrypted: { required: false, meaning: INFORMATION },
    KmsKeyId: { required: false, meaning: INFORMATION },
    PerformanceMode: { required: false, meaning: INFORMATION },
    availabilityZoneName: { required: false, meaning: INFORMATION },
    singleAzFilesystem: { required: false, meaning: INFORMATION },
    'aws:backup:request-id': { required: false, meaning: INFORMATION },
  },
}
