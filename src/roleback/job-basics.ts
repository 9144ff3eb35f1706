import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import type { NewJob } from '../store/jobs.ts'
import type { JobKind } from '../store/schema.ts'

/** What every job that a call makes says of itself: a new id, whose it is, and who asked. */
export function jobBasics(
  ctx: Context,
  kind: JobKind,
): Pick<NewJob, 'account_id' | 'region' | 'job_id' | 'kind' | 'created_at' | 'caller_arn'> {
  return {
    account_id: ctx.accountId,
    region: ctx.region,
    job_id: uuid(),
    kind,
    created_at: ctx.now,
    caller_arn: ctx.principal.arn,
  }
}
