import type { BackupPlan, BackupRule } from '@aws-sdk/client-backup'
import { keptText } from './rule-table.tsx'
import { count, nameOf } from '../../parts/format.ts'
import { scheduleText, zonedScheduleText } from '../../parts/timetable.ts'

/** One thing that two versions of a plan say differently, in words. */
export interface Change {
  /** Undefined: of the plan itself. */
  readonly rule: string | undefined
  readonly what: string
  readonly before: string
  readonly now: string
}

/** What is told of a rule in words; whatever else it says is told as it stands. */
const WORDS: readonly (readonly [
  what: string,
  members: readonly (keyof BackupRule)[],
  text: (rule: BackupRule) => string,
])[] = [
  ['Name', ['RuleName'], ({ RuleName = '' }) => RuleName],
  [
    'When',
    ['ScheduleExpression', 'ScheduleExpressionTimezone'],
    ({ ScheduleExpression, ScheduleExpressionTimezone }) =>
      zonedScheduleText(ScheduleExpression, ScheduleExpressionTimezone),
  ],
  ['Backup vault', ['TargetBackupVaultName'], ({ TargetBackupVaultName = '' }) => TargetBackupVaultName],
  ['Starts within', ['StartWindowMinutes'], ({ StartWindowMinutes }) => minutesText(StartWindowMinutes)],
  [
    'Completes within',
    ['CompletionWindowMinutes'],
    ({ CompletionWindowMinutes }) => minutesText(CompletionWindowMinutes),
  ],
  ['Kept', ['Lifecycle'], ({ Lifecycle }) => keptText(Lifecycle)],
  [
    'Copied to',
    ['CopyActions'],
    ({ CopyActions = [] }) =>
      CopyActions.map(
        (copy) => `${nameOf(copy.DestinationBackupVaultArn)} (${keptText(copy.Lifecycle)})`,
      ).join(', ') || 'nowhere',
  ],
  [
    'Tags of recovery points',
    ['RecoveryPointTags'],
    ({ RecoveryPointTags = {} }) =>
      Object.entries(RecoveryPointTags)
        .map(([key, value]) => `${key} = ${value}`)
        .join(', ') || 'none',
  ],
]
const TOLD = new Set<string>(['RuleId', ...WORDS.flatMap(([, members]) => members)])

/** What the plan says now and did not say then. Rules are the same where they have one id, or one name. */
export function changesBetween(then: BackupPlan, now: BackupPlan): readonly Change[] {
  const { Rules: rulesThen = [], ...planThen } = then
  const { Rules: rulesNow = [], ...planNow } = now
  const twins = new Map(rulesThen.map((rule) => [rule, twinOf(rule, rulesNow)]))
  const kept = new Set(twins.values())
  return [
    ...membersChanged(undefined, planThen, planNow, new Set()),
    ...[...twins].flatMap(([rule, twin]) =>
      twin === undefined
        ? [{ rule: rule.RuleName, what: 'The rule', before: inShort(rule), now: 'is not there' }]
        : ruleChanges(rule, twin),
    ),
    ...rulesNow
      .filter((rule) => !kept.has(rule))
      .map((rule) => ({
        rule: rule.RuleName,
        what: 'The rule',
        before: 'was not there',
        now: inShort(rule),
      })),
  ]
}

function twinOf(rule: BackupRule, others: readonly BackupRule[]): BackupRule | undefined {
  return (
    others.find(({ RuleId }) => RuleId !== undefined && RuleId === rule.RuleId) ??
    others.find(({ RuleName }) => RuleName === rule.RuleName)
  )
}

function ruleChanges(then: BackupRule, now: BackupRule): readonly Change[] {
  const told = WORDS.flatMap(([what, members, text]) => {
    if (members.every((member) => isSame(then[member], now[member]))) return []
    const words = [text(then), text(now)] as const
    // Two schedules may read alike and not be written alike.
    const [a, b] = words[0] === words[1] ? [asWritten(then, members), asWritten(now, members)] : words
    return a === b ? [] : [{ rule: now.RuleName, what, before: a, now: b }]
  })
  return [...told, ...membersChanged(now.RuleName, then, now, TOLD)]
}

function membersChanged(
  rule: string | undefined,
  then: object,
  now: object,
  told: ReadonlySet<string>,
): readonly Change[] {
  const [a, b] = [then, now] as readonly Readonly<Record<string, unknown>>[]
  return [...new Set([...Object.keys(then), ...Object.keys(now)])]
    .filter((member) => !told.has(member) && !isSame(a?.[member], b?.[member]))
    .map((member) => ({
      rule,
      what: member === 'BackupPlanName' ? 'Name of the plan' : member,
      before: plain(a?.[member]),
      now: plain(b?.[member]),
    }))
}

const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b)

function plain(value: unknown): string {
  if (value === undefined) return 'not set'
  return typeof value === 'string' ? value : JSON.stringify(value)
}

function asWritten(rule: BackupRule, members: readonly (keyof BackupRule)[]): string {
  return members.map((member) => plain(rule[member])).join(', ')
}

const inShort = (rule: BackupRule): string =>
  `${scheduleText(rule.ScheduleExpression)} to ${rule.TargetBackupVaultName ?? ''}, kept ${keptText(rule.Lifecycle)}`

function minutesText(minutes: number | undefined): string {
  if (minutes === undefined) return 'not set'
  return minutes % 60 === 0 ? count(minutes / 60, 'hour') : count(minutes, 'minute')
}
