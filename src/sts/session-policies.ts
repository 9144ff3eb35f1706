import { managedDocument } from '../access/layers.ts'
import { MalformedPolicyDocumentException } from '../aws/generated/sts.ts'
import type { PolicyDescriptorType } from '../aws/generated/sts.ts'
import { countedSize, parsePolicy, PolicySyntaxError, SESSION_POLICY_LIMIT } from '../policy/parse.ts'
import { sentenceWithPlace } from '../policy/positions.ts'
import type { Queryable } from '../store/store.ts'
import { validationError } from './decisions.ts'

const MAX_POLICY_ARNS = 10

export interface SessionPolicies {
  readonly policies: readonly string[] | undefined
  readonly policyArns: readonly string[] | undefined
}

/** The members by which every operation that makes a session takes its policies. */
export interface SessionPolicyInput {
  readonly Policy?: string | undefined
  readonly PolicyArns?: readonly PolicyDescriptorType[] | undefined
}

/** Checks what is to narrow a session: a document, and managed policies built in or of the session's account. */
export async function checkSessionPolicies(
  db: Queryable,
  accountId: string,
  input: SessionPolicyInput,
): Promise<SessionPolicies> {
  if (input.Policy !== undefined) checkDocument(input.Policy)
  const arns = (input.PolicyArns ?? []).map(({ arn }) => arn ?? '')
  if (arns.length > MAX_POLICY_ARNS) {
    throw validationError(
      `1 validation error detected: Value at 'policyArns' failed to satisfy constraint: Member must have length less than or equal to ${MAX_POLICY_ARNS}`,
    )
  }
  for (const arn of arns) {
    const isReachable = arn.startsWith('arn:aws:iam::aws:') || arn.startsWith(`arn:aws:iam::${accountId}:`)
    if (!isReachable || (await managedDocument(db, arn)) === undefined) {
      throw new MalformedPolicyDocumentException(
        `The session policy "${arn}" is not a policy of the account of the session`,
      )
    }
  }
  return {
    policies: input.Policy === undefined ? undefined : [input.Policy],
    policyArns: arns.length === 0 ? undefined : arns,
  }
}

function checkDocument(document: string): void {
  if (countedSize(document) > SESSION_POLICY_LIMIT) {
    throw validationError(
      `1 validation error detected: Value at 'policy' failed to satisfy constraint: Member must have length less than or equal to ${SESSION_POLICY_LIMIT}`,
    )
  }
  try {
    parsePolicy(document, 'session')
  } catch (error) {
    if (error instanceof PolicySyntaxError) {
      throw new MalformedPolicyDocumentException(sentenceWithPlace(document, error))
    }
    throw error
  }
}

/** Percent of the room that policies and tags take; AWS leaves it out where there are none. */
export function packedPolicySize(
  input: SessionPolicyInput,
  tags: Readonly<Record<string, string>>,
): number | undefined {
  const parts = [
    input.Policy ?? '',
    ...(input.PolicyArns ?? []).map(({ arn }) => arn ?? ''),
    ...Object.entries(tags).map(([key, value]) => key + value),
  ]
  const size = parts.join('').length
  return size === 0 ? undefined : Math.min(100, Math.ceil((100 * size) / (2 * SESSION_POLICY_LIMIT)))
}
