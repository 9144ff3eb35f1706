import type { CheckedSubject } from '../access/preflight.ts'
import { guardHandOuts } from '../access/restore-guard.ts'
import { InvalidRequestException } from '../aws/generated/roleback.ts'
import type { PreflightJobsInput, TargetCheck } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { kindOfType } from '../kinds/kinds.ts'
import type { Kind } from '../kinds/kind.ts'
import { readRestoreMetadata } from '../kinds/restore-metadata.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { passedRole } from './jobs.ts'
import { askWorker } from './worker-answer.ts'

/** Recovery points whose targets are looked at in one call: each is a job. */
export const MAX_LOOKED_AT = 10
/** How long a caller waits for one of them, in milliseconds. */
const PATIENCE_MS = 25_000
/** How long the record of a look is kept, in milliseconds. */
const KEPT_MS = 86_400_000

/** What a worker answers; `drivers` has its shape. */
interface Look {
  readonly checks: readonly {
    readonly name: string
    readonly answer: 'no' | 'unknown' | 'yes'
    readonly message: string
  }[]
}

/**
 * Has a worker find out, under the role, all that a restore of one recovery point would before it writes; nothing is changed. Where
 * something is missing already nothing is looked at: the caller and the role must be able to do what they ask about.
 */
export async function targetChecks(
  ctx: Context,
  input: PreflightJobsInput,
  { arn, findings, checks }: CheckedSubject,
): Promise<TargetCheck[]> {
  if (findings.length > 0) return findings.map(({ message }) => toCheck('Request', 'no', message))
  const missing = checks.filter(({ verdict, isOptional }) => verdict === 'denied' && !isOptional)
  if (missing.length > 0)
    return [
      toCheck('Rights', 'no', `${missing.length} are missing: without them the target is not looked at`),
    ]
  const point = await findRecoveryPoint(ctx.store.db, ctx.accountId, arn)
  if (point === undefined) return [toCheck('Request', 'no', `${arn} is gone`)]
  return [
    toCheck('Request', 'yes', 'Recovery point and metadata are as they must be'),
    toCheck('Rights', 'yes', `${checks.length} are given, as far as they are known beforehand`),
    ...(await look(ctx, input, point)),
  ]
}

async function look(
  ctx: Context,
  input: PreflightJobsInput,
  point: RecoveryPointTable,
): Promise<TargetCheck[]> {
  const read = readRestoreMetadata(kindOfType(point.resource_type) as Kind, input.Metadata ?? {})
  if (!read.ok) return [toCheck('Request', 'no', read.message)]
  const { metadata } = read
  // Recorded as of the call itself: a system that is not the server's own is asked for him.
  const role = await passedRole(ctx, input.IamRoleArn, point.arn)
  for (const asked of await ctx.preview.asked('backup', 'StartRestoreJob', { RecoveryPointArn: point.arn })) {
    const access = await ctx.ask(asked)
    if (!access.allowed) throw access.refusal
  }
  await guardHandOuts(ctx, [{ point, metadata }])
  try {
    const answer = await askWorker(ctx, {
      kind: 'check-restore',
      about: {
        vault_name: point.vault_name,
        resource_arn: point.resource_arn,
        resource_unique_id: point.resource_unique_id,
        resource_type: point.resource_type,
        recovery_point_arn: point.arn,
        role_arn: input.IamRoleArn,
        role_id: role.role_id,
        kept_until: ctx.now + KEPT_MS,
        input: JSON.stringify({ metadata, copyTags: input.CopySourceTagsToRestoredResource === true }),
      },
      patienceMs: PATIENCE_MS,
      failed: 'The target could not be looked at',
      late: 'The target was not looked at',
    })
    return (answer as Look).checks.map(({ name, answer, message }) => toCheck(name, answer, message))
  } catch (error) {
    if (!(error instanceof InvalidRequestException)) throw error
    return [toCheck('Target', 'unknown', error.message)]
  }
}

function toCheck(Name: string, Answer: TargetCheck['Answer'], Message: string): TargetCheck {
  return { Name, Answer, Message }
}
