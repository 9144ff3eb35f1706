import type { Decision } from '../policy/evaluate.ts'

/** AWS's sentence for a refusal: who, what, on what, and which layer of policies said no. */
export function denialMessage(
  principalArn: string,
  action: string,
  resource: string,
  decision: Decision,
): string {
  return `User: ${principalArn} is not authorized to perform: ${action} on resource: ${resource} ${decision.reason}`
}
