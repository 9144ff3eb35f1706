import type {
  ListResourceProtectionInput,
  ListResourceProtectionOutput,
  ResourceProtection,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { Page } from '../store/page.ts'
import { listProtection } from '../store/points/protection.ts'
import { allowedAges, filterOf, isOverdue, overduePage, withAges } from './allowed-ages.ts'
import type { AgedRow, AllowedAges } from './allowed-ages.ts'
import { nextToken, pageOf } from './paging.ts'

/**
 * Registered resources, the worst off first: those without a recovery point that can be restored, then by the age of the newest. Overdue
 * is one whose newest is older than the plan that asks for most allows, or than a day and a half where no plan selects it.
 */
export async function listResourceProtection(
  ctx: Context,
  input: ListResourceProtectionInput,
): Promise<ListResourceProtectionOutput> {
  const list = `ListResourceProtection ${input.Protection ?? ''} ${input.ResourceType ?? ''}`
  const { rows, next } = await pageFor(ctx, await allowedAges(ctx), list, input)
  return { Resources: rows.map((row) => toMember(row, ctx.now)), NextToken: nextToken(ctx, list, next) }
}

async function pageFor(
  ctx: Context,
  ages: AllowedAges,
  list: string,
  input: ListResourceProtectionInput,
): Promise<Page<AgedRow>> {
  const page = pageOf(ctx, list, input)
  if (input.Protection === 'OVERDUE') return await overduePage(ctx, ages, input.ResourceType, page)
  const { rows, next } = await listProtection(
    ctx.store.db,
    {
      ...filterOf(ctx, input.ResourceType),
      from: input.Protection === 'PROTECTED' ? 1 : undefined,
      before: input.Protection === 'UNPROTECTED' ? 1 : undefined,
    },
    page,
  )
  return { rows: await withAges(ctx, ages, rows), next }
}

function toMember(row: AgedRow, now: number): ResourceProtection {
  const isProtected = row.newest_at > 0
  return {
    ResourceArn: row.arn,
    ResourceType: row.type as ResourceProtection['ResourceType'],
    Name: row.label,
    Protection: !isProtected ? 'UNPROTECTED' : isOverdue(row, now) ? 'OVERDUE' : 'PROTECTED',
    LastBackupTime: isProtected ? new Date(row.newest_at) : undefined,
    AllowedAgeSeconds: Math.round(row.allowedAgeMs / 1000),
  }
}
