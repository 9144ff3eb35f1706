import { passRoleContext } from '../access/passed-role.ts'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListRetentionCountsInput,
  ListRetentionCountsOutput,
  PreviewRetentionInput,
  PreviewRetentionOutput,
  PutRetentionCountsInput,
  PutRetentionCountsOutput,
  RetentionCounts as RetentionCountsMember,
  RetentionPreview,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { arnOf } from '../lib/arn.ts'
import type { PlanDocument } from '../plans/plan.ts'
import { countedRules, countPoints } from '../plans/retention-counts.ts'
import type { Counted, RetentionCounts } from '../plans/retention-counts.ts'
import { lockOf, reasonToKeep } from '../plans/vault-lock.ts'
import { holdsOnPoint } from '../store/points/legal-holds.ts'
import { pageOf as cut, textCursor } from '../store/page.ts'
import { selectionsOfPlan } from '../store/plans/plans.ts'
import type { PlanRow } from '../store/plans/plans.ts'
import {
  countedPoints,
  putRetentionCounts as putRow,
  retentionCountsOf,
} from '../store/points/retention-counts.ts'
import type { RetentionCountsTable } from '../store/plans/schema-plans.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { nextToken, pageOf } from './paging.ts'
import { planOf } from './plans.ts'

type CountMembers = Pick<
  PutRetentionCountsInput,
  'KeepLast' | 'KeepDaily' | 'KeepWeekly' | 'KeepMonthly' | 'KeepYearly'
>

/**
 * How many recovery points of each resource a plan's rule keeps (plans/retention-counts.ts); a call without a count takes them away.
 * It lets recovery points go that are there already, under the roles of the plan's selections: the caller must be allowed both.
 */
export async function putRetentionCounts(
  ctx: Context,
  input: PutRetentionCountsInput,
): Promise<PutRetentionCountsOutput> {
  await ctx.authorize('backup:DeleteRecoveryPoint', '*')
  const plan = await livePlan(ctx, input.BackupPlanId)
  const arn = arnOf('backup', plan.region, plan.account_id, `backup-plan:${plan.plan_id}`)
  const selections = await selectionsOfPlan(ctx.store.db, plan.plan_id)
  for (const role of new Set(selections.map(({ role_arn }) => role_arn)))
    await ctx.authorize('iam:PassRole', role, passRoleContext(arn))
  const counts = countsOf(input)
  // Those of a rule that is gone can be taken away, not set.
  if (counts !== undefined) checkRule(plan, input.RuleName)
  const row = {
    account_id: plan.account_id,
    region: plan.region,
    plan_id: plan.plan_id,
    rule_name: input.RuleName,
    counts: counts === undefined ? null : JSON.stringify(counts),
    updated_at: ctx.now,
    updated_by: ctx.principal.arn,
  }
  await putRow(ctx.store.db, row)
  return {
    RetentionCounts:
      row.counts === null ? { RuleName: row.rule_name } : toMember({ ...row, counts: row.counts }),
  }
}

export async function listRetentionCounts(
  ctx: Context,
  input: ListRetentionCountsInput,
): Promise<ListRetentionCountsOutput> {
  const plan = await planOf(ctx, input.BackupPlanId)
  return { RetentionCounts: (await retentionCountsOf(ctx.store.db, plan.plan_id)).map(toMember) }
}

/**
 * What the counts of a plan's rules, or counts that are not set yet, keep of the recovery points there are, and what goes. It changes
 * nothing. Whether the role of a point may delete it is asked when it goes.
 */
export async function previewRetention(
  ctx: Context,
  input: PreviewRetentionInput,
): Promise<PreviewRetentionOutput> {
  const plan = await livePlan(ctx, input.BackupPlanId)
  const { Rules } = JSON.parse(plan.document) as PlanDocument
  const rows = await countsToPreview(ctx, plan, input)
  const all = countPoints(await countedPoints(ctx.store.db, plan.plan_id), countedRules(Rules, rows))
  const sorted = all.toSorted((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1))
  const { limit, after } = pageOf(ctx, 'PreviewRetention', input)
  const from = after === undefined ? '' : textCursor(after)
  const { rows: page, next } = cut(
    sorted.filter((counted) => keyOf(counted) > from).slice(0, limit + 1),
    limit,
    (counted) => [keyOf(counted)],
  )
  const found: RetentionPreview[] = []
  for (const counted of page) found.push(await toPreview(ctx, counted))
  return { RecoveryPoints: found, NextToken: nextToken(ctx, 'PreviewRetention', next) }
}

/** By rule, vault and resource, the oldest first. */
function keyOf({ point, rule }: Counted<RecoveryPointTable>): string {
  const at = String(point.created_at).padStart(16, '0')
  return [rule.name, point.vault_name, point.resource_arn, at, point.arn].join(' ')
}

async function countsToPreview(
  ctx: Context,
  plan: PlanRow,
  input: PreviewRetentionInput,
): Promise<readonly Pick<RetentionCountsTable, 'rule_name' | 'counts'>[]> {
  const { RuleName } = input
  const counts = countsOf(input)
  if (counts !== undefined && RuleName === undefined)
    throw new InvalidParameterValueException('Counts need RuleName: the rule that they are tried on', {
      Context: 'RuleName',
    })
  if (RuleName !== undefined) checkRule(plan, RuleName)
  if (counts !== undefined) return [{ rule_name: RuleName as string, counts: JSON.stringify(counts) }]
  const rows = await retentionCountsOf(ctx.store.db, plan.plan_id)
  return rows.filter(({ rule_name }) => RuleName === undefined || rule_name === RuleName)
}

async function toPreview(
  ctx: Context,
  { point, rule, keptBy }: Counted<RecoveryPointTable>,
): Promise<RetentionPreview> {
  const held = keptBy.length > 0 ? undefined : await heldBy(ctx, point)
  return {
    RecoveryPointArn: point.arn,
    ResourceArn: point.resource_arn,
    BackupVaultName: point.vault_name,
    RuleName: rule.name,
    CreationDate: new Date(point.created_at),
    DeleteAt: point.delete_at === null ? undefined : new Date(point.delete_at),
    Outcome: keptBy.length > 0 ? 'KEPT' : held === undefined ? 'GOES' : 'HELD',
    Reason: keptBy.length > 0 ? keptBy.join(', ') : (held ?? 'no count keeps it'),
  }
}

async function heldBy(ctx: Context, point: RecoveryPointTable): Promise<string | undefined> {
  const vault = await findVault(ctx.store.db, point.account_id, point.region, point.vault_name)
  const holds = await holdsOnPoint(ctx.store.db, point)
  return reasonToKeep({
    vaultName: point.vault_name,
    lock: vault === undefined ? undefined : lockOf(vault),
    holds: holds.map(({ hold_id, title }) => `"${title}" (${hold_id})`),
    by: 'expiry',
    endsAt: point.delete_at,
    now: ctx.now,
  })
}

function checkRule(plan: PlanRow, ruleName: string): void {
  const { Rules } = JSON.parse(plan.document) as PlanDocument
  if (Rules.some(({ RuleName }) => RuleName === ruleName)) return
  const names = Rules.map(({ RuleName }) => `"${RuleName}"`).join(', ')
  throw new InvalidParameterValueException(
    `Backup plan ${plan.plan_id} has no rule "${ruleName}". Its rules are ${names}`,
    { Context: 'RuleName' },
  )
}

async function livePlan(ctx: Context, planId: string): Promise<PlanRow> {
  const plan = await planOf(ctx, planId)
  if (plan.deleted_at !== null)
    throw new ResourceNotFoundException(`Cannot find Backup plan with ID ${planId}`, { Context: planId })
  return plan
}

function countsOf(input: CountMembers): RetentionCounts | undefined {
  const {
    KeepLast: last,
    KeepDaily: daily,
    KeepWeekly: weekly,
    KeepMonthly: monthly,
    KeepYearly: yearly,
  } = input
  const isNone = [last, daily, weekly, monthly, yearly].every((count) => count === undefined)
  return isNone ? undefined : { last, daily, weekly, monthly, yearly }
}

function toMember(
  row: Omit<RetentionCountsTable, 'account_id' | 'region' | 'plan_id'>,
): RetentionCountsMember {
  const { last, daily, weekly, monthly, yearly } = JSON.parse(row.counts) as RetentionCounts
  return {
    RuleName: row.rule_name,
    KeepLast: last,
    KeepDaily: daily,
    KeepWeekly: weekly,
    KeepMonthly: monthly,
    KeepYearly: yearly,
    UpdatedAt: new Date(row.updated_at),
    UpdatedBy: row.updated_by,
  }
}
