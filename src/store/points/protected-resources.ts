import { sql } from 'kysely'
import type { Page, PageRequest } from '../page.ts'
import { pageOf, textCursor } from '../page.ts'
import { RESTORABLE } from './recovery-points.ts'
import type { RecoveryPointTable } from '../schema.ts'
import type { Queryable } from '../store.ts'

/** ARNs of one statement: below what the engines bind. */
const MAX_ARNS = 1_000

/**
 * The latest recovery point of each protected resource, by the resource's ARN.
 *
 * From each ARN the next is looked up in an index: a page costs what its resources do, however many recovery points they have.
 */
export async function listProtectedResources(
  db: Queryable,
  filter: { readonly accountId: string; readonly region: string; readonly vaultName?: string | undefined },
  page: PageRequest,
): Promise<Page<RecoveryPointTable>> {
  let points = db
    .selectFrom('recovery_point as p')
    .where('p.account_id', '=', filter.accountId)
    .where('p.region', '=', filter.region)
    .where('p.status', 'in', RESTORABLE)
  if (filter.vaultName !== undefined) points = points.where('p.vault_name', '=', filter.vaultName)
  const after = page.after && textCursor(page.after)
  const behind = after === undefined ? points : points.where('p.resource_arn', '>', after)
  const here = sql.ref<string>('protected.resource_arn')
  const next = points
    .where('p.resource_arn', '>', here)
    .select((eb) => eb.fn.min<string | null>('p.resource_arn').as('arn'))
  const latest = points
    .where('p.resource_arn', '=', here)
    .select('p.arn')
    .orderBy('p.created_at', 'desc')
    .orderBy('p.arn', 'desc')
    .limit(1)
  const rows = await db
    .withRecursive('protected(resource_arn, number)', (cte) =>
      behind
        .select((eb) => [
          eb.fn.min<string | null>('p.resource_arn').as('resource_arn'),
          sql<number>`1`.as('number'),
        ])
        .unionAll(
          cte
            .selectFrom('protected')
            .select([next.as('resource_arn'), sql<number>`number + 1`.as('number')])
            .where('protected.resource_arn', 'is not', null)
            .where('protected.number', '<=', page.limit),
        ),
    )
    .selectFrom('protected')
    .innerJoin('recovery_point as point', (join) => join.on('point.arn', '=', latest))
    .selectAll('point')
    .orderBy('point.resource_arn')
    .execute()
  return pageOf(rows, page.limit, (row) => [row.resource_arn])
}

/** Which of these ARNs recovery points of the account were made of, in whatever region they are. */
export async function arnsWithPoints(
  db: Queryable,
  accountId: string,
  arns: readonly string[],
): Promise<ReadonlySet<string>> {
  const found = new Set<string>()
  for (let at = 0; at < arns.length; at += MAX_ARNS) {
    const rows = await db
      .selectFrom('recovery_point')
      .select('resource_arn')
      .distinct()
      .where('account_id', '=', accountId)
      .where('resource_arn', 'in', arns.slice(at, at + MAX_ARNS))
      .execute()
    for (const row of rows) found.add(row.resource_arn)
  }
  return found
}
