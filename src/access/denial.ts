import type { Decision } from '../policy/evaluate.ts'

/**
 * AWS's sentence for a refusal: who, what, on what, and which layer of policies said no. Clients match on it, so what is ours
 * comes behind it: the id that its explanation is kept under.
 */
export function denialMessage(
  principalArn: string,
  action: string,
  resource: string,
  decision: Pick<Decision, 'reason'>,
  authorizationId?: string,
): string {
  const sentence = `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource} ${decision.reason}`
  return authorizationId === undefined ? sentence : withAuthorizationId(sentence, authorizationId)
}

/** A refusal in words of its own, with the id that it is explained by. */
export function withAuthorizationId(sentence: string, id: string): string {
  return `${sentence.trimEnd().replace(/\.$/, '')}. Authorization id: ${id} (roleback explain ${id})`
}
