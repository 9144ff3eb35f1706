import { parseRoleArn, roleArn } from '../access/identity-arns.ts'
import { InvalidInputException } from '../aws/generated/iam.ts'
import type {
  GetContextKeysForPolicyResponse,
  IamApi,
  SimulateCustomPolicyRequest,
  SimulatePolicyResponse,
  SimulatePrincipalPolicyRequest,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { contextOf } from '../policy/context.ts'
import { findRoleByName } from '../store/identity/identities.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { findVaultByArn } from '../store/vaults/vaults.ts'
import { on } from './conditions.ts'
import { anyResource } from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { actionsPerPage, MAX_RESOURCES } from './simulate-bounds.ts'
import { contextKeysOf, contextOfEntries } from './simulate-context.ts'
import { aggregate, isAssumption, simulate } from './simulate-decision.ts'
import type { Passing, SimulatedResource, Simulation } from './simulate-decision.ts'
import {
  policiesOfEntity,
  policiesOfInput,
  resourcePolicyOfInput,
  storedVaultPolicy,
  trustPolicyOf,
} from './simulate-policies.ts'
import type { SimulatedPolicy } from './simulate-policies.ts'
import {
  callerContext,
  callerNamed,
  callerOfEntity,
  entityNamed,
  unnamedCaller,
} from './simulate-principals.ts'

/**
 * AWS's policy simulator, deciding with the engine that decides here. Who simulates an entity needs the right on its ARN, for
 * whatever he is told lies in its policies.
 *
 * Beyond AWS: keys that follow from the caller and the server need not be given (`aws:username`, `aws:CurrentTime`, …; a context
 * entry wins over them), and sts:AssumeRole* on a role of the account is decided with that role's trust policy, which AWS's
 * simulator ignores. The latter needs iam:SimulatePrincipalPolicy on that role too, a caller, and no ResourcePolicy in its place.
 * Behind iam:PassRole with iam:PassedToService stands whether that service could assume the role, as `Role Trust Policy` among the
 * decision's details; and a vault of the account is asked by its own access policy.
 * Short of AWS: ResourceHandlingOption asks for no particular resources.
 */
export const simulation: Pick<
  Service<IamApi, Context>,
  | 'SimulatePrincipalPolicy'
  | 'SimulateCustomPolicy'
  | 'GetContextKeysForPrincipalPolicy'
  | 'GetContextKeysForCustomPolicy'
> = {
  SimulatePrincipalPolicy: { ...on(policySource), isCostly: true, handler: simulatePrincipalPolicy },
  SimulateCustomPolicy: { resource: anyResource, isCostly: true, handler: simulateCustomPolicy },
  GetContextKeysForPrincipalPolicy: {
    ...on(policySource),
    handler: async (ctx, input) => {
      const entity = await entityNamed(ctx, input.PolicySourceArn)
      const { identity, boundary } = await policiesOfEntity(ctx.store.db, entity)
      const given = policiesOfInput('PolicyInputList', input.PolicyInputList, 'inline')
      return keysMember([...identity, ...(boundary ?? []), ...given])
    },
  },
  GetContextKeysForCustomPolicy: {
    resource: anyResource,
    handler: async (_, input) =>
      keysMember(policiesOfInput('PolicyInputList', input.PolicyInputList, 'inline')),
  },
}

async function policySource(_: Context, input: { readonly PolicySourceArn: string }): Promise<string> {
  return input.PolicySourceArn
}

function keysMember(policies: readonly SimulatedPolicy[]): GetContextKeysForPolicyResponse {
  return { ContextKeyNames: contextKeysOf(policies) }
}

async function simulatePrincipalPolicy(
  ctx: Context,
  input: SimulatePrincipalPolicyRequest,
): Promise<SimulatePolicyResponse> {
  const entity = await entityNamed(ctx, input.PolicySourceArn)
  const own = await policiesOfEntity(ctx.store.db, entity, input.PolicyExclusionList)
  const isItself = input.CallerArn === undefined || input.CallerArn === entity.arn
  const caller = isItself ? await callerOfEntity(ctx, entity) : await callerNamed(ctx, input.CallerArn)
  return await simulateAll(ctx, `SimulatePrincipalPolicy ${entity.arn}`, input, {
    caller,
    identity: [...own.identity, ...policiesOfInput('PolicyInputList', input.PolicyInputList, 'inline')],
    // A boundary in the request stands in for the entity's own.
    boundary: givenBoundary(input) ?? own.boundary,
    organization: undefined,
    positions: new Map(),
  })
}

async function simulateCustomPolicy(
  ctx: Context,
  input: SimulateCustomPolicyRequest,
): Promise<SimulatePolicyResponse> {
  if (input.ResourcePolicy !== undefined && input.CallerArn === undefined) {
    throw new InvalidInputException(
      'CallerArn is required with ResourcePolicy: its Principal elements are matched with the caller',
    )
  }
  const caller = input.CallerArn === undefined ? unnamedCaller(ctx) : await callerNamed(ctx, input.CallerArn)
  const levels = input.OrderedOrganizationPolicyInputList?.map((level, index) => {
    const list = `OrderedOrganizationPolicyInputList.${index + 1}.ServiceControlPolicyInputList`
    return policiesOfInput(list, level.ServiceControlPolicyInputList, 'inline')
  })
  return await simulateAll(ctx, 'SimulateCustomPolicy', input, {
    caller,
    identity: policiesOfInput('PolicyInputList', input.PolicyInputList, 'inline'),
    boundary: givenBoundary(input),
    organization: levels,
    positions: new Map(),
  })
}

type SimulationInput = Omit<SimulateCustomPolicyRequest, 'PolicyInputList'>

function givenBoundary(input: SimulationInput): readonly SimulatedPolicy[] | undefined {
  const list = input.PermissionsBoundaryPolicyInputList
  if (list === undefined || list.length === 0) return undefined
  if (list.length > 1) {
    throw new InvalidInputException(
      `Cannot simulate ${list.length} permissions boundaries: an entity has one at most`,
    )
  }
  return policiesOfInput('PermissionsBoundaryPolicyInputList', list, 'boundary')
}

async function simulateAll(
  ctx: Context,
  list: string,
  input: SimulationInput,
  simulated: Simulation,
): Promise<SimulatePolicyResponse> {
  const { ActionNames } = input
  for (const action of ActionNames) checkAction(action)
  const resources = await resourcesOf(ctx, input, simulated)
  const { limit, after } = pageRequest(ctx, list, input)
  const from = Number(after?.[0] ?? 0)
  const until = from + Math.min(limit, actionsPerPage(simulated, resources))
  const EvaluationResults = ActionNames.slice(from, until).map((action) =>
    aggregate(
      action,
      resources.map((resource) => simulate(simulated, action, resource)),
    ),
  )
  const next = until < ActionNames.length ? [String(until)] : undefined
  return { EvaluationResults, ...pageMembers(ctx, list, next) }
}

function checkAction(action: string): void {
  if (!/^[A-Za-z0-9-]+:[A-Za-z0-9]+$/.test(action)) {
    throw new InvalidInputException(`Invalid action name "${action}": expected SERVICE:Operation`)
  }
}

async function resourcesOf(
  ctx: Context,
  input: SimulationInput,
  { caller }: Simulation,
): Promise<readonly SimulatedResource[]> {
  const given = input.ResourceArns ?? []
  const arns = given.length === 0 ? ['*'] : [...new Set(given)]
  if (arns.length > MAX_RESOURCES) {
    throw new InvalidInputException(
      `Cannot simulate ${arns.length} resources at once: at most ${MAX_RESOURCES} are taken. Ask in parts`,
    )
  }
  const policy =
    input.ResourcePolicy === undefined
      ? undefined
      : resourcePolicyOfInput(input.ResourcePolicy, kindOfResources(arns))
  const owner = ownerOf(input.ResourceOwner) ?? caller.principal.accountId
  const entries = contextOfEntries(input.ContextEntries)
  const asksTrust =
    policy === undefined && caller.principal.arn !== '' && input.ActionNames.some(isAssumption)
  const passedTo = Object.entries(entries).find(([key]) => key.toLowerCase() === 'iam:passedtoservice')?.[1]
  const asksPassing = input.ActionNames.some((action) => action.toLowerCase() === 'iam:passrole')
  const resources: SimulatedResource[] = []
  for (const arn of arns) {
    if (arn !== '*' && parseArn(arn) === undefined) {
      throw new InvalidInputException(`Invalid resource "${arn}": expected an ARN or "*"`)
    }
    const accountId = accountOf(arn) ?? owner
    const role = asksTrust ? await trustOf(ctx, arn) : undefined
    const context = contextOf({ ...callerContext(ctx, caller, accountId), ...role?.tags, ...entries })
    const passing =
      asksPassing && typeof passedTo === 'string' ? await passingOf(ctx, arn, passedTo) : undefined
    const ofVault = policy ?? (caller.principal.arn === '' ? undefined : await vaultPolicyOf(ctx, arn))
    resources.push({ arn, accountId, context, policy: ofVault, trust: role?.trust, passing })
  }
  return resources
}

/** Of role ARNs alone it is a trust policy, of backup vaults alone their access policy. */
function kindOfResources(arns: readonly string[]): 'resource' | 'trust' | 'vault' {
  if (arns.every((arn) => parseRoleArn(arn) !== undefined)) return 'trust'
  return arns.every((arn) => arn.includes(':backup-vault:')) ? 'vault' : 'resource'
}

function accountOf(arn: string): string | undefined {
  const accountId = parseArn(arn)?.accountId
  return accountId !== undefined && /^\d{12}$/.test(accountId) ? accountId : undefined
}

/** An account's id, or its root's ARN. */
function ownerOf(written: string | undefined): string | undefined {
  if (written === undefined) return undefined
  const accountId = /^(?:arn:aws:iam::)?(\d{12})(?::root)?$/.exec(written)?.[1]
  if (accountId === undefined) {
    throw new InvalidInputException(`Invalid ResourceOwner "${written}": expected the id of an account`)
  }
  return accountId
}

/**
 * The access policy of a vault of this account, to those who may read it: the gate asks it too. To others the simulation is one of
 * the identity's policies alone.
 */
async function vaultPolicyOf(ctx: Context, arn: string): Promise<SimulatedPolicy | undefined> {
  if (!arn.includes(':backup-vault:') || accountOf(arn) !== ctx.accountId) return undefined
  const vault = await findVaultByArn(ctx.store.db, arn)
  const policy = vault === undefined ? undefined : storedVaultPolicy(vault)
  if (policy === undefined) return undefined
  const { allowed } = await ctx.ask({ action: 'backup:GetBackupVaultAccessPolicy', resource: arn })
  return allowed ? policy : undefined
}

/** Told to those who may simulate the role too; it changes no decision, so nobody else is refused for it. */
async function passingOf(ctx: Context, arn: string, service: string): Promise<Passing | undefined> {
  const parsed = parseRoleArn(arn)
  if (parsed === undefined || parsed.accountId !== ctx.accountId) return undefined
  const row = await findRoleByName(ctx.store.db, ctx.accountId, parsed.name)
  if (row === undefined || roleArn(row) !== arn) return undefined
  const { allowed } = await ctx.ask({ action: 'iam:SimulatePrincipalPolicy', resource: arn })
  return allowed ? { trust: await trustPolicyOf(ctx.store.db, row), service } : undefined
}

interface RoleTrust {
  readonly trust: SimulatedPolicy
  readonly tags: Readonly<Record<string, string>>
}

/**
 * The trust policy of a role of this account. Another account's is not told from its absence: it is that account's to show.
 * @throws {AwsError} AccessDenied where the caller may not simulate the role, whether there is one or not.
 */
async function trustOf(ctx: Context, arn: string): Promise<RoleTrust | undefined> {
  const parsed = parseRoleArn(arn)
  if (parsed === undefined || parsed.accountId !== ctx.accountId) return undefined
  const tags: Record<string, string> = {}
  for (const [key, value] of Object.entries(await tagsOf(ctx.store.db, ctx.accountId, arn))) {
    tags[`aws:ResourceTag/${key}`] = value
    tags[`iam:ResourceTag/${key}`] = value
  }
  await ctx.authorize('iam:SimulatePrincipalPolicy', arn, tags)
  const row = await findRoleByName(ctx.store.db, ctx.accountId, parsed.name)
  if (row === undefined || roleArn(row) !== arn) return undefined
  return { trust: await trustPolicyOf(ctx.store.db, row), tags }
}
