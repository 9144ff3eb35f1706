/**
 * Which resources a selection means.
 *
 * Candidates are `Resources` (patterns) together with `ListOfTags`, each by any of its entries; `Conditions` (all of them) and
 * `NotResources` then narrow them. A resource type that is opted out is left out, unless a pattern names its type or the
 * resource itself.
 *
 * Source: AWS Backup developer guide, "Assigning resources", JSON; `BackupSelection` of the API reference.
 */
export interface SelectionDocument {
  readonly SelectionName: string
  readonly IamRoleArn: string
  readonly Resources?: readonly string[] | undefined
  readonly ListOfTags?: readonly TagEntry[] | undefined
  readonly NotResources?: readonly string[] | undefined
  readonly Conditions?: Readonly<Partial<Record<Operator, readonly ConditionEntry[] | undefined>>> | undefined
}

type Operator = 'StringEquals' | 'StringNotEquals' | 'StringLike' | 'StringNotLike'

interface TagEntry {
  readonly ConditionType: string
  readonly ConditionKey: string
  readonly ConditionValue: string
}

interface ConditionEntry {
  readonly ConditionKey?: string | undefined
  readonly ConditionValue?: string | undefined
}

export interface Candidate {
  readonly arn: string
  readonly type: string
  readonly tags: Readonly<Record<string, string>>
}

export interface Match {
  readonly isSelected: boolean
  /** Why, as a sentence without a full stop. */
  readonly reason: string
}

const MAX_ARNS = 500
const MAX_PATTERNS = 30
const MAX_CONDITIONS = 30
const MAX_TAGS = 30
const CONDITION_KEY = 'aws:ResourceTag/'
const OPERATORS: readonly Operator[] = ['StringEquals', 'StringNotEquals', 'StringLike', 'StringNotLike']
const OPERATOR_WORDS: Readonly<Record<Operator, string>> = {
  StringEquals: 'is',
  StringNotEquals: 'is not',
  StringLike: 'matches',
  StringNotLike: 'does not match',
}
/** What restore testing makes is not backed up (AWS Backup developer guide, "Restore testing"). */
const RESTORE_TEST_TAG = 'awsbackup-restore-test'

/** What is wrong with a selection, in AWS's words where they are known; undefined where nothing is. */
export function selectionProblem(selection: SelectionDocument): string | undefined {
  const resources = selection.Resources ?? []
  const tags = selection.ListOfTags ?? []
  const conditions = OPERATORS.flatMap((operator) => selection.Conditions?.[operator] ?? [])
  if (resources.length === 0 && tags.length === 0)
    return "Invalid backup selection. Either 'ListOfTags' or 'Resources' section must be non-empty."
  for (const [name, list] of [
    ['Resources', resources],
    ['NotResources', selection.NotResources ?? []],
  ] as const) {
    if (list.length > MAX_ARNS) return `${name} has ${list.length} ARNs, the limit is ${MAX_ARNS}`
    const patterns = list.filter((text) => text.includes('*')).length
    if (patterns > MAX_PATTERNS)
      return `${name} has ${patterns} ARNs with wildcards, the limit is ${MAX_PATTERNS}`
    const odd = list.find((text) => text !== '*' && !text.startsWith('arn:'))
    if (odd !== undefined) return `"${odd}" in ${name} is no ARN and no "*"`
  }
  if (tags.length > MAX_TAGS) return `ListOfTags has ${tags.length} entries, the limit is ${MAX_TAGS}`
  if (conditions.length > MAX_CONDITIONS)
    return `Conditions has ${conditions.length} entries, the limit is ${MAX_CONDITIONS}`
  const bad = conditions.find(
    ({ ConditionKey, ConditionValue }) =>
      ConditionKey?.startsWith(CONDITION_KEY) !== true || ConditionValue === undefined,
  )
  if (bad !== undefined)
    return `The condition key "${bad.ConditionKey ?? ''}" is not known: it must be ${CONDITION_KEY} with a tag's key, beside a value`
  return undefined
}

/** What a selection says that its author may not mean. */
export function selectionWarnings(selection: SelectionDocument): readonly string[] {
  const everything = selection.Resources?.find((pattern) => /^[*:]*$|^arn:aws:[*:]*$/.test(pattern))
  if (everything === undefined || (selection.ListOfTags ?? []).length === 0) return []
  return [
    `Resources has "${everything}", which names every resource: ListOfTags adds to it and narrows nothing. To back up only what ` +
      'has a tag, leave Resources out or write the tag as a condition',
  ]
}

export function matchSelection(
  selection: SelectionDocument,
  candidate: Candidate,
  isOptedIn: boolean,
): Match {
  const { arn, type, tags } = candidate
  const no = (reason: string): Match => ({ isSelected: false, reason })
  const pattern = selection.Resources?.find((text) => matches(text, arn))
  const tag = selection.ListOfTags?.find(
    (entry) => valueOf(tags, entry.ConditionKey) === entry.ConditionValue,
  )
  if (pattern === undefined && tag === undefined) return no('neither it nor a tag of it is assigned')
  const left = selection.NotResources?.find((text) => matches(text, arn))
  if (left !== undefined) return no(left === arn ? 'it is excluded' : `"${left}" is excluded`)
  for (const operator of OPERATORS) {
    const failed = selection.Conditions?.[operator]?.find((entry) => !holds(operator, entry, tags))
    if (failed !== undefined)
      return no(
        `the condition that its tag ${failed.ConditionKey?.slice(CONDITION_KEY.length)} ${OPERATOR_WORDS[operator]} ` +
          `"${failed.ConditionValue}" does not hold`,
      )
  }
  if (tags[RESTORE_TEST_TAG] !== undefined) return no(`it was made by a restore test (${RESTORE_TEST_TAG})`)
  if (!isOptedIn && !(selection.Resources ?? []).some((text) => namesType(text) && matches(text, arn)))
    return no(`the resource type ${type} is not opted in`)
  return {
    isSelected: true,
    reason:
      pattern === undefined
        ? `its tag ${tag?.ConditionKey}=${tag?.ConditionValue} is assigned`
        : namedBy(pattern, arn),
  }
}

function namedBy(pattern: string, arn: string): string {
  if (pattern === '*') return 'all resources are assigned'
  return pattern === arn ? 'it is assigned itself' : `"${pattern}" is assigned`
}

function holds(
  operator: Operator,
  { ConditionKey = '', ConditionValue = '' }: ConditionEntry,
  tags: Candidate['tags'],
): boolean {
  const value = valueOf(tags, ConditionKey.slice(CONDITION_KEY.length))
  const isLike = operator === 'StringLike' || operator === 'StringNotLike'
  const isEqual = value !== undefined && (isLike ? matches(ConditionValue, value) : value === ConditionValue)
  return operator === 'StringEquals' || operator === 'StringLike' ? isEqual : !isEqual
}

/** A key may be called as something that every object has: `constructor`. */
function valueOf(tags: Candidate['tags'], key: string): string | undefined {
  return Object.hasOwn(tags, key) ? tags[key] : undefined
}

/** `*` stands for any number of characters. */
export function matches(pattern: string, text: string): boolean {
  const parts = pattern.split('*')
  const [first = '', ...rest] = parts
  if (rest.length === 0) return pattern === text
  const last = rest.pop() as string
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last))
    return false
  let from = first.length
  const to = text.length - last.length
  for (const part of rest) {
    const at = text.indexOf(part, from)
    if (at < 0 || at + part.length > to) return false
    from = at + part.length
  }
  return true
}

/** Whether a pattern names a type within its service, or a resource: `arn:aws:ec2:*` names the service alone, `*` nothing. */
function namesType(pattern: string): boolean {
  if (!pattern.includes('*')) return true
  if (pattern.startsWith('arn:aws:s3:::') && pattern !== 'arn:aws:s3:::*') return true
  return /[^*:]/.test(pattern.split(':').slice(5).join(':'))
}
