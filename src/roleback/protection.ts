import type {
  ListResourceProtectionInput,
  ListResourceProtectionOutput,
  ResourceProtection,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { Page } from '../store/page.ts'
import { listProtection, resourcesOfPoints } from '../store/points/protection.ts'
import type { ProtectionFilter } from '../store/points/protection.ts'
import { allowedAges, filterOf, isOverdue, lookThrough, withAges } from './allowed-ages.ts'
import type { AgedRow, AllowedAges } from './allowed-ages.ts'
import { nextToken, pageOf } from './paging.ts'

type Protection = ResourceProtection['Protection']

/**
 * Registered resources, the worst off first: those without a recovery point that can be restored, then by the age of the newest. Overdue
 * is one whose newest is older than the plan that asks for most allows, or than a day and a half where no plan selects it. What a restore
 * made is not called unprotected until somebody backs it up: its content is what a recovery point holds.
 */
export async function listResourceProtection(
  ctx: Context,
  input: ListResourceProtectionInput,
): Promise<ListResourceProtectionOutput> {
  const { Protection: asked = '', ResourceType = '', NameContains = '' } = input
  const list = `ListResourceProtection ${asked} ${ResourceType} ${NameContains}`
  const { rows, next } = await pageFor(ctx, await allowedAges(ctx), list, input)
  const restored = rows.flatMap(({ restored_from: point }) => point ?? [])
  const sources = await resourcesOfPoints(ctx.store.db, ctx.accountId, restored)
  return {
    Resources: rows.map((row) => toMember(row, sources, ctx.now)),
    NextToken: nextToken(ctx, list, next),
  }
}

async function pageFor(
  ctx: Context,
  ages: AllowedAges,
  list: string,
  { Protection: asked, ResourceType, NameContains, ...paging }: ListResourceProtectionInput,
): Promise<Page<AgedRow>> {
  const page = pageOf(ctx, list, paging)
  const filter = { ...filterOf(ctx, ResourceType), ...boundsOf(ctx, ages, asked) }
  if (asked !== 'OVERDUE' && NameContains === undefined) {
    const { rows, next } = await listProtection(ctx.store.db, filter, page)
    return { rows: await withAges(ctx, ages, rows), next }
  }
  const part = NameContains?.toLowerCase() ?? ''
  const sought = {
    filter,
    isCalled: (names: readonly string[]) => names.some((name) => name.toLowerCase().includes(part)),
    isMeant: (row: AgedRow) => asked !== 'OVERDUE' || isOverdue(row, ctx.now),
  }
  return await lookThrough(ctx, ages, sought, page)
}

function boundsOf(
  ctx: Context,
  { leastMs }: AllowedAges,
  asked: Protection | undefined,
): Pick<ProtectionFilter, 'from' | 'before' | 'isRestored'> {
  switch (asked) {
    case 'UNPROTECTED':
      return { before: 1, isRestored: false }
    case 'RESTORED':
      return { before: 1, isRestored: true }
    case 'PROTECTED':
      return { from: 1 }
    case 'OVERDUE':
      return { from: 1, before: ctx.now - leastMs }
    case undefined:
      return {}
  }
}

function toMember(row: AgedRow, sources: ReadonlyMap<string, string>, now: number): ResourceProtection {
  const { newest_at: newest, restored_from: point } = row
  return {
    ResourceArn: row.arn,
    ResourceType: row.type as ResourceProtection['ResourceType'],
    Name: row.label,
    Protection: protectionOf(row, now),
    LastBackupTime: newest > 0 ? new Date(newest) : undefined,
    RestoredFrom: point ?? undefined,
    RestoredFromResource: sources.get(point ?? ''),
    CreationDate: new Date(row.created_at),
    AllowedAgeSeconds: Math.round(row.allowedAgeMs / 1000),
  }
}

function protectionOf(row: AgedRow, now: number): Protection {
  if (row.newest_at === 0) return row.restored_from === null ? 'UNPROTECTED' : 'RESTORED'
  return isOverdue(row, now) ? 'OVERDUE' : 'PROTECTED'
}
