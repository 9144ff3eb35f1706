import type { OperationContext } from '../aws/operation.ts'

/** Condition keys of the tags that a request sets. */
export function requestTags(tags: Readonly<Record<string, string>> | undefined): OperationContext {
  if (tags === undefined) return {}
  const each = Object.entries(tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])
  return { ...Object.fromEntries(each), 'aws:TagKeys': Object.keys(tags) }
}
