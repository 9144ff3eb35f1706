import { lintActions } from './lint-actions.ts'
import { lintConditions, lintVariables } from './lint-conditions.ts'
import type { Remark } from './lint.ts'
import { openIssuers } from './open-issuers.ts'
import type { Policy, Statement } from './policy.ts'
import type { ServiceReference } from './reference.ts'

/** What a statement is looked at with. */
export interface StatementView {
  readonly policy: Policy
  /** `Statement[2]`, or `Statement` where it is the only one. */
  readonly path: string
  readonly reference: ServiceReference
  /** How many names may still be held against all those of a service, for what was meant: each costs a millisecond. */
  readonly guesses: { left: number }
}

export function lintStatement(statement: Statement, view: StatementView): readonly Remark[] {
  return [
    ...lintActions(statement, view),
    ...lintConditions(statement, view),
    ...lintVariables(statement, view),
    ...lintAllowance(statement, view),
    ...lintFederation(statement, view),
  ]
}

/** Allows that give more than they seem to. */
function lintAllowance(statement: Statement, { policy, path }: StatementView): readonly Remark[] {
  const { effect, action, resource, principal, conditions } = statement
  if (effect !== 'Allow') return []
  const remarks: Remark[] = []
  const warn = (code: string, message: string, element: string): void => {
    remarks.push({ severity: 'WARNING', code, message, path: `${path}.${element}` })
  }
  if (action.negated) {
    warn(
      'AllowsAllBut',
      'Allow with NotAction allows every action of every service but those, also future ones',
      'NotAction',
    )
  }
  if (resource?.negated === true) {
    warn(
      'AllowsAllBut',
      'Allow with NotResource allows the actions on everything but those resources',
      'NotResource',
    )
  }
  if (principal?.negated === true) {
    warn(
      'AllowsAllBut',
      'Allow with NotPrincipal allows everybody else, anonymous callers among them',
      'NotPrincipal',
    )
  } else if (principal?.names.everyone === true && conditions.length === 0) {
    warn('EverybodyAllowed', 'It allows everybody, of every account, without a condition', 'Principal')
  }
  const passes = action.names.some((name) => /^(?:\*|iam:(?:\*|pass(?:\*|role)))$/i.test(name))
  const isOpen = resource !== undefined && !resource.negated && resource.names.includes('*')
  const isTied = conditions.some(({ key }) => key.toLowerCase() === 'iam:passedtoservice')
  if (!action.negated && passes && isOpen && !isTied && !action.names.includes('*')) {
    warn(
      'PassesEveryRole',
      'It allows passing every role to every service: name the roles, or the service in iam:PassedToService',
      'Action',
    )
  }
  if (policy.kind === 'vault') remarks.push(...lintVaultGrant(statement, path))
  return remarks
}

/** Across accounts a vault's access policy grants copying into it and nothing else, whatever it says. */
function lintVaultGrant({ principal, action }: Statement, path: string): readonly Remark[] {
  const others = action.names.filter((name) => name.toLowerCase() !== 'backup:copyintobackupvault')
  const accounts = new Set(
    (principal?.names.aws ?? []).map((name) => /^(?:arn:[^:]*:[^:]*::)?(\d{12})/.exec(name)?.[1] ?? ''),
  )
  if (others.length === 0 || accounts.size < 2) return []
  const message = `Other accounts can be allowed backup:CopyIntoBackupVault only; for them ${others.join(', ')} stays refused`
  return [{ severity: 'WARNING', code: 'GrantsNothing', message, path: `${path}.Action` }]
}

/** A trust in an OIDC issuer without a subject admits everybody who can get a token there. */
function lintFederation(statement: Statement, { policy, path }: StatementView): readonly Remark[] {
  if (policy.kind !== 'trust') return []
  return openIssuers(statement).map((issuer) => {
    const message = `No condition on ${issuer}:sub says whose tokens are meant: everybody who can get a token of ${issuer} may assume the role`
    return { severity: 'ERROR', code: 'OidcWithoutSubject', message, path: `${path}.Condition` }
  })
}
