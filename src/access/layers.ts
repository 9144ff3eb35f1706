import type { CompiledPolicy } from '../policy/compile.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { policiesOfIdentity } from '../store/identity/identities-attachments.ts'
import type { IdentityPolicies } from '../store/identity/identities-attachments.ts'
import { policyDocument } from '../store/identity/identities-policies.ts'
import { findRoleById, findUserById } from '../store/identity/identities.ts'
import type { Queryable } from '../store/store.ts'
import { compiledPolicy } from './compiled.ts'
import { groupArn, roleArn, userArn } from './identity-arns.ts'
import { managedPolicies } from './managed-policies.ts'
import type { Principal } from './principal.ts'

/**
 * The policies that bear on what a principal does, as they stand now. An identity that is gone has none and a boundary that
 * allows nothing; a policy or boundary that is gone allows nothing.
 */
export async function layersOf(db: Queryable, principal: Principal): Promise<PolicyLayers> {
  const { identityId } = principal
  const session = await sessionLayer(db, principal)
  if (identityId === undefined) {
    const identity = principal.kind === 'federated-user' ? [ROOT_RIGHTS] : []
    return session === undefined ? { identity } : { identity, session, ...strictness(principal) }
  }
  const isRole = principal.kind === 'assumed-role'
  const row = isRole ? await findRoleById(db, identityId) : await findUserById(db, identityId)
  if (row === undefined || row.account_id !== principal.accountId) return { identity: [], boundary: [] }
  const policies = await policiesOfIdentity(db, row.account_id, identityId)
  const ownArn = isRole ? roleArn(row) : userArn(row)
  return {
    identity: identityLayer(policies, new Map([[identityId, ownArn], ...groupArns(policies)])),
    ...(row.boundary_arn !== null && { boundary: await boundaryLayer(db, row.boundary_arn) }),
    ...(session !== undefined && { session, ...strictness(principal) }),
  }
}

/** Whoever the root user federates is held by his session policy alone, for root itself has every right. */
const ROOT_RIGHTS = compiledPolicy(
  '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
  'identity',
  { type: 'inline', name: 'rights of the root user' },
)

function groupArns(policies: IdentityPolicies): (readonly [string, string])[] {
  return policies.groups.map((group) => [group.group_id, groupArn(group)] as const)
}

function identityLayer(policies: IdentityPolicies, arns: ReadonlyMap<string, string>): CompiledPolicy[] {
  const managed = policies.managed.map((policy) =>
    compiledPolicy(policy.document, 'identity', {
      type: 'managed',
      arn: policy.arn,
      name: policy.name,
      attachedTo: arns.get(policy.attachedTo),
    }),
  )
  const builtIn = policies.builtIn.flatMap(({ arn, attachedTo }) => builtInLayer([arn], arns.get(attachedTo)))
  const inline = policies.inline.map((policy) =>
    compiledPolicy(policy.document, 'identity', {
      type: 'inline',
      name: policy.name,
      attachedTo: arns.get(policy.attachedTo),
    }),
  )
  return [...managed, ...builtIn, ...inline]
}

/** Built-in policies by their ARNs, as they are of whom they are attached to. */
export function builtInLayer(arns: readonly string[], attachedTo: string | undefined): CompiledPolicy[] {
  return arns.flatMap((arn) => {
    const policy = managedPolicies.get(arn)
    if (policy === undefined) return []
    const source = { type: 'managed', arn, name: policy.name, attachedTo } as const
    return [compiledPolicy(policy.document, 'identity', source)]
  })
}

async function boundaryLayer(db: Queryable, arn: string): Promise<CompiledPolicy[]> {
  const found = await managedDocument(db, arn)
  if (found === undefined) return []
  return [compiledPolicy(found.document, 'identity', { type: 'boundary', arn, name: found.name })]
}

function strictness({ keyLimits }: Principal): Pick<PolicyLayers, 'isSessionStrict'> {
  return keyLimits?.policy === undefined ? {} : { isSessionStrict: true }
}

/** What the session layer calls the policy of a limited access key. */
export function keyPolicyName(accessKeyId: string): string {
  return `policy of access key ${accessKeyId}`
}

/**
 * Undefined where neither the session nor its key carries policies; an ARN that no longer resolves takes away, it never gives.
 *
 * INVARIANT: a limited key makes no session that has policies of its own (sts/), since within one layer they would add up: were
 * there both, nothing is allowed.
 */
async function sessionLayer(db: Queryable, principal: Principal): Promise<CompiledPolicy[] | undefined> {
  const { policies, policyArns } = principal.session ?? {}
  const { keyLimits } = principal
  if (policies === undefined && policyArns === undefined) {
    if (keyLimits?.policy === undefined) return undefined
    const name = keyPolicyName(keyLimits.accessKeyId)
    return [compiledPolicy(keyLimits.policy, 'session', { type: 'session', name })]
  }
  if (keyLimits?.policy !== undefined) return []
  const layer = (policies ?? []).map((document) =>
    compiledPolicy(document, 'session', { type: 'session', name: 'session policy' }),
  )
  for (const arn of policyArns ?? []) {
    const found = await managedDocument(db, arn)
    if (found !== undefined) {
      layer.push(compiledPolicy(found.document, 'session', { type: 'session', arn, name: found.name }))
    }
  }
  return layer
}

/** The default version of a managed policy, built in or of a customer. */
export async function managedDocument(
  db: Queryable,
  arn: string,
): Promise<{ readonly name: string; readonly document: string } | undefined> {
  return managedPolicies.get(arn) ?? (await policyDocument(db, arn))
}
