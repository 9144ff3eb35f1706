import type { CompiledPolicy } from '../policy/compile.ts'
import { compilePolicy } from '../policy/compile.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { literalPattern } from '../policy/pattern.ts'
import type { Policy, Statement } from '../policy/policy.ts'
import { compiledPolicy } from './compiled.ts'

/** What the session policy is called in decisions. Nobody can widen it. */
export const JOB_SCOPE = 'scope of the job'

/** What one job is about: its session can touch nothing else, whatever its role could. */
export interface JobScope {
  readonly resourceArn: string
  readonly recoveryPointArn: string
  readonly backupVaultArn: string
  /** Of a copy: the vault that it goes to. */
  readonly destinationVaultArn?: string | undefined
  /** Of a restore: what it makes or fills. */
  readonly targetArn?: string | undefined
  /** Of a restore: the resource whose connection leads to the target. */
  readonly throughArn?: string | undefined
  /** Of a restore test's validation: the users that a restored database is read as. */
  readonly userArns?: readonly string[] | undefined
}

/**
 * The session policy of a job: every action, but only on the job's own resource (and what lies inside it), recovery point, vault
 * and target. The role's policies decide the actions; this one keeps a wide role from reaching past its job.
 */
export function jobScopePolicy(scope: JobScope): CompiledPolicy {
  const document = {
    Version: '2012-10-17',
    Statement: [{ Sid: SID, Effect: 'Allow', Action: '*', Resource: resourcesOf(scope) }],
  }
  return compiledPolicy(JSON.stringify(document), 'session', { type: 'session', name: JOB_SCOPE })
}

/**
 * The same policy for a look at a job that does not run: neither its text nor its compiled form is kept, since a preflight makes
 * thousands of them.
 */
export function jobScopePreview(scope: JobScope): CompiledPolicy {
  const statement: Statement = {
    index: 0,
    sid: SID,
    effect: 'Allow',
    principal: undefined,
    action: { negated: false, names: ['*'] },
    resource: { negated: false, names: resourcesOf(scope) },
    conditions: [],
  }
  const policy: Policy = { kind: 'session', version: '2012-10-17', id: undefined, statements: [statement] }
  return compilePolicy(policy, { type: 'session', name: JOB_SCOPE })
}

/** Policies that decide what a job does on a resource. */
export interface JobLayers {
  on(resource: string): PolicyLayers
}

/** Access policies of the vaults that a job works in. */
export interface JobVaultPolicies {
  readonly ofVault: CompiledPolicy | undefined
  /** Of a copy. */
  readonly ofDestination?: CompiledPolicy | undefined
  /** Of the encryption keys that they are under, by ARN. */
  readonly ofKeys: ReadonlyMap<string, CompiledPolicy>
}

/**
 * What a job is decided by: the layers of its role, its scope as session policy, and the access policy of its vault; on the vault that
 * a copy goes to, that one's, and on an encryption key the grants on it.
 */
export function jobLayers(
  role: PolicyLayers,
  scope: CompiledPolicy,
  { ofVault, ofDestination, ofKeys }: JobVaultPolicies,
  destinationVaultArn: string | undefined,
): JobLayers {
  const own = { ...role, session: [scope] }
  const inVault = ofVault === undefined ? own : { ...own, resource: ofVault }
  const inDestination = ofDestination === undefined ? own : { ...own, resource: ofDestination }
  const onKeys = new Map([...ofKeys].map(([keyArn, grants]) => [keyArn, { ...own, resource: grants }]))
  return {
    on: (resource) => onKeys.get(resource) ?? (resource === destinationVaultArn ? inDestination : inVault),
  }
}

const SID = 'ThisJobOnly'

function resourcesOf(scope: JobScope): readonly string[] {
  // Names may hold wildcard characters; in the scope they mean themselves.
  const resources = new Set<string>()
  for (const arn of [scope.resourceArn, scope.targetArn]) {
    if (arn === undefined) continue
    resources.add(literalPattern(arn))
    resources.add(`${literalPattern(arn)}/*`)
  }
  // Itself and nothing inside it: its server is used, not its content.
  if (scope.throughArn !== undefined) resources.add(literalPattern(scope.throughArn))
  for (const arn of scope.userArns ?? []) resources.add(literalPattern(arn))
  resources.add(literalPattern(scope.recoveryPointArn))
  resources.add(literalPattern(scope.backupVaultArn))
  if (scope.destinationVaultArn !== undefined) resources.add(literalPattern(scope.destinationVaultArn))
  return [...resources]
}
