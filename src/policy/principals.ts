import type { PrincipalView } from './decision.ts'
import type { Chosen, Effect, PolicyKind, PrincipalSet } from './policy.ts'

/**
 * How closely a resource policy names the caller. The closer, the less can limit what it grants in the same account
 * (IAM User Guide, "Determining whether a request is allowed or denied within an account"):
 *
 * | grade | named by | in the same account not limited by |
 * |---|---|---|
 * | ACCOUNT | account id or :root | grants nothing by itself, leaves it to the account's policies |
 * | ROLE | ARN or id of the role behind the session, or of the user behind a federated one | identity policies |
 * | USER | the user's ARN or id | identity policies, boundary |
 * | FULL | session ARN or id, federated user's ARN, service, `*`, NotPrincipal with Allow | those and the session policy |
 */
export const NOT_NAMED = 0
export const ACCOUNT = 1
export const ROLE = 2
export const USER = 3
export const FULL = 4
export type Grade = 0 | 1 | 2 | 3 | 4

/** How the statement names this principal; NOT_NAMED if it is not about it. */
export type PrincipalTest = (principal: PrincipalView, hasBoundary: boolean) => Grade

/**
 * Compiles Principal or NotPrincipal; a statement with neither is about nobody.
 *
 * A star in a trust policy lets everybody in who calls AWS, but neither services nor identities of outside providers: whoever
 * writes it means accounts, and AWS documents services and federation as named. A Deny with a star meets them, too.
 */
export function compilePrincipal(
  chosen: Chosen<PrincipalSet> | undefined,
  effect: Effect,
  kind: PolicyKind,
): PrincipalTest {
  if (chosen === undefined) return () => NOT_NAMED
  const index = indexOf(chosen.names)
  if (kind === 'trust' && effect === 'Allow' && index.everyone && !chosen.negated) {
    const named = { ...index, everyone: false }
    return (principal) => (isNamedOnly(principal) ? gradeOf(named, principal) : FULL)
  }
  if (!chosen.negated) return (principal) => gradeOf(index, principal)
  if (effect === 'Allow') return (principal) => (gradeOf(index, principal) === NOT_NAMED ? FULL : NOT_NAMED)
  // AWS spares a caller from a NotPrincipal Deny only if everything the caller is was listed, and never one with a boundary.
  return (principal, hasBoundary) => (!hasBoundary && isFullyListed(index, principal) ? NOT_NAMED : FULL)
}

function isNamedOnly({ kind }: PrincipalView): boolean {
  return kind === 'service' || kind === 'web-identity'
}

type PrincipalIndex = {
  readonly everyone: boolean
  readonly accounts: ReadonlySet<string>
  /** ARNs of users and sessions, and unique ids; compared exactly. */
  readonly exact: ReadonlySet<string>
  /** Roles as partition:account:name: a session's ARN does not have the role's path, and names are unique in an account. */
  readonly roles: ReadonlySet<string>
  readonly services: ReadonlySet<string>
  readonly federated: ReadonlySet<string>
}

function indexOf(names: PrincipalSet): PrincipalIndex {
  const accounts = new Set<string>()
  const exact = new Set<string>()
  const roles = new Set<string>()
  for (const name of names.aws) {
    const segments = name.split(':')
    if (segments.length === 1 && /^\d+$/.test(name)) accounts.add(name)
    else if (segments[5] === 'root') accounts.add(segments[4]!)
    else if (segments[2] === 'iam' && segments[5]?.startsWith('role/')) roles.add(roleKey(name))
    else exact.add(name)
  }
  const services = new Set(names.service)
  return { everyone: names.everyone, accounts, exact, roles, services, federated: new Set(names.federated) }
}

/** `arn:PARTITION:iam::ACCOUNT:role/PATH/NAME` as `PARTITION:ACCOUNT:NAME`. */
function roleKey(arn: string): string {
  const segments = arn.split(':')
  return `${segments[1]}:${segments[4]}:${arn.slice(arn.lastIndexOf('/') + 1)}`
}

/** The same of `arn:PARTITION:sts::ACCOUNT:assumed-role/NAME/SESSION`. */
function sessionRoleKey(arn: string): string {
  const segments = arn.split(':')
  return `${segments[1]}:${segments[4]}:${segments[5]?.split('/')[1]}`
}

function gradeOf(index: PrincipalIndex, principal: PrincipalView): Grade {
  if (index.everyone) return FULL
  switch (principal.kind) {
    case 'anonymous':
      return NOT_NAMED
    case 'service':
      return principal.service !== undefined && index.services.has(principal.service) ? FULL : NOT_NAMED
    case 'web-identity':
      return principal.provider !== undefined && index.federated.has(principal.provider) ? FULL : NOT_NAMED
    case 'root':
      return index.accounts.has(principal.accountId) ? ACCOUNT : NOT_NAMED
    case 'user':
      if (namesExactly(index, principal)) return USER
      break
    case 'federated-user':
      if (namesExactly(index, principal)) return FULL
      if (namesUserBehind(index, principal)) return ROLE
      break
    case 'assumed-role':
      if (namesExactly(index, principal)) return FULL
      if (namesRole(index, principal)) return ROLE
      break
  }
  return index.accounts.has(principal.accountId) ? ACCOUNT : NOT_NAMED
}

function namesExactly(index: PrincipalIndex, principal: PrincipalView): boolean {
  return index.exact.has(principal.arn) || index.exact.has(principal.uniqueId)
}

function namesRole(index: PrincipalIndex, principal: PrincipalView): boolean {
  if (principal.roleId !== undefined && index.exact.has(principal.roleId)) return true
  if (index.roles.size === 0) return false
  const key = principal.roleArn === undefined ? sessionRoleKey(principal.arn) : roleKey(principal.roleArn)
  return index.roles.has(key)
}

/** A Deny of a user holds for whoever he hands his rights to, else he would only have to call sts:GetFederationToken. */
function namesUserBehind(index: PrincipalIndex, { userArn, userId }: PrincipalView): boolean {
  return (
    (userArn !== undefined && index.exact.has(userArn)) || (userId !== undefined && index.exact.has(userId))
  )
}

function isFullyListed(index: PrincipalIndex, principal: PrincipalView): boolean {
  if (index.everyone) return true
  switch (principal.kind) {
    case 'anonymous':
      return false
    case 'service':
    case 'web-identity':
      return gradeOf(index, principal) === FULL
    case 'root':
      return index.accounts.has(principal.accountId)
    case 'user':
    case 'federated-user':
      return index.accounts.has(principal.accountId) && namesExactly(index, principal)
    case 'assumed-role':
      return (
        index.accounts.has(principal.accountId) &&
        namesRole(index, principal) &&
        namesExactly(index, principal)
      )
  }
}
