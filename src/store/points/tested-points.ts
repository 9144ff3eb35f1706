import { COPYABLE } from './recovery-points.ts'
import type { RecoveryPointTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** Which recovery points a restore test may take. */
export interface TestedPointFilter {
  readonly accountId: string
  readonly region: string
  readonly resourceType: string
  /** Undefined: all. */
  readonly resourceArns: readonly string[] | undefined
  readonly vaultNames: readonly string[]
  /** Milliseconds since 1970, both included. */
  readonly createdFrom: number
  readonly createdUntil: number
}

const eligible = (db: Queryable, filter: TestedPointFilter) => {
  const query = db
    .selectFrom('recovery_point')
    .where('account_id', '=', filter.accountId)
    .where('region', '=', filter.region)
    .where('resource_type', '=', filter.resourceType)
    .where('vault_name', 'in', filter.vaultNames)
    .where('status', 'in', COPYABLE)
    .where('created_at', '>=', filter.createdFrom)
    .where('created_at', '<=', filter.createdUntil)
  return filter.resourceArns === undefined ? query : query.where('resource_arn', 'in', filter.resourceArns)
}

/** The resources that have such points, by ARN, and how many each has. */
export async function testableResources(
  db: Queryable,
  filter: TestedPointFilter,
): Promise<readonly { readonly arn: string; readonly points: number }[]> {
  if (filter.vaultNames.length === 0) return []
  const rows = await eligible(db, filter)
    .select('resource_arn')
    .select((eb) => eb.fn.countAll<number>().as('points'))
    .groupBy('resource_arn')
    .orderBy('resource_arn')
    .execute()
  return rows.map(({ resource_arn, points }) => ({ arn: resource_arn, points: Number(points) }))
}

/** One point of a resource: `skip` 0 is the latest. */
export async function testedPoint(
  db: Queryable,
  filter: TestedPointFilter,
  resourceArn: string,
  skip: number,
): Promise<RecoveryPointTable | undefined> {
  return await eligible(db, filter)
    .selectAll()
    .where('resource_arn', '=', resourceArn)
    .orderBy('created_at', 'desc')
    .orderBy('arn', 'desc')
    .limit(1)
    .offset(skip)
    .executeTakeFirst()
}
