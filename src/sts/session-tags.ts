import type { Principal } from '../access/principal.ts'
import { AwsError } from '../aws/error.ts'
import type { AssumeRoleRequest } from '../aws/generated/sts.ts'
import { validationError } from './decisions.ts'

export interface SessionTags {
  readonly tags: Readonly<Record<string, string>>
  readonly transitiveTagKeys: readonly string[]
}

/**
 * The tags of the session to be: those passed, and what the calling session hands on (IAM User Guide, "Passing session tags in
 * AWS STS").
 */
export function sessionTags(
  principal: Pick<Principal, 'session' | 'tags'>,
  input: Pick<AssumeRoleRequest, 'Tags' | 'TransitiveTagKeys'>,
): SessionTags {
  const tags = new Map<string, string>()
  const seen = new Set<string>()
  for (const { Key, Value } of input.Tags ?? []) {
    if (/^aws:/i.test(Key)) throw validationError(`Tag keys that start with aws: are reserved: ${Key}`)
    if (seen.has(Key.toLowerCase())) {
      throw invalid('Duplicate tag keys found. Please note that Tag keys are case insensitive.')
    }
    seen.add(Key.toLowerCase())
    tags.set(Key, Value)
  }
  const transitive = new Set(input.TransitiveTagKeys)
  for (const key of transitive) {
    if (!tags.has(key))
      throw invalid('The specified transitive tag key must be included in the requested tags.')
  }
  for (const key of principal.session?.transitiveTagKeys ?? []) {
    if (seen.has(key.toLowerCase())) {
      throw invalid(
        `One of the specified tag keys can't be set because it conflicts with a transitive tag key from the calling session: ${key}`,
      )
    }
    tags.set(key, principal.tags[key] ?? '')
    transitive.add(key)
  }
  return { tags: Object.fromEntries(tags), transitiveTagKeys: [...transitive] }
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidParameterValue', 400, message)
}
