import { randomHex } from '../lib/ids.ts'
import { efs } from './efs.ts'
import type { Kind } from './kind.ts'
import { kindOfArn } from './kinds.ts'
import { rds } from './rds.ts'
import { s3 } from './s3.ts'

export interface RestoreTarget {
  /** ARN that the restored resource has or will have. */
  readonly arn: string
  readonly name: string
  readonly isNew: boolean
  /** The form of the ARN where each new target gets an id of its own. */
  readonly pattern?: string
}

/** The metadata names no target that could be restored to; the message says which key is wrong. */
export class RestoreTargetError extends Error {
  override name = 'RestoreTargetError'
}

interface Place {
  readonly region: string
  readonly accountId: string
}

export interface TargetRequest {
  readonly type: string
  readonly place: Place
  readonly metadata: Readonly<Record<string, string>>
  /** True where a resource of this ARN is registered. */
  readonly isRegistered: (arn: string) => Promise<boolean>
}

/**
 * What a restore makes or fills, from its metadata. A new file system gets an id of its own; databases and buckets are named by
 * the caller.
 *
 * @throws {RestoreTargetError} Where it names none.
 */
export async function restoreTargetOf(request: TargetRequest): Promise<RestoreTarget> {
  switch (request.type) {
    case 'EFS':
      return await fileSystemTarget(request)
    case 'RDS':
      return await namedTarget(request, rds, required(request, 'DBInstanceIdentifier'))
    case 'S3':
      return await bucketTarget(request)
    default:
      throw new RestoreTargetError(
        `Restore failed: resource type ${request.type} is not known to this server`,
      )
  }
}

async function fileSystemTarget(request: TargetRequest): Promise<RestoreTarget> {
  if (request.metadata['newFileSystem'] === 'true') {
    const name = `fs-${randomHex(9).slice(0, 17)}`
    const pattern = efs.resourceArn({ ...request.place, name: 'fs-*' })
    return { arn: efs.resourceArn({ ...request.place, name }), name, isNew: true, pattern }
  }
  const name = required(request, 'file-system-id').split('/').at(-1) as string
  const arn = efs.resourceArn({ ...request.place, name })
  if (!(await request.isRegistered(arn))) {
    throw new RestoreTargetError(
      `Restore failed: file system ${arn} is not registered. Register it, or restore to a new one with newFileSystem=true`,
    )
  }
  return { arn, name, isNew: false }
}

async function bucketTarget(request: TargetRequest): Promise<RestoreTarget> {
  const name = required(request, 'DestinationBucketName').replace(/^arn:aws:s3:::/, '')
  const target = await namedTarget(request, s3, name)
  const isNew = request.metadata['NewBucket']?.toLowerCase() === 'true'
  if (isNew === target.isNew) return target
  throw new RestoreTargetError(
    isNew
      ? `Restore failed: ${target.arn} is registered already. Restore into it with NewBucket=false, or choose another name`
      : `Restore failed: ${target.arn} is not registered. Register it, or make a new bucket with NewBucket=true`,
  )
}

async function namedTarget(request: TargetRequest, kind: Kind, name: string): Promise<RestoreTarget> {
  const arn = kind.resourceArn({ ...request.place, name })
  // What is decided is the ARN: a name that bends it would be decided on as something else.
  if (kindOfArn(arn)?.kind !== kind || kindOfArn(arn)?.name !== name) {
    throw new RestoreTargetError(
      `Restore failed: ${JSON.stringify(name.slice(0, 100))} cannot name a resource of type ${kind.type}`,
    )
  }
  return { arn, name, isNew: !(await request.isRegistered(arn)) }
}

function required(request: TargetRequest, key: string): string {
  const value = request.metadata[key]
  if (value === undefined || value === '')
    throw new RestoreTargetError(`Restore failed: restore metadata "${key}" is missing`)
  return value
}
