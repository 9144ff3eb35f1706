import type { BackupPlanInput, BackupRule, BackupRuleInput } from '@aws-sdk/client-backup'
import type { RetentionCounts } from '../../api/generated.ts'
import { isName } from '../../parts/name-field.tsx'
import type { Tags } from '../../parts/tag-fields.tsx'

/** A backup plan while it is written: what AWS's calls take, rule by rule, and what this server has beside it. */

export const COUNTS = [
  ['KeepLast', 'keep-last', 'Newest'],
  ['KeepDaily', 'keep-daily', 'Daily'],
  ['KeepWeekly', 'keep-weekly', 'Weekly'],
  ['KeepMonthly', 'keep-monthly', 'Monthly'],
  ['KeepYearly', 'keep-yearly', 'Yearly'],
] as const

export type Counts = Readonly<Partial<Record<(typeof COUNTS)[number][0], number>>>

export interface DraftRule {
  readonly rule: BackupRuleInput
  /** Empty: kept as long as its lifecycle says. */
  readonly counts: Counts
}

export interface Draft {
  readonly name: string
  readonly rules: readonly DraftRule[]
  readonly tags: Tags
}

/** AWS's least time in cold storage, in days. */
export const MIN_COLD_DAYS = 90

/** AWS's own suggestion, in the time zone of whoever writes it. */
export function newRule(name: string, vault: string | undefined): DraftRule {
  return {
    rule: {
      RuleName: name,
      TargetBackupVaultName: vault,
      ScheduleExpression: 'cron(30 0 * * ? *)',
      ScheduleExpressionTimezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      StartWindowMinutes: 480,
      CompletionWindowMinutes: 10_080,
      Lifecycle: { DeleteAfterDays: 35 },
    },
    counts: {},
  }
}

/** What CreateBackupPlan and UpdateBackupPlan take. */
export function planOf({ name, rules }: Draft): BackupPlanInput {
  return { BackupPlanName: name, Rules: rules.map(({ rule }) => rule) }
}

interface Stored {
  readonly BackupPlanName?: string | undefined
  readonly Rules?: readonly BackupRule[] | undefined
}

/** The draft with another plan's document; counts stay with the name of their rule. */
export function withPlan(
  draft: Draft,
  plan: Stored,
  counts: readonly RetentionCounts[] = draft.rules.map(({ rule, counts: kept }) => ({
    RuleName: rule.RuleName ?? '',
    ...kept,
  })),
): Draft {
  const rules = (plan.Rules ?? []).map((stored) => {
    const { RuleId: _, ...rule } = stored
    return { rule, counts: countsOf(counts.find(({ RuleName }) => RuleName === rule.RuleName)) }
  })
  return { ...draft, name: plan.BackupPlanName ?? '', rules }
}

function countsOf(from: RetentionCounts | undefined): Counts {
  return Object.fromEntries(
    COUNTS.flatMap(([key]) => (typeof from?.[key] === 'number' ? [[key, from[key]]] : [])),
  )
}

/** What is in the text of a plan's JSON. @throws {Error} That says what is wrong with it. */
export function parsePlan(text: string): Stored {
  const parsed = JSON.parse(text) as unknown
  if (!isObject(parsed)) throw new Error('A plan is an object with BackupPlanName and Rules.')
  const { BackupPlanName: name, Rules: rules } = parsed
  if (typeof name !== 'string') throw new Error('BackupPlanName is missing, or no text.')
  if (!Array.isArray(rules)) throw new Error('Rules is missing, or no list.')
  for (const [index, rule] of rules.entries()) {
    if (!isObject(rule)) throw new Error(`Rule ${index + 1} is no object.`)
    const wrong = Object.entries(rule).find(([key, value]) => !(KINDS[key]?.(value) ?? false))
    if (wrong !== undefined)
      throw new Error(
        KINDS[wrong[0]] === undefined
          ? `Rule ${index + 1} has ${wrong[0]}, which no rule has.`
          : `${wrong[0]} of rule ${index + 1} has a value that it cannot have.`,
      )
  }
  return { BackupPlanName: name, Rules: rules as BackupRule[] }
}

const isText = (value: unknown): boolean => typeof value === 'string'
const isNumber = (value: unknown): boolean => typeof value === 'number'
const KINDS: Readonly<Record<string, (value: unknown) => boolean>> = {
  RuleId: isText,
  RuleName: isText,
  TargetBackupVaultName: isText,
  ScheduleExpression: isText,
  ScheduleExpressionTimezone: isText,
  StartWindowMinutes: isNumber,
  CompletionWindowMinutes: isNumber,
  Lifecycle: isLifecycle,
  RecoveryPointTags: (value) => isObject(value) && Object.values(value).every(isText),
  CopyActions: (value) =>
    Array.isArray(value) &&
    value.every(
      (copy) =>
        isObject(copy) &&
        isText(copy['DestinationBackupVaultArn']) &&
        (copy['Lifecycle'] === undefined || isLifecycle(copy['Lifecycle'])),
    ),
  EnableContinuousBackup: (value) => typeof value === 'boolean',
}

function isLifecycle(value: unknown): boolean {
  return (
    isObject(value) &&
    Object.entries(value).every(([key, days]) => LIFECYCLE.includes(key) && typeof days === 'number')
  )
}

const LIFECYCLE = ['DeleteAfterDays', 'MoveToColdStorageAfterDays']

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What of a lifecycle AWS's rules forbid; undefined where nothing. */
export function lifecycleSlip(lifecycle: BackupRuleInput['Lifecycle']): string | undefined {
  const { DeleteAfterDays: days, MoveToColdStorageAfterDays: cold } = lifecycle ?? {}
  if (days === 0 || cold === 0) return 'A whole number of days, 1 or more.'
  if (cold === undefined || days === undefined || days >= cold + MIN_COLD_DAYS) return undefined
  return `What is moved after ${cold} days is kept for at least ${cold + MIN_COLD_DAYS}: ${MIN_COLD_DAYS} days in cold storage, as with AWS.`
}

/** What keeps a draft's rules from being tried, in words; undefined where nothing. */
export function rulesSlip({ rules }: Draft): string | undefined {
  if (rules.length === 0) return 'A plan has at least one rule.'
  const names = rules.map(({ rule }) => rule.RuleName ?? '')
  for (const [index, { rule }] of rules.entries()) {
    const name = names[index] as string
    if (name === '') return `Rule ${index + 1} has no name.`
    if (!isName('plan', name)) return `The name of rule ${index + 1} is not allowed.`
    if (names.indexOf(name) !== index) return `Two rules have the name ${name}.`
    if ((rule.TargetBackupVaultName ?? '') === '') return `Choose a backup vault for rule ${name}.`
    const slip = lifecycleSlip(rule.Lifecycle)
    if (slip !== undefined) return `Rule ${name}: ${slip}`
    if ((rule.CopyActions ?? []).some((copy) => (copy.DestinationBackupVaultArn ?? '') === ''))
      return `Rule ${name} has a copy without a destination.`
  }
  return undefined
}
