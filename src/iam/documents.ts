import { savePrincipals } from '../access/principal-ids.ts'
import { LimitExceededException, MalformedPolicyDocumentException } from '../aws/generated/iam.ts'
import {
  countedSize,
  MANAGED_POLICY_LIMIT,
  parsePolicy,
  PolicySyntaxError,
  TRUST_POLICY_LIMIT,
} from '../policy/parse.ts'
import { sentenceWithPlace } from '../policy/positions.ts'
import type { Queryable } from '../store/store.ts'

/** Policy documents on their way in and out. */

/** @throws {MalformedPolicyDocumentException} In AWS's words. */
export function checkIdentityPolicy(document: string): void {
  checkSyntax(document, 'identity')
}

export function checkManagedPolicy(document: string): void {
  if (countedSize(document) > MANAGED_POLICY_LIMIT) {
    throw new LimitExceededException(`Cannot exceed quota for PolicySize: ${MANAGED_POLICY_LIMIT}`)
  }
  checkIdentityPolicy(document)
}

/** Checks a trust policy and returns the form to keep: principals by unique id. */
export async function savedTrustPolicy(db: Queryable, document: string): Promise<string> {
  if (countedSize(document) > TRUST_POLICY_LIMIT) {
    throw new LimitExceededException(`Cannot exceed quota for ACLSizePerRole: ${TRUST_POLICY_LIMIT}`)
  }
  checkSyntax(document, 'trust')
  const saved = await savePrincipals(db, document)
  if (!saved.ok) {
    throw new MalformedPolicyDocumentException(`Invalid principal in policy: "AWS":"${saved.principal}"`)
  }
  return saved.document
}

function checkSyntax(document: string, kind: 'identity' | 'trust'): void {
  try {
    parsePolicy(document, kind)
  } catch (error) {
    if (error instanceof PolicySyntaxError) {
      throw new MalformedPolicyDocumentException(sentenceWithPlace(document, error))
    }
    throw error
  }
}

/** Documents are answered percent-encoded by RFC 3986, which reserves more than encodeURIComponent leaves alone. */
export function encodedDocument(document: string): string {
  return encodeURIComponent(document).replaceAll(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
