import type { SelectionToPreview } from '../../api/generated.ts'
import { typeName } from '../../parts/format.ts'

/** A resource assignment while it is written, and what AWS's calls make of it. */

export interface Tag {
  readonly key: string
  readonly value: string
}

export const OPERATORS = ['StringEquals', 'StringNotEquals', 'StringLike', 'StringNotLike'] as const
export type Operator = (typeof OPERATORS)[number]

/** How each operator is read: "tag KEY is VALUE". */
export const OPERATOR_WORDS: Readonly<Record<Operator, string>> = {
  StringEquals: 'is',
  StringNotEquals: 'is not',
  StringLike: 'matches',
  StringNotLike: 'does not match',
}

export interface Condition extends Tag {
  readonly operator: Operator
}

/** A resource that was chosen, by the name that it was chosen under. */
export interface Chosen {
  readonly arn: string
  readonly name: string
}

/** Of a resource type: nothing, all there is and will be, or some. */
export type OfType = 'all' | 'none' | readonly Chosen[]

export const SELECTABLE = ['EFS', 'RDS', 'S3'] as const
export type Selectable = (typeof SELECTABLE)[number]

/** AWS's ARNs of everything of a type. Only a pattern with the type's own part also selects a type that is opted out. */
const ALL_OF: Readonly<Record<Selectable, string>> = {
  EFS: 'arn:aws:elasticfilesystem:*:*:file-system/*',
  RDS: 'arn:aws:rds:*:*:db:*',
  S3: 'arn:aws:s3:::*',
}

export interface Draft {
  /** All resource types, whatever the next three say. */
  readonly isAll: boolean
  readonly types: Readonly<Record<Selectable, OfType>>
  /** ARNs, one a line; `*` stands for anything. */
  readonly patterns: string
  /** Any of these tags adds a resource. */
  readonly tags: readonly Tag[]
  readonly excluded: readonly Chosen[]
  readonly excludedPatterns: string
  /** All of them narrow. */
  readonly conditions: readonly Condition[]
}

export const EMPTY: Draft = {
  isAll: true,
  types: { EFS: 'none', RDS: 'none', S3: 'none' },
  patterns: '',
  tags: [],
  excluded: [],
  excludedPatterns: '',
  conditions: [],
}

const CONDITION_KEY = 'aws:ResourceTag/'

/** What CreateBackupSelection takes beside name and role; undefined where it would select nothing. */
export function selectionOf(draft: Draft): SelectionToPreview | undefined {
  const { isAll, excluded, excludedPatterns, conditions } = draft
  const resources = isAll ? ['*'] : resourcesOf(draft)
  const tags = isAll ? [] : draft.tags.filter(({ key }) => key !== '')
  if (resources.length === 0 && tags.length === 0) return undefined
  const not = [...excluded.map(({ arn }) => arn), ...lines(excludedPatterns)]
  return {
    ...(resources.length > 0 && { Resources: resources }),
    ...(tags.length > 0 && {
      ListOfTags: tags.map(({ key, value }) => ({
        ConditionType: 'STRINGEQUALS' as const,
        ConditionKey: key,
        ConditionValue: value,
      })),
    }),
    ...(not.length > 0 && { NotResources: not }),
    ...conditionsOf(conditions.filter(({ key }) => key !== '')),
  }
}

function resourcesOf({ types, patterns }: Draft): readonly string[] {
  const named = SELECTABLE.flatMap((type) => {
    const of = types[type]
    if (of === 'none') return []
    return of === 'all' ? [ALL_OF[type]] : of.map(({ arn }) => arn)
  })
  return [...new Set([...named, ...lines(patterns)])]
}

function conditionsOf(conditions: readonly Condition[]): Pick<SelectionToPreview, 'Conditions'> {
  if (conditions.length === 0) return {}
  const by = Map.groupBy(conditions, ({ operator }) => operator)
  return {
    Conditions: Object.fromEntries(
      [...by].map(([operator, own]) => [
        operator,
        own.map(({ key, value }) => ({ ConditionKey: CONDITION_KEY + key, ConditionValue: value })),
      ]),
    ),
  }
}

function lines(text: string): readonly string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

/** A pattern of ARNs in words where it is one that this form writes. */
export function patternText(pattern: string): string {
  if (pattern === '*') return 'All resource types'
  const type = SELECTABLE.find((one) => ALL_OF[one] === pattern)
  return type === undefined ? pattern : `Everything of the type ${typeName(type)}`
}

interface Conditions {
  readonly ConditionKey?: string | undefined
  readonly ConditionValue?: string | undefined
}

/** "tag env is production", for each condition of a selection. */
export function conditionTexts(
  conditions: Readonly<Partial<Record<Operator, readonly Conditions[] | undefined>>> | undefined,
): readonly string[] {
  return OPERATORS.flatMap((operator) =>
    (conditions?.[operator] ?? []).map(
      ({ ConditionKey = '', ConditionValue = '' }) =>
        `tag ${ConditionKey.replace(CONDITION_KEY, '')} ${OPERATOR_WORDS[operator]} ${ConditionValue}`,
    ),
  )
}
