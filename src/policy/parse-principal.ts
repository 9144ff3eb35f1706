import { isJsonObject } from './json.ts'
import type { JsonValue } from './json.ts'
import type { PrincipalSet } from './policy.ts'
import { PolicySyntaxError } from './syntax-error.ts'

const SYNTAX = 'Syntax errors in policy.'
const ACCOUNT = /^\d{12}$/
const IAM_ARN = /^arn:[a-z-]+:iam::\d{12}:(?:root|(?:user|role)\/[\w+=,.@/!-]+)$/
const STS_ARN =
  /^arn:[a-z-]+:sts::\d{12}:(?:assumed-role\/[\w+=,.@-]+\/[\w+=,.@-]+|federated-user\/[\w+=,.@-]+)$/
/** What IAM puts in the place of an ARN when a policy is saved: a user's or role's own id, and a session of that role. */
const UNIQUE_ID = /^(?:AIDA[A-Z0-9]{12,124}|AROA[A-Z0-9]{12,124}(?::[\w+=,.@-]+)?)$/
const SERVICE = /^[a-z0-9][a-z0-9.-]*\.[a-z0-9.-]+$/
const FEDERATED = /^(?:arn:[a-z-]+:iam::\d{12}:(?:saml|oidc)-provider\/[\w+=,.@/:-]+|[a-z0-9][a-z0-9.-]*)$/
const CANONICAL_USER = /^[0-9a-f]{64}$/

/**
 * Reads a Principal or NotPrincipal element: `"*"` whole, or lists by type. No wildcard stands inside an ARN, and a
 * bare ARN without its type is refused.
 * @throws PolicySyntaxError
 */
export function parsePrincipal(written: JsonValue, path: string): PrincipalSet {
  if (written === '*') return { everyone: true, aws: [], service: [], federated: [], canonicalUser: [] }
  if (!isJsonObject(written)) {
    const found = typeof written === 'string' ? `"${written}"` : 'neither "*" nor an object'
    throw new PolicySyntaxError(`Invalid principal in policy.`, path, found)
  }
  if (written.size === 0)
    throw new PolicySyntaxError('Missing required field Principal', path, 'nobody is named')
  for (const type of written.keys()) {
    if (type !== 'AWS' && type !== 'Service' && type !== 'Federated' && type !== 'CanonicalUser') {
      throw new PolicySyntaxError(`Invalid principal type in policy: "${type}"`, path, `"${type}"`)
    }
  }
  const aws = readNames(written.get('AWS'), 'AWS', path, isAwsPrincipal)
  return {
    everyone: aws.includes('*'),
    aws: aws.filter((name) => name !== '*'),
    service: readNames(written.get('Service'), 'Service', path, (name) => SERVICE.test(name)),
    federated: readNames(written.get('Federated'), 'Federated', path, (name) => FEDERATED.test(name)),
    canonicalUser: readNames(written.get('CanonicalUser'), 'CanonicalUser', path, (name) =>
      CANONICAL_USER.test(name),
    ),
  }
}

function isAwsPrincipal(name: string): boolean {
  return (
    name === '*' || ACCOUNT.test(name) || IAM_ARN.test(name) || STS_ARN.test(name) || UNIQUE_ID.test(name)
  )
}

function readNames(
  written: JsonValue | undefined,
  type: string,
  path: string,
  isValid: (name: string) => boolean,
): readonly string[] {
  if (written === undefined) return []
  const list: readonly JsonValue[] = Array.isArray(written) ? written : [written]
  if (list.length === 0) throw new PolicySyntaxError(SYNTAX, `${path}.${type}`, 'an empty list')
  return list.map((name) => {
    if (typeof name !== 'string') throw new PolicySyntaxError(SYNTAX, `${path}.${type}`, 'not a string')
    if (isValid(name)) return name
    // AWS writes the type of all but AWS principals in capitals here.
    const label = type === 'AWS' ? type : type.toUpperCase()
    throw new PolicySyntaxError(
      `Invalid principal in policy: "${label}":"${name}"`,
      `${path}.${type}`,
      `"${name}"`,
    )
  })
}
