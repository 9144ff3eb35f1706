import { policy } from '../fixtures/world.ts'
import { isThere, mayPassWeak, planNamed, planTo, strong, taggedThrough, VAULT } from './paths.ts'
import type { Path } from './paths.ts'

/** Ways through AWS Backup. */

export const BY_PASSING: readonly Path[] = [
  {
    name: 'a backup under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'StartBackupJob', {
        BackupVaultName: VAULT,
        ResourceArn: place.resource,
        IamRoleArn: place.strong,
      }),
  },
  {
    name: 'a restore under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'StartRestoreJob', {
        RecoveryPointArn: place.point,
        IamRoleArn: place.strong,
        Metadata: { newFileSystem: 'true' },
      }),
  },
  {
    name: 'a copy under a strong role',
    operation: 'StartCopyJob',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'StartCopyJob', {
        RecoveryPointArn: place.point,
        SourceBackupVaultName: VAULT,
        DestinationBackupVaultArn: place.vault,
        IamRoleArn: place.strong,
      }),
  },
  {
    name: 'a selection of resources under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: async (call, place) => {
      const BackupPlanId = await planNamed(call, `selected-${place.name}`)
      return await call('backup', 'CreateBackupSelection', {
        BackupPlanId,
        BackupSelection: {
          SelectionName: 'all',
          IamRoleArn: place.strong,
          Resources: [place.resource],
        },
      })
    },
  },
  {
    name: 'another vault for a plan that backs up under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'UpdateBackupPlan', {
        BackupPlanId: place.rootsPlan,
        BackupPlan: planTo(place.name, 'elsewhere'),
      }),
  },
  {
    name: 'a restore test under a strong role',
    operation: 'CreateRestoreTestingSelection',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'CreateRestoreTestingSelection', {
        RestoreTestingPlanName: 'tests',
        RestoreTestingSelection: {
          RestoreTestingSelectionName: 'all',
          ProtectedResourceType: 'EFS',
          IamRoleArn: place.strong,
        },
      }),
  },
  {
    name: 'an instance profile with a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: async (call, { name }) => {
      await call('iam', 'CreateInstanceProfile', { InstanceProfileName: `profile-${name}` }).catch(isThere)
      return await call('iam', 'AddRoleToInstanceProfile', {
        InstanceProfileName: `profile-${name}`,
        RoleName: 'strong',
      })
    },
  },
  {
    name: 'an export of a vault under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('roleback', 'StartExportJob', {
        BackupVaultName: VAULT,
        IamRoleArn: place.strong,
        Format: 'restic',
        TargetPath: '/nowhere/at/all',
        Password: 'of-the-copy-12345',
      }),
  },
]

export const BY_DELETING: readonly Path[] = [
  {
    name: 'a vault policy without the Deny that protects the vault, and then the backup',
    needs: 'backup:PutBackupVaultAccessPolicy',
    on: ({ vault }) => vault,
    attempt: (call, { vault, arn }) =>
      call('backup', 'PutBackupVaultAccessPolicy', {
        BackupVaultName: VAULT,
        Policy: policy({
          Effect: 'Allow',
          Principal: { AWS: arn },
          Action: 'backup:CopyIntoBackupVault',
          Resource: vault,
        }),
      }),
  },
  {
    name: 'the vault’s policy, deleted',
    needs: 'backup:DeleteBackupVaultAccessPolicy',
    on: ({ vault }) => vault,
    attempt: (call) => call('backup', 'DeleteBackupVaultAccessPolicy', { BackupVaultName: VAULT }),
  },
  {
    name: 'the vault’s lock, taken off',
    needs: 'backup:DeleteBackupVaultLockConfiguration',
    on: ({ vault }) => vault,
    attempt: (call) => call('backup', 'DeleteBackupVaultLockConfiguration', { BackupVaultName: VAULT }),
  },
  {
    name: 'a shorter life for a backup',
    needs: 'backup:UpdateRecoveryPointLifecycle',
    on: ({ point }) => point,
    attempt: (call, { point }) =>
      call('backup', 'UpdateRecoveryPointLifecycle', {
        BackupVaultName: VAULT,
        RecoveryPointArn: point,
        Lifecycle: { DeleteAfterDays: 1 },
      }),
  },
  {
    name: 'a tag that lets him delete, set through the tagging API',
    needs: 'backup:TagResource',
    on: ({ vault }) => vault,
    attempt: (call, { vault }) => taggedThrough(call, vault),
  },
  {
    name: 'a tag on what is backed up, set through the tagging API',
    needs: 'elasticfilesystem:TagResource',
    on: ({ resource }) => resource,
    attempt: (call, { resource }) => taggedThrough(call, resource),
  },
]
