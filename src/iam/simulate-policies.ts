import { groupArn } from '../access/identity-arns.ts'
import { compiledPolicy, compiledTrustPolicy, textOf } from '../access/compiled.ts'
import { managedDocument } from '../access/layers.ts'
import { managedPolicies } from '../access/managed-policies.ts'
import { ownPasswordPolicy } from '../access/own-password.ts'
import { showPrincipals } from '../access/principal-ids.ts'
import { InvalidInputException } from '../aws/generated/iam.ts'
import type { PolicyIdentifier, Statement } from '../aws/generated/iam.ts'
import { compilePolicy } from '../policy/compile.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { parsePolicy, PolicySyntaxError } from '../policy/parse.ts'
import { placeOfError } from '../policy/positions.ts'
import type { PolicyKind } from '../policy/policy.ts'
import { policiesOfIdentity } from '../store/identity/identities-attachments.ts'
import type { RoleTable, VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import type { SimulatedEntity } from './simulate-principals.ts'

/** A policy that takes part in a simulation, with the text that positions of its statements refer to. */
export interface SimulatedPolicy {
  readonly compiled: CompiledPolicy
  readonly document: string
  /** `SourcePolicyId`: a stored policy's name, `PolicyInputList.1`, … or `ResourcePolicy`. */
  readonly id: string
  /**
   * `SourcePolicyType` by AWS's model: of an inline policy what it is on, of one given in the request `none`. (AWS's own answers
   * hold "IAM Policy" there, which its model does not know.)
   */
  readonly type: NonNullable<Statement['SourcePolicyType']>
  /** Below Version 2012-10-17 `${…}` is text. */
  readonly hasVariables: boolean
}

/** Identity policies and boundary of a user (with his groups), a group or a role; no boundary limits nothing. */
export interface EntityPolicies {
  readonly identity: readonly SimulatedPolicy[]
  readonly boundary: readonly SimulatedPolicy[] | undefined
}

/** The policies that bear on an entity, as access/layers.ts finds them, less those that `exclusions` name. */
export async function policiesOfEntity(
  db: Queryable,
  entity: SimulatedEntity,
  exclusions: readonly PolicyIdentifier[] = [],
): Promise<EntityPolicies> {
  for (const exclusion of exclusions) checkExclusion(exclusion)
  const { accountId, id, boundaryArn } = entity
  const found = await policiesOfIdentity(db, accountId, id)
  const holders = new Map<string, Holder>([
    [id, { kind: entity.kind, name: entity.name, arn: entity.arn }],
    ...found.groups.map(
      (group) => [group.group_id, { kind: 'group', name: group.name, arn: groupArn(group) }] as const,
    ),
  ])
  const isKept = (candidate: Candidate): boolean =>
    !exclusions.some((exclusion) => isExcluded(candidate, exclusion))
  const managed = [
    ...found.managed,
    ...found.builtIn.flatMap(({ arn, attachedTo }) => {
      const policy = managedPolicies.get(arn)
      return policy === undefined ? [] : [{ arn, name: policy.name, document: policy.document, attachedTo }]
    }),
  ].map((policy): Candidate => ({ ...policy, holder: holders.get(policy.attachedTo) as Holder }))
  const inline = found.inline.map((policy): Candidate => ({
    ...policy,
    holder: holders.get(policy.attachedTo) as Holder,
  }))
  const identity = [
    ...[...managed, ...inline].filter(isKept).map(stored),
    ...(entity.kind === 'user' ? await grantedByAccount(db, entity) : []),
  ]
  if (boundaryArn === undefined || exclusions.some((each) => excludesBoundary(boundaryArn, each))) {
    return { identity, boundary: undefined }
  }
  // A boundary that is gone allows nothing.
  const boundary = await managedDocument(db, boundaryArn)
  return { identity, boundary: boundary === undefined ? [] : [storedBoundary(boundaryArn, boundary)] }
}

/** What the account's password policy lets each user do, as the gate adds it to his own policies. */
async function grantedByAccount(
  db: Queryable,
  { accountId, arn, id: uniqueId }: SimulatedEntity,
): Promise<readonly SimulatedPolicy[]> {
  const user = { kind: 'user', accountId, arn, uniqueId, tags: {} } as const
  const compiled = await ownPasswordPolicy(db, user, 'iam:ChangePassword')
  const text = compiled === undefined ? undefined : textOf(compiled)
  if (compiled === undefined || text === undefined) return []
  return [{ compiled, document: text.document, id: compiled.source.name, type: 'none', hasVariables: true }]
}

interface Holder {
  readonly kind: 'user' | 'group' | 'role'
  readonly name: string
  readonly arn: string
}

interface Candidate {
  /** Undefined for inline policies. */
  readonly arn?: string
  readonly name: string
  readonly document: string
  readonly holder: Holder
}

function stored({ arn, name, document, holder }: Candidate): SimulatedPolicy {
  const attachedTo = holder.arn
  if (arn === undefined) {
    const compiled = compiledPolicy(document, 'identity', { type: 'inline', name, attachedTo })
    return { compiled, document, id: name, type: holder.kind, hasVariables: hasVariables(document) }
  }
  const compiled = compiledPolicy(document, 'identity', { type: 'managed', arn, name, attachedTo })
  return { compiled, document, id: name, type: managedType(arn), hasVariables: hasVariables(document) }
}

function storedBoundary(
  arn: string,
  { name, document }: { readonly name: string; readonly document: string },
): SimulatedPolicy {
  const compiled = compiledPolicy(document, 'identity', { type: 'boundary', arn, name })
  return { compiled, document, id: name, type: managedType(arn), hasVariables: hasVariables(document) }
}

/** The trust policy of a role, with the text that GetRole shows: principals by ARN. */
/** A vault's access policy as the gate asks it; its positions are those of the stored text, whose principals are unique ids. */
export function storedVaultPolicy({
  access_policy: document,
  arn,
  name,
}: VaultTable): SimulatedPolicy | undefined {
  if (document === null) return undefined
  const compiled = compiledPolicy(document, 'vault', { type: 'resource', arn, name })
  return { compiled, document, id: name, type: 'resource', hasVariables: hasVariables(document) }
}

export async function trustPolicyOf(db: Queryable, role: RoleTable): Promise<SimulatedPolicy> {
  const document = await showPrincipals(db, role.trust_policy)
  const compiled = compiledTrustPolicy(role)
  return { compiled, document, id: role.name, type: 'resource', hasVariables: hasVariables(document) }
}

/** Of a document that was parsed as a policy before. */
function hasVariables(document: string): boolean {
  return (JSON.parse(document) as { readonly Version?: string }).Version === '2012-10-17'
}

function managedType(arn: string): 'aws-managed' | 'user-managed' {
  return isBuiltIn(arn) ? 'aws-managed' : 'user-managed'
}

function isBuiltIn(arn: string): boolean {
  return arn.startsWith('arn:aws:iam::aws:policy/')
}

/**
 * Reads policies that came with the request, `LIST.1` and so on.
 * @throws {InvalidInputException} With the place of what the grammar refuses.
 */
export function policiesOfInput(
  list: string,
  documents: readonly string[] | undefined,
  source: 'inline' | 'boundary',
): readonly SimulatedPolicy[] {
  return (documents ?? []).map((document, index) => {
    const id = `${list}.${index + 1}`
    return { ...givenPolicy(document, id, 'identity', source), type: 'none' }
  })
}

/** The request's ResourcePolicy, in the grammar of what it is said to be on. */
export function resourcePolicyOfInput(
  document: string,
  kind: 'resource' | 'trust' | 'vault',
): SimulatedPolicy {
  const source = kind === 'trust' ? 'trust' : 'resource'
  return { ...givenPolicy(document, 'ResourcePolicy', kind, source), type: 'resource' }
}

function givenPolicy(
  document: string,
  id: string,
  kind: PolicyKind,
  type: 'inline' | 'boundary' | 'resource' | 'trust',
): Omit<SimulatedPolicy, 'type'> {
  try {
    const policy = parsePolicy(document, kind)
    const compiled = compilePolicy(policy, { type, name: id })
    return { compiled, document, id, hasVariables: policy.version === '2012-10-17' }
  } catch (error) {
    if (!(error instanceof PolicySyntaxError)) throw error
    const { Line, Column } = placeOfError(document, error)
    const where = `${error.path === '' ? id : `${id}, ${error.path}`}, line ${Line}, column ${Column}`
    throw new InvalidInputException(`Cannot read the policy ${where}: ${error.message} (${error.detail})`)
  }
}

function checkExclusion({ PolicyType, PolicyArn, InlinePolicyIdentifier }: PolicyIdentifier): void {
  if (PolicyType === undefined && PolicyArn === undefined && InlinePolicyIdentifier === undefined) {
    throw new InvalidInputException(
      'Cannot exclude a policy that is not named: give PolicyType, PolicyArn or InlinePolicyIdentifier',
    )
  }
  if (PolicyArn !== undefined && !/^arn:aws:iam::(?:aws|\d{12}):policy\/[^*?]+$/.test(PolicyArn)) {
    throw new InvalidInputException(`ARN ${PolicyArn} is not valid.`)
  }
}

/** Whether an exclusion is about a policy; kinds that no account has here (SCPs, RCPs) are about none. */
function isExcluded({ arn, name, holder }: Candidate, exclusion: PolicyIdentifier): boolean {
  const { PolicyType, PolicyArn, InlinePolicyIdentifier: inline } = exclusion
  const type = arn === undefined ? 'inline' : managedType(arn)
  if (PolicyType !== undefined && PolicyType !== type) return false
  if (PolicyArn !== undefined && PolicyArn !== arn) return false
  if (inline === undefined) return true
  return (
    arn === undefined &&
    inline.PolicyName === name &&
    inline.AttachmentType === holder.kind &&
    inline.AttachmentName.toLowerCase() === holder.name.toLowerCase()
  )
}

/** A boundary is excluded as such only: the same policy may be attached as well. */
function excludesBoundary(boundaryArn: string, exclusion: PolicyIdentifier): boolean {
  const { PolicyType, PolicyArn } = exclusion
  return PolicyType === 'permission-boundary' && (PolicyArn === undefined || PolicyArn === boundaryArn)
}
