import type { LoginProfileTable } from '../store/identity/schema-credentials.ts'
import type { AccountTable } from '../store/schema.ts'

/** An account's rules for its users' passwords, under the names that IAM's API has for them. */
export interface PasswordPolicy {
  readonly MinimumPasswordLength: number
  readonly RequireSymbols: boolean
  readonly RequireNumbers: boolean
  readonly RequireUppercaseCharacters: boolean
  readonly RequireLowercaseCharacters: boolean
  readonly AllowUsersToChangePassword: boolean
  /** Days; undefined: passwords do not expire. */
  readonly MaxPasswordAge?: number | undefined
  /** So many of a user's last passwords, the present one among them, cannot be used again. */
  readonly PasswordReusePrevention?: number | undefined
  /** Whether an expired password can be changed by an administrator only. */
  readonly HardExpiry: boolean
}

/** Highest PasswordReusePrevention: so many are remembered, since a policy may come later. */
export const PASSWORDS_REMEMBERED = 24

const DAY_MS = 86_400_000
const DEFAULT_LENGTH = 8
/** Of upper case, lower case, digits and symbols. */
const DEFAULT_CLASSES = 3

const CLASSES = {
  RequireUppercaseCharacters: [/[A-Z]/, 'one uppercase letter'],
  RequireLowercaseCharacters: [/[a-z]/, 'one lowercase letter'],
  RequireNumbers: [/[0-9]/, 'one number'],
  RequireSymbols: [/[!@#$%^&*()_+\-=[\]{}|']/, 'one symbol'],
} as const

/** The policy that an account has set; undefined where AWS's default one holds. */
export function passwordPolicyOf(
  account: Pick<AccountTable, 'password_policy'> | undefined,
): PasswordPolicy | undefined {
  // Written by UpdateAccountPasswordPolicy alone, so its shape is known.
  return account?.password_policy == null
    ? undefined
    : (JSON.parse(account.password_policy) as PasswordPolicy)
}

/**
 * Why a password is refused, in AWS's words; undefined where it is not. Without a policy AWS asks for eight characters of three
 * classes (IAM User Guide, "Set an account password policy for IAM users").
 */
export function passwordFault(
  policy: PasswordPolicy | undefined,
  password: string,
  names: readonly string[],
): string | undefined {
  const length = policy?.MinimumPasswordLength ?? DEFAULT_LENGTH
  if (password.length < length) return `Password should have a minimum length of ${length}`
  const classes = Object.entries(CLASSES) as [keyof typeof CLASSES, (typeof CLASSES)[keyof typeof CLASSES]][]
  if (policy === undefined) {
    const found = classes.filter(([, [pattern]]) => pattern.test(password)).length
    if (found < DEFAULT_CLASSES)
      return `Password should have characters of at least ${DEFAULT_CLASSES} of: uppercase letters, lowercase letters, numbers, symbols`
    if (names.some((name) => name.toLowerCase() === password.toLowerCase()))
      return 'Password should not be the name of the account or the user'
  }
  const missing = classes.find(([rule, [pattern]]) => policy?.[rule] === true && !pattern.test(password))
  return missing === undefined ? undefined : `Password should have at least ${missing[1][1]}`
}

/** When a password must be changed, in milliseconds since 1970; undefined: never. */
export function passwordExpiry(
  policy: PasswordPolicy | undefined,
  profile: Pick<LoginProfileTable, 'changed_at'>,
): number | undefined {
  return policy?.MaxPasswordAge === undefined
    ? undefined
    : profile.changed_at + policy.MaxPasswordAge * DAY_MS
}
