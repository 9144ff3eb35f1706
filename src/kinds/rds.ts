import { arnOf, parseArn } from '../lib/arn.ts'
import type { Arn } from '../lib/arn.ts'
import type { Kind, StepContext, StepTarget } from './kind.ts'
import { onBoth, onRecoveryPoint, onResource, onRestored, onVault } from './step-arns.ts'
import { TARGET_RESOURCE } from './target-resource.ts'

/**
 * RDS: one PostgreSQL database. Action names, ARN forms and restore metadata are those of AWS Backup for an RDS instance; a
 * recovery point is a snapshot of RDS's own (`snapshot:awsbackup:job-…`), so policies limited to that form work unchanged.
 *
 * Source: AWS service authorization reference for RDS; AWS Backup developer guide, "Restoring an RDS database".
 */

/** What `GetRecoveryPointRestoreMetadata` says about the source; accepted back and ignored. */
export const RDS_SOURCE_INFO = 'roleback:SourceDatabase'

const INFORMATION = 'Information only: accepted and ignored, a database here has no such setting'

/** Parameters of RestoreDBInstanceFromDBSnapshot that shape AWS's machines, not the data. */
const IGNORED_KEYS = [
  'AllocatedStorage',
  'AutoMinorVersionUpgrade',
  'AvailabilityZone',
  'CopyTagsToSnapshot',
  'DBInstanceClass',
  'DBParameterGroupName',
  'DBSubnetGroupName',
  'DeletionProtection',
  'Domain',
  'DomainIAMRoleName',
  'EnableCloudwatchLogsExports',
  'EnableIAMDatabaseAuthentication',
  'Encrypted',
  'Engine',
  'EngineVersion',
  'Iops',
  'KmsKeyId',
  'LicenseModel',
  'MultiAZ',
  'OptionGroupName',
  'Port',
  'ProcessorFeatures',
  'PubliclyAccessible',
  'StorageType',
  'VpcSecurityGroupIds',
  'aws:backup:request-id',
  'vpcId',
  RDS_SOURCE_INFO,
] as const

/** RDS has its own request-tag key beside `aws:RequestTag`. */
function requestTagContext(target: StepTarget): StepContext {
  const tags = target.requestTags
  if (tags === undefined) return {}
  return {
    ...prefixed('aws:RequestTag/', tags),
    ...prefixed('rds:req-tag/', tags),
    'aws:TagKeys': Object.keys(tags),
  }
}

function sourceTagContext(target: StepTarget): StepContext {
  return prefixed('rds:db-tag/', target.resourceTags)
}

function prefixed(prefix: string, tags: Readonly<Record<string, string>> | undefined): StepContext {
  return Object.fromEntries(Object.entries(tags ?? {}).map(([key, value]) => [prefix + key, value]))
}

export const rds: Kind = {
  type: 'RDS',
  service: 'rds',
  isFullyManaged: false,
  resourceArn: ({ region, accountId, name }) => `arn:aws:rds:${region}:${accountId}:db:${name}`,
  recoveryPointArn: ({ region, accountId, jobId }) =>
    `arn:aws:rds:${region}:${accountId}:snapshot:awsbackup:job-${jobId.toLowerCase()}`,
  recoveryPointPattern: ({ region, accountId }) =>
    `arn:aws:rds:${region}:${accountId}:snapshot:awsbackup:job-*`,
  discover: ({ region, accountId }) => ({
    action: 'rds:DescribeDBInstances',
    resource: `arn:aws:rds:${region}:${accountId}:db:*`,
  }),
  // As the user that backups are made as: he can read all that they hold.
  read: ({ arn, uniqueId, settings }) => {
    const { region, accountId } = parseArn(arn) as Arn
    return {
      action: 'rds-db:connect',
      resources: [arnOf('rds-db', region, accountId, `dbuser:db-${uniqueId}/${String(settings['user'])}`)],
    }
  },
  backupTarget: (facts) => ({
    ...facts,
    requestTags: { 'aws:backup:source-resource': facts.resourceArn },
  }),
  restoreTarget: (facts) => ({
    ...facts,
    requestTags: { 'aws:backup:source-resource': facts.resourceArn },
  }),
  backup: {
    DescribeBackupVault: {
      name: 'DescribeBackupVault',
      action: 'backup:DescribeBackupVault',
      arns: onVault,
    },
    DescribeDatabase: {
      name: 'DescribeDatabase',
      action: 'rds:DescribeDBInstances',
      arns: onResource,
      context: sourceTagContext,
    },
    ListTags: {
      name: 'ListTags',
      action: 'rds:ListTagsForResource',
      arns: onResource,
      context: sourceTagContext,
    },
    TagSnapshot: {
      name: 'TagSnapshot',
      action: 'rds:AddTagsToResource',
      arns: onRecoveryPoint,
      context: requestTagContext,
    },
    CreateSnapshot: {
      name: 'CreateSnapshot',
      action: 'rds:CreateDBSnapshot',
      arns: onBoth(onResource, onRecoveryPoint),
      context: (target) => ({ ...sourceTagContext(target), ...requestTagContext(target) }),
    },
  },
  restore: {
    DescribeSnapshot: {
      name: 'DescribeSnapshot',
      action: 'rds:DescribeDBSnapshots',
      arns: onRecoveryPoint,
    },
    DescribeTarget: {
      name: 'DescribeTarget',
      action: 'rds:DescribeDBInstances',
      arns: onRestored,
    },
    TagTarget: {
      name: 'TagTarget',
      action: 'rds:AddTagsToResource',
      arns: onRestored,
      context: requestTagContext,
    },
    RestoreDatabase: {
      name: 'RestoreDatabase',
      action: 'rds:RestoreDBInstanceFromDBSnapshot',
      arns: onBoth(onRestored, onRecoveryPoint),
      context: requestTagContext,
    },
    // Asked only after a failure: without it the half-made database stays, and the job's message says so.
    DeleteHalfMade: {
      name: 'DeleteHalfMade',
      action: 'rds:DeleteDBInstance',
      arns: onRestored,
      optional: true,
      onlyNew: true,
    },
  },
  remove: {
    DeleteSnapshot: {
      name: 'DeleteSnapshot',
      action: 'rds:DeleteDBSnapshot',
      arns: onRecoveryPoint,
    },
  },
  restoreMetadata: {
    DBInstanceIdentifier: {
      required: true,
      meaning:
        'Name of the restored database: a new name makes one, the name of a registered empty database fills it',
    },
    DBName: {
      required: false,
      meaning:
        'Name of the database inside the server where it differs from DBInstanceIdentifier; only for a new one',
    },
    ItemsToRestore: {
      required: false,
      meaning:
        'JSON array of the tables to restore, each as SCHEMA.TABLE, with their indexes, keys, defaults and sequences; without it the whole database is',
    },
    [TARGET_RESOURCE]: {
      required: false,
      meaning:
        'ARN of a registered RDS resource whose server and credentials are used instead of the source’s own',
    },
    ...Object.fromEntries(IGNORED_KEYS.map((key) => [key, { required: false, meaning: INFORMATION }])),
  },
}
