import { guardAll, PLAN_COPIES } from '../access/restore-guard.ts'
import { AlreadyExistsException, InvalidParameterValueException } from '../aws/generated/backup.ts'
import type { BackupPlanInput, BackupRule, BackupRuleInput } from '../aws/generated/backup.ts'
import { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { uuid } from '../lib/ids.ts'
import { lifecycleProblem, noColdStorage } from '../plans/lifecycle.ts'
import {
  DEFAULT_COMPLETION_WINDOW_MIN,
  DEFAULT_START_WINDOW_MIN,
  MIN_START_WINDOW_MIN,
  windowProblem,
} from '../plans/plan.ts'
import type { PlanDocument } from '../plans/plan.ts'
import { lockWarnings, vaultsOfRules } from '../plans/plan-locks.ts'
import { ScheduleError } from '../plans/schedule-error.ts'
import { checkIsDue, DEFAULT_SCHEDULE, DEFAULT_TIMEZONE, parseSchedule } from '../plans/schedule.ts'
import type { ScheduledRule } from '../store/plans/plans.ts'
import { findVault, vaultsOfArns } from '../store/vaults/vaults.ts'
import { vaultArn } from './arns.ts'
import { copyDestination } from './copy-destination.ts'
import { checkTags } from './tags.ts'

/** AWS Backup quotas. */
const MAX_RULES = 10
const MAX_RULE_TAGS = 10
const MAX_COPY_ACTIONS = 5

/** AWS's plan with what it leaves out filled in, as GetBackupPlan shows it. */
export type StoredPlan = PlanDocument & {
  readonly Rules: readonly (BackupRule & { readonly RuleId: string })[]
}

/**
 * Checks a plan and makes of it what is stored. A rule keeps its id as long as it keeps its name.
 * @throws {InvalidParameterValueException} naming the rule.
 */
export async function planDocument(
  ctx: Context,
  input: BackupPlanInput,
  earlier?: StoredPlan,
): Promise<StoredPlan> {
  if (!/^[a-zA-Z0-9\-_.]{1,50}$/.test(input.BackupPlanName)) {
    throw refused(
      `Invalid backup plan name "${input.BackupPlanName}": 1 to 50 characters of a-z, A-Z, 0-9, -, _ and . are allowed`,
      'BackupPlanName',
    )
  }
  if (input.Rules.length === 0 || input.Rules.length > MAX_RULES)
    throw refused(`A backup plan has 1 to ${MAX_RULES} rules; this one has ${input.Rules.length}`, 'Rules')
  if ((input.ScanSettings ?? []).length > 0)
    throw refused('ScanSettings is unavailable: this server has no malware scanner', 'ScanSettings')
  for (const setting of input.AdvancedBackupSettings ?? []) {
    if (Object.keys(setting.BackupOptions ?? {}).length > 0)
      throw refused(
        `AdvancedBackupSettings has options for "${setting.ResourceType}", and no resource type of this server has any`,
        'AdvancedBackupSettings',
      )
  }
  const names = new Set<string>()
  for (const rule of input.Rules) {
    if (names.has(rule.RuleName)) throw ruleError(rule, 'another rule of the plan has this name')
    names.add(rule.RuleName)
    await checkRule(ctx, rule, earlier)
  }
  const arnOf = (name: string): string => vaultArn(ctx, name)
  const vaults = await vaultsOfArns(ctx.store.db, ctx.accountId, vaultsOfRules(input.Rules, arnOf))
  for (const warning of lockWarnings(input.Rules, vaults, arnOf)) ctx.warn(warning)
  const ids = new Map(earlier?.Rules.map(({ RuleName, RuleId }) => [RuleName, RuleId]))
  const rules = input.Rules.map((rule) => ({ ...filledIn(rule), RuleId: ids.get(rule.RuleName) ?? uuid() }))
  return { BackupPlanName: input.BackupPlanName, Rules: rules }
}

/** Whoever has what a plan backs up copied to another account hands it out there: the restore guard is asked. */
export async function guardCopies(ctx: Context, plan: StoredPlan, earlier?: StoredPlan): Promise<void> {
  const before = new Set(earlier === undefined ? [] : foreignCopies(ctx, earlier))
  if (foreignCopies(ctx, plan).every((arn) => before.has(arn))) return
  for (const warning of await guardAll(ctx, PLAN_COPIES)) ctx.warn(warning)
}

/** Vaults of other accounts that a plan copies into. */
export function foreignCopies(
  ctx: Pick<Context, 'accountId'>,
  { Rules }: { readonly Rules: readonly Pick<BackupRuleInput, 'CopyActions'>[] },
): readonly string[] {
  return Rules.flatMap(({ CopyActions = [] }) => CopyActions)
    .map(({ DestinationBackupVaultArn }) => DestinationBackupVaultArn)
    .filter((arn) => parseArn(arn)?.accountId !== ctx.accountId)
}

function filledIn(rule: BackupRuleInput): BackupRuleInput {
  return {
    ...rule,
    ScheduleExpression: rule.ScheduleExpression ?? DEFAULT_SCHEDULE,
    ScheduleExpressionTimezone: rule.ScheduleExpressionTimezone ?? DEFAULT_TIMEZONE,
    StartWindowMinutes: rule.StartWindowMinutes ?? DEFAULT_START_WINDOW_MIN,
    CompletionWindowMinutes: rule.CompletionWindowMinutes ?? DEFAULT_COMPLETION_WINDOW_MIN,
  }
}

async function checkRule(
  ctx: Context,
  rule: BackupRuleInput,
  earlier: StoredPlan | undefined,
): Promise<void> {
  const window =
    windowProblem('StartWindowMinutes', rule.StartWindowMinutes, MIN_START_WINDOW_MIN) ??
    windowProblem('CompletionWindowMinutes', rule.CompletionWindowMinutes)
  if (window !== undefined) throw ruleError(rule, window)
  checkUnavailable(rule)
  checkTags(rule.RecoveryPointTags ?? {})
  const tags = Object.keys(rule.RecoveryPointTags ?? {}).length
  if (tags > MAX_RULE_TAGS) throw ruleError(rule, `it adds ${tags} tags, the limit is ${MAX_RULE_TAGS}`)
  checkSchedule(ctx, rule, earlier)
  const vault = await findVault(ctx.store.db, ctx.accountId, ctx.region, rule.TargetBackupVaultName)
  const lifecycle = lifecycleProblem(rule.Lifecycle, noColdStorage(vault))
  if (lifecycle !== undefined) throw ruleError(rule, lifecycle)
  if (vault === undefined)
    throw ruleError(rule, `Backup vault ${rule.TargetBackupVaultName} does not exist. Create it first`)
  if (vault.vault_type !== 'BACKUP_VAULT')
    throw ruleError(
      rule,
      `Backup vault ${vault.name} is logically air-gapped: only copies go into it. Name it in CopyActions, and another vault here`,
    )
  await checkCopyActions(ctx, rule)
}

async function checkCopyActions(ctx: Context, rule: BackupRuleInput): Promise<void> {
  const copies = rule.CopyActions ?? []
  if (copies.length > MAX_COPY_ACTIONS)
    throw ruleError(rule, `it has ${copies.length} copy actions, the limit is ${MAX_COPY_ACTIONS}`)
  const destinations = new Set<string>()
  for (const { DestinationBackupVaultArn: arn, Lifecycle } of copies) {
    if (destinations.has(arn)) throw ruleError(rule, `two copy actions go to ${arn}`)
    destinations.add(arn)
    if (Lifecycle?.DeleteAfterEvent !== undefined)
      throw ruleError(rule, 'Lifecycle DeleteAfterEvent is unavailable on this server')
    const noCold = await noColdAt(ctx, rule, arn)
    // A copy without an end of its own is kept as long as what it is a copy of.
    const DeleteAfterDays = Lifecycle?.DeleteAfterDays ?? rule.Lifecycle?.DeleteAfterDays
    const lifecycle = lifecycleProblem({ ...Lifecycle, DeleteAfterDays }, noCold)
    if (lifecycle !== undefined) throw ruleError(rule, `${lifecycle}, in the copy action to ${arn}`)
  }
}

async function noColdAt(ctx: Context, rule: BackupRuleInput, arn: string): Promise<string | undefined> {
  try {
    const destination = await copyDestination(ctx, arn, vaultArn(ctx, rule.TargetBackupVaultName))
    return destination.noCold
  } catch (error) {
    if (!(error instanceof AwsError)) throw error
    throw ruleError(rule, error.message)
  }
}

/** What AWS's model has and this server has not: taking it and doing nothing would be a lie. */
function checkUnavailable(rule: BackupRuleInput): void {
  if (rule.EnableContinuousBackup === true)
    throw ruleError(rule, 'EnableContinuousBackup is unavailable: no resource type of this server can')
  if (rule.TargetLogicallyAirGappedBackupVaultArn !== undefined)
    throw ruleError(rule, 'TargetLogicallyAirGappedBackupVaultArn is unavailable on this server')
  if (rule.Lifecycle?.DeleteAfterEvent !== undefined)
    throw ruleError(rule, 'Lifecycle DeleteAfterEvent is unavailable on this server')
  for (const list of ['IndexActions', 'ScanActions'] as const) {
    if ((rule[list] ?? []).length > 0) throw ruleError(rule, `${list} is unavailable on this server`)
  }
}

/** One that has come to its end does not keep the rest of its plan from being changed. */
function checkSchedule(ctx: Context, rule: BackupRuleInput, earlier: StoredPlan | undefined): void {
  const expression = rule.ScheduleExpression ?? DEFAULT_SCHEDULE
  const isAsBefore = earlier?.Rules.some(
    (one) => one.RuleName === rule.RuleName && one.ScheduleExpression === expression,
  )
  try {
    const schedule = scheduleOf(rule, ctx.now)
    if (isAsBefore !== true) checkIsDue(schedule, ctx.now)
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error
    throw ruleError(rule, `Invalid schedule ${expression}: ${error.message}`)
  }
}

function scheduleOf(rule: BackupRuleInput, anchor: number) {
  const { ScheduleExpression = DEFAULT_SCHEDULE, ScheduleExpressionTimezone = DEFAULT_TIMEZONE } = rule
  return parseSchedule(ScheduleExpression, ScheduleExpressionTimezone, anchor)
}

/** When the rules of a new version are due; one whose schedule stays counts on from where it was. */
export function scheduledRules(
  plan: StoredPlan,
  now: number,
  earlier?: { readonly plan: StoredPlan; readonly rules: readonly ScheduledRule[] },
): ScheduledRule[] {
  return plan.Rules.map((rule) => {
    const before = earlier?.plan.Rules.find(({ RuleId }) => RuleId === rule.RuleId)
    const state = earlier?.rules.find(({ ruleId }) => ruleId === rule.RuleId)
    const isSame =
      before !== undefined &&
      before.ScheduleExpression === rule.ScheduleExpression &&
      before.ScheduleExpressionTimezone === rule.ScheduleExpressionTimezone
    if (isSame && state !== undefined) return state
    return { ruleId: rule.RuleId, writtenAt: now, nextRunAt: scheduleOf(rule, now).next(now) }
  })
}

export interface ScheduledRun {
  readonly at: number
  readonly ruleId: string
}

/** The next `count` runs of all rules together. */
export function nextRuns(
  plan: StoredPlan,
  rules: readonly ScheduledRule[],
  now: number,
  count: number,
): readonly ScheduledRun[] {
  const runs = plan.Rules.flatMap((rule) => {
    const anchor = rules.find(({ ruleId }) => ruleId === rule.RuleId)?.writtenAt ?? now
    const schedule = scheduleOf(rule, anchor)
    const found: ScheduledRun[] = []
    for (let at = schedule.next(now); at !== undefined && found.length < count; at = schedule.next(at))
      found.push({ at, ruleId: rule.RuleId })
    return found
  })
  return runs.toSorted((a, b) => a.at - b.at).slice(0, count)
}

/** True where two plans say the same, whatever their rules' ids. */
export function isSamePlan(a: StoredPlan, b: StoredPlan): boolean {
  return canonical(a) === canonical(b)
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (key, part: unknown) => {
    if (key === 'RuleId') return undefined
    if (part === null || typeof part !== 'object' || Array.isArray(part)) return part
    return Object.fromEntries(Object.entries(part).toSorted(([x], [y]) => (x < y ? -1 : 1)))
  })
}

export function planExists(arn: string, creatorRequestId: string): AlreadyExistsException {
  return new AlreadyExistsException('Backup plan with the same plan document already exists', {
    Arn: arn,
    CreatorRequestId: creatorRequestId,
  })
}

function ruleError(rule: Pick<BackupRuleInput, 'RuleName'>, problem: string): InvalidParameterValueException {
  return refused(`Error in rule ${rule.RuleName} : ${problem}`, rule.RuleName)
}

function refused(message: string, context: string): InvalidParameterValueException {
  return new InvalidParameterValueException(message, { Context: context })
}
