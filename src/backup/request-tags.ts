import { LimitExceededException } from '../aws/generated/backup.ts'
import type { OperationContext } from '../aws/operation.ts'
import { MAX_TAGS } from '../lib/tag-keys.ts'

/**
 * Condition keys of the tags that a request sets.
 * @throws {LimitExceededException} For more than a resource can have, before any policy compares them: each with each of its values.
 */
export function requestTags(tags: Readonly<Record<string, string>> | undefined): OperationContext {
  if (tags === undefined) return {}
  refuseTooMany(Object.keys(tags))
  const each = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])
  return { ...Object.fromEntries(each), 'aws:TagKeys': Object.keys(tags) }
}

/** The same of the tags that a request takes away. @throws {LimitExceededException} */
export function requestTagKeys(keys: readonly string[]): OperationContext {
  refuseTooMany(keys)
  return { 'aws:TagKeys': [...keys] }
}

/** @throws {LimitExceededException} */
export function refuseTooMany({ length }: readonly string[]): void {
  if (length <= MAX_TAGS) return
  throw new LimitExceededException(
    `Cannot set or remove ${length} tags: the limit for one resource is ${MAX_TAGS}`,
    { Context: 'Tags' },
  )
}
