import type { CompiledPolicy, StatementRef } from './compile.ts'
import type { ConditionContext } from './context.ts'

/** Who asks, as the policies see it. */
export type PrincipalView = {
  readonly kind:
    | 'root'
    | 'user'
    | 'assumed-role'
    | 'federated-user'
    | 'service'
    | 'web-identity'
    | 'anonymous'
  /** The session's ARN for assumed roles and federated users; empty for services and anonymous callers. */
  readonly arn: string
  /** Twelve digits; empty for services and anonymous callers, which belong to no account; of a web identity its provider's. */
  readonly accountId: string
  /** AIDA… for a user, AROA…:session for a role session, the account's id for root. */
  readonly uniqueId: string
  /** The role behind a session, with its path. */
  readonly roleArn?: string | undefined
  /** That role's AROA… id. */
  readonly roleId?: string | undefined
  /** The user behind a federated user, and his AIDA… id; absent where it is the root user. */
  readonly userArn?: string | undefined
  readonly userId?: string | undefined
  /** The service's principal name, such as `backup.amazonaws.com`. */
  readonly service?: string | undefined
  /** The ARN of the identity provider that vouches for a web identity. */
  readonly provider?: string | undefined
}

/** One question: may this principal do this action on this resource, under these circumstances? */
export type AuthorizationRequest = {
  readonly principal: PrincipalView
  /** `service:Operation`, in any case. */
  readonly action: string
  /** An ARN, or `*` for actions that have no resource. */
  readonly resource: string
  /** Whose resource it is; the principal's own account if absent. */
  readonly resourceAccountId?: string | undefined
  readonly context: ConditionContext
}

/**
 * The policies that bear on a request. An absent boundary or session limits nothing; an empty one allows nothing. A
 * federated user without a session policy has no rights of its own at all.
 */
export type PolicyLayers = {
  readonly identity: readonly CompiledPolicy[]
  readonly boundary?: readonly CompiledPolicy[] | undefined
  readonly session?: readonly CompiledPolicy[] | undefined
  /** The session layer holds the policy of an access key, which no naming in a resource policy escapes. */
  readonly isSessionStrict?: boolean | undefined
  /** The policy on the resource, such as a vault's access policy. */
  readonly resource?: CompiledPolicy | undefined
  /** The trust policy of the role that is the resource of an sts:AssumeRole* request; it must name the principal. */
  readonly trust?: CompiledPolicy | undefined
}

/** The layer that settled a decision; a trust policy counts as the resource's. */
export type DecisionLayer = 'root' | 'identity' | 'resource' | 'boundary' | 'session'

export type Decision = {
  readonly allowed: boolean
  readonly effect: 'Allow' | 'ImplicitDeny' | 'ExplicitDeny'
  readonly layer: DecisionLayer
  /** What decided: every matching Deny of any layer, or every Allow that carried the request; empty if none did. */
  readonly statements: readonly StatementRef[]
  /** AWS's words, to follow "… is not authorized to perform: ACTION on resource: ARN "; for an Allow our own. */
  readonly reason: string
}

/** A statement whose action matched but which did not apply, and why not. */
export type NearMiss = {
  readonly statement: StatementRef
  readonly layer: DecisionLayer
  /** The first element that failed, in this order. */
  readonly failed: 'principal' | 'resource' | 'condition'
  /** For people: what the statement asks for and what the request had. Names keys; shows no policy but the statement. */
  readonly detail: string
}

/** A decision with the statements that came close. */
export type Explanation = Decision & { readonly near: readonly NearMiss[] }
