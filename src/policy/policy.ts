import type { ConditionOperator } from './operators.ts'

/**
 * What a document is for; it decides which elements the grammar asks for and refuses.
 * `identity`: managed and inline policies and boundaries; `session`: policies passed to sts:AssumeRole and its like;
 * `trust`: a role's trust policy; `vault`: a backup vault's access policy; `resource`: any other resource policy.
 */
export type PolicyKind = 'identity' | 'resource' | 'trust' | 'session' | 'vault'

/** `2008-10-17` (also the meaning of an absent Version) leaves policy variables as literal text. */
export type PolicyVersion = '2008-10-17' | '2012-10-17'

export type Effect = 'Allow' | 'Deny'

/** Who a statement names. `everyone` is `"*"` or `{"AWS": "*"}`, which AWS treats alike. */
export type PrincipalSet = {
  readonly everyone: boolean
  /** Account ids, IAM and STS ARNs, and unique ids (AIDA…, AROA…, AROA…:session), as written. */
  readonly aws: readonly string[]
  readonly service: readonly string[]
  readonly federated: readonly string[]
  /** Canonical S3 users; kept so that a document round-trips, but nobody here has one. */
  readonly canonicalUser: readonly string[]
}

/** One operator applied to one key. Conditions of a statement are joined by AND, values by OR. */
export type Condition = {
  readonly operator: ConditionOperator
  /** As written; compared without regard to case. */
  readonly key: string
  readonly values: readonly string[]
}

/** A list of names, or everything but those names (NotAction, NotResource, NotPrincipal). */
export type Chosen<T> = { readonly negated: boolean; readonly names: T }

export type Statement = {
  readonly index: number
  readonly sid: string | undefined
  readonly effect: Effect
  readonly principal: Chosen<PrincipalSet> | undefined
  readonly action: Chosen<readonly string[]>
  /** Undefined in trust policies, whose resource is the role itself. */
  readonly resource: Chosen<readonly string[]> | undefined
  readonly conditions: readonly Condition[]
}

/** A checked policy document: what parsePolicy returns and compilePolicy takes. */
export type Policy = {
  readonly kind: PolicyKind
  readonly version: PolicyVersion
  readonly id: string | undefined
  readonly statements: readonly Statement[]
}
