import type { Context } from '../context.ts'
import type { JobFilter } from '../store/jobs/jobs.ts'

/** What every list of jobs can be narrowed by. */
interface JobListInput {
  readonly ByAccountId?: string | undefined
  readonly ByResourceArn?: string | undefined
  readonly ByResourceType?: string | undefined
  readonly ByCreatedAfter?: Date | undefined
  readonly ByCreatedBefore?: Date | undefined
  readonly ByCompleteAfter?: Date | undefined
  readonly ByCompleteBefore?: Date | undefined
  readonly ByMessageCategory?: string | undefined
}

/** Undefined where another account's are asked for: there are none to tell. */
export function jobFilterOf(ctx: Context, input: JobListInput): Omit<JobFilter, 'kinds'> | undefined {
  const { ByAccountId: asked } = input
  if (asked !== undefined && asked !== '*' && asked !== ctx.accountId) return undefined
  return {
    accountId: ctx.accountId,
    region: ctx.region,
    resourceArn: input.ByResourceArn,
    resourceType: input.ByResourceType,
    createdAfter: input.ByCreatedAfter?.getTime(),
    createdBefore: input.ByCreatedBefore?.getTime(),
    completedAfter: input.ByCompleteAfter?.getTime(),
    completedBefore: input.ByCompleteBefore?.getTime(),
    messageCategory: input.ByMessageCategory,
  }
}
