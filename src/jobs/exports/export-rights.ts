import { decodeMeta, keyText } from '../../drivers/s3-bucket/s3-bucket-objects.ts'
import type { DriverSession } from '../../drivers/driver.ts'
import { efs } from '../../kinds/efs.ts'
import type { ResourceType, Step, StepTarget } from '../../kinds/kind.ts'
import { rds } from '../../kinds/rds.ts'
import { s3, s3ObjectArn } from '../../kinds/s3.ts'
import type { ExportReader } from './export-source.ts'
import { ExportDamageError } from './export-source.ts'

/**
 * Decides, for the role's session, that it may turn a recovery point into data, before any of its content is read. An export is
 * asked for no less than a restore onto the source itself, since it hands out the same bytes:
 *
 * | kind | step | action | on |
 * |---|---|---|---|
 * | EFS | Restore | `elasticfilesystem:Restore` | the file system that was backed up |
 * | RDS | RestoreDatabase | `rds:RestoreDBInstanceFromDBSnapshot` | the database that was backed up, and the snapshot |
 * | S3 | ListObjects | `s3:ListBucket` | the bucket: the export tells its keys |
 * | | ReadObjectTags | `s3:GetObjectTagging` | each object that has tags: the manifest tells them |
 * | | ReadObject | `s3:GetObject` | each object, with its tags, so that a Deny on some of them holds |
 *
 * @throws {AccessDeniedError} At the first refusal.
 */
export async function decideExport(
  session: DriverSession,
  type: ResourceType,
  reader: ExportReader,
): Promise<void> {
  const target: StepTarget = {
    resourceArn: session.resource.arn,
    resourceTags: session.resource.tags,
    recoveryPointArn: session.recoveryPointArn,
    backupVaultArn: session.backupVaultArn,
    targetArn: session.resource.arn,
    targetTags: session.resource.tags,
  }
  switch (type) {
    case 'EFS':
      return await decide(session, efs.restore['Restore'], target)
    case 'RDS':
      return await decide(session, rds.restore['RestoreDatabase'], target)
    case 'S3':
      return await decideObjects(session, target, reader)
  }
}

async function decide(session: DriverSession, step: Step | undefined, target: StepTarget): Promise<void> {
  await session.call(step as Step, target, () => undefined)
}

async function decideObjects(
  session: DriverSession,
  bucket: StepTarget,
  reader: ExportReader,
): Promise<void> {
  await decide(session, s3.backup['ListObjects'], bucket)
  for await (const page of reader.items()) {
    for (const item of page) {
      const key = keyText(item.key)
      if (key === undefined) {
        throw new ExportDamageError(
          `the recovery point holds a key that is not UTF-8 (base64 ${Buffer.from(item.key).toString('base64')}): ` +
            'no policy can name it, so it is not exported',
        )
      }
      const { tags = {} } = decodeMeta(item.meta)
      const target = { ...bucket, objectArn: s3ObjectArn(bucket.resourceArn, key), resourceTags: tags }
      if (Object.keys(tags).length > 0) await decide(session, s3.backup['ReadObjectTags'], target)
      await decide(session, s3.backup['ReadObject'], target)
    }
  }
}
