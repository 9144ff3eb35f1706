import {
  CreateBackupPlanCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateBackupPlanCommand,
} from '@aws-sdk/client-backup'
import { COUNTS, planOf } from './draft.ts'
import type { Counts, Draft } from './draft.ts'
import { backup } from '../../api/backup.ts'
import { roleback } from '../../api/roleback.ts'
import { awsCommand, rolebackCommand } from '../../parts/aws-command.tsx'

/** A plan that there is, as it was read. */
export interface Present {
  readonly id: string
  readonly arn: string
  readonly draft: Draft
}

/**
 * Makes the plan or its next version, then what lies beside it. Nothing of it is one transaction: `onSaved` is told the plan as it is as soon
 * as it is, and another try saves only what is missing.
 *
 * @returns Its id.
 */
export async function savePlan(
  draft: Draft,
  present: Present | undefined,
  onSaved: (present: Present) => void,
): Promise<string> {
  let saved = present ?? (await create(draft))
  onSaved(saved)
  if (!isSame(planOf(saved.draft), planOf(draft))) {
    await backup.send(new UpdateBackupPlanCommand({ BackupPlanId: saved.id, BackupPlan: planOf(draft) }))
    saved = { ...saved, draft: { ...saved.draft, name: draft.name, rules: keepCounts(saved.draft, draft) } }
    onSaved(saved)
  }
  for (const { rule, counts } of changedCounts(saved.draft, draft))
    await roleback('PutRetentionCounts', { BackupPlanId: saved.id, RuleName: rule, ...counts })
  const { gone, put } = changedTags(saved.draft.tags, draft.tags)
  if (gone.length > 0)
    await backup.send(new UntagResourceCommand({ ResourceArn: saved.arn, TagKeyList: gone }))
  if (Object.keys(put).length > 0)
    await backup.send(new TagResourceCommand({ ResourceArn: saved.arn, Tags: put }))
  return saved.id
}

async function create(draft: Draft): Promise<Present> {
  const { BackupPlanId: id = '', BackupPlanArn: arn = '' } = await backup.send(
    new CreateBackupPlanCommand({ BackupPlan: planOf(draft), BackupPlanTags: { ...draft.tags } }),
  )
  return { id, arn, draft: { ...draft, rules: draft.rules.map(({ rule }) => ({ rule, counts: {} })) } }
}

const countsIn = ({ rules }: Draft): ReadonlyMap<string, Counts> =>
  new Map(rules.map(({ rule, counts }) => [rule.RuleName ?? '', counts]))

function keepCounts(before: Draft, now: Draft): Draft['rules'] {
  const kept = countsIn(before)
  return now.rules.map(({ rule }) => ({ rule, counts: kept.get(rule.RuleName ?? '') ?? {} }))
}

/** The rules whose counts are others than before, with what they are now. */
function changedCounts(
  before: Draft,
  now: Draft,
): readonly { readonly rule: string; readonly counts: Counts }[] {
  const kept = countsIn(before)
  return [...countsIn(now)]
    .map(([rule, counts]) => ({ rule, counts }))
    .filter(({ rule, counts }) => !COUNTS.every(([key]) => counts[key] === kept.get(rule)?.[key]))
}

function changedTags(
  before: Draft['tags'],
  now: Draft['tags'],
): { readonly gone: string[]; readonly put: Record<string, string> } {
  return {
    gone: Object.keys(before).filter((key) => now[key] === undefined),
    put: Object.fromEntries(Object.entries(now).filter(([key, value]) => before[key] !== value)),
  }
}

function isSame(a: object, b: object): boolean {
  return JSON.stringify(a) === JSON.stringify(b)
}

/** The same as command lines: AWS's for the plan, ours for what AWS does not have. */
export function commandOf(draft: Draft, present: Present | undefined): string {
  const id = present?.id ?? 'PLAN-ID'
  const none: Draft = { ...draft, rules: draft.rules.map(({ rule }) => ({ rule, counts: {} })) }
  const counts = changedCounts(present?.draft ?? none, draft).map(({ rule, counts: now }) =>
    Object.keys(now).length === 0
      ? `${rolebackCommand(['plan', 'retention', id], { rule })} --none`
      : rolebackCommand(['plan', 'retention', id], {
          rule,
          ...Object.fromEntries(
            COUNTS.flatMap(([key, option]) => (now[key] === undefined ? [] : [[option, String(now[key])]])),
          ),
        }),
  )
  if (present === undefined)
    return [
      awsCommand('backup', 'create-backup-plan', {
        BackupPlan: planOf(draft),
        BackupPlanTags: Object.keys(draft.tags).length === 0 ? undefined : draft.tags,
      }),
      ...counts,
    ].join('\n')
  const { gone, put } = changedTags(present.draft.tags, draft.tags)
  return [
    awsCommand('backup', 'update-backup-plan', { BackupPlanId: id, BackupPlan: planOf(draft) }),
    ...counts,
    ...(gone.length === 0
      ? []
      : [awsCommand('backup', 'untag-resource', { ResourceArn: present.arn, TagKeyList: gone })]),
    ...(Object.keys(put).length === 0
      ? []
      : [awsCommand('backup', 'tag-resource', { ResourceArn: present.arn, Tags: put })]),
  ].join('\n')
}
