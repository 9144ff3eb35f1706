import type { Kind, Step, StepContext, StepTarget } from './kind.ts'
import { onObject, onRecoveryPoint, onResource, onRestored, onVault } from './step-arns.ts'
import { TARGET_RESOURCE } from './target-resource.ts'

/**
 * S3: one bucket on any S3-compatible server. Every object is decided on its own ARN, also one that is unchanged since the
 * parent recovery point and is taken over unread.
 *
 * Source: AWS service authorization reference for S3; AWS Backup developer guide, "Restoring S3 data".
 */

/** What `GetRecoveryPointRestoreMetadata` says about the source; accepted back and ignored. */
export const S3_SOURCE_INFO = 'roleback:SourceBucket'

/** AWS takes at most this many paths in one item-level restore of S3. */
export const S3_MAX_ITEMS_TO_RESTORE = 5

/** ARN of one object: the key as it is, not encoded, as S3 writes it in policies. */
export function s3ObjectArn(bucketArn: string, key: string): string {
  return `${bucketArn}/${key}`
}

/** What an object says itself. */
const OBJECT = { ownKeys: ['s3:ExistingObjectTag/', 'aws:ResourceTag/'] }

/**
 * The keys or prefixes that `ItemsToRestore` names, without `s3://BUCKET/` of the source before them. A key counts as a prefix, too:
 * all keys that begin so are restored.
 *
 * @returns Undefined where it is no JSON array of such.
 */
export function s3ItemsToRestore(json: string, sourceBucket: string): readonly string[] | undefined {
  let parsed: unknown
  try {
    parsed = JSON.parse(json)
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed) || !parsed.every((item) => typeof item === 'string' && item !== ''))
    return undefined
  const bucketPrefix = `s3://${sourceBucket}/`
  // Well-formed, as its bytes will be: what is decided on must be what is restored.
  return (parsed as string[]).map((item) =>
    (item.startsWith(bucketPrefix) ? item.slice(bucketPrefix.length) : item).toWellFormed(),
  )
}

/** The object's own tags, which S3 calls by its own name beside `aws:ResourceTag`. */
function objectTagContext(target: StepTarget): StepContext {
  return Object.fromEntries(
    Object.entries(target.resourceTags ?? {}).map(([key, value]) => [`s3:ExistingObjectTag/${key}`, value]),
  )
}

function requestTagContext(target: StepTarget): StepContext {
  const tags = target.requestTags
  if (tags === undefined) return {}
  const each = Object.entries(tags).map(([key, value]) => [`s3:RequestObjectTag/${key}`, value])
  return { ...Object.fromEntries(each), 's3:RequestObjectTagKeys': Object.keys(tags) }
}

/** The tags that an object is written with lie in the recovery point. */
const WRITTEN = {
  ownKeys: ['s3:RequestObjectTag/', 's3:RequestObjectTagKeys', 'aws:RequestTag/', 'aws:TagKeys'],
}

/** Tags of the recovery point, for `backup:TagResource`. */
function pointTagContext(target: StepTarget): StepContext {
  const tags = target.requestTags
  if (tags === undefined) return {}
  const each = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])
  return { ...Object.fromEntries(each), 'aws:TagKeys': Object.keys(tags) }
}

/** Decided with the object's own tags in the place of the bucket's. */
export const s3ReadObject: Step = {
  name: 'ReadObject',
  action: 's3:GetObject',
  arns: onObject,
  context: objectTagContext,
  perItem: OBJECT,
}

export const s3: Kind = {
  type: 'S3',
  service: 's3',
  isFullyManaged: true,
  resourceArn: ({ name }) => `arn:aws:s3:::${name}`,
  recoveryPointArn: ({ region, accountId, jobId, name, createdAt }) =>
    `arn:aws:backup:${region}:${accountId}:recovery-point:${name}-${compactTime(createdAt)}-${hex8(jobId)}`,
  recoveryPointPattern: ({ region, accountId, name }) =>
    `arn:aws:backup:${region}:${accountId}:recovery-point:${name}-*`,
  discover: () => ({ action: 's3:ListAllMyBuckets', resource: '*' }),
  read: ({ arn, name }, metadata) => {
    const items = s3ItemsToRestore(metadata?.['ItemsToRestore'] ?? '', name) ?? []
    return {
      action: 's3:GetObject',
      // What names nothing that could be restored is asked for as all: the restore will refuse it.
      resources: items.length === 0 ? [`${arn}/`] : items.map((item) => s3ObjectArn(arn, item)),
      below: OBJECT,
    }
  },
  backupTarget: (facts) => ({
    ...facts,
    requestTags: { 'aws:backup:source-resource': facts.resourceArn },
  }),
  restoreTarget: (facts) => ({ ...facts }),
  backup: {
    DescribeBackupVault: {
      name: 'DescribeBackupVault',
      action: 'backup:DescribeBackupVault',
      arns: onVault,
    },
    TagRecoveryPoint: {
      name: 'TagRecoveryPoint',
      action: 'backup:TagResource',
      arns: onRecoveryPoint,
      context: pointTagContext,
    },
    GetBucketTagging: { name: 'GetBucketTagging', action: 's3:GetBucketTagging', arns: onResource },
    GetBucketVersioning: { name: 'GetBucketVersioning', action: 's3:GetBucketVersioning', arns: onResource },
    GetBucketAcl: { name: 'GetBucketAcl', action: 's3:GetBucketAcl', arns: onResource },
    ListObjects: { name: 'ListObjects', action: 's3:ListBucket', arns: onResource },
    ReadObjectTags: {
      name: 'ReadObjectTags',
      action: 's3:GetObjectTagging',
      arns: onObject,
      perItem: { ownKeys: [] },
    },
    ReadObject: s3ReadObject,
  },
  restore: {
    CreateBucket: { name: 'CreateBucket', action: 's3:CreateBucket', arns: onRestored, onlyNew: true },
    GetTargetVersioning: {
      name: 'GetTargetVersioning',
      action: 's3:GetBucketVersioning',
      arns: onRestored,
    },
    ListTarget: { name: 'ListTarget', action: 's3:ListBucket', arns: onRestored },
    WriteObject: {
      name: 'WriteObject',
      action: 's3:PutObject',
      arns: onObject,
      context: requestTagContext,
      perItem: WRITTEN,
    },
    TagObject: {
      name: 'TagObject',
      action: 's3:PutObjectTagging',
      arns: onObject,
      context: requestTagContext,
      perItem: WRITTEN,
    },
    CheckObject: { name: 'CheckObject', action: 's3:GetObject', arns: onObject, perItem: WRITTEN },
  },
  remove: {},
  restoreMetadata: {
    DestinationBucketName: { required: true, meaning: 'Name of the bucket to restore into' },
    NewBucket: { required: false, meaning: '`true` makes the bucket first; it must not exist yet' },
    ItemsToRestore: {
      required: false,
      meaning: `JSON array of at most ${S3_MAX_ITEMS_TO_RESTORE} keys or prefixes; everything where it is absent`,
    },
    EncryptionType: {
      required: false,
      meaning: '`original` (the target’s own default), `SSE-S3` or `SSE-KMS` with KMSKey',
    },
    KMSKey: { required: false, meaning: 'Key id for EncryptionType `SSE-KMS`' },
    RestoreACLs: {
      required: false,
      meaning: 'Only `false`: access control lists of objects are not part of a recovery point',
    },
    RestoreLatestVersionsUpTo: {
      required: false,
      meaning: 'A number or `all`; a recovery point holds one version of each object, the latest',
    },
    [TARGET_RESOURCE]: {
      required: false,
      meaning: 'ARN of a registered S3 resource whose server and credentials are used for a new bucket',
    },
    Encrypted: { required: false, meaning: 'Information only, ignored' },
    'aws:backup:request-id': { required: false, meaning: 'Information only, ignored' },
    [S3_SOURCE_INFO]: { required: false, meaning: 'Information only, ignored' },
  },
}

/** `yyyymmddhhmmss` in UTC, as AWS writes it into recovery point ARNs of S3. */
function compactTime(at: Date): string {
  return at
    .toISOString()
    .slice(0, 19)
    .replaceAll(/[^0-9]/g, '')
}

/** Eight hexadecimal digits of the job's id, which make the ARN unique within a second. */
function hex8(jobId: string): string {
  return jobId
    .toLowerCase()
    .replaceAll(/[^0-9a-f]/g, '')
    .slice(0, 8)
    .padEnd(8, '0')
}
