import type { DescribeJobLimitsOutput, PutJobLimitsInput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { DEFAULT_LIMITS, putJobLimits as putRow, storedJobLimits } from '../store/jobs/job-limits.ts'
import { refuseTenants } from './accounts.ts'
import { bandwidthOf, toBandwidth } from './bandwidth.ts'
import { mayChangeRules, mayReadRules } from './server-rules.ts'

/**
 * How many jobs may work at a time over one connection, on one host, and on all servers of the database together, and how fast each server
 * reads from databases and buckets and writes to them. What a call leaves out is the default again. Jobs under way go on; those that
 * wait say why (`StatusMessage`).
 */
export async function putJobLimits(ctx: Context, input: PutJobLimitsInput): Promise<DescribeJobLimitsOutput> {
  await refuseTenants(ctx, 'roleback:PutJobLimits')
  await mayChangeRules(ctx, 'job limits')
  await putRow(ctx.store.db, {
    ...(input.PerConnection !== undefined && { perConnection: input.PerConnection }),
    ...(input.PerHost !== undefined && { perHost: input.PerHost }),
    ...(input.PerServer !== undefined && { perServer: input.PerServer }),
    ...(input.Bandwidth !== undefined && {
      bandwidth: bandwidthOf(input.Bandwidth, 'Cannot limit the bandwidth of jobs'),
    }),
  })
  ctx.store.wake()
  return await limits(ctx)
}

export async function describeJobLimits(ctx: Context): Promise<DescribeJobLimitsOutput> {
  await refuseTenants(ctx, 'roleback:DescribeJobLimits')
  await mayReadRules(ctx, 'job limits')
  return await limits(ctx)
}

async function limits(ctx: Context): Promise<DescribeJobLimitsOutput> {
  const { perConnection, perHost, perServer, bandwidth } = {
    ...DEFAULT_LIMITS,
    ...(await storedJobLimits(ctx.store.db)),
  }
  return {
    PerConnection: perConnection,
    PerHost: perHost,
    PerServer: perServer,
    Bandwidth: bandwidth && toBandwidth(bandwidth),
  }
}
