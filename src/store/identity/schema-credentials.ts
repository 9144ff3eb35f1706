import type { Millis } from '../schema.ts'

/** Tables of people's passwords and MFA devices, their signing in, and the report on all of it. */

/** The password of a user. */
export interface LoginProfileTable {
  user_id: string
  account_id: string
  /** Hashed, then sealed under the server's key, bound to the user id. */
  password: string
  created_at: Millis
  changed_at: Millis
  /** 1: the next sign-in must set another. */
  reset_required: number
}

/** A password that a user has or had, kept as the present one is. */
export interface PasswordHistoryTable {
  user_id: string
  /** Counts up with each new password. */
  number: number
  password: string
}

export interface MfaDeviceTable {
  /** Its ARN. */
  serial_number: string
  account_id: string
  /** Null while it is nobody's. */
  user_id: string | null
  /** Base32, sealed under the server's key, bound to the serial number. */
  seed: string
  created_at: Millis
  enabled_at: Millis | null
  /** Time steps that the device's clock is ahead of the server's. */
  drift: number
  /** Time step of the last code that was taken: it and all before it are used up. */
  last_step: number
}

export interface SignInSessionTable {
  /** ASIA… */
  access_key_id: string
  account_id: string
  /** AIDA… of a user, or AROA… of the role that somebody works under who signed in with a provider. */
  user_id: string
  created_at: Millis
  expires_at: Millis
  source_ip: string | null
  mfa: number
  /** Set when it was signed out or revoked. */
  ended_at: Millis | null
  /** Of a session under a role; null for users. */
  session_name: string | null
}

export interface BackOffTable {
  /** What is held back: an address, a user name, a device. */
  subject: string
  failures: number
  last_at: Millis
  blocked_until: Millis
}

export interface CredentialReportTable {
  account_id: string
  generated_at: Millis
  /** CSV. */
  content: string
}

/** An identity provider that people may sign in with. */
export interface SignInProviderTable {
  account_id: string
  /** The issuer without its scheme. */
  url: string
  client_id: string
  /** Sealed under the server's key, bound to account and url; null where the client keeps none. */
  client_secret: string | null
  /** AROA… of the role that whoever signs in works under. */
  role_id: string
  /** List of texts. */
  redirect_uris: string
  created_at: Millis
}

/** A sign-in that was finished, or tried to be: it cannot be again. */
export interface SignInFinishedTable {
  id: string
  expires_at: Millis
}

/** What identities last used, as it was found. */
export interface AccessReportTable {
  account_id: string
  job_id: string
  granularity: 'SERVICE_LEVEL' | 'ACTION_LEVEL'
  created_at: Millis
  /** JSON. */
  content: string
}
