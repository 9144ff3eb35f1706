/**
 * Who calls: what an access key or session token stands for after its signature was verified. `arn` is what refusals and
 * records name; `uniqueId` is what policies and rows hold to, since names can be given again to somebody else.
 */
export interface Principal {
  readonly kind: 'root' | 'user' | 'assumed-role' | 'federated-user' | 'service'
  readonly accountId: string
  /**
   * `arn:aws:iam::A:root`, `…:user/PATH/NAME`, `arn:aws:sts::A:assumed-role/ROLE/SESSION`, `arn:aws:sts::A:federated-user/NAME`,
   * or the service's name.
   */
  readonly arn: string
  /** The account id for root, AIDA… for users, `AROA…:SESSION` for role sessions, `A:NAME` for federated users (`aws:userid`). */
  readonly uniqueId: string
  /**
   * Unique id of the identity whose policies apply: AIDA… or AROA…; undefined for root, whoever root federates, and services. A
   * federated user has those of the user who called for him.
   */
  readonly identityId?: string | undefined
  /** `aws:username`; users only. */
  readonly userName?: string | undefined
  /** ARN of the role behind a session, with its path. */
  readonly roleArn?: string | undefined
  /** ARN of the user behind a federated one. */
  readonly userArn?: string | undefined
  readonly service?: string | undefined
  /** Tags of the identity or, over them, of the session: `aws:PrincipalTag/KEY`. */
  readonly tags: Readonly<Record<string, string>>
  readonly session?: SessionFacts | undefined
  readonly accessKeyId?: string | undefined
  /** Of a user: what the key that signed, or that his session was made with, is held to. */
  readonly keyLimits?: KeyLimits | undefined
}

/** What records and explanations need of a principal. */
export type Caller = Pick<Principal, 'accountId' | 'arn' | 'uniqueId'>

/** Limits of one long-term key. They only ever take away, and end with nothing but the key. */
export interface KeyLimits {
  readonly accessKeyId: string
  /** Milliseconds since 1970: neither the key nor a session made with it opens anything from then on. */
  readonly expiresAt?: number | undefined
  /** A policy document that every action must be allowed by, too, like a session policy. */
  readonly policy?: string | undefined
}

/** What a session adds to the identity it stands for. */
export interface SessionFacts {
  readonly name: string
  /** Milliseconds since 1970. */
  readonly issuedAt: number
  readonly expiresAt: number
  /** When the access key at the beginning of the chain ends: no session that comes of it lasts longer. */
  readonly endsWithKeyAt?: number | undefined
  /** Session policy documents, and ARNs of managed policies used as such; undefined where none were given. */
  readonly policies?: readonly string[] | undefined
  readonly policyArns?: readonly string[] | undefined
  readonly transitiveTagKeys?: readonly string[] | undefined
  readonly sourceIdentity?: string | undefined
  /** `aws:MultiFactorAuthPresent`; undefined where the key is absent (long-term keys). */
  readonly mfaAuthenticated?: boolean | undefined
  /** When the second factor was given: `aws:MultiFactorAuthAge` counts from there. Milliseconds since 1970. */
  readonly mfaAt?: number | undefined
  /** Of a person who signed in: it may call IAM as a console does, has a row, and can be ended. */
  readonly isSignedIn?: boolean | undefined
  /** Of a session that was made with the token of an identity provider. */
  readonly federated?: FederatedFacts | undefined
  /** Made by a role session: a chained one may last an hour at most. */
  readonly isChained?: boolean | undefined
}

/** What is known of somebody for whom an identity provider vouched. */
export interface FederatedFacts {
  /** The provider's ARN: `aws:FederatedProvider`. */
  readonly provider: string
  /** Condition keys from his token: `PROVIDER:aud`, `PROVIDER:sub`, `PROVIDER:amr`. */
  readonly keys: Readonly<Record<string, string | readonly string[]>>
}
