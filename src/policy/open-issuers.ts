import type { Condition, Statement } from './policy.ts'

const OIDC_PROVIDER = /^arn:[^:]*:iam::\d{12}:oidc-provider\/(.+)$/

/**
 * The OpenID Connect issuers that an Allow of a trust policy trusts without asking whom they speak of: everybody who can get a token
 * there could assume the role. An issuer is named by its URL without the scheme.
 */
export function openIssuers({ effect, principal, conditions }: Statement): readonly string[] {
  if (effect !== 'Allow') return []
  const issuers = (principal?.names.federated ?? []).flatMap((name) => OIDC_PROVIDER.exec(name)?.[1] ?? [])
  return issuers.filter((issuer) => !conditions.some((condition) => namesSubject(condition, `${issuer}:sub`)))
}

function namesSubject({ key, operator, values }: Condition, wanted: string): boolean {
  return (
    key.toLowerCase() === wanted.toLowerCase() &&
    operator.comparison !== 'Null' &&
    !operator.negated &&
    !operator.ifExists &&
    operator.set !== 'ForAllValues' &&
    !values.some((value) => /^[*?]*$/.test(value))
  )
}
